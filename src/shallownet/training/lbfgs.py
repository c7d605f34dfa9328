"""A fit by L-BFGS: scipy's L-BFGS-B over the kernels' loss and gradient."""

from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import prod
from typing import Any

import numpy as np
import scipy
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning

from .loop import check_finite
from .validation_set import evaluate

# scipy 1.15 prints nothing any more, and later versions warn of the option
PRINTS = tuple(map(int, scipy.__version__.split(".")[:2])) < (1, 15)
LIMIT_REACHED = 1  # scipy's status where it is the number of iterations or evaluations that ended the search


@dataclass(frozen=True, kw_only=True)
class Iteration:
    """Where the search is after an iteration; replaced as a whole, whenever an interrupt comes."""

    x: np.ndarray  # (n_weights,)
    loss: float
    n_iter: int
    snapshot: Any  # of the history


def minimize_loss(network, hyperparameters, history, validation=None, after_iteration=None):
    """Set the network's weights to a minimum of the loss of all its examples.

    An interrupt by the user ends the search at the weights of the last iteration.

    Parameters
    ----------
    network : Network
        With the optimizer GRADIENT and all examples as one batch.
    hyperparameters : Hyperparameters
    history : History
        Each iteration is recorded as an epoch, but of the training loss only the last.
    validation : ValidationSet or None
        Evaluated after each iteration.
    after_iteration : callable or None
        Called after each iteration, with the network at its weights; the search ends if it returns True.

    Raises
    ------
    ValueError
        If the weights are no longer finite.
    """
    coefs, intercepts = network.weights()
    shapes = [array.shape for array in coefs + intercepts]
    parts = [slice(*ends) for ends in pairwise(accumulate(map(prod, shapes), initial=0))]

    def packed(coefs, intercepts):
        return np.concatenate([array.ravel() for array in coefs + intercepts]).astype(np.float64)

    def unpacked(vector):
        arrays = [vector[part].reshape(shape) for part, shape in zip(parts, shapes, strict=True)]
        return arrays[:2], arrays[2:]

    def loss_and_gradient(vector):
        loss, gradient = network.loss_and_gradient(*unpacked(vector))
        return loss, packed(*gradient)

    start = packed(coefs, intercepts)
    last, stopped = Iteration(x=start, loss=np.nan, n_iter=0, snapshot=history.snapshot()), False

    def callback(intermediate_result):  # scipy goes by the name of the argument
        nonlocal last, stopped
        x, loss = intermediate_result.x.copy(), float(intermediate_result.fun)
        if validation is not None or after_iteration is not None:
            network.set_weights(*unpacked(x))
            history.n_iter, history.loss_curve = last.n_iter + 1, [loss]
            if validation is not None:
                evaluate(network, validation, history, hyperparameters, on_score=False)
            snapshot = history.snapshot()
            stopped = after_iteration is not None and after_iteration()
        else:
            snapshot = last.snapshot
        last = Iteration(x=x, loss=loss, n_iter=last.n_iter + 1, snapshot=snapshot)
        if stopped:
            raise StopIteration

    options = {"maxiter": hyperparameters.max_iter, "maxfun": hyperparameters.max_fun, "gtol": hyperparameters.tol}
    if PRINTS:
        options["iprint"] = 1 if hyperparameters.verbose else -1
    try:
        result = minimize(loss_and_gradient, start, method="L-BFGS-B", jac=True, callback=callback, options=options)
        x, loss, n_iter = result.x, float(result.fun), min(result.nit, hyperparameters.max_iter)
        if result.status != 0 and not stopped:
            advice = "Increase max_iter or max_fun, or scale" if result.status == LIMIT_REACHED else "Scale"
            history.warn(
                f"lbfgs failed to converge after {n_iter} iteration(s) (status={result.status}):\n{result.message}\n\n"
                f"{advice} the features, as with StandardScaler.",
                ConvergenceWarning,
            )
    except KeyboardInterrupt:
        history.restore(last.snapshot)  # the interrupt may have cut an iteration short
        x, loss, n_iter = last.x, last.loss, last.n_iter
        history.n_iter = n_iter
        history.warn_of_interrupt(updates=0)
    network.set_weights(*unpacked(x))
    history.n_iter, history.loss_curve = n_iter, [loss]
    check_finite(network)
