"""Goldens of affekt-encoders: small wav2vec models of random weights, in fairseq's files.

Made with Python 3.11, torch 2.11.0, omegaconf 2.3.0, blake3 1.0.11 and fairseq-fixed 0.12.3.1, run from its source archive
(`PYTHONPATH=fairseq_fixed-0.12.3.1`, with hydra-core 1.3.2, sacrebleu 2.6.0, bitarray 3.12.3 and regex).
Run:  python wav2vec.py
`args.pt` is as the published `wav2vec_large.pt`: a namespace of settings, f16, the older of PyTorch's formats. `cfg.pt` has a
tree of settings, and every option that `wav2vec_large` has not. `expected.json` names settings, each tensor's shape and the
BLAKE3 digest of its f32 bytes.
"""
import argparse
import json
import logging
import pathlib

import torch
from blake3 import blake3

torch.cuda.is_available = lambda: False
torch.cuda.is_current_stream_capturing = lambda: False  # asking crashes where there is no GPU
logging.disable(logging.WARNING)

from fairseq.dataclass.configs import FairseqConfig  # noqa: E402
from fairseq.models.wav2vec.wav2vec import Wav2VecConfig, Wav2VecModel  # noqa: E402
from fairseq.tasks.audio_pretraining import AudioPretrainingConfig  # noqa: E402
from omegaconf import OmegaConf, open_dict  # noqa: E402

HERE = pathlib.Path(__file__).parent
LARGE = {
    "conv_feature_layers": "[(6, 10, 5), (6, 8, 4), (8, 1, 1)]",
    "conv_aggregator_layers": "[(8, 2, 1), (8, 3, 1)]",
    "skip_connections_agg": True, "residual_scale": 0.5, "log_compression": True,
}
OTHER = {
    "conv_feature_layers": "[(6, 10, 5)] + [(6, 4, 2)] * 2", "conv_aggregator_layers": "[(8, 2, 1), (8, 3, 1)]",
    "skip_connections_feat": True, "skip_connections_agg": True, "residual_scale": 0.25, "log_compression": False,
    "agg_zero_pad": True, "no_conv_bias": True, "non_affine_group_norm": True, "activation": "gelu", "dropout": 0.125,
    "dropout_features": 0.25, "dropout_agg": 0.375, "project_features": "new",
}


def network(settings):
    torch.manual_seed(5)
    net = Wav2VecModel(Wav2VecConfig(infonce=False, **settings))
    with torch.no_grad():
        for parameter in net.parameters():
            # Norms begin with ones and zeros, which would hide one that stands in another's place; f16 holds the results.
            noisy = parameter + torch.randn_like(parameter) * 0.1
            parameter.copy_(torch.where(noisy.abs() < 2**-12, torch.zeros_like(noisy), noisy).bfloat16().float())
    return net


def expected(net, settings):
    left_out = ("wav2vec_predictions.", "project_features.")
    tensors = {name: tensor for name, tensor in net.state_dict().items() if not name.startswith(left_out)}
    return {"settings": settings, "left_out": len(net.state_dict()) - len(tensors), "tensors": {
        name: {"shape": list(tensor.shape), "blake3": blake3(tensor.numpy().tobytes()).hexdigest()}
        for name, tensor in sorted(tensors.items())}}


def saved(net, file, args=None, cfg=None, **how):
    torch.save({"args": args, "cfg": cfg, "model": net.state_dict(), "extra_state": {"val_loss": 2.5},
                "optimizer_history": [{"criterion_name": "BinaryCrossEntropyCriterion", "num_updates": 7}],
                "last_optimizer_state": {"state": {0: {"step": 7, "exp_avg": torch.zeros(3)}}, "param_groups": []}},
               file, **how)


folder = HERE / "wav2vec"
folder.mkdir(exist_ok=True)
large, other = network(LARGE), network(OTHER)
record = {"args.pt": expected(large, LARGE), "cfg.pt": expected(other, OTHER)}
# Settings that came later are not known in those days.
args = argparse.Namespace(arch="wav2vec", task="audio_pretraining", data="/data", offset="auto", aggregator="cnn",
                          dropout=0.0, dropout_features=0.0, dropout_agg=0.0, no_conv_bias=False, agg_zero_pad=False,
                          skip_connections_feat=False, project_features="none", prediction_steps=12, fp16=True, **LARGE)
saved(large.half(), folder / "args.pt", args=args, _use_new_zipfile_serialization=False)
tree = OmegaConf.structured(FairseqConfig())
with open_dict(tree):
    tree["model"] = OmegaConf.create({"_name": "wav2vec", **OTHER, "vq_type": "none", "aggregator": "cnn"})
    tree["task"] = OmegaConf.structured(AudioPretrainingConfig(_name="audio_pretraining", data="/data"))
saved(other, folder / "cfg.pt", cfg=OmegaConf.to_container(tree, resolve=True, enum_to_str=True))
for name, setting in [("vq", {"vq_type": "gumbel"}), ("gru", {"aggregator": "gru"})]:
    args = argparse.Namespace(arch="wav2vec", **setting)
    torch.save({"args": args, "model": {}}, HERE / "refused" / f"wav2vec-{name}.pt")
(folder / "expected.json").write_text(json.dumps(record, indent=1) + "\n")
