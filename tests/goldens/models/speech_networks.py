"""Goldens of affekt-models' networks of embeddings (A), of functionals, of waveforms (End2You), and of what reads a wav2vec
2.0 (V-FT, D, transformers' classifier): outputs, loss and every gradient of the same networks in PyTorch and transformers.

Made with Python 3.11, numpy 2.4.6, torch 2.11.0 (CPU) and transformers 5.17.0.   Run:  python speech_networks.py
The networks are written as published, narrower, and without dropout, which is random: ReLU before the pool, every clip's
steps packed for the LSTM, End2You's chunks one clip at a time. They compute in f64, so that the rounding is that of one
side alone. Weights and input are formulas of a tensor's name and an entry's number, so that they need not be kept; a
gradient is kept as its norm and 16 random projections of it, to which every entry counts: the mean square of the
projections of a difference estimates its squared norm.
Where two choices of a pool or a ReLU are nearly equal, rounding decides which way a gradient goes: the input is drawn anew
until none is closer than MARGIN.
"""
import copy
import itertools
import json
import pathlib
import sys

import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2ForSequenceClassification

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from by_formula import noise, shortened, sketch  # noqa: E402

TARGETS = [2, 0, 1]
OUTPUTS = 3
MARGIN = 1e-5
DIGITS = 9


def weight(name, shape):
    if name.endswith("weight_g") or (len(shape) == 1 and name.endswith(("weight", "running_var"))):
        return 1.0 + noise(name, shape) / 2.0
    if len(shape) > 1:
        return noise(name, shape) * 2.0 / np.sqrt(np.prod(shape[1:]))
    return noise(name, shape) / 4.0


def short(name):
    """The name as in checkpoints."""
    return name.replace("parametrizations.weight.original0", "weight_g").replace(
        "parametrizations.weight.original1", "weight_v")


margins = []


def watched(layer, margin):
    """`layer`, which notes how far the closest choice in what it reads is from being another one."""
    layer.register_forward_pre_hook(lambda _, xs: margins.append(margin(xs[0].detach())))
    return layer


def relu(negative_slope=0.0):
    layer = nn.LeakyReLU(negative_slope) if negative_slope else nn.ReLU()
    return watched(layer, lambda xs: xs.abs().min().item())


def max_pool(dimensions, side):
    def margin(xs):
        for axis in range(2, 2 + dimensions):
            xs = xs.unfold(axis, side, side)
        largest, second = xs.flatten(2 + dimensions).topk(2).values.unbind(-1)
        apart = (largest - second)[largest > 0]  # behind a ReLU all that is not may be 0
        return apart.min().item()

    return watched(nn.MaxPool2d(side) if dimensions == 2 else nn.MaxPool1d(side), margin)


