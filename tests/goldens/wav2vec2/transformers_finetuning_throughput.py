"""How fast transformers fine-tunes wav2vec 2.0 BASE: clips a second, on random sounds.

Written for Python 3.11, torch 2.11.0 (CPU), threadpoolctl 3.6.0 and transformers 5.17.0.
Run:  python transformers_finetuning_throughput.py [batch] [seconds] [threads] [steps]
The twin of crates/models/examples/finetuning_throughput.rs: `Wav2Vec2Model` in eager mode with PyTorch's scaled dot
product attention, convolutions frozen and without gradients, the mean over the frames, a linear map, the default Adam.
"""
import pathlib
import sys
import time

import torch
from transformers import Wav2Vec2Config, Wav2Vec2Model

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from peer import say  # noqa: E402

batch, duration, threads, steps = (
    int(sys.argv[i]) if len(sys.argv) > i else default for i, default in ((1, 4), (2, 3), (3, 2), (4, 4)))


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = Wav2Vec2Model(Wav2Vec2Config(layerdrop=0.0, attn_implementation="sdpa"))
        self.encoder.freeze_feature_encoder()
        self.classifier = torch.nn.Linear(768, 7)

    def forward(self, waveforms):
        return self.classifier(self.encoder(waveforms).last_hidden_state.mean(1))


torch.cuda.is_current_stream_capturing = lambda: False  # asking crashes where there is no GPU
torch.set_num_threads(threads)
net = Net().train()
optimiser = torch.optim.Adam([p for p in net.parameters() if p.requires_grad], lr=1e-5)
xs, ys = torch.randn(batch, 16_000 * duration), torch.randint(0, 7, (batch,))
seconds = []
for _ in range(steps + 1):
    start = time.perf_counter()
    optimiser.zero_grad()
    torch.nn.functional.cross_entropy(net(xs), ys).backward()
    optimiser.step()
    seconds.append(time.perf_counter() - start)
seconds = sorted(seconds[1:])
print(f"{batch / seconds[len(seconds) // 2]:.3f}")
say()
