"""Forward propagation alone: class probabilities of any number of rows, from the matrices that users see."""

import numpy as np
from numba import prange

from .compiling import kernel, serial_and_parallel
from .examples import copy_row, forward
from .lanes import lane_count, pointer
from .loss import OUTPUT_LOGISTIC
from .panels import layout, pack
from .plan import TILE, Buffers, Plan


@kernel
def predict_range(begin, end, x_address, x_row, x_column, theta, w1, w2, activation, output, slope, out):
    """Set out[begin:end] to the probabilities of those rows; OUT out (rows, classes or labels)."""
    lanes = lane_count(pointer(theta))
    sizes = layout(w1.shape[0], w1.shape[1], w2.shape[1], lanes)
    x = np.zeros(TILE * sizes.feature_rows, theta.dtype)
    x[sizes.features :: sizes.feature_rows] = 1.0
    a1 = np.zeros(TILE * sizes.panels * lanes, theta.dtype)
    d1 = np.zeros_like(a1)
    z2 = np.zeros(TILE * sizes.output_rows, theta.dtype)
    living = np.ones(lanes, theta.dtype)
    if sizes.hidden % lanes:
        living[sizes.hidden % lanes :] = 0.0
    weights, work = pointer(theta), pointer(z2)
    buffers = Buffers(
        weights, weights, weights, weights, weights, weights, weights, weights,
        pointer(living), pointer(x), pointer(a1), pointer(d1), work, work, work, work,
    )  # fmt: skip
    plan = Plan(activation, output, 0, 0, 1, TILE, 0, 0, 0, x_address, x_row, x_column, 0)
    for first in range(begin, end, TILE):
        count = min(TILE, end - first)
        for t in range(count):
            source = x_address + (first + t) * x_row
            copy_row(source, x_column, theta.itemsize, buffers.x, t * sizes.feature_rows, sizes.features)
        forward(0, count, buffers, sizes, plan, slope)
        for t in range(count):
            if output == OUTPUT_LOGISTIC and sizes.outputs == 1:
                out[first + t, 0] = 1.0 - z2[t]
                out[first + t, 1] = z2[t]
            else:
                for k in range(sizes.outputs):
                    out[first + t, k] = z2[k * TILE + t]


@serial_and_parallel
def predict(begin, end, parts, x_address, x_row, x_column, w1, b1, w2, b2, activation, output, slope, out):
    """Set out[begin:end] to the class probabilities of those rows of X, which lies at an address.

    IN w1, b1, w2, b2; OUT out (rows, 2) for one logistic output, else (rows, outputs).
    """
    sizes = layout(w1.shape[0], w1.shape[1], w2.shape[1], lane_count(pointer(w1)))
    theta = np.zeros(sizes.size, w1.dtype)
    pack(w1, b1, w2, b2, theta, np.array(sizes))
    for part in prange(parts):
        first = begin + (end - begin) * part // parts
        last = begin + (end - begin) * (part + 1) // parts
        predict_range(
            first, last, x_address, x_row, x_column, theta, w1, w2, activation, output, slope, out
        )


predict_serial, predict_parallel = predict
