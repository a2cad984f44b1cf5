"""Makes outputs.csv and outputs.json: what numpy, scipy and scikit-learn say about predicted numbers.

Run: python outputs.py      with scikit-learn==1.9.1, scipy==1.17.1, numpy==2.4.6
Read by crates/eval/tests/reference.rs.
"""

import csv
import itertools
import json
from pathlib import Path

import numpy as np
import scipy
import sklearn
from scipy import stats
from sklearn.metrics import mean_squared_error

here = Path(__file__).parent
rng = np.random.default_rng(19)
OUTPUTS = ["valence", "arousal", "awe"]
VARIANTS = ["plain", "better", "retouched"]
FOLDS, SEEDS = [1, 2], [1, 2, 3]
SPEAKERS = [("NORTH", f"NORTH/{i:02}", "female" if i % 2 else "male") for i in range(8)]
SPEAKERS += [("SOUTH", f"SOUTH/{i:02}", "") for i in range(5)]
OURS, REFERENCE = 2000, 100_000  # resamples

# plain shrinks towards the middle, each speaker in its own way; better is nearer to the truth; retouched is plain but
# for a little noise. A seed of fold 2 predicts one awe for everybody.
rows = []
for number, (corpus, speaker, sex) in enumerate(SPEAKERS):
    fold = FOLDS[number % 2]
    shift, slope = rng.normal(0, 0.1, 3), rng.uniform(0.2, 0.8, 3)
    for i in range(8 + number % 5):
        truth = rng.beta(1.2, 2.5, 3)
        for seed in SEEDS:
            plain = 0.4 + slope * (truth - 0.4) + shift + rng.normal(0, 0.15, 3)
            better = truth + 0.5 * (plain - truth)
            retouched = plain + rng.normal(0, 0.01, 3)
            if (fold, seed) == (2, 3):
                plain[2] = 0.3
            rows.append([f"{speaker}/{i:02}", corpus, speaker, sex, fold, seed, truth, plain, better, retouched])
rows = [row[:6] + [np.round(values, 4).astype(np.float32) for values in row[6:]] for row in rows]
with open(here / "outputs.csv", "w", newline="") as file:
    writer = csv.writer(file, lineterminator="\n")
    names = [f"{who}.{output}" for who in ["truth", *VARIANTS] for output in OUTPUTS]
    writer.writerow(["utterance", "corpus", "speaker", "sex", "fold", "seed", *names])
    writer.writerows([row[:6] + [f"{value:.4f}" for values in row[6:] for value in values] for row in rows])


def scores(part, variant, output):
    truth, said = (np.array([row[column][output] for row in part], float) for column in (6, 7 + VARIANTS.index(variant)))
    (truth_variance, both), (_, said_variance) = np.cov(truth, said, bias=True)
    is_constant = len(set(said)) == 1
    ccc = 2 * both / (truth_variance + said_variance + (truth.mean() - said.mean()) ** 2)
    return {
        "ccc": 0.0 if is_constant else float(ccc),
        "mse": float(mean_squared_error(truth, said)),
        "pearson": 0.0 if is_constant else float(stats.pearsonr(truth, said).statistic),
    }


def mean(all_scores):
    return {name: float(np.mean([one[name] for one in all_scores])) for name in ["ccc", "mse", "pearson"]}


def of_part(part, variant):
    return mean([scores(part, variant, output) for output in range(3)])


def pooled(part, variant, score=of_part):
    return mean([score([row for row in part if row[5] == seed], variant) for seed in SEEDS])


def cell(fold, seed, variant):
    part = [row for row in rows if (row[4], row[5]) == (fold, seed)]
    per_output = {name: scores(part, variant, output) for output, name in enumerate(OUTPUTS)}
    return {"fold": fold, "seed": seed, **of_part(part, variant), "rows": len(part), "per_output": per_output}


# Bootstraps draw speakers and compute every coefficient anew from the sums of the speakers drawn.
def sums(variant):
    """[speaker, seed, output, sum]: rows, truth, said, their squares, their product."""
    table = np.zeros((len(SPEAKERS), len(SEEDS), 3, 6))
    place = {speaker: i for i, (_, speaker, _) in enumerate(SPEAKERS)}
    for row in rows:
        truth, said = (np.asarray(row[column], float) for column in (6, 7 + VARIANTS.index(variant)))
        one = np.stack([np.ones(3), truth, said, truth**2, said**2, truth * said], axis=-1)
        table[place[row[2]], SEEDS.index(row[5])] += one
    return table


