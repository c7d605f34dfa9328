"""Output activations, losses and their deltas."""

import naive
import numpy as np
import pytest
from harness import DTYPES, NUMBERS, losses_and_deltas, numbers_of_loss, probabilities, targets_of
from numba import njit
from sklearn.metrics import log_loss

from shallownet.kernels.losses import OUTPUTS, REGISTRY, columns_of
from shallownet.simd.vectors import lane_count, pointer, splat, store

CASES = [("logistic", 1), ("logistic", 3), ("softmax", 2), ("softmax", 3), ("softmax", 26)]
REAL_CASES = [("identity", 1), ("identity", 4), ("exp", 1), ("exp", 3)]
REAL_MODELS = [
    naive.Model(output="exp"),
    *(naive.Model(output="identity", loss=loss, quantile=0.8, delta=0.7) for loss in naive.RESIDUAL_LOSSES),
]


@pytest.fixture(params=DTYPES, ids=["float32", "float64"])
def dtype(request):
    return request.param


@pytest.fixture(params=[1, 16, 37], ids="n={}".format)
def n(request):
    return request.param


def precision(dtype):
    return 20 * np.finfo(dtype).eps


def targets(output, n, n_outputs):
    random = np.random.default_rng(3)
    if output == "logistic":
        return random.integers(0, 2, (n, n_outputs)).astype(float)
    if output == "softmax":
        return np.eye(n_outputs)[random.integers(0, n_outputs, n)]
    return random.poisson(0.8, (n, n_outputs)).astype(float)


def outputs(n, n_outputs, dtype, size=1.5):
    return (np.random.default_rng(4).standard_normal((n, n_outputs)) * size).astype(dtype)


@pytest.mark.parametrize(("output", "n_outputs"), CASES + REAL_CASES)
def test_probabilities(output, n_outputs, n, dtype):
    z2, b2 = outputs(n, n_outputs, dtype), outputs(n_outputs, 1, dtype).ravel()
    function = naive.OUTPUTS[output]
    a2 = probabilities(output, z2, b2)
    np.testing.assert_allclose(a2, function(z2.astype(float) + b2), rtol=precision(dtype) * 10, atol=0)
    if output == "softmax":
        np.testing.assert_allclose(a2.sum(axis=1), 1, rtol=precision(dtype))


def test_softmax_of_large_outputs_does_not_overflow(dtype):
    z2 = np.array([[1e4, -1e4, 9990.0], [-3e4, -3e4, -3e4], [np.finfo(dtype).max, 0, 1]], dtype)
    a2 = probabilities("softmax", z2, np.zeros(3, dtype))
    np.testing.assert_allclose(a2[0], [1, 0, np.exp(-10)], rtol=1e-3)
    np.testing.assert_allclose(a2[1], 1 / 3, rtol=precision(dtype))
    np.testing.assert_array_equal(a2[2], [1, 0, 0])


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("place", [0, 1])
def test_nan_makes_its_example_nan(output, place, dtype):
    z2 = np.ones((3, 2), dtype)
    z2[1, place] = np.nan
    nan = np.isnan(probabilities(output, z2, np.zeros(2, dtype)))
    assert nan[1].all() if output == "softmax" else nan[1, place]
    assert not nan[[0, 2]].any()


@pytest.mark.parametrize(("output", "n_outputs"), CASES)
def test_cross_entropy_and_its_delta(output, n_outputs, n, dtype):
    function = naive.OUTPUTS[output]
    a2 = function(outputs(n, n_outputs, float)).astype(dtype)
    Y, s = targets(output, n, n_outputs), (np.arange(n) % 4 / 2).astype(dtype)
    losses, dz2 = losses_and_deltas(output, a2, Y, s, clip=float(np.finfo(dtype).eps))
    p = a2.astype(float)
    likelihood = np.where(Y == 1, p, 1 - p if output == "logistic" else 1)
    expected = -np.log(likelihood).sum(axis=1) * s
    np.testing.assert_allclose(losses, expected, rtol=precision(dtype), atol=precision(dtype))
    np.testing.assert_allclose(dz2, (p - Y) * s[:, np.newaxis], rtol=0, atol=precision(dtype))


@pytest.mark.parametrize("p", [0.0, 1e-30, 1.0])
def test_loss_is_clipped_as_log_loss_is(p, dtype):
    Y = np.array([[0.0], [1.0]])
    a2 = np.full((2, 1), p, dtype)
    clip = float(np.finfo(dtype).eps)
    losses, dz2 = losses_and_deltas("logistic", a2, Y, np.ones(2, dtype), clip=clip)
    expected = [log_loss(y, np.hstack([1 - q, q])[np.newaxis], labels=[0, 1]) for y, q in zip(Y, a2, strict=True)]
    np.testing.assert_allclose(losses, expected, rtol=1e-6, atol=1e-15)
    np.testing.assert_array_equal(dz2, a2 - Y)  # the delta is not clipped
    losses, _ = losses_and_deltas("softmax", np.hstack([1 - a2, a2]), np.eye(2), np.ones(2, dtype), clip=clip)
    np.testing.assert_allclose(losses, expected, rtol=1e-6, atol=1e-15)