class EmbeddingCnn(nn.Module):
    CHANNELS, HIDDEN, SHAPE = (4, 4, 6, 6, 8, 8, 10, 10), 12, (48, 32)

    def __init__(self):
        super().__init__()
        inputs, self.steps = 1, []
        for i, channels in enumerate(self.CHANNELS, 1):
            conv = nn.Module()
            conv.conv, conv.norm = nn.Conv2d(inputs, channels, 3, padding=1), nn.BatchNorm2d(channels)
            self.add_module(f"conv{i}", conv)
            self.steps += [conv.conv, conv.norm, relu()] + [max_pool(2, 2)] * (i % 2 == 0)
            inputs = channels
        rows, columns = (side // 2**4 for side in self.SHAPE)
        self.hidden = nn.Linear(inputs * rows * columns, self.HIDDEN)
        self.output = nn.Linear(self.HIDDEN, OUTPUTS)
        self.steps += [nn.Flatten(), self.hidden, relu(), self.output]

    def forward(self, inputs):
        xs = inputs["xs"].unsqueeze(1)
        for step in self.steps:
            xs = step(xs)
        return xs


class Mlp(nn.Module):
    """The last hidden layer has no norm."""

    HIDDEN, SHAPE = (12, 10, 8), (1, 20)

    def __init__(self, norm=nn.LayerNorm, output=nn.Identity):
        super().__init__()
        inputs, self.steps, self.layers = self.SHAPE[1], [nn.Flatten()], nn.ModuleList()
        for i, units in enumerate(self.HIDDEN):
            layer = nn.Module()
            layer.linear = nn.Linear(inputs, units)
            self.steps.append(layer.linear)
            if i < 2:
                layer.norm = norm(units)
                self.steps.append(layer.norm)
            self.steps.append(relu(0.01))
            self.layers.append(layer)
            inputs = units
        self.output = nn.Linear(inputs, OUTPUTS)
        self.steps += [self.output, output()]

    def forward(self, inputs):
        xs = inputs["xs"]
        for step in self.steps:
            xs = step(xs)
        return xs


class End2You(nn.Module):
    """Convolutions of the chunks of all clips, one below the other; an LSTM of each clip's."""

    CHUNK, CHANNELS, KERNELS, POOLS, HIDDEN = 200, (4, 6, 8), (8, 6, 6), (5, 4, 3), 7

    def __init__(self):
        super().__init__()
        inputs, self.steps, length = 1, [], self.CHUNK
        for i, (channels, kernel, pool) in enumerate(zip(self.CHANNELS, self.KERNELS, self.POOLS), 1):
            block = nn.Module()
            block.conv = nn.Conv1d(inputs, channels, kernel, padding=(kernel - 1) // 2)
            block.norm = nn.BatchNorm1d(channels)
            self.add_module(f"block{i}", block)
            self.steps += [block.conv, block.norm, relu(0.01), max_pool(1, pool)]
            inputs, length = channels, (length - (kernel + 1) % 2) // pool
        self.lstm = nn.LSTM(inputs * length, self.HIDDEN, num_layers=2, batch_first=True)
        self.output = nn.Linear(self.HIDDEN, OUTPUTS)

    def forward(self, inputs):
        clips = [row[: length // self.CHUNK * self.CHUNK] for row, length in zip(inputs["xs"], inputs["lengths"])]
        xs = torch.cat(clips).view(-1, 1, self.CHUNK)
        for step in self.steps:
            xs = step(xs)
        clips = xs.flatten(1).split([len(clip) // self.CHUNK for clip in clips])
        return torch.stack([self.output(self.lstm(clip.unsqueeze(0))[0][0, -1]) for clip in clips])


SMALL = {
    "hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 24,
    "conv_dim": [8, 8, 12], "conv_stride": [5, 2, 2], "conv_kernel": [10, 3, 2], "num_conv_pos_embedding_groups": 4,
    "num_conv_pos_embeddings": 6, "classifier_proj_size": 10, "initializer_range": 0.2,
}
POST_NORM = SMALL | {"feat_extract_norm": "group", "conv_bias": False, "do_stable_layer_norm": False}
PRE_NORM = SMALL | {"feat_extract_norm": "layer", "conv_bias": True, "do_stable_layer_norm": True}


class FineTuned(nn.Module):
    """In evaluation: masks are drawn. `layer` counts from 1; none is the last and the norm behind it."""

    def __init__(self, encoder, layer=None, activation=nn.Identity, lstm=None, pooling="mean", normalise=False):
        super().__init__()
        whole = Wav2Vec2ForSequenceClassification(Wav2Vec2Config(**encoder, num_labels=OUTPUTS))
        self.wav2vec2, self.layer, self.activation = whole.wav2vec2, layer, activation()
        self.pooling, self.normalise = pooling, normalise
        self.lstm = None if lstm is None else nn.LSTM(encoder["hidden_size"], lstm, num_layers=2, batch_first=True)
        self.classifier = nn.Linear(encoder["hidden_size"] if lstm is None else lstm, OUTPUTS)

    def forward(self, inputs):
        waveforms, mask = attended(inputs, self.normalise)
        base = self.wav2vec2(waveforms, attention_mask=mask, output_hidden_states=True)
        xs = base.last_hidden_state if self.layer is None else base.hidden_states[self.layer]
        xs, frames = self.activation(xs), self.wav2vec2._get_feat_extract_output_lengths(mask.sum(1)).tolist()
        if self.lstm is not None:
            packed = pack_padded_sequence(xs, frames, batch_first=True, enforce_sorted=False)
            xs, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        return torch.stack([self.pooled(clip[:count]) for clip, count in zip(xs, frames)])

    def pooled(self, clip):
        """As each of the published networks has it: the mean, the first and the last are mapped; the largest is of what was
        mapped."""
        return {
            "first": lambda: self.classifier(clip[0]),
            "last": lambda: self.classifier(clip[-1]),
            "max": lambda: self.classifier(clip).max(0).values,
            "mean": lambda: self.classifier(clip.mean(0)),
            "mean-but-last": lambda: self.classifier(clip[:-1].mean(0)),
        }[self.pooling]()


class Classifier(nn.Module):
    """transformers' own."""

    def __init__(self, encoder):
        super().__init__()
        whole = Wav2Vec2ForSequenceClassification(Wav2Vec2Config(**encoder, num_labels=OUTPUTS))
        self.wav2vec2, self.projector, self.classifier = whole.wav2vec2, whole.projector, whole.classifier
        self.whole = [whole]

    def forward(self, inputs):
        waveforms, mask = attended(inputs, False)
        return self.whole[0](waveforms, attention_mask=mask).logits


def attended(inputs, normalise):
    """What transformers' encoders read: waveforms with zeros behind them, and where they are."""
    own = [row[:length] for row, length in zip(inputs["xs"], inputs["lengths"])]
    extractor = Wav2Vec2FeatureExtractor(do_normalize=normalise, return_attention_mask=True)
    mask = (torch.arange(inputs["xs"].shape[1]) < torch.tensor(inputs["lengths"])[:, None]).long()
    if normalise:  # the extractor's function, without its casts to f32
        rows = [row.numpy() for row in own]
        own = [torch.from_numpy(row) for row in extractor.zero_mean_unit_var_norm(rows, None)]
    return nn.utils.rnn.pad_sequence(own, batch_first=True), mask


def golden(case, net, shape, lengths=None, train=True):
    net = net.double()
    own = {name: tensor for name, tensor in net.state_dict().items() if not name.endswith("num_batches_tracked")}
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(weight(short(name), tuple(tensor.shape)).float())
    start = copy.deepcopy(net.state_dict())
    net.train(train)
    seeds = itertools.count()
    margins[:] = [0.0]
    while min(margins, default=1.0) < MARGIN:
        name = f"{case} {next(seeds)}"
        xs = noise(name, (3, *shape)).float().double()
        if lengths is not None:
            xs = xs * (torch.arange(shape[0]) < torch.tensor(lengths)[:, None])
        net.load_state_dict(start)
        margins.clear()
        outputs = net({"xs": xs, "lengths": lengths})
    loss = nn.functional.cross_entropy(outputs, torch.tensor(TARGETS))
    loss.backward()
    net.eval()
    with torch.no_grad():
        later = net({"xs": xs, "lengths": lengths})
    rows = lambda tensor: [shortened(number, DIGITS) for number in tensor.flatten().tolist()]
    gradients = {short(n): sketch(short(n), p.grad, DIGITS) for n, p in net.named_parameters() if p.grad is not None}
    return {
        "case": case, "input": name, "shape": shape, "lengths": lengths, "outputs": rows(outputs),
        "loss": shortened(loss.item(), DIGITS), "outputs_in_evaluation": rows(later), "gradients": gradients,
    }


torch.set_num_threads(1)
torch.cuda.is_current_stream_capturing = lambda: False  # asking crashes where there is no GPU

if __name__ == "__main__":
    CLIPS = [240, 170, 203]
    cases = [
        golden("embedding-cnn", EmbeddingCnn(), EmbeddingCnn.SHAPE),
        golden("mlp", Mlp(), Mlp.SHAPE),
        golden("mlp, batch norm, sigmoid", Mlp(nn.BatchNorm1d, nn.Sigmoid), Mlp.SHAPE),
        golden("end2you", End2You(), (1000,), [1000, 799, 450]),
    ] + [
        golden(case, net, CLIPS[:1], CLIPS, train=False) for case, net in [
            ("B5", FineTuned(POST_NORM)),
            ("V-FT", FineTuned(POST_NORM, activation=relu, pooling="mean-but-last")),
            ("D, post-norm", FineTuned(POST_NORM, layer=3, lstm=7, pooling="last")),
            ("D, pre-norm", FineTuned(PRE_NORM, layer=2, lstm=7, pooling="last", normalise=True)),
            ("D, max", FineTuned(PRE_NORM, layer=2, lstm=7, pooling="max")),
            ("D, first", FineTuned(PRE_NORM, layer=2, pooling="first")),
            ("classifier", Classifier(PRE_NORM)),
        ]
    ]
    text = "[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]\n"
    pathlib.Path(__file__).with_suffix(".json").write_text(text)
