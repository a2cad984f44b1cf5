"""Opens what crates/encoders/tests/all/writing.rs exported with transformers, and compares what comes out with what the
goldens' own networks and the formula of the heads give, computed here. Says the largest difference of each.

Run with torch 2.11.0 and transformers 5.17.0, after `cargo test -p affekt-encoders`:   python check_export.py
"""
import pathlib
import sys

import numpy as np
import torch
from transformers import AutoFeatureExtractor, AutoModel, AutoModelForAudioClassification, Wav2Vec2Model
from transformers.utils import logging

torch.cuda.is_current_stream_capturing = lambda: False  # asking crashes where there is no GPU
logging.set_verbosity_error()
HERE = pathlib.Path(__file__).parent
EXPORTED = HERE.parents[2] / "target" / "tmp" / "affekt-encoders"
TOLERANCE = 1e-5


def formula(*shape):
    entries = np.arange(np.prod(shape))
    return torch.from_numpy(((entries * 7 % 11) - 5.0) / 8.0).float().reshape(shape)


def linear(xs, to):
    return torch.nn.functional.linear(xs, formula(to, xs.shape[-1]), formula(to))


clip = np.random.default_rng(3).normal(size=400).astype(np.float32) * 0.1 + 0.02
failed = False


@torch.no_grad()
def check(name, golden, expected, opens=AutoModelForAudioClassification, normalised=False):
    global failed
    folder = EXPORTED / name
    model, info = opens.from_pretrained(folder, output_loading_info=True)
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if info.get(kind):
            print(f"{name}: {kind}: {sorted(info[kind])}")
            failed = True
    prepare = AutoFeatureExtractor.from_pretrained(folder)
    inputs = prepare(clip, sampling_rate=16_000, return_tensors="pt").input_values
    xs = torch.from_numpy(clip)[None]
    if normalised:
        xs = (xs - xs.mean()) / (xs.var(unbiased=False) + 1e-7).sqrt()
    encoder = Wav2Vec2Model.from_pretrained(HERE / golden).eval()
    theirs = model.eval()(inputs)[0]
    ours = expected(encoder(xs).last_hidden_state)
    difference = (theirs - ours).abs().max().item()
    print(f"{name}: {type(model).__name__}, {list(theirs.shape)}, max abs difference {difference:.3g}, "
          f"{getattr(model.config, 'problem_type', None)}, {list(model.config.id2label.values())}")
    failed |= not difference <= TOLERANCE


check("post-norm", "post-norm/ctc", lambda frames: linear(frames.mean(1), 3))
check("pre-norm", "pre-norm/ctc", lambda frames: linear(frames.mean(1), 3), normalised=True)
check("regression", "post-norm/ctc", lambda frames: linear(linear(frames, 6).mean(1), 2))
check("lstm", "pre-norm/ctc", lambda frames: frames, AutoModel, normalised=True)
sys.exit(failed)
