"""The products of the network: every costly operation is scalars times a panel of lanes.

    product                    scalars s                     panel v                       result
    hidden layer               x[t, f]                       W1, [f][lanes]                z1, [t][lanes]
    delta of the hidden layer  dz2[k, t], read across k      W2, [k][lanes]                da1, [t][lanes]
    gradient of W1             x[t, f], read across t        dz1, [t][lanes]               dW1, [f][lanes]
    gradient of W2             dz2[k, t], read along t       a1, [t][lanes]                dW2, [k][lanes]

``multiply`` serves all four; only its strides differ. A row or two that a gradient has beyond whole blocks, which is
all of that of W2 for two classes, are done by ``multiply_row``. The output layer, which sums over hidden units and so
across lanes, is ``output_layer``.
"""

import numpy as np

from ..jit.compiling import jitable, overload_routine, routine
from .tiles import (
    add_outer,
    add_outer_pair,
    add_products,
    add_products_pair,
    load_block,
    multiply_rows,
    store_block,
    store_row_sums,
    zero_block,
)
from .vector_ops import fma
from .vectors import WIDE, lane_count, load, splat, store

# How a product meets its output: it replaces it, is added to it, or is multiplied with it lane by lane.
SET, ADD, SCALE = np.int64(0), np.int64(1), np.int64(2)

UNIT = 6  # rows of a product come in sixes; buffers are padded to them
# 24 accumulators fill the 32 registers of AVX-512 and 12 pairs the 16 of AVX2; two panels share each scalar.
ROWS = 12 if WIDE else 6
COLUMNS = 2 if WIDE else 1
# Where several examples or features share a register (``strip``): the examples of a product, the rows of a gradient.
SHARED_EXAMPLES = 24 if WIDE else 12
SHARED_ROWS = 9 if WIDE else 6
OUTPUT_ROWS = 8 if WIDE else 2
FEW = 2  # rows of a gradient that are done one by one, as a block of UNIT would take longer


def block_product(rows, s, first, row, step, length, v, panel, out, place, mode):
    """``rows`` (a constant) rows of ``multiply`` for one panel."""


@overload_routine(block_product, prefer_literal=True)
def _block_product(rows, s, first, row, step, length, v, panel, out, place, mode):
    count = rows.literal_value

    def implementation(rows, s, first, row, step, length, v, panel, out, place, mode):
        lanes = lane_count(v)
        a = load_block(out, place, lanes, count) if mode == ADD else zero_block(out, count)
        for _ in range(length):
            a = add_outer(a, s, first, row, load(v, panel))
            first += step
            panel += lanes
        if mode == SCALE:
            a = multiply_rows(a, load_block(out, place, lanes, count))
        store_block(out, place, lanes, a)

    return implementation


def block_product_pair(rows, s, first, row, step, length, v, panel, v_gap, out, place, out_gap, mode):
    """``rows`` (a constant) rows of ``multiply`` for two panels, which share each scalar."""


@overload_routine(block_product_pair, prefer_literal=True)
def _block_product_pair(rows, s, first, row, step, length, v, panel, v_gap, out, place, out_gap, mode):
    count = rows.literal_value

    def implementation(rows, s, first, row, step, length, v, panel, v_gap, out, place, out_gap, mode):
        lanes = lane_count(v)
        a = load_block(out, place, lanes, count) if mode == ADD else zero_block(out, count)
        b = load_block(out, place + out_gap, lanes, count) if mode == ADD else zero_block(out, count)
        for _ in range(length):
            a, b = add_outer_pair(a, b, s, first, row, load(v, panel), load(v, panel + v_gap))
            first += step
            panel += lanes
        if mode == SCALE:
            a = multiply_rows(a, load_block(out, place, lanes, count))
            b = multiply_rows(b, load_block(out, place + out_gap, lanes, count))
        store_block(out, place, lanes, a)
        store_block(out, place + out_gap, lanes, b)

    return implementation


