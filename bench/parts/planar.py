"""The textbook's run: a planar flower of two classes, four tanh units, 10,000 updates of plain gradient descent.

Here in float64: ShallowNetClassifier, and the same formulas as a loop of NumPy expressions, as in a lecture's
exercise, with one example a column.
"""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from measuring.timing import at_work, contest
from reporting.figures import OURS
from reporting.tables import comparison

UPDATES = 10_000
RATE = 1.2
N_HIDDEN = 4
SEED = 2


def measure(options, progress):
    """Time both, after half of the updates as warm-up: later the rate of 1.2 makes rounding errors grow."""
    from shallownet.datasets import planar_flower

    progress("planar flower")
    X, y = planar_flower()
    at_work(lambda: fit_ours(X, y), "float64")
    fits = {OURS: fit_ours, "NumPy loop": fit_numpy}
    cost = {name: fit(X, y, UPDATES // 2) for name, fit in fits.items()}
    entry = contest({name: lambda fit=fit: fit(X, y) for name, fit in fits.items()}, options.rounds)
    return {"400 points, 4 tanh units": entry | {"cost": cost}}


def section(entries):
    words = {
        f"cost after {UPDATES // 2:,} updates, both": lambda entry: " and ".join(
            f"{cost:.9f}" for cost in entry["cost"].values()
        )
    }
    return "\n\n".join(
        [
            f"## The planar flower, {UPDATES:,} full-batch updates, float64",
            comparison(entries, ["x NumPy loop"], "data", scale=1e3, template="{:.0f}", words=words),
        ]
    )


def fit_ours(X, y, updates=UPDATES):
    """Return the cost after so many updates less one."""
    from shallownet import ShallowNetClassifier

    model = ShallowNetClassifier(
        N_HIDDEN,
        "tanh",
        solver="sgd",
        momentum=0,
        nesterovs_momentum=False,
        learning_rate_init=RATE,
        alpha=0,
        batch_size="full",
        shuffle=False,
        init="small_normal",
        random_state=SEED,
        max_iter=updates,
        tol=0,
        n_iter_no_change=np.inf,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, y).loss_


def fit_numpy(X, y, updates=UPDATES):
    """Return the cost after so many updates less one."""
    X, Y = np.ascontiguousarray(X.T), y[np.newaxis].astype(np.float64)
    n_features, m = X.shape
    random_state = np.random.RandomState(SEED)
    W1 = random_state.randn(N_HIDDEN, n_features) * 0.01
    W2 = random_state.randn(1, N_HIDDEN) * 0.01
    b1, b2 = np.zeros((N_HIDDEN, 1)), np.zeros((1, 1))
    cost = np.inf
    for _ in range(updates):
        A1 = np.tanh(W1 @ X + b1)
        A2 = 1 / (1 + np.exp(-(W2 @ A1 + b2)))
        cost = -np.mean(Y * np.log(A2) + (1 - Y) * np.log(1 - A2))
        dZ2 = A2 - Y
        dW2 = dZ2 @ A1.T / m
        db2 = np.mean(dZ2, axis=1, keepdims=True)
        dZ1 = W2.T @ dZ2 * (1 - A1**2)
        dW1 = dZ1 @ X.T / m
        db1 = np.mean(dZ1, axis=1, keepdims=True)
        W1 -= RATE * dW1
        b1 -= RATE * db1
        W2 -= RATE * dW2
        b2 -= RATE * db2
    return float(cost)
