"""Initial weights: MLPClassifier's, the textbook's, and zeros."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from shallownet.training.initialization import INITS


def draw(name, seed=3, shape=(5, 7, 3), activation="relu"):
    return INITS[name](np.random.RandomState(seed), *shape, activation)


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_glorot_uniform_is_the_draw_of_scikit_learn(activation, n_classes):
    X, y = np.random.RandomState(0).randn(12, 5), np.arange(12) % n_classes
    # a rate so small that a step is below the weights' rounding
    reference = MLPClassifier(
        (7,), activation, solver="sgd", learning_rate_init=1e-300, alpha=0, max_iter=1, random_state=3
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        reference.fit(X, y)
    coefs, intercepts = draw("glorot_uniform", 3, (5, 7, 1 if n_classes == 2 else n_classes), activation)
    for ours, theirs in zip([*coefs, *intercepts], [*reference.coefs_, *reference.intercepts_], strict=True):
        np.testing.assert_array_equal(ours, theirs, strict=True)


def test_sigmoid_is_the_logistic_function_here_too():
    for sigmoid, logistic in zip(
        draw("glorot_uniform", activation="sigmoid"), draw("glorot_uniform", activation="logistic"), strict=True
    ):
        for a, b in zip(sigmoid, logistic, strict=True):
            np.testing.assert_array_equal(a, b)


def test_small_normal_draws_units_in_rows_and_the_hidden_layer_first():
    coefs, intercepts = draw("small_normal")
    random = np.random.RandomState(3)
    np.testing.assert_array_equal(coefs[0].T, random.randn(7, 5) * 0.01)
    np.testing.assert_array_equal(coefs[1].T, random.randn(3, 7) * 0.01)
    assert [b.shape for b in intercepts] == [(7,), (3,)]
    assert not any(b.any() for b in intercepts)


def test_zeros():
    coefs, intercepts = draw("zeros")
    assert [w.shape for w in (*coefs, *intercepts)] == [(5, 7), (7, 3), (7,), (3,)]
    assert not any(w.any() for w in (*coefs, *intercepts))
