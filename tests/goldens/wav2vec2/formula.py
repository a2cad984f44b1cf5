"""What the scripts of this folder share beside `by_formula`: small architectures, and how their weights are made."""
import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import by_formula  # noqa: E402
from by_formula import bits, noise  # noqa: E402, F401

SAMPLES = 240
DIGITS = 8
PADDED = [240, 170]
SMALL = {
    "vocab_size": 5, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24,
    "conv_dim": [8, 8, 12], "conv_stride": [5, 2, 2], "conv_kernel": [10, 3, 2], "num_conv_pos_embedding_groups": 4,
    "classifier_proj_size": 10,
}
POST_NORM = SMALL | {
    "feat_extract_norm": "group", "conv_bias": False, "do_stable_layer_norm": False, "num_conv_pos_embeddings": 6,
}
PRE_NORM = SMALL | {
    "feat_extract_norm": "layer", "conv_bias": True, "do_stable_layer_norm": True, "num_conv_pos_embeddings": 7,
    "hidden_act": "relu",
}


def weight(name, shape):
    if name.endswith("weight_g") or (len(shape) == 1 and name.endswith("weight")):
        return 1.0 + noise(name, shape) / 2.0
    if len(shape) > 1:
        return noise(name, shape) / np.sqrt(np.prod(shape[1:]))
    return noise(name, shape) / 4.0


def short(name):
    """The name without what checkpoints differ in."""
    name = name.removeprefix("wav2vec2.")
    return name.replace("parametrizations.weight.original0", "weight_g").replace(
        "parametrizations.weight.original1", "weight_v")


def sketch(name, tensor):
    return by_formula.sketch(name, tensor, DIGITS)


def shortened(number):
    return by_formula.shortened(number, DIGITS)


def numbers(tensor):
    return {"shape": list(tensor.shape), "values": [shortened(number) for number in tensor.flatten().tolist()]}
