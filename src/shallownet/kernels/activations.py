"""Hidden activations g(z1) and their derivatives.

``REGISTRY`` lists them, one row each. The constraints of the estimators' parameter, the choices on the command line,
the comparison with MLPClassifier, tests and benchmarks are derived from it.

An activation is a function from lanes of z to value and derivative together, so that an exponential is computed once;
the derivative waits in a buffer of its own for the backward pass. Kernels are told an activation by its code.

To add an activation
--------------------
1. Here: a function such as ``silu_unit``, which takes lanes of z and ``slope`` (only leaky_relu uses it) and returns
   lanes of g(z) and of g'(z); a code, the next number; a row of ``REGISTRY``; and a branch in ``activate``, which sends
   the code to the function.

   - Write the function with ``simd.vector_math`` and ``simd.vector_ops``, whose docstring lists the operators; there is
     no ``>``, ``<=`` or ``**``, and ``select`` takes the place of ``if``. Where a result is constant, ``splat`` makes
     lanes of it: neither a result nor both values of a ``select`` may be plain numbers.
   - g must be NaN where z is. At infinite z, g and g' must be their limits; ``bounded`` keeps infinity from being
     multiplied by 0, which is NaN.
   - Write a constant that takes more than a square root as a literal (the docstring of ``simd.vector_math`` says why).
2. In ``tests/support/naive.py``: its formula and that of its derivative in NumPy. The tests compare both, and evaluate
   them up to z = 1000 and down to -1000, where they must not divide infinity by infinity or multiply it by 0.
3. In the docstrings of ShallowNetClassifier and ShallowNetRegressor: its name, in the list of values; its name again,
   with its formula, in the list below; and the paper that it is from, here and there. There, references are numbered in
   the order in which they are cited, so the numbers of those that follow grow by one.
4. In ``onnx.ACTIVATION_GRAPHS``: its formula in operators of ONNX.
5. In ``CHANGELOG.md``: its name.

``tests/kernels/test_activations.py``, ``tests/test_documentation.py`` and ``tests/test_onnx.py`` check steps 1 to 4,
and need no change. The tests of training, prediction, the estimator and the command line take each row of ``REGISTRY``
by themselves.

``activate`` is written out because Numba compiles neither tables of functions nor loops over them. A chain of routines
made from ``REGISTRY`` has the same results but takes 4 % longer to compile, which delays the first fit; instead, a test
checks that each code leads to the function of its row.

Reference: D. Hendrycks and K. Gimpel, "Gaussian error linear units" (2016), for GELU and SiLU.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

from ..jit.compiling import routine
from ..simd.vector_math import erfcx, exp, log1p, logistic, tanh
from ..simd.vector_ops import select
from ..simd.vectors import lane_count, load, splat, store

_ROOT_HALF = math.sqrt(0.5)
_ROOT_TAU = math.sqrt(2 * math.pi)


# --- one function for each activation -------------------------------------------------------------------


@routine
def identity_unit(z, slope):
    """Return z and 1."""
    return z, splat(z, 1.0)


@routine
def logistic_unit(z, slope):
    """Return 1 / (1 + exp(-z)) and a (1 - a)."""
    a = logistic(z)
    return a, a * (1.0 - a)


@routine
def tanh_unit(z, slope):
    """Return tanh(z) and 1 - a**2."""
    a = tanh(z)
    return a, 1.0 - a * a


@routine
def relu_unit(z, slope):
    """Return z and 1 for z >= 0, slope z and slope for z < 0. ReLU itself is that with slope 0."""
    below = z < 0.0
    return select(below, z * slope, z), select(below, splat(z, slope), 1.0)


@routine
def gelu_unit(z, slope):
    """Return z F(z) and F(z) + z f(z), F and f the normal distribution and its density."""
    c = bounded(z)
    bell = exp(c * c * -0.5)
    tail = erfcx(c * _ROOT_HALF) * bell * 0.5  # F(-|z|), accurate however small
    cumulated = select(z < 0.0, tail, 1.0 - tail)
    return select(z < 0.0, c, z) * cumulated, cumulated + c * bell / _ROOT_TAU


@routine
def silu_unit(z, slope):
    """Return z s(z) and s + z s (1 - s), s the logistic function."""
    c = bounded(z)
    s = logistic(c)
    return select(z < 0.0, c, z) * s, s + c * s * (1.0 - s)


@routine
def softplus_unit(z, slope):
    """Return log(1 + exp(z)) and the logistic function."""
    return select(z < 0.0, 0.0, z) + log1p(exp(select(z < 0.0, z, -z))), logistic(z)


@routine
def bounded(z):
    """Return z within bounds where its exponential is 0 or infinite, so that infinity times 0 does not arise."""
    z = select(z < -1e4, -1e4, z)
    return select(z >= 1e4, 1e4, z)


# --- the registry ---------------------------------------------------------------------------------------


class Activation(NamedTuple):
    """A row of the registry."""

    name: str  # what users call it
    code: int  # what kernels call it
    function: Callable  # (lanes of z, slope for z < 0) -> lanes of g(z), lanes of g'(z)
    mlp_name: str | None  # what MLPClassifier calls it; None if MLPClassifier does not have it


IDENTITY, LOGISTIC, TANH, RELU, LEAKY_RELU, GELU, SILU, SOFTPLUS = range(8)

REGISTRY = (
    Activation("identity", IDENTITY, identity_unit, "identity"),
    Activation("logistic", LOGISTIC, logistic_unit, "logistic"),
    Activation("sigmoid", LOGISTIC, logistic_unit, "logistic"),  # another name
    Activation("tanh", TANH, tanh_unit, "tanh"),
    Activation("relu", RELU, relu_unit, "relu"),
    Activation("leaky_relu", LEAKY_RELU, relu_unit, None),
    Activation("gelu", GELU, gelu_unit, None),
    Activation("silu", SILU, silu_unit, None),
    Activation("softplus", SOFTPLUS, softplus_unit, None),
)

ACTIVATIONS = {row.name: row.code for row in REGISTRY}
MLP_NAMES = {row.name: row.mlp_name for row in REGISTRY}


# --- their use in kernels -------------------------------------------------------------------------------


@routine
def activate(code, slope, z, derivative, start, stop):
    """Replace z by g(z) and set derivative to g'(z), for positions start..stop, whole lanes.

    INOUT z; OUT derivative, which is stored first and so may be z itself.
    """
    lanes = lane_count(z)
    if code == IDENTITY:
        for i in range(start, stop, lanes):
            store_pair(z, derivative, i, identity_unit(load(z, i), slope))
    elif code == LOGISTIC:
        for i in range(start, stop, lanes):
            store_pair(z, derivative, i, logistic_unit(load(z, i), slope))
    elif code == TANH:
        for i in range(start, stop, lanes):
            store_pair(z, derivative, i, tanh_unit(load(z, i), slope))
    elif code == GELU:
        for i in range(start, stop, lanes):
            store_pair(z, derivative, i, gelu_unit(load(z, i), slope))
    elif code == SILU:
        for i in range(start, stop, lanes):
            store_pair(z, derivative, i, silu_unit(load(z, i), slope))
    elif code == SOFTPLUS:
        for i in range(start, stop, lanes):
            store_pair(z, derivative, i, softplus_unit(load(z, i), slope))
    else:  # RELU, LEAKY_RELU
        for i in range(start, stop, lanes):
            store_pair(z, derivative, i, relu_unit(load(z, i), slope))


@routine
def activate_only(code, slope, z, start, stop):
    """Replace z by g(z), for positions start..stop, whole lanes; for inference, which needs no derivative.

    INOUT z.
    """
    if code == RELU or code == LEAKY_RELU:  # the default: storing no derivative saves 3 % of a prediction
        for i in range(start, stop, lane_count(z)):
            store(z, i, relu_unit(load(z, i), slope)[0])
    else:
        activate(code, slope, z, z, start, stop)


@routine
def store_pair(values, derivatives, i, pair):
    """Store lanes of values and of derivatives at position i. OUT values, derivatives."""
    store(derivatives, i, pair[1])
    store(values, i, pair[0])
