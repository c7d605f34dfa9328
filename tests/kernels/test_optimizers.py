"""One step of each solver on a run of weights, held to the naive solver."""

import naive
import numpy as np
import pytest
from harness import DTYPES, SOLVERS, lanes_of, network, problem, update

from shallownet.kernels.optimizers import OPTIMIZERS, optimizer_for, optimizer_of

PENALTY, WEIGHT_SUM = 0.3, 5.0


def normal(shape, seed):
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize("dtype", DTYPES, ids=["float32", "float64"])
@pytest.mark.parametrize("shards", [1, 4])
@pytest.mark.parametrize("solver", SOLVERS)
def test_three_steps(solver, shards, dtype):
    size = 3 * lanes_of(dtype)
    rule = naive.Rule(solver, rate=0.05, momentum=0.8, beta_1=0.7, beta_2=0.95, epsilon=1e-3)
    theta = normal(size, 0).astype(dtype)
    first, second = np.zeros(size, dtype), np.zeros(size, dtype)
    weights = (theta.astype(float),)
    naive_solver = naive.Solver(rule, weights)
    for t in range(1, 4):
        gradient = normal((shards, size), t).astype(dtype)
        rate = rule.rate
        if solver == "adam":
            rate *= np.sqrt(1 - rule.beta_2**t) / (1 - rule.beta_1**t)
        old = theta.copy()
        squares = update(
            solver, theta, first, second, gradient,
            penalty=PENALTY, scale=1 / WEIGHT_SUM, rate=rate,
            decay_1=rule.beta_1 if solver == "adam" else rule.momentum, decay_2=rule.beta_2, epsilon=rule.epsilon,
        )  # fmt: skip
        g = (gradient.astype(float).sum(axis=0) + PENALTY * weights[0]) / WEIGHT_SUM
        weights = naive_solver.step(weights, (g,))
        rtol = 1e-5 if dtype == np.float32 else 1e-13
        np.testing.assert_allclose(theta, weights[0], rtol=rtol, atol=rtol)
        np.testing.assert_allclose(first, naive_solver.first[0], rtol=rtol, atol=rtol)
        np.testing.assert_allclose(squares, (old.astype(float) ** 2).sum(), rtol=rtol)
    if solver == "adam":
        np.testing.assert_allclose(second, naive_solver.second[0], rtol=rtol, atol=rtol)
    else:
        assert not second.any()


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_weight_without_gradient_stays_and_nan_shows(solver):
    size = lanes_of(np.float64)
    theta, gradient = normal(size, 0), np.zeros((1, size))
    gradient[0, 3] = np.nan
    old = theta.copy()
    update(
        solver, theta, np.zeros(size), np.zeros(size), gradient,
        penalty=0.0, scale=1.0, rate=0.1, decay_1=0.9, decay_2=0.999, epsilon=1e-8,
    )  # fmt: skip
    assert np.isnan(theta[3])
    np.testing.assert_array_equal(np.delete(theta, 3), np.delete(old, 3))


def test_each_row_of_the_registry_has_a_code_of_its_own():
    assert [optimizer_of(row.code) for row in OPTIMIZERS.values()] == list(OPTIMIZERS.values())


@pytest.mark.parametrize("optimizer", SOLVERS)
def test_a_network_has_the_moments_that_its_optimizer_keeps(optimizer):
    net = network(problem(2, 3, 4, 2), naive.Model(), naive.Rule(optimizer), np.float64)
    assert len(net._moments) == OPTIMIZERS[optimizer].moments
    assert len(net.moments().unpacked()) == 2  # what estimators keep does not depend on it


@pytest.mark.parametrize(
    ("solver", "nesterov", "name", "decays"),
    [
        ("sgd", False, "sgd", [0.8, 0.0]),
        ("sgd", True, "nesterov", [0.8, 0.0]),
        ("adam", True, "adam", [0.7, 0.95]),
        ("lbfgs", True, "gradient", [0.0, 0.0]),
    ],
)
def test_what_a_solver_means(solver, nesterov, name, decays):
    row = optimizer_for(solver, nesterov)
    assert row is OPTIMIZERS[name]
    assert row.decays_in(naive.Rule(momentum=0.8, beta_1=0.7, beta_2=0.95)) == decays
