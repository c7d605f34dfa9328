"""The task of a regressor: real numbers, one or several for each example."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import sparse
from scipy.special import xlogy

# --- losses ---------------------------------------------------------------------------------------------


class Loss(NamedTuple):
    """A row of the registry; the kernels have the same losses as functions of three numbers (``residual_loss``)."""

    output: str  # the output activation
    slopes: Callable  # quantile, delta -> the bounds of the first derivative by the prediction
    straight: bool  # whether the derivative jumps from one bound to the other, rather than rising with slope 1
    losses: Callable  # targets, predictions, quantile, delta -> the loss of each output of each example
    total: Callable  # how those of an example are put together: np.sum or np.mean, with an axis


def _unbounded(quantile, delta):
    return -math.inf, math.inf


def _squared_error(y, p, quantile, delta):
    return 0.5 * (y - p) ** 2


def _absolute_error(y, p, quantile, delta):
    return np.abs(y - p)


def _pinball_loss(y, p, quantile, delta):
    return np.where(y > p, quantile * (y - p), (1 - quantile) * (p - y))


def _huber_loss(y, p, quantile, delta):
    size = np.abs(y - p)
    return np.where(size <= delta, 0.5 * size**2, delta * (size - 0.5 * delta))


def _poisson_loss(y, p, quantile, delta):
    return xlogy(y, y / p) - y + p


LOSSES = {
    "squared_error": Loss("identity", _unbounded, False, _squared_error, np.mean),
    "poisson": Loss("exp", _unbounded, False, _poisson_loss, np.sum),
    "absolute_error": Loss("identity", lambda quantile, delta: (-1.0, 1.0), True, _absolute_error, np.mean),
    "quantile": Loss("identity", lambda quantile, delta: (-quantile, 1.0 - quantile), True, _pinball_loss, np.mean),
    "huber": Loss("identity", lambda quantile, delta: (-delta, delta), False, _huber_loss, np.mean),
}


# --- the task -------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class RealTargets:
    """The Task of learning real numbers."""

    n_outputs: int
    loss_name: str  # a key of LOSSES
    quantile: float = 0.5  # of the loss of that name
    delta: float = 1.0  # of Huber's loss

    @property
    def output(self):
        """The output activation."""
        return LOSSES[self.loss_name].output

    def loss_parameters(self, dtype):
        """Return the fields of StepParameters that the loss needs."""
        loss = LOSSES[self.loss_name]
        lowest, highest = loss.slopes(self.quantile, self.delta)
        return {
            "curvature": 1 / float(np.finfo(dtype).tiny) if loss.straight else 1.0,
            "lowest": lowest,
            "highest": highest,
        }

    def attributes(self):
        """Return no attributes: only predictions with labels need more than the weights."""
        return {}

    def encode(self, y, dtype):
        """Return y as (n, n_outputs) numbers of float64.

        Raises
        ------
        ValueError
            If y is sparse, does not hold real numbers or has another number of outputs; if it has numbers that are too
            large for the dtype or, with the Poisson loss, negative ones.
        """
        if sparse.issparse(y):
            raise ValueError("Sparse y is not supported: use y.toarray().")
        y = np.asarray(y)
        if y.dtype.kind not in "fiub":
            raise ValueError(f"y must hold real numbers, got an array of dtype {y.dtype}.")
        y = y.reshape(len(y), -1).astype(np.float64)
        if y.shape[1] != self.n_outputs:
            raise ValueError(f"y must have {self.n_outputs} outputs, as in the first fit, got {y.shape[1]}.")
        if np.abs(y).max() > np.finfo(dtype).max:
            raise ValueError(f"y contains a value too large for {dtype}, the dtype of X: {np.abs(y).max()}.")
        if self.loss_name == "poisson" and y.min() < 0:
            raise ValueError(f"loss='poisson' needs numbers of 0 or more in y, got {y.min()}.")
        return y

    @staticmethod
    def decode(outputs):
        """Return predictions, (n,) for one output, else (n, n_outputs)."""
        return outputs[:, 0] if outputs.shape[1] == 1 else outputs

    def for_scoring(self, y, targets):
        """Return y as scorers get it: as the user gave it."""
        return y

    def strata(self, targets):
        """Return None: real numbers are not stratified."""
        return None

    def weighted(self, sample_weight, targets, dtype):
        """Return the sample weights, as no targets have weights of their own."""
        return sample_weight

    def loss(self, outputs, targets, sample_weight):
        """Return the mean loss of predictions, over examples."""
        loss = LOSSES[self.loss_name]
        with np.errstate(all="ignore"):
            losses = loss.losses(targets, outputs, self.quantile, self.delta)
        return float(loss.total(np.average(losses, weights=sample_weight, axis=0)))

    def score(self, outputs, targets, sample_weight):
        """Return the coefficient of determination R2, as sklearn.metrics.r2_score does, but in a fraction of its time.

        It is the mean over outputs; that of a constant is 1 if all predictions are right, else 0. A single example has
        none: NaN.
        """
        if len(targets) < 2:
            return math.nan
        weights = 1.0 if sample_weight is None else sample_weight[:, np.newaxis]
        with np.errstate(over="ignore", invalid="ignore"):
            residual = (weights * (targets - outputs) ** 2).sum(axis=0)
            total = (weights * (targets - np.average(targets, weights=sample_weight, axis=0)) ** 2).sum(axis=0)
            constant = total == 0
            scores = 1 - residual / np.where(constant, 1, total)
        return float(np.where(constant, residual == 0, scores).mean())
