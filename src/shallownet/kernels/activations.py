"""Hidden activations g(z1) and their derivatives, by code.

An activation is a function from lanes to value and derivative together, so that an exponential is paid once; the
derivative waits in its own buffer for the delta of the hidden layer. A new one is a function, a code, a name and
a line in ``activate``.

Reference: D. Hendrycks and K. Gimpel, "Gaussian error linear units" (2016), for GELU and SiLU.
"""

import math

from ..jit.compiling import routine
from ..simd.vector_math import erfcx, exp, log1p, logistic, tanh
from ..simd.vector_ops import select
from ..simd.vectors import lane_count, load, splat, store

IDENTITY, LOGISTIC, TANH, RELU, LEAKY_RELU, GELU, SILU, SOFTPLUS = range(8)

# The public names; "sigmoid" is another name of the logistic function.
ACTIVATIONS = {
    "identity": IDENTITY,
    "logistic": LOGISTIC,
    "sigmoid": LOGISTIC,
    "tanh": TANH,
    "relu": RELU,
    "leaky_relu": LEAKY_RELU,
    "gelu": GELU,
    "silu": SILU,
    "softplus": SOFTPLUS,
}

_ROOT_HALF = math.sqrt(0.5)
_ROOT_TAU = math.sqrt(2 * math.pi)


@routine
def logistic_unit(z):
    """Return 1 / (1 + exp(-z)) and a (1 - a)."""
    a = logistic(z)
    return a, a * (1.0 - a)


@routine
def tanh_unit(z):
    """Return tanh(z) and 1 - a**2."""
    a = tanh(z)
    return a, 1.0 - a * a


@routine
def gelu_unit(z):
    """Return z F(z) and F(z) + z f(z), F and f the normal distribution and its density."""
    c = bounded(z)
    bell = exp(c * c * -0.5)
    tail = erfcx(c * _ROOT_HALF) * bell * 0.5  # F(-|z|), accurate however small
    cumulated = select(z < 0.0, tail, 1.0 - tail)
    return select(z < 0.0, c, z) * cumulated, cumulated + c * bell / _ROOT_TAU


@routine
def silu_unit(z):
    """Return z s(z) and s + z s (1 - s), s the logistic function."""
    c = bounded(z)
    s = logistic(c)
    return select(z < 0.0, c, z) * s, s + c * s * (1.0 - s)


@routine
def bounded(z):
    """Return z within bounds where its exponential is 0 or infinite, so that infinity times 0 does not arise."""
    z = select(z < -1e4, -1e4, z)
    return select(z >= 1e4, 1e4, z)


@routine
def softplus_unit(z):
    """Return log(1 + exp(z)) and the logistic function."""
    return select(z < 0.0, 0.0, z) + log1p(exp(select(z < 0.0, z, -z))), logistic(z)


@routine
def activate(code, slope, z, derivative, start, stop):
    """Replace z by g(z) and set derivative to g'(z), for flat places start..stop.

    The derivative is stored first, so that a forward pass, which has no use for it, may give z for both (and has
    ``rectify`` for the most usual code).
    INOUT z; OUT derivative; both have room for whole lanes.
    """
    lanes = lane_count(z)
    if code == IDENTITY:
        for i in range(start, stop, lanes):
            store_pair(z, derivative, i, (load(z, i), splat(z, 1.0)))
    elif code == LOGISTIC:
        for i in range(start, stop, lanes):
            store_pair(z, derivative, i, logistic_unit(load(z, i)))
    elif code == TANH:
        for i in range(start, stop, lanes):
            store_pair(z, derivative, i, tanh_unit(load(z, i)))
    elif code == GELU:
        for i in range(start, stop, lanes):
            store_pair(z, derivative, i, gelu_unit(load(z, i)))
    elif code == SILU:
        for i in range(start, stop, lanes):
            store_pair(z, derivative, i, silu_unit(load(z, i)))
    elif code == SOFTPLUS:
        for i in range(start, stop, lanes):
            store_pair(z, derivative, i, softplus_unit(load(z, i)))
    else:
        # ReLU is the leaky ReLU of slope 0; at z = 0 the derivative of both is 1
        for i in range(start, stop, lanes):
            x = load(z, i)
            below = x < 0.0
            store_pair(z, derivative, i, (select(below, x * slope, x), select(below, splat(z, slope), 1.0)))


@routine
def rectify(slope, z, start, stop):
    """Replace z by its leaky ReLU, without a derivative, for flat places start..stop. INOUT z.

    For a forward pass: half the stores of ``activate`` are a thirtieth of a prediction.
    """
    for i in range(start, stop, lane_count(z)):
        x = load(z, i)
        store(z, i, select(x < 0.0, x * slope, x))


@routine
def store_pair(values, derivatives, i, pair):
    """Store value and derivative of one lane group. OUT values, derivatives."""
    store(derivatives, i, pair[1])
    store(values, i, pair[0])
