"""Hidden activations and their derivatives, held to the naive network, and their registry."""

import re

import naive
import numpy as np
import pytest
from harness import DTYPES, activate
from numba import njit
from sklearn.neural_network import MLPClassifier

from shallownet import ShallowNetClassifier
from shallownet.kernels.activations import ACTIVATIONS, REGISTRY, activate_only, store_pair
from shallownet.simd.vectors import lane_count, load, pointer

SLOPE = 0.25
FAR = 1e3  # where each activation has reached its limit, or grows like z


def slope_of(name):
    """Return the slope for z < 0 that the kernels are given: that of ReLU is 0."""
    return 0.0 if name == "relu" else SLOPE


def naive_activation(name, z):
    value, derivative = naive.ACTIVATIONS[name]
    return value(z, SLOPE), derivative(z, SLOPE)


@pytest.mark.parametrize("dtype", DTYPES, ids=["float32", "float64"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_value_and_derivative(name, dtype):
    z = np.concatenate([np.linspace(-30, 30, 501), [0.0, -0.0, 1e-20, -1e-20]]).astype(dtype)
    for result, exact in zip(activate(name, z, slope_of(name)), naive_activation(name, z.astype(float)), strict=True):
        np.testing.assert_allclose(
            result, exact, rtol=1e-5 if dtype == np.float32 else 1e-13, atol=2 * np.finfo(dtype).eps
        )


@pytest.mark.parametrize("name", ["relu", "leaky_relu"])
def test_derivative_at_zero_is_one(name):
    value, derivative = activate(name, np.array([0.0, -0.0]), slope=0.01)
    assert (value == 0).all()
    assert (derivative == 1).all()


@pytest.mark.parametrize("dtype", DTYPES, ids=["float32", "float64"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_nan_and_infinity(name, dtype):
    value, derivative = activate(name, np.array([np.nan, np.inf, -np.inf], dtype), slope=SLOPE)
    with np.errstate(over="ignore"):
        far, slopes = naive_activation("leaky_relu" if name == "relu" else name, np.array([FAR, -FAR]))
    limits = np.where(np.abs(far) > FAR / 10, np.copysign(np.inf, far), far)
    np.testing.assert_array_equal(value, np.array([np.nan, *limits], dtype))
    np.testing.assert_array_equal(derivative[1:], slopes.astype(dtype))


@pytest.mark.parametrize("dtype", DTYPES, ids=["float32", "float64"])
@pytest.mark.parametrize("row", REGISTRY, ids=lambda row: row.name)
def test_a_code_leads_to_the_function_of_its_row(row, dtype):
    function = row.function

    @njit
    def apply(slope, z, derivative):
        a = pointer(z)
        for i in range(0, z.size, lane_count(a)):
            store_pair(a, pointer(derivative), i, function(load(a, i), slope))

    @njit
    def apply_only(code, slope, z):
        activate_only(code, slope, pointer(z), 0, z.size)

    z = np.linspace(-9, 9, 64).astype(dtype)
    value, derivative, alone = z.copy(), np.empty_like(z), z.copy()
    apply(SLOPE, value, derivative)
    found = activate(row.name, z, SLOPE)
    assert found[0].tobytes() == value.tobytes()
    assert found[1].tobytes() == derivative.tobytes()
    apply_only(row.code, SLOPE, alone)
    assert alone.tobytes() == value.tobytes()


def test_one_code_is_one_function():
    """Names of the same code are synonyms: those of the logistic function."""
    assert ACTIVATIONS["sigmoid"] == ACTIVATIONS["logistic"]
    assert len({row.code for row in REGISTRY}) == len({row.name for row in REGISTRY}) - 1 == len(REGISTRY) - 1
    assert len({(row.code, row.function) for row in REGISTRY}) == len({row.code for row in REGISTRY})


def test_every_name_has_a_formula_and_is_described():
    assert set(naive.ACTIVATIONS) == set(ACTIVATIONS)
    text, _, _ = ShallowNetClassifier.__doc__.partition("    solver : ")
    assert all(f"- '{name}'" in text or f"or '{name}'" in text for name in ACTIVATIONS)
    _, _, values = text.partition("    activation : {")
    values, _, _ = values.partition("}")
    assert re.findall(r"'(\w+)'", values) == list(ACTIVATIONS)


def test_names_of_the_peer_are_those_that_it_has():
    (options,) = MLPClassifier._parameter_constraints["activation"]
    assert {row.mlp_name for row in REGISTRY if row.mlp_name} == options.options
    assert all(row.mlp_name in (row.name, None) for row in REGISTRY if row.name != "sigmoid")