@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("model", REAL_MODELS, ids=lambda model: f"{model.output}-{model.loss}")
def test_losses_of_real_targets_and_their_deltas(model, n_outputs, n, dtype):
    a2 = naive.OUTPUTS[model.output](outputs(n, n_outputs, float)).astype(dtype)
    Y, s = targets(model.output, n, n_outputs), (np.arange(n) % 4 / 2).astype(dtype)
    Y[-1, 0] = a2[-1, 0]  # a residual of 0
    losses, dz2 = losses_and_deltas(model.output, a2, Y, s, **numbers_of_loss(model, dtype))
    p = a2.astype(float)
    assert np.abs(p - Y).max() > model.delta or n == 1
    expected = naive.losses(model, p, Y) * s
    np.testing.assert_allclose(losses, expected, rtol=precision(dtype), atol=precision(dtype))
    np.testing.assert_allclose(dz2, naive.delta(model, p, Y) * s[:, np.newaxis], rtol=0, atol=precision(dtype))


def test_the_squared_error_is_hubers_loss_without_bound(dtype):
    a2, Y, s = outputs(40, 3, dtype), targets("identity", 40, 3), np.linspace(0, 2, 40, dtype=dtype)
    squared, huber = (
        losses_and_deltas("identity", a2, Y, s, **numbers_of_loss(naive.Model(output="identity", **loss), dtype))
        for loss in ({}, {"loss": "huber", "delta": 1e6})
    )
    for found, expected in zip(squared, huber, strict=True):
        assert found.tobytes() == expected.tobytes()


@pytest.mark.parametrize("number", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("model", REAL_MODELS, ids=lambda model: f"{model.output}-{model.loss}")
def test_an_example_of_weight_zero_counts_for_nothing_whatever_its_output(model, number, dtype):
    a2 = np.full((3, 2), 2.0, dtype)
    a2[1] = number
    losses, dz2 = losses_and_deltas(
        model.output, a2, np.ones((3, 2)), np.array([1, 0, 1], dtype), **numbers_of_loss(model, dtype)
    )
    assert losses[1] == 0
    assert (dz2[1] == 0).all()
    assert (losses[[0, 2]] > 0).all()


@pytest.mark.parametrize("row", REGISTRY, ids=lambda row: row.name)
def test_a_code_leads_to_the_functions_of_its_row(row, dtype):
    output, loss = row.output, row.loss

    @njit
    def apply_output(z2, b2):
        for t in range(0, z2.shape[1], lane_count(pointer(z2))):
            output(pointer(z2), z2.shape[1], z2.shape[0], pointer(b2), 0, t)

    @njit
    def apply_loss(a2, y, losses, parameters):
        p = pointer(a2)
        for t in range(0, a2.shape[1], lane_count(p)):
            store(pointer(losses), t, loss(p, a2.shape[1], a2.shape[0], pointer(y), splat(p, 1.0), parameters, t))

    n, k, clip = 32, 3, float(np.finfo(dtype).eps)
    z2, b2, Y = outputs(n, k, dtype), outputs(k, 1, dtype).ravel(), targets(row.name, n, k)
    numbers = {"clip": clip, "smoothing": 0.1, "curvature": 2.0, "lowest": -0.5, "highest": 0.25}
    a2 = np.ascontiguousarray(z2.T)
    apply_output(a2, b2)
    assert probabilities(row.name, z2, b2).tobytes() == a2.T.tobytes()
    losses, dz2 = losses_and_deltas(row.name, np.ascontiguousarray(a2.T), Y, np.ones(n, dtype), **numbers)
    y = targets_of(row.name, Y).T
    found = np.empty(n, dtype)
    apply_loss(a2, np.ascontiguousarray(y.astype(dtype)), found, NUMBERS._replace(**numbers))
    assert losses.tobytes() == found.tobytes()
    assert dz2.tobytes() == a2.T.tobytes()


def test_the_reference_knows_every_output():
    assert set(naive.OUTPUTS) == set(OUTPUTS)
    assert len(set(OUTPUTS.values())) == len(REGISTRY)


def test_one_logistic_output_predicts_two_classes():
    shapes = [("logistic", 1), ("logistic", 3), ("softmax", 3), ("identity", 1), ("exp", 2)]
    assert [columns_of(OUTPUTS[name], n) for name, n in shapes] == [2, 3, 3, 1, 2]
