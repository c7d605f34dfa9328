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

import numpy as np

from ..jit.compiling import ZERO, jitable, routine
from ..simd.lane_groups import GROUPS
from ..simd.matmul import UNIT
from ..simd.tail_panel import PACKED_ROWS
from ..simd.vectors import REGISTER_BYTES, lane_count, load, store


class Layout(NamedTuple):
    """The sizes of a network and the places of its weights in theta, counted in numbers.

    ``feature_rows`` and ``output_rows`` are the padded rows of W1 with b1 and of W2. Row f of W1 in panel j is at
    ``f * w1_row + j * w1_stride``, row k of W2 at ``w2 + j * w2_stride + k * lanes``, b2 at ``b2``.

    The first ``full_panels`` panels of W1 are multiplied as they are. If that leaves one, its registers are divided
    into groups of lanes (``tail_panel``); its gradient takes ``tail_rows`` registers, for which ``reach`` numbers from
    the beginning of a row of x are read.
    """

    features: int
    hidden: int
    outputs: int
    feature_rows: int
    output_rows: int
    panels: int
    full_panels: int
    tail_rows: int
    reach: int
    w1_row: int
    w1_stride: int
    w2: int
    w2_stride: int
    b2: int
    size: int


LAYOUT = len(Layout._fields)  # a compile-time length for the kernels' unpacking


@jitable
def round_up(number, unit):
    """Return the smallest multiple of ``unit`` that is not below ``number``."""
    return -(-number // unit) * unit


@jitable
def layout(features, hidden, outputs, lanes, by_feature):
    """Return the Layout of a network for a dtype with that many lanes; ``by_feature`` is that for sparse X."""
    feature_rows = round_up(features + 1, UNIT)
    output_rows = round_up(outputs, UNIT)
    panels = -(-hidden // lanes)
    rest = hidden % lanes
    full_panels, tail_rows = panels, 0
    if 0 < GROUPS * rest <= lanes <= features and not by_feature:  # with few features, a whole panel is as fast
        full_panels = panels - 1
        tail_rows = round_up(-(-features // GROUPS) + 1, PACKED_ROWS)
    reach = max(feature_rows, tail_rows * GROUPS)
    if by_feature:
        w1_row, w1_stride = panels * lanes, lanes
        w2, w2_stride = (features + 1) * panels * lanes, output_rows * lanes
    else:
        w1_row, w1_stride = lanes, (feature_rows + output_rows) * lanes
        w2, w2_stride = feature_rows * lanes, w1_stride
    b2 = panels * (feature_rows + output_rows) * lanes
    if by_feature:
        b2 = w2 + panels * w2_stride
    size = b2 + round_up(outputs, lanes)
    return Layout(
        features, hidden, outputs, feature_rows, output_rows,
        panels, full_panels, tail_rows, reach, w1_row, w1_stride, w2, w2_stride, b2, size,
    )  # fmt: skip


@routine
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


@routine
def place_of_output(h, k, sizes, lanes):
    """Return where W2 of a hidden unit and an output is."""
    return sizes.w2 + h // lanes * sizes.w2_stride + k * lanes + h % lanes


@routine
def fill_panels(w1, b1, w2, b2, theta, sizes):
    """Fill theta, which holds zeros, from W1 (features, hidden), b1, W2 (hidden, outputs) and b2.

    IN w1, b1, w2, b2; OUT theta.
    """
    lanes = lane_count(theta)
    for f in range(sizes.features):
        spread(w1, f * sizes.hidden, sizes.hidden, theta, f * sizes.w1_row, sizes.w1_stride)
    spread(b1, ZERO, sizes.hidden, theta, sizes.features * sizes.w1_row, sizes.w1_stride)
    for h in range(sizes.hidden):
        for k in range(sizes.outputs):
            theta[place_of_output(h, k, sizes, lanes)] = w2[h * sizes.outputs + k]
    for k in range(sizes.outputs):
        theta[sizes.b2 + k] = b2[k]


def views(theta, sizes):
    """Return W1 above b1 (features + 1, panels, lanes), W2 (outputs, panels, lanes) and b2 (outputs,) within theta."""
    number = theta.itemsize
    lanes = REGISTER_BYTES // number
    strides = [
        (number * row, number * gap, number) for row, gap in ((sizes.w1_row, sizes.w1_stride), (lanes, sizes.w2_stride))
    ]
    first = np.ndarray((sizes.features + 1, sizes.panels, lanes), theta.dtype, theta, 0, strides[0])
    second = np.ndarray((sizes.outputs, sizes.panels, lanes), theta.dtype, theta, number * sizes.w2, strides[1])
    return first, second, theta[sizes.b2 : sizes.b2 + sizes.outputs]


def pack(w1, b1, w2, b2, theta, sizes):
    """Do ``fill_panels`` with arrays, without compiled code.

    Training seldom needs it, and compiles less without a kernel for it. Predictions have their kernel: one row would
    take longer to come here than to be predicted.
    OUT theta.
    """
    first, second, outputs = views(theta, sizes)
    units = np.zeros((sizes.features + 1, sizes.panels * first.shape[2]), theta.dtype)
    units[:-1, : sizes.hidden] = w1
    units[-1, : sizes.hidden] = b1
    first[...] = units.reshape(first.shape)
    units = np.zeros((sizes.outputs, sizes.panels * first.shape[2]), theta.dtype)
    units[:, : sizes.hidden] = w2.T
    second[...] = units.reshape(second.shape)
    outputs[...] = b2


def unpack(theta, sizes):
    """Return coefs and intercepts as new arrays."""
    first, second, b2 = views(theta, sizes)
    rows = first.reshape(sizes.features + 1, -1)[:, : sizes.hidden]
    columns = second.reshape(sizes.outputs, -1)[:, : sizes.hidden]
    return [rows[:-1].copy(), columns.T.copy()], [rows[-1].copy(), b2.copy()]
