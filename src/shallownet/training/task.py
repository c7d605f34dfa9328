"""The task of a network: what it learns, and all that depends on it."""

from typing import Any, Protocol

import numpy as np


class Task(Protocol):
    """What estimators, the validation set and the training loop ask of a task.

    There is one kind for labels and one for real numbers; nobody else knows what y is.
    """

    @property
    def n_outputs(self) -> int:
        """The number of output units."""

    @property
    def output(self) -> str:
        """The output activation, and with it the loss in training: a key of kernels.losses.OUTPUTS."""

    def loss_parameters(self, dtype) -> dict[str, float]:
        """Return the fields of StepParameters that the loss needs beside its targets, for training in a dtype."""

    def encode(self, y, dtype) -> np.ndarray:
        """Return the targets of y, (n, 1) or (n, n_outputs), for training in a dtype.

        Raises
        ------
        ValueError
            If y is not what this task learns.
        """

    def decode(self, outputs) -> Any:
        """Return predictions, in the form of y, from the outputs of the network."""

    def weighted(self, sample_weight, targets, dtype) -> np.ndarray | None:
        """Return the weights of examples with these targets; None is 1 each."""

    def strata(self, targets) -> np.ndarray | None:
        """Return by what the examples are stratified where some are held out, None if they are not."""

    def loss(self, outputs, targets, sample_weight) -> float:
        """Return the mean loss of predictions, without penalty."""

    def score(self, outputs, targets, sample_weight) -> float:
        """Return the score of predictions where the user asks for no other."""

    def for_scoring(self, y, targets) -> Any:
        """Return y as scorers get it."""

    def attributes(self) -> dict:
        """Return the fitted attributes that only this kind of task has."""
