"""How fast the networks B1 to B3 train in PyTorch eager: samples a second, on random data.

Written for Python 3.11 and torch 2.11.0 (CPU), threadpoolctl 3.6.0.
Run:  python pytorch_cnn_throughput.py [cnn|two-cnns|parallel-cnn] [time|channel] [batch] [threads] [steps]
The twin of crates/train/examples/cnn_throughput.rs: the networks as one would write them in PyTorch, time
brought to the channels' place by a permuted copy, the default Adam.
"""
import pathlib
import sys
import time

import torch
from torch import nn

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from peer import say  # noqa: E402

kind, axis = (sys.argv[i] if len(sys.argv) > i else default for i, default in ((1, "cnn"), (2, "time")))
batch, threads, steps = (int(sys.argv[i]) if len(sys.argv) > i else default for i, default in ((3, 32), (4, 2), (5, 12)))


class TimeNorm(nn.BatchNorm1d):
    """Batch norm whose features are the frames."""

    def forward(self, xs):
        n, c, h, w = xs.shape
        rows = xs.permute(0, 3, 1, 2).reshape(n, w, c * h)
        return super().forward(rows).reshape(n, w, c, h).permute(0, 2, 3, 1)


def blocks():
    layers = []
    for inputs, channels, pool, frames in ((1, 16, 2, 94), (16, 32, 4, 47), (32, 64, 4, 11)):
        norm = TimeNorm(frames) if axis == "time" else nn.BatchNorm2d(channels)
        layers += [nn.Conv2d(inputs, channels, 3, padding=1), norm, nn.ReLU(), nn.MaxPool2d(pool), nn.Dropout(0.3)]
    return nn.Sequential(*layers, nn.Flatten())


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.cnns = nn.ModuleList(blocks() for _ in range(1 if kind == "cnn" else 2))
        features = 512 * len(self.cnns)
        self.transformer = None
        if kind == "parallel-cnn":
            layer = nn.TransformerEncoderLayer(128, 4, 512, 0.4, batch_first=True)
            self.transformer = nn.TransformerEncoder(layer, 4)
            features += 128
        self.output = nn.Linear(features, 7)

    def forward(self, xs):
        parts = [cnn(xs.unsqueeze(1)) for cnn in self.cnns]
        if self.transformer is not None:
            parts.append(self.transformer(xs.transpose(1, 2)).mean(1))
        return self.output(torch.cat(parts, 1))


torch.set_num_threads(threads)
net = Net().train()
optimiser = torch.optim.Adam(net.parameters(), lr=1e-3)
xs, ys = torch.randn(batch, 128, 94), torch.randint(0, 7, (batch,))
seconds = []
for _ in range(steps + 2):
    start = time.perf_counter()
    optimiser.zero_grad()
    nn.functional.cross_entropy(net(xs), ys).backward()
    optimiser.step()
    seconds.append(time.perf_counter() - start)
seconds = sorted(seconds[2:])
print(f"{batch / seconds[len(seconds) // 2]:.1f}")
say()
