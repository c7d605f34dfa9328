"""Lanes, the arithmetic on them, and blocks, held to NumPy."""

import operator
import platform

import numpy as np
import pytest
from children import finish, start
from harness import DTYPES, block_operations, lanes_of, on_lanes, read_at, splatted, total
from llvmlite.binding import get_host_cpu_features

from shallownet.simd.vector_ops import (
    absolute,
    copy_sign,
    exponent_of,
    fma,
    mantissa_of,
    polynomial,
    power_of_two,
    round_to_whole,
    select,
    square_root,
)

HOST_HAS_AVX512 = "+avx512f" in get_host_cpu_features().flatten().split(",")
CONFIGURED = [
    ({}, HOST_HAS_AVX512),
    ({"NUMBA_CPU_FEATURES": "+avx2,+fma"}, None),
    ({"NUMBA_CPU_FEATURES": "+avx512f", "NUMBA_CPU_NAME": "haswell"}, True),
    ({"NUMBA_CPU_FEATURES": "", "NUMBA_CPU_NAME": "haswell"}, False),
    ({"NUMBA_CPU_FEATURES": "", "NUMBA_CPU_NAME": "skylake-avx512"}, True),
    ({"NUMBA_CPU_FEATURES": "-avx512f", "NUMBA_CPU_NAME": "skylake-avx512"}, False),
    ({"NUMBA_CPU_NAME": "generic"}, False),
    ({"NUMBA_CPU_NAME": "haswell"}, HOST_HAS_AVX512),  # Numba takes the features of the host
    ({"NUMBA_ENABLE_AVX": "0"}, False),
]


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="not an x86")
@pytest.mark.parametrize(("environment", "wide"), CONFIGURED)
def test_blocks_are_made_for_the_processor_that_numba_compiles_for(environment, wide):
    """Compare what ``lanes`` finds with what is known, and with the registers that Numba's own code uses."""
    job = """
import json
import numpy as np
from numba import njit
import shallownet
from shallownet.simd.vectors import WIDE
njit(lambda: 0)()
from llvmlite.binding import parse_assembly
from numba.core.registry import cpu_target
machine = cpu_target.target_context.codegen()._tm
module = parse_assembly("define <16 x float> @f(<16 x float> %x) { %y = fadd <16 x float> %x, %x ret <16 x float> %y }")
print(json.dumps({"file": shallownet.__file__, "wide": WIDE, "numba": "zmm" in machine.emit_assembly(module)}))
"""
    unset = dict.fromkeys(("NUMBA_CPU_FEATURES", "NUMBA_CPU_NAME", "NUMBA_ENABLE_AVX"))
    report = finish(start(job, **(unset | environment)))
    assert report["wide"] == report["numba"]
    assert wide is None or report["wide"] == wide


SPECIAL = [0.0, -0.0, 1.0, -1.0, 2.5, -3.5, np.inf, -np.inf, np.nan, 1e-30, -7e20]
BLOCK_ROWS = [1, 2, 4, 6, 8, 12]


@pytest.fixture(params=DTYPES, ids=["float32", "float64"])
def dtype(request):
    return request.param


def normal(shape, dtype, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def pairs(dtype):
    """Return two arrays with all pairs of special numbers."""
    a, b = np.meshgrid(np.array(SPECIAL, dtype), np.array(SPECIAL, dtype))
    return a.ravel(), b.ravel()


def assert_same(result, expected):
    """Hold a result to the last bit, and to the sign of its zeros."""
    np.testing.assert_array_equal(result, expected, strict=True)
    numbers = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(result[numbers]), np.signbit(expected[numbers]))


@pytest.mark.parametrize(
    ("on_lane", "numpy"),
    [
        (lambda a, b: a + b, np.add),
        (lambda a, b: a - b, np.subtract),
        (lambda a, b: a * b, np.multiply),
        (lambda a, b: a / b, np.divide),
        (copy_sign, np.copysign),
        (lambda a, b: select(a < b, a, b), lambda a, b: np.where(a < b, a, b)),
        (lambda a, b: select(a >= b, a, b), lambda a, b: np.where(a >= b, a, b)),
        (lambda a, b: select(a == b, a, b), lambda a, b: np.where(a == b, a, b)),
    ],
    ids=["add", "subtract", "multiply", "divide", "copy_sign", "less", "at_least", "equal"],
)
def test_operations_on_two_lanes(on_lane, numpy, dtype):
    a, b = pairs(dtype)
    with np.errstate(all="ignore"):
        assert_same(on_lanes(on_lane, 2)(a, b), numpy(a, b))


