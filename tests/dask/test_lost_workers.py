"""Clusters of processes: workers that are killed, their threads, and their memory."""

import os

import dask.array as da
import numpy as np
import pytest
from clusters import before_result, data, keys_on, kill_worker, local_client, on_dask, wait_for_restart, weights_of
from sklearn.datasets import load_digits

from shallownet.dask import DaskShallowNetClassifier, cluster
from shallownet.dask.cluster import Tasks
from shallownet.training.inference import thread_count

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = data()


@pytest.fixture
def client():
    """A cluster of its own for each test: Dask does not always replace the workers of a cluster for the tenth time."""
    with local_client(2, processes=True, threads_per_worker=2) as client:
        yield client


def classifier(**parameters):
    return DaskShallowNetClassifier(8, **{"max_iter": 3, "random_state": 0, "batch_size": 20, **parameters})


def drawn(seed, n, n_features=6):
    return np.random.default_rng(seed).standard_normal((n, n_features), dtype=np.float32)


def on_cluster(kind):
    """Return X and y in memory, persisted or lazy, with the same numbers."""
    dX, dy = on_dask(np.concatenate([drawn(seed, 80) for seed in range(3)]), Y)
    if kind == "lazy":
        dX = da.map_blocks(
            lambda block_info: drawn(block_info[None]["chunk-location"][0], 80), chunks=dX.chunks, meta=dX._meta
        )
    return (dX.persist(), dy.persist()) if kind == "persisted" else (dX, dy)


CASES = [
    pytest.param(kind, solver, number, marks=() if (kind, solver, number) == ("lazy", "adam", 3) else pytest.mark.long)
    for kind in ("memory", "persisted", "lazy")
    for solver in ("adam", "lbfgs")
    for number in (0, 1, 3)
]


@pytest.mark.parametrize("kind, solver, number", CASES)
def test_the_same_bits_after_a_worker_is_killed(client, monkeypatch, kind, solver, number):
    """Result 0 are the checks, the next ones epochs or evaluations."""
    expected = weights_of(classifier(solver=solver).fit(*on_cluster(kind)))
    killed = []
    before_result(monkeypatch, number, lambda: killed.append(kill_worker(client)))
    assert weights_of(classifier(solver=solver).fit(*on_cluster(kind))) == expected
    assert len(killed) == 1
    wait_for_restart(client, killed[0])
    assert not keys_on(client)


def test_a_task_uses_the_threads_of_its_worker():
    with local_client(1, processes=True, threads_per_worker=2) as client, Tasks(client) as tasks:
        told = tasks.result(
            tasks.submit_threaded(lambda n_threads: (n_threads, thread_count(n_threads), os.environ["OMP_NUM_THREADS"]))
        )
    assert told == (2, 2, "1")


@pytest.mark.long
def test_lbfgs_on_digits_is_a_local_fit():
    X, y = load_digits(return_X_y=True)
    with local_client(2, processes=True):
        model = DaskShallowNetClassifier(50, solver="lbfgs", max_iter=20, random_state=0).fit(
            *on_dask(X / 16, y, chunks=360)
        )
    local = model.to_local().fit(X / 16, y)
    assert model.n_iter_ == local.n_iter_
    assert abs(model.loss_ - local.loss_) < 1e-12


@pytest.mark.long
def test_all_workers_are_lost(monkeypatch):
    monkeypatch.setattr(cluster, "POLL", 0.5)
    monkeypatch.setattr(cluster, "PATIENCE", 2.0)
    with local_client(2, processes=True) as client:
        model = classifier(client=client).fit(*on_dask(X, Y))
        before = weights_of(model)
        model.set_params(max_iter=10**6, tol=0.0, n_iter_no_change=np.inf)
        before_result(monkeypatch, 2, lambda: client.cluster.scale(0))
        with pytest.raises(RuntimeError, match="the cluster has had no worker for 2 seconds"):
            model.fit(*on_dask(X, Y))
        assert weights_of(model) == before


@pytest.mark.long
def test_data_larger_than_the_memory_of_all_workers_are_trained():
    """20 partitions of 200 MB, of which two workers of 1 GB hold a part and write the others to disk."""
    n, n_features = 500_000, 100
    chunks = (n,) * 20, (n_features,)
    lazy = da.map_blocks(
        lambda block_info: drawn(block_info[None]["chunk-location"][0], n, n_features),
        chunks=chunks,
        meta=drawn(0, 1)[:0],
    )
    labels = da.map_blocks(lambda block_info: np.arange(n) % 3, chunks=chunks[:1], meta=np.arange(0))
    with local_client(2, processes=True, memory_limit="1GB") as client:
        pids = set(client.run(os.getpid).values())
        model = DaskShallowNetClassifier(4, max_iter=2, random_state=0).fit(lazy, labels)
        assert model.t_ == 2 * 20 * n
        assert set(client.run(os.getpid).values()) == pids  # none was ended for its memory
