"""One fit: from a checked problem and hyperparameters to trained weights and a history."""

from dataclasses import replace

import numpy as np
from scipy import sparse

from ..kernels.activations import ACTIVATIONS
from ..kernels.losses import OUTPUTS
from ..kernels.optimizers import optimizer_for
from ..kernels.structs import StepParameters
from .inference import predict_outputs
from .initialization import initial_weights
from .lbfgs import minimize_loss
from .loop import Training
from .network import Network
from .problem import NetworkState
from .sample_order import Order
from .schedule import LearningRate
from .validation_set import ValidationSet, split

OVERFLOWS = (
    "Solver produced parameter weights so large that the outputs overflow. The input data may contain"
    " large values and need to be preprocessed."
)
WEIGHTLESS = "The weights of the {} samples must contain at least one non-zero number."


def train(problem, hyperparameters, history, *, start=None, incremental=False, after_epoch=None, network=None):
    """Train a network.

    Parameters
    ----------
    problem : Problem
    hyperparameters : Hyperparameters
    history : History
        Is continued; its warnings are for the caller to issue.
    start : NetworkState or None
        What training continues from; None draws initial weights.
    incremental : bool
        Whether to train for one epoch, and leave open whether training has converged.
    after_epoch : callable or None
        Called after each epoch with a function that returns the network's coefs and intercepts; training ends if it
        returns True.
    network : Network or None
        The network of an earlier call, whose memory may be used again.

    Returns
    -------
    state : NetworkState

    Raises
    ------
    ValueError
        If the weights, or the outputs of the network, are no longer finite.
    """
    network = make_network(problem, hyperparameters, start, network)
    rows, validation = split_off(problem, hyperparameters)
    examples = problem.examples
    n_samples = examples.X.shape[0] if rows is None else len(rows)
    if exceeds_samples(hyperparameters, n_samples):
        history.warn("Got `batch_size` less than 1 or larger than sample size. It is going to be clipped")
    attach(network, examples, rows, hyperparameters)
    state = optimize(
        network,
        hyperparameters,
        history,
        order=None if hyperparameters.solver == "lbfgs" else order_of(network, rows, hyperparameters),
        validation=validation,
        start=start,
        incremental=incremental,
        after_epoch=after_epoch,
    )
    if may_overflow(network) and not outputs_are_finite(state.coefs, state.intercepts, problem, hyperparameters):
        raise ValueError(OVERFLOWS)
    return replace(state, network=network.kept() if incremental else None)


def optimize(network, hyperparameters, history, *, order, validation, start, incremental, after_epoch):
    """Train a network on the examples attached to it.

    Parameters
    ----------
    network : Network
    order : Order or None
        Not needed by L-BFGS.
    validation : ValidationSet or None
    hyperparameters, history, start, incremental, after_epoch
        As in ``train``.

    Returns
    -------
    state : NetworkState

    Raises
    ------
    ValueError
        If the weights are no longer finite.
    """
    hook = None if after_epoch is None else lambda: after_epoch(network.weights)
    optimizer_state = {}
    if hyperparameters.solver == "lbfgs":
        minimize_loss(network, hyperparameters, history, validation, hook)
    else:
        learning_rate = _learning_rate(network, hyperparameters, history, start)
        Training(
            network=network,
            hyperparameters=hyperparameters,
            learning_rate=learning_rate,
            order=order,
            history=history,
            validation=validation,
            incremental=incremental,
            after_epoch=hook,
        ).run()
        optimizer_state = {"rate": learning_rate.rate, "moments": network.moments()}
    coefs, intercepts = network.weights()
    return NetworkState(coefs=coefs, intercepts=intercepts, **optimizer_state)


def starting_weights(task, hyperparameters, n_features, start):
    """Return coefs and intercepts that training begins with: initial ones, or those to start from."""
    if start is not None:
        return start.coefs, start.intercepts
    return initial_weights(
        hyperparameters.init,
        hyperparameters.random_state,
        n_features,
        hyperparameters.n_hidden,
        task.n_outputs,
        hyperparameters.activation,
    )


def make_network(problem, hyperparameters, start, earlier=None):
    """Return a network with initial weights, or with those to start from: the earlier one, if it can be used again."""
    X, random_state = problem.examples.X, hyperparameters.random_state
    coefs, intercepts = starting_weights(problem.task, hyperparameters, X.shape[1], start)
    # drawn only where it is used, so that other fits draw what MLPClassifier draws
    key = 2 * random_state.randint(2**62, dtype=np.int64) + 1 if hyperparameters.dropout > 0 else 1
    optimizer = optimizer_for(hyperparameters.solver, hyperparameters.nesterovs_momentum)
    arguments = (
        [np.asarray(coef, X.dtype) for coef in coefs],
        [np.asarray(intercept, X.dtype) for intercept in intercepts],
        ACTIVATIONS[hyperparameters.activation],
        OUTPUTS[problem.task.output],
        optimizer.code,
        _step_parameters(problem.task, hyperparameters, optimizer, X.dtype),
        key,
        sparse.issparse(X),
    )
    return (earlier and earlier.renewed(*arguments)) or Network(*arguments)


