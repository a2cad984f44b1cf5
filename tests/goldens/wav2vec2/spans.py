"""How many frames transformers masks, `spans.json`: the distribution over 20 000 draws for clips of several lengths in one batch.

Made with Python 3.11, numpy 2.4.6 and transformers 5.17.0.   Run:  python spans.py
`_compute_mask_indices` is asked in two ways: with an attention mask (spans within each clip), and
without one, where spans over the padded rows are then restricted to the clips' own frames, as V-FT's published code does.
For every clip: the cumulative share of draws that mask at most n frames, n = 0, 1, …, and how often each number of
separate runs of masked frames comes.
"""
import json
import os

import numpy as np
import torch

torch.cuda.is_current_stream_capturing = lambda: False
from transformers.models.wav2vec2.modeling_wav2vec2 import _compute_mask_indices

DRAWS = 20_000
LENGTHS = [149, 80, 40]
CASES = [(0.08, 15, 2), (0.06, 15, 2), (0.05, 10, 2)]


def runs(row):
    return int(row[0]) + int(np.sum(row[1:] & ~row[:-1]))


def drawn(share, length, least, over):
    total = max(LENGTHS)
    valid = np.arange(total)[None, :] < np.array(LENGTHS)[:, None]
    attention = torch.from_numpy(valid.astype(np.int64)) if over == "clips" else None
    counts = np.zeros((len(LENGTHS), total + 1))
    separate = np.zeros((len(LENGTHS), 12))
    for _ in range(DRAWS):
        mask = _compute_mask_indices((len(LENGTHS), total), share, length, attention_mask=attention, min_masks=least)
        mask = mask & valid
        for clip, row in enumerate(mask):
            counts[clip, row.sum()] += 1
            separate[clip, min(runs(row), 11)] += 1
    return {
        "at_most": [[round(v, 5) for v in np.cumsum(c) / DRAWS] for c in counts],
        "runs": [[round(v, 5) for v in s / DRAWS] for s in separate],
    }


np.random.seed(0)
cases = [
    {"share": s, "length": l, "least": m, "over": over, **drawn(s, l, m, over)}
    for s, l, m in CASES
    for over in ["clips", "rows"]
]
folder = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(folder, "spans.json"), "w") as file:
    json.dump({"draws": DRAWS, "lengths": LENGTHS, "cases": cases}, file)
    file.write("\n")
