"""Forward propagation alone, from the matrices that users see, over any number of rows."""

import numpy as np
from numba import prange

from .activations import LEAKY_RELU, RELU, rectify
from .arithmetic import fma, total
from .compiling import ZERO, allocating_kernel, entry, kernel, serial_and_parallel
from .examples import activate_units, copy_row, hidden_product, output_probabilities
from .lanes import border, keep, lane_count, load, numbers, pointer, splat
from .layers import ROWS
from .loss import OUTPUT_LOGISTIC
from .panels import LAYOUT, Layout, fill_panels, layout
from .plan import TILE, Buffers, Plan
from .sparse import sparse_hidden_product

OWN_BYTES = 512 * 1024  # of weights that each thread of a prediction has for itself
FEW = 16  # rows of a workspace for predictions of no more than one block of rows


@allocating_kernel
def zeros(count, like):
    """Return an array of zeros with room for ``count`` numbers from its border on."""
    return np.zeros(count + lane_count(pointer(like)), like.dtype)


@allocating_kernel
def workspace(n, x_address, x_row, x_column, theta, sizes, activation, output):
    """Return the arrays of a forward pass over n rows, to be kept alive, and the buffers that point to them."""
    lanes = lane_count(pointer(theta))
    rows = FEW if n <= ROWS else TILE
    arrays = (
        zeros(rows * sizes.feature_rows, theta),
        zeros(rows * sizes.panels * lanes, theta),
        zeros(rows * sizes.output_rows, theta),
        zeros(lanes, theta),
    )
    x, a1, z2, living = border(arrays[0]), border(arrays[1]), border(arrays[2]), border(arrays[3])
    for t in range(rows):
        x[t * sizes.feature_rows + sizes.features] = 1.0
    for unit in range(sizes.hidden % lanes or lanes):
        living[unit] = 1.0
    weights = border(theta)
    buffers = Buffers(
        weights, weights, weights, weights, weights, weights, weights, weights,
        living, z2, x, a1, a1, z2, z2, z2, z2,
    )  # fmt: skip
    plan = Plan(
        activation, output, 0, 0, 1, rows, rows, 0, 0, 0, 0, 0, 0, x_address, x_row, x_column, 0, 0, 0, 0, 0, 0, 0, 0
    )  # fmt: skip
    return arrays, buffers, plan


@kernel
def forward(first, count, buffers, sizes, plan, slope, size):
    """Compute the hidden layer of ``count`` rows from ``first`` on. OUT a1."""
    for t in range(count):
        source = plan.x_address + (first + t) * plan.x_row
        copy_row(source, plan.x_column, size, buffers.x, t * sizes.feature_rows, sizes.features)
    hidden_product(ZERO, count, buffers, sizes, plan)
    activate_hidden(count, buffers, sizes, plan, slope)


@kernel
def activate_hidden(count, buffers, sizes, plan, slope):
    """Compute the activations of ``count`` rows from their z1, by the quickest way. INOUT a1."""
    if plan.activation != RELU and plan.activation != LEAKY_RELU:
        activate_units(ZERO, count, buffers, sizes, plan, slope)
        return
    lanes = lane_count(buffers.a1)
    for j in range(sizes.panels):
        first = j * plan.rows * lanes
        rectify(slope, buffers.a1, first, first + count * lanes)


@allocating_kernel
def predict_range(begin, end, x_address, x_row, x_column, theta, sizes, activation, output, slope, out):
    """Set out[begin:end] to the probabilities of those rows; return 0, or NaN as ``predict`` does.

    OUT out (rows, classes or labels).
    """
    sizes = Layout(*numbers(sizes, LAYOUT))
    arrays, buffers, plan = workspace(end - begin, x_address, x_row, x_column, theta, sizes, activation, output)
    zero = splat(buffers.x, 0.0)
    for first in range(begin, end, TILE):
        count = min(TILE, end - first)
        forward(first, count, buffers, sizes, plan, slope, theta.itemsize)
        output_probabilities(ZERO, count, buffers, sizes, plan)
        copy_probabilities(first, count, output, buffers, sizes, plan, out)
        zero = times_zero(buffers.x, ZERO, count * sizes.feature_rows, zero)
        for k in range(sizes.outputs):
            zero = times_zero(buffers.z2, k * plan.rows, count, zero)
    keep((arrays, theta))
    return total(zero)


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
def copy_probabilities(first, count, output, buffers, sizes, plan, out):
    """Copy a tile's probabilities to rows first.. of out (rows, classes or labels); OUT out."""
    rows = pointer(out)
    if output == OUTPUT_LOGISTIC and sizes.outputs == 1:
        for t in range(count):
            rows[2 * (first + t)] = 1.0 - buffers.z2[t]
            rows[2 * (first + t) + 1] = buffers.z2[t]
    else:
        for t in range(count):
            for k in range(sizes.outputs):
                rows[(first + t) * sizes.outputs + k] = buffers.z2[k * plan.rows + t]


