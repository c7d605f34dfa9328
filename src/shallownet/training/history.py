"""What has happened in training so far: losses, scores, counts, the best weights, and what the user is to be told."""

from dataclasses import dataclass, field

import numpy as np


@dataclass
class History:
    """What has happened in training, over one call or several that continue each other."""

    # of each epoch
    loss_curve: list = field(default_factory=list)  # training loss
    validation_scores: list = field(default_factory=list)  # empty without a validation set, as the next
    validation_loss_curve: list = field(default_factory=list)
    # counts
    n_iter: int = 0  # epochs of this call
    steps: int = 0  # updates of the weights since the optimizer began
    t: int = 0  # examples seen
    stalled: int = 0  # epochs in a row without improvement
    # the best so far
    best_loss: float = np.inf  # not tracked where training stops on the validation score
    best_score: float = -np.inf
    best_iter: int = 0  # epoch of the best score, counted from 1 over all calls; 0 if no score was a number
    # coefs and intercepts of the best epoch of this call; until there is one, those that the call began with. None
    # where training does not stop on the validation score.
    best_weights: tuple | None = None
    interrupted: bool = False  # whether the user ended training
    # (message, category) of each warning; whoever called for the training issues them, as it knows the user's call
    warnings: list = field(default_factory=list)

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

    def record_epochs(self, losses, n_samples, tol, on_loss):
        """Record complete epochs by their losses; ``on_loss`` is whether training stops on these."""
        self.loss_curve += losses
        self.n_iter += len(losses)
        self.t += len(losses) * n_samples
        if on_loss:
            best, stalled = self.best_loss, self.stalled
            for loss in losses:  # there may be an epoch each microsecond
                stalled = stalled + 1 if loss > best - tol else 0
                if loss < best:
                    best = loss
            self.best_loss, self.stalled = best, stalled

    def record_validation(self, loss, score, weights, tol, on_score):
        """Record loss and score on the validation set; ``on_score`` is whether training stops on the score."""
        self.validation_loss_curve.append(loss)
        self.validation_scores.append(score)
        if on_score:
            self.stalled = self.stalled + 1 if score < self.best_score + tol else 0
        if score > self.best_score:
            self.best_score = score
            self.best_iter = len(self.validation_scores)
            if on_score:
                self.best_weights = weights

    def warn(self, message, category=UserWarning):
        """Have the user warned when training has ended."""
        self.warnings.append((message, category))

    def warn_of_interrupt(self, updates):
        """Have the user warned of an interrupt after so many updates of the call."""
        self.interrupted = True
        early = ""
        if self.n_iter == 0 and updates == 0:
            early = " Nothing was trained: the weights are those that training began with."
        elif self.n_iter == 0:
            early = f" No epoch was completed; the weights are those after {updates} updates."
        self.warn(f"Training interrupted by user.{early}")

    def snapshot(self):
        """Return what has been recorded so far, for ``restore``."""
        return self.__dict__.copy(), len(self.loss_curve), len(self.validation_scores)

    def restore(self, snapshot):
        """Forget what was recorded after the snapshot, of an epoch that an interrupt cut short."""
        values, n_losses, n_scores = snapshot
        self.__dict__.update(values)
        del self.loss_curve[n_losses:], self.validation_scores[n_scores:], self.validation_loss_curve[n_scores:]
