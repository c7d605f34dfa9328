"""The weights in panels, and their way to and from the matrices that users see.

A panel holds the weights of one register block of hidden units: first W1, one row of lanes for each feature and
one for the intercept b1 (the batch's rows end in a 1 for it), then W2, one row for each output. Both parts are
padded with zero rows to the products' unit, and the last panel with zero units; they stay zero. Panels lie one
after the other in the flat array ``theta``, the intercepts b2 behind them. Moments and gradients have the same
layout.

For sparse X, whose rows meet few features, the rows of W1 that belong to one feature lie together over all panels,
and the panels hold only W2.
"""

from typing import NamedTuple

from .compiling import entry, plain
from .lanes import lane_count, numbers, pointer
from .layers import UNIT


class Layout(NamedTuple):
    """The sizes of a network and the places of its weights in theta, counted in numbers.

    ``feature_rows`` and ``output_rows`` are the padded rows of W1 with b1 and of W2. Row f of W1 in panel j is at
    ``f * w1_row + j * w1_gap``, row k of W2 at ``w2 + j * w2_gap + k * lanes``, b2 at ``b2``.
    """

    features: int
    hidden: int
    outputs: int
    feature_rows: int
    output_rows: int
    panels: int
    w1_row: int
    w1_gap: int
    w2: int
    w2_gap: int
    b2: int
    size: int


LAYOUT = len(Layout._fields)  # a compile-time length for the kernels' unpacking


@plain
def round_up(number, unit):
    """Return the smallest multiple of ``unit`` that is not below ``number``."""
    return -(-number // unit) * unit


@plain
def layout(features, hidden, outputs, lanes, by_feature):
    """Return the Layout of a network for a dtype with that many lanes; ``by_feature`` is that for sparse X."""
    feature_rows = round_up(features + 1, UNIT)
    output_rows = round_up(outputs, UNIT)
    panels = -(-hidden // lanes)
    if by_feature:
        w1_row, w1_gap = panels * lanes, lanes
        w2, w2_gap = (features + 1) * panels * lanes, output_rows * lanes
    else:
        w1_row, w1_gap = lanes, (feature_rows + output_rows) * lanes
        w2, w2_gap = feature_rows * lanes, w1_gap
    b2 = panels * (feature_rows + output_rows) * lanes
    if by_feature:
        b2 = w2 + panels * w2_gap
    size = b2 + round_up(outputs, lanes)
    return Layout(features, hidden, outputs, feature_rows, output_rows, panels, w1_row, w1_gap, w2, w2_gap, b2, size)


@entry
def pack(w1, b1, w2, b2, theta, sizes):
    """Fill theta, which holds zeros, from W1 (features, hidden), b1, W2 (hidden, outputs) and b2.

    IN w1, b1, w2, b2; OUT theta.
    """
    sizes = Layout(*numbers(sizes, LAYOUT))
    lanes = lane_count(pointer(theta))
    for h in range(sizes.hidden):
        place = h // lanes * sizes.w1_gap + h % lanes
        for f in range(sizes.features):
            theta[place + f * sizes.w1_row] = w1[f, h]
        theta[place + sizes.features * sizes.w1_row] = b1[h]
        place = sizes.w2 + h // lanes * sizes.w2_gap + h % lanes
        for k in range(sizes.outputs):
            theta[place + k * lanes] = w2[h, k]
    for k in range(sizes.outputs):
        theta[sizes.b2 + k] = b2[k]


@entry
def unpack(theta, w1, b1, w2, b2, sizes):
    """Fill W1 (features, hidden), b1, W2 (hidden, outputs) and b2 from theta.

    IN theta; OUT w1, b1, w2, b2.
    """
    sizes = Layout(*numbers(sizes, LAYOUT))
    lanes = lane_count(pointer(theta))
    for h in range(sizes.hidden):
        place = h // lanes * sizes.w1_gap + h % lanes
        for f in range(sizes.features):
            w1[f, h] = theta[place + f * sizes.w1_row]
        b1[h] = theta[place + sizes.features * sizes.w1_row]
        place = sizes.w2 + h // lanes * sizes.w2_gap + h % lanes
        for k in range(sizes.outputs):
            w2[h, k] = theta[place + k * lanes]
    for k in range(sizes.outputs):
        b2[k] = theta[sizes.b2 + k]
