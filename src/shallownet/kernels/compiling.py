"""The one place that calls numba.njit: flags, the cache on disk, and when threads may be used.

Flags, the same for every kernel:

- ``nogil``: other Python threads run while a kernel does.
- ``error_model="numpy"``: a division by zero gives inf or NaN, as in NumPy; no test before each division.
- no ``fastmath``: sums keep their order and NaN stays NaN; ``lanes`` asks for fused operations by name.
- no explicit signatures: importing compiles nothing.

Only entries, the functions that Python calls, are cached, each with all that it calls. The others need no wrapper
for Python and no machine code of their own (``linking``).

Numba's own cache looks at the one file that holds the cached function, so an edit to a helper elsewhere, or an
upgrade of the package, would run stale machine code. Here the key is the content of all compiled sources.
"""

import hashlib
import os
import pickle
import threading
import types
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numba
from numba import njit
from numba.core import caching, config
from numba.extending import register_jitable

from .linking import flags_of_kernels

_FLAGS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}


def kernel(function: Callable) -> Callable:
    """Compile a function that only compiled functions call."""
    return njit(**_FLAGS, **flags_of_kernels())(function)


def plain(function: Callable) -> Callable:
    """Leave a function to Python as it is, and let kernels call it too."""
    return register_jitable(**_FLAGS)(function)


def entry(function: Callable) -> Callable:
    """Compile a function that Python calls, and keep the result on disk."""
    return _cached(njit(**_FLAGS)(function))


def serial_and_parallel(function: Callable) -> tuple[Callable, Callable]:
    """Return two entries of one source: ``prange`` is a plain loop in the first, threads in the second.

    The first never touches Numba's threading layer. The second has a name of its own, as the cache keeps one
    entry for a name and line.
    """
    twin = types.FunctionType(function.__code__, function.__globals__, function.__name__ + "_parallel")
    twin.__qualname__ = twin.__name__
    return entry(function), _cached(njit(parallel=True, **_FLAGS)(twin))


# --- the cache on disk ----------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def source_stamp() -> str:
    """Return a digest of every source that is compiled, and of Numba's version."""
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


class _Stamped:
    """A locator of Numba's cache whose entries are valid for one state of all sources."""

    def get_source_stamp(self) -> str:
        return source_stamp()


class _Implementation(caching.CompileResultCacheImpl):
    _locator_classes = [
        type(base.__name__, (_Stamped, base), {})
        for base in (
            caching.UserProvidedCacheLocator,
            caching.InTreeCacheLocator,
            caching.UserWideCacheLocator,
        )
    ]


_DAMAGED = (OSError, EOFError, pickle.UnpicklingError, ValueError, TypeError, AttributeError, ImportError)


class _Cache(caching.FunctionCache):
    """A cache that fails by compiling again: a full disk or a damaged file is no error of the user's."""

    _impl_class = _Implementation

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)
        except _DAMAGED:
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            try:
                super().save_overload(sig, data)
            except _DAMAGED:
                self.flush()  # a damaged index would be read again
                super().save_overload(sig, data)
        except _DAMAGED:
            _warn_uncached()


class _NoCache(caching.NullCache):
    """Stands in where no folder can be written."""

    def save_overload(self, sig: Any, data: Any) -> None:
        _warn_uncached()


@lru_cache(maxsize=1)
def _warn_uncached() -> None:
    warnings.warn(
        "shallownet found no place to keep its compiled code, so each process compiles it again; set the"
        " environment variable NUMBA_CACHE_DIR to a folder that can be written.",
        UserWarning,
        stacklevel=2,
    )


def _cached(dispatcher: Any) -> Any:
    if config.DISABLE_JIT:
        return dispatcher  # a plain function
    try:
        dispatcher._cache = _Cache(dispatcher.py_func)
    except (RuntimeError, OSError):
        dispatcher._cache = _NoCache()
    return dispatcher


# --- threads --------------------------------------------------------------------------------------------

_forbidden = False  # whether this process was forked from one with threads: GNU OpenMP then kills the child
_workqueue = threading.Lock()  # Numba's workqueue aborts the process when two threads use it at once


def _threads_started() -> bool:
    """Return whether Numba's threads run, without starting them as numba.get_num_threads does."""
    return numba.np.ufunc.parallel._is_initialized


def _after_fork() -> None:
    global _forbidden
    _forbidden = _forbidden or _threads_started()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def thread_limit() -> int:
    """Return how many threads a parallel entry may use from here; 1 where it must not be used at all."""
    if _forbidden or config.DISABLE_JIT:
        return 1
    return numba.get_num_threads() if _threads_started() else config.NUMBA_NUM_THREADS


@contextmanager
def threads(count: int) -> Iterator[bool]:
    """Give the block ``count`` of Numba's threads and say whether it may use them; restore the number after."""
    if count == 1 or thread_limit() == 1:
        yield False
        return
    before = numba.get_num_threads()
    numba.set_num_threads(min(count, config.NUMBA_NUM_THREADS))
    try:
        if _layer() != "workqueue":
            yield True
        elif threading.current_thread() is threading.main_thread() and _workqueue.acquire(blocking=False):
            try:
                yield True
            finally:
                _workqueue.release()
        else:
            yield False
    finally:
        numba.set_num_threads(before)


def _layer() -> str:
    numba.get_num_threads()  # starts the threads; the layer has no name before
    return numba.threading_layer()
