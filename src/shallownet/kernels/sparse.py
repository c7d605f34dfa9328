"""The products with sparse X (CSR), on its nonzeros, and the update of W1 that goes with them.

The hidden layer adds up, for each example, the rows of W1 that its nonzeros meet. For the gradient the nonzeros of
a block are sorted by feature, keeping the order of examples, so that a thread that has a range of features writes
no row of another; each row of W1 is updated as soon as its gradient is known, while it is in the first cache.

Letters as in ``step``; e counts nonzeros. ``x`` of the buffers holds the sorted values.
"""

from typing import NamedTuple

import numpy as np

from ..jit.compiling import ZERO, overload_routine, routine
from ..simd.tiles import add_products, load_block, store_block
from ..simd.vectors import lane_count, load, pointer_at, splat, store
from .gradient import add_output_gradient
from .optimizers import update, weights_of
from .step import copy_targets, finish_run, row_of
from .structs import TILE

GROUP = 4  # panels whose sums are kept in registers together


class Nonzeros(NamedTuple):
    """Numbers and the rows that they are to be multiplied with."""

    values: np.ndarray  # a pointer, as the next
    indices: np.ndarray
    begin: int  # the nonzeros begin..end of both
    end: int


def add_group(rows, out, position, out_stride, nonzeros, source, row_stride, start, stride):
    """``rows`` (a constant) panels of ``add_weighted_rows``, the first of them from ``start`` on in source."""


@overload_routine(add_group, prefer_literal=True)
def _add_group(rows, out, position, out_stride, nonzeros, source, row_stride, start, stride):
    count = rows.literal_value

    def implementation(rows, out, position, out_stride, nonzeros, source, row_stride, start, stride):
        sums = load_block(out, position, out_stride, count)
        for e in range(nonzeros.begin, nonzeros.end):
            value = splat(source, nonzeros.values[e])
            sums = add_products(sums, source, nonzeros.indices[e] * row_stride + start, stride, value)
        store_block(out, position, out_stride, sums)

    return implementation


@routine
def add_weighted_rows(out, position, out_stride, nonzeros, source, row_stride, stride, panels):
    """Add to out, in each panel j, the sum over the nonzeros e of values[e] * row indices[e] of source.

    Row i of panel j of source is at ``i * row_stride + j * stride``, that of out at ``position + j * out_stride``.
    IN nonzeros, source; INOUT out.
    """
    j = 0
    while j + GROUP <= panels:
        add_group(GROUP, out, position + j * out_stride, out_stride, nonzeros, source, row_stride, j * stride, stride)
        j += GROUP
    while j < panels:
        add_group(1, out, position + j * out_stride, out_stride, nonzeros, source, row_stride, j * stride, stride)
        j += 1


@routine
def sparse_hidden_product(position, start, stop, order, buffers, sizes, spec):
    """Compute z1 of the examples start..stop of the workspace. OUT a1, which then holds it."""
    values = pointer_at(spec.x_address, buffers.x)
    begins, features = pointer_at(spec.x_row, order), pointer_at(spec.x_column, order)
    lanes = lane_count(buffers.theta)
    stride = spec.rows * lanes
    b1 = sizes.features * sizes.w1_row
    for t in range(start, stop):
        row = row_of(order, spec.ordered, position + t)
        for j in range(sizes.panels):
            store(buffers.a1, t * lanes + j * stride, load(buffers.theta, b1 + j * sizes.w1_stride))
        nonzeros = Nonzeros(values=values, indices=features, begin=begins[row], end=begins[row + 1])
        add_weighted_rows(
            buffers.a1, t * lanes, stride, nonzeros, buffers.theta, sizes.w1_row, sizes.w1_stride, sizes.panels
        )


