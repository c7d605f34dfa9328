"""Class probabilities of any number of rows, in any layout, on any number of threads."""

import naive
import numpy as np
import pytest
from harness import DTYPES, layouts, predict, problem
from naive import Model

from shallownet import _forward

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
    monkeypatch.setattr(_forward, "THREAD_OPERATIONS", 1)
    monkeypatch.setattr(_forward, "LOADING_OPERATIONS", 0)
    task = problem(777, 5, 20, 3)
    serial = predict(task, Model("tanh"), dtype)
    for n_threads in (2, 3):
        assert predict(task, Model("tanh"), dtype, n_threads=n_threads).tobytes() == serial.tobytes()


def test_nan_stays_in_its_row(dtype):
    task = problem(50, 5, 20, 3)
    task.X[7, 2] = np.nan
    nan = np.isnan(predict(task, Model("relu"), dtype))
    assert nan[7].all()
    assert nan.sum() == 3


def test_threads_are_used_once_there_has_been_work_enough(monkeypatch):
    monkeypatch.setattr(_forward, "_without_threads", {})
    large, dtype = _forward.LOADING_OPERATIONS / 3, np.dtype(np.float32)
    assert [_forward._parts(large, 2, dtype) for _ in range(4)] == [1, 1, 2, 2]
    assert _forward._parts(_forward.THREAD_OPERATIONS * 2 - 1, 2, dtype) == 1
    assert _forward._parts(large, 1, dtype) == 1
    assert _forward._parts(large, 2, np.dtype(np.float64)) == 1
