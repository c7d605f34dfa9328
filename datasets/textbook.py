"""The textbook's run, as a table: ``python -m shallownet.datasets.textbook`` prints it in Markdown.

Plain gradient descent on all points at once, 10,000 updates from small normal weights, for one hidden layer of
several sizes. The accuracy is on the points of training, as in the lecture: the question is what shapes a layer
of so many units can take, not how well it generalizes.
"""

# ruff: noqa: T201  (printing is what this room is for)

import warnings

from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from shallownet import ShallowNetClassifier

from .generators import DATASETS

HIDDEN_SIZES = 1, 2, 3, 4, 5, 20, 50


def gradient_descent(n_hidden):
    """Return the lecture's network: tanh units, a constant rate of 1.2, no penalty, no stopping rule."""
    return ShallowNetClassifier(
        n_hidden,
        "tanh",
        solver="sgd",
        momentum=0,
        nesterovs_momentum=False,
        learning_rate_init=1.2,
        alpha=0,
        batch_size="full",
        shuffle=False,
        init="small_normal",
        random_state=2,
        max_iter=10_000,
        tol=0,
        n_iter_no_change=10**9,
    )


def accuracy(model, X, y):
    """Return the accuracy in percent, on the points of training."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the lecture stops after a number of updates
        return 100 * model.fit(X, y).score(X, y)


def table():
    """Yield the lines of the table: a row for each model, a column for each data set."""
    sets = {name: generator() for name, generator in DATASETS.items()}
    models = {"logistic regression": LogisticRegression()}
    models |= {f"{n_hidden} hidden": gradient_descent(n_hidden) for n_hidden in HIDDEN_SIZES}
    yield f"| model | {' | '.join(sets)} |"
    yield "| --- |" + " ---: |" * len(sets)
    for name, model in models.items():
        percents = (f"{accuracy(model, X, y):.1f} %" for X, y in sets.values())
        yield f"| {name} | {' | '.join(percents)} |"


if __name__ == "__main__":
    for line in table():
        print(line, flush=True)
