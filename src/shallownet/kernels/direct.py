"""Products with W1 as it lies in the matrix that users see: for few rows of X, or for few nonzeros.

To bring W1 into panels takes as long as to multiply it with some rows. So a hidden layer of fewer is summed up along
the rows of W1, whose units follow each other in memory, a group of registers at a time. Each sum has the same terms
in the same order as with panels, and so the same bits.

Letters as in ``examples``; ``unit`` is the first hidden unit of a group, e counts nonzeros.
"""

from .blocks import add_products, add_products_within, load_block, store_block
from .compiling import kernel
from .lanes import lane_count, splat

GROUP = 4  # registers that are summed together


@kernel
def add_features(x, place, first, last, w1, hidden, unit, out, target, gap):
    """Add the products of x[place + f] and W1[f] for first <= f < last to the sums of a group, ``gap`` apart.

    IN x, w1; INOUT out.
    """
    lanes = lane_count(out)
    sums = load_block(out, target, gap, GROUP)
    if hidden - unit >= GROUP * lanes:
        for f in range(first, last):
            sums = add_products(sums, w1, f * hidden + unit, lanes, splat(out, x[place + f]))
    else:
        for f in range(first, last):
            sums = add_products_within(sums, w1, f * hidden + unit, hidden - unit, splat(out, x[place + f]))
    store_block(out, target, gap, sums)


@kernel
def add_nonzeros(values, features, first, last, w1, hidden, unit, out, target, gap):
    """Add the products of values[e] and W1[features[e]] for first <= e < last to the sums of a group, ``gap`` apart.

    IN values, features, w1; INOUT out.
    """
    lanes = lane_count(out)
    sums = load_block(out, target, gap, GROUP)
    if hidden - unit >= GROUP * lanes:
        for e in range(first, last):
            sums = add_products(sums, w1, features[e] * hidden + unit, lanes, splat(out, values[e]))
    else:
        for e in range(first, last):
            sums = add_products_within(sums, w1, features[e] * hidden + unit, hidden - unit, splat(out, values[e]))
    store_block(out, target, gap, sums)
