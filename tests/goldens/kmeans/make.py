"""Golden of affekt-train's k-means: faiss on 2000 points of 16 values, from given centroids.

Made with Python 3.11, numpy 2.4.6, torch 2.11.0 and faiss-cpu 1.15.1.   Run:  python make.py
Points and first centroids are by formula (points.py). Kept are faiss' objectives, one an iteration, how many points
each cluster has, and for the smaller k the centroids.
"""
import json
import pathlib

import faiss
import numpy as np
from points import points, start

POINTS, WIDTH, CENTRES, ITERATIONS = 2000, 16, 12, 20

rows, cases = points(POINTS, WIDTH, CENTRES), []
for k in (8, 64):
    kmeans = faiss.Kmeans(WIDTH, k, niter=ITERATIONS, max_points_per_centroid=10**9)
    kmeans.train(rows, init_centroids=start(rows, k))
    # The last iteration's assignment was to the centroids before it moved them; this one is to those after it.
    squares, ids = kmeans.assign(rows)
    cases.append({
        "k": k,
        "objective": [float(f"{objective:.8g}") for objective in kmeans.obj],
        "assigned": np.bincount(ids, minlength=k).tolist(),
        "assigned_objective": float(f"{squares.astype(np.float64).sum():.8g}"),
    })
    if k == 8:
        cases[-1]["centroids"] = [float(f"{value:.7g}") for value in kmeans.centroids.ravel()]
golden = {"points": POINTS, "width": WIDTH, "centres": CENTRES, "cases": cases}
pathlib.Path(__file__).with_name("faiss.json").write_text(json.dumps(golden) + "\n")
