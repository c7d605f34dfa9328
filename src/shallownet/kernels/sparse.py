"""The products with sparse X (CSR), on its nonzeros, and the update of W1 that goes with them.

The hidden layer adds up, for each example, the rows of W1 that its nonzeros meet. For the gradient the nonzeros of
a block are sorted by feature, keeping the order of examples, so that a thread that has a range of features writes
no row of another; each row of W1 is updated as soon as its gradient is known, while it is in the first cache.

Letters as in ``examples``; e counts nonzeros. ``x`` of the buffers holds the sorted values.
"""

from ..jit.compiling import ONE, ZERO, overload_routine, routine
from ..simd.tiles import add_products, load_block, store_block
from ..simd.vectors import lane_count, load, offset, pointer_at, splat, store
from .gradient import add_output_gradient, update_range
from .optimizers import update
from .step import copy_targets, finish_tile, row_of
from .structs import TILE

GROUP = 4  # panels whose sums are kept in registers together


def add_group(rows, out, place, out_gap, values, indices, first, last, source, stride, offset, gap):
    """``rows`` (a constant) panels of ``add_weighted_rows``."""


@overload_routine(add_group, prefer_literal=True)
def _add_group(rows, out, place, out_gap, values, indices, first, last, source, stride, offset, gap):
    count = rows.literal_value

    def implementation(rows, out, place, out_gap, values, indices, first, last, source, stride, offset, gap):
        sums = load_block(out, place, out_gap, count)
        for e in range(first, last):
            value = splat(source, values[e])
            sums = add_products(sums, source, indices[e] * stride + offset, gap, value)
        store_block(out, place, out_gap, sums)

    return implementation


@routine
def add_weighted_rows(out, place, out_gap, values, indices, first, last, source, stride, gap, panels):
    """Add to out, in each panel j, the sum over first <= e < last of values[e] * row indices[e] of source.

    Row i of panel j of source is at ``i * stride + j * gap``, that of out at ``place + j * out_gap``.
    IN values, indices, source; INOUT out.
    """
    j = 0
    while j + GROUP <= panels:
        add_group(GROUP, out, place + j * out_gap, out_gap, values, indices, first, last, source, stride, j * gap, gap)
        j += GROUP
    while j < panels:
        add_group(1, out, place + j * out_gap, out_gap, values, indices, first, last, source, stride, j * gap, gap)
        j += 1


@routine
def sparse_hidden_product(position, start, stop, order, buffers, sizes, plan):
    """Compute z1 of the examples start..stop of the workspace. OUT a1, which then holds it."""
    values = pointer_at(plan.x_address, buffers.x)
    begins, features = pointer_at(plan.x_row, order), pointer_at(plan.x_column, order)
    lanes = lane_count(buffers.theta)
    gap = plan.rows * lanes
    b1 = sizes.features * sizes.w1_row
    for t in range(start, stop):
        row = row_of(order, plan.ordered, position + t)
        for j in range(sizes.panels):
            store(buffers.a1, t * lanes + j * gap, load(buffers.theta, b1 + j * sizes.w1_stride))
        add_weighted_rows(
            buffers.a1, t * lanes, gap, values, features, begins[row], begins[row + 1],
            buffers.theta, sizes.w1_row, sizes.w1_stride, sizes.panels,
        )  # fmt: skip


