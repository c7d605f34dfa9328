"""Of several processes on an empty cache one compiles, the others wait; none waits for ever."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numba
import pytest
from children import Copy, finish, start

from shallownet.jit import cache, compiling
from shallownet.jit import trusted_dir as folders
from shallownet.jit.trusted_dir import Folder

HOLD = """
import sys, time
from shallownet.jit.trusted_dir import Folder
with Folder(sys.argv[1]) as folder:
    held = folder.lock(sys.argv[2])
print("held", flush=True)
time.sleep(600)
"""


@pytest.fixture
def chosen(tmp_path, monkeypatch):
    """The folder of entries, in this process."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(compiling, "KERNELS", [])
    cache.places.cache_clear()
    yield Path(cache.places()[1].path)
    cache.places.cache_clear()


def add(a, b):
    return a + b


def is_loaded():
    """Compile a function as a new process would, and return whether its code came from the cache."""
    kernel = compiling.kernel(add)
    assert kernel(2, 1) == 3
    return bool(kernel.stats.cache_hits)


@pytest.fixture
def name(chosen):
    """The name of the lock of an entry that is not there any more."""
    assert not is_loaded()
    (entry,) = chosen.iterdir()
    entry.unlink()
    return f"{entry.name}.lock"


@pytest.fixture
def holder(chosen, name):
    """Another process that has the lock."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, chosen, name], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize("what", ["hidden", "fit"])
def test_one_process_compiles_for_all(what, tmp_path):
    copy = Copy(tmp_path)
    processes = [copy.start(what) for _ in range(4)]
    reports = [finish(process, copy.package) for process in processes]
    compiled = sorted(name for report in reports for name in report["compiled"])
    assert compiled and compiled == sorted(set(compiled))
    assert not [warning for report in reports for warning in report["warnings"]]
    assert not list(copy.cache.rglob("*.lock"))


SEARCH = """
import json, os, sys
from pathlib import Path
import numpy as np
from sklearn.model_selection import GridSearchCV
import shallownet

def score(model, X, y):
    from shallownet.jit.compiling import KERNELS
    result = model.score(X, y)
    counts = [sum(len(getattr(entry.stats, kind)) for entry in KERNELS) for kind in ("cache_misses", "cache_hits")]
    Path(sys.argv[1], str(os.getpid())).write_text(json.dumps(counts))
    return result

model = shallownet.ShallowNetClassifier(3, max_iter=5, tol=1, n_iter_no_change=4, n_jobs=1)
X, y = np.random.RandomState(0).randn(60, 4), np.arange(60) % 3
GridSearchCV(model, {"alpha": [0.1, 0.2, 0.3]}, scoring=score, n_jobs=2, refit=False).fit(X, y)
print(json.dumps({"file": shallownet.__file__}))
"""


def test_a_search_compiles_once(tmp_path):
    (tmp_path / "counts").mkdir()
    script = tmp_path / "search.py"
    script.write_text(SEARCH)
    finish(start(script, str(tmp_path / "counts"), NUMBA_CACHE_DIR=str(tmp_path / "cache")))
    counts = [json.loads(path.read_text()) for path in (tmp_path / "counts").iterdir()]
    assert len(counts) == 2
    assert sum(compiled for compiled, _ in counts) == len(list((tmp_path / "cache").rglob("*.nbc"))) > 0


def test_who_waits_loads_what_the_other_has_saved(chosen, name):
    compiling.kernel(add)(2, 1)
    (entry,) = chosen.iterdir()
    content = entry.read_bytes()
    entry.unlink()
    with Folder(str(chosen)) as folder:
        held = folder.lock(name)

    def save():
        entry.write_bytes(content)
        os.close(held)

    threading.Timer(0.3, save).start()
    assert is_loaded()


def test_who_waits_compiles_when_the_other_dies(holder):
    threading.Timer(0.3, holder.kill).start()
    start = time.monotonic()
    assert not is_loaded()
    assert time.monotonic() - start < cache.PATIENCE / 2


def test_who_waits_compiles_when_the_other_hangs(holder, monkeypatch):
    if hasattr(signal, "SIGSTOP"):
        holder.send_signal(signal.SIGSTOP)
    monkeypatch.setattr(cache, "PATIENCE", 0.5)
    assert not is_loaded()
    assert is_loaded()


def test_a_lock_that_a_dead_process_has_left_is_free(chosen, name):
    (chosen / name).write_text("")
    start = time.monotonic()
    assert not is_loaded()
    assert time.monotonic() - start < cache.PATIENCE / 2
    assert not (chosen / name).exists()


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no signal can be timed here")
def test_an_interrupt_ends_the_wait(holder):
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.5)
        with pytest.raises(KeyboardInterrupt):
            is_loaded()
    finally:
        signal.signal(signal.SIGALRM, before)
        holder.kill()
    is_loaded()
    assert is_loaded()


def test_where_there_are_no_locks_each_process_compiles(chosen, name, monkeypatch):
    def refuse(descriptor):
        raise OSError("no locks available")

    monkeypatch.setattr(folders, "_lock", refuse)
    assert not is_loaded()
    assert is_loaded()
