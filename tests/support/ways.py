"""The ways in which users run several fits at once; run as a program, it takes them and reports as JSON.

    python ways.py fork loky ...

Each fit asks for threads in every call of a kernel, however small it is.
"""

import asyncio
import hashlib
import json
import multiprocessing
import sys
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numba
import numpy as np
from joblib import Parallel, delayed, parallel_config
from sklearn.model_selection import GridSearchCV, cross_val_predict

import shallownet
from shallownet import ShallowNetClassifier
from shallownet.kernels import train as epoch
from shallownet.training import inference as _forward
from shallownet.training import thread_scheduler as _pace
from shallownet.training.inference import thread_count

JOBS = 4
# training ends by its rule, without a warning, which could not be silenced in threads
PARAMETERS = {
    "hidden_layer_sizes": 20,
    "batch_size": 100,
    "learning_rate_init": 0.01,
    "tol": 10.0,
    "n_iter_no_change": 2,
    "random_state": 0,
}


def data():
    X = np.random.RandomState(0).randn(600, 5).astype(np.float32)
    return X, X[:, 0] * X[:, 1] > 0


def digest(model, X):
    """Return a digest of the fitted weights and the predictions."""
    arrays = [*model.coefs_, *model.intercepts_, model.predict_proba(X)]
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()


class Threaded(ShallowNetClassifier):
    """A classifier that asks for threads in every call of a kernel, in whichever process it is."""

    def fit(self, X, y):
        _pace.ThreadScheduler.next_call = lambda scheduler, left: (True, max(1, left // 2))
        _forward.FEW_OPERATIONS = 0
        return super().fit(X, y)


def state():
    """Return what a call must leave as it was."""
    started = numba.np.ufunc.parallel._is_initialized
    threads = numba.get_num_threads() if started else numba.config.NUMBA_NUM_THREADS
    return np.geterr(), threads, numba.threading_layer() if started else None


def unchanged(before):
    after = state()
    return before[:2] == after[:2] and before[2] in (None, after[2])


def job(number=0):
    """Fit, predict and fail; return the digest and whether the caller's state was left alone."""
    X, y = data()
    if numba.np.ufunc.parallel._is_initialized:
        numba.set_num_threads(max(1, numba.config.NUMBA_NUM_THREADS - number % 2))
    with np.errstate(divide="print", over="call", invalid="ignore"):
        before = state()
        model = Threaded(**PARAMETERS).fit(X, y)
        result = digest(model, X)
        same = unchanged(before)
        for failing in (X * np.nan, X * np.float32(1e38)):
            try:
                Threaded(**PARAMETERS | {"learning_rate_init": 1e38}).fit(failing, y)
            except ValueError:
                same = same and unchanged(before)
            else:
                same = False
    return result, same


def in_pool(method):
    with multiprocessing.get_context(method).Pool(2) as pool:
        return pool.map_async(job, range(JOBS)).get(120)


def in_joblib(backend):
    return Parallel(n_jobs=2, backend=backend)(delayed(job)(number) for number in range(JOBS))


def in_executor(executor):
    with executor(2) as pool:
        return list(pool.map(job, range(JOBS)))


def in_python_threads():
    """Fit in 8 threads that start at once."""
    results, everyone = [], threading.Barrier(8)

    def work(number):
        everyone.wait(60)
        results.append(job(number))

    workers = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return results


async def in_asyncio():
    return await asyncio.gather(*(asyncio.to_thread(job, number) for number in range(JOBS)))


def search(n_jobs):
    return GridSearchCV(Threaded(**PARAMETERS), {"alpha": [0.0, 1e-4]}, cv=2, n_jobs=n_jobs, error_score="raise")


def in_search():
    X, y = data()
    alone, found = search(1).fit(X, y), search(2).fit(X, y)
    same = np.array_equal(alone.cv_results_["mean_test_score"], found.cv_results_["mean_test_score"])
    return [(digest(found.best_estimator_.set_params(alpha=1e-4).fit(X, y), X), bool(same))]


def in_nested_search():
    X, y = data()
    alone, found = (
        cross_val_predict(search(n_jobs), X, y, cv=2, n_jobs=n_jobs, method="predict_proba") for n_jobs in (1, 2)
    )
    return [(digest(Threaded(**PARAMETERS).fit(X, y), X), alone.tobytes() == found.tobytes())]


def in_dask(processes):
    from distributed import Client, LocalCluster

    options = {"n_workers": 2 if processes else 1, "threads_per_worker": 2, "dashboard_address": None}
    with LocalCluster(processes=processes, **options) as cluster, Client(cluster), parallel_config("dask"):
        return Parallel()(delayed(job)(number) for number in range(JOBS))


WAYS = {
    "main thread": lambda: [job(number) for number in range(2)],
    "python threads": in_python_threads,
    "asyncio": lambda: asyncio.run(in_asyncio()),
    "thread pool": lambda: in_executor(ThreadPoolExecutor),
    "joblib threading": lambda: in_joblib("threading"),
    "joblib loky": lambda: in_joblib("loky"),
    "joblib multiprocessing": lambda: in_joblib("multiprocessing"),
    "process pool": lambda: in_executor(ProcessPoolExecutor),
    "fork": lambda: in_pool("fork"),
    "forkserver": lambda: in_pool("forkserver"),
    "spawn": lambda: in_pool("spawn"),
    "search": in_search,
    "nested search": in_nested_search,
    "dask threads": lambda: in_dask(False),
    "dask processes": lambda: in_dask(True),
}


def threads_of_worker(_=None):
    return thread_count(None)


def threads_of_workers():
    """Return how many threads a worker would use unasked, by the kind of its pool."""
    counts = {}
    for limit in (None, 1, 3):
        with parallel_config("loky", inner_max_num_threads=limit):
            counts[f"loky {limit}"] = Parallel(n_jobs=2)(delayed(threads_of_worker)() for _ in range(2))
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        counts["pool"] = pool.map_async(threads_of_worker, range(2)).get(120)
    return counts


if __name__ == "__main__":
    import ways  # not __main__: workers import the jobs by that name

    report = {"file": shallownet.__file__}
    if sys.argv[1] == "threads of workers":
        report |= ways.threads_of_workers()
    else:
        for way in sys.argv[1:]:
            print(way, file=sys.stderr, flush=True)  # noqa: T201
            report[way] = ways.WAYS[way]()
        report["layer"] = numba.threading_layer() if numba.np.ufunc.parallel._is_initialized else None
        report["parallel"] = len(epoch.train_parallel.signatures)
    print(json.dumps(report))  # noqa: T201
