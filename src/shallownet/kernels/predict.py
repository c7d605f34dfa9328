"""Prediction kernels: forward propagation of any number of rows, from the matrices that users see.

``predict`` serves dense X, ``predict_sparse`` sparse X. A call of ``predict`` does a range of rows and a range of
features, so that it can be as short as one chunk of features (below): Python can then react to an interrupt. Workers
share the rows of a call or, if they are few, the hidden units.

There are three ways to the sums of the hidden layer, x W1:

- Panels (``add_many``), the usual way: W1 is brought into panels of lanes of units, as in training, a chunk of features
  at a time. A chunk fits in the second-level cache, and all rows of the call are multiplied with it.
- In place (``add_few``), for at most FEW_ROWS rows: bringing W1 into panels would take longer than the product, so its
  rows are read where they are (``predict_few``), by groups of units.
- Narrow (also in ``add_many``), for few hidden units, which would leave most lanes of a panel idle: here the lanes are
  rows of X, so that X is what is brought into panels.

Each sum adds the features in their order and has the same bits whichever way, however calls are cut, and on any number
of threads.

Buffers, in lanes; a worker has its own, apart from the sums:

    x     [t][chunk, padded]        a tile of rows and a chunk of features of X; narrow: [t / lanes][f][lanes]
    w     [panel][f][lanes]         a chunk of W1 in panels; narrow: [f][UNIT], whose product has lanes of rows
    sums  [panel][row][lanes]       z1 without b1 of the rows of the call, kept from chunk to chunk and call to call;
                                    if one chunk is all features, of a tile for each worker only

Letters: begin..end a range of rows of X, first..last one of features, t a row, f a feature, h a hidden unit, j a panel.
"""

import numpy as np
from numba import prange

from ..jit.compiling import ONE, ZERO, jitable, kernel, routine, serial_and_parallel
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
from .memory import zeros_in_kernel
from .predict_few import GROUP, add_terms
from .predict_head import (
    JOB,
    Job,
    add_intercepts,
    finish,
    head_layout,
    head_of,
    panels_of,
    sums_of,
    times_zero,
)
from .structs import TILE
from .weight_layout import layout, round_up

# A chunk of features of W1 in panels, which each worker has for itself.
CHUNK_BYTES = 512 * 1024
MOST_FEATURES = 512
LEAST_FEATURES = 48

FEW_ROWS = 8  # at most so many rows are multiplied with W1 in place
IN_PLACE_BYTES = 32 * 1024  # of W1 that all of them are multiplied with before the next
NARROW = np.int64(UNIT)  # at most so many hidden units are multiplied with lanes of rows


