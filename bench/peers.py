"""The contenders: each trains the same network on the same problem with Adam, as its users would write it.

A peer is made for a problem and a number of threads, and then, off the clock, converts the examples to its own
kind of array. ``fit(epochs)`` trains a new network and returns its weights as NumPy arrays: W1 (n_features,
n_hidden), b1, W2 (n_hidden, n_outputs), b2. All start from the same initial weights, shuffle the examples in each
epoch (torch and JAX not where they make one batch, as nobody would), keep each epoch's loss, and never stop early.
``obstacle`` says why a peer cannot take part, or "".
"""

import math
import os
import warnings
from importlib.util import find_spec
from itertools import pairwise
from shutil import which

import numpy as np
from sklearn.exceptions import ConvergenceWarning

RATE = 1e-3
BETA_1, BETA_2 = 0.9, 0.999
EPSILON = 1e-8
ALPHA = 1e-4  # L2 penalty; divided by the batch size it is the weight decay of torch
SEED = 0


class _Peer:
    @classmethod
    def obstacle(cls):
        return "" if find_spec(cls.package) else "not installed"


class _ScikitLearnPeer(_Peer):
    """A classifier with the parameters of MLPClassifier; it draws the initial weights by itself."""

    def __init__(self, problem, threads):
        self.X, self.y = problem.X, problem.y
        self.parameters = {
            "hidden_layer_sizes": (problem.shape.n_hidden,),
            "batch_size": problem.shape.batch_size,
            "alpha": ALPHA,
            "learning_rate_init": RATE,
            "tol": 0,
            "n_iter_no_change": math.inf,
        }

    def fit(self, epochs, seed=SEED):
        model = self.classifier(max_iter=epochs, **self.parameters | {"random_state": seed})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(self.X, self.y)
        (W1, W2), (b1, b2) = model.coefs_, model.intercepts_
        return W1, b1, W2, b2


class ShallowNet(_ScikitLearnPeer):
    name = "shallownet"
    package = "shallownet"

    def __init__(self, problem, threads):
        from shallownet import ShallowNetClassifier

        super().__init__(problem, threads)
        self.classifier = ShallowNetClassifier
        self.parameters["n_jobs"] = threads


class MLP(_ScikitLearnPeer):
    name = "MLPClassifier"
    package = "sklearn"

    def __init__(self, problem, threads):
        from sklearn.neural_network import MLPClassifier

        super().__init__(problem, threads)
        self.classifier = MLPClassifier


class Torch(_Peer):
    """Eager PyTorch: examples preloaded as a tensor, permuted once an epoch, the fused Adam."""

    name = "torch"
    package = "torch"

    def __init__(self, problem, threads):
        import torch

        torch.set_num_threads(threads)
        self.torch = torch
        self.shape = problem.shape
        self.initial = [torch.from_numpy(array) for array in initial_weights(problem)]
        self.X = torch.from_numpy(problem.X)
        if problem.shape.n_outputs == 1:
            self.y = torch.from_numpy(problem.y[:, np.newaxis].astype(problem.X.dtype))
            self.loss = torch.nn.functional.binary_cross_entropy_with_logits
        else:
            self.y = torch.from_numpy(problem.y)
            self.loss = torch.nn.functional.cross_entropy

    def loss_of(self, model):
        """Return the function of a batch that an epoch calls."""
        return lambda X, y: self.loss(model(X), y)

    def fit(self, epochs):
        torch, shape = self.torch, self.shape
        torch.manual_seed(SEED)
        model = torch.nn.Sequential(
            torch.nn.Linear(shape.n_features, shape.n_hidden, dtype=self.X.dtype),
            torch.nn.ReLU(),
            torch.nn.Linear(shape.n_hidden, shape.n_outputs, dtype=self.X.dtype),
        )
        first, last = model[0], model[2]
        with torch.no_grad():
            weights = first.weight.T, first.bias, last.weight.T, last.bias
            for weight, initial in zip(weights, self.initial, strict=True):
                weight.copy_(initial)
        optimizer = torch.optim.Adam(
            [
                {"params": [first.weight, last.weight], "weight_decay": ALPHA / shape.batch_size},
                {"params": [first.bias, last.bias]},
            ],
            lr=RATE,
            betas=(BETA_1, BETA_2),
            eps=EPSILON,
            fused=True,
        )
        loss_of = self.loss_of(model)
        loss_curve = []
        for _ in range(epochs):
            epoch_loss = torch.zeros((), dtype=self.X.dtype)
            # one gather an epoch and views of it: faster than a gather for each batch
            order = slice(None) if shape.full_batch else torch.randperm(shape.n_samples)
            X_batches = self.X[order].split(shape.batch_size)
            y_batches = self.y[order].split(shape.batch_size)
            for X, y in zip(X_batches, y_batches, strict=True):
                optimizer.zero_grad()
                loss = loss_of(X, y)
                loss.backward()
                optimizer.step()
                epoch_loss += loss.detach() * len(X)
            loss_curve.append(epoch_loss.item() / shape.n_samples)
        return tuple(weight.detach().numpy() for weight in weights)


