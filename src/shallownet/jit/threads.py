"""When a kernel may use threads, and how many.

The result has the same bits on any number of threads, so wherever they are not safe, or others need them, the
serial copy of a kernel runs instead.
"""

import multiprocessing
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numba
from numba.core import config
from numba.core.compiler_lock import global_compiler_lock

_forbidden = False  # whether this process was forked from one with threads: GNU OpenMP then kills the child
_seated: set[int] = set()  # the Python threads that are in a block of ``threads``
_workqueue = threading.Lock()  # Numba's workqueue aborts the process when two threads use it at once


# --- forks ----------------------------------------------------------------------------------------------


def _threads_started() -> bool:
    """Return whether Numba's threads run, without starting them as numba.get_num_threads does."""
    return numba.np.ufunc.parallel._is_initialized


def _gnu_openmp_loaded() -> bool:
    """Return whether the GNU OpenMP that Numba would use is loaded, and so may have threads of other libraries."""
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
            return any("/libgomp.so" in line for line in maps)
    except OSError:
        return False


def _after_fork_in_child() -> None:
    global _forbidden
    _seated.clear()
    _forbidden = _forbidden or _threads_started() or _gnu_openmp_loaded()
    global_compiler_lock.release()


if hasattr(os, "register_at_fork"):
    # The lock that Numba compiles under is held during a fork; if another thread held it, the child would wait
    # for it for ever.
    os.register_at_fork(
        before=global_compiler_lock.acquire,
        after_in_parent=global_compiler_lock.release,
        after_in_child=_after_fork_in_child,
    )


# --- the number of threads ------------------------------------------------------------------------------


def thread_limit() -> int:
    """Return how many threads a parallel kernel may use from here; 1 where it must not be used at all."""
    if _forbidden or config.DISABLE_JIT:
        return 1
    return numba.get_num_threads() if _threads_started() else config.NUMBA_NUM_THREADS


def startable() -> bool:
    """Return whether Numba's threads run or, as this does, can be started."""
    return not _forbidden and _layer() is not None


def fair_share() -> int:
    """Return how many threads a kernel may use if the user names no number.

    NUMBA_NUM_THREADS, which joblib sets for the processes of its loky backend, says it. Otherwise it is one in a
    daemonic process, such as the workers of a pool and of dask, and no more than OMP_NUM_THREADS in any other.
    """
    limit = thread_limit()
    if "NUMBA_NUM_THREADS" in os.environ:
        return limit
    if multiprocessing.current_process().daemon:
        return 1
    named = os.environ.get("OMP_NUM_THREADS")
    named = named and named.split(",")[0].strip()
    return min(limit, int(named)) if named and named.isdecimal() and int(named) > 0 else limit


@contextmanager
def threads(count: int) -> Iterator[bool]:
    """Give the block up to ``count`` of Numba's threads and say whether it may use them; restore the number after.

    Python threads that are in such a block at once share them.
    """
    limit = 1 if count == 1 else thread_limit()
    layer = None if limit == 1 else _layer()
    if layer is None:
        yield False
        return
    alone = changed = False
    try:
        _seated.add(threading.get_ident())  # an interrupt before the next line must not leave it there
        alone = layer != "workqueue" or _first_in_workqueue()
        share = min(count, config.NUMBA_NUM_THREADS // len(_seated))
        allowed = alone and share > 1
        if allowed and share != limit:
            changed = True
            numba.set_num_threads(share)
        yield allowed
    finally:
        if changed:
            numba.set_num_threads(limit)
        _seated.discard(threading.get_ident())
        if alone and layer == "workqueue":
            _workqueue.release()


def _first_in_workqueue() -> bool:
    """Take the threading layer that is for one at a time, if no other has it; it must be released after."""
    return threading.current_thread() is threading.main_thread() and _workqueue.acquire(blocking=False)


def _layer() -> str | None:
    """Return the name of the threading layer, which has none before its threads run; None if there is no layer."""
    if not _threads_started():
        try:
            with global_compiler_lock:  # no fork in between
                numba.get_num_threads()
        except (ValueError, RuntimeError, ImportError):  # the layer that the user chose is not installed
            return None
    return numba.threading_layer()
