"""The order of the examples, which is shuffled before each epoch as MLPClassifier shuffles it."""

from typing import Any

import numpy as np

from .kernels.shuffling import tempered


class Order:
    """The rows of X in the order of training.

    Parameters
    ----------
    n_samples : int
    rows : ndarray of shape (n_samples,) of intp, or None
        The rows of X to learn from, None for all.
    random_state : RandomState or None
        The source of the draws; None shuffles nothing.
    exclusive : bool
        Whether nothing else draws from it, now or later. Kernels then continue its draws.

    Attributes
    ----------
    rows : ndarray of shape (n_samples,) of intp, or None
        None if they are all rows as they come.
    generator : ndarray or None
        The state of the generator with which the kernels shuffle ``rows``.
    """

    def __init__(self, n_samples, rows, random_state=None, exclusive=False):
        self.rows, self.generator = rows, None
        self._random_state = random_state
        if random_state is None:
            return
        self.rows = np.arange(n_samples) if rows is None else rows.copy()
        state: dict[str, Any] = random_state.get_state(legacy=False) if exclusive else {}
        if state.get("bit_generator") == "MT19937":
            key = state["state"]["key"].astype(np.int64)
            self.generator = np.concatenate([key, [state["state"]["pos"]], tempered(key)])

    @property
    def runs_ahead(self):
        """Whether several epochs need no call of ``shuffle`` in between."""
        return self._random_state is None or self.generator is not None

    def shuffle(self):
        """Shuffle the rows for the next epoch, unless the kernels do."""
        if not self.runs_ahead:
            self._random_state.shuffle(self.rows)
