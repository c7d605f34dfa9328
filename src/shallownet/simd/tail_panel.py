"""Products with a tail panel, of which at most a quarter of the lanes hold hidden units.

Of 100 hidden units and 16 lanes the seventh panel has 4, and its products would leave three quarters of each register
idle. So its registers are divided into GROUPS groups of lanes, each wide enough for the units:

    product             lanes of a group           of the next group          ...
    hidden layer        z1[t]                      z1[t + 1]
    gradient of W1      dW1 of feature f           dW1 of feature f + 1

Each number is the sum of the same products in the same order as in a whole panel, and so has the same bits.
"""

from ..jit.compiling import ONE, routine
from .lane_groups import (
    GROUPS,
    add_for_columns,
    add_for_rows,
    load_groups,
    load_repeated,
    store_groups,
)
from .matmul import ADD, Output, Panels, Scalars, multiply
from .prefetch import NO_PREFETCH
from .tiles import load_block, store_block, zero_block
from .vector_ops import select
from .vectors import WIDE, lane_count, load, store

TAIL_ROWS = 24 if WIDE else 12  # of a product, GROUPS of them in a register
PACKED_ROWS = 9 if WIDE else 6  # registers of a gradient, with GROUPS rows in each
_REGISTERS = TAIL_ROWS // GROUPS


@routine
def multiply_tail(scalars, panels, out, rows, length, mode):
    """Do ``multiply`` for the one panel at the offset of ``panels``; the step is 1 and the mode SET or ADD."""
    s, v = scalars.pointer, panels.pointer
    lanes = lane_count(v)
    width = lanes // GROUPS
    row, target = scalars.offset, out.offset
    end = target + rows * lanes
    while target + TAIL_ROWS * lanes <= end:
        if mode == ADD:
            sums = load_groups(out.pointer, target, lanes, _REGISTERS)
        else:
            sums = zero_block(out.pointer, _REGISTERS)
        f, panel = row, panels.offset
        last = row + length
        while f + width <= last:
            sums = add_for_rows(sums, s, f, scalars.row_stride, v, panel, 0)
            f += width
            panel += width * lanes
        while f < last:
            sums = add_for_rows(sums, s, f, scalars.row_stride, v, panel, 1)
            f += 1
            panel += lanes
        store_groups(out.pointer, target, lanes, sums)
        row += TAIL_ROWS * scalars.row_stride
        target += TAIL_ROWS * lanes
    multiply(
        Scalars(pointer=s, offset=row, row_stride=scalars.row_stride, step=scalars.step),
        Panels(pointer=v, offset=panels.offset, stride=panels.stride, number=ONE),
        Output(pointer=out.pointer, offset=target, stride=out.stride),
        (end - target) // lanes,
        length,
        mode,
        NO_PREFETCH,
    )


@routine
def multiply_packed(scalars, panels, out, registers, length, mode):
    """Do ``multiply`` for the one panel at the offset of ``panels``, into rows as wide as a group of lanes.

    GROUPS rows lie in each of the ``registers`` of ``out``, which are a multiple of PACKED_ROWS. Their scalars lie side
    by side: the row stride is 1. The mode is SET or ADD.
    """
    s, v = scalars.pointer, panels.pointer
    lanes = lane_count(v)
    for i in range(0, registers, PACKED_ROWS):
        target = out.offset + i * lanes
        if mode == ADD:
            sums = load_block(out.pointer, target, lanes, PACKED_ROWS)
        else:
            sums = zero_block(out.pointer, PACKED_ROWS)
        scalar, panel = scalars.offset + i * GROUPS, panels.offset
        for _ in range(length):
            sums = add_for_columns(sums, s, scalar, load_repeated(v, panel))
            scalar += scalars.step
            panel += lanes
        store_block(out.pointer, target, lanes, sums)


@routine
def pack_rows(source, offset, rows, packed):
    """Copy the first lanes of rows from source[offset:] to rows as wide as a group. OUT packed."""
    lanes = lane_count(source)
    for i in range(rows):
        # the other lanes are overwritten by the next row
        store(packed, i * (lanes // GROUPS), load(source, offset + i * lanes))


@routine
def unpack_rows(packed, rows, mask, target, offset):
    """Undo ``pack_rows``, with zeros where the mask is not 1. OUT target."""
    lanes = lane_count(packed)
    exists = load(mask, 0) == 1.0
    for i in range(rows):
        store(target, offset + i * lanes, select(exists, load(packed, i * (lanes // GROUPS)), 0.0))
