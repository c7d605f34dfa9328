"""Hidden activations and their derivatives, held to the naive network."""

import naive
import numpy as np
import pytest
from harness import DTYPES, activate

from shallownet.kernels.activations import ACTIVATIONS

SLOPE = 0.25


def naive_activation(name, z):
    value, derivative = naive.ACTIVATIONS["logistic" if name == "sigmoid" else name]
    return value(z, SLOPE), derivative(z, SLOPE)


@pytest.mark.parametrize("dtype", DTYPES, ids=["float32", "float64"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_value_and_derivative(name, dtype):
    z = np.concatenate([np.linspace(-30, 30, 501), [0.0, -0.0, 1e-20, -1e-20]]).astype(dtype)
    slope = SLOPE if name == "leaky_relu" else 0.0
    for result, exact in zip(activate(name, z, slope), naive_activation(name, z.astype(float)), strict=True):
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
    saturates = name in ("logistic", "sigmoid", "tanh")
    lowest = {"identity": -np.inf, "tanh": -1, "relu": -np.inf, "leaky_relu": -np.inf}.get(name, 0)
    np.testing.assert_array_equal(value, np.array([np.nan, 1 if saturates else np.inf, lowest], dtype))
    assert derivative[1] == (0 if saturates else 1)


def test_names_of_the_logistic_function_are_one_code():
    assert ACTIVATIONS["sigmoid"] == ACTIVATIONS["logistic"]
    assert len(set(ACTIVATIONS.values())) == len(ACTIVATIONS) - 1
