"""Regression: an epoch of ShallowNetRegressor beside MLPRegressor, and both classifiers on the same examples."""

import numpy as np

from measuring.fits import classifiers, fit, regressors
from measuring.timing import at_work, contest, epochs_lasting
from reporting.figures import OURS
from reporting.tables import comparison

DTYPES = ["float32", "float64"]
SECONDS = 0.3  # of one measurement
# samples, features, hidden units, outputs; the first is the diabetes of scikit-learn, the others are synthetic
SHAPES = [(442, 10, 100, 1), (20_640, 8, 100, 1), (50_000, 28, 32, 1), (20_000, 784, 100, 10)]


def measure(options, progress):
    entries = {}
    for shape in SHAPES[: 2 if options.quick else None]:
        for dtype in DTYPES:
            name = "{:,} x {} -> {} -> {}, {}".format(*shape, dtype)
            progress(f"regression, {name}")
            X, numbers, classes = problem(*shape, dtype)
            entries[name] = compare(regressors, X, numbers, shape[2], options)
            entries[f"{name}, classes"] = compare(classifiers, X, classes, shape[2], options)
    return entries


def problem(n_samples, n_features, _, n_outputs, dtype):
    """Return X, targets of so many numbers, and classes with which a network has as many outputs."""
    rng = np.random.default_rng(0)
    if (n_samples, n_features) == (442, 10):
        from sklearn.datasets import load_diabetes

        X, y = load_diabetes(return_X_y=True)
        X, y = X / X.std(axis=0), ((y - y.mean()) / y.std())[:, np.newaxis]
    else:
        X = rng.standard_normal((n_samples, n_features), dtype=np.float32)
        y = np.tanh(X @ rng.standard_normal((n_features, n_outputs)) / np.sqrt(n_features))
        y += 0.3 * rng.standard_normal(y.shape)
    classes = y[:, 0] > 0 if n_outputs == 1 else y.argmax(axis=1)
    return X.astype(dtype), (y[:, 0] if n_outputs == 1 else y), classes


def compare(networks, X, y, hidden, options):
    models = networks(hidden, options.threads)
    fits = {name: lambda epochs, model=model: fit(model, X, y, epochs) for name, model in models.items()}
    at_work(lambda: fits[OURS](20), X.dtype.name)
    epochs = {name: epochs_lasting(run, options.shorter * SECONDS) for name, run in fits.items()}
    runs = {name: lambda name=name: fits[name](epochs[name]) for name in fits}
    entry = contest(runs, options.rounds, epochs)
    losses = {name: float(fit(model, X, y, 5).loss_) for name, model in models.items()}
    return entry | {"losses": losses}


def section(entries):
    words = {
        "loss after 5 epochs, both": lambda entry: " and ".join(f"{loss:.6f}" for loss in entry["losses"].values())
    }
    return "\n\n".join(
        [
            "## Regression",
            "An epoch with squared error and batches of 200; below each, classes with as many outputs on the same X.",
            comparison(
                entries,
                ["x MLPRegressor", "x MLPClassifier"],
                "samples x features -> hidden units -> outputs",
                "{:.3g}",
                words=words,
            ),
        ]
    )