@routine
def multiply(s, first, row, step, rows, length, v, panel, v_gap, panels, out, place, out_gap, mode):
    """Multiply scalars with panels of lanes.

    out[place + j * out_gap + i * lanes :][l] = sum over p < length, in that order, of
    s[first + i * row + p * step] * v[panel + j * v_gap + p * lanes :][l]

    for all i < rows, j < panels and lanes l, combined with what ``out`` held as ``mode`` says. Rows are computed
    in sixes, so s and out have room for that many.
    IN s, v; OUT out.
    """
    lanes = lane_count(v)
    j = 0
    while j < panels:
        pair = COLUMNS == 2 and j + 1 < panels
        w = panel + j * v_gap
        o = place + j * out_gap
        i = 0
        while i < rows:
            q = first + i * row
            p = o + i * lanes
            # three sizes of block, so that a short tail does not pay for a long block
            if rows - i > UNIT:
                if pair:
                    block_product_pair(ROWS, s, q, row, step, length, v, w, v_gap, out, p, out_gap, mode)
                else:
                    block_product(ROWS, s, q, row, step, length, v, w, out, p, mode)
                i += ROWS
            else:
                if pair:
                    block_product_pair(UNIT, s, q, row, step, length, v, w, v_gap, out, p, out_gap, mode)
                else:
                    block_product(UNIT, s, q, row, step, length, v, w, out, p, mode)
                i += UNIT
        j += 2 if pair else 1


@jitable
def rows_in_blocks(rows):
    """Return how many rows of a gradient ``multiply`` is to do; ``multiply_row`` does the others."""
    few = rows % UNIT
    return rows - few if few <= FEW else rows


@routine
def multiply_row(s, first, step, length, v, panel, v_gap, panels, out, place, out_gap, mode):
    """Do ``multiply`` for one row; the mode is SET or ADD.

    A sum that is alone would wait for each of its terms, so it is done in four parts, each in order.
    IN s, v; OUT out.
    """
    lanes = lane_count(v)
    for j in range(panels):
        q = panel + j * v_gap
        a = splat(v, 0.0)
        b, c, d = a, a, a
        p = first
        stop = first + length * step
        while p + 3 * step < stop:
            a = fma(load(v, q), s[p], a)
            b = fma(load(v, q + lanes), s[p + step], b)
            c = fma(load(v, q + 2 * lanes), s[p + 2 * step], c)
            d = fma(load(v, q + 3 * lanes), s[p + 3 * step], d)
            p += 4 * step
            q += 4 * lanes
        while p < stop:
            a = fma(load(v, q), s[p], a)
            p += step
            q += lanes
        row = (a + b) + (c + d)
        if mode == ADD:
            row = row + load(out, place + j * out_gap)
        store(out, place + j * out_gap, row)


@routine
def output_layer(a1, start, stop, panel_gap, theta, w2, w2_stride, panels, outputs, z2, z2_gap):
    """z2[k, t] = sum over hidden units of a1[t] * W2[k], without the intercept.

    Examples start..stop come in groups of OUTPUT_ROWS, outputs in pairs; z2 has room for whole groups.
    IN a1, theta; OUT z2.
    """
    lanes = lane_count(a1)
    for t in range(start, stop, OUTPUT_ROWS):
        for k in range(0, outputs - 1, 2):
            sums, others = zero_block(a1, OUTPUT_ROWS), zero_block(a1, OUTPUT_ROWS)
            for j in range(panels):
                place = w2 + j * w2_stride + k * lanes
                weights, next_weights = load(theta, place), load(theta, place + lanes)
                sums, others = add_products_pair(
                    sums, others, a1, j * panel_gap + t * lanes, lanes, weights, next_weights
                )
            store_row_sums(z2, k * z2_gap + t, sums)
            store_row_sums(z2, (k + 1) * z2_gap + t, others)
        if outputs % 2 == 1:
            k = outputs - 1
            sums = zero_block(a1, OUTPUT_ROWS)
            for j in range(panels):
                weights = load(theta, w2 + j * w2_stride + k * lanes)
                sums = add_products(sums, a1, j * panel_gap + t * lanes, lanes, weights)
            store_row_sums(z2, k * z2_gap + t, sums)
