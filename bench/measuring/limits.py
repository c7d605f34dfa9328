"""What the machine allows one thread: multiply-adds in registers, and bytes from each level of its memory."""

from functools import lru_cache
from time import perf_counter

import numba
import numpy as np

from shallownet.simd.tiles import add_outer, load_block, store_block, zero_block
from shallownet.simd.vector_ops import reduce_add
from shallownet.simd.vectors import REGISTER_BYTES, WIDE, keep_alive, lane_count, load, pointer, splat, store

PEAK_ROWS = 12 if WIDE else 3  # of a tile of two columns: accumulators enough to hide the latency
PEAK_REGISTERS = 2 * PEAK_ROWS
TRIALS = 50
SECONDS = 0.001  # of one trial: short, so that some of them meet no other process


@numba.njit(nogil=True)
def multiply_add(array, count):
    """Do ``count`` rounds of multiply-adds into a tile of registers, as many as the widest product uses."""
    p = pointer(array)
    tile, x = zero_block(p, PEAK_REGISTERS), load_block(p, 0, 0, 2)
    for _ in range(count):
        tile = add_outer(tile, p, 0, 0, x)
    store_block(p, lane_count(p), lane_count(p), tile)
    keep_alive((array,))


@numba.njit(nogil=True)
def read_all(array, count):
    """Read the whole array ``count`` times."""
    p = pointer(array)
    lanes = lane_count(p)
    a, b, c, d = splat(p, 0.0), splat(p, 0.0), splat(p, 0.0), splat(p, 0.0)
    for _ in range(count):
        for i in range(0, array.size - 4 * lanes + 1, 4 * lanes):
            a = a + load(p, i)
            b = b + load(p, i + lanes)
            c = c + load(p, i + 2 * lanes)
            d = d + load(p, i + 3 * lanes)
    keep_alive((array,))
    return reduce_add(a + b + c + d)


@numba.njit(nogil=True)
def change_all(array, count):
    """Read and write the whole array ``count`` times."""
    p = pointer(array)
    lanes = lane_count(p)
    for _ in range(count):
        for i in range(0, array.size - lanes + 1, lanes):
            store(p, i, load(p, i) * 0.5)
    keep_alive((array,))


def best_seconds(run, *arguments):
    """Return the shortest time of one repetition of ``run(*arguments, repetitions)``."""

    def seconds_of(repetitions):
        start = perf_counter()
        run(*arguments, repetitions)
        return perf_counter() - start

    seconds_of(1)  # compiles
    repetitions = 1
    while (taken := seconds_of(repetitions)) < SECONDS / 2:
        repetitions *= 2
    return min(taken, *(seconds_of(repetitions) for _ in range(TRIALS))) / repetitions


@lru_cache
def peak(dtype):
    """Return the multiply-adds of one thread, counted as two operations each, per second."""
    lanes = REGISTER_BYTES // np.dtype(dtype).itemsize
    array = np.full((1 + 2 * PEAK_ROWS) * lanes, 1e-3, dtype)
    return 2 * 2 * PEAK_ROWS * lanes / best_seconds(multiply_add, array)


@lru_cache
def bandwidth(megabytes, writing, dtype):
    """Return bytes per second that one thread reads, or reads and writes, of an array of so many megabytes."""
    array = np.ones(int(megabytes * 2**20) // np.dtype(dtype).itemsize, dtype)
    run = change_all if writing else read_all
    return (2 if writing else 1) * array.nbytes / best_seconds(run, array)


def bandwidth_near(size, writing, dtype):
    """Return the bandwidth of a buffer of about ``size`` bytes: the next power of two, from 16 KiB to 256 MiB."""
    exponent = int(np.clip(np.ceil(np.log2(max(1, size))), 14, 28))
    return bandwidth(2.0 ** (exponent - 20), writing, dtype)
