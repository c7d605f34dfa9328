"""Products with W1 read in place, in the matrix that users see: for few rows of X, or for the nonzeros of sparse X.

Bringing W1 into panels takes as long as multiplying it by several rows, so for fewer rows it does not pay. Instead,
terms are added up along the rows of W1, which hold the units one after the other, for a group of a few registers of
units at a time. Each sum has the same terms in the same order as with panels, and so the same bits.

Letters as in ``predict``; ``unit`` is the first hidden unit of a group, e counts the terms of a sum.
"""

from numba.core import types

from ..jit.compiling import overload_routine, routine
from ..simd.tiles import add_products, add_products_within, load_block, store_block
from ..simd.vectors import lane_count, splat

GROUP = 4  # registers that are summed together, unless one is enough


def feature_of(features, e):
    """Return the feature of term e: features[e], or e itself if ``features`` is None."""


@overload_routine(feature_of)
def _feature_of(features, e):
    if isinstance(features, types.NoneType):
        return lambda features, e: e
    return lambda features, e: features[e]


@routine
def add_terms(values, features, first, last, w1, hidden, unit, sums, position, stride):
    """Add values[e] * W1[feature of e] for first <= e < last to the sums of a group of units.

    ``values`` (last,) and ``features`` (last,) are those of nonzeros, or of all features with None for ``features``;
    w1 (features, hidden) is contiguous. The sums of the group are registers at ``position`` and ``stride`` apart.
    IN values, features, w1; INOUT sums.
    """
    lanes, units = lane_count(sums), hidden - unit
    if units >= GROUP * lanes:
        group = load_block(sums, position, stride, GROUP)
        for e in range(first, last):
            row = feature_of(features, e) * hidden + unit
            group = add_products(group, w1, row, lanes, splat(sums, values[e]))
        store_block(sums, position, stride, group)
    elif units > lanes:  # the last group: nothing is read behind a row
        group = load_block(sums, position, stride, GROUP)
        for e in range(first, last):
            row = feature_of(features, e) * hidden + unit
            group = add_products_within(group, w1, row, units, splat(sums, values[e]))
        store_block(sums, position, stride, group)
    else:
        single = load_block(sums, position, stride, 1)
        for e in range(first, last):
            row = feature_of(features, e) * hidden + unit
            single = add_products_within(single, w1, row, units, splat(sums, values[e]))
        store_block(sums, position, stride, single)
