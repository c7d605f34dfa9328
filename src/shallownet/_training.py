"""The course of a fit: epochs, the order of samples, learning rates, stopping, interrupts."""

import warnings
from dataclasses import dataclass, field

import numpy as np
from sklearn.exceptions import ConvergenceWarning

SMALLEST_ADAPTIVE_RATE = 1e-6


class LearningRate:
    """The learning rate of each epoch, by the schedules of MLPClassifier.

    constant: the initial rate throughout. invscaling: initial / (t + 1)**power_t after t examples, from one epoch
    to the next. adaptive: a fifth of the rate whenever the loss stops improving, until it falls to 1e-6.
    """

    def __init__(self, schedule, initial, power_t):
        self.schedule = schedule
        self.initial = self.rate = initial
        self.power_t = power_t

    def end_epoch(self, t):
        """Take note that t examples have been seen."""
        if self.schedule == "invscaling":
            self.rate = self.initial / (t + 1) ** self.power_t

    def on_plateau(self):
        """Return how the fit goes on when the loss no longer improves: whether it stops, and in which words."""
        if self.schedule != "adaptive":
            return True, "Stopping."
        if self.rate <= SMALLEST_ADAPTIVE_RATE:
            return True, "Learning rate too small. Stopping."
        self.rate /= 5.0
        return False, f"Setting learning rate to {self.rate:f}"


@dataclass
class Course:
    """What happened in a fit, by the names of MLPClassifier's attributes."""

    loss_curve: list = field(default_factory=list)
    best_loss: float = np.inf
    n_iter: int = 0
    t: int = 0

    @property
    def loss(self):
        """The loss of the last complete epoch, NaN before the first."""
        return self.loss_curve[-1] if self.loss_curve else np.nan


def train(network, learning_rate, random_state, *, max_iter, shuffle, tol, n_iter_no_change, verbose):
    """Train the network on its examples and return the Course of the fit.

    Parameters
    ----------
    network : Network
        With examples attached; its weights are changed.
    learning_rate : LearningRate
    random_state : RandomState
        The source of each epoch's order, drawn as MLPClassifier draws it.
    max_iter, shuffle, tol, n_iter_no_change, verbose
        As in ShallowNetClassifier.

    Raises
    ------
    ValueError
        If the weights are no longer finite.
    """
    course = Course()
    order = np.arange(network.n_samples) if shuffle else None
    steps_per_epoch = -(-network.n_samples // network.batch_size)
    epochs_without_improvement = 0
    try:
        while course.n_iter < max_iter:
            if order is not None:
                order = _shuffled(order, random_state)
            loss = network.train_epoch(order, learning_rate.rate, course.n_iter * steps_per_epoch)
            if not np.isfinite(loss):
                check_finite(network)
            course.n_iter += 1
            course.t += network.n_samples
            course.loss_curve.append(loss)
            if verbose:
                print(f"Iteration {course.n_iter}, loss = {loss:.8f}")  # noqa: T201

            worse = loss > course.best_loss - tol
            epochs_without_improvement = epochs_without_improvement + 1 if worse else 0
            course.best_loss = min(course.best_loss, loss)
            learning_rate.end_epoch(course.t)

            if epochs_without_improvement > n_iter_no_change:
                stops, message = learning_rate.on_plateau()
                if verbose:
                    print(  # noqa: T201
                        f"Training loss did not improve more than tol={tol:f} for {n_iter_no_change}"
                        f" consecutive epochs. {message}"
                    )
                if stops:
                    break
                epochs_without_improvement = 0
            if course.n_iter == max_iter:
                warnings.warn(
                    f"Stochastic Optimizer: Maximum iterations ({max_iter}) reached and the optimization"
                    " hasn't converged yet.",
                    ConvergenceWarning,
                    stacklevel=4,
                )
    except KeyboardInterrupt:
        warnings.warn("Training interrupted by user.", stacklevel=4)
    check_finite(network)
    return course


def check_finite(network):
    """Raise ValueError if a weight of the network is not finite."""
    if not network.finite():
        raise ValueError(
            "Solver produced non-finite parameter weights. The input data may contain large values and need to"
            " be preprocessed."
        )


def _shuffled(order, random_state):
    """Return the order shuffled as sklearn.utils.shuffle does, with the same draws."""
    places = np.arange(len(order))
    random_state.shuffle(places)
    return order[places]
