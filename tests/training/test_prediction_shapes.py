"""Predictions of few and many rows, features and units: one result by every way, at a cost that the rows make."""

import tracemalloc
import weakref
from time import perf_counter

import numpy as np
import pytest
from harness import DTYPES, layouts
from scipy import sparse
from scipy.special import softmax

from shallownet import ShallowNetClassifier
from shallownet.kernels.activations import TANH
from shallownet.kernels.losses import OUTPUT_SOFTMAX
from shallownet.kernels.memory import Memory
from shallownet.kernels.predict import CHUNK_BYTES, FEW_ROWS, LEAST_FEATURES, MOST_FEATURES, chunk_of
from shallownet.kernels.predict_head import Job
from shallownet.training import inference as _forward
from shallownet.training import thread_scheduler as _pace
from shallownet.training.inference import hidden_activations, predict_outputs
from shallownet.training.thread_scheduler import ThreadScheduler

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

# rows, features, units, outputs: with one chunk and several, few rows and many, lanes of units and of rows
SHAPES = [
    (1, 1, 1, 2), (FEW_ROWS, 700, 100, 3), (FEW_ROWS + 1, 700, 100, 3), (5, 1300, 1, 3), (100, 1300, 1, 3),
    (100, 1300, 6, 3), (100, 1300, 7, 3), (150, 2000, 33, 4), (70, 530, 200, 2), (3, 3000, 257, 3), (1000, 64, 100, 10),
]  # fmt: skip


@pytest.fixture(params=DTYPES, ids=["float32", "float64"])
def dtype(request):
    return request.param


def network(features, hidden, outputs, dtype, seed=0):
    random = np.random.default_rng(seed)
    w1, w2 = random.standard_normal((features, hidden)) / features**0.5, random.standard_normal((hidden, outputs))
    b1, b2 = random.standard_normal(hidden), random.standard_normal(outputs)
    return [w1.astype(dtype), w2.astype(dtype)], [b1.astype(dtype), b2.astype(dtype)]


def rows_of(n, features, dtype):
    return np.random.default_rng(1).standard_normal((n, features)).astype(dtype)


def probabilities(X, coefs, intercepts, n_jobs=1):
    return predict_outputs(X, coefs, intercepts, TANH, OUTPUT_SOFTMAX, 0.0, n_jobs)[0]


def hidden(X, coefs, intercepts, n_jobs=1):
    return hidden_activations(X, coefs, intercepts, TANH, 0.0, n_jobs)


@pytest.fixture
def in_many_calls(monkeypatch):
    """Let the clock cut a prediction into as many calls as it can, by turns on one thread and on several."""

    class Turns(ThreadScheduler):
        calls = 0

        def next_call(self, left):
            Turns.calls += 1
            return self._may and Turns.calls % 2 == 0, 1

        def record(self, *call):
            self.parallel = False

    monkeypatch.setattr(_forward, "FEW_OPERATIONS", 0)
    monkeypatch.setattr(_forward, "ThreadScheduler", Turns)
    monkeypatch.setattr(_forward, "_schedulers", {})
    monkeypatch.setattr(_pace, "SMALLEST_STEP", 0)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("form", ["dense", "sparse"])
def test_results(shape, form, dtype):
    n, *sizes = shape
    (w1, w2), (b1, b2) = network(*sizes, dtype)
    X = rows_of(n, sizes[0], dtype)
    if form == "sparse":
        X = np.where(np.abs(X) < 1, 0, X)
    activations = np.tanh(X.astype(np.float64) @ w1 + b1)
    expected = softmax(activations @ w2.astype(np.float64) + b2, axis=1)
    given = sparse.csr_matrix(X) if form == "sparse" else X
    tolerance = {"rtol": 1e-4, "atol": 1e-5} if dtype == np.float32 else {"rtol": 1e-11, "atol": 1e-13}
    np.testing.assert_allclose(probabilities(given, [w1, w2], [b1, b2]), expected, **tolerance)
    np.testing.assert_allclose(hidden(given, [w1, w2], [b1, b2]), activations, **tolerance)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("function", [probabilities, hidden])
