"""The second half of a prediction: from the sums of the hidden layer, x W1, to the result for these rows.

The head of a network is what comes after the product with W1: b1, W2 and b2. A kernel brings it into panels once, in
the layout of a network without features (``weight_layout``), in which b1 is the only row of W1.

``Job`` describes a prediction. The sums of rows are [panel][row][lanes], as a1 of training, with the panels ``stride``
apart; a tile of rows at a time goes through the head: a1 [panel][t][lanes], z2 [k][t] and then the result (rows,
columns).
"""

from typing import NamedTuple

import numpy as np

from ..jit.compiling import ZERO, jitable, routine
from ..simd.matmul import SET, Output, Panels, output_layer
from ..simd.vector_ops import fma, select
from ..simd.vectors import align_up, lane_count, load, numbers, pointer, pointer_at, read, splat, store
from .activations import activate_only
from .losses import activate_outputs
from .memory import zeros_in_kernel
from .predict_few import GROUP
from .structs import TILE
from .weight_layout import layout, position_of_output, round_up, spread


class Job(NamedTuple):
    """What a prediction kernel is told: integers, which travel as one array.

    Matrices are given by address and strides in bytes, so that one compiled kernel serves every memory layout.
    """

    # X (rows, features); not for sparse X, whose arrays are arguments of their own
    x_address: int
    x_row: int  # bytes from one row to the next
    x_column: int  # bytes from one column to the next

    # W1 (features, hidden)
    w1_address: int
    w1_row: int
    w1_column: int
    w1_in_place: int  # whether few rows are multiplied with W1 where it is, rather than with panels of it

    # W2 (hidden, outputs), and the contiguous b1 (hidden,) and b2 (outputs,)
    w2_address: int
    w2_row: int
    w2_column: int
    b1_address: int
    b2_address: int

    # sizes
    features: int
    hidden: int
    outputs: int
    chunk: int  # features of W1 that are brought into panels at once; not for sparse X
    rows: int  # that the buffer of sums has room for
    columns: int  # of the result

    # what is computed
    activation: int  # code of the hidden activation
    output: int  # code of the output activation
    hidden_wanted: int  # whether the result is the hidden activations, not the predictions


Z2_GAP = np.int64(TILE)  # numbers from one output of a tile to the next
JOB = len(Job._fields)  # a compile-time length for the kernels' unpacking


