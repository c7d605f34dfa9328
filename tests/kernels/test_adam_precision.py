"""Adam beside its exact course, in the reference implementation with extended precision.

With a small beta_2 a step divides by little more than the last gradient. Where that nearly vanishes, the step
multiplies its rounding, and two programs that add up in different order part, as they do with any gradients close to
epsilon. These tests tell such amplified rounding from a fault: one step is right to its own rounding, whatever came
before it, and over whole fits MLPClassifier is no nearer to the exact course than the kernels are.
"""

import warnings

import naive
import numpy as np
import pytest
from harness import DTYPES, lanes_of, needs_longdouble, update
from sklearn.neural_network import MLPClassifier

from shallownet import ShallowNetClassifier

pytestmark = needs_longdouble
EXACT = np.longdouble
BETAS = [(0.9, 0.999), (0.9, 0.5), (0.9, 0.0), (0.5, 0.0), (0.0, 0.0), (0.0, 0.9)]


@pytest.mark.parametrize("dtype", DTYPES, ids=["float32", "float64"])
@pytest.mark.parametrize("epsilon", [1e-3, 1e-8, 1e-30])
@pytest.mark.parametrize("betas", BETAS, ids=str)
def test_a_step_is_right_to_its_own_rounding(betas, epsilon, dtype):
    random = np.random.default_rng(0)
    size, rate = 64 * lanes_of(dtype), 0.01
    beta_1, beta_2 = betas
    theta, first = (random.standard_normal(size).astype(dtype) for _ in range(2))
    # gradients from vanishing to large ones, some exactly 0 and some that cancel the moment but for the last bits
    g = (random.standard_normal(size) * 10.0 ** random.uniform(-15, 3, size)).astype(dtype)
    g[::7] = 0
    if beta_1 > 0:
        g[1::7] = -first[1::7] * dtype(beta_1 / (1 - beta_1))
    second = (random.uniform(0, 2, size) * g.astype(float) ** 2).astype(dtype)

    w, m0, v0, exact_g = (array.astype(EXACT) for array in (theta, first, second, g))
    b1, b2 = EXACT(beta_1), EXACT(beta_2)
    m, v = b1 * m0 + (1 - b1) * exact_g, b2 * v0 + (1 - b2) * exact_g**2
    divisor = np.sqrt(v) + EXACT(epsilon)
    expected = w - EXACT(rate) * m / divisor
    # what the roundings of w, of both parts of m and of the quotient come to
    units = np.finfo(dtype).eps * (np.abs(w) + rate * (b1 * np.abs(m0) + (1 - b1) * np.abs(exact_g)) / divisor)

    update(
        "adam", theta, first, second, g[np.newaxis],
        penalty=0.0, scale=1.0, rate=rate, decay_1=beta_1, decay_2=beta_2, epsilon=epsilon,
    )  # fmt: skip
    error = np.abs(theta - expected) / units
    assert error.max() <= 3


def drawn(seed):
    """Return X, y and parameters of Adam that multiply rounding."""
    random = np.random.default_rng(seed)
    n, n_features, n_classes = random.integers(10, 120), random.integers(1, 12), random.choice([2, 3, 4])
    X = random.normal(size=(n, n_features))
    y = np.r_[np.arange(n_classes), random.integers(0, n_classes, n - n_classes)]
    parameters = {
        "hidden_layer_sizes": int(random.integers(1, 20)),
        "activation": str(random.choice(["relu", "tanh", "logistic", "identity"])),
        "beta_1": float(random.choice([0.5, 0.9, 0.99])),
        "beta_2": float(random.choice([0.0, 0.0, 0.01, 0.5])),
        "epsilon": float(random.choice([1e-4, 1e-8, 1e-12, 1e-30])),
        "alpha": float(random.choice([0.0, 1e-4, 1.0])),
        "learning_rate_init": float(random.choice([1e-3, 1e-2, 0.1])),
        "batch_size": int(random.choice([5, 10])),
        "max_iter": 3,
        "shuffle": False,
        "random_state": seed,
    }
    return X, y, parameters


def as_naive(model):
    """Return the weights of a fitted estimator in the layout of ``naive``."""
    (W1, W2), (b1, b2) = model.coefs_, model.intercepts_
    return W1.T, b1, W2.T, b2


def course(dtype, start, X, y, parameters):
    """Return the weights after the epochs, computed in a dtype from the weights at the start."""
    constants = {name: dtype(parameters[name]) for name in ("beta_1", "beta_2", "epsilon")}
    n_classes = y.max() + 1
    model = naive.Model(
        parameters["activation"], "logistic" if n_classes == 2 else "softmax", dtype(parameters["alpha"])
    )
    weights = tuple(w.astype(dtype) for w in start)
    solver = naive.Solver(naive.Rule("adam", dtype(parameters["learning_rate_init"]), **constants), weights)
    X, Y, s = X.astype(dtype), np.eye(n_classes, dtype=dtype)[y], np.ones(len(X), dtype)
    Y = Y[:, 1:] if n_classes == 2 else Y
    for _ in range(parameters["max_iter"]):
        for begin in range(0, len(X), parameters["batch_size"]):
            batch = slice(begin, begin + parameters["batch_size"])
            weights = solver.step(weights, naive.gradients(model, weights, X[batch], Y[batch], s[batch]))
    return weights


def distance(weights, exact):
    return max(float(np.abs(a - b).max() / max(1, np.abs(b).max())) for a, b in zip(weights, exact, strict=True))


def errors(seeds):
    """Return the distances of both classifiers from the exact course, where rounding is multiplied a millionfold.

    Where it is multiplied until nothing of the course is left, no distance says anything, and the case is left out.
    Whether it is one or the other is judged by a third course, the reference in float64.
    """
    found = []
    for seed in seeds:
        X, y, parameters = drawn(seed)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            still = {**parameters, "learning_rate_init": 1e-300, "max_iter": 1}
            start = as_naive(ShallowNetClassifier(**still).fit(X, y))
            exact, third = (course(dtype, start, X, y, parameters) for dtype in (EXACT, np.float64))
            if 1e-10 < distance(third, exact) < 1e-4:
                models = (kind(**parameters).fit(X, y) for kind in (ShallowNetClassifier, MLPClassifier))
                found.append([distance(as_naive(model), exact) for model in models])
    return np.array(found)


def check_errors(seeds, least):
    ours, theirs = errors(seeds).T
    assert len(ours) >= least
    assert np.exp(np.log(ours / theirs).mean()) <= 2
    assert np.mean(ours < theirs) > 0.25


def test_no_farther_from_the_exact_course_than_the_peer():
    check_errors(range(150), 25)


@pytest.mark.long
def test_no_farther_from_the_exact_course_than_the_peer_at_length():
    check_errors(range(150, 3000), 500)
