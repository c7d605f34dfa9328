"""Forward propagation alone, from the matrices that users see, over any number of rows and features.

What a call costs grows with the rows that it is given. Few rows are multiplied with W1 as it lies (``direct``). For
more, W1 is brought into panels a strip of features at a time, which fits in the second cache and serves all rows of
the call; what the rows have summed up so far waits in ``sums``, from call to call if need be, so that a call can be as
short as a strip. Each sum goes over the features in their order, by whichever way, and so has the same bits.
"""

import numpy as np
from numba import prange

from ..jit.compiling import ONE, ZERO, allocating_routine, jitable, kernel, routine, serial_and_parallel
from ..simd.matmul import ADD, SET, UNIT, Output, Panels, Scalars, multiply
from ..simd.prefetch import NO_PREFETCH
from ..simd.tail_panel import multiply_tail
from ..simd.vector_ops import reduce_add
from ..simd.vectors import (
    REGISTER_BYTES,
    align_up,
    keep_alive,
    lane_count,
    load,
    numbers,
    offset,
    pointer,
    pointer_at,
    read,
    read_lanes,
    splat,
    store,
)
from .copy_rows import copy_block, copy_transposed
from .predict_few import GROUP, add_features, add_nonzeros
from .predict_head import (
    JOB,
    Job,
    add_intercepts,
    finish,
    head_layout,
    head_of,
    panels_of,
    set_intercepts,
    sums_of,
    times_zero,
    zeros,
)
from .structs import TILE
from .weight_layout import layout, round_up

STRIP_BYTES = 512 * 1024  # of W1 in panels, which each thread has for itself
MOST_FEATURES = 512
LEAST_FEATURES = 48
FEW = 8  # rows that are multiplied with W1 as it lies
NARROW = np.int64(
    UNIT
)  # hidden units that are multiplied with lanes of rows: as lanes of units they would leave most idle
FEW_BYTES = 32 * 1024  # of W1 that all of them are multiplied with before the next


