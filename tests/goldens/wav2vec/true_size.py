"""What fairseq computes with wav2vec at its true size, for crates/models/examples/beside_fairseq.rs to compare with: random
weights, recordings given on the command line.

Written for Python 3.11, torch 2.11.0 (CPU), safetensors, librosa 0.11.0 and fairseq-fixed 0.12.3.1 (see make.py).
Run:  python true_size.py FOLDER RECORDING...
Writes into FOLDER, for nobody to keep: `wav2vec_large.pt` as fairseq's trainer writes it, and `case-<n>.safetensors` for each
recording and `case-together.safetensors` for all of them cut to the shortest, with `waveforms` [batch, samples], `features` and
`context`, both [batch, frames, 512].
"""
import argparse
import pathlib
import sys

import librosa
import torch
from safetensors.torch import save_file

torch.cuda.is_available = lambda: False
torch.cuda.is_current_stream_capturing = lambda: False  # asking crashes where there is no GPU

from fairseq.models.wav2vec.wav2vec import Wav2VecConfig, Wav2VecModel  # noqa: E402

SETTINGS = {
    "conv_feature_layers": "[(512, 10, 5), (512, 8, 4), (512, 4, 2), (512, 4, 2), (512, 4, 2), (512, 1, 1), (512, 1, 1)]",
    "conv_aggregator_layers": str([(512, kernel, 1) for kernel in range(2, 14)]),
    "skip_connections_agg": True, "residual_scale": 0.5, "log_compression": True,
}
torch.manual_seed(0)
torch.set_grad_enabled(False)
folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
net = Wav2VecModel(Wav2VecConfig(infonce=False, **SETTINGS)).eval()
for parameter in net.parameters():
    if parameter.dim() == 1:
        parameter += torch.randn_like(parameter) * 0.1  # norms begin with ones and zeros
args = argparse.Namespace(arch="wav2vec", task="audio_pretraining", **SETTINGS)
torch.save({"args": args, "model": net.state_dict()}, folder / "wav2vec_large.pt", _use_new_zipfile_serialization=False)

clips = [torch.from_numpy(librosa.load(path, sr=16_000, mono=True)[0]) for path in sys.argv[2:]]
shortest = min(len(clip) for clip in clips)
cases = {str(i): clip[None] for i, clip in enumerate(clips)}
cases["together"] = torch.stack([clip[:shortest] for clip in clips])
for name, waveforms in cases.items():
    features = net.feature_extractor(waveforms)
    context = net.feature_aggregator(features)
    tensors = {"waveforms": waveforms, "features": features.transpose(1, 2), "context": context.transpose(1, 2)}
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / f"case-{name}.safetensors")
