"""The course of a fit by L-BFGS: scipy's L-BFGS-B over the kernels' loss and gradient."""

import warnings
from itertools import accumulate, pairwise
from math import prod

import numpy as np
from scipy.optimize import OptimizeResult, minimize
from sklearn.utils.fixes import _get_additional_lbfgs_options_dict
from sklearn.utils.optimize import _check_optimize_result


def minimize_loss(network, *, max_iter, max_fun, tol, verbose, after_iteration=None):
    """Set the network's weights to a minimum of the loss of all its examples.

    An interrupt by the user ends the search with a warning, at the weights of the last iteration.

    Parameters
    ----------
    network : Network
        With the solver GRADIENT and all examples as one batch.
    max_iter, max_fun, tol, verbose
        Bounds of the iterations and evaluations, the largest entry of the gradient where it stops, and whether
        scipy prints its iterations.
    after_iteration : callable or None
        Called after each iteration with the loss, the network at its weights; the search ends if it returns True.

    Returns
    -------
    loss : float
    n_iter : int
        The iterations that were done.
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
    last, stopped = OptimizeResult(x=start, fun=np.nan, nit=0), False

    def callback(intermediate_result):
        nonlocal last, stopped
        x, loss = intermediate_result.x.copy(), float(intermediate_result.fun)
        if after_iteration is not None:
            network.set_weights(*unpacked(x))
            stopped = after_iteration(loss)
        last = OptimizeResult(x=x, fun=loss, nit=last.nit + 1)  # whole at once, whenever an interrupt comes
        if stopped:
            raise StopIteration

    try:
        result = minimize(
            loss_and_gradient,
            start,
            method="L-BFGS-B",
            jac=True,
            callback=callback,
            options={
                "maxfun": max_fun,
                "maxiter": max_iter,
                "gtol": tol,
                **_get_additional_lbfgs_options_dict("iprint", 1 if verbose else -1),
            },
        )
        n_iter = result.nit if stopped else _check_optimize_result("lbfgs", result, max_iter)
    except KeyboardInterrupt:
        result, n_iter = last, last.nit
        nothing = " Nothing was trained: the weights are those that training began with." if n_iter == 0 else ""
        warnings.warn(f"Training interrupted by user.{nothing}", stacklevel=7)
    network.set_weights(*unpacked(result.x))
    return float(result.fun), n_iter
