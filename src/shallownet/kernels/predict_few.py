"""Products with W1 as it lies in the matrix that users see: for few rows of X, or for few nonzeros.

To bring W1 into panels takes as long as to multiply it with some rows. So a hidden layer of fewer is summed up along
the rows of W1, whose units follow each other in memory, a group of registers at a time. Each sum has the same terms
in the same order as with panels, and so the same bits.

Letters as in ``examples``; ``unit`` is the first hidden unit of a group, e counts nonzeros.
"""

from ..jit.compiling import routine
from ..simd.tiles import add_products, add_products_within, load_block, store_block
from ..simd.vectors import lane_count, splat

GROUP = 4  # registers that are summed together, unless one is enough


@routine
def add_features(x, place, first, last, w1, hidden, unit, out, target, gap):
    """Add the products of x[place + f] and W1[f] for first <= f < last to the sums of a group, ``gap`` apart.

    IN x, w1; INOUT out.
    """
    lanes, units = lane_count(out), hidden - unit
    if units >= GROUP * lanes:
        sums = load_block(out, target, gap, GROUP)
        for f in range(first, last):
            sums = add_products(sums, w1, f * hidden + unit, lanes, splat(out, x[place + f]))
        store_block(out, target, gap, sums)
    elif units > lanes:
        sums = load_block(out, target, gap, GROUP)
        for f in range(first, last):
            sums = add_products_within(sums, w1, f * hidden + unit, units, splat(out, x[place + f]))
        store_block(out, target, gap, sums)
    else:
        few = load_block(out, target, gap, 1)
        for f in range(first, last):
            few = add_products_within(few, w1, f * hidden + unit, units, splat(out, x[place + f]))
        store_block(out, target, gap, few)


@routine
def add_nonzeros(values, features, first, last, w1, hidden, unit, out, target, gap):
    """Add the products of values[e] and W1[features[e]] for first <= e < last to the sums of a group, ``gap`` apart.

    IN values, features, w1; INOUT out.
    """
    lanes, units = lane_count(out), hidden - unit
    if units >= GROUP * lanes:
        sums = load_block(out, target, gap, GROUP)
        for e in range(first, last):
            sums = add_products(sums, w1, features[e] * hidden + unit, lanes, splat(out, values[e]))
        store_block(out, target, gap, sums)
    elif units > lanes:
        sums = load_block(out, target, gap, GROUP)
        for e in range(first, last):
            sums = add_products_within(sums, w1, features[e] * hidden + unit, units, splat(out, values[e]))
        store_block(out, target, gap, sums)
    else:
        few = load_block(out, target, gap, 1)
        for e in range(first, last):
            few = add_products_within(few, w1, features[e] * hidden + unit, units, splat(out, values[e]))
        store_block(out, target, gap, few)
