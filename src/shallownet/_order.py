"""The order of the examples, which is shuffled before each epoch as MLPClassifier shuffles it."""

import numpy as np

from .kernels.shuffling import PLACE, WORDS, tempered

KERNELS_PAY = 10_000  # draws; for fewer, handing the generator to the kernels takes longer than they save


class Order:
    """The rows of X in the order of training.

    Parameters
    ----------
    n_samples : int
    rows : ndarray of shape (n_samples,) of intp, or None
        The rows of X to learn from, None for all.
    random_state : RandomState or None
        The source of the draws; None shuffles nothing.
    private : bool
        Whether nobody else draws from it, now or later.

    Attributes
    ----------
    rows : ndarray of shape (n_samples,) of intp, or None
        None if they are all rows as they come.
    generator : ndarray or None
        The state of the generator with which the kernels shuffle ``rows``, None if they do not.
    """

    def __init__(self, n_samples, rows, random_state=None, private=False):
        self.rows, self.generator, self.private = rows, None, private
        self._random_state = random_state
        if random_state is not None:
            self.rows = np.arange(n_samples) if rows is None else rows.copy()

    @property
    def runs_ahead(self):
        """Whether several epochs need no call of ``shuffle`` in between."""
        return self._random_state is None or self.generator is not None

    def shuffle(self):
        """Shuffle the rows for the next epoch, unless the kernels do."""
        if not self.runs_ahead:
            self._random_state.shuffle(self.rows)

    def lend(self, epochs):
        """Let the kernels draw, from now to ``give_back``, if they can and that pays for so many epochs."""
        if self._random_state is None or epochs * len(self.rows) < KERNELS_PAY:
            return
        self._lent = self._random_state.get_state(legacy=False)
        if self._lent["bit_generator"] == "MT19937":
            key = self._lent["state"]["key"].astype(np.int64)
            self.generator = np.concatenate([key, [self._lent["state"]["pos"]], tempered(key)])

    def give_back(self):
        """Leave the random state as if it had drawn by itself, unless another thread has drawn meanwhile."""
        if self.private or self.generator is None:
            return
        key, place = self.generator[:WORDS].astype(np.uint32), int(self.generator[PLACE])
        self.generator = None
        now, lent = (state["state"] for state in (self._random_state.get_state(legacy=False), self._lent))
        if now["pos"] == lent["pos"] and np.array_equal(now["key"], lent["key"]):
            self._random_state.set_state(self._lent | {"state": {"key": key, "pos": place}})
