"""The network as data: its way through an epoch, its weights, and the number of threads."""

import pickle
import time
from copy import copy, deepcopy

import numba
import numpy as np
import pytest
from harness import DTYPES, ScriptedPace, attach, network, problem, weights_of
from naive import Model, Rule

from shallownet.kernels.memory import Memory, zeros
from shallownet.kernels.weight_layout import layout
from shallownet.training import buffers as _workspace
from shallownet.training import inference as _forward
from shallownet.training import network as _network
from shallownet.training.buffers import dense_workspace, shards_of
from shallownet.training.inference import thread_count


@pytest.fixture
def limit(monkeypatch):
    monkeypatch.setattr(_forward, "thread_limit", lambda: 6)
    monkeypatch.setattr(_forward, "fair_share", lambda: 6)


@pytest.mark.parametrize(
    ("n_jobs", "threads"), [(None, 6), (1, 1), (3, 3), (99, 6), (-1, 6), (-2, 5), (-6, 1), (-99, 1)]
)
def test_thread_count(n_jobs, threads, limit):
    assert thread_count(n_jobs) == threads


def test_thread_count_follows_numba():
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        assert thread_count(None) == thread_count(-1) == thread_count(8) == 1
    finally:
        numba.set_num_threads(before)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("count", [0, 1, 1000])
def test_zeros_begin_at_a_border_of_registers(count, dtype):
    for _ in range(5):
        array = zeros(count, dtype)
        assert array.shape == (count,) and array.dtype == dtype
        assert not array.any()
        assert array.ctypes.data % 64 == 0 or count == 0


def test_shares_grow_with_the_batch_and_stay_large():
    shards = [shards_of(batch_size) for batch_size in range(1, 5000)]
    assert shards == sorted(shards)
    assert shards[0] == 1 and shards[-1] == _workspace.MOST_SHARDS
    assert all(batch_size / count >= 32 for batch_size, count in enumerate(shards, 1) if count > 1)


@pytest.mark.parametrize("batch_size", [1, 100, 128, 200, 1000, 5000], ids="batch={}".format)
def test_no_block_of_a_batch_is_short(batch_size, monkeypatch):
    monkeypatch.setattr(_workspace, "WORKSPACE_BYTES", 60 * 4 * 1024)
    X, dtype = np.zeros((2, 784), np.float32), np.dtype(np.float32)
    plan = dense_workspace(Memory(), X, layout(784, 100, 10, 16, False), dtype, batch_size, 1, False).spec
    last = batch_size % plan["block"] or plan["block"]
    assert plan["block"] <= plan["shards"] * plan["rows"]
    assert last >= plan["block"] / 2


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_threads_write_lies_far_apart(dtype):
    dtype = np.dtype(dtype)
    lanes = 64 // dtype.itemsize
    sizes, threads = layout(64, 100, 10, lanes, False), 3
    space = dense_workspace(Memory(), np.zeros((2, 64), dtype), sizes, dtype, 300, threads, False)
    assert space.workers == threads
    apart = space.spec["workspace_stride"] * dtype.itemsize
    own = [space.buffers[name] for name in ("tail", "x", "a1", "d1", "z2", "y", "tile_weight", "losses")]
    end_of_first = max(array.ctypes.data + array.nbytes - (threads - 1) * apart for array in own)
    assert min(array.ctypes.data for array in own) + apart - end_of_first >= _workspace.APART_BYTES
    assert (space.spec["gradient_stride"] - sizes.size) * dtype.itemsize >= _workspace.APART_BYTES
    assert len(space.buffers["gradient"]) == (space.spec["shards"] - 1) * space.spec["gradient_stride"] + sizes.size
    ones = space.buffers["x"][sizes.features :: sizes.feature_rows][: space.spec["rows"]]
    assert (ones == 1).all()


def test_share_of_a_large_network_is_not_divided():
    # its workspace does not fit, but its gradient is larger
    dtype = np.dtype(np.float64)
    sizes = layout(784, 256, 10, 8, False)
    plan = dense_workspace(Memory(), np.zeros((2, 784), dtype), sizes, dtype, 256, 1, False).spec
    assert plan["block"] == 256
    assert plan["rows"] * (784 + 2 * 256) * dtype.itemsize > _workspace.WORKSPACE_BYTES