@routine
def sparse_propagate(part, parts, position, seen, count, order, buffers, sizes, plan, settings):
    """Fill the workspace with the deltas and losses of this part of ``count`` examples."""
    tiles = (count + TILE - 1) // TILE
    for tile in range(part * tiles // parts, (part + 1) * tiles // parts):
        start = tile * TILE
        stop = min(count, start + TILE)
        sparse_hidden_product(position, start, stop, order, buffers, sizes, plan)
        copy_targets(position, start, stop, order, buffers, plan)
        finish_tile(position, seen, start, stop, buffers, sizes, plan, settings)


@routine
def sort_by_feature(begin, end, position, count, order, buffers, plan):
    """Sort the block's nonzeros of the features begin..end by feature; return where they begin.

    Afterwards ``ends[f]`` is where those of feature f end. OUT x, entries and ends of the plan.
    """
    values = pointer_at(plan.x_address, buffers.x)
    begins, features = pointer_at(plan.x_row, order), pointer_at(plan.x_column, order)
    entries, ends = pointer_at(plan.nonzero_rows, order), pointer_at(plan.feature_ends, order)
    before = 0
    for f in range(begin, end):
        ends[f] = 0
    for t in range(count):
        row = row_of(order, plan.ordered, position + t)
        for e in range(begins[row], begins[row + 1]):
            f = features[e]
            if f < begin:
                before += 1
            elif f < end:
                ends[f] += 1
    place = before
    for f in range(begin, end):
        size = ends[f]
        ends[f] = place
        place += size
    for t in range(count):
        row = row_of(order, plan.ordered, position + t)
        for e in range(begins[row], begins[row + 1]):
            f = features[e]
            if begin <= f < end:
                entries[ends[f]] = t
                buffers.x[ends[f]] = values[e]
                ends[f] += 1
    return before


@routine
def add_row_gradient(first, last, overwrite, place, order, buffers, sizes, plan):
    """Add up x d1 over the sorted nonzeros first..last at gradient[place], anew if ``overwrite``. INOUT gradient."""
    lanes = lane_count(buffers.theta)
    if overwrite:
        for i in range(0, sizes.w1_row, lanes):
            store(buffers.gradient, place + i, splat(buffers.gradient, 0.0))
    add_weighted_rows(
        buffers.gradient, place, lanes, buffers.x, pointer_at(plan.nonzero_rows, order), first, last,
        buffers.d1, lanes, plan.rows * lanes, sizes.panels,
    )  # fmt: skip


@routine
def sparse_weights(
    part, parts, position, count, overwrite, done, weight_sum, rate, order, buffers, sizes, plan, settings
):
    """Do this part of the weights: the gradient over the block, and the update if the batch is done with it."""
    begin = part * sizes.features // parts
    end = (part + 1) * sizes.features // parts
    first = sort_by_feature(begin, end, position, count, order, buffers, plan)
    ends = pointer_at(plan.feature_ends, order)
    # a batch of one block needs each row of the gradient once: it never leaves this scratch row
    scratch = sizes.size + part * sizes.w1_row
    whole = overwrite and done
    for f in range(begin, end):
        row = f * sizes.w1_row
        place = scratch if whole else row
        if overwrite or ends[f] > first:
            add_row_gradient(first, ends[f], overwrite, place, order, buffers, sizes, plan)
        first = ends[f]
        if done:
            buffers.squares[f] = update_row(
                row, place, settings.alpha, weight_sum, rate, buffers, sizes, plan, settings
            )
    if part == parts - 1:
        sparse_rest(count, overwrite, done, weight_sum, rate, buffers, sizes, plan, settings)


@routine
def update_row(row, place, penalty, weight_sum, rate, buffers, sizes, plan, settings):
    """Update the weights of one feature from the gradient at ``place``; return the sum of their old squares."""
    return update(
        plan.solver, buffers.theta, buffers.moment1, buffers.moment2,
        offset(buffers.gradient, place - row), ZERO, ONE, row, row + sizes.w1_row,
        penalty, 1.0 / weight_sum, rate, settings.decay_1, settings.decay_2, settings.epsilon,
    )  # fmt: skip


@routine
def sparse_rest(count, overwrite, done, weight_sum, rate, buffers, sizes, plan, settings):
    """Do b1, W2 and b2, which are small beside W1."""
    lanes = lane_count(buffers.theta)
    b1 = sizes.features * sizes.w1_row
    for j in range(sizes.panels):
        sums = splat(buffers.d1, 0.0) if overwrite else load(buffers.gradient, b1 + j * lanes)
        for t in range(count):
            sums = sums + load(buffers.d1, (j * plan.rows + t) * lanes)
        store(buffers.gradient, b1 + j * lanes, sums)
    add_output_gradient(count, overwrite, buffers, sizes, plan)
    if done:
        update_row(b1, b1, 0.0, weight_sum, rate, buffers, sizes, plan, settings)
        for j in range(sizes.panels):
            first = sizes.w2 + j * sizes.w2_stride
            last = first + sizes.outputs * lanes
            buffers.squares[sizes.features + j] = update_range(
                first, last, settings.alpha, weight_sum, rate, buffers, sizes, plan, settings
            )
        update_range(sizes.b2, sizes.size, 0.0, weight_sum, rate, buffers, sizes, plan, settings)
