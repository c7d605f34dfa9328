"""The first fit of a process: how long a user waits for compiled code, with an empty cache and a filled one.

Run as ``python -m parts.first_fit`` it is that process: it fits the digits once and prints the seconds since
scikit-learn and Numba were imported.
"""

import sys
import tempfile
from time import perf_counter

from measuring.child import printed_numbers
from measuring.load import OthersLoad
from reporting.tables import figure, table

EPOCHS = 20
STATES = {"empty": "an empty cache", "filled": "a filled cache"}
PARTS = {"process": "whole process, s", "beyond_imports": "beyond the imports of scikit-learn and Numba, s"}


def measure(options, progress):
    """Start pairs of processes; they wait for nothing, so the load by others is told but no round is repeated."""
    progress("first fit of a process")
    load = OthersLoad()
    pairs = [start_seconds(options.dtype, options.threads) for _ in range(min(3, options.rounds))]
    others = load.cpus()
    return {
        words: {"seconds": {part: [pair[state][part] for pair in pairs] for part in PARTS}, "others": others}
        for state, words in STATES.items()
    }


def section(entries, dtype):
    rows = [[name, *(figure(entry, part, "{:.2f}") for part in PARTS)] for name, entry in entries.items()]
    return "\n\n".join([f"## The first fit of a process, {dtype}", table(["with", *PARTS.values()], rows)])


def start_seconds(dtype, threads):
    """Start two processes, the first with an empty cache; return the seconds of each by state of the cache."""
    with tempfile.TemporaryDirectory() as cache:
        return {state: _start(cache, dtype, threads) for state in ("empty", "filled")}


def _start(cache, dtype, threads):
    start = perf_counter()
    (beyond_imports,) = printed_numbers(__name__, dtype, threads, NUMBA_CACHE_DIR=cache)
    return {"process": perf_counter() - start, "beyond_imports": beyond_imports}


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