@pytest.mark.parametrize("batch_size", [1, 7, 64, 100, 300], ids="batch={}".format)
@pytest.mark.parametrize("places", [1, 50, 99, 10**9], ids="places={}".format)
def test_every_example_has_its_turn_once(places, batch_size, monkeypatch):
    monkeypatch.setattr(_workspace, "WORKSPACE_BYTES", 1)
    n = 300
    task = problem(n, 2, 3, 2)
    net = network(task, Model(), Rule(), np.float32)
    attach(net, task, Model(), batch_size=batch_size)
    net.scheduler = ScriptedPace((False, places))
    net.train_epoch(None, 0.1, 0, 0)
    assert sum(count for _, count in net.scheduler.taken) == n
    assert len(net.scheduler.taken) <= n / min(n, max(places, batch_size)) * 2 + n / net.block
    if places >= n:
        assert len(net.scheduler.taken) == 1


@pytest.mark.parametrize("dtype", DTYPES)
def test_weights_are_copies_in_the_layout_of_scikit_learn(dtype):
    task = problem(20, 4, 5, 3)
    net = network(task, Model(), Rule(), dtype)
    coefs, intercepts = net.weights()
    assert [w.shape for w in (*coefs, *intercepts)] == [(4, 5), (5, 3), (5,), (3,)]
    assert all(w.dtype == dtype and w.flags.c_contiguous and w.flags.owndata for w in (*coefs, *intercepts))
    before = weights_of(net)
    attach(net, task, Model())
    net.train_epoch(None, 0.5, 0, 0)
    for kept, w in zip(weights_of(net), before, strict=True):
        assert not np.array_equal(kept, w)
    for old, w in zip(before, task.weights, strict=True):
        np.testing.assert_array_equal(old, w.astype(dtype))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_finite(bad):
    task = problem(2, 3, 4, 2)
    assert network(task, Model(), Rule(), np.float64).finite()
    for w in task.weights:
        old, w[(0,) * w.ndim] = w[(0,) * w.ndim], bad
        assert not network(task, Model(), Rule(), np.float64).finite()
        w[(0,) * w.ndim] = old


@pytest.mark.parametrize("n_threads", [1, 2])
def test_numba_keeps_its_number_of_threads(n_threads):
    before = numba.get_num_threads()
    task = problem(300, 4, 20, 2)
    net = network(task, Model(), Rule(), np.float32)
    attach(net, task, Model(), n_threads=n_threads)
    net.scheduler = ScriptedPace((True, 10**9))
    net.train_epoch(None, 0.1, 0, 0)
    assert numba.get_num_threads() == before


def test_time_to_compile_is_no_time_of_training(monkeypatch):
    task = problem(20, 3, 4, 2)
    net = network(task, Model(), Rule(), np.float64)
    attach(net, task, Model())
    train = _network._TRAIN[False, False]

    def compiled_first(begin, end, *arguments):
        if begin == end:
            time.sleep(0.5)
        train(begin, end, *arguments)

    monkeypatch.setattr(_network, "_ready", set())
    monkeypatch.setitem(_network._TRAIN, (False, False), compiled_first)
    seconds = []
    monkeypatch.setattr(net.scheduler, "record", lambda parallel, places, taken: seconds.append(taken))
    net.train_epoch(None, 0.1, 0, 0)
    assert len(seconds) == 1
    assert seconds[0] < 0.4


def test_X_is_copied_unless_its_rows_are_in_one_piece_or_it_is_large(monkeypatch):
    sizes, X = layout(6, 4, 1, 8, False), np.zeros((50, 6))

    def is_copied(X):
        plan = dense_workspace(Memory(), X, sizes, X.dtype, 50, 1, False).spec
        return plan["x_address"] != X.__array_interface__["data"][0]

    assert [is_copied(A) for A in (X, X[::2], np.asfortranarray(X), X[:, ::-1])] == [False, False, True, True]
    monkeypatch.setattr(_workspace, "COPIED_BYTES", X.nbytes - 1)
    assert not is_copied(np.asfortranarray(X))


@pytest.mark.parametrize("copied", [pickle.dumps, copy, deepcopy])
def test_a_network_cannot_be_pickled_or_copied(copied):
    net = network(problem(20, 4, 5, 3), Model(), Rule(), np.float32)
    with pytest.raises(TypeError, match=r"holds addresses of memory: pickle its weights\(\) and moments\(\)"):
        copied(net)
