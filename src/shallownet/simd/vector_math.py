"""Exponential, logarithm, tanh, logistic and error function on lanes.

Numba as pip installs it calls the C library for these, one number at a time; here one call computes 16 float32 or 8
float64 lanes. Each function is accurate to a few units in the last place over its whole range, returns the limits at
infinities, and keeps NaN. The series are Taylor series at 0, cut off where the next term is below rounding on the
reduced argument, or Chebyshev interpolants; no table of coefficients comes from elsewhere. A constant that takes more
than arithmetic and square roots, which are correctly rounded everywhere, is a literal, and the tests derive it
independently: a constant computed by a C library or a BLAS would give the kernels other bits on another machine.

References: W. J. Cody and W. Waite, "Software Manual for the Elementary Functions" (1980), for the reduction by
multiples of ln 2 in two parts; J.-M. Muller, "Elementary Functions" (2016), chapters 5 and 11.
"""

import math
from typing import NamedTuple

from ..jit.compiling import overload_routine
from .vector_ops import (
    absolute,
    chebyshev_sum,
    copy_sign,
    exponent_of,
    fma,
    mantissa_of,
    polynomial,
    power_of_two,
    round_to_whole,
    select,
)


class _Precision(NamedTuple):
    """The constants of one dtype.

    ``ln2_high + ln2_low`` is ln 2 to twice the precision; the high part has so few bits that its product with
    any exponent is exact. ``lowest`` and ``highest`` bound the arguments whose exponential is neither 0 nor
    infinite. ``subnormal_shift`` is the power of two that lifts any subnormal number to a normal one.
    """

    ln2_high: float
    ln2_low: float
    lowest: float
    highest: float
    smallest_normal: float
    subnormal_shift: int
    exp_series: tuple
    atanh_series: tuple
    erfcx_series: tuple


_LOG2_E = 1.4426950408889634
_BEND = 3.0  # x >= 0 is mapped to t = (x - bend) / (x + bend) in [-1, 1)
# (x + bend) erfcx(x), a smooth function of t that is 1 / sqrt(pi) where x is infinite, by Chebyshev polynomials: it
# is interpolated at the zeros of the first one that is left out.
_ERFCX_32 = (
    1.413438223980872,
    -1.1314768490746976,
    0.35410810034248635,
    -0.0850870400990816,
    0.014615273272823371,
    -0.0013795571636996903,
    -6.429066738895951e-05,
    3.904342235503561e-05,
    -2.6427780839122144e-06,
    -8.239683880637422e-07,
    1.3229233373760947e-07,
    1.9779425797753154e-08,
)
_ERFCX_64 = (
    1.413438223980872,
    -1.1314768490746974,
    0.35410810034248635,
    -0.08508704009908545,
    0.014615273272816639,
    -0.0013795571636296329,
    -6.429066714315945e-05,
    3.9043421097724045e-05,
    -2.642785074856054e-06,
    -8.239440143910853e-07,
    1.3247975697671355e-07,
    1.919522515672645e-08,
    -5.030507163745393e-09,
    -5.842006410267008e-10,
    1.8742323910408155e-10,
    2.4373672656733432e-11,
    -6.990943839665922e-12,
    -1.2573115617616633e-12,
    2.4580005805374604e-13,
    7.005741620066364e-14,
    -6.732775862640917e-15,
    -3.843429042264051e-15,
    3.323224456864154e-18,
    1.933654958701848e-16,
    1.9437374342449873e-17,
    -8.229831703178736e-18,
)

_PRECISION = {
    32: _Precision(
        ln2_high=0.693359375,
        ln2_low=-2.1219444005469058e-4,
        lowest=-104.0,
        highest=89.0,
        smallest_normal=2.0**-126,
        subnormal_shift=24,
        exp_series=tuple(1 / math.factorial(k) for k in range(1, 8)),
        atanh_series=tuple(2 / (2 * k + 3) for k in range(5)),
        erfcx_series=_ERFCX_32,
    ),
    64: _Precision(
        ln2_high=0.693147180369123816490,
        ln2_low=1.90821492927058770002e-10,
        lowest=-746.0,
        highest=710.0,
        smallest_normal=2.0**-1022,
        subnormal_shift=54,
        exp_series=tuple(1 / math.factorial(k) for k in range(1, 14)),
        atanh_series=tuple(2 / (2 * k + 3) for k in range(11)),
        erfcx_series=_ERFCX_64,
    ),
}


