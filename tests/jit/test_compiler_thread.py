"""Signals, finalizers, errors and forks in the middle of a compilation: all fits work, and so does what is kept."""

import functools
import gc
import logging
import signal
import threading

import numba
import numpy as np
import pytest
from children import finish, start
from numba.core.compiler_lock import global_compiler_lock

from shallownet.jit import cache, compiling

posix = pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="there are no such signals here")

# Does something before the routine of a number is compiled, and prints what later calls give.
DISTURBED = """
import contextlib, gc, json, os, signal, sys, threading, warnings
import numpy as np
import shallownet
from shallownet.jit import linking
from shallownet.jit.compiling import KERNELS, kernel, routine
warnings.simplefilter("ignore")
X, y = np.random.RandomState(0).randn(60, 4), np.arange(60) % 3
seen, left = [], int(sys.argv[1])

def and_disturb(self, function, compile_extra=linking._RoutineCompiler.compile_extra):
    global left
    left -= 1
    if left == 0:
        disturb()
    return compile_extra(self, function)

linking._RoutineCompiler.compile_extra = and_disturb

def disturb():
    pass

{called}
{disturbance}
with contextlib.suppress(InterruptedError):
    called("f8")
print(json.dumps({{
    "file": shallownet.__file__,
    "seen": seen,
    "result": [called("f8"), called("f4")],
    "compiled": sum(len(kernel.stats.cache_misses) for kernel in KERNELS),
}}))
"""

NORM = """
@routine
def square(x):
    return x * x

@routine
def sum_of_squares(a):
    total = a[0] - a[0]
    for x in a:
        total += square(x)
    return total

@kernel
def norm(a):
    return np.sqrt(sum_of_squares(a))

def called(dtype):
    return [float(norm(X[0].astype(dtype)))]
"""

FIT = """
def called(dtype):
    model = shallownet.ShallowNetClassifier(3, max_iter=2, n_jobs=1, random_state=0)
    return model.fit(X.astype(dtype), y).predict_proba(X.astype(dtype)).tolist()
"""

HANDLER = """
def handler(*_):
    {action}

signal.signal(signal.SIGUSR1, handler)

def disturb():
    os.kill(os.getpid(), signal.SIGUSR1)
"""

FINALIZER = """
class Loop:
    def __init__(self):
        self.itself = self

    def __del__(self):
        begun.set()
        seen.append(called("f4"))

begun = threading.Event()

def disturb():
    Loop()
    begun.wait(30)  # for the thread that collects it
"""

CALLBACK = """
def at_collection(phase, info):
    if phase == "stop" and not seen and left <= 0:
        seen.append(None)
        begun.set()
        seen[0] = called("f4")

begun = threading.Event()
gc.callbacks.append(at_collection)

def disturb():
    begun.wait(30)  # for the thread that collects
"""

ERROR = HANDLER.format(action="raise InterruptedError")
NESTED = HANDLER.format(action='seen.append(called("f4"))')
FORK = HANDLER.format(
    action="""
    child = os.fork()
    if child == 0:
        os._exit(called("f4") != called("f4"))
    os.waitpid(child, 0)
    seen.append(called("f4"))"""
)
AT = 1, 2  # routines of norm; square is compiled while sum_of_squares is


def run(folder, called, disturbance="", at=0):
    job = DISTURBED.format(called=called, disturbance=disturbance)
    return finish(start(job, str(at), NUMBA_CACHE_DIR=str(folder)))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A function that gives the results of a process that nothing disturbs."""
    return functools.cache(lambda called: run(tmp_path_factory.mktemp("cache"), called)["result"])


def check(folder, called, disturbance, at, expected):
    """Check the results of a disturbed process, and of one that loads what that has kept."""
    disturbed = run(folder, called, disturbance, at)
    later = run(folder, called)
    assert (later["compiled"], later["result"]) == (0, expected)
    assert disturbed["result"] == expected
    assert disturbed["seen"] == ([] if disturbance is ERROR else [expected[1]])


@posix
@pytest.mark.parametrize("at", AT)
@pytest.mark.parametrize("disturbance", [NESTED, ERROR, FORK], ids=["compiles", "raises", "forks"])
def test_a_signal_handler(disturbance, at, tmp_path, undisturbed):
    check(tmp_path, NORM, disturbance, at, undisturbed(NORM))


@pytest.mark.parametrize("disturbance", [FINALIZER, CALLBACK], ids=["finalizer", "callback"])
def test_the_garbage_collector(disturbance, tmp_path, undisturbed):
    check(tmp_path, NORM, disturbance, AT[-1], undisturbed(NORM))


@posix
@pytest.mark.long
@pytest.mark.parametrize("at", [1, 20, 40])
@pytest.mark.parametrize("disturbance", [NESTED, ERROR, FORK, FINALIZER, CALLBACK])
def test_whole_fits(disturbance, at, tmp_path, undisturbed):
    check(tmp_path, FIT, disturbance, at, undisturbed(FIT))


@pytest.fixture
def alone(monkeypatch, tmp_path):
    """A cache of its own, in this process."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(compiling, "KERNELS", [])
    cache.places.cache_clear()
    yield tmp_path
    cache.places.cache_clear()


