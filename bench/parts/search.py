"""Searching: many short fits, in other processes and in this one, as a grid search and a cross-validation do them."""

import math
from statistics import median

from measuring.timing import contest
from parts.grid import FOLDS, GRID, classifiers, digits, grid_search, in_a_new_process, quiet
from reporting.tables import comparison

REPEATS = 30
IRIS_FOLDS = 5


def measure(options, progress):
    from sklearn.datasets import load_iris

    from shallownet import warmup

    warmup(dtypes=["float64"])
    grid = f"GridSearchCV, {math.prod(map(len, GRID.values()))} candidates x {FOLDS} folds, digits"
    contenders, X_y, threads, scores, fits = classifiers(), digits(), options.threads, {}, {}

    def running(name):
        scores[name], seconds = grid_search(contenders[name], *X_y, threads)
        fits.setdefault(name, []).append(seconds)

    def anew(name):
        seconds, scores[name], of_fits = in_a_new_process(name, threads)
        fits.setdefault(name, []).append(of_fits)
        return seconds

    def iris(name):
        scores[name] = cross_validation(contenders[name], *load_iris(return_X_y=True))

    entries = {}
    for words, run, timed in (
        (f"{grid}, its processes running", running, {}),
        (f"{grid}, its processes started anew", anew, {"timed": lambda run: run()}),
        (f"cross_val_score, {REPEATS} repeats of {IRIS_FOLDS} folds, iris", iris, {}),
    ):
        progress(words)
        fits.clear()
        runs = {name: lambda name=name, run=run: run(name) for name in contenders}
        entry = contest(runs, min(3, options.rounds) if options.quick else options.rounds, **timed)
        entries[words] = entry | {"scores": scores.copy()}
        if run is not iris:
            entries[words]["others"] = None  # the processes of the search itself
            entries[words]["fits"] = {name: median(seconds) for name, seconds in fits.items()}
    return entries


def cross_validation(classifier, X, y):
    """Return the mean accuracy."""
    from sklearn.model_selection import RepeatedStratifiedKFold, cross_val_score

    folds = RepeatedStratifiedKFold(n_splits=IRIS_FOLDS, n_repeats=REPEATS, random_state=0)
    with quiet():
        return float(cross_val_score(classifier(random_state=0), X, y, cv=folds).mean())


def section(entries):
    words = {
        "in fits, s, both": lambda entry: " and ".join(f"{seconds:.2f}" for seconds in entry.get("fits", {}).values()),
        "scores, both": lambda entry: " and ".join(f"{100 * score:.2f} %" for score in entry["scores"].values()),
    }
    fits = "In fits: while its processes were at work on some; else they start, are handed their work, and score."
    return "\n\n".join(
        [
            "## Searching",
            "Wall time from a filled cache of compiled code.",
            comparison(entries, ["x MLPClassifier"], "search", scale=1, unit="s", words=words),
            *([fits] if any("fits" in entry for entry in entries.values()) else []),
        ]
    )
