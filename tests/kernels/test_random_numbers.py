"""Random numbers by counter, and dropout, which takes them: what is left out, what is learned, and who sees it."""

from contextlib import contextmanager

import naive
import numba
import numpy as np
import pytest
from harness import DTYPES, lanes_of, uniform_numbers
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from shallownet import ShallowNetClassifier
from shallownet.training import thread_scheduler as _pace

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

KEY = 2 * 0x3C6EF372FE94F82B + 1
DEVIATIONS = 6  # of the binomial distribution, beyond which a count is no chance: two in a thousand million
GRADIENT = {"solver": "sgd", "momentum": 0.0, "nesterovs_momentum": False, "batch_size": "full", "shuffle": False}


@pytest.fixture(params=DTYPES, ids=["float32", "float64"])
def dtype(request):
    return request.param


@pytest.mark.parametrize("counter", [0, 5, 2**40 + 3, 2**62])
def test_numbers_are_those_of_the_naive_generator(counter, dtype):
    expected = naive.squares_generator(KEY, np.uint64(counter) + np.arange(100, dtype=np.uint64))
    assert_array_equal(uniform_numbers(KEY, counter, 100, dtype), expected)


def test_numbers_are_uniform_and_do_not_repeat():
    numbers = uniform_numbers(KEY, 0, 200_000, np.float64)
    counts = np.histogram(numbers, 50, (0, 1))[0]
    assert np.abs(counts - 4000).max() < DEVIATIONS * np.sqrt(200_000 * 0.02 * 0.98)
    assert np.abs(np.corrcoef(numbers[:-1], numbers[1:])[0, 1]) < DEVIATIONS / np.sqrt(200_000)
    assert np.abs(np.corrcoef(numbers, uniform_numbers(KEY + 2, 0, 200_000, np.float64))[0, 1]) < 0.02


def kept(dropout, n=240, n_hidden=150, dtype=np.float64, seed=0, epochs=1):
    """Return what dropout multiplied each hidden unit by, (n, n_hidden), in the last of so many epochs.

    Each example has a feature of its own, and so a row of W1, whose gradient is that factor times a number.
    """

    def trained(max_iter):
        init = [np.zeros((n, n_hidden)), np.full((n_hidden, 1), 1e-3)], [np.ones(n_hidden), np.zeros(1)]
        model = ShallowNetClassifier(n_hidden, "identity", init=init, dropout=dropout, alpha=0, random_state=seed)
        model.set_params(max_iter=max_iter, learning_rate_init=1e-3, **GRADIENT)
        return model.fit(np.eye(n, dtype=dtype), np.arange(n) % 2).coefs_[0]

    change = trained(epochs) - (trained(epochs - 1) if epochs > 1 else 0)
    largest = np.abs(change).max(axis=1, keepdims=True)  # of each example; the units that were kept have it alike
    return np.where(np.abs(change) > largest / 2, 1 / (1 - dropout), 0.0)


def assert_share(count, n, share):
    assert np.abs(count - n * share).max() <= DEVIATIONS * np.sqrt(n * share * (1 - share))


@pytest.mark.parametrize("dropout", [0.1, 0.5, 0.8])
def test_each_unit_is_left_out_with_the_probability_and_the_mean_is_preserved(dropout, dtype):
    factors = kept(dropout, dtype=dtype)
    n, n_hidden = factors.shape
    dropped = factors == 0
    assert_share(dropped.sum(), dropped.size, dropout)
    assert_share(dropped.sum(axis=0), n, dropout)
    assert_share(dropped.sum(axis=1), n_hidden, dropout)
    deviation = np.sqrt(dropout / (1 - dropout) / factors.size)  # of the mean of numbers that are 0 or 1 / (1 - p)
    assert abs(factors.mean() - 1) < DEVIATIONS * deviation


@pytest.mark.parametrize("epochs", [1, 3])
def test_units_are_those_of_the_naive_generator(epochs, dtype):
    key = 2 * int(np.random.RandomState(4).randint(2**62, dtype=np.int64)) + 1
    places = (epochs - 1) * 240 + np.arange(240)
    expected = naive.kept_units(0.3, key, places, 150, lanes_of(dtype))
    assert_array_equal(kept(0.3, dtype=dtype, seed=4, epochs=epochs), expected)


def test_neighbours_epochs_and_seeds_are_independent():
    first = kept(0.5) > 0
    others = {
        "next unit": np.roll(first, 1, axis=1),
        "next example": np.roll(first, 1, axis=0),
        "next epoch": kept(0.5, epochs=2) > 0,
        "next seed": kept(0.5, seed=1) > 0,
    }
    for other in others.values():
        assert_share((first == other).sum(), first.size, 0.5)


