"""A grid search over networks for the digits.

Run as ``python -m parts.grid`` it is a user's process, which starts the worker processes of the search, each with all
its imports. It prints the seconds of the search (its own imports excluded), the best mean accuracy, and the seconds of
the fits.
"""

import sys
import warnings
from time import perf_counter

from measuring.child import printed_numbers
from reporting.figures import OURS

GRID = {"hidden_layer_sizes": [32, 64, 128], "alpha": [1e-4, 1e-2], "learning_rate_init": [1e-3, 1e-2]}
FOLDS = 3
EPOCHS = 100


def classifiers():
    from sklearn.neural_network import MLPClassifier

    from shallownet import ShallowNetClassifier

    return {OURS: ShallowNetClassifier, "MLPClassifier": MLPClassifier}


def digits():
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    return X / 16, y


def grid_search(classifier, X, y, threads):
    """Return the best mean accuracy, and the seconds that its processes were at work on fits, one beside the other.

    Processes that are there already are used, as for a second search.
    """
    from sklearn.model_selection import GridSearchCV

    search = GridSearchCV(classifier(max_iter=EPOCHS, random_state=0), GRID, cv=FOLDS, n_jobs=threads)
    with quiet():
        search.fit(X, y)
    fits = FOLDS * search.cv_results_["mean_fit_time"].sum() / threads + search.refit_time_
    return float(search.best_score_), float(fits)


def in_a_new_process(name, threads):
    """Do the same in a separate process; return its seconds, the best mean accuracy and the seconds of the fits."""
    return printed_numbers(__name__, name, threads)


class quiet(warnings.catch_warnings):
    """Ignores that fits end before they converge, in the processes of a search too."""

    def __enter__(self):
        found = super().__enter__()
        warnings.simplefilter("ignore")
        return found


def main(name, threads):
    classifier, (X, y) = classifiers()[name], digits()
    start = perf_counter()
    found = grid_search(classifier, X, y, int(threads))
    print(perf_counter() - start, *found)


if __name__ == "__main__":
    main(*sys.argv[1:])
