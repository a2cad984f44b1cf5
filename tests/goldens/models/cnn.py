"""Golden of affekt-models' single CNN (B1): logits, loss and gradients of the same network in PyTorch.

Made with Python 3.11 and torch 2.11.0 (CPU).   Run:  python cnn.py
The network is written here as it was published (ReLU before the pool, time brought to the channels' place by
a permuted copy), narrower so that the file stays small, and without dropout, which is random. Weights are
PyTorch's own initial ones except batch norm's, which are moved away from 1 and 0 so that they count.
"""
import json
import pathlib

import torch
from torch import nn

BATCH, BANDS, FRAMES, CLASSES = 3, 32, 47, 7
CHANNELS, POOLS = (4, 6, 8), (2, 4, 4)


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


class Cnn(nn.Module):
    def __init__(self, axis):
        super().__init__()
        inputs, bands, frames = 1, BANDS, FRAMES
        self.blocks = []
        for i, (channels, pool) in enumerate(zip(CHANNELS, POOLS), 1):
            norm = TimeNorm(frames) if axis == "time" else nn.BatchNorm2d(channels)
            block = Block(inputs, channels, pool, norm)
            self.add_module(f"block{i}", block)
            self.blocks.append(block)
            inputs, bands, frames = channels, bands // pool, frames // pool
        self.output = nn.Linear(inputs * bands * frames, CLASSES)

    def forward(self, xs):
        xs = xs.unsqueeze(1)
        for block in self.blocks:
            xs = block(xs)
        return self.output(xs.flatten(1))


def round_trip(tensor):
    return {"shape": list(tensor.shape), "values": tensor.flatten().tolist()}


def golden(axis):
    torch.manual_seed(2110)
    net = Cnn(axis)
    with torch.no_grad():
        for block in net.blocks:
            block.norm.weight.uniform_(0.5, 1.5)
            block.norm.bias.uniform_(-0.5, 0.5)
    kept = {k: v for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}
    weights = {k: round_trip(v) for k, v in kept.items()}
    # The same formula stands in the test.
    steps = torch.arange(BATCH * BANDS * FRAMES, dtype=torch.float64)
    xs = (torch.sin(0.37 * steps) + torch.sin(0.011 * steps)).float().reshape(BATCH, BANDS, FRAMES)
    targets = torch.tensor([2, 0, 6])

    net.train()
    logits = net(xs)
    loss = nn.functional.cross_entropy(logits, targets)
    loss.backward()
    net.eval()
    with torch.no_grad():
        later = net(xs)
    return {
        "norm_axis": axis, "weights": weights, "logits": round_trip(logits), "loss": loss.item(),
        "gradients": {k: round_trip(p.grad) for k, p in net.named_parameters()},
        "logits_in_evaluation": round_trip(later),
    }


text = json.dumps([golden("time"), golden("channel")], separators=(",", ":"))
pathlib.Path(__file__).with_suffix(".json").write_text(text + "\n")
