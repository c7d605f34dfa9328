"""What a fit works on: the problem to learn, the hyperparameters, and the state that training starts from and leaves.

Estimators build these from what the user gave; training knows neither estimators nor what y is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .task import Task


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Rows of X with their targets, checked."""

    X: Any  # (n, n_features), dense in any memory layout or CSR, of the dtype that training computes in
    targets: np.ndarray  # (n, 1) or (n, n_outputs), as the task encodes y
    sample_weight: np.ndarray | None  # (n,), all weights multiplied; None is 1 each
    y: Any  # (n, ...) as the user gave it; training only takes rows of it, for a scorer

    def take(self, rows):
        """Return some of the examples, as copies."""
        weights = self.sample_weight
        return Examples(
            X=self.X[rows],
            targets=self.targets[rows],
            sample_weight=None if weights is None else weights[rows],
            y=self.y[rows],
        )


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What is to be learned, and what it is measured by."""

    examples: Examples  # to learn from; with early stopping, some are set aside for validation if held_out is None
    held_out: Examples | None  # the validation set that the user gave
    task: Task  # what y is
    # Score of the validation set: None is that of the task, 'loss' minus the loss; else maps the Examples of a
    # validation set to a function that maps coefs and intercepts to a score.
    scoring: Callable | str | None


@dataclass(frozen=True, kw_only=True)
class Hyperparameters:
    """The parameters of a fit, checked and as training needs them. Names are those of the estimator's parameters."""

    # the network
    n_hidden: int  # hidden units
    activation: str  # a key of kernels.activations.ACTIVATIONS
    slope: float  # of 'leaky_relu' below 0; 0.0 for other activations
    init: Any  # a key of initialization.INITS, or the pair (coefs, intercepts)
    # the loss
    alpha: float  # strength of the L2 penalty
    dropout: float  # probability that a hidden unit is left out
    # the optimizer
    solver: str  # 'lbfgs', 'sgd' or 'adam'
    batch_size: int | float | str  # number of examples, their share, 'auto' or 'full'
    learning_rate_init: float
    schedule: str  # of the learning rate; always 'constant' where ``learning_rate`` has no effect
    power_t: float  # exponent of the schedule 'invscaling'
    momentum: float  # of 'sgd', as the next
    nesterovs_momentum: bool
    beta_1: float  # decay of the first moment of 'adam'
    beta_2: float  # decay of the second moment of 'adam'
    epsilon: float  # of 'adam'
    # how long
    max_iter: int  # maximum number of epochs, for 'lbfgs' of iterations
    max_fun: int  # maximum number of loss evaluations by 'lbfgs'
    tol: float  # an epoch that improves by less does not count as improved; for 'lbfgs' the gradient to stop at
    n_iter_no_change: float  # training stops after more epochs in a row without improvement
    early_stopping: bool  # whether training stops on the validation score, and restores the best weights
    validation_fraction: float  # share of the examples that early stopping sets aside
    # order and chance
    shuffle: bool  # whether to shuffle the examples before each epoch
    random_state: np.random.RandomState
    private_random_state: bool  # whether it was made from a seed, so that nobody else draws from it
    # running
    n_threads: int  # maximum number of threads
    verbose: bool  # whether to print the progress


@dataclass(frozen=True, kw_only=True)
class NetworkState:
    """The weights of a network, and the state of the optimizer that trained it, if there was any."""

    coefs: list  # [(n_features, n_hidden), (n_hidden, n_outputs)]
    intercepts: list  # [(n_hidden,), (n_outputs,)]
    rate: float | None = None  # learning rate of the next epoch; None: the optimizer begins anew
    moments: Any = None  # Moments, or two moments, each as (coefs, intercepts)
    network: Any = None  # Network whose memory the next training may use; None if that would bring little
