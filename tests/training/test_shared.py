"""One estimator in the hands of many: of threads, and of code that Python runs at moments of its own choosing."""

import gc
import pickle
import subprocess
import sys
import textwrap
import threading
import time
import weakref

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_iris

from shallownet import ShallowNetClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_iris(return_X_y=True)
# other classes, features and kinds of labels, so that no two fits can be mixed unnoticed
TASKS = {
    "words": (X, np.array(["a", "b", "c"])[Y]),
    "two classes": (X, Y % 2),
    "fewer features": (X[:, :3], Y),
    "labels": (X[:, 1:3], np.eye(3, dtype=int)[Y]),
}
SECONDS = pytest.mark.parametrize("seconds", [1, pytest.param(60, marks=pytest.mark.long)])


def classifier(**parameters):
    return ShallowNetClassifier(**{"hidden_layer_sizes": 5, "max_iter": 3, "random_state": 0, **parameters})


def fitted(model):
    """Return the fitted attributes of a model in a form that can be compared."""
    state = model.__getstate__()
    names = [name for name in state if (name[0] == "_" or name[-1] == "_") and not name.startswith("_shallownet")]
    return {name: pickle.dumps(state[name]) for name in names}


def together(seconds, *calls):
    """Let eight threads make the calls in turn for so long, each from another one on; raise what one of them raised."""
    raised, end = [], time.monotonic() + seconds

    def work(first):
        turn = first
        try:
            while time.monotonic() < end and not raised:
                calls[turn % len(calls)]()
                turn += 1
        except BaseException as error:
            raised.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    threads = [threading.Thread(target=work, args=(first,)) for first in range(8)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    if raised:
        raise raised[0]


@SECONDS
def test_threads_that_fit_one_estimator_find_a_whole_fit_at_any_time(seconds):
    expected = [fitted(classifier().fit(*task)) for task in TASKS.values()]
    model = classifier().fit(*TASKS["words"])
    before = model.get_params()

    def fit(task):
        return lambda: model.fit(*task)

    def pickled():
        assert fitted(pickle.loads(pickle.dumps(model))) in expected

    def cloned():
        other = clone(model)
        assert not fitted(other)
        assert fitted(other.fit(*TASKS["labels"])) in expected

    def failing():
        with pytest.raises(ValueError, match="continuous"):
            model.fit(X, Y + 0.5)

    fits = [fit(task) for task in TASKS.values()]
    together(seconds, *fits, pickled, cloned, failing, *fits[::-1], pickled, lambda: model.set_params(n_jobs=1))
    assert fitted(model) in expected
    assert model.get_params() == before | {"n_jobs": 1}


@SECONDS
@pytest.mark.parametrize("warm_start", [False, True])
def test_threads_that_train_one_estimator_further_and_use_it(warm_start, seconds):
    y = TASKS["words"][1]
    model = classifier(warm_start=warm_start).fit(X, y)

    def used():
        assert set(model.predict(X)) <= {"a", "b", "c"}

    def copied():
        other = pickle.loads(pickle.dumps(model))
        assert len(other.loss_curve_) >= 3
        assert_array_equal(other.partial_fit(X, y).classes_, ["a", "b", "c"])

    together(seconds, lambda: model.fit(X, y), lambda: model.partial_fit(X, y), used, copied)
    assert model.t_ == 150 * len(model.loss_curve_)


class Fitting:
    """Fits a classifier at its end."""

    def __init__(self, expected, outcomes):
        self.cycle = self  # so that the garbage collector finds it, in the middle of anything
        self.expected, self.outcomes = expected, outcomes

    def __del__(self):
        self.outcomes.append(fitted(classifier().fit(X, Y)) == self.expected)


@SECONDS
def test_fits_within_destructors_and_weak_references_while_another_runs(seconds):
    expected, outcomes = fitted(classifier().fit(X, Y)), []
    thresholds = gc.get_threshold()
    gc.set_threshold(50, 2, 2)
    try:
        end = time.monotonic() + seconds
        references = []
        while time.monotonic() < end or len(outcomes) < 20:
            Fitting(expected, outcomes)
            target = type("Target", (), {})()
            target.cycle = target

            def fit_again(reference):
                outcomes.append(fitted(classifier().fit(X, Y)) == expected)

            references.append(weakref.ref(target, fit_again))
            del target
            assert fitted(classifier().fit(X, Y)) == expected
    finally:
        gc.set_threshold(*thresholds)
    gc.collect()
    assert all(outcomes)


def test_fits_at_the_end_of_a_process():
    program = """
        import atexit, warnings
        from sklearn.datasets import load_iris
        from shallownet import ShallowNetClassifier

        warnings.simplefilter("ignore")
        X, y = load_iris(return_X_y=True)

        def fit():
            print(ShallowNetClassifier(5, max_iter=3, random_state=0).fit(X, y).loss_)

        class Fitting:
            def __del__(self, fit=fit):
                fit()

        fit()
        atexit.register(fit)
        kept = Fitting()
        atexit.register(lambda: globals().pop("kept"))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=120, check=True
    )
    losses = done.stdout.split()
    assert len(losses) == 3, done.stderr
    assert len(set(losses)) == 1
    assert "Traceback" not in done.stderr
