"""The first fit of a process: how long a user waits for compiled code, with an empty cache and a filled one.

Run as a script it is that process: it fits the digits once and prints the seconds since scikit-learn and Numba
were imported.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

EPOCHS = 20  # enough for both copies of the kernel, serial and parallel, to be compiled


def start_seconds(dtype, threads):
    """Start two processes, the first with an empty cache; return the seconds of each by state of the cache."""
    with tempfile.TemporaryDirectory() as cache:
        return {state: _start(cache, dtype, threads) for state in ("empty", "filled")}


def _start(cache, dtype, threads):
    start = perf_counter()
    child = subprocess.run(
        [sys.executable, Path(__file__), dtype, str(threads)],
        env=os.environ | {"NUMBA_CACHE_DIR": cache},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return {"process": perf_counter() - start, "beyond_imports": float(child.stdout)}


def main(dtype, threads):
    import warnings

    import numba  # noqa: F401
    import sklearn.neural_network  # noqa: F401
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(dtype)
    start = perf_counter()
    from shallownet import ShallowNetClassifier

    warnings.simplefilter("ignore")
    ShallowNetClassifier(max_iter=EPOCHS, n_jobs=int(threads)).fit(X, y)
    print(perf_counter() - start)


if __name__ == "__main__":
    main(*sys.argv[1:])
