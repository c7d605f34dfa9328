"""The network in plain NumPy: its formulas, one line each, which the kernels are held to.

Letters: X (n, n_features) examples in rows, Y (n, n_outputs) targets, 0 and 1 for labels, s (n,) weights of the
examples. Weights are a tuple W1 (n_hidden, n_features), b1, W2 (n_outputs, n_hidden), b2. A mean over examples is
weighted: m is the sum of s.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, xlogy

# g(z) and g'(z), as functions of z and the slope of leaky_relu; the tests evaluate them for z from -1000 to 1000
ACTIVATIONS = {
    "identity": (lambda z, slope: z, lambda z, slope: np.ones_like(z)),
    "logistic": (lambda z, slope: sigma(z), lambda z, slope: sigma(z) * (1 - sigma(z))),
    "sigmoid": (lambda z, slope: sigma(z), lambda z, slope: sigma(z) * (1 - sigma(z))),
    "tanh": (lambda z, slope: np.tanh(z), lambda z, slope: 1 - np.tanh(z) ** 2),
    "relu": (lambda z, slope: np.maximum(z, 0), lambda z, slope: np.where(z < 0, 0.0, 1.0)),
    "leaky_relu": (lambda z, slope: np.where(z < 0, slope * z, z), lambda z, slope: np.where(z < 0, slope, 1.0)),
    "gelu": (lambda z, slope: z * ndtr(z), lambda z, slope: ndtr(z) + z * np.exp(-z * z / 2) / np.sqrt(2 * np.pi)),
    "silu": (lambda z, slope: z * sigma(z), lambda z, slope: sigma(z) + z * sigma(z) * (1 - sigma(z))),
    "softplus": (lambda z, slope: np.logaddexp(0, z), lambda z, slope: sigma(z)),
}


class Model(NamedTuple):
    """What a network computes.

    ``loss`` is that of the output "identity"; each of the others has one of its own. ``quantile`` is the one that the
    loss of that name learns, ``delta`` the residual up to which Huber's is a square. ``clip`` is the distance that the
    loss keeps probabilities from 0 and 1, ``smoothing`` the share of each target that is spread over all classes,
    ``dropout`` the probability that a hidden unit is left out.
    """

    activation: str = "relu"
    output: str = "softmax"
    alpha: float = 0.0
    slope: float = 0.01
    clip: float = 0.0
    smoothing: float = 0.0
    dropout: float = 0.0
    loss: str = "squared_error"
    quantile: float = 0.5
    delta: float = 1.0


class Rule(NamedTuple):
    """How a solver moves the weights: 'sgd', 'nesterov' or 'adam', and its constants."""

    solver: str = "sgd"
    rate: float = 0.1
    momentum: float = 0.9
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8


def sigma(z):
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-z))


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


OUTPUTS = {"logistic": sigma, "softmax": softmax, "identity": lambda z: z, "exp": np.exp}

# losses of a residual r = a2 - y, and their derivatives
RESIDUAL_LOSSES = {
    "squared_error": (lambda r, model: r**2 / 2, lambda r, model: r),
    "absolute_error": (lambda r, model: np.abs(r), lambda r, model: np.sign(r)),
    "quantile": (
        lambda r, model: np.maximum((1 - model.quantile) * r, -model.quantile * r),
        lambda r, model: np.where(r > 0, 1 - model.quantile, np.where(r < 0, -model.quantile, 0.0)),
    ),
    "huber": (
        lambda r, model: np.where(np.abs(r) <= model.delta, r**2 / 2, model.delta * (np.abs(r) - model.delta / 2)),
        lambda r, model: np.where(np.abs(r) <= model.delta, r, model.delta * np.sign(r)),
    ),
}


def forward(model, weights, X, kept=1.0):
    """Return z1, a1 and a2; ``kept`` (n, n_hidden) is what dropout multiplies the hidden activations by."""
    W1, b1, W2, b2 = weights
    z1 = X @ W1.T + b1
    a1 = ACTIVATIONS[model.activation][0](z1, model.slope) * kept
    z2 = a1 @ W2.T + b2
    return z1, a1, OUTPUTS[model.output](z2)


def smoothed(model, Y):
    """Return targets, a share of each of them spread over all classes; a logistic output has two."""
    n_classes = 2 if model.output == "logistic" else Y.shape[1]
    return Y * (1 - model.smoothing) + model.smoothing / n_classes


def losses(model, a2, Y, of_outputs=np.mean):
    """Return the loss of each example: the cross-entropy, half the Poisson deviance, or the mean over residuals."""
    if model.output == "exp":
        return (xlogy(Y, Y / a2) - Y + a2).sum(axis=1)
    if model.output == "identity":
        return of_outputs(RESIDUAL_LOSSES[model.loss][0](a2 - Y, model), axis=1)
    p, T = np.clip(a2, model.clip, 1 - model.clip), smoothed(model, Y)
    others = xlogy(1 - T, 1 - p) if model.output == "logistic" else 0.0
    return -(xlogy(T, p) + others).sum(axis=1)


def loss(model, weights, X, Y, s, kept=1.0, of_outputs=np.mean):
    """Return the loss, averaged, and the penalty alpha / (2 m) times the squares of W1 and W2."""
    squares = sum((W**2).sum() for W in (weights[0], weights[2]))
    return (losses(model, forward(model, weights, X, kept)[2], Y, of_outputs) @ s + model.alpha / 2 * squares) / s.sum()


def delta(model, a2, Y):
    """Return dz2 of each example: with several outputs, that of the sum over residuals."""
    if model.output == "identity":
        return RESIDUAL_LOSSES[model.loss][1](a2 - Y, model)
    return a2 - (Y if model.output == "exp" else smoothed(model, Y))


def gradients(model, weights, X, Y, s, kept=1.0):
    """Return dW1, db1, dW2 and db2, of the loss ``of_outputs=np.sum``."""
    W1, _, W2, _ = weights
    z1, a1, a2 = forward(model, weights, X, kept)
    m = s.sum()
    dz2 = delta(model, a2, Y) * s[:, np.newaxis]
    dz1 = dz2 @ W2 * ACTIVATIONS[model.activation][1](z1, model.slope) * kept
    return (
        (dz1.T @ X + model.alpha * W1) / m,
        dz1.sum(axis=0) / m,
        (dz2.T @ a1 + model.alpha * W2) / m,
        dz2.sum(axis=0) / m,
    )


def squares_generator(key, counters):
    """Return the numbers in [0, 1) that B. Widynski's generator "Squares" has for 64-bit counters."""
    key = np.uint64(key)
    swapped = np.uint64(32)
    y = np.asarray(counters, np.uint64) * key
    x, z = y, y + key
    for offset in (y, z, y):
        x = x * x + offset
        x = (x >> swapped) | (x << swapped)
    return ((x * x + z) >> np.uint64(40)) / 2.0**24


