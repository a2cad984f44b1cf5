"""Goldens of VGG16: what torchvision's convolutions and a classifier behind them say of pictures, at a small size (with every
gradient, in brief) and at the true one; the same weights in the files that PyTorch saves; and how Keras prepares pixels.

Made with Python 3.11, numpy 2.4.6, torch 2.11.0, torchvision 0.26.0 and safetensors 0.8.0 (CPU).   Run:  python make.py
Weights and pictures are formulas of a tensor's name and an entry's number (`by_formula.py`). The networks compute in f64, so
that the rounding is that of one side alone. Keras' convention is the few lines of its `preprocess_input` in mode `caffe`,
written down here: keras itself is not run.
"""
import json
import math
import pathlib
import sys

import numpy as np
import torch

torch.cuda.is_current_stream_capturing = lambda: False  # asking crashes where there is no GPU

from safetensors.torch import save_file  # noqa: E402
from torch import nn  # noqa: E402
from torchvision.models.vgg import VGG, cfgs, make_layers  # noqa: E402
from torchvision.transforms._presets import ImageClassification  # noqa: E402
from torchvision.transforms.functional import normalize  # noqa: E402

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from by_formula import noise, shortened, sketch  # noqa: E402

SMALL = [4, "M", 6, 6, "M"]  # one block of one convolution, one of two
TARGETS = [2, 0]
DIGITS = 9


def weight(name, shape):
    """Of the variance that keeps the scale through ReLUs; biases smaller."""
    if len(shape) > 1:
        return noise(name, shape) * math.sqrt(6.0 / math.prod(shape[1:]))
    return noise(name, shape) / 8.0


def pictures(name, shape):
    """u8 of 0..255."""
    return ((noise(name, shape) + 1.0) * 128.0).floor().clamp(0, 255).to(torch.uint8)


def keras(pixels):
    """`preprocess_input` of `keras.applications.imagenet_utils`, mode `caffe`, channels first."""
    pixels = pixels.numpy().astype(np.float64)[:, ::-1].copy()
    for colour, mean in enumerate([103.939, 116.779, 123.68]):
        pixels[:, colour] -= mean
    return torch.from_numpy(pixels)


def torchvision(pixels):
    preset = ImageClassification(crop_size=224)
    return normalize(pixels.double() / 255.0, preset.mean, preset.std)


def network(layers, inputs, hidden, outputs):
    """torchvision's convolutions, and the classifier of B4 in torchvision's words."""
    net = nn.Module()
    net.features = make_layers(layers)
    first, second = hidden
    net.classifier = nn.Sequential(
        nn.Linear(inputs, first), nn.ReLU(True), nn.Dropout(0.5), nn.Linear(first, second), nn.ReLU(True),
        nn.Linear(second, outputs))
    net = net.double().eval()
    with torch.no_grad():
        for name, tensor in net.state_dict().items():
            tensor.copy_(weight(name, tuple(tensor.shape)).float())
    return net


def rows(tensor):
    return [shortened(number, DIGITS) for number in tensor.flatten().tolist()]


def small():
    shape, hidden, outputs = [3, 12, 16], [5, 4], 3
    net = network(SMALL, 6 * 3 * 4, hidden, outputs)
    # Of torchvision's own class, with a classifier that nobody needs.
    with torch.device("meta"):
        whole = VGG(make_layers(SMALL), init_weights=False)
    whole.features = net.features.float()
    whole.classifier = nn.Sequential(nn.Linear(294, 2), nn.ReLU(True), nn.Dropout(), nn.Linear(2, 2))
    with torch.no_grad():
        for name, tensor in whole.classifier.state_dict().items():
            tensor.copy_(noise("head " + name, tuple(tensor.shape)))
    state = whole.state_dict()
    torch.save(state, HERE / "small.zip.pth")
    torch.save(state, HERE / "small.legacy.pth", _use_new_zipfile_serialization=False)
    save_file(state, HERE / "small.safetensors")
    net = net.double()
    xs = pictures("pictures", (2, *shape))
    with torch.no_grad():
        golden = {"shape": shape, "channels": [4, 6], "convolutions": [1, 2], "hidden": hidden, "outputs": outputs}
        for name, normalise in [("torchvision", torchvision), ("keras", keras)]:
            features = net.features(normalise(xs))
            golden[name] = {"features": rows(features), "logits": rows(net.classifier(features.flatten(1)))}
    logits = net.classifier(net.features(torchvision(xs)).flatten(1))
    loss = nn.functional.cross_entropy(logits, torch.tensor(TARGETS))
    loss.backward()
    golden["targets"], golden["loss"] = TARGETS, shortened(loss.item(), DIGITS)
    golden["gradients"] = {name: sketch(name, p.grad, DIGITS) for name, p in net.named_parameters()}
    return golden


def true_size():
    net = network(cfgs["D"], 25088, [512, 192], 7)
    xs = pictures("pictures", (1, 3, 224, 224))
    with torch.no_grad():
        features = net.features(torchvision(xs))
        logits = net.classifier(features.flatten(1))
    entries = features.flatten()
    return {
        "parameters": sum(tensor.numel() for tensor in net.parameters()),
        "every": 97, "features": rows(entries[::97]), "norm": shortened(entries.norm().item(), DIGITS),
        "largest": shortened(entries.abs().max().item(), DIGITS), "logits": rows(logits),
    }


def pixels():
    xs = pictures("pixels", (1, 3, 2, 3))
    return {"pixels": xs.flatten().tolist(), "torchvision": rows(torchvision(xs)), "keras": rows(keras(xs))}


torch.set_num_threads(1)
golden = {"pixels": pixels(), "small": small(), "true_size": true_size()}
lines = ",\n".join(f"{json.dumps(key)}:{json.dumps(value, separators=(',', ':'))}" for key, value in golden.items())
(HERE / "vgg16.json").write_text("{\n" + lines + "\n}\n")
