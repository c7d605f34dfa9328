"""When kernels use threads: after forks, beside other Python threads, and how many."""

import ctypes
import multiprocessing
import os
import sys
import threading
from contextlib import contextmanager
from types import SimpleNamespace

import numba
import pytest
from children import finish, start

from shallownet.jit import threads as room
from shallownet.jit.threads import fair_share, thread_limit, threads
from shallownet.training.inference import thread_count

FORK = """
import ctypes, json, multiprocessing, sys, warnings
import numpy as np
import shallownet
from shallownet import ShallowNetClassifier
from shallownet.training import thread_scheduler as _pace
from shallownet.kernels import train as epoch

warnings.simplefilter("ignore")
X = np.random.RandomState(0).randn(600, 5)
y = (X[:, 0] > 0).astype(int)

def fit(parallel):
    _pace.ThreadScheduler.next_call = lambda self, left: (parallel, left)
    model = ShallowNetClassifier(20, max_iter=2, batch_size=300, random_state=0).fit(X, y)
    return b"".join(w.tobytes() for w in model.coefs_).hex(), model.loss_curve_

def child(queue):
    queue.put((fit(True), len(epoch.train_parallel.signatures)))

def use_gnu_openmp():
    nothing = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda data: None)
    ctypes.CDLL("libgomp.so.1").GOMP_parallel(nothing, None, 2, 0)

if __name__ == "__main__":
    if sys.argv[1] == "openmp":
        use_gnu_openmp()
    parent, used = fit(sys.argv[1] == "threads"), len(epoch.train_parallel.signatures)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    process = context.Process(target=child, args=(queue,))
    process.start()
    process.join(60)
    forked, used_in_child = queue.get(timeout=5) if process.exitcode == 0 else (None, None)
    print(json.dumps({
        "file": shallownet.__file__, "same": parent == forked, "exit": process.exitcode,
        "parallel": [used, used_in_child],
    }))
"""


def has_gnu_openmp():
    try:
        return bool(ctypes.CDLL("libgomp.so.1"))
    except OSError:
        return False


can_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
with_openmp = pytest.mark.skipif(not has_gnu_openmp(), reason="no GNU OpenMP here")


# a child may start threads of its own only if its parent had none, be it for another library
@can_fork
@pytest.mark.parametrize(
    ("before", "parallel"),
    [("threads", [1, 1]), ("serial", [0, 1]), pytest.param("openmp", [0, 0], marks=with_openmp)],
)
def test_forked_child_finishes_with_the_same_bits(before, parallel):
    report = finish(start(FORK, before, NUMBA_NUM_THREADS="2", NUMBA_THREADING_LAYER="omp"))
    assert report["exit"] == 0
    assert report["same"]
    assert report["parallel"] == parallel


FORK_WHILE_COMPILING = """
import json, os, threading, time
import numpy as np
import shallownet
from numba.core.compiler_lock import global_compiler_lock
from shallownet.kernels.predict import predict_serial
from shallownet.training.inference import hidden_activations

def work():
    return hidden_activations(np.ones((4, 3)), [np.ones((3, 2)), np.ones((2, 1))], [np.ones(2), np.ones(1)], 0, 0.0, 1)

def compiling():
    free = global_compiler_lock._lock.acquire(blocking=False)
    if free:
        global_compiler_lock._lock.release()
    return not free

other = threading.Thread(target=work)
other.start()
while not compiling():
    time.sleep(0.001)
child = os.fork()
if child == 0:
    work()
    os._exit(0)
deadline, done = time.monotonic() + 60, 0
while not done and time.monotonic() < deadline:
    done, status = os.waitpid(child, os.WNOHANG)
    time.sleep(0.01)
if not done:
    os.kill(child, 9)
other.join()
compiled = len(predict_serial.stats.cache_misses)
print(json.dumps({"file": shallownet.__file__, "done": bool(done), "compiled": compiled}))
"""


@can_fork
def test_fork_while_another_thread_compiles(tmp_path):
    report = finish(start(FORK_WHILE_COMPILING, NUMBA_CACHE_DIR=str(tmp_path)))
    assert report["compiled"] == 1
    assert report["done"]


SERIAL = """
import json, numba, numpy as np, shallownet, warnings
warnings.simplefilter("ignore")
X = np.random.RandomState(0).randn(40, 3)
model = shallownet.ShallowNetClassifier(3, max_iter=2, n_jobs=N_JOBS).fit(X, np.arange(40) % 2)
model.predict(X)
print(json.dumps({"file": shallownet.__file__, "started": numba.np.ufunc.parallel._is_initialized}))
"""


@pytest.mark.parametrize("n_jobs", [1, None])
def test_small_fit_does_not_touch_the_threading_layer(n_jobs):
    report = finish(start(SERIAL.replace("N_JOBS", repr(n_jobs)), NUMBA_NUM_THREADS="2"))
    assert report["started"] is False


