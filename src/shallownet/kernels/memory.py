"""Memory that kernels reach by address, and buffers that are aligned for registers.

Compiled code that is given an address knows nothing of the array there. Therefore this is the one module that makes
addresses, and whoever needs one asks a ``Memory`` for it, which keeps the array alive for as long as the kernel may
run: the array itself, not the name that the user has for it, since an attribute such as ``X.data`` may be rebound at
any time. Memory that is held does not move either: meanwhile ``ndarray.resize`` fails for the array and for what it is
a view of, and so does closing its file. The user may still change the numbers in it.

A register that straddles two cache lines is loaded at half the speed, so buffers begin at a multiple of its size:
``zeros`` makes such buffers in Python; in a kernel ``zeros_in_kernel`` makes an array with room for one, which begins
at its ``align_up``.
"""

import weakref
from typing import Any

import numpy as np

from ..jit.compiling import routine
from ..simd.vectors import REGISTER_BYTES, lane_count, pointer


class Memory:
    """Makes addresses of arrays, which stay alive and where they are for as long as this object lives."""

    def __init__(self) -> None:
        self._held: dict[int, list[Any]] = {}

    def address(self, array: np.ndarray) -> int:
        """Return the address of the array's first number."""
        owner: Any = array
        held: list[Any] = [array]
        while isinstance(owner, np.ndarray):
            held.append(weakref.ref(owner))  # NumPy does not resize an array with weak references
            owner = owner.base
        try:
            held.append(memoryview(owner))  # nor is a buffer with a view resized or closed
        except (TypeError, BufferError):  # no buffer, or None
            held.append(owner)
        self._held[id(array)] = held
        return _address(array)

    def release(self, array: np.ndarray) -> None:
        """Hold an array no longer: no kernel will be given its address again."""
        self._held.pop(id(array), None)


def zeros(count: int, dtype: Any) -> np.ndarray:
    """Return ``count`` zeros that are aligned for registers."""
    dtype = np.dtype(dtype)
    spare = REGISTER_BYTES // dtype.itemsize
    array = np.zeros(count + spare, dtype)
    start = -_address(array) % REGISTER_BYTES // dtype.itemsize
    return array[start : start + count]


@routine
def zeros_in_kernel(count, like):
    """Return an array of zeros of the dtype of ``like`` with room for ``count`` numbers from ``align_up`` on."""
    return np.zeros(count + lane_count(pointer(like)), like.dtype)


def _address(array: np.ndarray) -> int:
    return array.ctypes.data
