"""Predictions over a grid of shapes: few and many rows, features and hidden units, dense and sparse, in both dtypes.

As a program it is the process that measures the cells of one network: it prints, for each, the seconds of each round of
both classifiers in turn, and the megabytes that shallownet needed beside input and output.

    cd bench; python -m parts.predict_shapes FORM DTYPE FEATURES HIDDEN THREADS ROUNDS ROWS...
"""

import gc
import sys
import warnings
from statistics import median
from time import perf_counter

import numpy as np

from measuring.child import printed_numbers
from measuring.load import OthersLoad
from measuring.memory import RESET, give_back, megabytes
from reporting.figures import OURS
from reporting.tables import table

PEER = "MLPClassifier"
FORMS, DTYPES = ("dense", "CSR"), ("float32", "float64")
ROWS = (1, 10, 100, 1_000, 10_000, 100_000)
FEATURES = (1, 100, 10_000, 1_000_000)
HIDDEN = (1, 10, 100, 1_000)
NONZEROS = 50  # of a sparse row, or as many as it has features
CLASSES = 3
BYTES = 6 * 2**30  # of X, W1 and the activations that a cell may take; MLPClassifier makes copies
OPERATIONS = 2e11  # of the hidden product
ALLOWED, GRACE = 1.2, 20e-6  # times the time of MLPClassifier, and as many seconds more
MEMORY = 64  # MB that are allowed beside input and output
ROUND_SECONDS = 0.02


def measure(options, progress):
    entries = {}
    coarse = slice(None, None, 3 if options.quick else 1)
    for form in FORMS:
        for dtype in DTYPES:
            for features in FEATURES[coarse]:
                for hidden in HIDDEN[coarse]:
                    rows = [n for n in ROWS if affordable(form, dtype, n, features, hidden)]
                    if not rows:
                        continue
                    progress(f"{form}, {dtype}, {features:,} features, {hidden:,} units")
                    load = OthersLoad()
                    rounds = min(options.rounds, 3)
                    arguments = form, dtype, features, hidden, options.threads, rounds
                    found = iter(printed_numbers(__name__, *arguments, *rows))
                    for n in rows:
                        seconds = {name: [next(found) for _ in range(rounds)] for name in (OURS, PEER)}
                        entry = {"seconds": seconds, "memory": next(found), "others": load.cpus()}
                        entries[f"{form}, {dtype}, {n} x {features}, {hidden}"] = entry
    return entries


def affordable(form, dtype, n, features, hidden):
    """Return whether the machine can be asked for a cell."""
    numbers = n * (features if form == "dense" else 2 * min(NONZEROS, features))
    size = (numbers + features * hidden + 3 * n * hidden) * np.dtype(dtype).itemsize
    return size <= BYTES and 2 * n * (features if form == "dense" else NONZEROS) * hidden <= OPERATIONS


def excess(entry):
    """Return our time, but for the grace, as a multiple of the peer's."""
    ours, peer = (median(entry["seconds"][name]) for name in (OURS, PEER))
    return max(0.0, ours - GRACE) / peer


