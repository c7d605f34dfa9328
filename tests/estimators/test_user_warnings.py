"""Warnings point at the line of the user's that called, whatever lies in between."""

import io
import os
import pickle
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import joblib
import numpy as np
import pandas
import pytest
import sklearn
from cases import Watcher
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning, InconsistentVersionWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import shallownet
from shallownet import ShallowNetClassifier
from shallownet.estimators import persistence
from shallownet.training.network import Network

X, Y = load_iris(return_X_y=True)
PACKAGE = Path(shallownet.__file__).parent
LONG = {"tol": 0.0, "n_iter_no_change": np.inf}  # never converges before max_iter


def network(**parameters):
    return ShallowNetClassifier(**{"hidden_layer_sizes": 3, "max_iter": 2, "random_state": 0, **parameters})


def here():
    """Return the file and line of the caller."""
    frame = sys._getframe(1)
    return frame.f_code.co_filename, frame.f_lineno


def places(caught):
    return [(warning.filename, warning.lineno) for warning in caught]


# What is said, how the model is made that says it, and the arguments of its fit.
SAID = {
    "maximum number of epochs": ("Maximum iterations", LONG, {}),
    "maximum number of iterations": ("lbfgs failed to converge", {"solver": "lbfgs"}, {}),
    "batch size": ("Got `batch_size`", {"batch_size": 10**6, "max_iter": 300, "tol": 1.0}, {}),
    "score that is no number": (
        "the validation score nan",
        {"early_stopping": True, "scoring": lambda model, X, y: np.nan},
        {},
    ),
    "X_val out of range": (
        "X_val lie far outside",
        {"max_iter": 300, "tol": 1.0},
        {"X_val": 100 * X, "y_val": Y},
    ),
    "names of X_val": (
        "X_val has feature names",
        {"max_iter": 300, "tol": 1.0},
        {"X_val": pandas.DataFrame(X, columns=[*"abcd"]), "y_val": Y},
    ),
}


def fit(model, **data):
    line = here()[1] + 1
    model.fit(X, Y, **data)
    return line


def fit_pipeline(model, **data):
    with sklearn.config_context(enable_metadata_routing=True):
        model.set_fit_request(X_val=True, y_val=True)
        pipeline = make_pipeline(FunctionTransformer(), make_pipeline(FunctionTransformer(), model))
        line = here()[1] + 1
        pipeline.fit(X, Y, **data)
    return line


def fit_with_callbacks(model, **data):
    pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9 on")
    model.set_callbacks(Watcher())
    line = here()[1] + 1
    model.fit(X, Y, **data)
    return line


def fit_search(model, **data):
    with sklearn.config_context(enable_metadata_routing=True):
        model.set_fit_request(X_val=True, y_val=True)
        search = GridSearchCV(model, {"alpha": [0.1]}, cv=2)
        line = here()[1] + 1
        search.fit(X, Y, **data)
    return line


@pytest.mark.parametrize("call", [fit, fit_pipeline, fit_with_callbacks, fit_search])
@pytest.mark.parametrize("kind", SAID)
def test_each_warning_points_at_the_users_call(kind, call):
    message, parameters, data = SAID[kind]
    with pytest.warns(UserWarning, match=message) as caught:
        line = call(network(**parameters), **data)
    assert set(places(caught)) == {(__file__, line)}


def test_partial_fit():
    model = network(batch_size=10**6)
    with pytest.warns(UserWarning, match="Got `batch_size`") as caught:
        line = here()[1] + 1
        model.partial_fit(X, Y, classes=[0, 1, 2])
    assert places(caught) == [(__file__, line)]


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_an_interrupt(solver, monkeypatch):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(Network, "loss_and_gradient" if solver == "lbfgs" else "train_epochs", interrupt)
    with pytest.warns(UserWarning, match="Training interrupted by user") as caught:
        line = fit_pipeline(network(solver=solver))
    assert places(caught) == [(__file__, line)]


def test_within_a_function_of_the_users_that_a_library_calls():
    """It is the innermost call of the user's that is pointed at."""
    lines = []

    def scorer(model, data, y):
        lines.append(here()[1] + 1)
        clone(model).set_params(scoring=None, **LONG).fit(data, y)
        return 1.0

    with pytest.warns(ConvergenceWarning, match="Maximum iterations") as caught:
        GridSearchCV(network(max_iter=300, tol=1.0), {"alpha": [0.1]}, cv=2, scoring=scorer).fit(X, Y)
    assert set(places(caught)) == {(__file__, line) for line in lines}


@pytest.mark.parametrize("start", ["thread", "joblib"])
def test_in_another_thread_without_a_call_of_the_users(start):
    """It is then the innermost frame outside of this package."""
    with pytest.warns(ConvergenceWarning, match="Maximum iterations") as caught:
        if start == "thread":
            with ThreadPoolExecutor(1) as pool:
                pool.submit(network(**LONG).fit, X, Y).result()
        else:
            with joblib.parallel_config("threading"):
                GridSearchCV(network(**LONG), {"alpha": [0.1]}, cv=2, n_jobs=2, refit=False).fit(X, Y)
    for warning in caught:
        assert not Path(warning.filename).is_relative_to(PACKAGE)


def test_in_worker_processes():
    search = GridSearchCV(network(**LONG), {"alpha": [0.1]}, cv=2, n_jobs=2)
    with pytest.warns(ConvergenceWarning) as caught:  # those of the workers are printed by them
        line = here()[1] + 1
        search.fit(X, Y)
    assert set(places(caught)) == {(__file__, line)}


def test_a_filter_by_the_module_of_the_call():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", module=__name__)
        fit_pipeline(network(**LONG))


@pytest.mark.parametrize("kind", SAID)
def test_a_warning_that_is_an_error_leaves_the_estimator_as_it_was(kind):
    message, parameters, data = SAID[kind]
    model = network(**parameters)
    before = vars(model).copy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match=message):
            model.fit(X, Y, **data)
    assert vars(model) == before


@pytest.mark.parametrize("how", ["pickle", "joblib"])
def test_a_file_of_a_newer_version(how, monkeypatch):
    monkeypatch.setattr(persistence, "LAYOUT", 99)
    file = io.BytesIO()
    (joblib if how == "joblib" else pickle).dump(network(), file)
    monkeypatch.undo()
    file.seek(0)
    with pytest.warns(InconsistentVersionWarning) as caught:
        line = here()[1] + 1
        (joblib if how == "joblib" else pickle).load(file)
    assert places(caught) == [(__file__, line)]


PROGRAM = """
from sklearn.datasets import load_iris
from shallownet import ShallowNetClassifier

ShallowNetClassifier(3, max_iter=2).fit(*load_iris(return_X_y=True))
"""


@pytest.mark.parametrize("as_module", [False, True])
def test_in_a_program(as_module, tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, *(["-m", "program"] if as_module else ["program.py"])],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"{tmp_path / 'program.py'}:5: ConvergenceWarning" in done.stderr
