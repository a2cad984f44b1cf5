"""Golden of fine-tuning affekt-models' wav2vec 2.0: 20 steps of `Wav2Vec2ForSequenceClassification` in transformers with
torch.optim.Adam. Dropout, layer drop and masks are off, so that nothing is left to chance.

Made with Python 3.11, numpy 2.4.6, torch 2.11.0 (CPU) and transformers 5.17.0.   Run:  python tuning.py
The networks compute in f64. Kept are the loss before every step and what all steps together added to each parameter, but
for the biases of keys: they add the same to all scores of a frame, so that their gradients are rounding.
"""
import json
import pathlib

import torch
from formula import POST_NORM, PRE_NORM, SAMPLES, noise, short, shortened, sketch, weight
from transformers import Wav2Vec2Config, Wav2Vec2ForSequenceClassification

TARGETS, STEPS = [2, 0, 1, 0], 20
OFF = {name: 0.0 for name in ["hidden_dropout", "activation_dropout", "attention_dropout", "layerdrop"]}
OFF |= {"apply_spec_augment": False}


def golden(case, settings, learning_rate):
    net = Wav2Vec2ForSequenceClassification(Wav2Vec2Config(**settings, num_labels=3)).double().train()
    parameters = dict(net.named_parameters())
    with torch.no_grad():
        for name, tensor in parameters.items():
            tensor.copy_(weight(short(name), tuple(tensor.shape)).float())
    before = {name: tensor.detach().clone() for name, tensor in parameters.items()}
    optimiser = torch.optim.Adam(net.parameters(), lr=learning_rate)
    xs, losses = noise("input", (4, SAMPLES)).float().double(), []
    for _ in range(STEPS):
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(net(xs).logits, torch.tensor(TARGETS))
        loss.backward()
        optimiser.step()
        losses.append(shortened(loss.item()))
    trained = [name for name, p in parameters.items() if p.grad is not None and not name.endswith("k_proj.bias")]
    return {
        "case": case, "config": settings, "learning_rate": learning_rate, "losses": losses,
        "parameters": {name: list(p.shape) for name, p in parameters.items()},
        "changes": {name: sketch(short(name), parameters[name] - before[name]) for name in trained},
    }


torch.set_num_threads(1)
torch.cuda.is_current_stream_capturing = lambda: False  # asking crashes where there is no GPU
cases = [
    golden("post-norm, 1e-4", POST_NORM | OFF, 1e-4),
    golden("pre-norm, 1e-4", PRE_NORM | OFF, 1e-4),
    golden("post-norm, 1e-5", POST_NORM | OFF, 1e-5),
]
text = "[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]\n"
pathlib.Path(__file__).with_name("tuning.json").write_text(text)
