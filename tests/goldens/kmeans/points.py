"""What is clustered by the scripts of this folder, by formula: points around random centres. The same stand in
crates/train/tests/kmeans/formula.rs."""
import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from by_formula import bits  # noqa: E402

BLOCK = 10_000


def noise(name, rows, width):
    """Uniform in -1..1, and no number that f32 would have to round."""
    return ((bits(name, rows * width) >> np.uint64(40)) / 2.0**23 - 1.0).astype(np.float32).reshape(rows, width)


def points(count, width, centres):
    """Row by row, `[count, width]`: each around one of so many centres, and as far from it as centres are from 0."""
    around, rows = noise("centres", centres, width), np.empty((count, width), np.float32)
    for first in range(0, count, BLOCK):
        numbers = np.arange(first, min(first + BLOCK, count))
        rows[numbers] = noise(f"points {first}", len(numbers), width) + around[numbers * 7919 % centres]
    return rows


def start(rows, k):
    """Centroids to begin with: every so many rows one."""
    return np.ascontiguousarray(rows[:: len(rows) // k][:k])
