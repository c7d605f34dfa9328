"""The textbook's run: a planar flower of two classes, four tanh units, 10,000 updates of plain gradient descent.

Here in float64: ShallowNetClassifier, and the same formulas as a loop of NumPy expressions, as in a lecture's
exercise, with one example a column.
"""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

UPDATES = 10_000
RATE = 1.2
N_HIDDEN = 4
SEED = 2


def flower(n_per_class=200):
    """Return the points of the flower, (2 * n_per_class, 2), and their classes."""
    random_state = np.random.RandomState(1)
    points = []
    for label in range(2):
        t = np.linspace(label * 3.12, (label + 1) * 3.12, n_per_class) + random_state.randn(n_per_class) * 0.2
        r = 4 * np.sin(4 * t) + random_state.randn(n_per_class) * 0.2
        points.append(np.column_stack([r * np.sin(t), r * np.cos(t)]))
    return np.concatenate(points), np.repeat([0, 1], n_per_class)


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
