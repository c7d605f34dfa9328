"""A fit completes, or leaves the estimator as it was, wherever it is cut off; an interrupt keeps what was learned."""

import gc
import inspect
import itertools
import pickle
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from cases import Watcher
from scipy import sparse
from sklearn.datasets import load_iris

import shallownet
from shallownet import ShallowNetClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

PACKAGE = str(Path(shallownet.__file__).parent)
X, Y = load_iris(return_X_y=True)
LABELS = np.eye(3, dtype=int)[Y] | (X[:, :3] > 3)


class CutOff:
    """Raises an error at one of the calls that the package makes or that are made of it."""

    def __init__(self, place, error):
        self.left, self.error = place, error

    def __call__(self, frame, event, argument):
        inside = frame.f_code.co_filename.startswith(PACKAGE)
        if event == "call" and not inside and frame.f_back is not None:
            inside = frame.f_back.f_code.co_filename.startswith(PACKAGE)
        # an error in a generator that Python closes goes nowhere: Python says so, and goes on
        if inside and event in ("call", "c_call") and not frame.f_code.co_flags & inspect.CO_GENERATOR:
            self.left -= 1
            if self.left == 0:
                sys.setprofile(None)
                raise self.error

    def __enter__(self):
        gc.disable()  # an error in a callback of the collector goes nowhere, either
        sys.setprofile(self)

    def __exit__(self, *raised):
        sys.setprofile(None)
        gc.enable()


def classifier(**parameters):
    return ShallowNetClassifier(
        **{"hidden_layer_sizes": 3, "max_iter": 3, "batch_size": 60, "random_state": 0, "n_jobs": 1, **parameters}
    )


def always_better(estimator, X, y):
    return float(estimator.n_iter_)


def with_callbacks(model):
    pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9 on")
    return model.set_callbacks(Watcher())


# Each gives a model in its state before, and the call that is cut off.
COURSES = {
    "fit": lambda: (classifier(), lambda model: model.fit(X, Y)),
    "refit of other data": lambda: (
        classifier().fit(X[:, :2], Y > 0),
        lambda model: model.set_params(activation="tanh", hidden_layer_sizes=5).fit(X, Y),
    ),
    "sparse": lambda: (classifier(class_weight="balanced").fit(-X, Y), lambda model: model.fit(sparse.csc_array(X), Y)),
    "labels": lambda: (classifier(dropout=0.2).fit(-X, LABELS), lambda model: model.fit(X, LABELS)),
    "warm start": lambda: (classifier(warm_start=True).fit(X, Y), lambda model: model.fit(X, Y)),
    "first partial_fit": lambda: (classifier(), lambda model: model.partial_fit(X, Y, classes=[0, 1, 2])),
    "partial_fit": lambda: (classifier().partial_fit(X, Y, classes=[0, 1, 2]), lambda model: model.partial_fit(X, Y)),
    "early stopping": lambda: (
        classifier(early_stopping=True, warm_start=True, scoring=always_better).fit(X, Y),
        lambda model: model.fit(X, Y),
    ),
    "validation set": lambda: (classifier(), lambda model: model.fit(X, Y, np.ones(len(Y)), X_val=X, y_val=Y)),
    "callbacks": lambda: (with_callbacks(classifier()), lambda model: model.fit(X, Y)),
    "lbfgs": lambda: (classifier(solver="lbfgs").fit(X, Y), lambda model: model.fit(X[:, 1:], Y)),
}


def state(model):
    """Return all of a model but its callbacks, which scikit-learn looks after, in a form that can be compared."""
    saved = model.__getstate__().items()
    return {name: pickle.dumps(value) for name, value in saved if "callback" not in name and name in vars(model)}


def cut_off(course, place, error):
    """Return a model before and after its course is cut off, whether it was, and what was raised."""
    model, call = COURSES[course]()
    before, evaluate = state(model), CutOff(place, error)
    raised = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with evaluate:
                call(model)
        except BaseException as caught:
            raised = caught
    return before, model, evaluate.left <= 0, raised


def fitted(attributes):
    return {name: value for name, value in attributes.items() if name.endswith("_") or name.startswith("_")}


def check_errors(course, first, stride):
    """Cut a course off with an error, at each place or at some."""
    _, complete, _, raised = cut_off(course, 10**9, None)
    assert raised is None
    complete, lost = fitted(state(complete)), 0
    for place in itertools.count(first, stride):
        before, model, cut, raised = cut_off(course, place, MemoryError("cut off"))
        if not cut:
            break
        assert isinstance(raised, MemoryError) or isinstance(raised.__cause__, MemoryError), place
        after = fitted(state(model))
        assert after in (fitted(before), complete), place
        lost += after == fitted(before)
    assert lost > 100 / stride


def check_interrupts(course, first, stride):
    """Interrupt a course, at each place or at some."""
    kept = set()
    for place in itertools.count(first, stride):
        before, model, cut, raised = cut_off(course, place, KeyboardInterrupt())
        if not cut:
            break
        if fitted(state(model)) == fitted(before):
            assert isinstance(raised, KeyboardInterrupt) or isinstance(raised.__cause__, KeyboardInterrupt), place
        elif course != "lbfgs":
            goes_on = model.warm_start or "partial" in course
            check_consistent(
                model, len(pickle.loads(before["loss_curve_"])) if goes_on and "loss_curve_" in before else 0
            )
            kept.add(model.n_iter_)
    # epochs that nobody looks at in between are trained in one go
    watched = {0, 1, 2}
    assert kept >= {"early stopping": watched, "validation set": watched, "callbacks": watched}.get(course, set())
    assert kept or course == "lbfgs"


def check_consistent(model, n_before):
    """Check that all attributes tell of the same epochs; ``n_before`` were recorded by calls before."""
    n_epochs = len(model.loss_curve_)
    assert model.n_iter_ == n_epochs - n_before
    assert model.t_ == n_epochs * (135 if model.early_stopping else 150)
    assert model.loss_ == model.loss_curve_[-1] if n_epochs else np.isnan(model.loss_)
    if model.validation_scores_:
        assert len(model.validation_scores_) == len(model.validation_loss_curve_) == n_epochs
        assert model.best_validation_score_ == max(model.validation_scores_)
        assert model.validation_scores_[model.best_iter_ - 1] == model.best_validation_score_
    elif n_epochs:
        assert model.best_loss_ == min(model.loss_curve_)
    assert np.isfinite(model.predict_proba(np.ones((1, model.n_features_in_)))).all()


@pytest.mark.parametrize("course", COURSES)
def test_an_error_leaves_all_or_nothing(course):
    check_errors(course, 1 + len(course), 13)


@pytest.mark.parametrize("course", COURSES)
def test_an_interrupt_keeps_what_was_learned_or_changes_nothing(course):
    check_interrupts(course, 1 + len(course), 13)


@pytest.mark.long
@pytest.mark.parametrize("course", COURSES)
def test_an_error_at_any_call_leaves_all_or_nothing(course):
    check_errors(course, 1, 1)


@pytest.mark.long
@pytest.mark.parametrize("course", COURSES)
def test_an_interrupt_at_any_call_keeps_what_was_learned_or_changes_nothing(course):
    check_interrupts(course, 1, 1)
