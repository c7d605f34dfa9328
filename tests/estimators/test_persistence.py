"""A saved model: what is in its file, and what reads it."""

import copy
import os
import pickle
import subprocess
import sys
import warnings

import joblib
import numpy as np
import old_models
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import InconsistentVersionWarning

from shallownet import ShallowNetClassifier, __version__
from shallownet.estimators import persistence as _saving

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])

MODELS = {
    "fit": lambda: model().fit(X, Y),
    "words": lambda: model(activation="gelu").fit(X.astype(np.float32), NAMES[Y]),
    "early stopping": lambda: model(early_stopping=True, class_weight="balanced").fit(X, Y),
    "partial_fit": lambda: model(solver="sgd").partial_fit(X, Y, classes=[0, 1, 2]),
    "lbfgs": lambda: model(solver="lbfgs").fit(X, Y),
    "labels": lambda: model(hidden_layer_sizes=(7,)).fit(X, np.eye(3, dtype=int)[Y] | (X[:, :3] > 3)),
    "unfitted": lambda: model(),
}

READ_ELSEWHERE = """
import sys
from importlib import import_module
import joblib, numpy as np
from numba.core.dispatcher import Dispatcher

load = {"pickle": lambda path: __import__("pickle").load(open(path, "rb")), "joblib": joblib.load,
        "skops": lambda path: import_module("skops.io").load(path, ["shallownet.ShallowNetClassifier"])}
path, how, X, out = sys.argv[1:]
model = load[how](path)
kernels = [kernel for name, module in sys.modules.items() if name.startswith("shallownet")
           for kernel in vars(module).values() if isinstance(kernel, Dispatcher)]
assert kernels and not any(kernel.overloads for kernel in kernels)
assert not sys.modules["numba"].np.ufunc.parallel._is_initialized
np.save(out, model.predict_proba(np.load(X)))
"""


def model(**parameters):
    return ShallowNetClassifier(**{"hidden_layer_sizes": 5, "max_iter": 4, "random_state": 0, **parameters})


def dump(saved, path, how):
    if how == "pickle":
        path.write_bytes(pickle.dumps(saved))
    elif how == "joblib":
        joblib.dump(saved, path)
    else:
        pytest.importorskip("skops.io").dump(saved, path)


