"""Class probabilities of any number of rows, in any layout, on any number of threads."""

from contextlib import contextmanager

import naive
import numpy as np
import pytest
from harness import DTYPES, layouts, predict, predict_and_check, problem
from naive import Model

from shallownet.training import inference as _forward
from shallownet.training import thread_scheduler as _pace
from shallownet.training.thread_scheduler import ThreadScheduler

SHAPES = [(1, 1, 1, 1), (47, 3, 5, 2), (48, 15, 16, 3), (49, 16, 17, 6), (500, 40, 100, 26), (1, 2000, 3, 2)]


@pytest.fixture(params=DTYPES, ids=["float32", "float64"])
def dtype(request):
    return request.param


@pytest.mark.parametrize("activation", naive.ACTIVATIONS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_probabilities(shape, activation, dtype):
    output = "logistic" if shape[-1] == 1 else "softmax"
    task, model = problem(*shape, output=output), Model(activation, output, slope=0.25)
    expected = naive.forward(model, task.weights, task.X)[2]
    if shape[-1] == 1:
        expected = np.hstack([1 - expected, expected])
    result = predict(task, model, dtype)
    assert result.dtype == dtype
    np.testing.assert_allclose(result, expected, rtol=2e-5 if dtype == np.float32 else 1e-12, atol=1e-300)


def test_one_probability_for_each_label(dtype):
    task, model = problem(30, 4, 5, 3, output="logistic"), Model("tanh", "logistic")
    expected = naive.forward(model, task.weights, task.X)[2]
    np.testing.assert_allclose(predict(task, model, dtype), expected, rtol=1e-5)


def test_same_bits_for_any_memory_layout(dtype):
    task = problem(60, 37, 9, 3)
    X = task.X.astype(dtype)
    expected = predict(task, Model(), dtype, X).tobytes()
    for name, other in layouts(X):
        assert predict(task, Model(), dtype, other).tobytes() == expected, name


def test_same_bits_for_a_row_alone_and_among_others(dtype):
    task = problem(100, 5, 20, 3)
    X = task.X.astype(dtype)
    alone = np.vstack([predict(task, Model("tanh"), dtype, X[i : i + 1]) for i in range(100)])
    assert alone.tobytes() == predict(task, Model("tanh"), dtype, X).tobytes()


def test_same_bits_on_any_number_of_threads(dtype, monkeypatch):
    task = problem(777, 5, 20, 3)
    serial = predict(task, Model("tanh"), dtype)
    monkeypatch.setattr(_forward, "FEW_OPERATIONS", 0)
    for n_threads in (2, 3):
        monkeypatch.setattr(ThreadScheduler, "next_call", lambda scheduler, left: (True, left // 2 + 1))
        assert predict(task, Model("tanh"), dtype, n_threads=n_threads).tobytes() == serial.tobytes()


def test_nan_stays_in_its_row(dtype):
    task = problem(50, 5, 20, 3)
    task.X[7, 2] = np.nan
    nan = np.isnan(predict(task, Model("relu"), dtype))
    assert nan[7].all()
    assert nan.sum() == 3


@pytest.mark.parametrize(
    ("rows", "n_threads", "expected"),
    [(10_000, 2, {"serial", "parallel"}), (10_000, 1, {"serial"}), (10, 2, {"serial"})],
    ids=["many rows", "one thread", "few rows"],
)
def test_threads_are_tried_where_they_may_pay(rows, n_threads, expected, monkeypatch):
    monkeypatch.setattr(_forward, "_schedulers", {})
    monkeypatch.setattr(_pace, "WORTH_LOADING", 0)
    monkeypatch.setattr(_pace, "crowded", lambda: False)
    used = set()
    for name in ("serial", "parallel"):
        copy = getattr(_forward, f"predict_{name}")
        monkeypatch.setattr(_forward, f"predict_{name}", lambda *run, n=name, f=copy: used.add(n) or f(*run))
    task = problem(rows, 5, 100, 3)
    for _ in range(3):
        predict(task, Model("tanh"), np.float64, n_threads=n_threads)
    assert used == expected


@pytest.mark.parametrize("allowed", [False, True])
def test_the_scheduler_is_told_which_kernel_ran(allowed, monkeypatch):
    """Threads that are asked for may be refused."""
    recorded, ran = [], []

    @contextmanager
    def threads(count):
        yield allowed

    monkeypatch.setattr(_forward, "FEW_OPERATIONS", 0)
    monkeypatch.setattr(_forward, "threads", threads)
    monkeypatch.setattr(_forward, "_schedulers", {})
    monkeypatch.setattr(ThreadScheduler, "next_call", lambda scheduler, left: (True, left))
    monkeypatch.setattr(ThreadScheduler, "record", lambda scheduler, parallel, *_: recorded.append(parallel))
    for name in ("serial", "parallel"):
        copy = getattr(_forward, f"predict_{name}")
        monkeypatch.setattr(_forward, f"predict_{name}", lambda *run, n=name, f=copy: ran.append(n) or f(*run))
    predict(problem(777, 5, 20, 3), Model(), np.float64, n_threads=2)
    assert recorded == [allowed]
    assert ran[-1] == ("parallel" if allowed else "serial")


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("place", [(0, 0), (500, 36), (-1, -1)])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_is_found_wherever_it_is(value, place, n_threads, dtype, monkeypatch):
    monkeypatch.setattr(_forward, "FEW_OPERATIONS", 0)
    monkeypatch.setattr(ThreadScheduler, "next_call", lambda scheduler, left: (n_threads > 1, left // 2 + 1))
    task, model = problem(777, 37, 9, 3), Model()
    X = task.X.astype(dtype)
    assert predict_and_check(task, model, dtype, X, n_threads)[1]
    X[place] = value
    assert not predict_and_check(task, model, dtype, X, n_threads)[1]
