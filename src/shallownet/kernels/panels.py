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

from .compiling import entry, kernel, plain
from .lanes import keep, lane_count, load, numbers, pointer, store
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


@kernel
def spread(row, first, hidden, theta, place, gap):
    """Copy the numbers of all hidden units from row[first:] to theta[place:], those of each panel ``gap`` further.

    IN row; OUT theta.
    """
    lanes = lane_count(theta)
    for h in range(0, hidden, lanes):
        target = place + h // lanes * gap
        if h + lanes <= hidden:
            store(theta, target, load(row, first + h))
        else:
            for unit in range(hidden - h):
                theta[target + unit] = row[first + h + unit]


@kernel
def collect(theta, place, gap, hidden, row, first):
    """Do the reverse of ``spread``. IN theta; OUT row."""
    lanes = lane_count(theta)
    for h in range(0, hidden, lanes):
        source = place + h // lanes * gap
        if h + lanes <= hidden:
            store(row, first + h, load(theta, source))
        else:
            for unit in range(hidden - h):
                row[first + h + unit] = theta[source + unit]


@kernel
def place_of_output(h, k, sizes, lanes):
    """Return where W2 of a hidden unit and an output is."""
    return sizes.w2 + h // lanes * sizes.w2_gap + k * lanes + h % lanes


@kernel
def fill_panels(w1, b1, w2, b2, theta, sizes):
    """Fill theta, which holds zeros, from W1 (features, hidden), b1, W2 (hidden, outputs) and b2.

    IN w1, b1, w2, b2; OUT theta.
    """
    lanes = lane_count(theta)
    for f in range(sizes.features):
        spread(w1, f * sizes.hidden, sizes.hidden, theta, f * sizes.w1_row, sizes.w1_gap)
    spread(b1, 0, sizes.hidden, theta, sizes.features * sizes.w1_row, sizes.w1_gap)
    for h in range(sizes.hidden):
        for k in range(sizes.outputs):
            theta[place_of_output(h, k, sizes, lanes)] = w2[h * sizes.outputs + k]
    for k in range(sizes.outputs):
        theta[sizes.b2 + k] = b2[k]


@entry
def pack(w1, b1, w2, b2, theta, sizes):
    """Do ``fill_panels`` with contiguous arrays."""
    names = Layout(*numbers(sizes, LAYOUT))
    fill_panels(pointer(w1), pointer(b1), pointer(w2), pointer(b2), pointer(theta), names)
    keep((w1, b1, w2, b2, theta))


@entry
def unpack(theta, w1, b1, w2, b2, sizes):
    """Fill the contiguous W1 (features, hidden), b1, W2 (hidden, outputs) and b2 from theta.

    IN theta; OUT w1, b1, w2, b2.
    """
    names, lanes = Layout(*numbers(sizes, LAYOUT)), lane_count(pointer(theta))
    panels = pointer(theta)
    for f in range(names.features):
        collect(panels, f * names.w1_row, names.w1_gap, names.hidden, pointer(w1), f * names.hidden)
    collect(panels, names.features * names.w1_row, names.w1_gap, names.hidden, pointer(b1), 0)
    for h in range(names.hidden):
        for k in range(names.outputs):
            w2[h, k] = panels[place_of_output(h, k, names, lanes)]
    for k in range(names.outputs):
        b2[k] = panels[names.b2 + k]
    keep((theta, w1, b1))