class TorchCompile(Torch):
    """The same with forward and backward propagation compiled by torch.compile."""

    name = "torch.compile"

    @classmethod
    def obstacle(cls):
        compiler = os.environ.get("CXX") or which("g++") or which("clang++") or which("cl")
        return super().obstacle() or ("" if compiler else "needs a C++ compiler, and there is none")

    def __init__(self, problem, threads):
        super().__init__(problem, threads)
        torch, loss = self.torch, self.loss
        torch.compiler.reset()  # it compiles no more than eight shapes of one function, and would go on uncompiled

        def loss_of_batch(W1, b1, W2, b2, X, y):
            hidden = torch.relu(torch.nn.functional.linear(X, W1, b1))
            return loss(torch.nn.functional.linear(hidden, W2, b2), y)

        # compiled once and given the weights, as a new model would be compiled anew; a short last batch is a shape
        # of its own
        self.compiled = torch.compile(loss_of_batch, dynamic=False)

    def loss_of(self, model):
        weights = list(model.parameters())
        return lambda X, y: self.compiled(*weights, X, y)


class Jax(_Peer):
    """JAX with the whole epoch, a scan over its batches, in one compiled call, and Adam by hand."""

    name = "JAX"
    package = "jax"

    def __init__(self, problem, threads):
        # JAX has no setting for its threads: it uses the CPUs that the process may run on
        import jax

        jax.config.update("jax_platforms", "cpu")
        jax.config.update("jax_enable_x64", problem.X.dtype == np.float64)
        self.jax = jax
        self.shape = problem.shape
        self.initial = initial_weights(problem)
        self.X = jax.numpy.asarray(problem.X)
        self.y = jax.numpy.asarray(problem.y)
        self.train_epoch = jax.jit(jax_epoch(jax, problem.shape.batch_size, problem.shape.n_outputs), donate_argnums=0)

    def fit(self, epochs):
        jax = self.jax
        rng = np.random.default_rng(SEED)
        weights = tuple(jax.numpy.array(array) for array in self.initial)
        moments = [tuple(jax.numpy.zeros_like(array) for array in weights) for _ in range(2)]
        state = weights, *moments, jax.numpy.zeros((), weights[0].dtype)
        loss_curve = []
        for _ in range(epochs):
            # drawn by NumPy: jax.random.permutation sorts random numbers, which takes several times longer
            order = None if self.shape.full_batch else rng.permutation(self.shape.n_samples)
            state, loss = self.train_epoch(state, self.X, self.y, order)
            loss_curve.append(float(loss) / self.shape.n_samples)
        return tuple(np.asarray(array) for array in state[0])


def jax_epoch(jax, batch_size, n_outputs):
    """Return a function that trains on all examples once: (state, X, y, order) -> (state, sum of the losses).

    Without an order they make one batch.
    """
    jnp = jax.numpy

    def batch_loss(weights, X, y):
        W1, b1, W2, b2 = weights
        z2 = jax.nn.relu(X @ W1 + b1) @ W2 + b2
        if n_outputs == 1:
            z2 = z2[:, 0]
            loss = jnp.mean(jax.nn.softplus(z2) - y * z2)
        else:
            loss = -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(z2), y[:, None], axis=1))
        return loss + 0.5 * ALPHA / len(X) * (jnp.sum(W1**2) + jnp.sum(W2**2))

    def step(state, X, y):
        weights, first, second, t = state
        loss, gradients = jax.value_and_grad(batch_loss)(weights, X, y)
        t = t + 1
        rate = RATE * jnp.sqrt(1 - BETA_2**t) / (1 - BETA_1**t)
        first = jax.tree.map(lambda m, g: BETA_1 * m + (1 - BETA_1) * g, first, gradients)
        second = jax.tree.map(lambda v, g: BETA_2 * v + (1 - BETA_2) * g * g, second, gradients)
        weights = jax.tree.map(lambda w, m, v: w - rate * m / (jnp.sqrt(v) + EPSILON), weights, first, second)
        return (weights, first, second, t), loss * len(X)

    def train_epoch(state, X, y, order):
        if order is None:
            return step(state, X, y)
        n_whole = len(order) // batch_size
        batches, rest = order[: n_whole * batch_size].reshape(n_whole, -1), order[n_whole * batch_size :]
        state, losses = jax.lax.scan(lambda state, batch: step(state, X[batch], y[batch]), state, batches)
        loss = losses.sum()
        if len(rest):
            state, last_loss = step(state, X[rest], y[rest])
            loss = loss + last_loss
        return state, loss

    return train_epoch


def initial_weights(problem):
    """Draw the uniform Glorot weights that MLPClassifier draws from the same seed."""
    random_state = np.random.RandomState(SEED)
    sizes = problem.shape.n_features, problem.shape.n_hidden, problem.shape.n_outputs
    weights = []
    for fan_in, fan_out in pairwise(sizes):
        bound = math.sqrt(6 / (fan_in + fan_out))
        weights.append(random_state.uniform(-bound, bound, (fan_in, fan_out)))
        weights.append(random_state.uniform(-bound, bound, fan_out))
    return [array.astype(problem.X.dtype) for array in weights]


OURS = ShallowNet
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
