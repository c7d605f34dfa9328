"""The textbook's run, as a table: ``python -m shallownet.datasets.textbook`` prints it in Markdown.

Plain gradient descent on all points at once, 10,000 updates from small normal weights, for one hidden layer of
several sizes, beside logistic regression. The accuracy is on the training points, as in the lecture: the question is
what shapes a layer of so many units can take, not how well it generalizes.

=================== ====== ======= ====== ====== =========
model               planar circles moons  blobs  quantiles
=================== ====== ======= ====== ====== =========
logistic regression 47.0 % 49.5 %  86.0 % 55.2 % 53.0 %
1 hidden            67.5 % 60.2 %  87.0 % 66.5 % 65.0 %
2 hidden            67.2 % 71.0 %  87.2 % 66.5 % 78.5 %
3 hidden            91.0 % 80.5 %  96.8 % 83.2 % 91.2 %
4 hidden            90.5 % 79.0 %  97.8 % 83.2 % 96.0 %
5 hidden            91.5 % 78.8 %  97.8 % 83.2 % 96.0 %
20 hidden           93.0 % 77.2 %  97.0 % 83.5 % 98.8 %
50 hidden           92.2 % 77.5 %  97.5 % 87.0 % 99.2 %
=================== ====== ======= ====== ====== =========

A straight line is no better than chance on the flower. Three hidden units find its shape; fifty add little. At a
learning rate of 1.2 rounding errors grow, so that some entries differ by up to three points where NumPy draws the data
or another version of the kernels sums in a different way.
"""

# ruff: noqa: T201  (this module exists to print)

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from shallownet import ShallowNetClassifier

from .generators import DATASETS

HIDDEN_SIZES = 1, 2, 3, 4, 5, 20, 50


def gradient_descent(n_hidden: int) -> ShallowNetClassifier:
    """Return the lecture's network: tanh units, a constant learning rate of 1.2, no penalty, no stopping rule."""
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


def accuracy(model: Any, X: np.ndarray, y: np.ndarray) -> float:
    """Return the accuracy on the training points, in percent."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the lecture stops after a number of updates
        return 100 * model.fit(X, y).score(X, y)


def table() -> Iterator[str]:
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
