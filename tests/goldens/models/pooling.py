"""Goldens of what affekt-models reads of a wav2vec 2.0: weighted layers and poolings, by transformers, SpeechBrain and formula.

Made with Python 3.11, numpy 2.4.6, torch 2.15.0, torchaudio 2.11.1, transformers 5.17.0 and speechbrain 1.1.2.
Run:  python pooling.py
Weights, inputs and what is kept of gradients: as in speech_networks.py, whose networks these continue.
"""
import json
import pathlib
import re
import sys

import torch
from torch import nn
from speechbrain.lobes.models.ECAPA_TDNN import AttentiveStatisticsPooling

import speech_networks
from speech_networks import OUTPUTS, POST_NORM, PRE_NORM, Classifier, FineTuned, golden

RENAMED = [
    (r"^asp\.tdnn\.conv\.conv\.", "attention.tdnn."),
    (r"^asp\.tdnn\.norm\.norm\.", "attention.norm."),
    (r"^asp\.conv\.conv\.", "attention.conv."),
    (r"parametrizations\.weight\.original0", "weight_g"),
    (r"parametrizations\.weight\.original1", "weight_v"),
]


def short(name):
    for theirs, ours in RENAMED:
        name = re.sub(theirs, ours, name)
    return name


speech_networks.short = short
STILL = {key: 0.0 for key in ["hidden_dropout", "attention_dropout", "activation_dropout", "feat_proj_dropout", "layerdrop"]}


class Weighted(Classifier):
    """transformers' own `use_weighted_layer_sum`."""

    def __init__(self, encoder):
        super().__init__(encoder | {"use_weighted_layer_sum": True})
        self.layer_weights = self.whole[0].layer_weights


class SomeLayers(FineTuned):
    """The same sum over chosen hidden states."""

    def __init__(self, encoder, layers):
        super().__init__(encoder)
        self.layers, self.layer_weights = layers, nn.Parameter(torch.zeros(len(layers)))
        self.wav2vec2.encoder.layers = self.wav2vec2.encoder.layers[: max(layers)]

    def forward(self, inputs):
        waveforms, mask = speech_networks.attended(inputs, False)
        states = self.wav2vec2(waveforms, attention_mask=mask, output_hidden_states=True).hidden_states
        weights = self.layer_weights.softmax(0)
        xs = sum(weight * states[layer] for weight, layer in zip(weights, self.layers))
        frames = self.wav2vec2._get_feat_extract_output_lengths(mask.sum(1)).tolist()
        return torch.stack([self.pooled(clip[:count]) for clip, count in zip(xs, frames)])


class Pooled(FineTuned):
    """What SpeechBrain pools, and what formulas say."""

    def __init__(self, encoder, pooling, channels=6, context=True, heads=4):
        super().__init__(encoder, pooling=pooling)
        width = encoder["hidden_size"]
        self.classifier = nn.Linear(width if pooling == "self-attention" else 2 * width, OUTPUTS)
        if pooling == "attentive-statistics":
            self.asp = AttentiveStatisticsPooling(width, attention_channels=channels, global_context=context)
        if pooling == "self-attention":
            self.attention = nn.Module()
            self.attention.weight = nn.Parameter(torch.zeros(heads, width // heads))

    def forward(self, inputs):
        waveforms, mask = speech_networks.attended(inputs, False)
        xs = self.wav2vec2(waveforms, attention_mask=mask).last_hidden_state
        frames = self.wav2vec2._get_feat_extract_output_lengths(mask.sum(1))
        if self.pooling == "attentive-statistics":
            pooled = self.asp(xs.transpose(1, 2), frames / xs.shape[1]).squeeze(2)
        else:
            pooled = torch.stack([self.one(clip[:count]) for clip, count in zip(xs, frames.tolist())])
        return self.classifier(pooled)

    def one(self, clip):
        if self.pooling == "statistics":
            return torch.cat([clip.mean(0), clip.std(0, unbiased=False)])
        slices = clip.unflatten(1, (self.attention.weight.shape[0], -1))
        weights = torch.einsum("thd,hd->th", slices, self.attention.weight).softmax(0)
        return torch.einsum("th,thd->hd", weights, slices).flatten()


if __name__ == "__main__":
    CLIPS, ALIKE = [240, 170, 203], [240, 240, 240]
    cases = [
        golden(case, net, [240], CLIPS, train=False) for case, net in [
            ("weighted, post-norm", Weighted(POST_NORM)),
            ("weighted, pre-norm", Weighted(PRE_NORM)),
            ("layers 0 and 2", SomeLayers(PRE_NORM, [0, 2])),
            ("statistics", Pooled(POST_NORM, "statistics")),
            ("attentive statistics", Pooled(POST_NORM, "attentive-statistics")),
            ("attentive statistics, no context", Pooled(PRE_NORM, "attentive-statistics", context=False)),
            ("self-attention", Pooled(POST_NORM, "self-attention")),
        ]
    ] + [
        golden("attentive statistics, training", Pooled(
            POST_NORM | STILL | {"apply_spec_augment": False}, "attentive-statistics"), [240], ALIKE),
    ]
    text = "[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]\n"
    pathlib.Path(__file__).with_suffix(".json").write_text(text)
