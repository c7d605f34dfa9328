"""Rows of X that come next, whose cache lines a product asks for in passing.

The examples of a batch lie anywhere in X. Where the caches do not hold X, copying their rows would wait for memory,
a few rows at a time, with nothing computed meanwhile. So the hidden product of some examples asks for the rows that
its thread copies after them, a line or so with each feature: while a CPU waits for twenty lines or so, the next that
asks waits as well. To ask changes no number.

Letters as in ``layers``. How to ask is laid out once, in Python, and travels as integers (``Prefetch``).
"""

from typing import NamedTuple

from ..jit.compiling import ONE, overload_routine, routine
from .matmul import ROWS, SET, multiply
from .tiles import add_outer_pair, store_block, zero_block
from .vectors import WIDE, lane_count, load, prefetch_read

LINE_BYTES = 64
FAR_BYTES = 1024 * 1024  # of an X whose rows are asked for: the second cache holds none larger


class Prefetch(NamedTuple):
    """How to ask: for rows of ``size`` bytes, ``row`` bytes from one to the next, from an address on.

    Each block of a product asks for ``rows`` rows of X, for each of them ``asks`` times: so many ``together``, and
    then so many features ``apart`` again.
    """

    address: int
    row: int
    size: int
    rows: int
    asks: int
    together: int
    apart: int


ADDRESS, ROW, SIZE, ROWS_EACH, ASKS, TOGETHER, APART = range(len(Prefetch._fields))


def plan_prefetch(address, X, run, panels):
    """Return the Prefetch for X at an address, where products of ``run`` examples have so many whole panels, or None.

    Only rows in one piece are asked for, by products with blocks of whole size for two panels. Products of fewer
    examples, as of a short last batch, may not ask for all that comes.
    """
    blocks = run // ROWS * (panels // 2)
    if not WIDE or X.strides[1] != X.itemsize or X.nbytes <= FAR_BYTES or blocks == 0:
        return None
    length, size, rows = X.shape[1] + 1, X.shape[1] * X.itemsize, -(-run // blocks)
    asks = -(-size // LINE_BYTES) + 1  # a row seldom begins where a line does
    together = -(-asks // max(1, min(asks, length // rows)))
    apart = length // (rows * -(-asks // together))
    return Prefetch(address, X.strides[0], size, rows, asks, together, apart)


def prefetching_block(rows, s, first, row, length, v, panel, v_gap, out, place, out_gap, begin, end, order, how):
    """``rows`` (a constant) rows of ``multiply`` for two panels; asks for the rows of X at begin..end of the order."""


@overload_routine(prefetching_block, prefer_literal=True)
def _prefetching_block(rows, s, first, row, length, v, panel, v_gap, out, place, out_gap, begin, end, order, how):
    count = rows.literal_value

    def implementation(rows, s, first, row, length, v, panel, v_gap, out, place, out_gap, begin, end, order, how):
        lanes = lane_count(v)
        a, b = zero_block(out, count), zero_block(out, count)
        last, ask = first + length, 0
        while first < last:
            stop = last
            if begin < end:
                address = how[ADDRESS] + order[begin] * how[ROW]
                for i in range(ask, ask + how[TOGETHER]):
                    prefetch_read(address + min(i * LINE_BYTES, how[SIZE] - 1))
                ask += how[TOGETHER]
                if ask >= how[ASKS]:
                    begin, ask = begin + 1, 0
                stop = first + how[APART]
            while first < stop:
                a, b = add_outer_pair(a, b, s, first, row, load(v, panel), load(v, panel + v_gap))
                first += 1
                panel += lanes
        store_block(out, place, lanes, a)
        store_block(out, place + out_gap, lanes, b)

    return implementation


@routine
def multiply_prefetching(
    s, first, row, rows, length, v, panel, v_gap, panels, out, place, out_gap, begin, end, order, how
):
    """Do ``multiply`` with a step of 1 and the mode SET, and ask for the rows of X at begin..end of the order.

    IN s, v; OUT out.
    """
    lanes = lane_count(v)
    paired, whole = panels // 2 * 2, rows // ROWS * ROWS
    for j in range(0, paired, 2):
        for i in range(0, whole, ROWS):
            after = min(begin + how[ROWS_EACH], end)
            prefetching_block(
                ROWS, s, first + i * row, row, length, v, panel + j * v_gap, v_gap,
                out, place + j * out_gap + i * lanes, out_gap, begin, after, order, how,
            )  # fmt: skip
            begin = after
    multiply(
        s, first + whole * row, row, ONE, rows - whole, length, v, panel, v_gap, paired,
        out, place + whole * lanes, out_gap, SET,
    )  # fmt: skip
    multiply(
        s, first, row, ONE, rows, length, v, panel + paired * v_gap, v_gap, panels - paired,
        out, place + paired * out_gap, out_gap, SET,
    )  # fmt: skip
