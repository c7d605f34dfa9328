"""Exponential, logarithm, tanh, logistic and error function, in units in the last place over their whole range."""

import mpmath
import numpy as np
import pytest
from harness import DTYPES, needs_longdouble, on_lanes

from shallownet.simd import vector_math as elementary

BOUND = 3.0  # ulp

FUNCTIONS = {
    "exp": (lambda x: elementary.exp(x), np.exp, mpmath.exp),
    "log": (lambda x: elementary.log(x), np.log, mpmath.log),
    "tanh": (lambda x: elementary.tanh(x), np.tanh, mpmath.tanh),
    "logistic": (
        lambda x: elementary.logistic(x),
        lambda x: 1 / (1 + np.exp(-x)),
        lambda x: 1 / (1 + mpmath.exp(-x)),
    ),
}
# For each function its value at -inf, -0, 0 and inf.
LIMITS = {
    "exp": [0.0, 1.0, 1.0, np.inf],
    "log": [np.nan, -np.inf, -np.inf, np.inf],
    "tanh": [-1.0, -0.0, 0.0, 1.0],
    "logistic": [0.0, 0.5, 0.5, 1.0],
}


@pytest.fixture(params=DTYPES, ids=["float32", "float64"])
def dtype(request):
    return request.param


@pytest.fixture(params=FUNCTIONS)
def name(request):
    return request.param


def any_bits(dtype, count):
    """Return numbers with any sign, exponent and mantissa: finite, subnormal ones too."""
    kind = np.dtype(f"u{np.dtype(dtype).itemsize}")
    numbers = np.random.default_rng(0).integers(0, np.iinfo(kind).max, count, kind).view(dtype)
    return numbers[np.isfinite(numbers)]


