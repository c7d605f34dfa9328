"""Python's garbage collector, kept from work in vain."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """Keep the collector from beginning by itself while the block makes what is there to stay.

    It would look through all objects of the process again and again: half of the time of Numba's import, and a third of
    a fit that loads its code.
    """
    before = gc.get_threshold()
    gc.set_threshold(0)
    try:
        yield
    finally:
        gc.set_threshold(*before)
