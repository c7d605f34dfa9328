"""The lecture's exercise: gradient descent on the planar flower, step by step."""

import naive
import numpy as np
import pytest

from shallownet import ShallowNetClassifier

ITERATIONS = 5000


def planar_flower():
    random = np.random.RandomState(1)
    points = []
    for j in range(2):
        t = np.linspace(j * 3.12, (j + 1) * 3.12, 200) + random.randn(200) * 0.2
        r = 4 * np.sin(4 * t) + random.randn(200) * 0.2
        points.append(np.column_stack([r * np.sin(t), r * np.cos(t)]))
    return np.vstack(points), np.repeat([0, 1], 200)


def gradient_descent(n_hidden=4, activation="tanh", **options):
    """Return the classifier whose fit is the lecture's gradient descent."""
    options = {"init": "small_normal", "random_state": 2, "max_iter": ITERATIONS, **options}
    return ShallowNetClassifier(
        n_hidden, activation, solver="sgd", momentum=0, nesterovs_momentum=False, learning_rate_init=1.2, alpha=0,
        batch_size="full", shuffle=False, tol=0, n_iter_no_change=10**9, **options,
    )  # fmt: skip


def initial_weights(n_hidden):
    random = np.random.RandomState(2)
    W1, W2 = random.randn(n_hidden, 2) * 0.01, random.randn(1, n_hidden) * 0.01
    return W1, np.zeros(n_hidden), W2, np.zeros(1)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_costs_and_weights_follow_gradient_descent():
    X, y = planar_flower()
    model = gradient_descent().fit(X, y)
    weights, costs = naive.gradient_descent(initial_weights(4), X, y, 1.2, ITERATIONS)
    assert model.n_iter_ == ITERATIONS
    np.testing.assert_allclose(model.loss_curve_, costs, rtol=1e-6)
    assert costs[0] == pytest.approx(np.log(2), abs=1e-4)
    W1, b1, W2, b2 = weights
    for ours, theirs in zip([*model.coefs_, *model.intercepts_], [W1.T, W2.T, b1, b2], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    assert model.score(X, y) > 0.88


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("n_hidden", [1, 20])
def test_other_widths_begin_alike(n_hidden):
    X, y = planar_flower()
    model = gradient_descent(n_hidden, max_iter=200).fit(X, y)
    _, costs = naive.gradient_descent(initial_weights(n_hidden), X, y, 1.2, 200)
    np.testing.assert_allclose(model.loss_curve_, costs, rtol=1e-9)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("n_hidden", [4, 17])
@pytest.mark.parametrize("activation", ["tanh", "logistic"])
def test_units_that_begin_alike_stay_alike(activation, n_hidden):
    X, y = planar_flower()
    model = gradient_descent(n_hidden, activation, init="zeros", max_iter=500).fit(X[:350], y[:350])
    W1 = model.coefs_[0].T
    assert (W1 == W1[0]).all()
    assert (model.intercepts_[0] == model.intercepts_[0][0]).all()
    assert (model.coefs_[1] == model.coefs_[1][0]).all()
    # with tanh the hidden layer gives 0, so that nothing but b2 moves
    assert W1.any() == (activation == "logistic")