@pytest.mark.parametrize("targets", ["two classes", "three classes", "labels"])
@pytest.mark.parametrize("activation", ["tanh", "gelu"])
def test_gradient_with_fixed_units(activation, targets):
    random = np.random.default_rng(3)
    X = random.standard_normal((30, 3))
    y = {"two classes": np.arange(30) % 2, "three classes": np.arange(30) % 3, "labels": random.integers(0, 2, (30, 3))}
    n_outputs = 1 if targets == "two classes" else 3
    weights = [random.standard_normal(shape) for shape in [(3, 5), (5, n_outputs), 5, n_outputs]]

    def step(weights):
        """Return the model after one step of rate 1; the same seed leaves out the same units."""
        model = ShallowNetClassifier(5, activation, init=(weights[:2], weights[2:]), alpha=0.5, dropout=0.4, max_iter=1)
        return model.set_params(random_state=7, learning_rate_init=1.0, **GRADIENT).fit(X, y[targets])

    model, h = step(weights), 1e-5
    for i, after in enumerate(model.coefs_ + model.intercepts_):
        differences = np.empty_like(after)
        for place in np.ndindex(after.shape):
            ends = [[w.copy() for w in weights] for _ in range(2)]
            ends[0][i][place] += h
            ends[1][i][place] -= h
            differences[place] = (step(ends[0]).loss_ - step(ends[1]).loss_) / (2 * h)
        assert_allclose(weights[i] - after, differences, atol=1e-8)


@contextmanager
def noted_calls(monkeypatch):
    """Note for each call of a kernel whether it ran in parallel."""
    calls, record = [], _pace.ThreadScheduler.record

    def snapshot(scheduler, parallel, places, seconds):
        calls.append(parallel)
        record(scheduler, parallel, places, seconds)

    with monkeypatch.context() as patch:
        patch.setattr(_pace.ThreadScheduler, "record", snapshot)
        patch.setenv("SHALLOWNET_PARALLEL", "always")
        yield calls


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix], ids=["dense", "sparse"])
def test_same_bits_on_any_number_of_threads(form, dtype, monkeypatch):
    if numba.config.NUMBA_NUM_THREADS < 4:
        pytest.skip("Numba has fewer than four threads here")
    X = np.random.default_rng(0).standard_normal((3000, 20)).astype(dtype)
    y = np.arange(3000) % 3
    results, before = set(), numba.get_num_threads()
    numba.set_num_threads(4)
    try:
        for n_jobs in (1, 2, 3, 4):
            with noted_calls(monkeypatch) as calls:
                model = ShallowNetClassifier(40, dropout=0.3, batch_size=700, max_iter=6, random_state=0, n_jobs=n_jobs)
                model.fit(form(X), y)
            assert any(calls) == (n_jobs > 1)
            results.add(
                b"".join(w.tobytes() for w in model.coefs_ + model.intercepts_) + bytes(str(model.loss_curve_), "ascii")
            )
    finally:
        numba.set_num_threads(before)
    assert len(results) == 1


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix], ids=["dense", "sparse"])
def test_prediction_leaves_no_unit_out(form):
    X, y = np.random.default_rng(0).standard_normal((50, 4)), np.arange(50) % 3
    model = ShallowNetClassifier(9, "tanh", dropout=0.5, max_iter=5, random_state=0)
    model.fit(form(X), y, X_val=form(X), y_val=y)
    (W1, W2), (b1, b2) = model.coefs_, model.intercepts_
    _, a1, a2 = naive.forward(naive.Model("tanh"), (W1.T, b1, W2.T, b2), X)
    assert_allclose(model.hidden_activations(form(X)), a1, rtol=1e-12)
    assert_allclose(model.predict_proba(form(X)), a2, rtol=1e-12)
    assert_allclose(model.validation_loss_curve_[-1], -np.log(a2[np.arange(50), y]).mean(), rtol=1e-12)


def test_nothing_is_drawn_without_dropout():
    random = np.random.default_rng(0)
    X, y = random.standard_normal((50, 4)), np.arange(50) % 3
    drawn = []
    for dropout in (0.0, 0.2):
        random_state = np.random.RandomState(0)
        model = ShallowNetClassifier(9, dropout=dropout, shuffle=False, max_iter=2, random_state=random_state)
        model.fit(X, y)
        drawn.append(random_state.randint(2**31))
    expected = np.random.RandomState(0)
    ShallowNetClassifier(9, shuffle=False, max_iter=1, random_state=expected).fit(X, y)
    assert drawn[0] == expected.randint(2**31) != drawn[1]