def figures(table):
    """[…, seed, output, sum] → [measure, …, output], mean over seeds."""
    n, truth, said, truth_squares, said_squares, products = np.moveaxis(table, -1, 0)
    truth, said = truth / n, said / n
    truth_variance, said_variance = truth_squares / n - truth**2, said_squares / n - said**2
    both = products / n - truth * said
    ccc = 2 * both / (truth_variance + said_variance + (truth - said) ** 2)
    # What does not vary has no correlation; 0.3 is no binary fraction, so its variance is not quite 0.
    varies = said_variance > 1e-12
    pearson = np.where(varies, both, 0) / np.sqrt(np.where(varies, truth_variance * said_variance, 1))
    mse = (truth_squares + said_squares - 2 * products) / n
    return np.stack([one.mean(-2) for one in (ccc, mse, pearson)])


def bootstrap(statistic):
    of = lambda drawn, axis: statistic(drawn.astype(int))
    result = stats.bootstrap(
        (np.arange(len(SPEAKERS)),), of, n_resamples=REFERENCE, method="percentile", batch=10_000, rng=rng
    )
    # Where the ends of OURS resamples lie: the rank of a quantile q has the standard error √(q(1 − q)/n), and four of
    # those are allowed, the reference's own included.
    rank = 4 * np.sqrt(0.025 * 0.975 * (1 / OURS + 1 / REFERENCE))
    drawn = result.bootstrap_distribution
    quantiles = [[q - rank, q + rank] for q in (0.025, 0.975)]
    return drawn, np.moveaxis(np.quantile(drawn, quantiles, axis=-1), (0, 1), (-2, -1)).tolist()


variants = {}
tables = {name: sums(name) for name in VARIANTS}
for name in VARIANTS:
    cells = [cell(fold, seed, name) for fold in FOLDS for seed in SEEDS]
    grid = {m: np.array([c[m] for c in cells]).reshape(len(FOLDS), len(SEEDS)) for m in ["ccc", "mse", "pearson"]}
    whole = pooled(rows, name)
    assert np.allclose(figures(tables[name].sum(0)).mean(-1), [whole[m] for m in grid], rtol=1e-9)
    _, ends = bootstrap(lambda drawn: figures(tables[name][drawn].sum(-4)).mean(-1))
    _, output_ends = bootstrap(lambda drawn: figures(tables[name][drawn].sum(-4))[0, ..., 0])
    variants[name] = {
        "cells": cells,
        "aggregate": {
            m: {
                "mean": float(values.mean()),
                "std_seeds": float(values.mean(0).std(ddof=1)),
                "std_folds": float(values.mean(1).std(ddof=1)),
                "pooled": whole[m],
                "clusters": len(SPEAKERS),
            }
            for m, values in grid.items()
        },
        "per_output": {
            output: pooled(rows, name, lambda part, variant: scores(part, variant, i)) for i, output in enumerate(OUTPUTS)
        },
        "ends": dict(zip(grid, ends)),
        "valence_ends": output_ends,
        "groups": {
            "corpus": {c: pooled([r for r in rows if r[1] == c], name) for c in ["NORTH", "SOUTH"]},
            "speaker": {s[1]: pooled([r for r in rows if r[2] == s[1]], name) for s in SPEAKERS},
        },
    }

pairs = []
for a, b in itertools.combinations(VARIANTS, 2):
    of = lambda drawn: (figures(tables[a][drawn].sum(-4)) - figures(tables[b][drawn].sum(-4))).mean(-1)[0]
    drawn, ends = bootstrap(of)
    tail = min((drawn <= 0).mean(), (drawn >= 0).mean())
    pairs.append(
        {
            "a": a,
            "b": b,
            "difference": pooled(rows, a)["ccc"] - pooled(rows, b)["ccc"],
            "ends": ends,
            "p": min(2 * tail, 1.0),
            "p_error": 2 * 4 * np.sqrt(tail * (1 - tail) * (1 / OURS + 1 / REFERENCE)) + 2 / (OURS + 1),
        }
    )

# Always saying the mean of the scored truth of the fold, overall or of the corpus.
def saying(by_corpus):
    cells = []
    for fold, seed in itertools.product(FOLDS, SEEDS):
        part = [row for row in rows if (row[4], row[5]) == (fold, seed)]
        truth = np.array([row[6] for row in part], float)
        corpora = np.array([row[1] for row in part])
        said = np.stack([truth[corpora == c].mean(0) if by_corpus else truth.mean(0) for c in corpora])
        both = ((truth - truth.mean(0)) * (said - said.mean(0))).mean(0)
        ccc = 2 * both / (truth.var(0) + said.var(0) + (truth.mean(0) - said.mean(0)) ** 2)
        cells.append({"ccc": ccc.mean(), "mse": ((truth - said) ** 2).mean(), "pearson": 0.0})
    return {name: float(np.mean([cell[name] for cell in cells])) for name in ["ccc", "mse"]}


expected = {
    "versions": {
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "scikit-learn": sklearn.__version__,
    },
    "outputs": OUTPUTS,
    "resamples": OURS,
    "variants": variants,
    "baselines": {"mean": saying(False), "corpus_only": saying(True)},
    "pairs": pairs,
}
(here / "outputs.json").write_text(json.dumps(expected, indent=1) + "\n")
