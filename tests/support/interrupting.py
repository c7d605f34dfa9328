"""A process that is interrupted in the middle of calls, many times: ``python interrupting.py TIMES CALL ...``.

After each interrupt it checks that nothing is broken: a call that raised KeyboardInterrupt has changed nothing or all,
one that ended with a warning left a model whose attributes agree, and the next call gives the bits that it should.
"""

import json
import pickle
import signal
import sys
import time
import warnings

import numba
import numpy as np
from sklearn.model_selection import GridSearchCV

import shallownet
from shallownet import ShallowNetClassifier

RANDOM = np.random.RandomState(0)
X = RANDOM.standard_normal((4000, 20)).astype(np.float32)
Y = RANDOM.randint(0, 3, 4000)


def classifier(**parameters):
    return ShallowNetClassifier(
        **{"hidden_layer_sizes": 30, "max_iter": 6, "tol": 0, "random_state": 0, "batch_size": 100, **parameters}
    )


def fitted(model):
    state = model.__getstate__()
    names = [name for name in state if (name[0] == "_" or name[-1] == "_") and not name.startswith("_shallownet")]
    return {name: pickle.dumps(state[name]) for name in names}


def search():
    return GridSearchCV(classifier(max_iter=2), {"alpha": [1e-4, 1.0]}, cv=2)


# Each gives a new object, and the call on it.
CALLS = {
    "fit": (classifier, lambda model: model.fit(X, Y)),
    "refit": (lambda: classifier().fit(X[:200, 1:], Y[:200] > 0), lambda model: model.fit(X, Y)),
    "early stopping": (lambda: classifier(early_stopping=True), lambda model: model.fit(X, Y)),
    "RandomState": (lambda: classifier(random_state=np.random.RandomState(0)), lambda model: model.fit(X, Y)),
    "lbfgs": (lambda: classifier(solver="lbfgs"), lambda model: model.fit(X, Y)),
    "partial_fit": (
        lambda: classifier().partial_fit(X[:200], Y[:200], classes=[0, 1, 2]),
        lambda model: model.partial_fit(X, Y),
    ),
    "predict": (lambda: classifier(max_iter=1).fit(X, Y), lambda model: model.predict_proba(np.vstack([X] * 20))),
    "search": (search, lambda search: search.fit(X[:400], Y[:400])),
}


def interrupted(call, subject, delay):
    """Make the call with an interrupt after so many seconds; return what it gives, or the interrupt."""
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, delay)
            return call(subject)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt as interrupt:
        return interrupt


def check(name, subject, before, result, said, complete):
    """Check the subject of a call that may have been interrupted; return whether it was."""
    raised = isinstance(result, KeyboardInterrupt)
    if name == "predict":
        assert fitted(subject) == before
        assert raised or np.array_equal(result, complete)
    elif name == "search":
        assert raised or said or subject.best_score_ == complete.best_score_
    elif raised:
        assert fitted(subject) in (before, fitted(complete))
    elif not said:
        assert fitted(subject) == fitted(complete)
    else:
        losses = subject.loss_curve_ if name != "lbfgs" else []
        n_before = 1 if name == "partial_fit" else 0
        assert losses == getattr(complete, "loss_curve_", [])[: len(losses)]
        assert name == "lbfgs" or subject.n_iter_ == len(losses) - n_before
        nothing = any("Nothing was trained" in text for text in said)
        assert not nothing or subject.n_iter_ == 0
        assert all(np.isfinite(weights).all() for weights in subject.coefs_ + subject.intercepts_)
        assert subject.predict(X[:5]).shape == (5,)
    return raised or bool(said)


def interrupt_often(name, times):
    """Make a call so many times, interrupt it at random moments, and return how often that had an effect."""
    make, call = CALLS[name]
    call(make())  # loads what there is to load
    subject = make()
    start = time.perf_counter()
    result = call(subject)
    seconds = time.perf_counter() - start
    complete = result if name == "predict" else subject
    n_threads, n_interrupted = numba.get_num_threads(), 0
    for delay in np.random.RandomState(1).uniform(0, 1.2 * seconds, times):
        subject = make()
        before = fitted(subject)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            result = interrupted(call, subject, max(delay, 1e-6))
        said = [str(warning.message) for warning in caught if "interrupted by user" in str(warning.message)]
        n_interrupted += check(name, subject, before, result, said, complete)
        assert numba.get_num_threads() == n_threads
    subject = make()
    result = call(subject)
    assert not check(name, subject, fitted(subject), result, [], complete)
    return n_interrupted


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    times, names = int(sys.argv[1]), sys.argv[2:]
    report = {name: interrupt_often(name, times) for name in names}
    print(json.dumps({"file": shallownet.__file__, "interrupted": report}))  # noqa: T201