def section(entries):
    cells = {tuple(name.replace(" x ", ", ").split(", ")): entry for name, entry in entries.items()}
    text = [
        "## Predictions of every shape",
        f"`predict_proba` of {CLASSES} classes: our time as a multiple of MLPClassifier's, after {GRACE * 1e6:.0f} us"
        f" that are given away; at most {ALLOWED} is asked for. Sparse rows have {NONZEROS} nonzeros.",
    ]
    for form in FORMS:
        for dtype in DTYPES:
            found = {cell[2:]: entry for cell, entry in cells.items() if cell[:2] == (form, dtype)}
            if not found:
                continue
            rows = sorted({int(n) for n, *_ in found})
            networks = sorted({(int(features), int(hidden)) for _, features, hidden in found})
            lines = []
            for features, hidden in networks:
                line = [found.get((str(n), str(features), str(hidden))) for n in rows]
                lines.append([f"{features:,} x {hidden:,}", *("" if e is None else f"{excess(e):.2f}" for e in line)])
            text.append(table([f"{form}, {dtype}: features x units", *(f"{n:,} rows" for n in rows)], lines))
    slowest = max(entries, key=lambda name: excess(entries[name]))
    missed = [name for name in entries if excess(entries[name]) > ALLOWED]
    words = f"The worst cell is {slowest}: {excess(entries[slowest]):.2f} times MLPClassifier's time."
    words += f" {len(missed)} of {len(entries)} cells take more than {ALLOWED}"
    words += f": {'; '.join(missed)}." if missed else "."
    known = {name: entry["memory"] for name, entry in entries.items() if entry["memory"] >= 0}
    if known:
        largest = max(known, key=known.get)
        words += f" The most memory beside input and output, {known[largest]:.0f} MB, is needed by {largest}"
        above = [name for name in known if known[name] > MEMORY]
        words += f"; {len(above)} cells need more than {MEMORY} MB."
    return "\n\n".join([*text, words])


# --- the process of one network -------------------------------------------------------------------------


def main(form, dtype, features, hidden, threads, rounds, *rows):
    warnings.simplefilter("ignore")
    contenders = models(np.dtype(dtype), int(features), int(hidden), int(threads))
    for n in map(int, rows):
        X = data(form, np.dtype(dtype), n, int(features))
        for seconds in cell(contenders, X, int(rounds)).values():
            print(*seconds)
        print(beside(contenders[OURS], X), flush=True)
        del X
        gc.collect()


def models(dtype, features, hidden, threads):
    """Return both classifiers with the same weights."""
    from sklearn.neural_network import MLPClassifier

    from shallownet import ShallowNetClassifier

    coefs = [spread((features, hidden), dtype) * dtype.type(features**-0.5), spread((hidden, CLASSES), dtype)]
    intercepts = [np.zeros(hidden, dtype), np.zeros(CLASSES, dtype)]
    found = {OURS: ShallowNetClassifier(hidden, max_iter=1, n_jobs=threads), PEER: MLPClassifier((hidden,), max_iter=1)}
    for model in found.values():
        model.fit(spread((6, 1), dtype), np.arange(6) % CLASSES)
        model.coefs_, model.intercepts_, model.n_features_in_ = coefs, intercepts, features
    return found


def spread(shape, dtype):
    """Return an array of normal numbers, of which a million are different."""
    return np.resize(np.random.default_rng(0).standard_normal(1_000_003).astype(dtype), shape)


def data(form, dtype, n, features):
    if form == "dense":
        return spread((n, features), dtype)
    from scipy import sparse

    each = min(NONZEROS, features)
    step = features // each
    columns = np.arange(each) * step + np.random.default_rng(1).integers(0, step, (n, 1))
    return sparse.csr_matrix((spread(n * each, dtype), columns.ravel(), np.arange(n + 1) * each), (n, features))


def cell(contenders, X, rounds):
    """Return the seconds of a call in each round, by contender; they take turns."""
    calls, found = {}, {name: [] for name in contenders}
    for name, model in contenders.items():
        for _ in range(2):
            start = perf_counter()
            model.predict_proba(X)
        calls[name] = max(1, int(ROUND_SECONDS / (perf_counter() - start)))
    for _ in range(rounds):
        for name, model in contenders.items():
            seconds = []
            for _ in range(calls[name]):
                start = perf_counter()
                model.predict_proba(X)
                seconds.append(perf_counter() - start)
            found[name].append(median(seconds))
    return found


def beside(model, X):
    """Return the megabytes that a call needs beside X and its result, -1 where the system does not say."""
    if not RESET.exists():
        return -1.0
    give_back()
    RESET.write_text("5")  # the peak is what is in use now
    before = megabytes("VmRSS")
    output = model.predict_proba(X).nbytes / 2**20
    return max(0.0, megabytes("VmHWM") - before - output)


if __name__ == "__main__":
    main(*sys.argv[1:])
