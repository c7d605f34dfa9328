"""The one place that calls numba.njit, with the same flags for every kernel.

- ``nogil``: other Python threads run while a kernel does.
- ``error_model="numpy"``: a division by zero gives inf or NaN, as in NumPy; no test before each division.
- no ``fastmath``: sums keep their order and NaN stays NaN; ``simd`` asks for fused operations by name (``fma``).
- no explicit signatures: importing compiles nothing.

Python calls kernels, and only kernels call routines (the word of LAPACK). Only kernels are cached on disk (``cache``),
each with all that it calls; routines need no wrapper for Python and no machine code of their own (``linking``).
"""

import functools
import types
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit
from numba.core import config
from numba.extending import overload, register_jitable

from .cache import Cache
from .compiler_thread import in_compiler_thread
from .linking import flags_of_kernels, flags_of_routines

_FLAGS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}

# Numba types the number 0 by its value, and would compile a kernel for it anew: these have the type of any index.
ZERO, ONE = np.int64(0), np.int64(1)

KERNELS: list[Any] = []  # all functions that Python calls
PARALLEL: list[tuple[Any, Any]] = []  # those with two copies: serial, parallel


def routine(function: Callable) -> Callable:
    """Compile a function that only compiled functions call."""
    return njit(**_FLAGS, **flags_of_routines())(function)


def overload_routine(function: Callable, **options: Any) -> Callable:
    """Decorate what takes the Numba types of arguments and returns the implementation of ``function`` for them.

    The implementation becomes a routine.
    """
    options["jit_options"] = {**_FLAGS, **flags_of_routines()}
    return overload(function, **options)


def jitable(function: Callable) -> Callable:
    """Leave a function to Python as it is, and let kernels call it too."""
    return register_jitable(**_FLAGS, **flags_of_routines())(function)


def kernel(function: Callable, **flags: Any) -> Callable:
    """Compile a function that Python calls, and keep the result on disk."""
    dispatcher: Any = njit(**flags, **_FLAGS, **flags_of_kernels())(function)
    if config.DISABLE_JIT:
        return _without_compiler(function)
    dispatcher._cache = Cache(function)
    dispatcher.compile = _undisturbed(dispatcher.compile, dispatcher._cache)
    KERNELS.append(dispatcher)
    return dispatcher


def _without_compiler(function: Callable) -> Callable:
    """Return a kernel as a plain function, which works only where something stands in for the SIMD instructions."""

    @functools.wraps(function)
    def kernel_in_python(*arguments: Any) -> Any:
        try:
            return function(*arguments)
        except NotImplementedError as error:  # Numba's, of its intrinsics
            raise RuntimeError(
                "shallownet runs compiled code only: unset the environment variable NUMBA_DISABLE_JIT."
            ) from error

    return kernel_in_python


def _undisturbed(compile_kernel: Callable, cache: Cache) -> Callable:
    """Return what compiles, loads and saves a kernel, so that no signal, no finalizer and no process disturbs it."""

    def and_release(signature: Any) -> Any:
        try:
            return compile_kernel(signature)
        finally:
            cache.release()

    return lambda signature: in_compiler_thread(and_release, signature, give_up=cache.give_up)


def serial_and_parallel(function: Callable) -> tuple[Callable, Callable]:
    """Return two kernels of one source: ``prange`` is a plain loop in the first, threads in the second.

    The first never touches Numba's threading layer. The second has a name of its own, by which it is cached.
    """
    twin = types.FunctionType(function.__code__, function.__globals__, function.__name__ + "_parallel")
    twin.__qualname__ = twin.__name__
    copies = kernel(function), kernel(twin, parallel=True)
    PARALLEL.append(copies)
    return copies
