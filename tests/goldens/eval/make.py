"""Makes predictions.csv and expected.json: what scikit-learn, scipy and numpy say about made-up predictions.

Run: python make.py      with scikit-learn==1.9.1, scipy==1.17.1, numpy==2.4.6
Read by crates/eval/tests/reference.rs.
"""

import csv
import json
import warnings
from pathlib import Path

import numpy as np
import scipy
import sklearn
from scipy import stats
from sklearn import metrics

warnings.filterwarnings("ignore")  # classes that a fold has not
here = Path(__file__).parent
rng = np.random.default_rng(7)
CLASSES = ["angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"]
SPEAKERS = [("NORTH", f"NORTH/{i:02}", "female" if i % 2 else "male") for i in range(9)]
SPEAKERS += [("SOUTH", f"SOUTH/{i:02}", "") for i in range(5)]
FOLDS, SEEDS = [1, 2], [11, 12, 13]

rows = []
for number, (corpus, speaker, sex) in enumerate(SPEAKERS):
    fold = FOLDS[number % 2]
    skill = rng.uniform(0.3, 0.9)  # speakers differ, which is why clusters are resampled
    for i in range(20 + 3 * number):
        # Fold 2 never holds surprise; the SOUTH knows three classes.
        known = CLASSES[:3] if corpus == "SOUTH" else CLASSES[: 7 if fold == 1 else 6]
        label = rng.choice(known)
        for seed in SEEDS:
            right = rng.random() < skill
            predicted = label if right else rng.choice(CLASSES)
            rows.append([f"{speaker}/{i:03}", corpus, speaker, sex, fold, seed, label, predicted])
with open(here / "predictions.csv", "w", newline="") as file:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow("utterance corpus speaker sex fold seed label predicted".split())
    writer.writerows(rows)


def scores(part):
    truth, predicted = [row[6] for row in part], [row[7] for row in part]
    return {
        "uar": metrics.balanced_accuracy_score(truth, predicted),
        "wa": metrics.accuracy_score(truth, predicted),
        "macro_f1": metrics.f1_score(truth, predicted, average="macro"),
    }


def cell(fold, seed):
    part = [row for row in rows if row[4] == fold and row[5] == seed]
    truth, predicted = [row[6] for row in part], [row[7] for row in part]
    table = metrics.precision_recall_fscore_support(truth, predicted, labels=CLASSES, zero_division=0)
    per_class = {
        name: dict(zip(["precision", "recall", "f1", "support"], map(float, column)))
        for name, column in zip(CLASSES, zip(*table))
    }
    confusion = metrics.confusion_matrix(truth, predicted, labels=CLASSES).tolist()
    return {"fold": fold, "seed": seed, **scores(part), "per_class": per_class, "confusion": confusion}


def pooled(part):
    per_seed = [scores([row for row in part if row[5] == seed]) for seed in SEEDS]
    return {name: float(np.mean([one[name] for one in per_seed])) for name in per_seed[0]}


cells = [cell(fold, seed) for fold in FOLDS for seed in SEEDS]
grid = {name: np.array([c[name] for c in cells]).reshape(len(FOLDS), len(SEEDS)) for name in ["uar", "wa", "macro_f1"]}

# scipy's bootstrap over speakers' positions: the statistic adds up the confusion matrices of the speakers drawn.
position = {name: i for i, name in enumerate(CLASSES)}
matrices = np.zeros((len(SPEAKERS), len(SEEDS), 7, 7))
for row in rows:
    speaker = [s[1] for s in SPEAKERS].index(row[2])
    matrices[speaker, SEEDS.index(row[5]), position[row[6]], position[row[7]]] += 1


def resampled(drawn, axis):
    matrix = matrices[drawn.astype(int)].sum(axis=-4)  # …, seed, truth, predicted
    hits, truth, guessed = matrix.diagonal(axis1=-2, axis2=-1), matrix.sum(-1), matrix.sum(-2)
    with np.errstate(invalid="ignore"):
        uar = np.nanmean(hits / truth, axis=-1).mean(-1)
        macro_f1 = np.nanmean(2 * hits / (truth + guessed), axis=-1).mean(-1)
    return np.array([uar, (hits.sum(-1) / truth.sum(-1)).mean(-1), macro_f1])


OURS, REFERENCE = 2000, 200_000  # resamples
bootstrap = stats.bootstrap(
    (np.arange(len(SPEAKERS)),), resampled, n_resamples=REFERENCE, method="percentile", batch=10_000, rng=rng
)
# Where the ends of OURS resamples lie: the rank of a quantile q has the standard error √(q(1 − q)/n), and four of
# those are allowed, the reference's own included.
rank = 4 * np.sqrt(0.025 * 0.975 * (1 / OURS + 1 / REFERENCE))
ends = {
    name: [np.quantile(values, [q - rank, q + rank]).tolist() for q in [0.025, 0.975]]
    for name, values in zip(["uar", "wa", "macro_f1"], bootstrap.bootstrap_distribution)
}
low, high = bootstrap.confidence_interval
intervals = dict(zip(["uar", "wa", "macro_f1"], zip(low.tolist(), high.tolist())))

everything = pooled(rows)
expected = {
    "versions": {"scikit-learn": sklearn.__version__, "scipy": scipy.__version__, "numpy": np.__version__},
    "classes": CLASSES,
    "cells": cells,
    "aggregate": {
        name: {
            "mean": grid[name].mean(),
            "std_seeds": grid[name].mean(0).std(ddof=1),
            "std_folds": grid[name].mean(1).std(ddof=1),
            "pooled": everything[name],
            "ci95": intervals[name],
            "clusters": len(SPEAKERS),
        }
        for name in grid
    },
    "bootstrap": {"resamples": OURS, "ends": ends},
    "groups": {
        "corpus": {c: pooled([r for r in rows if r[1] == c]) for c in ["NORTH", "SOUTH"]},
        "speaker": {s[1]: pooled([r for r in rows if r[2] == s[1]]) for s in SPEAKERS},
        "sex": {s or "unknown": pooled([r for r in rows if r[3] == s]) for s in ["female", "male", ""]},
    },
}
(here / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
