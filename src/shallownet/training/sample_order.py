"""The order of the examples, which is shuffled before each epoch as MLPClassifier shuffles it."""

from contextlib import nullcontext
from typing import Any

import numpy as np

from ..kernels.shuffle import PLACE, WORDS, tempered

KERNELS_PAY = 10_000  # draws; for fewer, handing the generator to the kernels takes longer than they save
EPOCH_DRAWS = 1_000  # that take as long as the return to Python for an epoch's order


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
    private : bool
    """

    def __init__(self, n_samples, rows, random_state=None, private=False):
        self.rows, self.generator, self.private = rows, None, private
        self._random_state: Any = random_state
        self._before: Any = None  # the state of ``random_state`` that the kernels went on from
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
        """Let the kernels draw from now to ``give_back``, from a copy of the state, if that pays for so many epochs."""
        if self._random_state is None or epochs * (EPOCH_DRAWS + len(self.rows)) < KERNELS_PAY:
            return
        with _lock_of(self._random_state):
            self._before = self._random_state.get_state(legacy=False)
        if self._before["bit_generator"] == "MT19937":
            key = self._before["state"]["key"].astype(np.int64)
            self.generator = np.concatenate([key, [self._before["state"]["pos"]], tempered(key)])

    def give_back(self):
        """Copy the state back, as if the random state itself had drawn, unless others have drawn from it meanwhile.

        What they have drawn (another fit in another thread, say) is so never drawn again. It may be called again, as
        after an interrupt.
        """
        if self.generator is not None and not self.private:
            key, pos = self.generator[:WORDS].astype(np.uint32), int(self.generator[PLACE])
            with _lock_of(self._random_state):
                if _same(self._before, self._random_state.get_state(legacy=False)):
                    self._random_state.set_state(self._before | {"state": {"key": key, "pos": pos}})
        self.generator = None


def _lock_of(random_state):
    """Return the lock that NumPy holds while it draws, where it is known: no thread then sees half of a state.

    Before NumPy 2.4 it cannot be taken twice, so in its block the state may be read and set, but not drawn from.
    """
    return getattr(getattr(random_state, "_bit_generator", None), "lock", None) or nullcontext()


def _same(state, other):
    """Return whether two states of a Mersenne Twister draw the same."""
    return (
        np.array_equal(state["state"]["key"], other["state"]["key"])
        and all(state[name] == other[name] for name in ("has_gauss", "gauss"))
        and state["state"]["pos"] == other["state"]["pos"]
    )
