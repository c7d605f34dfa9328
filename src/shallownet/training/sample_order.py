"""The order of the examples, which is shuffled before each epoch as MLPClassifier shuffles it."""

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
        self._lent: Any = None
        self._parked: Any = None
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
        """Let the kernels draw, from now to ``give_back``, if they can and that pays for so many epochs.

        Whoever draws from the random state meanwhile, as another fit in another thread, gets other numbers.
        """
        if self._random_state is None or epochs * (EPOCH_DRAWS + len(self.rows)) < KERNELS_PAY:
            return
        with self._locked():
            self._lent = self._random_state.get_state(legacy=False)
            if self._lent["bit_generator"] != "MT19937":
                return
            key = self._lent["state"]["key"].astype(np.int64)
            self.generator = np.concatenate([key, [self._lent["state"]["pos"]], tempered(key)])
            if not self.private:
                drawing = np.random.RandomState(0)
                drawing.set_state(self._lent)
                another = np.random.RandomState(drawing.randint(2**32, dtype=np.uint64))
                self._random_state.set_state(another.get_state(legacy=False))
                self._parked = self._random_state.get_state(legacy=False)

    def give_back(self):
        """Leave the random state as if it had drawn by itself, or as it is if others have drawn from it meanwhile.

        It may be called again, as after an interrupt.
        """
        if self.generator is None:
            return
        if not self.private:
            key, place = self.generator[:WORDS].astype(np.uint32), int(self.generator[PLACE])
            with self._locked():
                if self._parked is None or _same(self._parked, self._random_state.get_state(legacy=False)):
                    self._random_state.set_state(self._lent | {"state": {"key": key, "pos": place}})
        self.generator = None

    def _locked(self):
        """Return the lock with which NumPy keeps threads from drawing at the same time.

        Before NumPy 2.4 it cannot be taken twice, so in its block the state may be asked for and set, but not draw.
        """
        return self._random_state._bit_generator.lock


def _same(state, other):
    """Return whether two states of RandomState draw the same."""
    return all(np.array_equal(state["state"][name], other["state"][name]) for name in state["state"]) and all(
        state[name] == other[name] for name in ("has_gauss", "gauss")
    )
