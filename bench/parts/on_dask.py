"""Data on a cluster of two workers, beside one process that maps the same rows from disk: seconds and peak memory.

Run as ``python -m parts.on_dask WAY SAMPLES FEATURES EPOCHS ROUNDS`` it is one of the two: it makes the rows block by
block, fits once for a single epoch, and then prints the seconds of each further fit, and the megabytes of the process,
or of the worker, that needed most. Pages of a mapped file are among them, which the system takes back when others need
memory.
"""

import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter

from measuring.child import printed_numbers
from measuring.load import OthersLoad
from measuring.memory import megabytes
from reporting.tables import figure, table

SIZES = [(1_000_000, 100), (10_000_000, 30)]
WAYS = {
    "adam": "adam, one process, memmap",
    "lbfgs": "L-BFGS, one process, memmap",
    "adam-dask": "adam on Dask: the model travels",
    "lbfgs-dask": "L-BFGS on Dask: sums in parallel",
}
BLOCKS, WORKERS, EPOCHS, HIDDEN, CLASSES = 16, 2, 3, 100, 10
MEASURES = {"fit": f"{EPOCHS} epochs or iterations, s", "memory": "peak of a process, MB"}
MOST_ROUNDS = 2


def measure(options, progress):
    entries, ways = {}, dict(WAYS)
    if find_spec("distributed") is None:
        options.skipped["Dask"] = "it is not installed"
        ways = {way: words for way, words in WAYS.items() if not way.endswith("dask")}
    for n_samples, n_features in SIZES:
        for way, words in ways.items():
            rows = n_samples // 20 if options.quick else n_samples
            name = f"{words}, {rows:,} x {n_features}"
            progress(f"on Dask: {name}")
            load = OthersLoad()
            *seconds, memory = printed_numbers(
                __name__, way, rows, n_features, EPOCHS, min(MOST_ROUNDS, options.rounds)
            )
            seconds = {"fit": seconds, "memory": [memory]}
            entries[name] = {"seconds": seconds, "others": load.cpus()}
    return entries


def section(entries):
    rows = [[name, *(figure(entry, measure, "{:.3g}") for measure in MEASURES)] for name, entry in entries.items()]
    return "\n\n".join(
        [
            f"## Data on a cluster of {WORKERS} workers with a thread each",
            "The peak of one process has pages of the mapped file, which the system takes back when it needs them.",
            table([f"fit of {HIDDEN} hidden units and {CLASSES} classes in float32", *MEASURES.values()], rows),
        ]
    )


def block(number, rows, n_features):
    """Return X and y of a block: classes that a network can learn."""
    import numpy as np

    rng = np.random.default_rng(number)
    X = rng.standard_normal((rows, n_features), dtype=np.float32)
    return X, (X[:, :CLASSES] + 0.5 * X[:, CLASSES : 2 * CLASSES]).argmax(axis=1)


def model(kind, epochs):
    solver = kind.partition("-")[0]
    return {"hidden_layer_sizes": HIDDEN, "solver": solver, "max_iter": epochs, "tol": 0.0, "random_state": 0}


def seconds_of(estimator, way, X, y, epochs, rounds, **parameters):
    """Fit once for an epoch, and return the seconds of further fits."""
    estimator(**model(way, 1), **parameters).fit(X, y)
    seconds = []
    for _ in range(rounds):
        start = perf_counter()
        estimator(**model(way, epochs), **parameters).fit(X, y)
        seconds.append(perf_counter() - start)
    return seconds


def in_one_process(way, rows, n_features, epochs, rounds):
    """Fit rows that are mapped from a file; return the seconds of the fits and the megabytes of this process."""
    import numpy as np

    from shallownet import ShallowNetClassifier

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "X"
        X = np.memmap(path, np.float32, "w+", shape=(rows * BLOCKS, n_features))
        y = np.empty(rows * BLOCKS, np.int8)
        for number in range(BLOCKS):
            part = slice(number * rows, (number + 1) * rows)
            X[part], y[part] = block(number, rows, n_features)
        X.flush()
        del X
        X = np.memmap(path, np.float32, "r", shape=(rows * BLOCKS, n_features))
        seconds = seconds_of(ShallowNetClassifier, way, X, y, epochs, rounds, n_jobs=WORKERS)
        return *seconds, megabytes("VmHWM")


def on_workers(way, rows, n_features, epochs, rounds):
    """Fit rows that two workers hold; return the seconds of the fits and the megabytes of the larger worker."""
    import dask
    import dask.array as da
    import numpy as np
    from distributed import Client, LocalCluster, wait

    from shallownet.dask import DaskShallowNetClassifier

    options = {"n_workers": WORKERS, "threads_per_worker": 1, "dashboard_address": ":0"}
    with LocalCluster(**options) as cluster, Client(cluster) as client:
        made = [dask.delayed(block, nout=2)(number, rows, n_features) for number in range(BLOCKS)]
        X = da.concatenate([da.from_delayed(X, (rows, n_features), np.float32) for X, _ in made]).persist()
        y = da.concatenate([da.from_delayed(y, (rows,), np.int64) for _, y in made]).persist()
        wait([X, y])
        seconds = seconds_of(DaskShallowNetClassifier, way, X, y, epochs, rounds)
        return *seconds, max(client.run(megabytes, "VmHWM").values())


def main(way, n_samples, n_features, *counts):
    import warnings

    warnings.simplefilter("ignore")
    fit = on_workers if way.endswith("dask") else in_one_process
    print(*fit(way, int(n_samples) // BLOCKS, int(n_features), *map(int, counts)))


if __name__ == "__main__":
    main(*sys.argv[1:])
