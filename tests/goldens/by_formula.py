"""What scripts of several folders share: numbers by formula, and gradients in brief. The same stand in the tests.

Weights and input are formulas of a tensor's name and an entry's number, so that they need not be kept; a gradient is kept
as its norm and 16 random projections of it, to which every entry counts: the mean square of the projections of a
difference estimates its squared norm.
"""
import numpy as np
import torch


def bits(name, count):
    """64 random bits an entry: SplitMix64 from a start that the name gives."""
    start = np.uint64(0)
    with np.errstate(over="ignore"):
        for byte in name.encode():
            start = start * np.uint64(31) + np.uint64(byte)
        z = (start << np.uint64(32)) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def noise(name, shape):
    """Uniform in -1..1."""
    unit = (bits(name, int(np.prod(shape))) >> np.uint64(40)).astype(np.float64) / 2.0**23 - 1.0
    return torch.from_numpy(unit).reshape(shape)


def shortened(number, digits):
    return float(f"{number:.{digits}g}")


def sketch(name, tensor, digits):
    """The norm, and the projections on 16 random vectors of signs, with so many digits."""
    entries, signs = tensor.detach().numpy().ravel(), bits(name + "?", tensor.numel())
    projected = [float(entries @ np.where(signs >> np.uint64(i) & np.uint64(1), 1.0, -1.0)) for i in range(16)]
    return {
        "norm": shortened(np.linalg.norm(entries), digits),
        "projections": [shortened(p, digits) for p in projected],
    }
