"""Python's garbage collector, while compiled code is made or loaded.

Both make many objects that stay, and to look through them again and again takes a while. Both hold Numba's lock, under
which nothing forks (``threads``).
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

# Thresholds while code is compiled, where 300,000 objects stay: with larger ones the process would grow by 30 MB.
COMPILING = 20_000, 20, 50
# While the first entry is loaded, with which Numba makes its tables of 60,000 objects.
LOADING = 200_000, 20, 50


@contextmanager
def collected_seldom(thresholds: tuple[int, int, int]) -> Iterator[None]:
    """Let the collector be at work less often in the block, and take what there is after it for old.

    Else it would go through all objects of the process as soon as the block has ended. Nothing is frozen: what was made
    of late moves to the oldest generation, which the collector looks at in due course.
    """
    before = gc.get_threshold()
    gc.set_threshold(*thresholds)
    try:
        yield
    finally:
        if gc.isenabled() and gc.get_freeze_count() == 0:  # else unfreeze would also take what others have frozen
            gc.freeze()
            gc.unfreeze()
        gc.set_threshold(*before)
