"""The cache on disk and the threads: what users meet in other processes, folders and forks."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import numba
import pytest

import shallownet
from shallownet.kernels import compiling

PACKAGE = Path(shallownet.__file__).parent

# Trains, or only packs weights, and prints what came of it and how it was compiled.
JOB = """
import json, sys, warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import numpy as np
    import shallownet
    from numba.core.dispatcher import Dispatcher
    from shallownet.kernels.compiling import _Cache, _NoCache
    random = np.random.RandomState(0)
    if sys.argv[1] == "fit":
        X, y = random.randn(40, 3).astype(np.float32), np.arange(40) % 2
        model = shallownet.ShallowNetClassifier(3, "tanh", max_iter=3, random_state=0, n_jobs=1).fit(X, y)
        result = [*model.loss_curve_, *model.predict_proba(X)[:, 1].tolist()]
    else:
        from shallownet._network import Network
        weights = [random.randn(3, 2), random.randn(2, 1)], [random.randn(2), random.randn(1)]
        result = [w.tolist() for w in sum(Network(*weights, 0, 0, 0, None).weights(), [])]
        assert result == [w.tolist() for w in sum(weights, [])]
kernels = {}
for name, module in list(sys.modules.items()):
    if name.startswith("shallownet"):
        kernels.update({v.py_func.__qualname__: v for v in vars(module).values()
                        if isinstance(v, Dispatcher) and isinstance(v._cache, (_Cache, _NoCache))})
print(json.dumps({
    "file": shallownet.__file__,
    "result": result,
    "hits": sorted(name for name, kernel in kernels.items() if kernel.stats.cache_hits),
    "compiled": sorted(n for n, k in kernels.items() if k.overloads and not k.stats.cache_hits),
    "warnings": [str(w.message) for w in caught if not issubclass(w.category, ResourceWarning)
                 and "hasn't converged" not in str(w.message)],
}))
"""


def start(job, *arguments, package=PACKAGE, **environment):
    """Start a Python process with the package in that folder."""
    return subprocess.Popen(
        [sys.executable, "-c", job, *arguments],
        env={**os.environ, "PYTHONPATH": str(package.parent), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )


def finish(process, package=PACKAGE):
    """Return what a process of ``start`` printed."""
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    report = json.loads(out.splitlines()[-1])
    assert Path(report["file"]).parent == package
    return report


class Copy:
    """A copy of the package with a cache of its own."""

    def __init__(self, folder):
        self.package = folder / "src" / "shallownet"
        self.cache = folder / "cache"
        shutil.copytree(PACKAGE, self.package, ignore=shutil.ignore_patterns("__pycache__"))

    def start(self, what, **environment):
        # Python's own cache of bytecode looks at time and size of a file, as Numba's does
        settings = {"NUMBA_CACHE_DIR": str(self.cache), "PYTHONDONTWRITEBYTECODE": "1", **environment}
        return start(JOB, what, package=self.package, **settings)

    def run(self, what, **environment):
        return finish(self.start(what, **environment), self.package)


@pytest.fixture
def copy(tmp_path):
    return Copy(tmp_path)


def test_edit_of_a_helper_is_seen_and_an_unchanged_package_compiles_nothing(copy):
    first = copy.run("fit")
    assert first["compiled"] and not first["hits"]
    second = copy.run("fit")
    assert second["hits"] and not second["compiled"]
    assert second["result"] == first["result"]

    helper = copy.package / "kernels" / "activations.py"
    times, source = helper.stat(), helper.read_text()
    edited = source.replace("1.0 - a", "3.0 - a")  # the derivative of tanh
    assert edited != source
    helper.write_text(edited)
    os.utime(helper, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert (helper.stat().st_size, helper.stat().st_mtime_ns) == (times.st_size, times.st_mtime_ns)
    third = copy.run("fit")
    assert third["compiled"]
    assert third["result"] != first["result"]


def test_package_without_a_place_for_its_cache_warns_once_and_works(copy):
    blocker = copy.cache
    blocker.write_text("a file where a folder would have to be")
    for folder in (copy.package, copy.package / "kernels"):
        (folder / "__pycache__").write_text("")
    report = copy.run("fit", HOME=str(blocker), XDG_CACHE_HOME=str(blocker), LOCALAPPDATA=str(blocker))
    assert len(report["warnings"]) == 1
    assert re.search("NUMBA_CACHE_DIR", report["warnings"][0])
    assert report["compiled"]


def test_unwritable_cache_folder_gives_way_to_another(copy):
    copy.cache.write_text("a file where a folder would have to be")
    report = copy.run("pack")
    assert not report["warnings"]
    assert list((copy.package / "kernels" / "__pycache__").glob("*.nbc"))
    assert copy.run("pack")["hits"] == ["pack", "unpack"]


def test_cache_folder_removed_or_locked_later(copy):
    copy.run("pack")
    for folder in copy.cache.iterdir():
        shutil.rmtree(folder)
        folder.write_text("")
    assert copy.run("pack")["compiled"]


DAMAGE = {
    "empty": lambda data: b"",
    "cut": lambda data: data[: len(data) // 2],
    "text": lambda data: b"<html>no such page</html>",
}


@pytest.mark.parametrize("kind", ["nbi", "nbc"])
def test_damaged_cache_is_replaced(kind, copy):
    copy.run("pack")
    for name, damage in DAMAGE.items():
        for path in copy.cache.rglob(f"*.{kind}"):
            path.write_bytes(damage(path.read_bytes()))
        damaged = copy.run("pack")
        assert damaged["compiled"] == ["pack", "unpack"], name
        assert not damaged["warnings"], name
        assert copy.run("pack")["hits"] == ["pack", "unpack"], name


def test_many_processes_on_one_empty_cache(copy):
    processes = [copy.start("pack") for _ in range(4)]
    for process in processes:
        assert not finish(process, copy.package)["warnings"]
    assert copy.run("pack")["hits"] == ["pack", "unpack"]


def test_stamp_covers_every_compiled_source(tmp_path, monkeypatch):
    shutil.copytree(Path(compiling.__file__).parent, tmp_path / "kernels")
    monkeypatch.setattr(compiling, "__file__", str(tmp_path / "kernels" / "compiling.py"))
    stamps = set()
    for path in sorted((tmp_path / "kernels").glob("*.py")):
        path.write_bytes(path.read_bytes() + b"#")
        compiling.source_stamp.cache_clear()
        stamps.add(compiling.source_stamp())
    compiling.source_stamp.cache_clear()
    assert len(stamps) == len(list((tmp_path / "kernels").glob("*.py"))) > 10


# --- threads --------------------------------------------------------------------------------------------

FORK = """
import json, multiprocessing, sys, warnings
import numpy as np
import shallownet
from shallownet import ShallowNetClassifier, _pace
from shallownet.kernels import compiling, epoch

