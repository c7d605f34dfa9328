"""Searching: many short fits, in other processes and in this one, as a grid search and a cross-validation do them."""

import math
import warnings

from figures import OURS
from tables import comparison
from timing import contest

GRID = {"hidden_layer_sizes": [32, 64, 128], "alpha": [1e-4, 1e-2], "learning_rate_init": [1e-3, 1e-2]}
FOLDS = 3
EPOCHS = 100
REPEATS = 30
IRIS_FOLDS = 5


def measure(options, progress):
    from sklearn.datasets import load_digits, load_iris
    from sklearn.neural_network import MLPClassifier

    from shallownet import ShallowNetClassifier, warmup

    warmup(dtypes=["float64"])
    classifiers = {OURS: ShallowNetClassifier, "MLPClassifier": MLPClassifier}
    X, y = load_digits(return_X_y=True)
    iris = load_iris(return_X_y=True)
    entries = {}
    candidates = math.prod(map(len, GRID.values()))
    grid, digits = f"GridSearchCV, {candidates} candidates x {FOLDS} folds, digits", (X / 16, y, options.threads)
    for name, run, arguments in (
        (f"{grid}, its processes running", grid_search, digits),
        (f"{grid}, its processes started anew", grid_search_anew, digits),
        (f"cross_val_score, {REPEATS} repeats of {IRIS_FOLDS} folds, iris", cross_validation, iris),
    ):
        progress(name)
        scores = {}

        def score(contender, run=run, arguments=arguments, scores=scores):
            scores[contender] = run(classifiers[contender], *arguments)

        runs = {contender: lambda contender=contender, score=score: score(contender) for contender in classifiers}
        entries[name] = contest(runs, min(3, options.rounds) if options.quick else options.rounds) | {"scores": scores}
        if run is not cross_validation:
            entries[name]["others"] = None  # the processes of the search itself
    return entries


def grid_search(classifier, X, y, threads):
    """Return the best mean accuracy; processes that are there already are used, as for a second search."""
    from sklearn.model_selection import GridSearchCV

    search = GridSearchCV(classifier(max_iter=EPOCHS, random_state=0), GRID, cv=FOLDS, n_jobs=threads)
    with quiet():
        search.fit(X, y)
    return float(search.best_score_)


def grid_search_anew(classifier, X, y, threads):
    """Do the same with new processes, as a user's script does; each imports all that it needs."""
    from joblib.externals.loky import get_reusable_executor

    get_reusable_executor().shutdown(wait=True)
    return grid_search(classifier, X, y, threads)


def cross_validation(classifier, X, y):
    """Return the mean accuracy."""
    from sklearn.model_selection import RepeatedStratifiedKFold, cross_val_score

    folds = RepeatedStratifiedKFold(n_splits=IRIS_FOLDS, n_repeats=REPEATS, random_state=0)
    with quiet():
        return float(cross_val_score(classifier(random_state=0), X, y, cv=folds).mean())


class quiet(warnings.catch_warnings):
    """Ignores that fits end before they converge, in the processes of a search too."""

    def __enter__(self):
        found = super().__enter__()
        warnings.simplefilter("ignore")
        return found


def section(entries):
    words = {"scores, both": lambda entry: " and ".join(f"{100 * score:.2f} %" for score in entry["scores"].values())}
    return "\n\n".join(
        [
            "## Searching",
            "Wall time from a filled cache of compiled code.",
            comparison(entries, ["x MLPClassifier"], "search", scale=1, unit="s", words=words),
        ]
    )
