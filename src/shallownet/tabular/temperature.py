"""Calibration of probabilities by one temperature.

C. Guo et al., "On calibration of modern neural networks", 2017, arXiv:1706.04599.
"""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

LEAST_PROBABILITY = 1e-7  # smaller ones, of which float32 knows little, count as this
LOWEST, HIGHEST = 0.5, 3.5  # temperatures


def fit_temperature(probabilities, classes, sample_weight=None):
    """Return the temperature at which these probabilities have the least log loss.

    Parameters
    ----------
    probabilities : ndarray of shape (n, n_classes)
        Of rows that the networks have not learned from.
    classes : ndarray of shape (n,)
        Index of each row's class.
    sample_weight : ndarray of shape (n,) or None
    """
    logits, rows = _logits(probabilities), np.arange(len(classes))

    def log_loss(logarithm):
        losses = -log_softmax(logits / np.exp(logarithm), axis=1)[rows, classes]
        return np.average(losses, weights=sample_weight)

    bounds = np.log([LOWEST, HIGHEST])
    return float(np.exp(minimize_scalar(log_loss, bounds=bounds, method="bounded", options={"xatol": 1e-3}).x))


def at_temperature(probabilities, temperature):
    """Return probabilities at a temperature: less certain above 1, more certain below."""
    return softmax(_logits(probabilities) / temperature, axis=1)


def _logits(probabilities):
    return np.log(np.maximum(probabilities, LEAST_PROBABILITY))