def exp(x):
    """Return e**x."""


def log(x):
    """Return the natural logarithm: -inf at 0, NaN below 0."""


def tanh(x):
    """Return the hyperbolic tangent."""


def logistic(x):
    """Return 1 / (1 + e**-x)."""


def log1p(x):
    """Return log(1 + x) for 0 <= x <= 1, accurate for small x too."""


def erfcx(x):
    """Return exp(x**2) * erfc(|x|), the scaled complementary error function of |x|, to 4 epsilon."""


def reduced_expm1(x):
    """Return an integer n and q, |q| < 1/2, with e**x = 2**n * (1 + q), for x whose exponential is finite."""


@overload_routine(reduced_expm1)
def _reduced_expm1(x):
    constants = _PRECISION[x.dtype.bitwidth]
    ln2_high, ln2_low, series = constants.ln2_high, constants.ln2_low, constants.exp_series

    def implementation(x):
        n = round_to_whole(x * _LOG2_E)
        r = fma(n, -ln2_low, fma(n, -ln2_high, x))
        return n, r * polynomial(r, series)

    return implementation


@overload_routine(exp)
def _exp(x):
    constants = _PRECISION[x.dtype.bitwidth]
    lowest, highest = constants.lowest, constants.highest

    def implementation(x):
        x = select(x < lowest, lowest, x)
        x = select(x >= highest, highest, x)
        n, q = reduced_expm1(x)
        # 2**n in two factors: at either end of the range it is not a normal number
        half = round_to_whole(n * 0.5)
        return (q + 1.0) * power_of_two(half) * power_of_two(n - half)

    return implementation


@overload_routine(log)
def _log(x):
    constants = _PRECISION[x.dtype.bitwidth]
    ln2_high, ln2_low, series = constants.ln2_high, constants.ln2_low, constants.atanh_series
    smallest_normal, shift = constants.smallest_normal, constants.subnormal_shift
    factor = 2.0**shift

    def implementation(x):
        subnormal = x < smallest_normal
        normal = select(subnormal, x * factor, x)
        e = exponent_of(normal)
        e = select(subnormal, e - shift, e)
        # log m = 2 atanh(s) = 2 s + s * (2/3 s**2 + 2/5 s**4 + ...), and 2 s = f - s f
        f = mantissa_of(normal) - 1.0
        s = f / (f + 2.0)
        square = s * s
        tail = s * (f - square * polynomial(square, series))
        result = fma(e, ln2_high, f - (tail - e * ln2_low))
        result = select(x == math.inf, math.inf, result)
        result = select(x == 0.0, -math.inf, result)
        return select(x >= 0.0, result, math.nan)

    return implementation


@overload_routine(tanh)
def _tanh(x):
    def implementation(x):
        # tanh |x| = (e**2|x| - 1) / (e**2|x| + 1), from e**2|x| - 1 so that nothing cancels near 0
        size = absolute(x)
        doubled = size + size
        doubled = select(doubled >= 44.0, 44.0, doubled)  # tanh(22) rounds to 1
        n, q = reduced_expm1(doubled)
        scale = power_of_two(n)
        expm1 = fma(scale, q, scale - 1.0)
        return copy_sign(expm1 / (expm1 + 2.0), x)

    return implementation


@overload_routine(logistic)
def _logistic(x):
    def implementation(x):
        # by e**-|x|, which cannot overflow
        power = exp(-absolute(x))
        return select(x < 0.0, power, 1.0) / (power + 1.0)

    return implementation


@overload_routine(log1p)
def _log1p(x):
    def implementation(x):
        # correct the rounding of 1 + x by the ratio of x to what was really added
        whole = x + 1.0
        return select(whole == 1.0, x, log(whole) * (x / (whole - 1.0)))

    return implementation


@overload_routine(erfcx)
def _erfcx(x):
    series = _PRECISION[x.dtype.bitwidth].erfcx_series

    def implementation(x):
        offset = absolute(x) + _BEND
        return chebyshev_sum(1.0 - 2.0 * _BEND / offset, series) / offset

    return implementation
