"""PyTorch, eager and compiled."""

import os
from shutil import which

import numpy as np

from peers.peer import ALPHA, BETA_1, BETA_2, EPSILON, RATE, SEED, Peer, initial_weights


class Torch(Peer):
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
