"""Copies of blocks of X, in any memory layout, that read each cache line once.

X is given by an address and strides in bytes; the copy x has rows that are contiguous (``copy_block``) or lanes of rows
(``copy_transposed``). Where X is contiguous in the other direction, squares of as many rows and columns as there are
lanes are transposed in registers.
"""

from ..jit.compiling import routine
from ..simd.tiles import read_block, store_block, transposed
from ..simd.vectors import REGISTER_BYTES, lane_count, read, read_lanes, store
from .step import COLUMNS, copy_row, far_apart


@routine
def copy_block(address, row_stride, column_stride, rows, features, x, row):
    """Copy ``rows`` rows of ``features`` numbers from an address to x [t][features], whose rows are ``row`` apart.

    After a row of x, up to a register may be overwritten.
    OUT x.
    """
    lanes = lane_count(x)
    size = REGISTER_BYTES // lanes
    if row_stride == size and column_stride != size and rows >= lanes:
        for f in range(0, features, lanes):
            for t in range(0, rows, lanes):
                first = min(t, rows - lanes)  # the last lanes overlap those before, to end with the column
                source = address + f * column_stride + first * size
                lines = read_block(source, column_stride, min(lanes, features - f) - 1, x)
                store_block(x, first * row + f, row, transposed(lines))
        return
    columns = COLUMNS if far_apart(row_stride, column_stride, size) else features
    for f in range(0, features, columns):
        for t in range(rows):
            source = address + t * row_stride + f * column_stride
            copy_row(source, column_stride, size, x, t * row + f, min(columns, features - f))


@routine
def copy_transposed(address, row_stride, column_stride, rows, features, x, stride):
    """Copy ``rows`` rows of ``features`` numbers from an address to x [t / lanes][f][lanes of rows].

    The groups of rows are ``stride`` apart.
    OUT x.
    """
    lanes = lane_count(x)
    size = REGISTER_BYTES // lanes
    done = rows // lanes * lanes if row_stride == size else 0
    if done:
        for f in range(features):
            source = address + f * column_stride
            for t in range(0, done, lanes):
                store(x, t // lanes * stride + f * lanes, read_lanes(source + t * size, x))
    for t in range(done, rows, lanes):
        count, position, source = min(lanes, rows - t), t // lanes * stride, address + t * row_stride
        if column_stride == size and features >= lanes:
            for f in range(0, features, lanes):
                first = min(f, features - lanes)
                lines = read_block(source + first * size, row_stride, count - 1, x)
                store_block(x, position + first * lanes, lanes, transposed(lines))
        else:
            for i in range(count):
                for f in range(features):
                    x[position + f * lanes + i] = read(source + i * row_stride + f * column_stride, x)