@jitable
def chunk_of(features, hidden, size):
    """Return the number of features in a chunk, the same for all chunks but the last; numbers have ``size`` bytes."""
    row = round_up(hidden * size, REGISTER_BYTES)
    most = max(LEAST_FEATURES, min(MOST_FEATURES, CHUNK_BYTES // row))
    chunks = -(-features // most)
    return features if chunks == 1 else round_up(-(-features // chunks), 16)


# --- dense X --------------------------------------------------------------------------------------------


@routine
def fill_chunk(first, last, job, w, width):
    """Bring W1 of the features first..last into panels, whose rows are ``width`` apart and which are a chunk long.

    OUT w, whose numbers that belong to no unit stay 0.
    """
    lanes = lane_count(w)
    size = REGISTER_BYTES // lanes
    whole = job.hidden // lanes * lanes if job.w1_column == size else 0
    for f in range(first, last):
        row = job.w1_address + f * job.w1_row
        for h in range(0, whole, lanes):
            store(w, h * job.chunk + (f - first) * lanes, read_lanes(row + h * size, w))
    for h in range(whole, job.hidden):
        column = job.w1_address + h * job.w1_column
        position = h // lanes * lanes * job.chunk + h % lanes
        for f in range(first, last):
            w[position + (f - first) * width] = read(column + f * job.w1_row, w)


@routine
def add_chunk(first, last, rows, x, row, w, sizes, job, a1):
    """Add the products of rows of x, ``row`` apart, and the features first..last of W1 in panels to the sums.

    IN x, w; INOUT a1.
    """
    lanes = lane_count(w)
    gap, out_gap = job.chunk * lanes, job.rows * lanes
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
def add_narrow_chunk(first, last, rows, x, w, job, z):
    """Add the products of rows of x, in lanes, and the features first..last of few units to z [t / lanes][UNIT][lanes].

    IN x, w; INOUT z.
    """
    lanes = lane_count(w)
    multiply(
        scalars=Scalars(pointer=w, offset=ZERO, row_stride=ONE, step=NARROW),
        panels=Panels(pointer=x, offset=ZERO, stride=job.chunk * lanes, number=-(-rows // lanes)),
        out=Output(pointer=z, offset=ZERO, stride=UNIT * lanes),
        rows=job.hidden,
        length=last - first,
        mode=SET if first == 0 else ADD,
        prefetch=NO_PREFETCH,
    )


@routine
def transpose_narrow(rows, job, z, a1):
    """Copy the sums of rows from z [t / lanes][UNIT][lanes of rows] to a1 [t][lanes of units]. IN z; OUT a1."""
    lanes = lane_count(z)
    for t in range(rows):
        store(a1, t * lanes, splat(a1, 0.0))
        for h in range(job.hidden):
            a1[t * lanes + h] = z[(t // lanes * UNIT + h) * lanes + t % lanes]


@routine
def add_in_place(begin, end, first, last, rows, x, row, w1, job, a1):
    """Add the products of few rows of x, ``row`` apart, and the features first..last to the sums of units begin..end.

    IN x, w1; INOUT a1.
    """
    lanes = lane_count(a1)
    size = REGISTER_BYTES // lanes
    stride, step = job.rows * lanes, max(8, IN_PLACE_BYTES // (job.hidden * size))
    for f in range(first, last, step):
        for t in range(rows):
            values = offset(x, t * row - first)  # so that values[f] belongs to feature f
            for unit in range(begin, end, GROUP * lanes):
                position = unit // lanes * stride + t * lanes
                add_terms(values, None, f, min(f + step, last), w1, job.hidden, unit, a1, position, stride)


@routine
def add_few(worker, workers, begin, end, first, last, job, sums, like):
    """Add up this worker's units of few rows over the features first..last; return 0, or NaN as ``predict`` does.

    INOUT sums.
    """
    a1 = align_up(sums)
    lanes = lane_count(a1)
    count, stride, row = end - begin, job.rows * lanes, x_row(job, lanes)
    groups = panels_of(job.hidden, lanes) // GROUP
    unit = worker * groups // workers * GROUP * lanes
    stop = min(job.hidden, (worker + 1) * groups // workers * GROUP * lanes)
    if first == 0:
        for j in range(unit // lanes, round_up(stop, GROUP * lanes) // lanes):
            for t in range(count):
                store(a1, j * stride + t * lanes, splat(a1, 0.0))
    array = zeros_in_kernel(count * row, like)
    x, w1 = align_up(array), pointer_at(job.w1_address, like)
    zero = splat(x, 0.0)
    for f in range(first, last, job.chunk):
        g = min(f + job.chunk, last)
        address = job.x_address + begin * job.x_row + f * job.x_column
        copy_block(address, job.x_row, job.x_column, count, g - f, x, row)
        zero = times_zero(x, ZERO, count * row, zero)
        add_in_place(unit, stop, f, g, count, x, row, w1, job, a1)
    keep_alive((array, sums))
    return reduce_add(zero)


@routine
def finish_few(begin, end, last, job, sums, slope, out):
    """Go on from the sums of few rows, if they are complete; return 0, or NaN as ``predict`` does. OUT out."""
    a1 = align_up(sums)
    zero = splat(a1, 0.0)
    if last == job.features:
        head, outputs = head_of(job, out)
        lanes = lane_count(a1)
        add_intercepts(end - begin, a1, job.rows * lanes, align_up(head), head_layout(job, lanes), ADD)
        zero = finish(begin, end - begin, a1, align_up(outputs), align_up(head), job, slope, pointer(out))
        keep_alive((head, outputs))
    keep_alive(sums)
    return reduce_add(zero)


@routine
def add_many(worker, workers, begin, end, first, last, job, sums, slope, out):
    """Do this worker's rows, whole tiles, for the features first..last; return 0, or NaN as ``predict`` does.

    INOUT sums; OUT out.
    """
    lanes = lane_count(pointer(out))
    tiles = round_up(end - begin, TILE) // TILE
    start = begin + tiles * worker // workers * TILE
    stop = min(end, begin + tiles * (worker + 1) // workers * TILE)
    whole = layout(job.features, job.hidden, job.outputs, lanes, False)
    sizes, stride, row = head_layout(job, lanes), job.rows * lanes, x_row(job, lanes)
    if last == job.features:
        head, outputs = head_of(job, out)
    else:
        head, outputs = zeros_in_kernel(ZERO, out), zeros_in_kernel(ZERO, out)
    narrow = job.hidden <= NARROW
    xs, ws = zeros_in_kernel(TILE * row, out), zeros_in_kernel(whole.panels * lanes * job.chunk, out)
    zs = zeros_in_kernel(TILE * lanes, out)
    x, w, z = align_up(xs), align_up(ws), align_up(zs)
    zero = splat(x, 0.0)
    for f in range(first, last, job.chunk):
        g = min(f + job.chunk, last)
        fill_chunk(f, g, job, w, NARROW if narrow else lanes)
        for t in range(start, stop, TILE):
            count = min(TILE, stop - t)
            # where one chunk is all features, the sums of a tile are complete at once, and only they are kept
            position = TILE * worker if job.chunk == job.features else t - begin
            a1 = offset(align_up(sums), position * lanes)
            address = job.x_address + t * job.x_row + f * job.x_column
            if narrow:
                copy_transposed(address, job.x_row, job.x_column, count, g - f, x, job.chunk * lanes)
                zero = times_zero(x, ZERO, round_up(count, lanes) * job.chunk, zero)
                add_narrow_chunk(f, g, count, x, w, job, a1)
            else:
                copy_block(address, job.x_row, job.x_column, count, g - f, x, row)
                zero = times_zero(x, ZERO, count * row, zero)
                add_chunk(f, g, count, x, row, w, whole, job, a1)
            if g == job.features:
                if narrow:
                    for i in range(0, TILE * lanes, lanes):
                        store(z, i, load(a1, i))
                    transpose_narrow(count, job, z, a1)
                add_intercepts(count, a1, stride, align_up(head), sizes, ADD)
                zero = zero + finish(t, count, a1, align_up(outputs), align_up(head), job, slope, pointer(out))
    keep_alive((head, outputs, xs, ws, zs, sums))
    return reduce_add(zero)


@jitable
def x_row(job, lanes):
    """Return the distance of rows of x: no power of two, or they would compete for the same lines of the cache."""
    return round_up(job.chunk, lanes) + lanes


@jitable
def is_few(begin, end, job):
    """Return whether a call's rows are multiplied with W1 in place."""
    return job.w1_in_place and end - begin <= FEW_ROWS


@routine
def work(worker, workers, begin, end, first, last, job, sums, slope, out):
    """Do one worker's part of a call. IN job, as an array; INOUT sums; OUT out."""
    names = Job(*numbers(job, JOB))
    if is_few(begin, end, names):
        return add_few(worker, workers, begin, end, first, last, names, sums, out)
    return add_many(worker, workers, begin, end, first, last, names, sums, slope, out)


@serial_and_parallel
def predict(begin, end, first, last, workers, job, sums, slope, out):
    """Add up the hidden layer of rows begin..end over features first..last; after the last feature, set out[begin:end].

    Calls for a range of rows go through the features in order, and hand the sums from one to the next in ``sums``,
    which is empty if there is one call only. Return 0 if the numbers of X that were read, and the predictions, are
    finite, else NaN.
    IN job, the fields of a Job as an array; INOUT sums; OUT out (rows, columns).
    """
    names = Job(*numbers(job, JOB))
    held = sums if sums.size else sums_of(job, out)
    zero = 0.0
    for worker in prange(workers):
        zero += work(worker, workers, begin, end, first, last, job, held, slope, out)
    if is_few(begin, end, names):  # the units of a row are complete when all workers are done
        zero += finish_few(begin, end, last, names, held, slope, out)
    return zero


predict_serial, predict_parallel = predict


# --- sparse X -------------------------------------------------------------------------------------------


@kernel
def predict_sparse(begin, indptr, indices, data, job, slope, out):
    """Set out[begin:] to the result for some rows of sparse X (CSR), whose indptr begins with 0.

    Return 0 if the predictions are finite, else NaN. W1 is read in place.
    IN indptr (rows + 1), indices, data, job; OUT out (rows, columns).
    """
    names = Job(*numbers(job, JOB))
    lanes = lane_count(pointer(data))
    head, outputs = head_of(names, out)
    sums = sums_of(job, out)
    a1, stride, zero = align_up(sums), names.rows * lanes, splat(pointer(data), 0.0)
    w1 = pointer_at(names.w1_address, out)
    begins = pointer(indptr)
    for first in range(0, indptr.size - 1, TILE):
        count = min(TILE, indptr.size - 1 - first)
        add_intercepts(count, a1, stride, align_up(head), head_layout(names, lanes), SET)
        for t in range(count):
            for unit in range(0, names.hidden, GROUP * lanes):
                position = unit // lanes * stride + t * lanes
                add_terms(
                    pointer(data), pointer(indices), begins[first + t], begins[first + t + 1],
                    w1, names.hidden, unit, a1, position, stride,
                )  # fmt: skip
        zero = zero + finish(begin + first, count, a1, align_up(outputs), align_up(head), names, slope, pointer(out))
    keep_alive((head, outputs, sums, data, indices))
    return reduce_add(zero)