def test_same_bits_for_rows_alone_in_calls_and_on_threads(function, shape, dtype, request):
    n, *sizes = shape
    model, X = network(*sizes, dtype), rows_of(n, sizes[0], dtype)
    expected = function(X, *model)
    for begin in range(0, n, max(1, n // 7)):
        assert function(X[begin : begin + 1], *model).tobytes() == expected[begin : begin + 1].tobytes()
    assert function(X[: n // 2 + 1], *model).tobytes() == expected[: n // 2 + 1].tobytes()
    request.getfixturevalue("in_many_calls")
    for n_jobs in (1, 2, 3):
        assert function(X, *model, n_jobs).tobytes() == expected.tobytes(), n_jobs


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_same_bits_for_any_memory_layout_of_X_and_of_the_weights(shape, dtype):
    n, *sizes = shape
    (w1, w2), intercepts = network(*sizes, dtype)
    X = rows_of(n, sizes[0], dtype)
    expected = probabilities(X, [w1, w2], intercepts).tobytes()
    for name, other in layouts(X):
        assert probabilities(other, [w1, w2], intercepts).tobytes() == expected, name
    for (name, first), (_, second) in zip(layouts(w1), layouts(w2), strict=True):
        assert probabilities(X, [first, second], intercepts).tobytes() == expected, name
    few = sparse.csr_matrix(np.where(np.abs(X) < 1, 0, X))
    expected = probabilities(few, [w1, w2], intercepts).tobytes()
    for name, first in layouts(w1):
        assert probabilities(few, [first, w2], intercepts).tobytes() == expected, name


@pytest.mark.parametrize("form", ["i1", "u2", "?", "f2", "f4", "f8", ">f4", ">f8", "g"])
def test_X_of_another_dtype_is_converted_a_part_at_a_time(form, monkeypatch):
    monkeypatch.setattr(_forward, "FEW_OPERATIONS", 0)
    monkeypatch.setattr(_forward, "SLAB_BYTES", 8000)
    for sizes in ((20, 30, 3), (1300, 30, 3)):
        X = (10 * rows_of(200, sizes[0], np.float64)).astype(form)
        for dtype in DTYPES:
            model = network(*sizes, dtype)
            assert probabilities(X, *model).tobytes() == probabilities(X.astype(dtype), *model).tobytes()


def test_sparse_X_is_read_a_slab_at_a_time(monkeypatch):
    X, model = sparse.random(300, 50, 0.2, "csr", random_state=0), network(50, 20, 3, np.float64)
    expected, sizes = probabilities(X, *model), []
    monkeypatch.setattr(_forward, "SLAB_NONZEROS", 100)
    copy = _forward.predict_sparse
    monkeypatch.setattr(_forward, "predict_sparse", lambda *run: sizes.append(len(run[2])) or copy(*run))
    assert probabilities(X, *model).tobytes() == expected.tobytes()
    assert sum(sizes) == X.nnz and max(sizes) <= 100


@pytest.mark.parametrize("dense", [True, False], ids=["converted", "sparse"])
def test_copies_are_held_while_a_kernel_runs(dense, monkeypatch):
    """Of a part of X that has another dtype; of the rows of W1 that a slab of sparse X needs."""
    alive, calls = weakref.WeakKeyDictionary(), []

    class Recording(Memory):
        def address(self, array):
            alive.setdefault(self, []).append(super().address(array))
            return alive[self][-1]

    def checked(run, job, position, field):
        address = job[Job._fields.index(field)] + position
        calls.append(address in {known for addresses in alive.values() for known in addresses})
        return run()

    random = np.random.default_rng(0)
    (w1, w2), intercepts = network(50, 20, 3, np.float64)
    X = random.standard_normal((300, 50)).astype(np.float32)
    monkeypatch.setattr(_forward, "Memory", Recording)
    monkeypatch.setattr(_forward, "FEW_OPERATIONS", 0)
    if dense:
        monkeypatch.setattr(_forward, "SLAB_BYTES", 8000)
        copy = _forward.predict_serial
        monkeypatch.setattr(
            _forward,
            "predict_serial",
            lambda *run: checked(lambda: copy(*run), run[5], run[0] * X.shape[1] * 8, "x_address"),
        )
    else:
        monkeypatch.setattr(_forward, "SLAB_NONZEROS", 5000)
        copy = _forward.predict_sparse
        monkeypatch.setattr(
            _forward, "predict_sparse", lambda *run: checked(lambda: copy(*run), run[4], 0, "w1_address")
        )
    expected = probabilities(X.astype(np.float64), [w1, w2], intercepts)
    calls.clear()
    found = probabilities(
        X if dense else sparse.csr_matrix(X), [w1 if dense else np.asfortranarray(w1), w2], intercepts
    )
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert len(calls) > 2 and all(calls)


@pytest.mark.parametrize("row", [0, 7, 60])
@pytest.mark.parametrize("n", [FEW_ROWS, 100])
@pytest.mark.parametrize("sizes", [(20, 3, 3), (1300, 40, 3)])
def test_nan_in_a_row_is_found_and_stays_there(sizes, n, row, dtype):
    X, model = rows_of(n, sizes[0], dtype), network(*sizes, dtype)
    row %= n
    expected = probabilities(X, *model)
    X[row, -1] = np.nan
    found, finite = predict_outputs(X, *model, TANH, OUTPUT_SOFTMAX, 0.0, 1)
    assert not finite
    assert np.isnan(found[row]).all()
    others = np.arange(n) != row
    np.testing.assert_array_equal(found[others], expected[others])


@pytest.mark.parametrize("form", ["dense", "sparse"])
@pytest.mark.parametrize("n", [1, FEW_ROWS, 100])
def test_memory_beside_a_large_model(n, form):
    """No array as large as the weights, 80 MB, is made for some rows."""
    model, X = network(100_000, 100, 3, np.float64), rows_of(n, 100_000, np.float64)
    if form == "sparse":
        X = sparse.csr_matrix(np.where(np.abs(X) < 3, 0, X))
    probabilities(X[:1], *model)
    tracemalloc.start()
    probabilities(X, *model)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 24 * 2**20


@pytest.mark.parametrize("form", ["dense", "sparse"])
def test_a_wide_model_predicts_some_rows_in_the_time_of_its_products(form):
    (w1, w2), intercepts = network(100_000, 100, 3, np.float64)
    X = rows_of(200, 100_000, np.float64)
    if form == "sparse":
        X = sparse.csr_matrix(np.where(np.abs(X) < 3, 0, X))
    product = min(seconds(lambda: X @ w1) for _ in range(3))
    ours = min(seconds(lambda: probabilities(X, [w1, w2], intercepts)) for _ in range(3))
    assert ours < 4 * product + 0.05


def seconds(run):
    start = perf_counter()
    run()
    return perf_counter() - start


@pytest.mark.parametrize("features", [1, 47, 48, 511, 512, 513, 1_000_000])
@pytest.mark.parametrize("units", [1, 16, 100, 1000, 100_000])
@pytest.mark.parametrize("size", [4, 8])
def test_chunks(size, units, features):
    chunk = chunk_of(features, units, size)
    assert 1 <= chunk <= features
    assert chunk <= MOST_FEATURES
    assert (chunk - 15) * units * size <= CHUNK_BYTES or chunk <= LEAST_FEATURES  # rounded up to whole lines
    if chunk < features:
        assert chunk % 16 == 0


@pytest.mark.long
@pytest.mark.parametrize("form", ["i1", "f4"])
def test_more_numbers_than_32_bits_count(form, tmp_path):
    """X is a file with holes, whose last rows lie beyond 2**31 numbers."""
    n, features = 67_200, 32_000
    X = np.memmap(tmp_path / "X", form, "w+", shape=(n, features))
    ends = [0, n // 2, n - 1]
    X[ends] = np.random.default_rng(0).integers(-9, 9, (3, features))
    y = np.arange(n) % 2
    model = ShallowNetClassifier(2, batch_size=0.5, max_iter=1, random_state=0)
    model.fit(X[:40].astype(np.float32), y[:40])
    expected = model.predict_proba(np.asarray(X[ends], np.float32))
    found = model.predict_proba(X)
    np.testing.assert_array_equal(found[ends], expected)
    np.testing.assert_array_equal(found[1:2], model.predict_proba(np.zeros((1, features), np.float32)))
    np.testing.assert_array_equal(found[n - 2], found[1])
    if form == "f4":  # else scikit-learn's check would make 17 GB of float64 of it
        model.fit(X, y)
        assert np.isfinite(model.loss_)
        assert model.coefs_[0].shape == (features, 2)
