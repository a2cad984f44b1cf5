"""What the scripts of this folder share: a golden of an encoder of speech, and how weights are made by formula.

A golden holds, for a batch of two clips: all hidden states, the last one as the model gives it, and of a loss over the clips' own
frames every gradient in brief. Weights, waveforms and the loss' coefficients are formulas of names (`by_formula`). Networks
compute in f64, so that the rounding is that of one side alone.
"""
import json
import pathlib
import sys

import numpy as np
import torch

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import by_formula  # noqa: E402
from by_formula import noise  # noqa: E402

DIGITS, GRADIENT_DIGITS = 7, 5


def weight(name, shape):
    if name.endswith("weight_g") or (len(shape) == 1 and name.endswith("weight")):
        return 1.0 + noise(name, shape) / 2.0
    if len(shape) > 1:
        return noise(name, shape) / np.sqrt(np.prod(shape[1:]))
    return noise(name, shape) / 4.0


def short(name):
    """The name without what checkpoints differ in."""
    return name.replace("parametrizations.weight.original0", "weight_g").replace(
        "parametrizations.weight.original1", "weight_v")


def fill(net):
    """Gives a network the weights of the formula."""
    with torch.no_grad():
        for name, tensor in net.named_parameters():
            tensor.copy_(weight(short(name), tuple(tensor.shape)).float())
    return net.double().eval()


def waveforms(samples, lengths):
    xs = noise("input", (2, samples)).float().double()
    return xs * (torch.arange(samples) < torch.tensor(lengths)[:, None])


def numbers(tensor):
    values = [by_formula.shortened(number, DIGITS) for number in tensor.flatten().tolist()]
    return {"shape": list(tensor.shape), "values": values}


def golden(case, config, samples, lengths, frames, states, last, parameters):
    """`frames` are each clip's own; `parameters` those of the encoder by name."""
    coefficients = noise("loss", tuple(last.shape)).float().double()
    loss = sum((row * by)[:count].sum() for row, by, count in zip(last, coefficients, frames))
    loss.backward()
    gradients = {
        name: by_formula.sketch(short(name), p.grad, GRADIENT_DIGITS) for name, p in parameters.items() if p.grad is not None
    }
    return {
        "case": case, "config": config, "samples": samples, "lengths": lengths, "frames": frames,
        "hidden_states": [numbers(state) for state in states], "last": numbers(last),
        "parameters": {name: list(p.shape) for name, p in parameters.items()}, "gradients": gradients,
    }


def write(file, cases):
    text = "[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]\n"
    pathlib.Path(__file__).with_name(file).write_text(text)
