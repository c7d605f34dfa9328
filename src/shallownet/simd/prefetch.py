"""Prefetching the rows of X that are copied next, in passing, while a product computes.

The examples of a batch lie anywhere in X. Where the caches do not hold X, copying their rows would wait for memory,
a few rows at a time, with nothing computed meanwhile. So the hidden product of some examples prefetches the rows that
its thread copies after them, a cache line or so with each feature: a CPU waits for some twenty lines at a time, and
one more would wait as well. Prefetching changes no number.

``PrefetchPlan`` is laid out once, in Python; ``Prefetch`` says which rows a product prefetches, if any.
"""

from typing import NamedTuple

import numpy as np

from ..jit.compiling import ZERO, routine
from .tiles import ROWS
from .vectors import WIDE, integers_at, prefetch_read

Integer = int | np.int64  # in Python and in kernels

LINE_BYTES = 64
FAR_BYTES = 1024 * 1024  # of an X whose rows are prefetched: no second cache holds a larger one


class PrefetchPlan(NamedTuple):
    """How the tiles of a product prefetch rows of X. In memory it is an array of integers."""

    # Row i of X lies at the byte address + i * row_stride.
    address: Integer
    row_stride: Integer
    row_bytes: Integer
    # Each tile prefetches so many rows, each of them in so many lines ...
    rows_per_tile: Integer
    lines_per_row: Integer
    # ... of which so many at once, at every interval of the tile's loop.
    lines_at_once: Integer
    interval: Integer


ADDRESS, ROW_STRIDE, ROW_BYTES, ROWS_PER_TILE, LINES_PER_ROW, LINES_AT_ONCE, INTERVAL = range(len(PrefetchPlan._fields))


class Prefetch(NamedTuple):
    """The rows of X that a product prefetches: those at positions begin..end of an order."""

    plan: Integer  # address of a PrefetchPlan
    order: Integer  # address of the order, the numbers of rows of X
    begin: Integer
    end: Integer


NO_PREFETCH = Prefetch(plan=ZERO, order=ZERO, begin=ZERO, end=ZERO)


def plan_prefetch(address, X, run, panels):
    """Return the PrefetchPlan for X at an address, where products have ``run`` rows and so many panels, or None.

    Only rows that are contiguous in memory are prefetched, and only by products with tiles of full size. Products of
    fewer rows, as of a short last batch, may leave some of the prefetching undone.
    """
    tiles = run // ROWS * (panels // 2)
    if not WIDE or X.strides[1] != X.itemsize or X.nbytes <= FAR_BYTES or tiles == 0:
        return None
    length, row_bytes, rows = X.shape[1] + 1, X.shape[1] * X.itemsize, -(-run // tiles)
    lines = -(-row_bytes // LINE_BYTES) + 1  # a row seldom begins where a line does
    at_once = -(-lines // max(1, min(lines, length // rows)))
    return PrefetchPlan(
        address=address,
        row_stride=X.strides[0],
        row_bytes=row_bytes,
        rows_per_tile=rows,
        lines_per_row=lines,
        lines_at_once=at_once,
        interval=length // (rows * -(-lines // at_once)),
    )


@routine
def read_plan(prefetch):
    """Return the plan of what a product prefetches; its fields are 0 if that is nothing."""
    if prefetch.begin >= prefetch.end:
        return PrefetchPlan(
            address=ZERO,
            row_stride=ZERO,
            row_bytes=ZERO,
            rows_per_tile=ZERO,
            lines_per_row=ZERO,
            lines_at_once=ZERO,
            interval=ZERO,
        )
    plan = integers_at(prefetch.plan)
    return PrefetchPlan(
        address=plan[ADDRESS],
        row_stride=plan[ROW_STRIDE],
        row_bytes=plan[ROW_BYTES],
        rows_per_tile=plan[ROWS_PER_TILE],
        lines_per_row=plan[LINES_PER_ROW],
        lines_at_once=plan[LINES_AT_ONCE],
        interval=plan[INTERVAL],
    )


@routine
def prefetch_lines(plan, order, position, line):
    """Prefetch some lines of the row of X at a position of the order, from ``line`` on.

    Return the position and the line that come next.
    """
    address = plan.address + integers_at(order)[position] * plan.row_stride
    next_line = line + plan.lines_at_once
    for i in range(line, next_line):
        prefetch_read(address + min(i * LINE_BYTES, plan.row_bytes - 1))
    if next_line >= plan.lines_per_row:
        return position + 1, ZERO
    return position, next_line