def kept_units(dropout, key, places, n_hidden, lanes):
    """Return what dropout multiplies the hidden units by, for examples at ``places`` of all that were seen.

    Each example has a counter for each unit, in whole groups of lanes.
    """
    width = -(-n_hidden // lanes) * lanes
    counters = places[:, np.newaxis] * width + np.arange(n_hidden)
    return (squares_generator(key, counters) >= dropout) / (1 - dropout)


class Solver:
    """A rule and what it remembers of earlier steps."""

    def __init__(self, rule, weights):
        self.rule = rule
        self.first = [np.zeros_like(w) for w in weights]
        self.second = [np.zeros_like(w) for w in weights]
        self.t = 0

    def step(self, weights, gradient):
        """Return the weights after one update."""
        self.t += 1
        update = self._adam if self.rule.solver == "adam" else self._sgd
        return tuple(w + update(i, g) for i, (w, g) in enumerate(zip(weights, gradient, strict=True)))

    def _sgd(self, i, g):
        rate, mu = self.rule.rate, self.rule.momentum
        v = self.first[i] = mu * self.first[i] - rate * g
        return mu * v - rate * g if self.rule.solver == "nesterov" else v

    def _adam(self, i, g):
        _, rate, _, beta_1, beta_2, epsilon = self.rule
        m = self.first[i] = beta_1 * self.first[i] + (1 - beta_1) * g
        v = self.second[i] = beta_2 * self.second[i] + (1 - beta_2) * g**2
        # epsilon is added before the correction of v, as Kingma and Ba do in the faster form of their algorithm
        corrected_rate = rate * np.sqrt(1 - beta_2**self.t) / (1 - beta_1**self.t)
        return -corrected_rate * m / (np.sqrt(v) + epsilon)


def train_epoch(model, weights, solver, X, Y, s, batch_size, order=None, keep_alive=lambda places: 1.0):
    """Return the weights after one epoch and the mean over examples of their batches' losses.

    A batch without weight is left out. ``keep_alive`` returns what dropout multiplies the hidden units by, for examples
    at some places of the order.
    """
    order = np.arange(len(X)) if order is None else order
    total, count = 0.0, 0
    for start in range(0, len(X), batch_size):
        batch = order[start : start + batch_size]
        data = X[batch], Y[batch], s[batch], keep_alive(np.arange(start, start + len(batch)))
        if s[batch].any():
            total, count = total + loss(model, weights, *data) * len(batch), count + len(batch)
            weights = solver.step(weights, gradients(model, weights, *data))
    return weights, total / count


def gradient_descent(weights, X, y, rate, iterations):
    """Return the weights and costs of gradient descent on all examples: tanh, one logistic output, no penalty."""
    W1, b1, W2, b2 = weights
    m = len(X)
    costs = np.empty(iterations)
    for i in range(iterations):
        a1 = np.tanh(X @ W1.T + b1)
        a2 = sigma(a1 @ W2.T + b2)[:, 0]
        costs[i] = -(y * np.log(a2) + (1 - y) * np.log(1 - a2)).mean()
        dz2 = (a2 - y)[:, np.newaxis]
        dz1 = dz2 @ W2 * (1 - a1**2)
        W2, b2 = W2 - rate * dz2.T @ a1 / m, b2 - rate * dz2.mean(axis=0)
        W1, b1 = W1 - rate * dz1.T @ X / m, b1 - rate * dz1.mean(axis=0)
    return (W1, b1, W2, b2), costs
