"""Goldens of affekt-models' wav2vec 2.0: hidden states, logits of both heads, loss and every gradient of small networks of
both architectures in transformers.

Made with Python 3.11, numpy 2.4.6, torch 2.11.0 (CPU) and transformers 5.17.0.   Run:  python make.py
The networks compute in f64, so that the rounding is that of one side alone.
The loss reads both heads: cross-entropy of the classes, and the mean square of the CTC logits at the frames that hold
speech. Where a case has lengths, the network is given an attention mask.
"""
import json
import pathlib

import torch
from formula import PADDED, POST_NORM, PRE_NORM, SAMPLES, noise, numbers, short, shortened, sketch, weight
from transformers import Wav2Vec2Config, Wav2Vec2ForCTC, Wav2Vec2ForSequenceClassification

CLASSES, TARGETS = 3, [2, 0]


def golden(case, settings, lengths):
    config = Wav2Vec2Config(**settings, num_labels=CLASSES)
    classifier, ctc = Wav2Vec2ForSequenceClassification(config), Wav2Vec2ForCTC(config)
    ctc.wav2vec2 = classifier.wav2vec2
    for net in (classifier, ctc):
        net.double().eval()
        with torch.no_grad():
            for name, tensor in net.named_parameters():
                tensor.copy_(weight(short(name), tuple(tensor.shape)).float())
    xs = noise("input", (2, SAMPLES)).float().double()
    mask, frames = None, [11, 11]
    if lengths is not None:
        mask = (torch.arange(SAMPLES) < torch.tensor(lengths)[:, None]).long()
        xs = xs * mask
        frames = classifier._get_feat_extract_output_lengths(torch.tensor(lengths)).tolist()
    base = classifier.wav2vec2(xs, attention_mask=mask, output_hidden_states=True)
    logits, classes = ctc(xs, attention_mask=mask).logits, classifier(xs, attention_mask=mask).logits
    spoken = torch.cat([row[:count] for row, count in zip(logits, frames)])
    loss = torch.nn.functional.cross_entropy(classes, torch.tensor(TARGETS)) + spoken.square().mean()
    loss.backward()
    parameters = dict(classifier.named_parameters()) | dict(ctc.named_parameters())
    return {
        "case": case, "config": settings, "lengths": lengths, "frames": frames,
        "hidden_states": [numbers(state) for state in base.hidden_states],
        "last_hidden_state": numbers(base.last_hidden_state),
        "ctc_logits": numbers(logits), "class_logits": numbers(classes), "loss": shortened(loss.item()),
        "parameters": {name: list(p.shape) for name, p in parameters.items()},
        "gradients": {name: sketch(short(name), p.grad) for name, p in parameters.items() if p.grad is not None},
    }


torch.set_num_threads(1)
torch.cuda.is_current_stream_capturing = lambda: False  # asking crashes where there is no GPU
cases = [
    golden("post-norm, all of one length", POST_NORM, None),
    golden("post-norm, padded as the reference pads", POST_NORM, PADDED),
    golden("pre-norm, padded", PRE_NORM, PADDED),
]
text = "[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]\n"
pathlib.Path(__file__).with_name("wav2vec2.json").write_text(text)
