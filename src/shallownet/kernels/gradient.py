"""The gradient of the weights, summed over examples in an order of the batch's own, and their update.

Weights are counted in units of rows of one panel. Letters as in ``examples``.
"""

from ..jit.compiling import ONE, ZERO, routine
from ..simd.matmul import ADD, SET, UNIT, multiply, multiply_row, rows_in_blocks
from ..simd.tail_panel import add_last_gradient
from ..simd.vector_ops import reduce_add
from ..simd.vectors import lane_count, load, splat
from .optimizers import update


@routine
def add_gradient(count, overwrite, buffers, sizes, plan):
    """Sum the gradient over the workspace's ``count`` examples, anew if ``overwrite``. INOUT gradient."""
    lanes = lane_count(buffers.theta)
    gap = plan.rows * lanes
    mode = SET if overwrite else ADD
    rows = sizes.features + 1
    in_blocks = rows_in_blocks(rows)
    multiply(
        buffers.x, ZERO, ONE, sizes.feature_rows, in_blocks, count,
        buffers.d1, ZERO, gap, sizes.full_panels,
        buffers.gradient, ZERO, sizes.w1_stride, mode,
    )  # fmt: skip
    for f in range(in_blocks, rows):
        multiply_row(
            buffers.x, f, sizes.feature_rows, count,
            buffers.d1, ZERO, gap, sizes.full_panels,
            buffers.gradient, f * lanes, sizes.w1_stride, mode,
        )  # fmt: skip
    if sizes.groups > 1:
        add_last_gradient(count, overwrite, buffers, sizes, plan)
    add_output_gradient(count, overwrite, buffers, sizes, plan)


@routine
def add_output_gradient(count, overwrite, buffers, sizes, plan):
    """Sum the gradient of W2 and b2. INOUT gradient."""
    lanes = lane_count(buffers.a1)
    mode = SET if overwrite else ADD
    in_blocks = rows_in_blocks(sizes.outputs)
    multiply(
        buffers.z2, ZERO, plan.rows, ONE, in_blocks, count,
        buffers.a1, ZERO, plan.rows * lanes, sizes.panels,
        buffers.gradient, sizes.w2, sizes.w2_stride, mode,
    )  # fmt: skip
    for k in range(in_blocks, sizes.outputs):
        multiply_row(
            buffers.z2, k * plan.rows, ONE, count,
            buffers.a1, ZERO, plan.rows * lanes, sizes.panels,
            buffers.gradient, sizes.w2 + k * lanes, sizes.w2_stride, mode,
        )  # fmt: skip
    for k in range(sizes.outputs):
        before = 0.0 if overwrite else buffers.gradient[sizes.b2 + k]
        buffers.gradient[sizes.b2 + k] = before + sum_of(buffers.z2, k * plan.rows, count)


@routine
def update_weights(part, parts, weight_sum, rate, buffers, sizes, plan, settings):
    """Update this part of the weights from the sum of the shares' gradients. INOUT theta and moments."""
    units = plan.units // sizes.panels
    for unit in range(part * plan.units // parts, (part + 1) * plan.units // parts):
        buffers.squares[unit] = update_unit(
            unit // units, unit % units * UNIT, weight_sum, rate, buffers, sizes, plan, settings
        )
    if part == parts - 1:
        update_range(sizes.b2, sizes.size, 0.0, weight_sum, rate, buffers, sizes, plan, settings)


@routine
def update_unit(j, row, weight_sum, rate, buffers, sizes, plan, settings):
    """Update one unit of rows of panel j; return the sum of squares of its old coefficients.

    A unit lies in W1 or in W2; the rows that only pad it are left alone.
    """
    lanes = lane_count(buffers.theta)
    end = sizes.features if row < sizes.feature_rows else sizes.feature_rows + sizes.outputs
    first = j * sizes.w1_stride + row * lanes
    last = j * sizes.w1_stride + min(row + UNIT, end) * lanes
    squares = update_range(first, last, settings.alpha, weight_sum, rate, buffers, sizes, plan, settings)
    if row <= sizes.features < row + UNIT:
        first = j * sizes.w1_stride + sizes.features * lanes
        update_range(first, first + lanes, 0.0, weight_sum, rate, buffers, sizes, plan, settings)
    return squares


@routine
def update_range(first, last, penalty, weight_sum, rate, buffers, sizes, plan, settings):
    """Update the weights first..last; return the sum of their old squares."""
    return update(
        plan.solver, buffers.theta, buffers.moment1, buffers.moment2,
        buffers.gradient, plan.gradient_stride, plan.shards, first, last,
        penalty, 1.0 / weight_sum, rate, settings.decay_1, settings.decay_2, settings.epsilon,
    )  # fmt: skip


@routine
def sum_of(p, first, count):
    """Return the sum of ``count`` numbers from p[first] on, whose last lanes are filled up with zeros."""
    lanes = lane_count(p)
    sums = splat(p, 0.0)
    for i in range(first, first + count, lanes):
        sums = sums + load(p, i)
    return reduce_add(sums)
