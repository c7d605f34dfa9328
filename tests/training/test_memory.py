"""What a fit and a prediction need beside X, watched from outside in a process of its own."""

import json
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from shallownet import ShallowNetClassifier

MEGABYTE = 2**20

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="resident memory is read from /proc"),
]

# Memory of the process that no file backs, in bytes, and the most of it that a thread has seen.
WATCH = """
import json, sys, threading, time, warnings
import numpy as np
from shallownet import ShallowNetClassifier
warnings.simplefilter("ignore")

def resident():
    with open("/proc/self/status") as status:
        return next(1024 * int(line.split()[1]) for line in status if line.startswith("RssAnon"))

most, over = 0, threading.Event()

def watch():
    global most
    while not over.wait(0.01):
        most = max(most, resident())
"""

ON_DISK = """
path, n, d, held = sys.argv[1], *map(int, sys.argv[2:])
X = np.memmap(path, np.float32, "r", shape=(n, d))
y, weight = np.arange(n) % 3, np.zeros(n)
weight[-held:] = 1
model = ShallowNetClassifier(16, solver="sgd", batch_size=held, shuffle=False, alpha=0, max_iter=1, random_state=0)
threading.Thread(target=watch).start()
model.fit(X, y, weight)
probabilities = model.predict_proba(X)[-held:]
labels = model.predict(X)
over.set()
few = ShallowNetClassifier(**model.get_params()).fit(X[-held:].copy(), y[-held:])
json.dump({
    "most": max(most, resident()),
    "same weights": all((a == b).all() for a, b in zip(model.coefs_ + model.intercepts_, few.coefs_ + few.intercepts_)),
    "same outputs": bool((probabilities == few.predict_proba(X[-held:].copy())).all()),
}, sys.stdout)
"""

MANY_FITS = """
import pickle
from scipy import sparse
random = np.random.default_rng(0)
X = random.normal(size=(300, 40))
y = random.integers(0, 3, 300)
spread = sparse.random(300, 40, 0.2, format="csr", random_state=0)

def once(i):
    options = [{}, {"solver": "sgd", "early_stopping": True}, {"solver": "lbfgs"}, {"dropout": 0.5}][i % 4]
    model = ShallowNetClassifier(64, max_iter=2, random_state=i, **options).fit(spread if i % 3 == 0 else X, y)
    model.predict(X), model.hidden_activations(spread), pickle.loads(pickle.dumps(model))
    if i % 4 == 0:
        model.partial_fit(X, y)
    try:
        model.fit(X, y[1:])
    except ValueError:
        pass

count, sizes = int(sys.argv[1]), []
for i in range(count):
    once(i)
    if i in (count // 4, count - 1):
        sizes.append(resident())
json.dump(sizes, sys.stdout)
"""


def run(script, *arguments):
    done = subprocess.run(
        [sys.executable, "-c", WATCH + script, *map(str, arguments)],
        capture_output=True,
        text=True,
        # glibc gives each thread an arena of its own, whose number depends on chance
        env={**os.environ, "MALLOC_ARENA_MAX": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def check_on_disk(folder, n, d, held):
    """Fit a file of zeros that end in numbers, in rows that alone have weight; hold it to a fit of those rows."""
    path = folder / "X"
    with open(path, "wb") as file:
        file.truncate(4 * n * d)
        file.seek(4 * (n - held) * d)
        np.random.default_rng(0).normal(size=(held, d)).astype(np.float32).tofile(file)
    found = run(ON_DISK, path, n, d, held)
    path.unlink()
    assert found["same weights"]
    assert found["same outputs"]
    assert found["most"] < 300 * MEGABYTE


def test_x_on_disk_is_not_read_into_memory(tmp_path):
    check_on_disk(tmp_path, 2**18, 512, 512)  # 512 MB


@pytest.mark.long
def test_more_than_eight_gigabytes_on_disk(tmp_path):
    """And more numbers than 32 bits can count."""
    n, d = 2**20 + 2**10, 2**11
    assert n * d > 2**31
    check_on_disk(tmp_path, n, d, 512)


def check_no_leak(count):
    after_a_quarter, at_the_end = run(MANY_FITS, count)
    assert at_the_end < after_a_quarter + 4 * MEGABYTE


def test_many_fits_do_not_grow():
    check_no_leak(200)


@pytest.mark.long
def test_two_thousand_fits_do_not_grow():
    check_no_leak(2000)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("method", ["fit", "partial_fit", "predict", "predict_proba", "hidden_activations", "score"])
def test_no_copy_of_x(method, dtype):
    """NumPy tells tracemalloc of each array: all that are alive at once are a small part of X."""
    X = np.random.default_rng(0).normal(size=(20_000, 200)).astype(dtype)
    y = np.arange(len(X)) % 2
    model = ShallowNetClassifier(2, max_iter=1, random_state=0).fit(X, y)
    arguments = {"fit": [X, y], "partial_fit": [X, y], "score": [X, y]}.get(method, [X])
    getattr(model, method)(*arguments)  # compiled, or loaded, before
    tracemalloc.start()
    try:
        getattr(model, method)(*arguments)
        assert tracemalloc.get_traced_memory()[1] < X.nbytes / 8
    finally:
        tracemalloc.stop()


def test_no_dense_copy_of_sparse_x():
    X = sparse.random(3000, 5000, 0.001, format="csr", random_state=0, dtype=np.float32)
    y = np.arange(3000) % 2
    model = ShallowNetClassifier(2, max_iter=1, random_state=0).fit(X, y)
    model.predict(X)
    tracemalloc.start()
    try:
        model.fit(X, y).predict(X)
        assert tracemalloc.get_traced_memory()[1] < 4 * X.shape[0] * X.shape[1] / 8
    finally:
        tracemalloc.stop()
