"""Fits and predictions with threads that the system stops, crowds and moves about: they go on, with the same bits."""

import os
import random
import signal
import time
from pathlib import Path

import pytest
from children import SUPPORT, finish, is_installed, kill_family, start

needs_affinity = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no choice of CPUs here")
needs_stops = pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no SIGSTOP here")
needs_tasks = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="the system lists no threads")

# --- what one CPU costs ---------------------------------------------------------------------------------

ONE_CPU = """
import json, os, time, warnings
import numpy as np
from scipy import sparse
import shallownet
from shallownet import ShallowNetClassifier

warnings.simplefilter("ignore")
random = np.random.default_rng(0)
dense = random.normal(size=(5000, 20))
KINDS = {"dense": dense, "sparse": sparse.random(5000, 200, 0.05, format="csr", random_state=0)}

def seconds(policy, X, epochs):
    os.environ["SHALLOWNET_PARALLEL"] = policy
    model = ShallowNetClassifier(10, batch_size=250, max_iter=epochs, tol=0, n_iter_no_change=999, n_jobs=2)
    start = time.process_time()
    model.fit(X, dense[:, 0] > 0)
    return time.process_time() - start

for X in KINDS.values():  # loads or compiles, and starts threads that may use all CPUs
    seconds("never", X, 1), seconds("always", X, 1)
cpu = min(os.sched_getaffinity(0))
for task in os.listdir("/proc/self/task"):
    os.sched_setaffinity(int(task), {cpu})
ratios = {name: seconds("always", X, 20) / seconds("never", X, 20) for name, X in KINDS.items()}
print(json.dumps({"file": shallownet.__file__, **ratios}))
"""


@needs_affinity
@needs_tasks
def test_two_threads_on_one_cpu_cost_no_multiple(tmp_path):
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("there is one CPU only")
    report = finish(start(ONE_CPU, NUMBA_NUM_THREADS="2"))
    assert report["dense"] < 15
    assert report["sparse"] < 15


# --- a process that is stopped and moved ----------------------------------------------------------------


def stop_and_go(process, stopped, going):
    os.kill(process.pid, signal.SIGSTOP)
    time.sleep(stopped)
    os.kill(process.pid, signal.SIGCONT)
    time.sleep(going)


def stop_at_random(process, draw):
    stop_and_go(process, draw.expovariate(50), draw.expovariate(50))


def half_a_cpu(process, draw):
    """Let it run for half of the time, as a container's quota does."""
    stop_and_go(process, 0.005, 0.005)


def move_about(process, draw):
    """Bind all threads to one CPU or let them use all."""
    cpus = os.sched_getaffinity(0)
    chosen = {draw.choice(sorted(cpus))} if draw.random() < 0.5 else cpus
    for task in os.listdir(f"/proc/{process.pid}/task"):
        try:
            os.sched_setaffinity(int(task), chosen)
        except ProcessLookupError:  # that thread has ended
            continue
    time.sleep(draw.expovariate(30))


@pytest.mark.long
@pytest.mark.parametrize(
    "meddle",
    [
        pytest.param(stop_at_random, marks=needs_stops),
        pytest.param(half_a_cpu, marks=needs_stops),
        pytest.param(move_about, marks=[needs_affinity, needs_tasks]),
    ],
)
def test_process_that_is_meddled_with(meddle):
    process = start(SUPPORT / "stress.py", "20000", "200", NUMBA_NUM_THREADS="8")
    draw, deadline = random.Random(0), time.monotonic() + 400
    while process.poll() is None:
        meddle(process, draw)
        if time.monotonic() > deadline:
            kill_family(process)
    report = finish(process)
    assert report["fits"] == 200
    assert not report["failed"]


# --- many at once ---------------------------------------------------------------------------------------


@pytest.fixture(params=["omp", "workqueue", "tbb"])
def layer(request):
    if not is_installed(request.param):
        pytest.skip(f"Numba's threading layer {request.param} is not installed")
    return request.param


def crowd(layer, *arguments, most):
    report = finish(start(SUPPORT / "crowd.py", *arguments, NUMBA_THREADING_LAYER=layer, NUMBA_NUM_THREADS=most))
    assert report["layer"] == layer
    assert report["calls"] > 100
    assert not report["failed"]


@pytest.mark.long
@pytest.mark.parametrize("n_jobs", ["None", "64"])
def test_64_python_threads_that_may_use_64_threads_each(layer, n_jobs):
    crowd(layer, "alone", "10", "64", n_jobs, most="64")


@pytest.mark.long
@pytest.mark.parametrize("what", [pytest.param("fork", marks=needs_stops), "spawn"])
def test_processes_that_are_started_in_the_middle(layer, what):
    crowd(layer, what, "15", "5", "4", most="4")
