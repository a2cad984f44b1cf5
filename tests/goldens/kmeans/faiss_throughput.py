"""How fast faiss clusters points of 512 values: iterations a second, then the objective of the last iteration.

Written for Python 3.11, numpy 2.4.6, threadpoolctl 3.6.0 and faiss-cpu 1.15.1.
Run:  python faiss_throughput.py [points] [k] [threads] [iterations]
The twin of crates/train/examples/kmeans_throughput.rs: the same points, from the same centroids, all points used.
"""
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from peer import fastest_openblas, say  # noqa: E402

fastest_openblas()  # before faiss loads its own

import faiss  # noqa: E402
from points import points, start  # noqa: E402

WIDTH, CENTRES = 512, 777

count, k, threads, iterations = (
    int(sys.argv[i]) if len(sys.argv) > i else default for i, default in ((1, 200_000), (2, 64), (3, 2), (4, 20)))

faiss.omp_set_num_threads(threads)
rows = points(count, WIDTH, CENTRES)
begin = start(rows, k)
kmeans = faiss.Kmeans(WIDTH, k, niter=iterations, max_points_per_centroid=10**9)
began = time.perf_counter()
kmeans.train(rows, init_centroids=begin)
print(f"{iterations / (time.perf_counter() - began):.3f} {kmeans.obj[-1]:.8g}")
say()
