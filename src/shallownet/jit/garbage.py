"""Python's garbage collector, while compiled code is made or loaded.

Both make many objects that stay, and to look through them again and again takes a while. Both hold Numba's lock, under
which nothing forks (``threads``).
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """Let the collector not begin by itself in the block, and take what there is after it for old.

    Else it would go through all objects of the process as soon as the block has ended. Nothing is frozen: what was made
    of late moves to the oldest generation, which the collector looks at in due course.
    """
    before = gc.get_threshold()
    gc.set_threshold(0)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        if gc.isenabled() and gc.get_freeze_count() == 0:  # else unfreeze would also take what others have frozen
            gc.freeze()
            gc.unfreeze()
