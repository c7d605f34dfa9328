"""Initial weights."""

import numpy as np

SMALL = 0.01  # the standard deviation of the textbook's initial weights


def glorot_uniform(random_state, n_features, n_hidden, n_outputs, activation):
    """Draw what MLPClassifier draws, in its order: W1, b1, W2, b2, uniform within the bound of each layer.

    The bound is sqrt(6 / (fan_in + fan_out)), or sqrt(2 / (fan_in + fan_out)) for the logistic activation: X. Glorot
    and Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks" (2010).
    """
    factor = 2.0 if activation in ("logistic", "sigmoid") else 6.0
    coefs, intercepts = [], []
    for fan_in, fan_out in ((n_features, n_hidden), (n_hidden, n_outputs)):
        bound = np.sqrt(factor / (fan_in + fan_out))
        coefs.append(random_state.uniform(-bound, bound, (fan_in, fan_out)))
        intercepts.append(random_state.uniform(-bound, bound, fan_out))
    return coefs, intercepts


def small_normal(random_state, n_features, n_hidden, n_outputs, activation):
    """Draw the textbook's: normal numbers times 0.01, W1 first, as (units, inputs); intercepts 0."""
    w1 = random_state.randn(n_hidden, n_features) * SMALL
    w2 = random_state.randn(n_outputs, n_hidden) * SMALL
    return [w1.T, w2.T], [np.zeros(n_hidden), np.zeros(n_outputs)]


def zeros(random_state, n_features, n_hidden, n_outputs, activation):
    """Return zeros: every hidden unit then gets the same gradient, and they stay the same for ever."""
    return (
        [np.zeros((n_features, n_hidden)), np.zeros((n_hidden, n_outputs))],
        [np.zeros(n_hidden), np.zeros(n_outputs)],
    )


INITS = {"glorot_uniform": glorot_uniform, "small_normal": small_normal, "zeros": zeros}
