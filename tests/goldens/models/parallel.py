"""Golden of affekt-models' two CNNs (B2) and two CNNs beside a transformer (B3) at their true size: logits, loss and
every gradient of the same network in PyTorch.

Made with Python 3.11, numpy 2.4.6 and torch 2.11.0 (CPU).   Run:  python parallel.py
The networks are written as published (ReLU before the pool, time brought to the channels' place by a permuted copy),
but for the encoder, which attends over time, and without dropout, which is random. They compute in f64, so that the
rounding is that of one side alone. Weights and input are formulas of a tensor's name and an entry's number, so that
they need not be kept; a gradient is kept as its norm and 16 random projections of it, to which every entry counts:
the mean square of the projections of a difference estimates its squared norm.
At a million places a pool chooses the largest number and a ReLU the sign; where two choices are nearly equal, rounding
decides which way a gradient goes. The input is drawn anew until none is closer than MARGIN.
"""
import copy
import itertools
import json
import pathlib
import sys

import numpy as np
import torch
from torch import nn

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from by_formula import noise, shortened, sketch  # noqa: E402

BATCH, BANDS, CLASSES = 2, 128, 7
TARGETS = [2, 6]
MARGIN = 2e-6
DIGITS = 9


def weight(name, shape):
    if len(shape) > 1:
        return noise(name, shape) / np.sqrt(np.prod(shape[1:]))
    if name.endswith(("weight", "running_var")):
        return 1.0 + noise(name, shape) / 2.0
    return noise(name, shape) / 4.0


class TimeNorm(nn.BatchNorm1d):
    """Batch norm whose features are the frames."""

    def forward(self, xs):
        n, c, h, w = xs.shape
        rows = xs.permute(0, 3, 1, 2).reshape(n, w, c * h)
        return super().forward(rows).reshape(n, w, c, h).permute(0, 2, 3, 1)


class Block(nn.Sequential):
    def __init__(self, inputs, channels, pool, norm):
        super().__init__()
        self.add_module("conv", nn.Conv2d(inputs, channels, 3, padding=1))
        self.add_module("norm", norm)
        self.add_module("relu", nn.ReLU())
        self.add_module("pool", nn.MaxPool2d(pool))
        norm.register_forward_hook(lambda _, __, ys: margins.append(pool_margin(ys.detach(), pool)))


margins = []


def pool_margin(xs, side):
    """How far the closest choice of a ReLU and a pool after it is from being another one."""
    windows = xs.unfold(2, side, side).unfold(3, side, side).flatten(4).topk(2).values
    largest, second = windows[..., 0], windows[..., 1]
    return min(largest.abs().min().item(), (largest - second)[largest > 0].min().item())


def blocks(axis, frames):
    stack, inputs = nn.Sequential(), 1
    for i, (channels, pool) in enumerate(zip((16, 32, 64), (2, 4, 4)), 1):
        norm = TimeNorm(frames) if axis == "time" else nn.BatchNorm2d(channels)
        stack.add_module(f"block{i}", Block(inputs, channels, pool, norm))
        inputs, frames = channels, frames // pool
    return stack, 64 * 4 * frames


class Net(nn.Module):
    def __init__(self, kind, axis, frames):
        super().__init__()
        self.cnn1, features = blocks(axis, frames)
        self.cnn2, _ = blocks(axis, frames)
        features *= 2
        self.transformer = None
        if kind == "parallel-cnn":
            layer = nn.TransformerEncoderLayer(BANDS, 4, 512, 0.0, batch_first=True)
            self.transformer = nn.TransformerEncoder(layer, 4)
            for layer in self.transformer.layers:
                layer.linear1.register_forward_hook(lambda _, __, ys: margins.append(ys.detach().abs().min().item()))
            features += BANDS
        self.output = nn.Linear(features, CLASSES)

    def forward(self, xs):
        parts = [self.cnn1(xs.unsqueeze(1)).flatten(1), self.cnn2(xs.unsqueeze(1)).flatten(1)]
        if self.transformer is not None:
            parts.append(self.transformer(xs.transpose(1, 2)).mean(1))
        return self.output(torch.cat(parts, 1))


def golden(kind, axis, frames):
    net = Net(kind, axis, frames).double()
    with torch.no_grad():
        for name, tensor in net.state_dict().items():
            if not name.endswith("num_batches_tracked"):
                tensor.copy_(weight(name, tuple(tensor.shape)).float())
    start = copy.deepcopy(net.state_dict())
    seeds = itertools.count()
    margins[:] = [0.0]
    while min(margins) < MARGIN:
        name = f"input {next(seeds)}"
        xs = 2.0 * noise(name, (BATCH, BANDS, frames))
        net.load_state_dict(start)
        net.eval()
        with torch.no_grad():
            before = net(xs)
        net.train()
        margins.clear()
        logits = net(xs)
    loss = nn.functional.cross_entropy(logits, torch.tensor(TARGETS))
    loss.backward()
    net.eval()
    with torch.no_grad():
        after = net(xs)
    rows = lambda tensor: [shortened(number, DIGITS) for number in tensor.flatten().tolist()]
    return {
        "kind": kind, "norm_axis": axis, "frames": frames, "input": name,
        "logits_in_evaluation": rows(before), "logits": rows(logits), "loss": shortened(loss.item(), DIGITS),
        "gradients": {name: sketch(name, p.grad, DIGITS) for name, p in net.named_parameters()},
        "logits_after_training": rows(after),
    }


torch.set_num_threads(1)
cases = [golden(kind, axis, frames) for kind in ("two-cnns", "parallel-cnn") for axis in ("time", "channel")
         for frames in (94, 188)]
text = "[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]\n"
pathlib.Path(__file__).with_suffix(".json").write_text(text)
