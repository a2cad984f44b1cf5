"""Goldens of system D's first training batch: outputs, CCC loss and every gradient of torchaudio's wav2vec 2.0 in the architectures
of its BASE and LARGE_LV60K bundles, small, with what D puts behind them: an LSTM over the states of a layer, a linear map of every
step, the last step of the clip. The second has the bundle's wrapper, which normalises a padded batch as one.

Made with Python 3.11, numpy 2.4.6, torch 2.11.0 and torchaudio 2.11.0 (CPU).   Run:  python bundle.py
The network trains and its layer drop is far from 0: `extract_features` passes over no layer. It has no masks. Dropout is 0, for it is
random. Clips are padded with zeros and their lengths are given, as a batch's are. It computes in f64.
"""
import json
import pathlib

import torch
from formula import PADDED, POST_NORM, PRE_NORM, SAMPLES, noise, numbers, shortened, sketch
from torchaudio.models import wav2vec2_model
from torchaudio.pipelines._wav2vec2.utils import _extend_model

LAYER, LAYERS, OUTPUTS, HIDDEN = 2, 3, 3, 7
LENGTHS = [*PADDED, 203]


def weight(name, shape):
    if name.endswith("weight_g") or (len(shape) == 1 and name.endswith("weight")):
        return 1.0 + noise(name, shape) / 2.0
    if len(shape) > 1:
        return noise(name, shape) * 2.0 / torch.tensor(shape[1:]).prod().sqrt()
    return noise(name, shape) / 4.0


def ours(name):
    """The name in our checkpoints."""
    for theirs, own in [
        ("wav2vec2.model.", "wav2vec2."), ("parametrizations.weight.original0", "weight_g"), ("parametrizations.weight.original1", "weight_v"),
        ("encoder.feature_projection.", "feature_projection."), ("encoder.transformer.", "encoder."),
    ]:
        name = name.replace(theirs, own)
    return name


class D(torch.nn.Module):
    def __init__(self, config, is_large):
        super().__init__()
        self.wav2vec2 = wav2vec2_model(
            extractor_mode="layer_norm" if is_large else "group_norm",
            extractor_conv_layer_config=list(zip(*(config[f"conv_{part}"] for part in ("dim", "kernel", "stride")))),
            extractor_conv_bias=is_large, encoder_embed_dim=config["hidden_size"], encoder_projection_dropout=0.0,
            encoder_pos_conv_kernel=config["num_conv_pos_embeddings"],
            encoder_pos_conv_groups=config["num_conv_pos_embedding_groups"], encoder_num_layers=LAYERS,
            encoder_num_heads=config["num_attention_heads"], encoder_attention_dropout=0.0,
            encoder_ff_interm_features=config["intermediate_size"], encoder_ff_interm_dropout=0.0, encoder_dropout=0.0,
            encoder_layer_norm_first=is_large, encoder_layer_drop=0.9, aux_num_out=None)
        if is_large:
            self.wav2vec2 = _extend_model(self.wav2vec2, normalize_waveform=True)
        self.lstm = torch.nn.LSTM(config["hidden_size"], HIDDEN, num_layers=2, batch_first=True)
        self.classifier = torch.nn.Linear(HIDDEN, OUTPUTS)

    def forward(self, waveforms, lengths):
        states, frames = self.wav2vec2.extract_features(waveforms, lengths, num_layers=LAYER)
        steps = self.classifier(self.lstm(states[-1])[0])
        return torch.stack([clip[count - 1] for clip, count in zip(steps, frames.tolist())])


def ccc_loss(xs, ys):
    centred = lambda values: values - values.mean(0)
    spread = centred(xs).square().mean(0) + centred(ys).square().mean(0) + (xs.mean(0) - ys.mean(0)).square()
    return 1.0 - (2.0 * (centred(xs) * centred(ys)).mean(0) / spread).mean()


torch.set_num_threads(1)
for file, config, is_large in [("bundle.json", POST_NORM, False), ("bundle_large.json", PRE_NORM, True)]:
    net = D(config, is_large).double().train()
    with torch.no_grad():
        for name, tensor in net.named_parameters():
            tensor.copy_(weight(ours(name), tuple(tensor.shape)).float())
    lengths = torch.tensor(LENGTHS)
    xs = noise("input", (len(LENGTHS), SAMPLES)).float().double() * (torch.arange(SAMPLES) < lengths[:, None])
    if is_large:
        # Loud clips and quiet ones, and none around 0: over all of them and the padding is not over each.
        xs = (xs * torch.arange(1, len(LENGTHS) + 1)[:, None] + 0.25) * (torch.arange(SAMPLES) < lengths[:, None])
    targets = (noise("targets", (len(LENGTHS), OUTPUTS)).float().double() + 1.0) / 2.0
    outputs = net(xs, lengths)
    loss = ccc_loss(outputs, targets)
    loss.backward()
    gradients = {
        ours(name): sketch(ours(name), p.grad) for name, p in net.named_parameters() if p.grad is not None
    }
    golden = {"layer": LAYER, "layers": LAYERS, "hidden": HIDDEN, "lengths": LENGTHS, "outputs": numbers(outputs),
              "loss": shortened(loss.item()), "gradients": gradients}
    pathlib.Path(__file__).with_name(file).write_text(json.dumps(golden, separators=(",", ":")) + "\n")
