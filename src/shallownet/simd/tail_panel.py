"""The last panel of W1, where at most half of its lanes hold hidden units and there are as many features as lanes.

Of 100 hidden units and 16 lanes the seventh panel has 4, and its products would leave three quarters of each register
idle. So its registers are divided into ``shared`` groups of lanes, 2 or 4, each wide enough for the units:

    product             lanes of a group           of the next group          ...
    hidden layer        z1[t]                      z1[t + 1]
    gradient of W1      dW1 of feature f           dW1 of feature f + 1

Each number is the sum of the same products in the same order as in a whole panel, and so has the same bits.
"""

from ..jit.compiling import ONE, overload_routine, routine
from .matmul import ADD, SET, SHARED_EXAMPLES, SHARED_ROWS, multiply
from .tiles import (
    add_for_examples,
    add_for_features,
    load_block,
    load_groups,
    load_repeated,
    store_block,
    store_groups,
    zero_block,
)
from .vector_ops import select
from .vectors import lane_count, load, store


def shared_product(shared, x, first, row, length, theta, panel, out, place, mode):
    """z1 of the last panel for SHARED_EXAMPLES examples, or what is added to it; ``shared`` is a constant."""


@overload_routine(shared_product, prefer_literal=True)
def _shared_product(shared, x, first, row, length, theta, panel, out, place, mode):
    groups = shared.literal_value
    rows = SHARED_EXAMPLES // groups

    def implementation(shared, x, first, row, length, theta, panel, out, place, mode):
        lanes = lane_count(theta)
        width = lanes // groups
        z = load_groups(out, place, lanes, rows, groups) if mode == ADD else zero_block(out, rows)
        last = first + length
        while first + width <= last:
            z = add_for_examples(z, x, first, row, theta, panel, 0, groups)
            first += width
            panel += width * lanes
        while first < last:
            z = add_for_examples(z, x, first, row, theta, panel, 1, groups)
            first += 1
            panel += lanes
        store_groups(out, place, lanes, z, groups)

    return implementation


def shared_gradient(shared, overwrite, x, first, row, delta, place, length, strip, target):
    """SHARED_ROWS registers of the gradient, summed over examples, anew if ``overwrite``; ``shared`` is a constant."""


@overload_routine(shared_gradient, prefer_literal=True)
def _shared_gradient(shared, overwrite, x, first, row, delta, place, length, strip, target):
    groups = shared.literal_value

    def implementation(shared, overwrite, x, first, row, delta, place, length, strip, target):
        lanes = lane_count(strip)
        gradient = zero_block(strip, SHARED_ROWS) if overwrite else load_block(strip, target, lanes, SHARED_ROWS)
        for _ in range(length):
            gradient = add_for_features(gradient, x, first, groups, load_repeated(delta, place, groups), groups)
            first += row
            place += lanes
        store_block(strip, target, lanes, gradient)

    return implementation


@routine
def multiply_shared(shared, x, first, row, rows, length, theta, panel, out, place, mode):
    """Do ``multiply`` with a step of 1 for the last panel alone; the mode is SET or ADD. IN x, theta; OUT out."""
    lanes = lane_count(theta)
    last = place + rows * lanes
    while place + SHARED_EXAMPLES * lanes <= last:
        if shared == 4:
            shared_product(4, x, first, row, length, theta, panel, out, place, mode)
        else:
            shared_product(2, x, first, row, length, theta, panel, out, place, mode)
        first += SHARED_EXAMPLES * row
        place += SHARED_EXAMPLES * lanes
    multiply(x, first, row, ONE, (last - place) // lanes, length, theta, panel, ONE, ONE, out, place, ONE, mode)


@routine
def multiply_last(start, stop, buffers, sizes, plan):
    """Compute z1 of the last panel for the examples start..stop of the workspace. OUT a1, which then holds it."""
    lanes = lane_count(buffers.theta)
    multiply_shared(
        sizes.groups, buffers.x, start * sizes.feature_rows, sizes.feature_rows, stop - start, sizes.features + 1,
        buffers.theta, sizes.full_panels * sizes.w1_stride,
        buffers.a1, (sizes.full_panels * plan.rows + start) * lanes, SET,
    )  # fmt: skip


@routine
def add_last_gradient(count, overwrite, buffers, sizes, plan):
    """Sum the gradient of the last panel over ``count`` examples, anew if ``overwrite``. INOUT gradient, strip.

    The strip holds it as a matrix (features + 1, width of a group). What is read of x behind the end of a row goes
    behind that matrix.
    """
    lanes = lane_count(buffers.theta)
    width = lanes // sizes.groups
    panel, place = sizes.full_panels * sizes.w1_stride, sizes.full_panels * plan.rows * lanes
    if not overwrite:
        for f in range(sizes.features + 1):
            # the lanes without units, which are 0, make room for the next feature
            store(buffers.tail, f * width, load(buffers.gradient, panel + f * lanes))
    for i in range(0, sizes.tail_rows, SHARED_ROWS):
        first, target = i * sizes.groups, i * lanes
        x, row, strip = buffers.x, sizes.feature_rows, buffers.tail
        if sizes.groups == 4:
            shared_gradient(4, overwrite, x, first, row, buffers.d1, place, count, strip, target)
        else:
            shared_gradient(2, overwrite, x, first, row, buffers.d1, place, count, strip, target)
    exists = load(buffers.unit_mask, 0) == 1.0
    for f in range(sizes.features + 1):
        store(buffers.gradient, panel + f * lanes, select(exists, load(buffers.tail, f * width), 0.0))
