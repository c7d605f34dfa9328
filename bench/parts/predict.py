"""Prediction: the latency of one row, of a thousand, the throughput of many, and of DataFrames."""

import warnings
from importlib.util import find_spec

import numpy as np

from measuring import memory
from measuring.limits import peak
from measuring.timing import at_work, repeated_contest
from reporting.figures import OURS
from reporting.tables import comparison, limit

FEATURES, HIDDEN, CLASSES = 64, 100, 10
SECONDS = 0.1  # of one measurement
LARGE = 360_000
MANY = 1_000  # rows from which on the matrix products are what takes time


def measure(options, progress):
    progress("prediction")
    entries = {}
    for rows in (1, 1_000):
        entries[f"{rows:,} x {FEATURES}, float64"] = compare_prediction(_rows(rows, "float64"), options)
    large = compare_prediction(_rows(LARGE, "float32"), options)
    large["memory"] = memory.beside("predict", LARGE, FEATURES, options.threads)
    entries[f"{LARGE:,} x {FEATURES}, float32"] = large
    if find_spec("pandas"):
        import pandas as pd

        for rows in (1, 1_000, 100_000):
            frame = pd.DataFrame(_rows(rows, "float64"), columns=[f"feature {i}" for i in range(FEATURES)])
            entries[f"{rows:,} x {FEATURES}, DataFrame"] = compare_prediction(frame, options)
    else:
        options.skipped["DataFrames"] = "pandas is not installed"
    return entries


def compare_prediction(X, options):
    models = fitted(X, options.threads)
    outputs = {name: model.predict_proba(X) for name, model in models.items()}
    dtype = getattr(X, "dtype", np.dtype("float64"))  # that of these DataFrames
    at_work(lambda: models[OURS].predict_proba(X), dtype)
    entry = repeated_contest(
        {name: lambda model=model: model.predict_proba(X) for name, model in models.items()},
        options.rounds,
        options.shorter * SECONDS,
    )
    if len(X) >= MANY:
        entry["operations"] = 2 * len(X) * HIDDEN * (FEATURES + CLASSES)
        entry["multiply_adds"] = options.threads * peak(dtype)
    return entry | {"difference": float(np.abs(outputs[OURS] - outputs["MLPClassifier"]).max())}


def fitted(like, threads):
    """Return both classifiers with the same weights, fitted to data of the same kind."""
    from sklearn.neural_network import MLPClassifier

    from shallownet import ShallowNetClassifier

    X, y = (
        _rows(1_000, "float32" if getattr(like, "dtype", None) == np.float32 else "float64"),
        np.arange(1_000) % CLASSES,
    )
    if hasattr(like, "columns"):
        X = type(like)(X, columns=like.columns)
    models = {
        OURS: ShallowNetClassifier(HIDDEN, max_iter=2, random_state=0, n_jobs=threads),
        "MLPClassifier": MLPClassifier((HIDDEN,), max_iter=2, random_state=0),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for model in models.values():
            model.fit(X, y)
    models["MLPClassifier"].coefs_ = models[OURS].coefs_
    models["MLPClassifier"].intercepts_ = models[OURS].intercepts_
    return models


def _rows(count, dtype):
    return np.random.default_rng(0).standard_normal((count, FEATURES), dtype=np.float32).astype(dtype)


def section(entries):
    words = {
        "x MLPClassifier at most": lambda entry: limit(entry, "x MLPClassifier"),
        "largest difference": lambda entry: f"{entry['difference']:.0e}",
        "MB beside input and output": lambda entry: f"{entry['memory']:.1f}" if entry.get("memory") is not None else "",
    }
    limits = "At most: of a program that does the matrix products at the rate of multiply-adds, and nothing else."
    return "\n\n".join(
        [
            "## Prediction",
            f"`predict_proba` of {FEATURES} features, {HIDDEN} hidden units, {CLASSES} classes, all checks included.",
            comparison(entries, ["x MLPClassifier"], "rows", template="{:.3g}", words=words),
            *([limits] if any("multiply_adds" in entry for entry in entries.values()) else []),
        ]
    )
