"""Every way to run several fits at once: none is killed, none hangs, and all give the bits of a fit alone."""

import multiprocessing
from importlib.util import find_spec
from pathlib import Path

import joblib
import pytest
import ways
from children import finish, is_installed, start

from shallownet import ShallowNetClassifier

SCRIPT = Path(ways.__file__)
COMPLAINTS = ["fork() called", "Concurrent access", "Traceback", "Warning", "Terminat", "invalid state"]


@pytest.fixture(params=["omp", "workqueue", "tbb"])
def layer(request):
    if not is_installed(request.param):
        pytest.skip(f"Numba's threading layer {request.param} is not installed")
    return request.param


def possible(way):
    """Return whether the system and what is installed have that way."""
    methods = {"fork", "forkserver", "spawn"} - set(multiprocessing.get_all_start_methods())
    return way not in methods and ("dask" not in way or find_spec("distributed") is not None)


WAYS = [way for way in ways.WAYS if possible(way)]


@pytest.fixture(scope="module")
def alone():
    """The bits of a fit without threads, in this process."""
    X, y = ways.data()
    model = ShallowNetClassifier(**ways.PARAMETERS, n_jobs=1).fit(X, y)
    return ways.digest(model, X)


def check(report, chosen, alone):
    for way in chosen:
        assert len(report[way]) >= 1
        for bits, state_is_as_before in report[way]:
            assert bits == alone, way
            assert state_is_as_before, way
    lines = [line for line in report["stderr"].splitlines() if "resource_tracker" not in line]  # of multiprocessing
    noise = [line for line in lines if any(word in line for word in COMPLAINTS)]
    assert not noise


def test_all_ways_one_after_the_other(layer, alone):
    chosen = [way for way in WAYS if "dask" not in way]
    report = finish(start(SCRIPT, *chosen, NUMBA_THREADING_LAYER=layer, NUMBA_NUM_THREADS="3"))
    check(report, chosen, alone)
    assert report["layer"] == layer
    assert report["parallel"] == 1


@pytest.mark.long
@pytest.mark.parametrize("first", [[], ["main thread"]], ids=["at once", "after a fit"])
@pytest.mark.parametrize("way", WAYS)
def test_each_way_in_a_process_of_its_own(layer, way, first, alone):
    chosen = [*first, way]
    report = finish(start(SCRIPT, *chosen, NUMBA_THREADING_LAYER=layer, NUMBA_NUM_THREADS="16"))
    check(report, chosen, alone)
    assert report["layer"] in (layer, None)


@pytest.mark.long
@pytest.mark.skipif(not possible("dask threads"), reason="dask.distributed is not installed")
def test_dask(layer, alone):
    chosen = ["dask threads", "dask processes"]
    report = finish(start(SCRIPT, *chosen, NUMBA_THREADING_LAYER=layer, NUMBA_NUM_THREADS="3"))
    check(report, chosen, alone)


def test_workers_do_not_ask_for_more_threads_than_there_are_cores():
    unset = dict.fromkeys(("NUMBA_NUM_THREADS", "OMP_NUM_THREADS"))
    counts = finish(start(SCRIPT, "threads of workers", **unset))
    assert set(counts["loky None"]) == {max(1, joblib.cpu_count() // 2)}
    assert set(counts["loky 1"]) == {1}
    assert set(counts["loky 3"]) == {3}
    assert set(counts["pool"]) == {1}
