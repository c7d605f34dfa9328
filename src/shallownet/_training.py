"""The course of a fit by stochastic gradient descent: epochs, order, learning rate, stopping, interrupts."""

import math
import warnings
from dataclasses import dataclass, field

import numpy as np
from sklearn.exceptions import ConvergenceWarning

SMALLEST_ADAPTIVE_RATE = 1e-6


class LearningRate:
    """The learning rate of each epoch.

    constant: the initial rate throughout. invscaling: initial / (t + 1)**power_t after t examples, from one epoch to
    the next. adaptive: a fifth of the rate whenever training stops improving, until it falls to 1e-6. cosine:
    initial * (1 + cos(pi e / epochs)) / 2 in epoch e = 0, 1, ...
    """

    def __init__(self, schedule, initial, power_t, epochs=1):
        self.schedule = schedule
        self.initial = self.rate = initial
        self.power_t = power_t
        self.epochs = epochs

    def end_epoch(self, n_iter, t):
        """Take note that ``n_iter`` epochs are done and t examples have been seen."""
        if self.schedule == "invscaling":
            self.rate = self.initial / (t + 1) ** self.power_t
        elif self.schedule == "cosine":
            self.rate = self.initial * (1 + math.cos(math.pi * min(1, n_iter / self.epochs))) / 2

    def on_plateau(self):
        """Return how a fit goes on that no longer improves: whether it stops, and in which words."""
        if self.schedule != "adaptive":
            return True, "Stopping."
        if self.rate <= SMALLEST_ADAPTIVE_RATE:
            return True, "Learning rate too small. Stopping."
        self.rate /= 5.0
        return False, f"Setting learning rate to {self.rate:f}"


@dataclass
class Course:
    """What has happened in training, over one call or several.

    ``steps`` are updates, ``t`` examples, ``stalled`` the epochs in a row without improvement. ``best_iter`` and
    ``best_weights`` belong to the best score on a validation set, the latter only where training stops on it.
    """

    loss_curve: list = field(default_factory=list)
    best_loss: float = np.inf
    n_iter: int = 0
    steps: int = 0
    t: int = 0
    stalled: int = 0
    validation_scores: list = field(default_factory=list)
    validation_loss_curve: list = field(default_factory=list)
    best_score: float = -np.inf
    best_iter: int = 0
    best_weights: tuple | None = None

    @property
    def loss(self):
        """The loss of the last complete epoch, NaN before the first."""
        return self.loss_curve[-1] if self.loss_curve else np.nan


def train(
    network,
    learning_rate,
    random_state,
    course=None,
    *,
    max_iter,
    shuffle,
    tol,
    n_iter_no_change,
    verbose,
    incremental=False,
    validation=None,
    early_stopping=False,
    after_epoch=None,
):
    """Train the network on its examples, and return the Course of it.

    Parameters
    ----------
    network : Network
        With examples attached; its weights are changed.
    learning_rate : LearningRate
    random_state : RandomState
        The source of each epoch's order, drawn as MLPClassifier draws it.
    course : Course or None
        Is continued; None begins a new one.
    max_iter, shuffle, tol, n_iter_no_change, verbose
        As in ShallowNetClassifier.
    incremental : bool
        Whether to do one epoch and leave it open whether training has converged.
    validation : Validation or None
        Is watched in each epoch.
    early_stopping : bool
        Whether to stop on the validation score rather than the loss, and restore the best weights.
    after_epoch : callable or None
        Called after each epoch; training ends if it returns True.

    Raises
    ------
    ValueError
        If the weights are no longer finite and there are none to go back to.
    """
    course = Course() if course is None else course
    order = np.arange(network.n_samples) if shuffle else None
    course.n_iter = 0
    try:
        while course.n_iter < max_iter:
            if order is not None:
                order = _shuffled(order, random_state)
            loss = network.train_epoch(order, learning_rate.rate, course.steps, course.t)
            if not np.isfinite(loss) and not early_stopping:
                check_finite(network)
            course.n_iter += 1
            course.steps += -(-network.n_samples // network.batch_size)
            course.t += network.n_samples
            course.loss_curve.append(loss)
            if verbose:
                print(f"Iteration {course.n_iter}, loss = {loss:.8f}")  # noqa: T201

            if validation is not None:
                _watch(network, validation, course, tol, verbose, early_stopping)
                if early_stopping and not _usable(course):
                    break
            if not early_stopping:
                course.stalled = course.stalled + 1 if loss > course.best_loss - tol else 0
                course.best_loss = min(course.best_loss, loss)
            learning_rate.end_epoch(course.n_iter, course.t)

            if after_epoch is not None and after_epoch():
                break
            if course.stalled > n_iter_no_change:
                stops, message = learning_rate.on_plateau()
                if verbose:
                    watched = "Validation score" if early_stopping else "Training loss"
                    print(  # noqa: T201
                        f"{watched} did not improve more than tol={tol:f} for {n_iter_no_change} consecutive"
                        f" epochs. {message}"
                    )
                if stops:
                    break
                course.stalled = 0
            if incremental:
                break
            if course.n_iter == max_iter:
                warnings.warn(
                    f"Stochastic Optimizer: Maximum iterations ({max_iter}) reached and the optimization"
                    " hasn't converged yet.",
                    ConvergenceWarning,
                    stacklevel=7,
                )
    except KeyboardInterrupt:
        warnings.warn("Training interrupted by user.", stacklevel=7)
    if early_stopping and course.best_weights is not None:
        network.set_weights(*course.best_weights)
    check_finite(network)
    return course


def _watch(network, validation, course, tol, verbose, early_stopping):
    """Look at the validation set and keep the best weights."""
    weights = network.weights()
    loss, score = validation.look(*weights)
    course.validation_loss_curve.append(loss)
    course.validation_scores.append(score)
    if verbose:
        print(f"Validation score: {score:f}")  # noqa: T201
    if early_stopping:
        course.stalled = course.stalled + 1 if score < course.best_score + tol else 0
    if score > course.best_score:
        course.best_score = score
        course.best_iter = len(course.validation_scores)
        if early_stopping:
            course.best_weights = weights


def _usable(course):
    """Return whether loss and score are numbers; warn if training ends because they are not."""
    loss, score = course.loss_curve[-1], course.validation_scores[-1]
    if not np.isnan(loss) and not np.isnan(score):
        return True
    warnings.warn(
        f"Training stopped after epoch {course.n_iter}: the loss is {loss} and the validation score {score}. The"
        " weights of the best epoch before are kept.",
        ConvergenceWarning,
        stacklevel=8,
    )
    return False


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