@jitable
def strip_of(features, hidden, size):
    """Return how many features of W1 are brought into panels at once; all strips but the last are as long.

    The units are of numbers of ``size`` bytes.
    """
    row = round_up(hidden * size, REGISTER_BYTES)
    most = max(LEAST_FEATURES, min(MOST_FEATURES, STRIP_BYTES // row))
    strips = -(-features // most)
    return features if strips == 1 else round_up(-(-features // strips), 16)


# --- dense X --------------------------------------------------------------------------------------------


@routine
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


@routine
def add_strip(first, last, rows, x, row, w, sizes, job, a1):
    """Add the products of rows of x and the features first..last, in panels, to the sums. IN x, w; INOUT a1."""
    lanes = lane_count(w)
    gap, out_gap = job.strip * lanes, job.rows * lanes
    mode = SET if first == 0 else ADD
    scalars = Scalars(pointer=x, offset=ZERO, row_stride=row, step=ONE)
    panels = Panels(pointer=w, offset=ZERO, stride=gap, number=sizes.full_panels)
    out = Output(pointer=a1, offset=ZERO, stride=out_gap)
    multiply(scalars, panels, out, rows, last - first, mode, NO_PREFETCH)
    if sizes.full_panels < sizes.panels:
        tail = Panels(pointer=w, offset=sizes.full_panels * gap, stride=gap, number=ONE)
        out = Output(pointer=a1, offset=sizes.full_panels * out_gap, stride=out_gap)
        multiply_tail(scalars, tail, out, rows, last - first, mode)


@routine
def fill_narrow_strip(first, last, job, w):
    """Copy W1 of the features first..last and few units to w, whose rows are UNIT apart. OUT w, zero elsewhere."""
    for f in range(first, last):
        for h in range(job.hidden):
            w[(f - first) * UNIT + h] = read(job.w1_address + f * job.w1_row + h * job.w1_column, w)


@routine
def add_narrow_strip(first, last, rows, x, w, job, z):
    """Add the products of rows of x, which fill the lanes, and the features first..last to z [t / lanes][UNIT][lanes].

    IN x, w; INOUT z.
    """
    lanes = lane_count(w)
    multiply(
        scalars=Scalars(pointer=w, offset=ZERO, row_stride=ONE, step=NARROW),
        panels=Panels(pointer=x, offset=ZERO, stride=job.strip * lanes, number=-(-rows // lanes)),
        out=Output(pointer=z, offset=ZERO, stride=UNIT * lanes),
        rows=job.hidden,
        length=last - first,
        mode=SET if first == 0 else ADD,
        prefetch=NO_PREFETCH,
    )


@routine
def turn_narrow(rows, job, z, a1):
    """Copy the sums z [t / lanes][UNIT][lanes] of rows to a1 [t][lanes]. IN z; OUT a1."""
    lanes = lane_count(z)
    for t in range(rows):
        store(a1, t * lanes, splat(a1, 0.0))
        for h in range(job.hidden):
            a1[t * lanes + h] = z[(t // lanes * UNIT + h) * lanes + t % lanes]


@routine
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


@allocating_routine
def add_few(part, parts, begin, end, first, last, job, sums, like):
    """Add up this part's units of few rows over the features first..last; return 0, or NaN as ``predict`` does.

    INOUT sums.
    """
    a1 = align_up(sums)
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
    x, w1 = align_up(array), pointer_at(job.w1_address, like)
    zero = splat(x, 0.0)
    for f in range(first, last, job.strip):
        g = min(f + job.strip, last)
        address = job.x_address + begin * job.x_row + f * job.x_column
        copy_block(address, job.x_row, job.x_column, count, g - f, x, row)
        zero = times_zero(x, ZERO, count * row, zero)
        add_as_it_lies(unit, stop, f, g, count, x, row, w1, job, a1)
    keep_alive((array, sums))
    return reduce_add(zero)


@allocating_routine
def finish_few(begin, end, last, job, sums, slope, out):
    """Go on from the sums of few rows, if they are complete; return 0, or NaN as ``predict`` does. OUT out."""
    a1 = align_up(sums)
    zero = splat(a1, 0.0)
    if last == job.features:
        head, outputs = head_of(job, out)
        lanes = lane_count(a1)
        add_intercepts(end - begin, a1, job.rows * lanes, align_up(head), head_layout(job, lanes))
        zero = finish(begin, end - begin, a1, align_up(outputs), align_up(head), job, slope, pointer(out))
        keep_alive((head, outputs))
    keep_alive(sums)
    return reduce_add(zero)


@allocating_routine
def add_many(part, parts, begin, end, first, last, job, sums, slope, out):
    """Do this part's rows for the features first..last; return 0, or NaN as ``predict`` does. INOUT sums; OUT out."""
    lanes = lane_count(pointer(out))
    units = round_up(end - begin, TILE) // TILE
    start = begin + units * part // parts * TILE
    stop = min(end, begin + units * (part + 1) // parts * TILE)
    whole = layout(job.features, job.hidden, job.outputs, lanes, False)
    sizes, gap, row = head_layout(job, lanes), job.rows * lanes, x_row(job, lanes)
    head, outputs = head_of(job, out) if last == job.features else (zeros(ZERO, out), zeros(ZERO, out))
    narrow = job.hidden <= NARROW
    xs, ws = zeros(TILE * row, out), zeros(whole.panels * lanes * job.strip, out)
    zs = zeros(TILE * lanes, out)
    x, w, z = align_up(xs), align_up(ws), align_up(zs)
    zero = splat(x, 0.0)
    for f in range(first, last, job.strip):
        g = min(f + job.strip, last)
        if narrow:
            fill_narrow_strip(f, g, job, w)
        else:
            fill_strip(f, g, job, w)
        for t in range(start, stop, TILE):
            count = min(TILE, stop - t)
            # sums that are complete at once need no more room than a tile
            place = TILE * part if job.strip == job.features else t - begin
            a1 = offset(align_up(sums), place * lanes)
            address = job.x_address + t * job.x_row + f * job.x_column
            if narrow:
                copy_transposed(address, job.x_row, job.x_column, count, g - f, x, job.strip * lanes)
                zero = times_zero(x, ZERO, round_up(count, lanes) * job.strip, zero)
                add_narrow_strip(f, g, count, x, w, job, a1)
            else:
                copy_block(address, job.x_row, job.x_column, count, g - f, x, row)
                zero = times_zero(x, ZERO, count * row, zero)
                add_strip(f, g, count, x, row, w, whole, job, a1)
            if g == job.features:
                if narrow:
                    for i in range(0, TILE * lanes, lanes):
                        store(z, i, load(a1, i))
                    turn_narrow(count, job, z, a1)
                add_intercepts(count, a1, gap, align_up(head), sizes)
                zero = zero + finish(t, count, a1, align_up(outputs), align_up(head), job, slope, pointer(out))
    keep_alive((head, outputs, xs, ws, zs, sums))
    return reduce_add(zero)


@jitable
def x_row(job, lanes):
    """Return how far rows of x are apart: no power of two, or they would share their places in the first cache."""
    return round_up(job.strip, lanes) + lanes


@allocating_routine
def do_part(part, parts, begin, end, first, last, job, sums, slope, out):
    """Do one part of a call, of few rows or of more."""
    names = Job(*numbers(job, JOB))
    if names.lies and end - begin <= FEW:
        return add_few(part, parts, begin, end, first, last, names, sums, out)
    return add_many(part, parts, begin, end, first, last, names, sums, slope, out)


@serial_and_parallel
def predict(begin, end, first, last, parts, job, sums, slope, out):
    """Sum up the hidden layer of the rows begin..end over the features first..last; if all are, set out[begin:end].

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


@kernel
def predict_sparse(begin, indptr, indices, data, job, slope, out):
    """Set out[begin:], as far as indptr reaches, to what the job wants of those rows of sparse X (CSR).

    Return 0 if the probabilities are finite numbers, else NaN.
    IN indptr, indices, data, job; OUT out as for ``predict``.
    """
    names = Job(*numbers(job, JOB))
    lanes = lane_count(pointer(data))
    head, outputs = head_of(names, out)
    sums = sums_of(job, out)
    a1, gap, zero = align_up(sums), names.rows * lanes, splat(pointer(data), 0.0)
    w1 = pointer_at(names.w1_address, out)
    begins = pointer(indptr)
    for first in range(0, indptr.size - 1, TILE):
        count = min(TILE, indptr.size - 1 - first)
        set_intercepts(count, a1, gap, align_up(head), head_layout(names, lanes))
        for t in range(count):
            for unit in range(0, names.hidden, GROUP * lanes):
                add_nonzeros(
                    pointer(data), pointer(indices), begins[first + t], begins[first + t + 1], w1, names.hidden, unit,
                    a1, unit // lanes * gap + t * lanes, gap,
                )  # fmt: skip
        zero = zero + finish(begin + first, count, a1, align_up(outputs), align_up(head), names, slope, pointer(out))
    keep_alive((head, outputs, sums, data, indices))
    return reduce_add(zero)