def arguments(name, dtype, count=200_000):
    """Return arguments of a function: of any size, and densely where it changes."""
    info = np.finfo(dtype)
    lowest = float(np.log(info.smallest_subnormal))
    ends = {
        "exp": (lowest - 2, np.log(info.max) + 2),
        "log": (0.0, 4.0),
        "tanh": (-25.0, 25.0),
        "logistic": (lowest - 2, -lowest + 2),
    }
    random = np.random.default_rng(1)
    x = np.concatenate(
        [
            any_bits(dtype, count),
            random.uniform(*ends[name], count),
            random.uniform(-1, 1, count // 4),
            1 + random.uniform(-1e-3, 1e-3, count // 4),
            [info.max, -info.max, info.tiny, -info.tiny, info.smallest_subnormal, -info.smallest_subnormal],
        ]
    ).astype(dtype)
    return x[x > 0] if name == "log" else x


def ulps(result, exact, dtype):
    """Return by how many units in the last place of the exact value each result is off."""
    info = np.finfo(dtype)
    size = np.clip(np.abs(exact), info.tiny, info.max).astype(dtype)
    unit = np.spacing(size).astype(np.longdouble)
    overflow = np.abs(exact) >= info.max  # within half a unit of it at most: those round to either
    right = overflow & ((np.abs(result) >= info.max) & (np.sign(result) == np.sign(exact)))
    with np.errstate(invalid="ignore"):
        return np.where(right, 0, np.abs(result.astype(np.longdouble) - exact) / unit)


@needs_longdouble
def test_error_in_ulp_over_the_whole_range(name, dtype):
    on_lane, exact, _ = FUNCTIONS[name]
    x = arguments(name, dtype)
    result = on_lanes(on_lane)(x)
    with np.errstate(over="ignore", under="ignore"):
        error = ulps(result, exact(x.astype(np.longdouble)), dtype)
    worst = np.argmax(error)  # a NaN is the largest
    assert error[worst] <= BOUND, f"{name}({x[worst]!r}) is {result[worst]!r}, {error[worst]} ulp off"


def test_error_in_ulp_against_mpmath(name, dtype):
    on_lane, _, exact = FUNCTIONS[name]
    x = np.random.default_rng(2).permutation(arguments(name, dtype, 2000))[:500]
    info = np.finfo(dtype)
    with mpmath.workprec(200):
        for argument, result in zip(x, on_lanes(on_lane)(x), strict=True):
            value = exact(mpmath.mpf(float(argument)))
            if abs(value) > info.max:
                assert np.isinf(result)
            else:
                unit = np.spacing(dtype(max(abs(value), info.tiny)))
                assert abs(mpmath.mpf(float(result)) - value) <= BOUND * float(unit), argument


def test_limits_and_nan(name, dtype):
    result = on_lanes(FUNCTIONS[name][0])(np.array([-np.inf, -0.0, 0.0, np.inf, np.nan], dtype))
    expected = np.array([*LIMITS[name], np.nan], dtype)
    np.testing.assert_array_equal(result, expected, strict=True)
    np.testing.assert_array_equal(np.signbit(result[1:3]), np.signbit(expected[1:3]))


def test_nan_stays_in_its_lane(name, dtype):
    x = np.linspace(0.5, 2, 32, dtype=dtype)
    expected = on_lanes(FUNCTIONS[name][0])(x)
    x[[0, 7, 21]] = expected[[0, 7, 21]] = np.nan
    np.testing.assert_array_equal(on_lanes(FUNCTIONS[name][0])(x), expected)


def test_logarithm_below_zero_is_nan(dtype):
    x = np.array([-1e-40, -1, -1e30, -np.inf], dtype)
    assert np.isnan(on_lanes(FUNCTIONS["log"][0])(x)).all()


@pytest.mark.parametrize("bounded", ["tanh", "logistic"])
def test_sigmoids_never_leave_their_range(bounded, dtype):
    result = on_lanes(FUNCTIONS[bounded][0])(arguments(bounded, dtype, 20_000))
    lowest = -1 if bounded == "tanh" else 0
    assert ((result >= lowest) & (result <= 1)).all()


def test_tanh_is_odd(dtype):
    x = arguments("tanh", dtype, 5000)
    tanh = on_lanes(FUNCTIONS["tanh"][0])
    np.testing.assert_array_equal(tanh(-x), -tanh(x))


# --- literals -------------------------------------------------------------------------------------------


def interpolated(function, degree):
    """Return the Chebyshev coefficients of the polynomial that equals a function at the zeros of the next one."""
    count = degree + 1
    angles = [mpmath.pi * (2 * j + 1) / (2 * count) for j in range(count)]
    values = [function(mpmath.cos(angle)) for angle in angles]
    return [
        float(
            mpmath.fsum(value * mpmath.cos(k * angle) for value, angle in zip(values, angles, strict=True))
            * (2 if k else 1)
            / count
        )
        for k in range(count)
    ]


def mapped_erfcx(t):
    bend = mpmath.mpf(elementary._BEND)
    x = bend * (1 + t) / (1 - t)
    return (x + bend) * mpmath.exp(x * x) * mpmath.erfc(x)


def test_literals_are_what_they_stand_for():
    with mpmath.workdps(60):
        assert float(1 / mpmath.ln(2)) == elementary._LOG2_E
        for bits, degree in ((32, 11), (64, 25)):
            constants = elementary._PRECISION[bits]
            assert list(constants.erfcx_series) == interpolated(mapped_erfcx, degree)
            assert float(mpmath.ln(2) - mpmath.mpf(constants.ln2_high)) == constants.ln2_low
            # products with any exponent are exact
            exponent_bits, mantissa = (8, 24) if bits == 32 else (11, 53)
            scaled = constants.ln2_high * 2.0 ** (mantissa - exponent_bits)
            assert scaled == int(scaled)


def test_erfcx_over_its_range(dtype):
    random = np.random.default_rng(3)
    x = np.concatenate([random.uniform(0, 6, 300), 10.0 ** random.uniform(-8, 8, 300), [0.0]]).astype(dtype)
    result = on_lanes(lambda x: elementary.erfcx(x))(x)
    np.testing.assert_array_equal(on_lanes(lambda x: elementary.erfcx(x))(-x), result)
    with mpmath.workdps(40):
        exact = [mpmath.exp(mpmath.mpf(float(value)) ** 2) * mpmath.erfc(mpmath.mpf(float(value))) for value in x]
        errors = [float(abs(mpmath.mpf(float(r)) / e - 1)) for r, e in zip(result, exact, strict=True)]
    assert max(errors) <= 4 * np.finfo(dtype).eps
