"""The contenders: each trains the same network on the same problem with Adam, as its users would write it.

A peer is made for a problem and a number of threads, and then, off the clock, converts the examples to its own
kind of array. ``fit(epochs)`` trains a new network and returns its weights as NumPy arrays: W1 (n_features,
n_hidden), b1, W2 (n_hidden, n_outputs), b2. All start from the same initial weights, shuffle the examples in each
epoch (torch and JAX not where they make one batch, as nobody would), keep each epoch's loss, and never stop early.
``obstacle`` says why a peer cannot take part, or "".
"""

import numpy as np

from peers.jax_scan import Jax
from peers.pytorch import Torch, TorchCompile
from peers.scikit_learn import MLP, ShallowNet

__all__ = ["MLP", "PEERS", "Jax", "ShallowNet", "Torch", "TorchCompile", "quality"]

PEERS = [MLP, Torch, TorchCompile, Jax]


def quality(weights, problem):
    """Return the mean training loss (cross-entropy) and the held-out accuracy of a network."""
    W1, b1, W2, b2 = (np.asarray(array, np.float64) for array in weights)

    def scores(X):
        z2 = np.maximum(X @ W1 + b1, 0) @ W2 + b2
        # one logistic unit is a softmax over its score and zero
        return np.hstack([np.zeros_like(z2), z2]) if z2.shape[1] == 1 else z2

    z2 = scores(problem.X)
    z2 -= z2.max(axis=1, keepdims=True)
    loss = np.mean(np.log(np.exp(z2).sum(axis=1)) - z2[np.arange(len(z2)), problem.y])
    accuracy = np.mean(scores(problem.X_test).argmax(axis=1) == problem.y_test)
    return float(loss), float(accuracy)
