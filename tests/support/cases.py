"""Fits that must have the same bits however they are run; run as a program, it does those that it is sent.

It reads a case and a way to run it, as JSON, from each line of its input, and answers with a line.
"""

import hashlib
import json
import random
import sys
import warnings
from contextlib import contextmanager

import numpy as np
from scipy import sparse

from shallownet import ShallowNetClassifier, ShallowNetRegressor
from shallownet.training import inference as _forward
from shallownet.training.thread_scheduler import ThreadScheduler

LAYOUTS = ["C", "Fortran", "strided", "reversed", "odd offset", "field", "read-only", "memmap"]


def data_of(case):
    """Return X, y and the parameters of fit that a case stands for."""
    draw = np.random.RandomState(case["seed"])
    n, classes = case["n"], case["classes"]
    X = draw.randn(n, case["features"]).astype(case["dtype"])
    y = np.r_[np.arange(classes), draw.randint(0, classes, n - classes)]
    if case.get("loss"):
        y = y[:, np.newaxis] * draw.rand(classes // 2)  # one number or several
        y = y[:, 0] if y.shape[1] == 1 else y
    options = {"sample_weight": draw.rand(n) + 0.1} if case["weighted"] else {}
    return X, y, options


def laid_out(X, layout, folder):
    """Return an equal array that lies otherwise in memory."""
    n, features = X.shape
    if layout == "Fortran":
        return np.asfortranarray(X)
    if layout == "strided":
        wide = np.full((2 * n, 3 * features), np.nan, X.dtype)
        wide[::2, ::3] = X
        return wide[::2, ::3]
    if layout == "reversed":
        return X[::-1, ::-1].copy()[::-1, ::-1]
    if layout == "odd offset":
        return np.frombuffer(b"?" + X.tobytes(), X.dtype, offset=1).reshape(X.shape)
    if layout == "field":
        rows = np.zeros(n, [("before", "u1"), ("x", X.dtype, (features,)), ("after", "u1")])
        rows["x"] = X
        return rows["x"]
    if layout == "read-only":
        X = X.copy()
        X.flags.writeable = False
    if layout == "memmap":
        X.tofile(f"{folder}/x")
        return np.memmap(f"{folder}/x", X.dtype, "r", shape=X.shape)
    return X


class Watcher:
    """A callback of scikit-learn that is given each epoch's model."""

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        return False


class Visitor(Watcher):
    """A callback that uses the model after each epoch."""

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        if context.task_name == "epoch":
            fitted_estimator.predict(np.zeros((1, estimator.n_features_in_)))
        return False


@contextmanager
def cut(seed, parallel):
    """Cut training into calls of random length, each serial or parallel as it comes, or all as ``parallel`` says."""
    draw = random.Random(seed)

    def next_call(scheduler, left):
        threads = draw.random() < 0.5 if parallel is None else parallel
        return threads, draw.choice([1, left, draw.randint(1, left)])

    kept = ThreadScheduler.next_call, _forward.FEW_OPERATIONS
    ThreadScheduler.next_call, _forward.FEW_OPERATIONS = next_call, 0
    try:
        yield
    finally:
        ThreadScheduler.next_call, _forward.FEW_OPERATIONS = kept


def digest(case, way, folder=None):
    """Fit a case in some way; return a digest of the weights, the losses and the predictions."""
    X, y, options = data_of(case)
    shown = sparse.csr_array(X * (X > 0)) if case["sparse"] else laid_out(X, way.get("layout", "C"), folder)
    parameters = case["parameters"] | {"random_state": case["seed"], "n_jobs": way.get("n_jobs")}
    if case.get("loss"):
        parameters.pop("label_smoothing", None)
        model = ShallowNetRegressor(case["loss"], **parameters)
    else:
        model = ShallowNetClassifier(**parameters)
    predict = model.predict if case.get("loss") else model.predict_proba
    if way.get("callback") and hasattr(model, "set_callbacks"):  # from scikit-learn 1.9 on
        model.set_callbacks(Visitor())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if "cut" in way:
            with cut(way["cut"], way["parallel"]):
                model.fit(shown, y, **options)
                outputs = [predict(shown), model.hidden_activations(shown)]
        else:
            model.fit(shown, y, **options)
            outputs = [predict(shown), model.hidden_activations(shown)]
    arrays = [*model.coefs_, *model.intercepts_, *outputs, np.array(model.loss_)]
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()


if __name__ == "__main__":
    for line in sys.stdin:
        print(digest(*json.loads(line)), flush=True)  # noqa: T201
