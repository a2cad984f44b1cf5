"""How fast B4's VGG16 trains in PyTorch eager: pictures of 224 x 224 a second, on random data.

Written for Python 3.11 and torch 2.11.0 (CPU), threadpoolctl 3.8.0.
Run:  python pytorch_vgg16_throughput.py [batch] [threads] [steps] [layers]
The twin of `vgg16_throughput recomputed` (crates/models/examples): frozen convolutions without gradients, the last `layers`
of them and the classifier (512, 192) trained by the default Adam; pixels of 8 bits are brought to the base's scale in every step.
"""
import pathlib
import sys
import time

import torch
from torch import nn

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from peer import say  # noqa: E402

batch, threads, steps, layers = (
    int(sys.argv[i]) if len(sys.argv) > i else default for i, default in ((1, 32), (2, 2), (3, 3), (4, 0))
)
BLOCKS = [(64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512)]

base, inputs = [], 3
for block in BLOCKS:
    for channels in block:
        base += [nn.Conv2d(inputs, channels, 3, padding=1), nn.ReLU()]
        inputs = channels
    base.append(nn.MaxPool2d(2))
convolutions = [i for i, layer in enumerate(base) if isinstance(layer, nn.Conv2d)]
cut = convolutions[len(convolutions) - layers] if layers else len(base)
frozen = nn.Sequential(*base[:cut]).requires_grad_(False)
trained = nn.Sequential(
    *base[cut:],
    nn.Flatten(),
    nn.Linear(512 * 7 * 7, 512),
    nn.ReLU(),
    nn.Dropout(0.5),
    nn.Linear(512, 192),
    nn.ReLU(),
    nn.Linear(192, 7),
)

torch.set_num_threads(threads)
optimiser = torch.optim.Adam(trained.parameters(), lr=1e-5)
pixels, ys = torch.randint(0, 256, (batch, 3, 224, 224), dtype=torch.uint8), torch.randint(0, 7, (batch,))
mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
deviation = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
seconds = []
for _ in range(steps + 1):
    start = time.perf_counter()
    optimiser.zero_grad()
    with torch.no_grad():
        xs = frozen((pixels / 255 - mean) / deviation)
    nn.functional.cross_entropy(trained(xs), ys).backward()
    optimiser.step()
    seconds.append(time.perf_counter() - start)
seconds = sorted(seconds[1:])
print(f"{batch / seconds[len(seconds) // 2]:.3f}")
say()
