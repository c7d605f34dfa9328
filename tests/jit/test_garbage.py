"""Python's garbage collector is kept from looking at what stays, and is afterwards as it was."""

import gc

import pytest
from children import finish, start

from shallownet.jit.garbage import collector_at_rest

# Imports as a user would, fits, and prints how often the collector was at work in the fit.
JOB = """
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


@pytest.fixture
def collections():
    """The generations that the collector looks at in the test."""
    found = []

    def note(phase, info):
        if phase == "start":
            found.append(info["generation"])

    gc.callbacks.append(note)
    yield found
    gc.callbacks.remove(note)


def make(count):
    return [[] for _ in range(count)]


def test_what_is_made_in_the_block_is_not_looked_at(collections):
    before = gc.get_threshold()
    gc.collect()
    collections.clear()
    with collector_at_rest():
        kept = make(60_000)
    kept += make(before[0] // 2)
    assert collections == []
    assert gc.get_threshold() == before
    kept += make(2 * before[0])
    assert collections


def test_garbage_of_the_block_is_collected_in_time():
    class Loop:
        living = 0

        def __init__(self):
            self.self = self
            Loop.living += 1

        def __del__(self):
            Loop.living -= 1

    with collector_at_rest():
        for _ in range(1000):
            Loop()
    gc.collect()
    assert Loop.living == 0


def test_what_others_have_frozen_stays_frozen():
    gc.freeze()
    try:
        frozen = gc.get_freeze_count()
        with collector_at_rest():
            make(1000)
        assert gc.get_freeze_count() == frozen > 0
    finally:
        gc.unfreeze()


def test_nothing_is_frozen_after_it():
    with collector_at_rest():
        make(1000)
    assert gc.get_freeze_count() == 0


def test_a_collector_that_is_off_stays_off(collections):
    gc.disable()
    try:
        with collector_at_rest():
            make(300_000)
        assert not gc.isenabled()
        assert collections == []
    finally:
        gc.enable()


def test_thresholds_are_as_before_after_an_error():
    before = gc.get_threshold()
    with pytest.raises(RuntimeError), collector_at_rest():
        assert gc.get_threshold()[0] == 0
        raise RuntimeError
    assert gc.get_threshold() == before


def test_a_fit_from_the_cache_waits_for_no_collection(tmp_path):
    for collections in [1000, 20]:  # it compiles first
        assert finish(start(JOB, NUMBA_CACHE_DIR=str(tmp_path)))["collections"] < collections
