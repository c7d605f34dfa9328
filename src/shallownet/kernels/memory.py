"""Memory that kernels reach by address: this is the one place that makes addresses of arrays.

Compiled code that is given an address knows nothing of the array there. Whoever needs an address therefore asks a
``Memory`` for it, which holds the array for as long as the kernel may run: the array itself, not what the user calls
it by, since an attribute such as ``X.data`` may be given another array at any time. Held memory does not move, either:
``ndarray.resize`` of the array or of one that it is a view of fails meanwhile, and so does closing its file. Its
numbers stay the user's, who may change them.
"""

import weakref
from typing import Any

import numpy as np

from ..simd.vectors import REGISTER_BYTES


class Memory:
    """Addresses of arrays, and the arrays, which stay where they are for as long as this object lives."""

    def __init__(self) -> None:
        self._held: list[Any] = []

    def address(self, array: np.ndarray) -> int:
        """Return where the first number of the array lies."""
        owner: Any = array
        while isinstance(owner, np.ndarray):
            self._held.append(weakref.ref(owner))  # NumPy resizes no array that is referred to weakly
            owner = owner.base
        try:
            self._held.append(memoryview(owner))  # nor is a buffer resized or closed that somebody looks at
        except (TypeError, BufferError):  # not a buffer, or nothing at all
            self._held.append(owner)
        self._held.append(array)
        return _address(array)


def zeros(count: int, dtype: Any) -> np.ndarray:
    """Return zeros that begin at a border of registers, so that no load of lanes straddles two cache lines."""
    dtype = np.dtype(dtype)
    spare = REGISTER_BYTES // dtype.itemsize
    array = np.zeros(count + spare, dtype)
    start = -_address(array) % REGISTER_BYTES // dtype.itemsize
    return array[start : start + count]


def _address(array: np.ndarray) -> int:
    return array.ctypes.data