@kernel
def copy_hidden(first, count, buffers, sizes, plan, out):
    """Copy a tile's hidden activations to rows first.. of out (rows, hidden); OUT out."""
    lanes = lane_count(buffers.a1)
    for t in range(count):
        for h in range(sizes.hidden):
            out[first + t, h] = buffers.a1[(h // lanes * plan.rows + t) * lanes + h % lanes]


@allocating_kernel
def layout_of(w1, w2):
    """Return the numbers of the layout of a network's weights."""
    return np.array(layout(w1.shape[0], w1.shape[1], w2.shape[1], lane_count(pointer(w1)), False))


@allocating_kernel
def packed(w1, b1, w2, b2, sizes):
    """Return theta, whose layout has these numbers."""
    theta = zeros(sizes[-1], w1)
    names = Layout(*numbers(sizes, LAYOUT))
    fill_panels(pointer(w1), pointer(b1), pointer(w2), pointer(b2), border(theta), names)
    return theta


@serial_and_parallel
def predict(begin, end, parts, x_address, x_row, x_column, w1, b1, w2, b2, activation, output, slope, out):
    """Set out[begin:end] to the class probabilities of those rows of X, which lies at an address.

    Return 0 if these rows and their probabilities are finite numbers, else NaN.
    IN w1, b1, w2, b2; OUT out (rows, 2) for one logistic output, else (rows, outputs).
    """
    sizes = layout_of(w1, w2)
    # each part has small weights for itself, for what a CPU has just written is slow to come to another
    own = sizes[-1] * w1.itemsize <= OWN_BYTES
    shared = np.zeros(0, w1.dtype) if own else packed(w1, b1, w2, b2, sizes)
    zero = 0.0
    for part in prange(parts):
        first = begin + (end - begin) * part // parts
        last = begin + (end - begin) * (part + 1) // parts
        theta = packed(w1, b1, w2, b2, sizes) if own else shared
        zero += predict_range(first, last, x_address, x_row, x_column, theta, sizes, activation, output, slope, out)
    return zero


predict_serial, predict_parallel = predict


@entry
def hidden_activations_serial(begin, end, x_address, x_row, x_column, w1, b1, w2, b2, activation, slope, out):
    """Set out[begin:end] to the hidden activations of those rows of X, which lies at an address.

    IN w1, b1, w2, b2; OUT out (rows, hidden).
    """
    numbers_of_layout = layout_of(w1, w2)
    theta = packed(w1, b1, w2, b2, numbers_of_layout)
    sizes = Layout(*numbers(numbers_of_layout, LAYOUT))
    arrays, buffers, plan = workspace(end - begin, x_address, x_row, x_column, theta, sizes, activation, 0)
    for first in range(begin, end, TILE):
        count = min(TILE, end - first)
        forward(first, count, buffers, sizes, plan, slope, theta.itemsize)
        copy_hidden(first, count, buffers, sizes, plan, out)
    keep((arrays, theta))


@entry
def predict_sparse(x_address, indptr, indices, w1, b1, w2, b2, activation, output, slope, hidden, out):
    """Set out to the class probabilities of the rows of sparse X (CSR), or to the hidden layer if ``hidden``.

    IN indptr, indices, w1, b1, w2, b2; OUT out (rows, 2) for one logistic output, else (rows, outputs); or
    (rows, hidden units).
    """
    lanes = lane_count(pointer(w1))
    layout_numbers = np.array(layout(w1.shape[0], w1.shape[1], w2.shape[1], lanes, True))
    sizes = Layout(*numbers(layout_numbers, LAYOUT))
    theta = zeros(sizes.size, w1)
    fill_panels(pointer(w1), pointer(b1), pointer(w2), pointer(b2), border(theta), sizes)
    rows, columns = indptr.ctypes.data, indices.ctypes.data
    arrays, buffers, plan = workspace(out.shape[0], x_address, rows, columns, theta, sizes, activation, output)
    order = pointer(indptr)
    for first in range(0, out.shape[0], TILE):
        count = min(TILE, out.shape[0] - first)
        sparse_hidden_product(first, ZERO, count, order, buffers, sizes, plan)
        activate_hidden(count, buffers, sizes, plan, slope)
        if hidden:
            copy_hidden(first, count, buffers, sizes, plan, out)
        else:
            output_probabilities(ZERO, count, buffers, sizes, plan)
            copy_probabilities(first, count, output, buffers, sizes, plan, out)
    keep((arrays, theta))
