"""The products of the network, held to NumPy."""

import numpy as np
import pytest
from harness import DTYPES, OUTPUT_ROWS, lanes_of, multiply, multiply_row, output_layer, padded_rows

from shallownet.simd import matmul

SIZES = [(1, 1, 1), (5, 3, 2), (6, 1, 3), (7, 10, 1), (12, 4, 4), (13, 2, 5), (23, 31, 2), (48, 65, 3)]


@pytest.fixture(params=DTYPES, ids=["float32", "float64"])
def dtype(request):
    return request.param


def normal(shape, dtype, seed):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("mode", ["SET", "ADD", "SCALE"])
@pytest.mark.parametrize("transposed", [False, True], ids=["by_rows", "by_columns"])
@pytest.mark.parametrize(("rows", "length", "n_panels"), SIZES)
def test_product_of_scalars_with_panels(rows, length, n_panels, transposed, mode, dtype):
    s, v = normal((rows, length), dtype, 0), normal((n_panels, length, lanes_of(dtype)), dtype, 1)
    before = normal((n_panels, padded_rows(rows), lanes_of(dtype)), dtype, 2)
    out = np.full_like(before, np.nan) if mode == "SET" else before.copy()
    multiply(s, v, out, mode, transposed)
    held = before[:, :rows].astype(float)
    expected = held.copy()
    matmul.multiply_naive(s.astype(float), v.astype(float), expected, getattr(matmul, mode))
    scale = np.abs(s) @ np.abs(v) * (1 + np.abs(held)) + np.abs(held)
    assert (np.abs(out[:, :rows] - expected) <= (length + 2) * np.finfo(dtype).eps * scale).all()


@pytest.mark.parametrize("mode", ["SET", "ADD"])
@pytest.mark.parametrize("step", [1, 7])
@pytest.mark.parametrize(("length", "n_panels"), [(0, 1), (1, 2), (3, 1), (4, 3), (18, 2), (65, 5)])
def test_product_of_one_row_with_panels(length, n_panels, step, mode, dtype):
    s, v = normal(length, dtype, 0), normal((n_panels, length, lanes_of(dtype)), dtype, 1)
    before = normal((n_panels, lanes_of(dtype)), dtype, 2)
    out = np.full_like(before, np.nan) if mode == "SET" else before.copy()
    multiply_row(s, v, out, mode, step)
    held = before.astype(float) if mode == "ADD" else np.zeros_like(before, float)
    expected = held + np.einsum("p,jpl->jl", s.astype(float), v.astype(float))
    scale = np.einsum("p,jpl->jl", np.abs(s), np.abs(v)) + np.abs(held)
    assert (np.abs(out - expected) <= (length + 2) * np.finfo(dtype).eps * scale).all()


@pytest.mark.parametrize("mode", ["SET", "ADD", "SCALE"])
def test_the_naive_product_is_the_matrix_product(mode):
    s, v, held = normal((7, 5), np.float64, 0), normal((3, 5, 8), np.float64, 1), normal((3, 7, 8), np.float64, 2)
    expected = {"SET": s @ v, "ADD": held + s @ v, "SCALE": held * (s @ v)}[mode]
    matmul.multiply_naive(s, v, held, getattr(matmul, mode))
    np.testing.assert_allclose(held, expected, rtol=0, atol=1e-13)


def test_product_sums_in_order(dtype):
    # with factors of 1 the fused steps are plain additions
    s = normal((7, 100), dtype, 0)
    out = np.zeros((1, padded_rows(7), lanes_of(dtype)), dtype)
    multiply(s, np.ones((1, 100, lanes_of(dtype)), dtype), out, "SET", False)
    one_by_one = np.add.accumulate(s, axis=1)[:, -1:]
    np.testing.assert_array_equal(out[0, :7], np.broadcast_to(one_by_one, (7, lanes_of(dtype))))


def test_product_of_no_length(dtype):
    v = np.empty((2, 0, lanes_of(dtype)), dtype)
    out = np.full((2, 6, lanes_of(dtype)), np.nan, dtype)
    multiply(np.empty((4, 0), dtype), v, out, "SET", False)
    assert (out[:, :4] == 0).all()


def test_product_keeps_nan_in_its_row(dtype):
    s, v = normal((7, 3), dtype, 0), normal((2, 3, lanes_of(dtype)), dtype, 1)
    s[4, 1] = np.nan
    out = np.zeros((2, padded_rows(7), lanes_of(dtype)), dtype)
    multiply(s, v, out, "SET", False)
    assert np.isnan(out[:, 4]).all()
    assert np.isfinite(np.delete(out[:, :7], 4, axis=1)).all()


@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize(("n_panels", "outputs"), [(1, 1), (2, 3), (5, 26)])
def test_output_layer(groups, n_panels, outputs, dtype):
    lanes = lanes_of(dtype)
    a1 = normal((n_panels, groups * OUTPUT_ROWS, lanes), dtype, 0)
    w2 = normal((n_panels, outputs, lanes), dtype, 1)
    expected = np.einsum("jtl,jkl->kt", a1.astype(float), w2.astype(float))
    scale = np.einsum("jtl,jkl->kt", np.abs(a1), np.abs(w2))
    error = np.abs(output_layer(a1, w2) - expected)
    assert (error <= n_panels * lanes * np.finfo(dtype).eps * scale).all()
