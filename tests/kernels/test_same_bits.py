"""One fit has one result, to the last bit, on any number of threads and however its data lie in memory."""

import json
from pathlib import Path

import cases
import numba
import pytest
from children import kill_family, start
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shallownet.kernels.activations import ACTIVATIONS
from shallownet.kernels.predict import predict_parallel
from shallownet.kernels.train import train_parallel
from shallownet.kernels.train_sparse import train_sparse_parallel

PARAMETERS = st.fixed_dictionaries(
    {
        "hidden_layer_sizes": st.integers(1, 70),
        "activation": st.sampled_from(list(ACTIVATIONS)),
        "solver": st.sampled_from(["adam", "sgd", "lbfgs"]),
        "batch_size": st.sampled_from([1, 7, 64, 200, "auto", "full", 0.3]),
        "max_iter": st.integers(1, 4),
        "alpha": st.sampled_from([0.0, 1e-3]),
        "shuffle": st.booleans(),
    },
    optional={
        "early_stopping": st.booleans(),
        "label_smoothing": st.just(0.1),
        "dropout": st.just(0.3),
        "learning_rate": st.sampled_from(["adaptive", "cosine"]),
    },
).filter(lambda parameters: parameters["solver"] != "lbfgs" or "dropout" not in parameters)
CASES = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 2**20),
        "n": st.integers(30, 700),
        "features": st.integers(1, 40),
        "classes": st.integers(2, 12),
        "dtype": st.sampled_from(["float32", "float64"]),
        "weighted": st.booleans(),
        "sparse": st.sampled_from([False, False, True]),
        "loss": st.sampled_from([None, None, "squared_error", "poisson", "huber"]),  # None: a classifier
        "parameters": PARAMETERS,
    }
)
WAYS = st.fixed_dictionaries(
    {},
    optional={
        "layout": st.sampled_from(cases.LAYOUTS),
        "n_jobs": st.sampled_from([1, 2, 3, None]),
        "callback": st.just(True),
    },
) | st.fixed_dictionaries(
    {
        "layout": st.sampled_from(cases.LAYOUTS),
        "n_jobs": st.sampled_from([1, 2, 3, None]),
        "cut": st.integers(0, 2**20),
        "parallel": st.sampled_from([False, True, None]),
    }
)


def drawn(examples, *strategies):
    """Draw so many examples, the same in each run unless it is a long one."""
    health = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]
    long = examples > 100
    fixed = settings(
        max_examples=examples, deadline=None, suppress_health_check=health, derandomize=not long, database=None
    )
    return lambda test: fixed(given(*strategies)(test))


@pytest.fixture(autouse=True)
def all_threads():
    before = numba.get_num_threads()
    numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
    yield
    numba.set_num_threads(before)


class Worker:
    """A process with many threads that does what it is sent."""

    def __init__(self, threads, **environment):
        self.process = start(Path(cases.__file__), NUMBA_NUM_THREADS=str(threads), stdin=True, **environment)

    def digest(self, case, way):
        self.process.stdin.write(json.dumps([case, way]) + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def close(self):
        kill_family(self.process)
        self.process.communicate()


@pytest.fixture(scope="module")
def worker():
    worker = Worker(16)
    yield worker
    worker.close()


def check_here(case, way, folder):
    assert cases.digest(case, way, folder) == cases.digest(case, {"n_jobs": 1}), way


def check_there(case, way, worker):
    way = {name: value for name, value in way.items() if name not in ("layout", "n_jobs")}
    assert worker.digest(case, way) == cases.digest(case, {"n_jobs": 1})


@drawn(60, CASES, WAYS)
def test_in_one_process(tmp_path, case, way):
    check_here(case, way, tmp_path)


@drawn(30, CASES, WAYS)
def test_on_sixteen_threads_in_another_process(worker, case, way):
    check_there(case, way, worker)


@pytest.mark.long
@drawn(6000, CASES, WAYS)
def test_in_one_process_at_length(tmp_path, case, way):
    check_here(case, way, tmp_path)


@pytest.mark.long
@drawn(3000, CASES, WAYS)
def test_on_sixteen_threads_in_another_process_at_length(worker, case, way):
    check_there(case, way, worker)


def test_the_draw_reaches_threads(tmp_path):
    case = {
        "seed": 1, "n": 400, "features": 9, "classes": 3, "dtype": "float32", "weighted": True, "sparse": False,
        "parameters": {"hidden_layer_sizes": 20, "max_iter": 3},
    }  # fmt: skip
    check_here(case, {"cut": 0, "parallel": True}, tmp_path)
    check_here(case | {"sparse": True}, {"cut": 0, "parallel": True}, tmp_path)
    large = {"hidden_layer_sizes": 500, "max_iter": 1}  # its weights are shared by the threads of a prediction
    check_here(case | {"features": 300, "parameters": large}, {"cut": 0, "parallel": True}, tmp_path)
    assert all(kernel.signatures for kernel in (train_parallel, train_sparse_parallel, predict_parallel))


@pytest.mark.parametrize("layout", cases.LAYOUTS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_layout(layout, dtype, tmp_path):
    case = {
        "seed": 1, "n": 150, "features": 9, "classes": 3, "dtype": dtype, "weighted": False, "sparse": False,
        "parameters": {"hidden_layer_sizes": 20, "max_iter": 3, "batch_size": 64},
    }  # fmt: skip
    X = cases.data_of(case)[0]
    shown = cases.laid_out(X, layout, tmp_path)
    assert (shown == X).all()
    assert cases.digest(case, {"layout": layout}, tmp_path) == cases.digest(case, {})