@routine
def propagate_tiles(part, parts, block, order, buffers, sizes, spec, parameters):
    """Fill the workspace with the deltas and losses of this part of a block's examples. INOUT buffers."""
    tiles = (block.size + TILE - 1) // TILE
    for tile in range(part * tiles // parts, (part + 1) * tiles // parts):
        start = tile * TILE
        stop = min(block.size, start + TILE)
        sparse_hidden_product(block.position, start, stop, order, buffers, sizes, spec)
        copy_targets(block.position, start, stop, order, buffers, spec)
        finish_run(block, start, stop, buffers, sizes, spec, parameters)


@routine
def sort_by_feature(begin, end, block, order, buffers, spec):
    """Sort a block's nonzeros of the features begin..end by feature; return where they begin.

    Afterwards ``ends[f]`` is where those of feature f end. OUT x, nonzero_rows and feature_ends of the run.
    """
    values = pointer_at(spec.x_address, buffers.x)
    begins, features = pointer_at(spec.x_row, order), pointer_at(spec.x_column, order)
    rows, ends = pointer_at(spec.nonzero_rows, order), pointer_at(spec.feature_ends, order)
    before = 0
    for f in range(begin, end):
        ends[f] = 0
    for t in range(block.size):
        row = row_of(order, spec.ordered, block.position + t)
        for e in range(begins[row], begins[row + 1]):
            f = features[e]
            if f < begin:
                before += 1
            elif f < end:
                ends[f] += 1
    # how many nonzeros a feature has becomes where they begin
    position = before
    for f in range(begin, end):
        size = ends[f]
        ends[f] = position
        position += size
    # where they begin moves on to where they end
    for t in range(block.size):
        row = row_of(order, spec.ordered, block.position + t)
        for e in range(begins[row], begins[row + 1]):
            f = features[e]
            if begin <= f < end:
                rows[ends[f]] = t
                buffers.x[ends[f]] = values[e]
                ends[f] += 1
    return before


@routine
def add_row_gradient(begin, end, overwrite, position, order, buffers, sizes, spec):
    """Add up x d1 over the sorted nonzeros begin..end at gradient[position], anew if ``overwrite``. INOUT gradient."""
    lanes = lane_count(buffers.theta)
    if overwrite:
        for i in range(0, sizes.w1_row, lanes):
            store(buffers.gradient, position + i, splat(buffers.gradient, 0.0))
    nonzeros = Nonzeros(values=buffers.x, indices=pointer_at(spec.nonzero_rows, order), begin=begin, end=end)
    add_weighted_rows(buffers.gradient, position, lanes, nonzeros, buffers.d1, lanes, spec.rows * lanes, sizes.panels)


@routine
def update_features(part, parts, block, updates, rule, order, buffers, sizes, spec, parameters):
    """Do this part of the weights: the gradient over a block, and the update if the block ``updates`` them."""
    begin = part * sizes.features // parts
    end = (part + 1) * sizes.features // parts
    first = sort_by_feature(begin, end, block, order, buffers, spec)
    ends = pointer_at(spec.feature_ends, order)
    # a batch of one block needs each row of the gradient once: it never leaves this scratch row
    scratch = sizes.size + part * sizes.w1_row
    whole = block.overwrite and updates
    for f in range(begin, end):
        row = f * sizes.w1_row
        position = scratch if whole else row
        if block.overwrite or ends[f] > first:
            add_row_gradient(first, ends[f], block.overwrite, position, order, buffers, sizes, spec)
        first = ends[f]
        if updates:
            weights = weights_of(buffers, position - row, spec)
            buffers.squares[f] = update(row, row + sizes.w1_row, parameters.alpha, weights, rule)
    if part == parts - 1:
        update_rest(block, updates, rule, buffers, sizes, spec, parameters)


@routine
def update_rest(block, updates, rule, buffers, sizes, spec, parameters):
    """Do b1, W2 and b2, which are small beside W1."""
    lanes, weights = lane_count(buffers.theta), weights_of(buffers, ZERO, spec)
    b1 = sizes.features * sizes.w1_row
    for j in range(sizes.panels):
        sums = splat(buffers.d1, 0.0) if block.overwrite else load(buffers.gradient, b1 + j * lanes)
        for t in range(block.size):
            sums = sums + load(buffers.d1, (j * spec.rows + t) * lanes)
        store(buffers.gradient, b1 + j * lanes, sums)
    add_output_gradient(block.size, block.overwrite, buffers, sizes, spec)
    if updates:
        update(b1, b1 + sizes.w1_row, 0.0, weights, rule)
        for j in range(sizes.panels):
            start = sizes.w2 + j * sizes.w2_stride
            stop = start + sizes.outputs * lanes
            buffers.squares[sizes.features + j] = update(start, stop, parameters.alpha, weights, rule)
        update(sizes.b2, sizes.size, 0.0, weights, rule)