@jitable
def panels_of(hidden, lanes):
    """Return the number of panels of the sums: those of the hidden units, in whole groups."""
    return round_up(-(-hidden // lanes), GROUP)


@routine
def sums_of(job, like):
    """Return an array with room for the sums of the hidden layer: [panel][row][lanes]."""
    names = Job(*numbers(job, JOB))
    lanes = lane_count(pointer(like))
    return zeros_in_kernel(names.rows * panels_of(names.hidden, lanes) * lanes, like)


@routine
def head_of(job, like):
    """Return two arrays: the head in panels, followed by a mask of the last panel, and room for z2 of a tile.

    The mask is 1 for units that exist and 0 for those that only fill up the panel.
    IN what the job points to.
    """
    lanes = lane_count(pointer(like))
    sizes = head_layout(job, lanes)
    head, outputs = zeros_in_kernel(sizes.size + lanes, like), zeros_in_kernel(TILE * sizes.output_rows, like)
    theta = align_up(head)
    spread(pointer_at(job.b1_address, like), ZERO, job.hidden, theta, ZERO, sizes.w1_stride)
    for h in range(job.hidden):
        row = job.w2_address + h * job.w2_row
        position = position_of_output(h, ZERO, sizes, lanes)
        for k in range(job.outputs):
            theta[position + k * lanes] = read(row + k * job.w2_column, theta)
    b2 = pointer_at(job.b2_address, like)
    for k in range(job.outputs):
        theta[sizes.b2 + k] = b2[k]
    for unit in range(job.hidden % lanes or lanes):
        theta[sizes.size + unit] = 1.0
    return head, outputs


@jitable
def head_layout(job, lanes):
    """Return the Layout of the head: that of a network without features."""
    return layout(0, job.hidden, job.outputs, lanes, False)


@routine
def add_intercepts(count, a1, stride, theta, sizes, mode):
    """Add b1 to the sums of ``count`` rows (ADD), or let the sums begin with b1 (SET). IN theta; INOUT a1."""
    lanes = lane_count(a1)
    for j in range(sizes.panels):
        b1 = load(theta, j * sizes.w1_stride)
        for i in range(j * stride, j * stride + count * lanes, lanes):
            store(a1, i, b1 if mode == SET else load(a1, i) + b1)


@routine
def activate_rows(count, a1, stride, theta, sizes, activation, slope):
    """Replace z1 of ``count`` rows by their activations, 0 for units that do not exist. IN theta; INOUT a1."""
    lanes = lane_count(a1)
    for j in range(sizes.panels):
        first = j * stride
        last = first + count * lanes
        activate_only(activation, slope, a1, first, last)
        if j == sizes.panels - 1 and sizes.hidden % lanes:
            exists = load(theta, sizes.size) == 1.0
            for i in range(first, last, lanes):
                store(a1, i, select(exists, load(a1, i), 0.0))


@routine
def finish(row, count, a1, z2, theta, job, slope, out):
    """Go on from z1 of up to a tile of rows to the rows from ``row`` on of out; return 0 times a2, in lanes.

    That is NaN if a number of a2 is not finite.
    IN theta; INOUT a1; OUT z2, out.
    """
    lanes = lane_count(a1)
    sizes, gap = head_layout(job, lanes), job.rows * lanes
    zero = splat(a1, 0.0)
    activate_rows(count, a1, gap, theta, sizes, job.activation, slope)
    if job.hidden_wanted:
        copy_hidden(row, count, a1, gap, job.hidden, out)
    else:
        output_layer(
            a1=Panels(pointer=a1, offset=ZERO, stride=gap, number=sizes.panels),
            w2=Panels(pointer=theta, offset=sizes.w2, stride=sizes.w2_stride, number=sizes.panels),
            z2=Output(pointer=z2, offset=ZERO, stride=Z2_GAP),
            rows=count,
            outputs=sizes.outputs,
        )
        activate_outputs(job.output, z2, Z2_GAP, sizes.outputs, theta, sizes.b2, ZERO, count)
        copy_predictions(row, count, z2, job, out)
        for k in range(sizes.outputs):
            # rows that only fill up the lanes hold whatever earlier tiles have left, as large as it may be
            for t in range(count, round_up(count, lanes)):
                z2[k * Z2_GAP + t] = 0.0
            zero = times_zero(z2, k * Z2_GAP, count, zero)
    return zero


@routine
def times_zero(p, first, count, zero):
    """Return ``zero`` plus 0 times each of ``count`` numbers from p[first] on: NaN if one of them is not finite.

    This includes what follows them up to whole lanes.
    """
    lanes = lane_count(p)
    end = first + count
    a, b, c, d = zero, zero, zero, zero  # a single sum would wait for each of its terms
    while first + 3 * lanes < end:
        a = fma(load(p, first), 0.0, a)
        b = fma(load(p, first + lanes), 0.0, b)
        c = fma(load(p, first + 2 * lanes), 0.0, c)
        d = fma(load(p, first + 3 * lanes), 0.0, d)
        first += 4 * lanes
    while first < end:
        a = fma(load(p, first), 0.0, a)
        first += lanes
    return (a + b) + (c + d)


@routine
def copy_predictions(row, count, z2, job, out):
    """Copy a tile's a2 to the rows from ``row`` on of out (rows, columns). IN z2; OUT out."""
    if job.columns > job.outputs:  # one output is the probability of the second of two classes
        for t in range(count):
            out[2 * (row + t)] = 1.0 - z2[t]
            out[2 * (row + t) + 1] = z2[t]
    else:
        for t in range(count):
            for k in range(job.outputs):
                out[(row + t) * job.outputs + k] = z2[k * TILE + t]


@routine
def copy_hidden(row, count, a1, gap, hidden, out):
    """Copy a tile's hidden activations to the rows from ``row`` on of out (rows, hidden). IN a1; OUT out."""
    lanes = lane_count(a1)
    for t in range(count):
        first = (row + t) * hidden
        for h in range(0, hidden, lanes):
            position = h // lanes * gap + t * lanes
            if h + lanes <= hidden:
                store(out, first + h, load(a1, position))
            else:
                for unit in range(hidden - h):
                    out[first + h + unit] = a1[position + unit]
