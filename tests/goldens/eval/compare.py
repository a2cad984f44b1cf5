"""Makes compare.csv and compare.json: what statsmodels, scipy and numpy say about the differences of four variants.

Run: python compare.py      with statsmodels==0.15.0, scipy==1.17.1, scikit-learn==1.9.1, numpy==2.4.6
Read by crates/eval/tests/reference.rs.
"""

import csv
import itertools
import json
from pathlib import Path

import numpy as np
import scipy
import sklearn
import statsmodels
from scipy import stats
from sklearn import metrics
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

here = Path(__file__).parent
rng = np.random.default_rng(11)
CLASSES = ["angry", "happy", "neutral", "sad"]
VARIANTS = ["plain", "retouched", "better", "lucky"]
SEEDS = [1, 2, 3]
SPEAKERS = 12
OURS, REFERENCE = 2000, 200_000  # resamples

# plain hits by a speaker's own skill; retouched changes some of its answers; better hits more often everywhere;
# lucky only with two speakers, so that utterances say it differs and speakers do not.
rows = []
for speaker in range(SPEAKERS):
    skill = rng.uniform(0.35, 0.75)
    for i in range(int(rng.integers(14, 24))):
        label = int(rng.choice(4, p=[0.4, 0.3, 0.2, 0.1]))
        for seed in SEEDS:
            answer = lambda rate: label if rng.random() < rate else int(rng.integers(4))
            plain = answer(skill)
            retouched = int(rng.integers(4)) if rng.random() < 0.04 else plain
            better = answer(min(skill + 0.25, 1))
            lucky = answer(0.98) if speaker < 2 else plain
            rows.append([f"C/{speaker:02}/{i:02}", f"C/{speaker:02}", seed, label, plain, retouched, better, lucky])
with open(here / "compare.csv", "w", newline="") as file:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["utterance", "speaker", "seed", "label", *VARIANTS])
    writer.writerows([row[:3] + [CLASSES[c] for c in row[3:]] for row in rows])

table = np.array([[int(row[1][2:]), *row[2:]] for row in rows])  # speaker, seed, label, variants…
matrices = {name: np.zeros((SPEAKERS, len(SEEDS), 4, 4)) for name in VARIANTS}
for speaker, seed, label, *answers in table:
    for name, answer in zip(VARIANTS, answers):
        matrices[name][speaker, SEEDS.index(seed), label, answer] += 1


def scores(matrix):
    """[…, seed, truth, predicted] → the three measures, mean over seeds."""
    hits, truth, said = matrix.diagonal(axis1=-2, axis2=-1), matrix.sum(-1), matrix.sum(-2)
    with np.errstate(invalid="ignore"):
        uar, f1 = np.nanmean(hits / truth, axis=-1), np.nanmean(2 * hits / (truth + said), axis=-1)
    return {"uar": uar.mean(-1), "wa": (hits.sum(-1) / truth.sum(-1)).mean(-1), "macro_f1": f1.mean(-1)}


SCIKIT = {
    "uar": metrics.balanced_accuracy_score,
    "wa": metrics.accuracy_score,
    "macro_f1": lambda truth, said: metrics.f1_score(truth, said, average="macro"),
}


def scikit(measure, name):
    column = 3 + VARIANTS.index(name)
    parts = [table[table[:, 1] == seed] for seed in SEEDS]
    return float(np.mean([SCIKIT[measure](part[:, 2], part[:, column]) for part in parts]))


def bootstrap(measure, a, b):
    """scipy's bootstrap over speakers' positions; the statistic scores both variants on the speakers drawn."""

    def statistic(drawn, axis):
        of = lambda name: scores(matrices[name][drawn.astype(int)].sum(axis=-4))[measure]
        assert axis == -1
        return of(a) - of(b)

    result = stats.bootstrap(
        (np.arange(SPEAKERS),), statistic, n_resamples=REFERENCE, method="percentile", batch=10_000, rng=rng
    )
    drawn = np.where(abs(result.bootstrap_distribution) < 1e-12, 0, result.bootstrap_distribution)
    # Where the ends of OURS resamples lie: the rank of a quantile q has the standard error √(q(1 − q)/n), and four
    # of those are allowed, the reference's own included.
    rank = 4 * np.sqrt(0.025 * 0.975 * (1 / OURS + 1 / REFERENCE))
    tail = min((drawn <= 0).mean(), (drawn >= 0).mean())
    return {
        "ci95": list(result.confidence_interval),
        "ends": [np.quantile(drawn, [q - rank, q + rank]).tolist() for q in [0.025, 0.975]],
        "p": min(2 * tail, 1.0),
        "p_error": 2 * 4 * np.sqrt(tail * (1 - tail) * (1 / OURS + 1 / REFERENCE)) + 2 / (OURS + 1),
    }


def mcnemar_of(a, b):
    seeds = []
    for seed in SEEDS:
        part = table[table[:, 1] == seed]
        right = [part[:, 2] == part[:, 3 + VARIANTS.index(name)] for name in (a, b)]
        square = [[int(((right[0] == i) & (right[1] == j)).sum()) for j in (True, False)] for i in (True, False)]
        only_a, only_b = square[0][1], square[1][0]
        p = mcnemar(square, exact=True).pvalue
        assert np.isclose(p, stats.binomtest(only_a, only_a + only_b).pvalue, rtol=1e-9)
        seeds.append({"seed": seed, "only_a": only_a, "only_b": only_b, "p": float(p)})
    return {"p": min(1.0, 2 * float(np.median([one["p"] for one in seeds]))), "seeds": seeds}


pairs = []
for a, b in itertools.combinations(VARIANTS, 2):
    tests = {}
    for measure in SCIKIT:
        difference = scikit(measure, a) - scikit(measure, b)
        assert np.isclose(difference, scores(matrices[a].sum(0))[measure] - scores(matrices[b].sum(0))[measure])
        tests[measure] = {"difference": difference, **bootstrap(measure, a, b)}
    pairs.append({"a": a, "b": b, "measures": tests, "mcnemar": mcnemar_of(a, b)})
corrected = multipletests([pair["mcnemar"]["p"] for pair in pairs], method="holm")[1]
for pair, p in zip(pairs, corrected):
    pair["mcnemar"]["p_holm"] = float(p)

# The exact test far from the middle and for many rows, and what Holm's procedure makes of equal values and ones.
counts = [(0, 0), (0, 1), (7, 7), (3, 17), (17, 3), (40, 12), (0, 60), (600, 500), (5000, 5300), (6300, 5862), (6300, 0)]
many = [float(mcnemar([[0, a], [b, 0]], exact=True).pvalue) for a, b in counts]
many_corrected = multipletests(many, method="holm")[1].tolist()
expected = {
    "versions": {
        "statsmodels": statsmodels.__version__,
        "scipy": scipy.__version__,
        "scikit-learn": sklearn.__version__,
        "numpy": np.__version__,
    },
    "classes": CLASSES,
    "resamples": OURS,
    "clusters": SPEAKERS,
    "pairs": pairs,
    "many": [
        {"only_a": a, "only_b": b, "p": p, "p_holm": corrected}
        for (a, b), p, corrected in zip(counts, many, many_corrected)
    ],
}
(here / "compare.json").write_text(json.dumps(expected, indent=1) + "\n")
