"""The loop of a fit by stochastic gradient descent: epochs, when to stop, and interrupts by the user."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sklearn.exceptions import ConvergenceWarning

from .validation_set import evaluate


@dataclass(kw_only=True)
class Training:
    """The training of a network on the examples attached to it."""

    network: Any  # Network; its weights are changed
    hyperparameters: Any  # Hyperparameters
    learning_rate: Any  # LearningRate
    order: Any  # Order of the examples
    history: Any  # History; is continued
    validation: Any = None  # ValidationSet or None; evaluated after each epoch
    incremental: bool = False  # whether to train for one epoch, and leave open whether training has converged
    after_epoch: Callable | None = None  # called after each epoch; training ends if it returns True

    def run(self):
        """Train until a stopping rule, a callback or the user ends it.

        Raises
        ------
        ValueError
            If the weights are no longer finite and there are none to restore.
        """
        history, network, max_iter = self.history, self.network, self.hyperparameters.max_iter
        history.n_iter = 0
        steps_before = history.steps
        before, continues, self._snapshot = 0, True, history.snapshot()
        try:
            if self.order.private or not self._calls_others():
                self.order.lend(1 if self.incremental else max_iter)
            while continues:
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
                continues = self._continues_after(losses)
            self.order.give_back()
        except KeyboardInterrupt:
            # The model is kept all the same, as by MLPClassifier: there may be hours of work in half an epoch.
            history.restore(self._snapshot)
            self._record_epochs_of_interrupted_call(before)
            history.steps = max(history.steps, network.updates)  # each of them has moved the weights
            history.warn_of_interrupt(history.steps - steps_before)
        finally:
            self.order.give_back()
        # Where no epoch of this call was better than those of earlier calls, training goes on from its last, as in
        # MLPClassifier: from the best weights, a fit with the same seed would take the same epoch again and again.
        restores = history.improved or history.broken
        if self.hyperparameters.early_stopping and restores and history.best_weights is not None:
            network.set_weights(*history.best_weights)
        check_finite(network, max(1, history.n_iter))

    def _calls_others(self):
        """Return whether user-supplied code runs between epochs, which may draw random numbers as well."""
        return self.after_epoch is not None or (self.validation is not None and self.validation.user_scorer is not None)

    def _epochs_ahead(self):
        """Return how many epochs need no decision in between."""
        observed = self.validation is not None or self.after_epoch is not None
        if observed or self.incremental or not (self.order.runs_ahead and self.learning_rate.runs_ahead):
            return 1
        # training stops when more than n_iter_no_change epochs in a row were no better
        left, patience = self.hyperparameters.max_iter - self.history.n_iter, self.hyperparameters.n_iter_no_change
        return int(min(left, patience + 1 - self.history.stalled))

    def _continues_after(self, losses):
        """Record one epoch, or several that need no decision in between; return whether another follows."""
        history, max_iter = self.history, self.hyperparameters.max_iter
        early_stopping = self.hyperparameters.early_stopping
        if not early_stopping and not all(map(math.isfinite, losses)):
            finite_before = [math.isfinite(loss) for loss in losses].index(False)
            check_finite(self.network, history.n_iter + finite_before + 1)
        self._record(losses)
        if self.validation is not None:
            evaluate(self.network, self.validation, history, self.hyperparameters, on_score=early_stopping)
            if early_stopping and history.broken:
                self._warn_of_broken_epoch()
                return False
            self._snapshot = history.snapshot()
        self.learning_rate.end_epoch(history.n_iter, history.t)
        if self.after_epoch is not None and self.after_epoch():
            return False
        if history.stalled > self.hyperparameters.n_iter_no_change and self._stops_on_plateau():
            return False
        if self.incremental:
            return False
        if history.n_iter < max_iter:
            return True
        history.warn(
            f"Stochastic Optimizer: Maximum iterations ({max_iter}) reached and the optimization hasn't converged yet.",
            ConvergenceWarning,
        )
        return False

    def _record(self, losses):
        """Record complete epochs by their losses."""
        history = self.history
        history.record_epochs(
            losses,
            self.network.n_samples,
            self.hyperparameters.tol,
            on_loss=not self.hyperparameters.early_stopping,
        )
        if self.hyperparameters.verbose:
            for n_iter, loss in enumerate(losses, history.n_iter - len(losses) + 1):
                print(f"Iteration {n_iter}, loss = {loss:.8f}")  # noqa: T201

    def _record_epochs_of_interrupted_call(self, before):
        """Record the complete epochs of an interrupted call, which began after ``before`` epochs."""
        if self.validation is None:
            self._record(self.network.losses_so_far()[self.history.n_iter - before :])

    def _stops_on_plateau(self):
        """Return whether training ends where it no longer improves, or goes on at another rate."""
        stops, message = self.learning_rate.on_plateau()
        if self.hyperparameters.verbose:
            measure = "Validation score" if self.hyperparameters.early_stopping else "Training loss"
            print(  # noqa: T201
                f"{measure} did not improve more than tol={self.hyperparameters.tol:f} for"
                f" {self.hyperparameters.n_iter_no_change} consecutive epochs. {message}"
            )
        if not stops:
            self.history.stalled = 0
        return stops

    def _warn_of_broken_epoch(self):
        """Warn that training ends because the loss or the score is no number."""
        history = self.history
        if history.best_weights is None:
            kept = "of this epoch, the first,"
        else:
            kept = "of the best epoch before" if history.improved else "from before this fit"
        history.warn(
            f"Training stopped after epoch {history.n_iter}: the loss is {history.loss} and the validation score"
            f" {history.validation_scores[-1]}. The weights {kept} are kept.",
            ConvergenceWarning,
        )


def check_finite(network, epoch=None):
    """Raise ValueError if a weight of the network is not finite; ``epoch`` is the last that trained it."""
    if not network.finite():
        when = "" if epoch is None else f" Training diverged in epoch {epoch}."
        raise ValueError(
            "Solver produced non-finite parameter weights. The input data may contain large values and need to"
            f" be preprocessed.{when}"
        )
