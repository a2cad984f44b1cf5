"""Goldens of affekt-models' wav2vec and of the network of states: what fairseq's feature encoder and aggregator give, what
PyTorch's layers make of it, losses and every gradient.

Made with Python 3.11, numpy 2.4.6, torch 2.11.0 (CPU), omegaconf 2.3.0 and fairseq-fixed 0.12.3.1, run from its source archive
(`PYTHONPATH=fairseq_fixed-0.12.3.1`, with hydra-core 1.3.2, sacrebleu 2.6.0, bitarray 3.12.3 and regex).   Run:  python make.py
The networks compute in f64, so that the rounding is that of one side alone; fairseq's norms, which compute in f32 by
themselves, are told to do so too. The loss of a wav2vec is the mean square of what both parts give; that of the network of
states the sum of both heads' cross-entropies, every state's for itself.
"""
import json
import logging
import pathlib
import sys

import numpy as np
import torch

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import by_formula  # noqa: E402
from by_formula import noise  # noqa: E402

torch.cuda.is_available = lambda: False
torch.cuda.is_current_stream_capturing = lambda: False  # asking crashes where there is no GPU
logging.disable(logging.WARNING)

from fairseq.models.wav2vec.wav2vec import Wav2VecConfig, Wav2VecModel  # noqa: E402
from fairseq.modules import Fp32GroupNorm  # noqa: E402

Fp32GroupNorm.forward = torch.nn.GroupNorm.forward
DIGITS, SAMPLES, TARGETS = 8, 600, [2, 0]
LARGE = {
    "conv_feature_layers": [[6, 10, 5], [6, 8, 4], [8, 4, 2], [8, 1, 1]],
    "conv_aggregator_layers": [[8, 2, 1], [8, 3, 1], [8, 4, 1]],
}
OTHER = {
    "conv_feature_layers": [[6, 10, 5], [6, 4, 3], [6, 4, 2]], "conv_aggregator_layers": [[8, 2, 1], [8, 3, 1], [5, 6, 1]],
    "skip_connections_feat": True, "residual_scale": 0.25, "log_compression": False, "agg_zero_pad": True,
    "no_conv_bias": True, "non_affine_group_norm": True, "activation": "gelu",
}
PLAIN = {
    "conv_feature_layers": [[6, 10, 5], [6, 8, 4]], "conv_aggregator_layers": [[8, 2, 1], [8, 3, 1]],
    "skip_connections_agg": False,
}


def weight(name, shape):
    if len(shape) == 1 and name.endswith("weight"):
        return 1.0 + noise(name, shape) / 2.0
    if len(shape) > 1:
        return noise(name, shape) / np.sqrt(np.prod(shape[1:]))
    return noise(name, shape) / 4.0


def numbers(tensor):
    return {"shape": list(tensor.shape), "values": [by_formula.shortened(n, DIGITS) for n in tensor.flatten().tolist()]}


def own(name):
    """What affekt calls it."""
    if name.endswith("_reverse"):
        return name.removesuffix("_reverse").replace("lstm.", "lstm.backwards.")
    return name.replace("lstm.", "lstm.forwards.")


def wav2vec(settings):
    """fairseq's network, without what makes predictions."""
    text = {name: str([tuple(layer) for layer in value]) if name.startswith("conv_") else value
            for name, value in settings.items()}
    net = Wav2VecModel(Wav2VecConfig(infonce=False, **text))
    del net.wav2vec_predictions
    return net


class States(torch.nn.Module):
    def __init__(self, settings, kernel, stride, hidden, lstm, classes):
        super().__init__()
        self.wav2vec = wav2vec(settings)
        self.wav2vec.feature_extractor.requires_grad_(False)
        width = settings["conv_aggregator_layers"][-1][0]
        self.downsample = torch.nn.Conv1d(width, width, kernel, stride)
        linear = torch.nn.Linear
        self.frame_head = torch.nn.ModuleDict({"hidden": linear(width, hidden), "output": linear(hidden, classes)})
        self.clip_head = torch.nn.ModuleDict({
            "lstm": torch.nn.LSTM(width, lstm, batch_first=True, bidirectional=True),
            "hidden": linear(2 * lstm, hidden), "output": linear(hidden, classes),
        })

    def forward(self, xs):
        context = self.wav2vec.feature_aggregator(self.wav2vec.feature_extractor(xs))
        states = self.downsample(context).relu().transpose(1, 2)
        heads = self.frame_head, self.clip_head
        answers = [head["output"](head["hidden"](reads).tanh()) for head, reads in zip(
            heads, (states, self.clip_head["lstm"](states)[0].mean(1).relu()))]
        return states, *answers


def prepared(net):
    net.double().eval()
    with torch.no_grad():
        for name, tensor in net.named_parameters():
            tensor.copy_(weight(own(name), tuple(tensor.shape)).float())
    return net, noise("input", (2, SAMPLES)).float().double()


def result(net, loss):
    loss.backward()
    parameters = {own(name): tensor for name, tensor in net.named_parameters()}
    return {
        "loss": by_formula.shortened(loss.item(), DIGITS),
        "parameters": {name: list(tensor.shape) for name, tensor in parameters.items()},
        "gradients": {name: by_formula.sketch(name, tensor.grad, DIGITS)
                      for name, tensor in parameters.items() if tensor.grad is not None},
    }


def golden(case, settings):
    net, xs = prepared(wav2vec(settings))
    features = net.feature_extractor(xs)
    context = net.feature_aggregator(features)
    return {
        "case": case, "config": settings, "features": numbers(features.transpose(1, 2)),
        "context": numbers(context.transpose(1, 2)), **result(net, features.square().mean() + context.square().mean()),
    }


def states():
    net, xs = prepared(States(LARGE, kernel=4, stride=2, hidden=7, lstm=5, classes=3))
    states, per_frame, clip = net(xs)
    cross_entropy, targets = torch.nn.functional.cross_entropy, torch.tensor(TARGETS)
    loss = cross_entropy(per_frame.transpose(1, 2), targets[:, None].expand(per_frame.shape[:2])) + cross_entropy(clip, targets)
    return {
        "config": {"trunk": {"kind": "wav2vec", "encoder": LARGE, "kernel": 4, "stride": 2}, "head_width": 7, "lstm_hidden": 5},
        "states": numbers(states), "per_frame": numbers(per_frame), "clip": numbers(clip), **result(net, loss),
    }


torch.set_num_threads(1)
cases = [golden("as wav2vec_large", LARGE), golden("with every other option", OTHER), golden("without skips", PLAIN)]
lines = [json.dumps(case, separators=(",", ":")) for case in cases]
pathlib.Path(__file__).with_name("wav2vec.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")
pathlib.Path(__file__).with_name("states.json").write_text(json.dumps(states(), separators=(",", ":")) + "\n")
