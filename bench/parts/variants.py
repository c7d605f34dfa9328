"""What the options cost: sparse X, L-BFGS, full batches of many rows, other activations than ReLU, any random state."""

import numpy as np

from measuring import memory
from measuring.fits import classifiers, fit
from measuring.timing import alternate, contest, epochs_lasting
from reporting.figures import OURS
from reporting.tables import comparison, spread, table

SECONDS = 0.3  # of one measurement
SPARSE = {"samples": 11_314, "features": 20_000, "nonzeros": 100, "classes": 20}
SPARSE_EPOCHS = {OURS: (3, 13), "MLPClassifier": (1, 2)}  # a difference, without what a fit costs once
EVALUATIONS = 120
FULL_BATCH_ROWS = 10_000, 100_000, 1_000_000
# One parameter, its first value and the others, and the rows, features, hidden units and classes of the data.
VARIED = {
    "activations, 5,000 x 64, an epoch": ("activation", ["relu", "tanh", "logistic"], (5_000, 64, 100, 10)),
    "random_state, 50,000 x 28, 32 hidden units, an epoch": ("random_state", [0, None], (50_000, 28, 32, 2)),
}


def measure(options, progress):
    entries = {}
    progress("sparse X")
    entries["Adam, {samples:,} x {features:,}, {nonzeros} nonzeros a row, an epoch".format(**SPARSE)] = compare_sparse(
        options
    )
    progress("L-BFGS")
    entries[f"L-BFGS, digits, {EVALUATIONS} evaluations at most"] = compare_lbfgs(options)
    for rows in FULL_BATCH_ROWS[: 1 if options.quick else None]:
        progress(f"full batch of {rows:,} rows")
        entries[f"full batch, {rows:,} x 64, an epoch"] = full_batch(rows, options)
    for name, varied in VARIED.items():
        progress(name)
        entries[name] = compare_values(*varied, options)
    return entries


def compare_sparse(options):
    import scipy.sparse

    rng = np.random.default_rng(0)
    X = scipy.sparse.random(
        SPARSE["samples"], SPARSE["features"], SPARSE["nonzeros"] / SPARSE["features"], "csr", np.float32, rng
    )
    y = rng.integers(SPARSE["classes"], size=X.shape[0])
    models = classifiers(100, options.threads, batch_size=200)
    fit(models[OURS], X, y, 50)  # compiles both copies of the kernels
    runs = {
        (name, epochs): lambda model=model, epochs=epochs: fit(model, X, y, epochs)
        for name, model in models.items()
        for epochs in SPARSE_EPOCHS[name]
    }
    entry = alternate(runs, min(options.rounds, 3))
    seconds, per_epoch = entry["seconds"], {}
    for name, (few, many) in SPARSE_EPOCHS.items():
        pairs = zip(seconds[name, few], seconds[name, many], strict=True)
        per_epoch[name] = [(long - short) / (many - few) for short, long in pairs]
    return {"seconds": per_epoch, "others": entry["others"]}


def compare_lbfgs(options):
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    models = classifiers(100, options.threads, solver="lbfgs", max_iter=100, max_fun=EVALUATIONS)
    losses = {name: float(fit(model, X / 16, y).loss_) for name, model in models.items()}
    runs = {name: lambda model=model: fit(model, X / 16, y) for name, model in models.items()}
    return contest(runs, options.rounds) | {"losses": losses}


def full_batch(rows, options):
    X, y = _problem(rows, 64, 10)
    model = classifiers(100, options.threads, batch_size="full")[OURS]
    epochs = epochs_lasting(lambda epochs: fit(model, X, y, epochs), options.shorter * SECONDS)
    entry = contest({OURS: lambda: fit(model, X, y, epochs)}, min(options.rounds, 3), epochs)
    return entry | {"memory": memory.beside("fit", rows, 64, options.threads)}


def compare_values(parameter, values, sizes, options):
    """Compare the values of a parameter: how long an epoch takes with each."""
    rows, features, hidden, classes = sizes
    X, y = _problem(rows, features, classes)
    models = {str(value): classifiers(hidden, options.threads, **{parameter: value})[OURS] for value in values}
    epochs = {
        name: epochs_lasting(lambda epochs, model=model: fit(model, X, y, epochs), options.shorter * SECONDS)
        for name, model in models.items()
    }
    runs = {name: lambda name=name: fit(models[name], X, y, epochs[name]) for name in models}
    return contest(runs, options.rounds, epochs)


def _problem(rows, features, classes):
    rng = np.random.default_rng(0)
    return rng.standard_normal((rows, features), dtype=np.float32), rng.integers(classes, size=rows)


def section(entries):
    ours = {name: entry for name, entry in entries.items() if OURS in entry["seconds"]}
    words = {
        "losses, both": lambda entry: " and ".join(f"{loss:.4f}" for loss in entry.get("losses", {}).values()),
        "MB beside X": lambda entry: f"{entry['memory']:.1f}" if entry.get("memory") is not None else "",
    }
    parts = ["## Solvers, sparse X, options", comparison(ours, ["x MLPClassifier"], "what", words=words)]
    for name, entry in entries.items():
        if name not in ours:
            first = next(iter(entry["seconds"]))
            parts.append(table([name, "ms", f"of the time with {first}"], value_rows(entry["seconds"], first)))
    return "\n\n".join(parts)


def value_rows(seconds, first):
    for name, times in seconds.items():
        ratios = [a / b for a, b in zip(times, seconds[first], strict=True)]
        yield [name, spread([1e3 * s for s in times], "{:.2f}"), spread(ratios, "{:.2f}")]