def add(a, b):
    return a + b


def test_within_another_compilation_of_the_same_thread_there_is_a_clear_error(alone):
    kernel = compiling.kernel(add)
    with global_compiler_lock, pytest.raises(RuntimeError, match="cannot compile while Numba compiles another"):
        kernel(1, 2)
    assert kernel(1, 2) == 3


def test_an_error_of_the_compiler_comes_to_the_caller_and_the_collector_works_as_before(alone):
    def failing(a):
        return a.nothing

    before = gc.get_threshold(), gc.isenabled()
    with pytest.raises(numba.core.errors.TypingError, match="nothing"):
        compiling.kernel(failing)(np.ones(1))
    assert (gc.get_threshold(), gc.isenabled()) == before
    assert not list(alone.rglob("*.lock"))


def test_without_a_further_thread_the_caller_compiles(alone, monkeypatch):
    def refuse(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert compiling.kernel(add)(1, 2) == 3
    assert list(alone.rglob("*.nbc"))


@pytest.mark.parametrize("verbose", [False, True])
def test_it_says_that_it_compiles(verbose, alone, capsys, caplog):
    with caplog.at_level(logging.INFO, "shallownet"), cache.announced(verbose):
        for _ in range(2):  # the second loads what the first has compiled
            compiling.kernel(add)(1, 2)
    (record,) = caplog.records
    assert "Compiling test_compiler_thread.add" in record.message
    assert capsys.readouterr().out.splitlines() == [record.message] * verbose


@pytest.mark.parametrize("verbose", [False, True])
def test_a_fit_that_is_verbose_says_so(verbose, tmp_path):
    job = """
import json, sys, contextlib, io, shallownet
printed = io.StringIO()
with contextlib.redirect_stdout(printed):
    model = shallownet.ShallowNetClassifier(3, max_iter=1, n_jobs=1, tol=9, n_iter_no_change=1, verbose=%s)
    model.fit([[0.0], [1.0]], [0, 1])
print(json.dumps({"file": shallownet.__file__, "lines": printed.getvalue().splitlines()}))
"""
    lines = finish(start(job % verbose, NUMBA_CACHE_DIR=str(tmp_path)))["lines"]
    assert [line for line in lines if "Compiling" in line] == [
        "Compiling train.train, which takes some seconds the first time."
    ] * verbose


def test_without_the_compiler_a_fit_says_what_to_unset():
    job = """
import json, shallownet
try:
    shallownet.ShallowNetClassifier(3, max_iter=1).fit([[0.0], [1.0]], [0, 1])
except RuntimeError as error:
    print(json.dumps({"file": shallownet.__file__, "error": str(error)}))
"""
    assert "unset the environment variable NUMBA_DISABLE_JIT" in finish(start(job, NUMBA_DISABLE_JIT="1"))["error"]


# Imports as a user would, fits, and prints how often the collector was at work in the fit.
COUNTED = """
import gc, json, warnings
import sklearn.neural_network
from sklearn.datasets import load_iris
import shallownet
X, y = load_iris(return_X_y=True)
collections = []
gc.callbacks.append(lambda phase, info: phase == "start" and collections.append(info["generation"]))
warnings.simplefilter("ignore")
shallownet.ShallowNetClassifier(4, max_iter=2, n_jobs=1).fit(X, y)
print(json.dumps({"file": shallownet.__file__, "collections": len(collections)}))
"""


def test_a_fit_from_the_cache_waits_for_no_collection(tmp_path):
    for collections in [1000, 20]:  # it compiles first
        assert finish(start(COUNTED, NUMBA_CACHE_DIR=str(tmp_path)))["collections"] < collections
