"""The matrix products of the network: each is scalars times panels of lanes.

    product                    scalars s                     panel v                       result
    hidden layer               x[t, f]                       W1, [f][lanes]                z1, [t][lanes]
    delta of the hidden layer  dz2[k, t], read across k      W2, [k][lanes]                da1, [t][lanes]
    gradient of W1             x[t, f], read across t        dz1, [t][lanes]               dW1, [f][lanes]
    gradient of W2             dz2[k, t], read along t       a1, [t][lanes]                dW2, [k][lanes]

``multiply`` serves all four; only offsets and strides differ. The output layer, which sums over hidden units and so
across lanes, is ``output_layer``.
"""

from typing import Any, NamedTuple

import numpy as np

from ..jit.compiling import ZERO, jitable, overload_routine, routine
from .prefetch import NO_PREFETCH, Prefetch, prefetch_lines, read_plan
from .tiles import (
    COLUMNS,
    ROWS,
    add_outer,
    add_products,
    load_block,
    load_tile,
    multiply_rows,
    store_row_sums,
    store_tile,
    zero_block,
)
from .vector_ops import fma
from .vectors import WIDE, lane_count, load, splat, store

# What a product does with its output: replace it, add to it, or multiply it lane by lane.
SET, ADD, SCALE = np.int64(0), np.int64(1), np.int64(2)

UNIT = 6  # rows of a product come in sixes; buffers are padded to them
OUTPUT_ROWS = 8 if WIDE else 2
FEW = 2  # rows beyond whole sixes that are computed one by one, as a tile of six would take longer


class Scalars(NamedTuple):
    """The left factor of a product: scalar p of row i is pointer[offset + i * row_stride + p * step]."""

    pointer: Any
    offset: int
    row_stride: int
    step: int


class Panels(NamedTuple):
    """Panels of lanes: row p of panel j is pointer[offset + j * stride + p * lanes : + lanes]."""

    pointer: Any
    offset: int
    stride: int
    number: int  # of panels


class Output(NamedTuple):
    """The result of a product: row i of panel j is pointer[offset + j * stride + i * lanes : + lanes]."""

    pointer: Any
    offset: int
    stride: int


def multiply_naive(s, v, out, mode):
    """Compute what ``multiply`` does, plainly and in Python.

    s (rows, length); v (panels, length, lanes); out (panels, rows, lanes).
    """
    for j in range(out.shape[0]):
        for i in range(out.shape[1]):
            total = out[j, i] if mode == ADD else np.zeros_like(out[j, i])
            for p in range(s.shape[1]):
                total = total + s[i, p] * v[j, p]
            out[j, i] = out[j, i] * total if mode == SCALE else total


def multiply_tile(rows, columns, scalars, panels, out, length, mode, prefetch, plan):
    """Compute the first ``rows`` rows of the first ``columns`` panels of ``multiply``; both are constants."""


@overload_routine(multiply_tile, prefer_literal=True)
def _multiply_tile(rows, columns, scalars, panels, out, length, mode, prefetch, plan):
    height, width = rows.literal_value, columns.literal_value
    count = height * width

    def implementation(rows, columns, scalars, panels, out, length, mode, prefetch, plan):
        lanes = lane_count(panels.pointer)
        if mode == ADD:
            tile = load_tile(out.pointer, out.offset, lanes, out.stride, height, width)
        else:
            tile = zero_block(out.pointer, count)
        scalar, panel = scalars.offset, panels.offset
        end = panel + length * lanes
        position, line = prefetch.begin, ZERO
        while panel < end:
            stop = end
            if position < prefetch.end:
                position, line = prefetch_lines(plan, prefetch.order, position, line)
                stop = min(panel + plan.interval * lanes, end)
            while panel < stop:
                v = load_block(panels.pointer, panel, panels.stride, width)
                tile = add_outer(tile, scalars.pointer, scalar, scalars.row_stride, v)
                scalar += scalars.step
                panel += lanes
        if mode == SCALE:
            tile = multiply_rows(tile, load_tile(out.pointer, out.offset, lanes, out.stride, height, width))
        store_tile(out.pointer, out.offset, lanes, out.stride, tile, width)

    return implementation


