"""Golden of affekt-torch's Adam and AdamW: 50 steps of torch.optim's on a small least-squares problem.

Made with Python 3.11 and torch 2.11.0 (CPU).   Run:  python adam.py
The problem is a formula, so that the test can pose the same one: outputs = inputs @ weight.T + bias, loss =
mean of squared differences from the targets. The default (not fused) optimisers are the reference.
"""
import json
import pathlib

import torch


def wave(shape, frequency, phase):
    count = torch.Size(shape).numel()
    return torch.sin(frequency * torch.arange(count, dtype=torch.float64) + phase).float().reshape(shape)


def train(kind, weight_decay):
    inputs, targets = wave((16, 5), 0.7, 0.0), wave((16, 3), 1.3, 0.5)
    weight = wave((3, 5), 0.9, 1.0).requires_grad_()
    bias = wave((3,), 0.4, 2.0).requires_grad_()
    optimiser = kind([weight, bias], lr=0.05, weight_decay=weight_decay)
    losses = []
    for _ in range(50):
        optimiser.zero_grad()
        loss = ((inputs @ weight.T + bias - targets) ** 2).mean()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return {"decoupled": kind is torch.optim.AdamW, "weight_decay": weight_decay, "losses": losses,
            "weight": weight.flatten().tolist(), "bias": bias.tolist()}


golden = [train(torch.optim.Adam, 0.0), train(torch.optim.Adam, 0.0625), train(torch.optim.AdamW, 0.0625)]
pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(golden, indent=1) + "\n")
