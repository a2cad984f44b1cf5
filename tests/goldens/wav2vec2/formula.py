"""What the scripts of this folder share: weights, inputs and sketches of gradients, by formula. The same stand in the tests.

Weights and input are formulas of a tensor's name and an entry's number, so that they need not be kept; a gradient is kept
as its norm and 16 random projections of it, to which every entry counts: the mean square of the projections of a
difference estimates its squared norm.
"""
import numpy as np
import torch

SAMPLES = 240
PADDED = [240, 170]
SMALL = {
    "vocab_size": 5, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24,
    "conv_dim": [8, 8, 12], "conv_stride": [5, 2, 2], "conv_kernel": [10, 3, 2], "num_conv_pos_embedding_groups": 4,
    "classifier_proj_size": 10,
}
POST_NORM = SMALL | {
    "feat_extract_norm": "group", "conv_bias": False, "do_stable_layer_norm": False, "num_conv_pos_embeddings": 6,
}
PRE_NORM = SMALL | {
    "feat_extract_norm": "layer", "conv_bias": True, "do_stable_layer_norm": True, "num_conv_pos_embeddings": 7,
    "hidden_act": "relu",
}


def bits(name, count):
    """64 random bits an entry: SplitMix64 from a start that the name gives. The same function stands in the test."""
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


def weight(name, shape):
    if name.endswith("weight_g") or (len(shape) == 1 and name.endswith("weight")):
        return 1.0 + noise(name, shape) / 2.0
    if len(shape) > 1:
        return noise(name, shape) / np.sqrt(np.prod(shape[1:]))
    return noise(name, shape) / 4.0


def short(name):
    """The name without what checkpoints differ in."""
    name = name.removeprefix("wav2vec2.")
    return name.replace("parametrizations.weight.original0", "weight_g").replace(
        "parametrizations.weight.original1", "weight_v")


def sketch(name, tensor):
    """The norm, and the projections on 16 random vectors of signs."""
    entries, signs = tensor.detach().numpy().ravel(), bits(name + "?", tensor.numel())
    projected = [float(entries @ np.where(signs >> np.uint64(i) & np.uint64(1), 1.0, -1.0)) for i in range(16)]
    return {"norm": shortened(np.linalg.norm(entries)), "projections": [shortened(p) for p in projected]}


def shortened(number):
    return float(f"{number:.8g}")


def numbers(tensor):
    return {"shape": list(tensor.shape), "values": [shortened(number) for number in tensor.flatten().tolist()]}
