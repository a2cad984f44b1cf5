"""What the references of `cargo xtask bench` share: the fastest kernels for them, and a line that says what they compute with.

Python 3.11, threadpoolctl 3.6.0
"""
import os
import sys


def fastest_openblas():
    """Has an OpenBLAS that is loaded later use the kernels that numpy's own chose. An old one (faiss-cpu 1.15.1 brings 0.3.15)
    takes a processor that it does not know for a Prescott of 2004: on a Sapphire Rapids that is a quarter of its speed."""
    import numpy  # noqa: F401 (loads its OpenBLAS)
    from threadpoolctl import threadpool_info

    kernels = [pool["architecture"] for pool in threadpool_info() if pool["internal_api"] == "openblas"]
    if kernels:
        os.environ["OPENBLAS_CORETYPE"] = kernels[0]


def say():
    """Prints every library of threads that is loaded by now, its kernels and how many threads it uses."""
    from threadpoolctl import threadpool_info

    pools = []
    for pool in threadpool_info():
        words = [pool["internal_api"], pool["version"], pool.get("architecture"), f"threads {pool['num_threads']}"]
        pools.append(" ".join(word for word in words if word))
    print("peer: " + "; ".join(sorted(set(pools))), file=sys.stderr)
