"""What a prediction is told, and its way from the hidden product of some rows to what is wanted of them.

The head is what a network has behind the hidden product: b1, W2 and b2, in panels of a network without features.
"""

from typing import NamedTuple

import numpy as np

from ..jit.compiling import ZERO, allocating_routine, jitable, routine
from ..simd.matmul import Output, Panels, output_layer
from ..simd.vector_ops import fma, select
from ..simd.vectors import align_up, lane_count, load, numbers, pointer, pointer_at, read, splat, store
from .activations import activate_only
from .losses import OUTPUT_LOGISTIC, probabilities
from .predict_few import GROUP
from .structs import TILE
from .weight_layout import layout, place_of_output, round_up, spread


class Job(NamedTuple):
    """The integers of a prediction: where its matrices lie, in bytes, and what is to be done.

    ``lies`` says that W1 can be read as it lies; ``strip`` is a number of features. ``wanted`` is 1 for the hidden
    activations and 0 for probabilities, ``rows`` how many rows there is room for in the sums.
    """

    x_address: int
    x_row: int
    x_column: int
    w1_address: int
    w1_row: int
    w1_column: int
    lies: int
    w2_address: int
    w2_row: int
    w2_column: int
    b1_address: int
    b2_address: int
    features: int
    hidden: int
    outputs: int
    strip: int
    rows: int
    activation: int
    output: int
    wanted: int


Z2_GAP = np.int64(TILE)  # numbers from one output of a tile to the next
JOB = len(Job._fields)  # a compile-time length for the kernels' unpacking


@jitable
def panels_of(hidden, lanes):
    """Return how many registers the sums of a row take: those of its panels in whole groups."""
    return round_up(-(-hidden // lanes), GROUP)


@allocating_routine
def zeros(count, like):
    """Return an array of zeros with room for ``count`` numbers from its border on."""
    return np.zeros(count + lane_count(pointer(like)), like.dtype)


@allocating_routine
def sums_of(job, like):
    """Return room for the sums of the hidden layer."""
    names = Job(*numbers(job, JOB))
    lanes = lane_count(pointer(like))
    return zeros(names.rows * panels_of(names.hidden, lanes) * lanes, like)


@allocating_routine
def head_of(job, like):
    """Return the head in panels, behind it 1 for each unit of the last panel that exists, and a tile's outputs.

    IN what the job points to.
    """
    lanes = lane_count(pointer(like))
    sizes = head_layout(job, lanes)
    head, outputs = zeros(sizes.size + lanes, like), zeros(TILE * sizes.output_rows, like)
    theta = align_up(head)
    spread(pointer_at(job.b1_address, like), ZERO, job.hidden, theta, ZERO, sizes.w1_stride)
    for h in range(job.hidden):
        row = job.w2_address + h * job.w2_row
        place = place_of_output(h, ZERO, sizes, lanes)
        for k in range(job.outputs):
            theta[place + k * lanes] = read(row + k * job.w2_column, theta)
    b2 = pointer_at(job.b2_address, like)
    for k in range(job.outputs):
        theta[sizes.b2 + k] = b2[k]
    for unit in range(job.hidden % lanes or lanes):
        theta[sizes.size + unit] = 1.0
    return head, outputs


@jitable
def head_layout(job, lanes):
    """Return the layout of the head."""
    return layout(0, job.hidden, job.outputs, lanes, False)


@routine
def add_intercepts(count, a1, gap, theta, sizes):
    """Add b1 to the sums of ``count`` rows. IN theta; INOUT a1."""
    lanes = lane_count(a1)
    for j in range(sizes.panels):
        b1 = load(theta, j * sizes.w1_stride)
        for i in range(j * gap, j * gap + count * lanes, lanes):
            store(a1, i, load(a1, i) + b1)


@routine
def set_intercepts(count, a1, gap, theta, sizes):
    """Let the sums of ``count`` rows begin with b1. IN theta; OUT a1."""
    lanes = lane_count(a1)
    for j in range(sizes.panels):
        b1 = load(theta, j * sizes.w1_stride)
        for i in range(j * gap, j * gap + count * lanes, lanes):
            store(a1, i, b1)


@routine
def activate_rows(count, a1, gap, theta, sizes, activation, slope):
    """Replace z1 of ``count`` rows by their activations, 0 for units that do not exist. IN theta; INOUT a1."""
    lanes = lane_count(a1)
    for j in range(sizes.panels):
        first = j * gap
        last = first + count * lanes
        activate_only(activation, slope, a1, first, last)
        if j == sizes.panels - 1 and sizes.hidden % lanes:
            exists = load(theta, sizes.size) == 1.0
            for i in range(first, last, lanes):
                store(a1, i, select(exists, load(a1, i), 0.0))


@routine
def finish(row, count, a1, z2, theta, job, slope, out):
    """Go on from z1 of up to a tile of rows to the rows ``row``.. of out; return 0 times the outputs, in lanes.

    IN theta; INOUT a1; OUT z2, out.
    """
    lanes = lane_count(a1)
    sizes, gap = head_layout(job, lanes), job.rows * lanes
    zero = splat(a1, 0.0)
    activate_rows(count, a1, gap, theta, sizes, job.activation, slope)
    if job.wanted:
        copy_hidden(row, count, a1, gap, job.hidden, out)
    else:
        output_layer(
            a1=Panels(pointer=a1, offset=ZERO, stride=gap, number=sizes.panels),
            w2=Panels(pointer=theta, offset=sizes.w2, stride=sizes.w2_stride, number=sizes.panels),
            z2=Output(pointer=z2, offset=ZERO, stride=Z2_GAP),
            rows=count,
            outputs=sizes.outputs,
        )
        probabilities(job.output, z2, Z2_GAP, sizes.outputs, theta, sizes.b2, ZERO, count)
        copy_probabilities(row, count, job.output, z2, sizes.outputs, out)
        for k in range(sizes.outputs):
            zero = times_zero(z2, k * Z2_GAP, count, zero)
    return zero


@routine
def times_zero(p, first, count, zero):
    """Return ``zero`` plus 0 times each of the numbers from p[first] on: NaN if one of them is not finite.

    What follows the numbers up to whole lanes is taken in.
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
def copy_probabilities(row, count, output, z2, outputs, out):
    """Copy a tile's probabilities to rows row.. of out (rows, classes or labels); OUT out."""
    if output == OUTPUT_LOGISTIC and outputs == 1:
        for t in range(count):
            out[2 * (row + t)] = 1.0 - z2[t]
            out[2 * (row + t) + 1] = z2[t]
    else:
        for t in range(count):
            for k in range(outputs):
                out[(row + t) * outputs + k] = z2[k * TILE + t]


@routine
def copy_hidden(row, count, a1, gap, hidden, out):
    """Copy a tile's hidden activations to rows row.. of out (rows, hidden); OUT out."""
    lanes = lane_count(a1)
    for t in range(count):
        first = (row + t) * hidden
        for h in range(0, hidden, lanes):
            place = h // lanes * gap + t * lanes
            if h + lanes <= hidden:
                store(out, first + h, load(a1, place))
            else:
                for unit in range(hidden - h):
                    out[first + h + unit] = a1[place + unit]
