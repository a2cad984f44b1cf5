"""Goldens of LoRA in affekt-models: outputs, loss and gradients of a wav2vec 2.0 with low-rank maps by peft, and the weights that
peft merges.

Made with Python 3.11, numpy 2.4.6, torch 2.15.0, transformers 5.17.0 and peft 0.21.2.   Run:  python lora.py
Weights, inputs and what is kept of gradients: as in speech_networks.py. B, which begins at 0, is random here.
"""
import json
import pathlib

import torch
from torch import nn
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer

import speech_networks
from by_formula import sketch
from speech_networks import DIGITS, POST_NORM, PRE_NORM, FineTuned, golden

CASES = {
    "LoRA, post-norm": (POST_NORM, {"r": 3, "lora_alpha": 5, "target_modules": ["q_proj", "v_proj"]}),
    "LoRA, pre-norm": (PRE_NORM, {
        "r": 2, "lora_alpha": 8,
        "target_modules": ["q_proj", "k_proj", "v_proj", "out_proj", "intermediate_dense", "output_dense"],
    }),
}


def short(name):
    for theirs, ours in [("base_layer.", ""), (".default", ""), ("parametrizations.weight.original0", "weight_g"),
                         ("parametrizations.weight.original1", "weight_v")]:
        name = name.replace(theirs, ours)
    return name


speech_networks.short = short

if __name__ == "__main__":
    cases = []
    for case, (encoder, settings) in CASES.items():
        net = FineTuned(encoder)
        inject_adapter_in_model(LoraConfig(**settings), net.wav2vec2)
        made = golden(case, net, [240], [240, 170, 203], train=False)
        for layer in [module for module in net.modules() if isinstance(module, LoraLayer)]:
            layer.merge()
        made["merged"] = {
            short(name): sketch(short(name), tensor, DIGITS)
            for name, tensor in net.state_dict().items() if name.endswith("base_layer.weight")
        }
        cases.append(made)
    text = "[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]\n"
    pathlib.Path(__file__).with_suffix(".json").write_text(text)
