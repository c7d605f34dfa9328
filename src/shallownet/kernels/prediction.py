"""Forward propagation alone, from the matrices that users see, over any number of rows and features.

What a call costs grows with the rows that it is given. Few rows are multiplied with W1 as it lies (``direct``). For
more, W1 is brought into panels a strip of features at a time, which fits in the second cache and serves all rows of
the call; what the rows have summed up so far waits in ``sums``, from call to call if need be, so that a call can be as
short as a strip. Each sum goes over the features in their order, by whichever way, and so has the same bits.

The head is what a network has behind the hidden product: b1, W2 and b2, in panels of a network without features.
"""

from typing import NamedTuple

import numpy as np
from numba import prange

from .activations import LEAKY_RELU, RELU, activate, rectify
from .arithmetic import fma, select, total
from .compiling import ONE, ZERO, allocating_kernel, entry, kernel, plain, serial_and_parallel
from .direct import GROUP, add_features, add_nonzeros
from .examples import copy_block
from .lanes import (
    REGISTER_BYTES,
    border,
    keep,
    lane_count,
    load,
    numbers,
    pointer,
    pointer_at,
    read,
    read_lanes,
    shifted,
    splat,
    store,
)
from .layers import ADD, SET, multiply, output_layer
from .loss import OUTPUT_LOGISTIC, probabilities
from .panels import Layout, layout, place_of_output, round_up, spread
from .plan import TILE
from .strip import multiply_shared

STRIP_BYTES = 512 * 1024  # of W1 in panels, which each thread has for itself
MOST_FEATURES = 1024  # of a strip: those of a tile of rows have to stay in the second cache as well
LEAST_FEATURES = 48
SHARE = 24  # rows of which each thread has a multiple: whole blocks of all products
FEW = 8  # rows that are multiplied with W1 as it lies
FEW_BYTES = 32 * 1024  # of W1 that all of them are multiplied with before the next


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


JOB = len(Job._fields)  # a compile-time length for the kernels' unpacking