@pytest.mark.parametrize(
    ("on_lane", "numpy"),
    [
        (lambda x: -x, operator.neg),
        (lambda x: x + 3, lambda x: x + 3),
        (lambda x: 0.1 - x, lambda x: x.dtype.type(0.1) - x),
        (lambda x: x / 3.0, lambda x: x / 3),
        (lambda x: 1.0 / x, lambda x: 1 / x),
        (lambda x: select(x < 1, 7.0, x), lambda x: np.where(x < 1, x.dtype.type(7), x)),
        (lambda x: select(0.0 == x, x, -1), lambda x: np.where(x == 0, x, x.dtype.type(-1))),
        (absolute, np.abs),
        (square_root, np.sqrt),
        (round_to_whole, np.rint),
    ],
    ids=["neg", "add_int", "from_number", "divide", "inverse", "select", "select_int", "abs", "sqrt", "rint"],
)
def test_operations_on_lanes_and_numbers(on_lane, numpy, dtype):
    x = np.array([*SPECIAL, 0.5, 1.5, -0.5, 0.49999997, 1e7 + 0.5], dtype)
    with np.errstate(all="ignore"):
        assert_same(on_lanes(on_lane)(x), numpy(x))


def test_fma_keeps_what_the_product_would_round_away(dtype):
    a, b, c = (normal(1000, dtype, seed) for seed in range(3))
    exact = a.astype(np.longdouble) * b + c
    error = np.abs(on_lanes(fma, 3)(a, b, c) - exact)
    # one rounding where the CPU has the instruction, of product and sum where not
    assert (error <= np.spacing(np.abs(a * b)) / 2 + np.spacing(np.abs(c) + np.abs(a * b)) / 2).all()
    assert np.isnan(on_lanes(fma, 3)(*np.array([[np.nan], [0], [0]], dtype)))[0]


def test_exponent_and_mantissa_make_up_the_number(dtype):
    info = np.finfo(dtype)
    x = np.exp(np.random.default_rng(0).uniform(np.log(info.tiny), np.log(info.max), 4000)).astype(dtype)
    x = np.concatenate([x, np.array([1, 2, 0.5, info.tiny, info.max], dtype)])
    e, m = on_lanes(exponent_of)(x), on_lanes(mantissa_of)(x)
    np.testing.assert_array_equal(np.ldexp(m, e.astype(int)), x)
    assert (m >= np.sqrt(0.5) * (1 - info.eps)).all()
    assert (m < np.sqrt(2) * (1 + info.eps)).all()


def test_power_of_two(dtype):
    info = np.finfo(dtype)
    n = np.arange(info.minexp, info.maxexp, dtype=dtype)
    np.testing.assert_array_equal(on_lanes(power_of_two)(n), np.ldexp(dtype(1), n.astype(int)))


def test_polynomial(dtype):
    coefficients = (0.5, -3.0, 2, 1 / 3)
    x = normal(100, dtype)
    expected = np.polynomial.polynomial.polyval(x.astype(float), coefficients)
    result = on_lanes(lambda x: polynomial(x, coefficients))(x)
    np.testing.assert_allclose(result, expected, rtol=0, atol=100 * np.finfo(dtype).eps)


def test_total_folds_halves(dtype):
    x = normal(lanes_of(dtype), dtype)
    expected = x
    while len(expected) > 1:
        expected = expected[: len(expected) // 2] + expected[len(expected) // 2 :]
    assert total(x) == expected[0]
    x[3] = np.nan
    assert np.isnan(total(x))


@pytest.mark.parametrize("value", [0.1, 7, -np.inf], ids=str)
def test_splat(value, dtype):
    assert_same(splatted(value, dtype), np.full(lanes_of(dtype), value, dtype))


@pytest.mark.parametrize("offset", [0, 1, 3, 8])
def test_read_takes_any_byte_address(offset, dtype):
    x = normal(lanes_of(dtype), dtype)
    memory = np.zeros(x.nbytes + offset, np.uint8)
    memory[offset:] = np.frombuffer(x.tobytes(), np.uint8)
    lanes, number = read_at(memory.ctypes.data + offset, dtype)
    assert_same(lanes, x)
    assert number == x[0]


@pytest.mark.parametrize("rows", BLOCK_ROWS)
def test_block_operations(rows, dtype):
    operations, lanes = block_operations(rows), lanes_of(dtype)
    a, b = normal((rows, lanes), dtype), normal((rows, lanes), dtype, 1)
    x = normal(lanes, dtype, 2)
    out = np.full((rows, 2 * lanes), np.nan, dtype)
    operations["copy"](np.hstack([a, b]), 2 * lanes, out)
    assert_same(out[:, :lanes], a)
    assert np.isnan(out[:, lanes:]).all()

    out = np.empty_like(a)
    operations["multiply_rows"](a, b, out)
    assert_same(out, a * b)

    out, scalars = a.copy(), normal((rows, 3), dtype, 3)
    operations["add_outer"](scalars, 3, x, out)
    np.testing.assert_allclose(out, a + scalars[:, :1] * x, rtol=0, atol=20 * np.finfo(dtype).eps)

    out = a.copy()
    operations["add_products"](b, x, out)
    np.testing.assert_allclose(out, a + b * x, rtol=0, atol=20 * np.finfo(dtype).eps)


@pytest.mark.parametrize("rows", [1, 2, 4, 8])
def test_row_sums(rows, dtype):
    a = normal((rows, lanes_of(dtype)), dtype)
    out = np.full(rows + 1, np.nan, dtype)
    block_operations(rows)["row_sums"](a, out)
    np.testing.assert_allclose(out[:rows], a.sum(axis=1), rtol=0, atol=40 * np.finfo(dtype).eps)
    assert np.isnan(out[rows])
