"""Initialization: initial weights, drawn by name or user-supplied."""

import numpy as np

SMALL = 0.01  # standard deviation of ``small_normal``


def glorot_uniform(random_state, n_features, n_hidden, n_outputs, activation):
    """Draw as MLPClassifier does, in its order: W1, b1, W2, b2, uniform within the bound of each layer.

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
    """Draw W1 and then W2, each as (units, inputs), normal with standard deviation 0.01; intercepts 0."""
    w1 = random_state.randn(n_hidden, n_features) * SMALL
    w2 = random_state.randn(n_outputs, n_hidden) * SMALL
    return [w1.T, w2.T], [np.zeros(n_hidden), np.zeros(n_outputs)]


def zeros(random_state, n_features, n_hidden, n_outputs, activation):
    """Return zeros: all hidden units then get the same gradient, and remain equal for ever."""
    return (
        [np.zeros((n_features, n_hidden)), np.zeros((n_hidden, n_outputs))],
        [np.zeros(n_hidden), np.zeros(n_outputs)],
    )


def he_normal(random_state, n_features, n_hidden, n_outputs, activation):
    """Draw W1 and then W2, normal with standard deviation sqrt(2 / fan_in); intercepts 0.

    For ReLU and its relatives: K. He et al., "Delving deep into rectifiers" (2015).
    """
    w1 = random_state.randn(n_features, n_hidden) * np.sqrt(2 / n_features)
    w2 = random_state.randn(n_hidden, n_outputs) * np.sqrt(2 / n_hidden)
    return [w1, w2], [np.zeros(n_hidden), np.zeros(n_outputs)]


INITS = {"glorot_uniform": glorot_uniform, "small_normal": small_normal, "zeros": zeros, "he_normal": he_normal}


def initial_weights(init, random_state, n_features, n_hidden, n_outputs, activation):
    """Return coefs and intercepts: drawn as the name ``init`` says, or those of the pair ``init``.

    Raises
    ------
    ValueError
        If user-supplied weights do not have the shapes of the network or are not finite.
    """
    if isinstance(init, str):
        return INITS[init](random_state, n_features, n_hidden, n_outputs, activation)
    shapes = [[(n_features, n_hidden), (n_hidden, n_outputs)], [(n_hidden,), (n_outputs,)]]
    given = [[np.asarray(array) for array in arrays] for arrays in init]
    if [[array.shape for array in arrays] for arrays in given] != shapes:
        raise ValueError(
            f"init must be a pair (coefs, intercepts) of arrays with the shapes {shapes[0]} and {shapes[1]}, got"
            f" {[[array.shape for array in arrays] for arrays in given]}."
        )
    if not all(np.isfinite(array).all() for arrays in given for array in arrays):
        raise ValueError("init contains weights that are not finite.")
    return given
