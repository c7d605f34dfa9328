"""The course of a fit by stochastic gradient descent: epochs, order, learning rate, stopping, interrupts."""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

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
        self.initial = self.rate = float(initial)
        self.power_t = float(power_t)
        self.epochs = epochs

    @property
    def runs_ahead(self):
        """Whether the rate stays the same until training no longer improves."""
        return self.schedule in ("constant", "adaptive")

    def end_epoch(self, n_iter, t):
        """Take note that ``n_iter`` epochs are done and t examples have been seen."""
        if self.schedule == "invscaling":
            try:
                self.rate = self.initial / (t + 1) ** self.power_t
            except OverflowError:
                self.rate = 0.0
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
class History:
    """What has happened in training, over one call or several.

    ``steps`` are updates, ``t`` examples, ``stalled`` the epochs in a row without improvement. ``best_iter`` belongs
    to the best score on a validation set. ``best_weights``, only where training stops on that score, are those of the
    best epoch of this call, until there is one those that the call began with.
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

    @property
    def improved(self):
        """Whether the best score is of an epoch of this call."""
        return self.best_iter > len(self.validation_scores) - self.n_iter

    @property
    def broken(self):
        """Whether the loss or the validation score of the last epoch is NaN."""
        return bool(self.validation_scores) and (np.isnan(self.loss) or np.isnan(self.validation_scores[-1]))

    def snapshot(self):
        """Return what has been noted so far, for ``restore``."""
        return self.__dict__.copy(), len(self.loss_curve), len(self.validation_scores)

    def restore(self, snapshot):
        """Forget what was noted later, of an epoch that an interrupt broke off."""
        values, epochs, looks = snapshot
        self.__dict__.update(values)
        del self.loss_curve[epochs:], self.validation_scores[looks:], self.validation_loss_curve[looks:]


@dataclass
class Training:
    """The training of a network on its examples.

    Parameters
    ----------
    network : Network
        With examples attached; its weights are changed.
    learning_rate : LearningRate
    order : Order
    course : Course
        Is continued.
    max_iter, tol, n_iter_no_change, verbose
        As in ShallowNetClassifier.
    incremental : bool
        Whether to do one epoch and leave it open whether training has converged.
    validation : Validation or None
        Is watched in each epoch.
    early_stopping : bool
        Whether to stop on the validation score rather than the loss, and restore the best weights.
    after_epoch : callable or None
        Called after each epoch; training ends if it returns True.
    """

    network: Any
    learning_rate: LearningRate
    order: Any
    history: History
    max_iter: int
    tol: float
    n_iter_no_change: float
    verbose: bool = False
    incremental: bool = False
    validation: Any = None
    early_stopping: bool = False
    after_epoch: Callable | None = None

    def run(self):
        """Train until a rule says that it is enough, or the user does.

        Raises
        ------
        ValueError
            If the weights are no longer finite and there are none to go back to.
        """
        history, network = self.history, self.network
        history.n_iter = 0
        steps_before = history.steps
        before, goes_on, self._snapshot = 0, True, history.snapshot()
        try:
            if self.order.private or not self._calls_others():
                self.order.lend(1 if self.incremental else self.max_iter)
            while goes_on:
                self._snapshot = history.snapshot()
                network.forget_losses()
                self.order.shuffle()
                before = history.n_iter
                losses = network.train_epochs(
                    self._epochs_ahead(),
                    self.order.rows,
                    self.order.generator,
                    self.learning_rate.rate,
                    history.steps,
                    history.t,
                )
                history.steps = network.updates
                goes_on = self._goes_on_after(losses)
            self.order.give_back()
        except KeyboardInterrupt:
            history.restore(self._snapshot)
            self._note_epochs_of_interrupted_call(before)
            history.steps = max(history.steps, network.updates)  # each of them has moved the weights
            # The model is kept all the same, as by MLPClassifier: there may be hours of work in half an epoch.
            message = "Training interrupted by user."
            if history.n_iter == 0 and history.steps == steps_before:
                message += " Nothing was trained: the weights are those that training began with."
            elif history.n_iter == 0:
                message += (
                    f" No epoch was completed; the weights are those after {history.steps - steps_before} updates."
                )
            warnings.warn(message, stacklevel=7)
        finally:
            self.order.give_back()
        # Where no epoch of this call was better than those of earlier calls, training goes on from its last, as in
        # MLPClassifier: from the best weights, a fit with the same seed would take the same epoch again and again.
        goes_back = history.improved or history.broken
        if self.early_stopping and goes_back and history.best_weights is not None:
            network.set_weights(*history.best_weights)
        check_finite(network, max(1, history.n_iter))

    def _calls_others(self):
        """Return whether code that is not ours runs between epochs, which may draw random numbers as well."""
        return self.after_epoch is not None or (self.validation is not None and callable(self.validation.scorer))

    def _epochs_ahead(self):
        """Return how many epochs need no decision in between."""
        watched = self.validation is not None or self.after_epoch is not None
        if watched or self.incremental or not (self.order.runs_ahead and self.learning_rate.runs_ahead):
            return 1
        # training stops when more than n_iter_no_change epochs in a row were no better
        return int(min(self.max_iter - self.history.n_iter, self.n_iter_no_change + 1 - self.history.stalled))

    def _goes_on_after(self, losses):
        """Take note of one epoch, or of several that need no decision in between; return whether another follows."""
        history = self.history
        if not self.early_stopping and not all(map(math.isfinite, losses)):
            finite_before = [math.isfinite(loss) for loss in losses].index(False)
            check_finite(self.network, history.n_iter + finite_before + 1)
        self._note(losses)
        if self.validation is not None:
            evaluate(self.network, self.validation, history, self.tol, self.verbose, self.early_stopping)
            if self.early_stopping and not _usable(history):
                return False
            self._snapshot = history.snapshot()
        self.learning_rate.end_epoch(history.n_iter, history.t)
        if self.after_epoch is not None and self.after_epoch():
            return False
        if history.stalled > self.n_iter_no_change and self._stops_on_plateau():
            return False
        if self.incremental:
            return False
        if history.n_iter < self.max_iter:
            return True
        warnings.warn(
            f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached and the optimization"
            " hasn't converged yet.",
            ConvergenceWarning,
            stacklevel=8,
        )
        return False

    def _note(self, losses):
        """Take note of epochs and their losses."""
        history = self.history
        history.loss_curve += losses
        history.n_iter += len(losses)
        history.t += len(losses) * self.network.n_samples
        if not self.early_stopping:
            best, stalled, tol = history.best_loss, history.stalled, self.tol
            for loss in losses:  # there may be an epoch each microsecond
                stalled = stalled + 1 if loss > best - tol else 0
                if loss < best:
                    best = loss
            history.best_loss, history.stalled = best, stalled
        if self.verbose:
            for n_iter, loss in enumerate(losses, history.n_iter - len(losses) + 1):
                print(f"Iteration {n_iter}, loss = {loss:.8f}")  # noqa: T201

    def _note_epochs_of_interrupted_call(self, before):
        """Take note of the epochs that were done when the user interrupted, ``before`` epochs after the first."""
        if self.validation is None:
            self._note(self.network.losses_so_far()[self.history.n_iter - before :])

    def _stops_on_plateau(self):
        """Return whether training ends where it no longer improves, or goes on at another rate."""
        stops, message = self.learning_rate.on_plateau()
        if self.verbose:
            watched = "Validation score" if self.early_stopping else "Training loss"
            print(  # noqa: T201
                f"{watched} did not improve more than tol={self.tol:f} for {self.n_iter_no_change} consecutive"
                f" epochs. {message}"
            )
        self.history.stalled = 0 if not stops else self.history.stalled
        return stops


def evaluate(network, validation, history, tol, verbose, early_stopping):
    """Look at the validation set and keep the best weights."""
    weights = network.weights()
    loss, score = validation.look(*weights)
    history.validation_loss_curve.append(loss)
    history.validation_scores.append(score)
    if verbose:
        print(f"Validation score: {score:f}")  # noqa: T201
    if early_stopping:
        history.stalled = history.stalled + 1 if score < history.best_score + tol else 0
    if score > history.best_score:
        history.best_score = score
        history.best_iter = len(history.validation_scores)
        if early_stopping:
            history.best_weights = weights


def _usable(history):
    """Return whether loss and score are numbers; warn if training ends because they are not."""
    if not history.broken:
        return True
    loss, score = history.loss_curve[-1], history.validation_scores[-1]
    if history.best_weights is None:
        kept = "of this epoch, the first,"
    else:
        kept = "of the best epoch before" if history.improved else "from before this fit"
    warnings.warn(
        f"Training stopped after epoch {history.n_iter}: the loss is {loss} and the validation score {score}. The"
        f" weights {kept} are kept.",
        ConvergenceWarning,
        stacklevel=8,
    )
    return False


def check_finite(network, epoch=None):
    """Raise ValueError if a weight of the network is not finite; ``epoch`` is the last that trained it."""
    if not network.finite():
        when = "" if epoch is None else f" Training diverged in epoch {epoch}."
        raise ValueError(
            "Solver produced non-finite parameter weights. The input data may contain large values and need to"
            f" be preprocessed.{when}"
        )