@pytest.mark.parametrize("how", ["pickle", "joblib", "skops"])
def test_read_by_another_process_without_compiling_and_with_the_same_bits(how, tmp_path):
    saved = MODELS["words"]()
    dump(saved, tmp_path / "model", how)
    np.save(tmp_path / "X.npy", X)
    done = subprocess.run(
        [sys.executable, "-c", READ_ELSEWHERE, tmp_path / "model", how, tmp_path / "X.npy", tmp_path / "out.npy"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert_array_equal(np.load(tmp_path / "out.npy"), saved.predict_proba(X), strict=True)


@pytest.mark.parametrize("name", MODELS)
def test_a_skops_file_trusts_nothing_but_the_class(name, tmp_path):
    io = pytest.importorskip("skops.io")
    saved = MODELS[name]()
    io.dump(saved, tmp_path / "model")
    assert io.get_untrusted_types(file=tmp_path / "model") == ["shallownet.ShallowNetClassifier"]
    read = io.load(tmp_path / "model", trusted=["shallownet.ShallowNetClassifier"])
    assert read.__getstate__().keys() == saved.__getstate__().keys()
    if name != "unfitted":
        assert_array_equal(read.predict_proba(X), saved.predict_proba(X), strict=True)


@pytest.mark.parametrize("name", MODELS)
def test_nothing_of_the_file_stays_on_the_model(name):
    saved = MODELS[name]()
    for read in (pickle.loads(pickle.dumps(saved)), copy.deepcopy(saved), copy.copy(saved)):
        assert read.__getstate__().keys() == saved.__getstate__().keys()
        assert read.get_params() == saved.get_params()
    assert clone(saved).get_params() == saved.get_params()


def load_old(how, path):
    path.write_bytes(old_models.FILES[how])
    if how == "skops":
        return pytest.importorskip("skops.io").load(path, ["shallownet._classifier.ShallowNetClassifier"])
    return joblib.load(path) if how == "joblib" else pickle.loads(path.read_bytes())


@pytest.mark.parametrize("how", old_models.FILES)
def test_file_of_the_first_version(how, tmp_path):
    """It is read without a warning, predicts what it predicted then, and is trained on and saved like any other."""
    data = X.astype(np.float32)
    read = load_old(how, tmp_path / "model")
    assert type(read) is ShallowNetClassifier
    assert read.__getstate__().keys() == MODELS["partial_fit"]().__getstate__().keys()
    assert_allclose(read.predict_proba(data[::30]), old_models.PROBABILITIES, rtol=1e-5)
    assert_allclose(read.loss_curve_, old_models.LOSS_CURVE)
    read.partial_fit(data, NAMES[Y])
    assert_allclose(read.predict_proba(data[::30]), old_models.CONTINUED, rtol=1e-4)
    assert (len(read.loss_curve_), read.t_) == (3, 450)
    assert b"shallownet._classifier" in old_models.FILES["pickle"]
    assert b"shallownet._classifier" not in pickle.dumps(read)


def changed(saved, **state):
    """Return a model that is read from a file like that of ``saved``, but with another state; ``...`` leaves out."""
    state = {**saved.__getstate__(), **state}
    read = ShallowNetClassifier.__new__(ShallowNetClassifier)
    read.__setstate__({name: value for name, value in state.items() if value is not ...})
    return read


def test_file_from_before_there_was_a_layout():
    saved = MODELS["fit"]()
    read = changed(saved, _shallownet_layout=..., _shallownet_version=...)
    assert_array_equal(read.predict_proba(X), saved.predict_proba(X), strict=True)


def test_file_that_does_not_know_a_parameter():
    read = changed(MODELS["fit"](), dropout=..., init=...)
    assert (read.dropout, read.init) == (0.0, "glorot_uniform")
    read.fit(X, Y)


def test_file_of_an_older_layout(monkeypatch):
    """As if an attribute had been renamed twice since."""
    saved = MODELS["fit"]()
    state = {**saved.__getstate__(), "_shallownet_layout": 1, "_g": saved._activation, "_activation": ...}
    monkeypatch.setattr(_saving, "LAYOUT", 3)
    monkeypatch.setattr(
        _saving,
        "UPGRADES",
        {
            1: lambda state: state.update(_function=state.pop("_g")),
            2: lambda state: state.update(_activation=state.pop("_function")),
        },
    )
    read = changed(saved, **state)
    assert read.__getstate__().keys() == saved.__getstate__().keys()
    assert_array_equal(read.predict(X), saved.predict(X))


def test_file_of_a_newer_layout_warns():
    saved = MODELS["fit"]()
    with pytest.warns(InconsistentVersionWarning, match=f"from version 99.0.0 when using version {__version__}"):
        changed(saved, _shallownet_layout=_saving.LAYOUT + 1, _shallownet_version="99.0.0")


def test_file_of_another_version_with_the_same_layout_is_silent():
    saved = MODELS["fit"]()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        changed(saved, _shallownet_version="0.0.1")


@pytest.mark.parametrize(
    "state",
    [
        {"coefs_": [np.ones((999, 5)), np.ones((5, 3))]},
        {"coefs_": [np.ones((4, 999)), np.ones((5, 3))]},
        {"coefs_": [np.ones((4, 5)), np.ones((5, 999))]},
        {"coefs_": [np.ones((4, 5)), np.ones((1, 3))]},
        {"intercepts_": [np.ones(1), np.ones(3)]},
        {"intercepts_": [np.ones(5), np.ones(1)]},
        {"_moments": [[[np.ones((1, 1)), np.ones((1, 1))], [np.ones(1), np.ones(1)]]] * 2},
        {"n_features_in_": 1},
    ],
)
def test_file_whose_arrays_do_not_fit_together(state):
    """Such a file is an error when it is used, and leads the kernels to no memory that is not theirs."""
    read = changed(MODELS["partial_fit"](), **state)
    data = X[:, :1] if "n_features_in_" in state else X
    used = [lambda: read.partial_fit(data, Y)]
    if "_moments" not in state:
        used += [lambda: read.predict_proba(data), lambda: read.hidden_activations(data)]
    for use in used:
        with pytest.raises(ValueError, match="do not make up|is expecting|does not fit|must be the"):
            use()