@contextmanager
def numba_threads(count):
    before = numba.get_num_threads()
    numba.set_num_threads(count)
    try:
        yield
    finally:
        numba.set_num_threads(before)


@pytest.fixture
def two_threads():
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("Numba may use one thread only")
    with numba_threads(2):
        yield


@pytest.mark.parametrize("count", [1, 2, 10**6])
def test_number_of_threads_is_restored(count, two_threads):
    with threads(count) as allowed:
        assert allowed == (count > 1)
        assert numba.get_num_threads() == (min(count, numba.config.NUMBA_NUM_THREADS) if allowed else 2)
    assert numba.get_num_threads() == 2
    with pytest.raises(ZeroDivisionError), threads(count):
        raise ZeroDivisionError
    assert numba.get_num_threads() == 2


def test_no_threads_where_numba_may_use_one():
    with numba_threads(1):
        assert thread_limit() == 1
        with threads(2) as allowed:
            assert not allowed
            assert numba.get_num_threads() == 1


def in_another_thread(function):
    found = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


def allowed():
    with threads(2) as answer:
        return answer


@pytest.mark.parametrize(("layer", "answer"), [("workqueue", False), ("omp", True), ("tbb", True)])
def test_other_python_threads_share_no_workqueue(layer, answer, two_threads, monkeypatch):
    monkeypatch.setattr(room, "_layer", lambda: layer)
    assert in_another_thread(allowed) is answer
    assert allowed() is True


def test_workqueue_is_for_one_at_a_time(two_threads, monkeypatch):
    monkeypatch.setattr(room, "_layer", lambda: "workqueue")
    with threads(2) as first:
        assert first
        assert not allowed()
    assert allowed()
    with pytest.raises(ZeroDivisionError), threads(2):
        raise ZeroDivisionError
    assert allowed()


def interrupted_on_the_way_in(line):
    """Raise an interrupt before the line-th line on the way into a block of threads; return whether there is one."""
    left = line

    def trace(frame, event, argument):
        nonlocal left
        if frame.f_code.co_filename != room.__file__:
            return None
        left -= event == "line"
        if left == 0:
            raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        with threads(10**6):
            sys.settrace(before)
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


@pytest.mark.parametrize("layer", ["workqueue", "omp"])
def test_an_interrupt_on_the_way_in_leaves_nothing(layer, two_threads, monkeypatch):
    monkeypatch.setattr(room, "_layer", lambda: layer)
    line = 1
    while interrupted_on_the_way_in(line):
        assert not room._seated
        assert not room._workqueue.locked()
        assert numba.get_num_threads() == 2
        line += 1
    assert line > 8


def test_python_threads_at_once_share_the_number(two_threads):
    most = numba.config.NUMBA_NUM_THREADS

    def share():
        with threads(10**6) as answer:
            return numba.get_num_threads() if answer else 1

    def hold(entered, leave):
        with threads(10**6):
            entered.set()
            leave.wait(30)

    entered, leave = threading.Event(), threading.Event()
    holder = threading.Thread(target=hold, args=(entered, leave))
    assert share() == most
    holder.start()
    entered.wait(30)
    assert share() == max(1, most // 2)
    leave.set()
    holder.join()
    assert share() == most


def test_layer_that_is_not_installed_means_no_threads(monkeypatch):
    def fail():
        raise ValueError("No threading layer could be loaded.")

    monkeypatch.setattr(room, "_threads_started", lambda: False)
    monkeypatch.setattr(numba, "get_num_threads", fail)
    with threads(2) as answer:
        assert answer is False
    assert not room.startable()


# --- how many, if the user names no number --------------------------------------------------------------


@pytest.fixture
def four_allowed(monkeypatch):
    monkeypatch.setattr(room, "thread_limit", lambda: 4)
    monkeypatch.setattr("shallownet.training.inference.thread_limit", lambda: 4)
    for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("openmp", "daemon", "expected"),
    [(None, False, 4), ("2", False, 2), ("9", False, 4), (" 3,1", False, 3), ("0", False, 4), ("x", False, 4)]
    + [(None, True, 1), ("2", True, 1)],
)
def test_fair_share(openmp, daemon, expected, four_allowed, monkeypatch):
    if openmp is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", openmp)
    monkeypatch.setattr(multiprocessing, "current_process", lambda: SimpleNamespace(daemon=daemon))
    assert fair_share() == expected
    monkeypatch.setenv("NUMBA_NUM_THREADS", "4")  # said outright
    assert fair_share() == 4


@pytest.mark.parametrize(
    ("n_jobs", "expected"), [(None, 3), (1, 1), (2, 2), (4, 4), (99, 4), (-1, 3), (-2, 2), (-3, 1), (-99, 1)]
)
def test_thread_count_is_what_n_jobs_asks_for(n_jobs, expected, four_allowed, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert thread_count(n_jobs) == expected