@routine
def multiply(scalars, panels, out, rows, length, mode, prefetch):
    """Multiply scalars with panels of lanes.

    Row i of panel j of ``out`` becomes the sum over p < length, in that order, of scalar p of row i times row p of
    panel j, or is combined with it as ``mode`` says: this is ``multiply_naive``, but for fused roundings. Rows are
    computed in sixes, so scalars and ``out`` are padded to that many. On the way the rows of X are prefetched that
    ``prefetch`` names.
    """
    lanes = lane_count(panels.pointer)
    plan, begin = read_plan(prefetch), prefetch.begin
    j = 0
    while j < panels.number:
        paired = COLUMNS == 2 and j + 1 < panels.number
        v = Panels(
            pointer=panels.pointer, offset=panels.offset + j * panels.stride, stride=panels.stride, number=panels.number
        )
        i = 0
        while i < rows:
            s = Scalars(
                pointer=scalars.pointer,
                offset=scalars.offset + i * scalars.row_stride,
                row_stride=scalars.row_stride,
                step=scalars.step,
            )
            o = Output(pointer=out.pointer, offset=out.offset + j * out.stride + i * lanes, stride=out.stride)
            after = min(begin + plan.rows_per_tile, prefetch.end)
            ahead = Prefetch(plan=prefetch.plan, order=prefetch.order, begin=begin, end=after)
            begin = after
            # tiles of four sizes, so that few rows or one panel do not pay for a large tile
            if rows - i > UNIT:
                if paired:
                    multiply_tile(ROWS, 2, s, v, o, length, mode, ahead, plan)
                else:
                    multiply_tile(ROWS, 1, s, v, o, length, mode, ahead, plan)
                i += ROWS
            else:
                if paired:
                    multiply_tile(UNIT, 2, s, v, o, length, mode, ahead, plan)
                else:
                    multiply_tile(UNIT, 1, s, v, o, length, mode, ahead, plan)
                i += UNIT
        j += 2 if paired else 1


@routine
def multiply_ragged(scalars, panels, out, rows, length, mode):
    """Do ``multiply`` for a long sum; one or two rows beyond whole sixes are computed one by one."""
    lanes = lane_count(panels.pointer)
    in_tiles = rows_in_tiles(rows)
    multiply(scalars, panels, out, in_tiles, length, mode, NO_PREFETCH)
    for i in range(in_tiles, rows):
        s = Scalars(
            pointer=scalars.pointer,
            offset=scalars.offset + i * scalars.row_stride,
            row_stride=scalars.row_stride,
            step=scalars.step,
        )
        o = Output(pointer=out.pointer, offset=out.offset + i * lanes, stride=out.stride)
        multiply_row(s, panels, o, length, mode)


@jitable
def rows_in_tiles(rows):
    """Return how many rows of a long sum ``multiply`` is to do; ``multiply_row`` does the others."""
    few = rows % UNIT
    return rows - few if few <= FEW else rows


@routine
def multiply_row(scalars, panels, out, length, mode):
    """Do ``multiply`` for one row; the mode is SET or ADD.

    A single sum would wait for each of its terms, so it is computed in four parts, each in order.
    """
    p, v = scalars.pointer, panels.pointer
    lanes, step = lane_count(v), scalars.step
    for j in range(panels.number):
        q = panels.offset + j * panels.stride
        a = splat(v, 0.0)
        b, c, d = a, a, a
        i = scalars.offset
        stop = i + length * step
        while i + 3 * step < stop:
            a = fma(load(v, q), p[i], a)
            b = fma(load(v, q + lanes), p[i + step], b)
            c = fma(load(v, q + 2 * lanes), p[i + 2 * step], c)
            d = fma(load(v, q + 3 * lanes), p[i + 3 * step], d)
            i += 4 * step
            q += 4 * lanes
        while i < stop:
            a = fma(load(v, q), p[i], a)
            i += step
            q += lanes
        row = (a + b) + (c + d)
        if mode == ADD:
            row = row + load(out.pointer, out.offset + j * out.stride)
        store(out.pointer, out.offset + j * out.stride, row)


def output_tile(columns, a1, w2, z2):
    """Compute ``columns`` (a constant) outputs of OUTPUT_ROWS examples of ``output_layer``."""


@overload_routine(output_tile, prefer_literal=True)
def _output_tile(columns, a1, w2, z2):
    width = columns.literal_value
    count = OUTPUT_ROWS * width

    def implementation(columns, a1, w2, z2):
        lanes = lane_count(a1.pointer)
        tile = zero_block(a1.pointer, count)
        for j in range(a1.number):
            weights = load_block(w2.pointer, w2.offset + j * w2.stride, lanes, width)
            tile = add_products(tile, a1.pointer, a1.offset + j * a1.stride, lanes, weights)
        store_row_sums(z2.pointer, z2.offset, z2.stride, tile, width)

    return implementation


@routine
def output_layer(a1, w2, z2, rows, outputs):
    """Compute z2[k, t], the sum over hidden units of a1[t] * W2[k], without the intercept.

    a1 and w2 are Panels, of examples and of outputs; z2 is an Output whose number t of output k is
    pointer[offset + k * stride + t]. Examples come in groups of OUTPUT_ROWS, so z2 is padded to whole groups.
    """
    lanes = lane_count(a1.pointer)
    for t in range(0, rows, OUTPUT_ROWS):
        examples = Panels(pointer=a1.pointer, offset=a1.offset + t * lanes, stride=a1.stride, number=a1.number)
        k = 0
        while k < outputs:
            weights = Panels(pointer=w2.pointer, offset=w2.offset + k * lanes, stride=w2.stride, number=w2.number)
            z = Output(pointer=z2.pointer, offset=z2.offset + k * z2.stride + t, stride=z2.stride)
            if k + 1 < outputs:
                output_tile(2, examples, weights, z)
                k += 2
            else:
                output_tile(1, examples, weights, z)
                k += 1
