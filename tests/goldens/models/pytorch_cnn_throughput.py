"""How fast the single CNN (B1) trains in PyTorch eager: samples a second, on random data.

Written for Python 3.11 and torch 2.11.0 (CPU).
Run:  python pytorch_cnn_throughput.py [time|channel] [batch] [threads] [steps]
The twin of crates/train/examples/cnn_throughput.rs: the network as one would write it in PyTorch, time
brought to the channels' place by a permuted copy, the default Adam.
"""
import sys
import time

import torch
from torch import nn

axis = sys.argv[1] if len(sys.argv) > 1 else "time"
batch, threads, steps = (int(sys.argv[i]) if len(sys.argv) > i else default for i, default in ((2, 32), (3, 2), (4, 12)))


class TimeNorm(nn.BatchNorm1d):
    """Batch norm whose features are the frames."""

    def forward(self, xs):
        n, c, h, w = xs.shape
        rows = xs.permute(0, 3, 1, 2).reshape(n, w, c * h)
        return super().forward(rows).reshape(n, w, c, h).permute(0, 2, 3, 1)


torch.set_num_threads(threads)
layers = []
for inputs, channels, pool, frames in ((1, 16, 2, 94), (16, 32, 4, 47), (32, 64, 4, 11)):
    norm = TimeNorm(frames) if axis == "time" else nn.BatchNorm2d(channels)
    layers += [nn.Conv2d(inputs, channels, 3, padding=1), norm, nn.ReLU(), nn.MaxPool2d(pool), nn.Dropout(0.3)]
net = nn.Sequential(*layers, nn.Flatten(), nn.Linear(512, 7)).train()
optimiser = torch.optim.Adam(net.parameters(), lr=1e-3)
xs, ys = torch.randn(batch, 1, 128, 94), torch.randint(0, 7, (batch,))
seconds = []
for _ in range(steps + 2):
    start = time.perf_counter()
    optimiser.zero_grad()
    nn.functional.cross_entropy(net(xs), ys).backward()
    optimiser.step()
    seconds.append(time.perf_counter() - start)
seconds = sorted(seconds[2:])
print(f"{batch / seconds[len(seconds) // 2]:.1f}")