warnings.simplefilter("ignore")
X = np.random.RandomState(0).randn(600, 5)
y = (X[:, 0] > 0).astype(int)

def fit(parallel):
    _pace.Pace.next_call = lambda self, left: (parallel, left)
    model = ShallowNetClassifier(20, max_iter=2, batch_size=300, random_state=0).fit(X, y)
    return b"".join(w.tobytes() for w in model.coefs_).hex(), model.loss_curve_

def child(queue):
    queue.put((fit(True), len(epoch.train_parallel.signatures)))

if __name__ == "__main__":
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


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize(("before", "parallel"), [("threads", [1, 1]), ("serial", [0, 1])])
def test_forked_child_finishes_with_the_same_bits(before, parallel):
    report = finish(start(FORK, before, NUMBA_NUM_THREADS="2"))
    assert report["exit"] == 0
    assert report["same"]
    # a child may start threads of its own only if its parent had none
    assert report["parallel"] == parallel


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
    with compiling.threads(count) as allowed:
        assert allowed == (count > 1)
        assert numba.get_num_threads() == (min(count, numba.config.NUMBA_NUM_THREADS) if allowed else 2)
    assert numba.get_num_threads() == 2
    with pytest.raises(ZeroDivisionError), compiling.threads(count):
        raise ZeroDivisionError
    assert numba.get_num_threads() == 2


def test_no_threads_where_numba_may_use_one():
    with numba_threads(1):
        assert compiling.thread_limit() == 1
        with compiling.threads(2) as allowed:
            assert not allowed
            assert numba.get_num_threads() == 1


def in_another_thread(function):
    found = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


def allowed():
    with compiling.threads(2) as answer:
        return answer


@pytest.mark.parametrize(("layer", "answer"), [("workqueue", False), ("omp", True), ("tbb", True)])
def test_other_python_threads_share_no_workqueue(layer, answer, two_threads, monkeypatch):
    monkeypatch.setattr(compiling, "_layer", lambda: layer)
    assert in_another_thread(allowed) is answer
    assert allowed() is True


def test_workqueue_is_for_one_at_a_time(two_threads, monkeypatch):
    monkeypatch.setattr(compiling, "_layer", lambda: "workqueue")
    with compiling.threads(2) as first:
        assert first
        assert not allowed()
    assert allowed()
    with pytest.raises(ZeroDivisionError), compiling.threads(2):
        raise ZeroDivisionError
    assert allowed()
