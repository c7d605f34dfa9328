"""Small clusters on this machine, and data on them."""

import os
import signal
import threading
import time
from contextlib import contextmanager, suppress

import dask.array as da
import numpy as np
from distributed import Client, LocalCluster
from sklearn.datasets import make_classification

from shallownet.dask.cluster import Tasks

SECONDS = 60  # that anything may take


@contextmanager
def local_client(n_workers=2, processes=False, **options):
    """Yield the client of a cluster in threads of this process or, if asked, in processes."""
    options = {"threads_per_worker": 1, "dashboard_address": ":0", "silence_logs": 50, **options}
    with LocalCluster(n_workers=n_workers, processes=processes, **options) as cluster, Client(cluster) as client:
        yield client


def data(n=240, n_classes=3, dtype=np.float64, seed=0):
    """Return X and y in random order."""
    X, y = make_classification(
        n, 6, n_informative=4, n_classes=n_classes, n_clusters_per_class=1, class_sep=2.0, random_state=seed
    )
    return X.astype(dtype), y


def on_dask(*arrays, chunks=80):
    """Return Dask Arrays of so many rows a partition; a tuple gives the rows of each."""
    return [da.from_array(array, chunks=(chunks, *array.shape[1:])) for array in arrays]


def weights_of(model):
    """Return the weights of a model and its losses as bytes."""
    losses = np.array(getattr(model, "loss_curve_", [model.loss_]))
    return [array.tobytes() for array in (*model.coefs_, *model.intercepts_, losses)]


def keys_on(client):
    """Return the keys on the scheduler, as soon as there are none, or after some seconds those that stay."""
    end = time.monotonic() + 10
    while True:
        keys = client.run_on_scheduler(lambda dask_scheduler: list(dask_scheduler.tasks))
        if not keys or time.monotonic() > end:
            return keys
        time.sleep(0.05)


def before_result(monkeypatch, number, action):
    """Let an action happen just before a fit waits for the result of that number, whose tasks are on their way."""
    real, count = Tasks.result, iter(range(10**6))

    def result(tasks, future):
        if next(count) == number:
            action()
        return real(tasks, future)

    monkeypatch.setattr(Tasks, "result", result)


def kill_worker(client, place=0):
    """Send SIGKILL to the process of a worker; return its id."""
    pids = client.run(os.getpid)
    pid = pids[sorted(pids)[place]]
    os.kill(pid, signal.SIGKILL)
    return pid


def wait_for_restart(client, pid, n_workers=2):
    """Wait until a process was replaced by another worker."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        with suppress(OSError):  # the scheduler has not noticed yet
            pids = set(client.run(os.getpid).values())
            if len(pids) == n_workers and pid not in pids:
                return
        time.sleep(0.2)
    raise AssertionError(f"worker {pid} was not replaced")


def at_once(functions):
    """Call functions in threads that begin together; return what they gave."""
    results, everyone = {}, threading.Barrier(len(functions))

    def work(number, function):
        everyone.wait(SECONDS)
        results[number] = function()

    threads = [threading.Thread(target=work, args=each) for each in enumerate(functions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [results[number] for number in range(len(functions))]