def _step_parameters(task, hyperparameters, optimizer, dtype):
    """Return the numbers that the kernels compute with."""
    decay_1, decay_2 = optimizer.decays_in(hyperparameters)
    return StepParameters(
        slope=hyperparameters.slope,
        alpha=hyperparameters.alpha,
        rate=hyperparameters.learning_rate_init,
        decay_1=decay_1,
        decay_2=decay_2,
        epsilon=hyperparameters.epsilon,
        dropout=hyperparameters.dropout,
        **task.loss_parameters(dtype),
    )


def split_off(problem, hyperparameters):
    """Return the rows of X to train on, None for all, and the validation set, None if there is none.

    Early stopping sets examples aside for validation if the user gave none.
    """
    examples, held_out, rows = problem.examples, problem.held_out, None
    weights = examples.sample_weight
    if held_out is None and hyperparameters.early_stopping and hyperparameters.solver != "lbfgs":
        rows, held_out_rows = split(
            len(examples.targets),
            problem.task.strata(examples.targets),
            hyperparameters.validation_fraction,
            hyperparameters.random_state,
        )
        held_out = examples.take(held_out_rows)
        _check_weights(held_out.sample_weight, "validation")
        weights = None if weights is None else weights[rows]
    _check_weights(weights, "training")
    if held_out is None:
        return rows, None

    def predict(X, coefs, intercepts):
        return _predict(X, coefs, intercepts, problem, hyperparameters)[0]

    return rows, ValidationSet(held_out, problem.task, predict, problem.scoring)


def _predict(X, coefs, intercepts, problem, hyperparameters):
    """Return the outputs of a network of these weights, and whether all of them are finite."""
    return predict_outputs(
        X,
        coefs,
        intercepts,
        ACTIVATIONS[hyperparameters.activation],
        OUTPUTS[problem.task.output],
        hyperparameters.slope,
        hyperparameters.n_threads,
    )


def _check_weights(sample_weight, purpose):
    """Raise ValueError if all examples weigh 0, by their own weights or by those of their classes."""
    if sample_weight is not None and not sample_weight.any():
        raise ValueError(WEIGHTLESS.format(purpose))


def attach(network, examples, rows, hyperparameters):
    """Let a network learn from examples, or from those ``rows`` of them."""
    X, n_threads = examples.X, hyperparameters.n_threads
    batch_size = _batch_size(hyperparameters, X.shape[0] if rows is None else len(rows))
    network.attach(X, examples.targets, examples.sample_weight, rows, batch_size, n_threads)


def _batch_size(hyperparameters, n_samples):
    """Return the number of examples in a batch."""
    size = hyperparameters.batch_size
    if hyperparameters.solver == "lbfgs" or size == "full":
        return n_samples
    if size == "auto":
        return min(200, n_samples)
    return min(size, n_samples) if isinstance(size, int) else max(1, int(size * n_samples))


def exceeds_samples(hyperparameters, n_samples):
    """Return whether the user asks for batches of more examples than there are."""
    size = hyperparameters.batch_size
    return hyperparameters.solver != "lbfgs" and isinstance(size, int) and size > n_samples


def _learning_rate(network, hyperparameters, history, start):
    """Return the learning rate; the optimizer begins anew, or continues from the state to start from."""
    learning_rate = LearningRate(
        hyperparameters.schedule,
        hyperparameters.learning_rate_init,
        hyperparameters.power_t,
        hyperparameters.max_iter,
    )
    if start is None or start.moments is None:
        history.steps = 0
    else:
        learning_rate.rate = start.rate
        network.set_moments(start.moments)
    return learning_rate


def order_of(network, rows, hyperparameters):
    """Return the order of the examples."""
    private = hyperparameters.private_random_state
    # where the order does not matter, it is drawn for those who draw after it, as MLPClassifier draws it
    drawn = hyperparameters.shuffle and not (private and network.as_they_come)
    return Order(network.n_samples, rows, hyperparameters.random_state if drawn else None, private)


def may_overflow(network):
    """Return whether weights are so large that the outputs must be looked at: NaN, too."""
    # products of two weights leave room for those with X
    return not network.largest_weight() < np.finfo(network.dtype).max ** 0.25


def outputs_are_finite(coefs, intercepts, problem, hyperparameters):
    """Return whether a network of these weights has finite outputs for the examples."""
    return _predict(problem.examples.X, coefs, intercepts, problem, hyperparameters)[1]
