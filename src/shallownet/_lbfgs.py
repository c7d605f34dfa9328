"""The course of a fit by L-BFGS: scipy's L-BFGS-B over the kernels' loss and gradient."""

import numpy as np
from scipy.optimize import minimize
from sklearn.utils.fixes import _get_additional_lbfgs_options_dict
from sklearn.utils.optimize import _check_optimize_result


def minimize_loss(network, *, max_iter, max_fun, tol, verbose, after_iteration=None):
    """Set the network's weights to a minimum of the loss of all its examples; return the loss and iterations.

    Parameters
    ----------
    network : Network
        With the solver GRADIENT and all examples as one batch.
    max_iter, max_fun, tol, verbose
        Bounds of the iterations and evaluations, the largest entry of the gradient where it stops, and whether
        scipy prints its iterations.
    after_iteration : callable or None
        Called after each iteration with the loss, the network at its weights; the search ends if it returns True.
    """
    coefs, intercepts = network.weights()
    shapes = [array.shape for array in coefs + intercepts]

    def packed(coefs, intercepts):
        return np.concatenate([array.ravel() for array in coefs + intercepts])

    def unpacked(vector):
        arrays, start = [], 0
        for shape in shapes:
            stop = start + int(np.prod(shape))
            arrays.append(vector[start:stop].reshape(shape))
            start = stop
        return arrays[:2], arrays[2:]

    def loss_and_gradient(vector):
        loss, gradient = network.loss_and_gradient(*unpacked(vector))
        return loss, packed(*gradient).astype(np.float64)

    def callback(intermediate_result):
        network.set_weights(*unpacked(intermediate_result.x))
        if after_iteration(float(intermediate_result.fun)):
            raise StopIteration

    result = minimize(
        loss_and_gradient,
        packed(coefs, intercepts).astype(np.float64),
        method="L-BFGS-B",
        jac=True,
        callback=None if after_iteration is None else callback,
        options={
            "maxfun": max_fun,
            "maxiter": max_iter,
            "gtol": tol,
            **_get_additional_lbfgs_options_dict("iprint", 1 if verbose else -1),
        },
    )
    network.set_weights(*unpacked(result.x))
    n_iter = _check_optimize_result("lbfgs", result, max_iter)
    return float(result.fun), n_iter
