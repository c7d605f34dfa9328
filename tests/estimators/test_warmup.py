"""Compiling ahead: a process that comes after compiles nothing, whatever it fits."""

import pytest
from children import finish, start

from shallownet import warmup

WARM = """
import contextlib, io, json, sys
import shallownet
printed = io.StringIO()
with contextlib.redirect_stdout(printed):
    shallownet.warmup(dtypes=["float32"], sparse=True, verbose=True)
    shallownet.warmup(dtypes=["float32"], sparse=True)
print(json.dumps({"file": shallownet.__file__, "printed": printed.getvalue().splitlines()}))
"""

# Fits in many ways, with threads and without, and prints what was compiled for it and what was loaded.
USE = """
import json, warnings
import joblib, numpy as np
from scipy import sparse
import shallownet
from shallownet import ShallowNetClassifier, ShallowNetRegressor
from shallownet.training import inference as _forward, thread_scheduler as _pace
from shallownet.jit.compiling import KERNELS
warnings.simplefilter("ignore")

random = np.random.RandomState(0)
X = random.randn(300, 7).astype(np.float32)
y = random.randint(0, 4, 300)
layouts = [X, np.asfortranarray(X), X[::-2, ::-1], sparse.csr_array(X), sparse.csc_matrix(X.round())]
read_only = X.copy()
read_only.flags.writeable = False
layouts.append(read_only)
options = [
    {"activation": "tanh", "hidden_layer_sizes": 33, "solver": "sgd"},
    {"activation": "leaky_relu", "negative_slope": 0, "dropout": 0.5, "batch_size": 64, "alpha": 0},
    {"early_stopping": True, "class_weight": "balanced", "label_smoothing": 0.1, "scoring": "accuracy"},
    {"solver": "lbfgs", "activation": "gelu"},
    {"batch_size": "full", "shuffle": False, "init": "zeros", "learning_rate_init": 1},
]
for parallel in (False, True):
    if parallel:
        _pace.ThreadScheduler.next_call = lambda pace, left: (True, left)
        _forward.FEW_OPERATIONS = 0
    for data in layouts:
        rows = data.shape[0]
        for target in (y[:rows], y[:rows] > 1, np.eye(4, dtype=int)[y[:rows]]):
            for number, parameters in enumerate(options):
                if target.ndim == 2 and "class_weight" in parameters:
                    continue
                model = ShallowNetClassifier(max_iter=2, random_state=number, **parameters)
                model.fit(data, target, sample_weight=np.ones(rows) if number % 2 else None)
                model.predict(data)
                model.score(data, target)
                model.hidden_activations(data)
                if parameters.get("solver") != "lbfgs" and "early_stopping" not in parameters:
                    model.partial_fit(data, target).partial_fit(data, target)
        model.fit(data, target, X_val=data, y_val=target)
        for number, loss in enumerate(["squared_error", "poisson", "absolute_error", "quantile", "huber"]):
            numbers = y[:rows] if number % 2 else np.column_stack([y[:rows]] * 3)
            regressor = ShallowNetRegressor(loss, max_iter=2, random_state=0).fit(data, numbers)
            regressor.predict(data)
            regressor.partial_fit(data, numbers, np.ones(rows)).set_params(solver="lbfgs").fit(data, numbers)
joblib.dump(model, FILE)
joblib.load(FILE, mmap_mode="r").predict(X)

counts = {entry.__name__: [sum(entry.stats.cache_misses.values()), len(entry.stats.cache_hits)] for entry in KERNELS}
print(json.dumps({"file": shallownet.__file__, "counts": counts}))
"""


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    """A cache that another process has warmed up, and what that printed."""
    folder = tmp_path_factory.mktemp("cache")
    report = finish(start(WARM, NUMBA_CACHE_DIR=str(folder), NUMBA_NUM_THREADS="2"))
    return folder, report["printed"]


def test_after_it_a_process_compiles_nothing(warm, tmp_path):
    folder, _ = warm
    use = f"FILE = {str(tmp_path / 'model')!r}\n" + USE
    counts = finish(start(use, NUMBA_CACHE_DIR=str(folder), NUMBA_NUM_THREADS="2"))["counts"]
    assert {name: compiled for name, (compiled, _) in counts.items() if compiled} == {}
    assert min(loaded for _, loaded in counts.values()) == 1


def test_it_says_what_it_does_if_asked(warm):
    folder, lines = warm
    assert len(lines) == 4
    assert lines[0].startswith("float32, dense X: 2 functions compiled and 0 loaded from the cache in ")
    assert lines[1].startswith("float32, sparse X: ")
    assert lines[2].startswith("with threads: 3 functions compiled and 0 loaded")
    assert lines[3].startswith(f"kept in {folder}")


def test_without_threads_it_starts_none(tmp_path):
    quiet = """
import json, numba, shallownet
shallownet.warmup(dtypes=["float32"], parallel=False)
print(json.dumps({"file": shallownet.__file__, "started": numba.np.ufunc.parallel._is_initialized}))
"""
    assert finish(start(quiet, NUMBA_NUM_THREADS="2"))["started"] is False


@pytest.mark.parametrize("dtypes", [["float16"], ["float32", "int64"]])
def test_other_dtypes_are_refused(dtypes):
    with pytest.raises(ValueError, match="dtypes must be among 'float32' and 'float64'"):
        warmup(dtypes=dtypes)
