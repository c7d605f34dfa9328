"""The weights in panels, and their way to and from the matrices that users see.

A panel holds the weights of one register block of hidden units: first W1, one row of lanes for each feature and
one for the intercept b1 (the batch's rows end in a 1 for it), then W2, one row for each output. Both parts are
padded with zero rows to the products' unit, and the last panel with zero units; they stay zero. Panels lie one
after the other in the flat array ``theta``, the intercepts b2 behind them. Moments and gradients have the same
layout, so that no step transposes anything.

For sparse X, whose rows meet few features, the rows of W1 that belong to one feature lie together over all panels,
and the panels hold only W2.
"""

from typing import NamedTuple

import numpy as np

from ..jit.compiling import jitable, routine
from ..simd.lane_groups import GROUPS
from ..simd.matmul import UNIT
from ..simd.tail_panel import PACKED_ROWS
from ..simd.vectors import REGISTER_BYTES, lane_count, load, store


class Layout(NamedTuple):
    """The sizes of a network and the positions of its weights in theta, counted in numbers.

    Row f of W1 in panel j is at ``f * w1_row + j * w1_stride``, row k of W2 at ``w2 + j * w2_stride + k * lanes``.
    """

    # the network
    features: int
    hidden: int
    outputs: int

    # its panels
    feature_rows: int  # rows of W1 and b1 in a panel, padded
    output_rows: int  # rows of W2 in a panel, padded
    panels: int
    full_panels: int  # the first panels, which are multiplied as they are; the one that may follow is the tail panel

    # the tail panel, whose registers are divided into groups of lanes (``tail_panel``)
    tail_rows: int  # registers that its gradient takes; 0 if there is none
    reach: int  # numbers that may be read from the beginning of a row of x on

    # positions in theta
    w1_row: int  # from one row of W1 to the next
    w1_stride: int  # from W1 of one panel to that of the next
    w2: int  # of the first row of W2
    w2_stride: int  # from W2 of one panel to that of the next
    b2: int  # of the first intercept of the outputs
    size: int  # all numbers of theta


LAYOUT = len(Layout._fields)  # a compile-time length for the kernels' unpacking


@jitable
def round_up(number, unit):
    """Return the smallest multiple of ``unit`` that is not below ``number``."""
    return -(-number // unit) * unit


@jitable
def layout(features, hidden, outputs, lanes, by_feature):
    """Return the Layout of a network for a dtype with that many lanes; ``by_feature`` is that for sparse X."""
    feature_rows, output_rows = round_up(features + 1, UNIT), round_up(outputs, UNIT)
    panels, rest = -(-hidden // lanes), hidden % lanes
    full_panels, tail_rows = panels, 0
    if 0 < GROUPS * rest <= lanes <= features and not by_feature:  # with few features, a whole panel is as fast
        full_panels = panels - 1
        tail_rows = round_up(-(-features // GROUPS) + 1, PACKED_ROWS)
    if by_feature:
        w1_row, w1_stride = panels * lanes, lanes
        w2, w2_stride = (features + 1) * panels * lanes, output_rows * lanes
        b2 = w2 + panels * w2_stride
    else:
        w1_row, w1_stride = lanes, (feature_rows + output_rows) * lanes
        w2, w2_stride = feature_rows * lanes, w1_stride
        b2 = panels * w1_stride
    return Layout(
        features=features,
        hidden=hidden,
        outputs=outputs,
        feature_rows=feature_rows,
        output_rows=output_rows,
        panels=panels,
        full_panels=full_panels,
        tail_rows=tail_rows,
        reach=max(feature_rows, tail_rows * GROUPS),
        w1_row=w1_row,
        w1_stride=w1_stride,
        w2=w2,
        w2_stride=w2_stride,
        b2=b2,
        size=b2 + round_up(outputs, lanes),
    )


@routine
def spread(row, first, hidden, theta, position, stride):
    """Copy a number for each hidden unit from row[first:] to theta[position:], with ``stride`` from panel to panel.

    IN row; OUT theta.
    """
    lanes = lane_count(theta)
    for h in range(0, hidden, lanes):
        target = position + h // lanes * stride
        if h + lanes <= hidden:
            store(theta, target, load(row, first + h))
        else:
            for unit in range(hidden - h):
                theta[target + unit] = row[first + h + unit]


@routine
def position_of_output(h, k, sizes, lanes):
    """Return the position of a hidden unit's weight for an output, W2, within theta."""
    return sizes.w2 + h // lanes * sizes.w2_stride + k * lanes + h % lanes


def views(theta, sizes):
    """Return W1 above b1 (features + 1, panels, lanes), W2 (outputs, panels, lanes) and b2 (outputs,) within theta."""
    number = theta.itemsize
    lanes = REGISTER_BYTES // number
    w1_strides = number * sizes.w1_row, number * sizes.w1_stride, number
    w2_strides = number * lanes, number * sizes.w2_stride, number
    w1 = np.ndarray((sizes.features + 1, sizes.panels, lanes), theta.dtype, theta, 0, w1_strides)
    w2 = np.ndarray((sizes.outputs, sizes.panels, lanes), theta.dtype, theta, number * sizes.w2, w2_strides)
    return w1, w2, theta[sizes.b2 : sizes.b2 + sizes.outputs]


def pack(w1, b1, w2, b2, theta, sizes):
    """Fill theta from W1 (features, hidden), b1, W2 (hidden, outputs) and b2, without compiled code.

    Training seldom needs it, and compiles less without a kernel for it. Predictions have their kernel: one row would
    take longer to come here than to be predicted.
    OUT theta.
    """
    hidden_rows, output_rows, intercepts = views(theta, sizes)
    units = np.zeros((sizes.features + 1, sizes.panels * hidden_rows.shape[2]), theta.dtype)
    units[:-1, : sizes.hidden] = w1
    units[-1, : sizes.hidden] = b1
    hidden_rows[...] = units.reshape(hidden_rows.shape)
    units = np.zeros((sizes.outputs, sizes.panels * hidden_rows.shape[2]), theta.dtype)
    units[:, : sizes.hidden] = w2.T
    output_rows[...] = units.reshape(output_rows.shape)
    intercepts[...] = b2


def unpack(theta, sizes):
    """Return coefs and intercepts as new arrays."""
    hidden_rows, output_rows, b2 = views(theta, sizes)
    rows = hidden_rows.reshape(sizes.features + 1, -1)[:, : sizes.hidden]
    columns = output_rows.reshape(sizes.outputs, -1)[:, : sizes.hidden]
    return [rows[:-1].copy(), columns.T.copy()], [rows[-1].copy(), b2.copy()]