@plain
def strip_of(features, hidden, size):
    """Return how many features of W1 are brought into panels at once; all strips but the last are as long.

    The units are of numbers of ``size`` bytes.
    """
    row = round_up(hidden * size, REGISTER_BYTES)
    most = max(LEAST_FEATURES, min(MOST_FEATURES, STRIP_BYTES // row))
    strips = -(-features // most)
    return features if strips == 1 else round_up(-(-features // strips), 16)


@plain
def panels_of(hidden, lanes):
    """Return how many registers the sums of a row take: those of its panels in whole groups."""
    return round_up(-(-hidden // lanes), GROUP)


@allocating_kernel
def zeros(count, like):
    """Return an array of zeros with room for ``count`` numbers from its border on."""
    return np.zeros(count + lane_count(pointer(like)), like.dtype)


# --- the head -------------------------------------------------------------------------------------------


@allocating_kernel
def head_of(job, like):
    """Return the head in panels, behind it 1 for each unit of the last panel that exists, and a tile's outputs.

    IN what the job points to.
    """
    lanes = lane_count(pointer(like))
    sizes = head_layout(job, lanes)
    head, outputs = zeros(sizes.size + lanes, like), zeros(TILE * sizes.output_rows, like)
    theta = border(head)
    spread(pointer_at(job.b1_address, like), ZERO, job.hidden, theta, ZERO, sizes.w1_gap)
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


@plain
def head_layout(job, lanes):
    """Return the layout of the head."""
    return layout(0, job.hidden, job.outputs, lanes, False)


@kernel
def add_intercepts(count, a1, gap, theta, sizes):
    """Add b1 to the sums of ``count`` rows. IN theta; INOUT a1."""
    lanes = lane_count(a1)
    for j in range(sizes.panels):
        b1 = load(theta, j * sizes.w1_gap)
        for i in range(j * gap, j * gap + count * lanes, lanes):
            store(a1, i, load(a1, i) + b1)


@kernel
def set_intercepts(count, a1, gap, theta, sizes):
    """Let the sums of ``count`` rows begin with b1. IN theta; OUT a1."""
    lanes = lane_count(a1)
    for j in range(sizes.panels):
        b1 = load(theta, j * sizes.w1_gap)
        for i in range(j * gap, j * gap + count * lanes, lanes):
            store(a1, i, b1)


@kernel
def activate_rows(count, a1, gap, theta, sizes, activation, slope):
    """Replace z1 of ``count`` rows by their activations, 0 for units that do not exist. IN theta; INOUT a1."""
    lanes = lane_count(a1)
    for j in range(sizes.panels):
        first = j * gap
        last = first + count * lanes
        if activation == RELU or activation == LEAKY_RELU:
            rectify(slope, a1, first, last)
        else:
            activate(activation, slope, a1, a1, first, last)
        if j == sizes.panels - 1 and sizes.hidden % lanes:
            exists = load(theta, sizes.size) == 1.0
            for i in range(first, last, lanes):
                store(a1, i, select(exists, load(a1, i), 0.0))


@kernel
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
        output_layer(a1, ZERO, count, gap, theta, sizes.w2, sizes.w2_gap, sizes.panels, sizes.outputs, z2, TILE)
        probabilities(job.output, z2, TILE, sizes.outputs, theta, sizes.b2, ZERO, count)
        copy_probabilities(row, count, job.output, z2, sizes.outputs, out)
        for k in range(sizes.outputs):
            zero = times_zero(z2, k * TILE, count, zero)
    return zero


@kernel
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


@kernel
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


@kernel
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


# --- dense X --------------------------------------------------------------------------------------------


@kernel
def fill_strip(first, last, job, w):
    """Bring W1 of the features first..last into panels, which are a strip apart. OUT w, zero behind the units."""
    lanes = lane_count(w)
    size = REGISTER_BYTES // lanes
    whole = job.hidden // lanes * lanes if job.w1_column == size else 0
    for f in range(first, last):
        row = job.w1_address + f * job.w1_row
        for h in range(0, whole, lanes):
            store(w, h * job.strip + (f - first) * lanes, read_lanes(row + h * size, w))
    for h in range(whole, job.hidden):
        column = job.w1_address + h * job.w1_column
        place = h // lanes * lanes * job.strip + h % lanes
        for f in range(first, last):
            w[place + (f - first) * lanes] = read(column + f * job.w1_row, w)


@kernel
def add_strip(first, last, rows, x, row, w, sizes, job, a1):
    """Add the products of rows of x and the features first..last, in panels, to the sums. IN x, w; INOUT a1."""
    lanes = lane_count(w)
    gap, out_gap = job.strip * lanes, job.rows * lanes
    mode = SET if first == 0 else ADD
    multiply(x, ZERO, row, ONE, rows, last - first, w, ZERO, gap, sizes.whole, a1, ZERO, out_gap, mode)
    if sizes.shared > 1:
        whole = sizes.whole
        multiply_shared(sizes.shared, x, ZERO, row, rows, last - first, w, whole * gap, a1, whole * out_gap, mode)


@kernel
def add_as_it_lies(begin, end, first, last, rows, x, row, w1, job, a1):
    """Add the products of few rows of x and the features first..last to the sums of the units begin..end.

    IN x, w1; INOUT a1.
    """
    lanes = lane_count(a1)
    size = REGISTER_BYTES // lanes
    gap, step = job.rows * lanes, max(8, FEW_BYTES // (job.hidden * size))
    for f in range(first, last, step):
        for t in range(rows):
            for unit in range(begin, end, GROUP * lanes):
                place = unit // lanes * gap + t * lanes
                add_features(x, t * row - first, f, min(f + step, last), w1, job.hidden, unit, a1, place, gap)


@allocating_kernel
def add_few(part, parts, begin, end, first, last, job, sums, like):
    """Add up this part's units of few rows over the features first..last; return 0, or NaN as ``predict`` does.

    INOUT sums.
    """
    a1 = border(sums)
    lanes = lane_count(a1)
    count, gap, row = end - begin, job.rows * lanes, x_row(job, lanes)
    groups = panels_of(job.hidden, lanes) // GROUP
    unit = part * groups // parts * GROUP * lanes
    stop = min(job.hidden, (part + 1) * groups // parts * GROUP * lanes)
    if first == 0:
        for j in range(unit // lanes, round_up(stop, GROUP * lanes) // lanes):
            for t in range(count):
                store(a1, j * gap + t * lanes, splat(a1, 0.0))
    array = zeros(count * row, like)
    x, w1 = border(array), pointer_at(job.w1_address, like)
    zero = splat(x, 0.0)
    for f in range(first, last, job.strip):
        g = min(f + job.strip, last)
        address = job.x_address + begin * job.x_row + f * job.x_column
        copy_block(address, job.x_row, job.x_column, count, g - f, x, row)
        zero = times_zero(x, ZERO, count * row, zero)
        add_as_it_lies(unit, stop, f, g, count, x, row, w1, job, a1)
    keep((array, sums))
    return total(zero)


@allocating_kernel
def finish_few(begin, end, last, job, sums, slope, out):
    """Go on from the sums of few rows, if they are complete; return 0, or NaN as ``predict`` does. OUT out."""
    a1 = border(sums)
    zero = splat(a1, 0.0)
    if last == job.features:
        head, outputs = head_of(job, out)
        lanes = lane_count(a1)
        add_intercepts(end - begin, a1, job.rows * lanes, border(head), head_layout(job, lanes))
        zero = finish(begin, end - begin, a1, border(outputs), border(head), job, slope, pointer(out))
        keep((head, outputs))
    keep(sums)
    return total(zero)


@allocating_kernel
def add_many(part, parts, begin, end, first, last, job, sums, slope, out):
    """Do this part's rows for the features first..last; return 0, or NaN as ``predict`` does. INOUT sums; OUT out."""
    lanes = lane_count(pointer(out))
    units = round_up(end - begin, SHARE) // SHARE
    start = begin + units * part // parts * SHARE
    stop = min(end, begin + units * (part + 1) // parts * SHARE)
    whole = layout(job.features, job.hidden, job.outputs, lanes, False)
    sizes, gap, row = head_layout(job, lanes), job.rows * lanes, x_row(job, lanes)
    head, outputs = head_of(job, out) if last == job.features else (zeros(0, out), zeros(0, out))
    xs, ws = zeros(TILE * row, out), zeros(whole.panels * lanes * job.strip, out)
    x, w = border(xs), border(ws)
    zero = splat(x, 0.0)
    for f in range(first, last, job.strip):
        g = min(f + job.strip, last)
        fill_strip(f, g, job, w)
        for t in range(start, stop, TILE):
            count = min(TILE, stop - t)
            # sums that are complete at once need no more room than a tile
            place = TILE * part if job.strip == job.features else t - begin
            a1 = shifted(border(sums), place * lanes)
            address = job.x_address + t * job.x_row + f * job.x_column
            copy_block(address, job.x_row, job.x_column, count, g - f, x, row)
            zero = times_zero(x, ZERO, count * row, zero)
            add_strip(f, g, count, x, row, w, whole, job, a1)
            if g == job.features:
                add_intercepts(count, a1, gap, border(head), sizes)
                zero = zero + finish(t, count, a1, border(outputs), border(head), job, slope, pointer(out))
    keep((head, outputs, xs, ws, sums))
    return total(zero)


@plain
def x_row(job, lanes):
    """Return how far rows of x are apart: no power of two, or they would share their places in the first cache."""
    return round_up(job.strip, lanes) + lanes


@allocating_kernel
def do_part(part, parts, begin, end, first, last, job, sums, slope, out):
    """Do one part of a call, of few rows or of more."""
    names = Job(*numbers(job, JOB))
    if names.lies and end - begin <= FEW:
        return add_few(part, parts, begin, end, first, last, names, sums, out)
    return add_many(part, parts, begin, end, first, last, names, sums, slope, out)


@allocating_kernel
def sums_of(job, like):
    """Return room for the sums of the hidden layer."""
    names = Job(*numbers(job, JOB))
    lanes = lane_count(pointer(like))
    return zeros(names.rows * panels_of(names.hidden, lanes) * lanes, like)


@serial_and_parallel
def predict(begin, end, first, last, parts, job, sums, slope, out):
    """Add up the hidden layer of the rows begin..end over the features first..last; behind the last, set out[begin:end].

    Between the calls for a range of rows their sums wait in ``sums``, which is empty if one call is all. Return 0 if
    the numbers of X that were read, and the probabilities, are finite, else NaN.
    IN job; INOUT sums; OUT out (rows, 2) for one logistic output, else (rows, outputs), or (rows, hidden units).
    """
    names = Job(*numbers(job, JOB))
    held = sums if sums.size else sums_of(job, out)
    zero = 0.0
    for part in prange(parts):
        zero += do_part(part, parts, begin, end, first, last, job, held, slope, out)
    if names.lies and end - begin <= FEW:
        zero += finish_few(begin, end, last, names, held, slope, out)
    return zero


predict_serial, predict_parallel = predict


# --- sparse X -------------------------------------------------------------------------------------------


@entry
def predict_sparse(begin, indptr, indices, data, job, slope, out):
    """Set out[begin:], as far as indptr reaches, to what the job wants of those rows of sparse X (CSR).

    Return 0 if the probabilities are finite numbers, else NaN.
    IN indptr, indices, data, job; OUT out as for ``predict``.
    """
    names = Job(*numbers(job, JOB))
    lanes = lane_count(pointer(data))
    head, outputs = head_of(names, out)
    sums = sums_of(job, out)
    a1, gap, zero = border(sums), names.rows * lanes, splat(pointer(data), 0.0)
    w1 = pointer_at(names.w1_address, out)
    begins = pointer(indptr)
    for first in range(0, indptr.size - 1, TILE):
        count = min(TILE, indptr.size - 1 - first)
        set_intercepts(count, a1, gap, border(head), head_layout(names, lanes))
        for t in range(count):
            for unit in range(0, names.hidden, GROUP * lanes):
                add_nonzeros(
                    pointer(data), pointer(indices), begins[first + t], begins[first + t + 1], w1, names.hidden, unit,
                    a1, unit // lanes * gap + t * lanes, gap,
                )  # fmt: skip
        zero = zero + finish(begin + first, count, a1, border(outputs), border(head), names, slope, pointer(out))
    keep((head, outputs, sums, data, indices))
    return total(zero)
