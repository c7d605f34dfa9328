"""The weights in panels, and their way to and from the matrices that users see.

A panel holds the weights of one register block of hidden units: first W1, one row of lanes for each feature and
one for the intercept b1 (the batch's rows end in a 1 for it), then W2, one row for each output. Both parts are
padded with zero rows to the products' unit, and the last panel with zero units; they stay zero. Panels lie one
after the other in the flat array ``theta``, the intercepts b2 behind them. Moments and gradients have the same
layout.
"""

from typing import NamedTuple

from .compiling import entry, plain
from .lanes import lane_count, numbers, pointer
from .layers import UNIT


class Layout(NamedTuple):
    """The sizes of a network in panels: counts, and ``panel`` and ``size`` in numbers.

    ``feature_rows`` and ``output_rows`` are the padded rows of W1 with b1 and of W2 in a panel; ``panel`` is the
    length of a panel, ``size`` that of theta.
    """

    features: int
    hidden: int
    outputs: int
    feature_rows: int
    output_rows: int
    panels: int
    panel: int
    size: int


LAYOUT = len(Layout._fields)  # a compile-time length for the kernels' unpacking


@plain
def round_up(number, unit):
    """Return the smallest multiple of ``unit`` that is not below ``number``."""
    return -(-number // unit) * unit


@plain
def layout(features, hidden, outputs, lanes):
    """Return the Layout of a network for a dtype with that many lanes."""
    feature_rows = round_up(features + 1, UNIT)
    output_rows = round_up(outputs, UNIT)
    panels = -(-hidden // lanes)
    panel = (feature_rows + output_rows) * lanes
    return Layout(
        features,
        hidden,
        outputs,
        feature_rows,
        output_rows,
        panels,
        panel,
        panels * panel + round_up(outputs, lanes),
    )


@entry
def pack(w1, b1, w2, b2, theta, sizes):
    """Fill theta, which holds zeros, from W1 (features, hidden), b1, W2 (hidden, outputs) and b2.

    IN w1, b1, w2, b2; OUT theta.
    """
    sizes = Layout(*numbers(sizes, LAYOUT))
    lanes = lane_count(pointer(theta))
    for h in range(sizes.hidden):
        place = h // lanes * sizes.panel + h % lanes
        for f in range(sizes.features):
            theta[place + f * lanes] = w1[f, h]
        theta[place + sizes.features * lanes] = b1[h]
        place += sizes.feature_rows * lanes
        for k in range(sizes.outputs):
            theta[place + k * lanes] = w2[h, k]
    for k in range(sizes.outputs):
        theta[sizes.panels * sizes.panel + k] = b2[k]


@entry
def unpack(theta, w1, b1, w2, b2, sizes):
    """Fill W1 (features, hidden), b1, W2 (hidden, outputs) and b2 from theta.

    IN theta; OUT w1, b1, w2, b2.
    """
    sizes = Layout(*numbers(sizes, LAYOUT))
    lanes = lane_count(pointer(theta))
    for h in range(sizes.hidden):
        place = h // lanes * sizes.panel + h % lanes
        for f in range(sizes.features):
            w1[f, h] = theta[place + f * lanes]
        b1[h] = theta[place + sizes.features * lanes]
        place += sizes.feature_rows * lanes
        for k in range(sizes.outputs):
            w2[h, k] = theta[place + k * lanes]
    for k in range(sizes.outputs):
        b2[k] = theta[sizes.panels * sizes.panel + k]
