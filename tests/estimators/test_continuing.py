"""Models that are carried on: copied or pickled at any time, fitted in chunks, and with labels of strings."""

import copy
import io
import pickle

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_iris, make_multilabel_classification
from sklearn.preprocessing import StandardScaler

from shallownet import ShallowNetClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = StandardScaler().fit_transform(load_iris().data), load_iris().target
ORDER = np.random.RandomState(1).permutation(len(X))
X, Y = X[ORDER], Y[ORDER]
LABELS = make_multilabel_classification(150, 6, n_classes=3, random_state=0)
NAMES = np.array(["setosa", "versicolor", "virginica"])


def through_joblib(model):
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    return joblib.load(file)


CARRY = {"pickle": lambda model: pickle.loads(pickle.dumps(model)), "joblib": through_joblib, "copy": copy.deepcopy}
OPTIONS = {
    "adam": {},
    "sgd": {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.3},
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.1, "n_iter_no_change": 1},
    "dropout": {"dropout": 0.3, "label_smoothing": 0.1},
    "early stopping": {"early_stopping": True, "scoring": "balanced_accuracy"},
    "lbfgs": {"solver": "lbfgs", "max_iter": 4},
    "own start": {"init": ([np.ones((4, 6)), np.ones((6, 3))], [np.zeros(6), np.zeros(3)])},
}
SEEDS = {"int": lambda: 0, "RandomState": lambda: np.random.RandomState(0)}


@pytest.fixture(params=CARRY)
def carried(request):
    return CARRY[request.param]


@pytest.fixture(params=SEEDS)
def seed(request):
    return SEEDS[request.param]


def model_of(options, seed):
    usual = {"hidden_layer_sizes": 6, "max_iter": 5, "batch_size": 20, "learning_rate_init": 0.02}
    return ShallowNetClassifier(random_state=seed(), **usual | options)


def assert_same(model, other):
    """Compare all fitted attributes to the last bit."""
    mine, others = ({k: v for k, v in vars(each).items() if k.endswith("_") or k[0] == "_"} for each in (model, other))
    assert mine.keys() == others.keys()
    for name, value in mine.items():
        assert_equal_deeply(value, others[name])


def assert_equal_deeply(value, other):
    if isinstance(value, list | tuple):
        for item, of_other in zip(value, other, strict=True):
            assert_equal_deeply(item, of_other)
    else:
        assert_array_equal(value, other, strict=isinstance(value, np.ndarray))


@pytest.mark.parametrize("options", OPTIONS)
def test_carried_before_and_after_a_fit(options, seed, carried):
    model = model_of(OPTIONS[options], seed)
    early = carried(model).fit(X, Y)
    assert_same(early, clone(model).fit(X, Y))
    assert_same(early, model.fit(X, Y))
    late = carried(model)
    assert_same(late, model)
    assert_array_equal(late.predict_proba(X), model.predict_proba(X), strict=True)
    for each in (late, model):
        each.set_params(warm_start=True).fit(X, Y)
    assert_same(late, model)
    if options not in ("lbfgs", "early stopping"):
        for each in (late, model):
            each.partial_fit(X[:60], Y[:60])
    assert_same(carried(late).fit(X, Y), model.fit(X, Y))


@pytest.mark.parametrize("targets", ["classes", "labels"])
@pytest.mark.parametrize("options", [name for name in OPTIONS if name not in ("early stopping", "lbfgs", "own start")])
def test_carried_between_calls_of_partial_fit(options, targets, seed, carried):
    data, y, classes = (X, NAMES[Y], NAMES) if targets == "classes" else (*LABELS, np.arange(3))
    stays, moves = (model_of(OPTIONS[options], seed) for _ in range(2))
    for chunk in np.array_split(np.random.RandomState(2).permutation(len(y)), 6) * 2:
        stays.partial_fit(data[chunk], y[chunk], classes=classes)
        moves = carried(moves).partial_fit(data[chunk], y[chunk], classes=classes)
        assert_same(moves, stays)
    assert len(stays.loss_curve_) == 12


def test_a_copy_goes_its_own_way():
    model = model_of({}, SEEDS["int"]).fit(X, Y)
    before = [w.copy() for w in model.coefs_ + model.intercepts_]
    copy.deepcopy(model).partial_fit(X, Y)
    copy.copy(model).partial_fit(X, Y)
    for w, was in zip(model.coefs_ + model.intercepts_, before, strict=True):
        assert_array_equal(w, was)
    assert len(model.loss_curve_) == 5


CALLS = {
    "fit": lambda model, y, classes: model.fit(X, y),
    "warm start": lambda model, y, classes: model.set_params(warm_start=True).fit(X, y).fit(X, y),
    "partial_fit": lambda model, y, classes: model.partial_fit(X[:40], y[:40], classes=classes).partial_fit(X, y),
    "validation": lambda model, y, classes: model.fit(X[50:], y[50:], X_val=X[:50], y_val=y[:50]),
}


def string_cases():
    for options in (*OPTIONS, "class_weight", "loss", "f1_macro"):
        whole = options in ("lbfgs", "early stopping", "loss", "f1_macro")  # partial_fit does not do that
        for call in CALLS:
            if not (whole and call == "partial_fit"):
                yield from ((options, call, n_classes) for n_classes in ((3,) if options == "own start" else (2, 3)))


@pytest.mark.parametrize(("options", "call", "n_classes"), list(string_cases()))
@pytest.mark.parametrize("dtype", [str, object], ids=["str", "object"])
def test_strings_are_learned_like_numbers(options, call, n_classes, dtype):
    numbers, names = Y % n_classes, NAMES[:n_classes].astype(dtype)
    results = []
    for y, classes in ((numbers, np.arange(n_classes)), (names[numbers], names)):
        more = OPTIONS.get(options, {})
        if options == "class_weight":
            more = {"class_weight": dict(zip(classes.tolist(), [1.0, 2.0, 0.5], strict=False))}
        elif options not in OPTIONS:
            more = {"early_stopping": True, "scoring": options}
        results.append(CALLS[call](model_of(more, SEEDS["int"]), y, classes))
    of_numbers, of_names = results
    assert_array_equal(of_names.classes_, names)
    assert_array_equal(of_names.predict(X), names[of_numbers.predict(X)])
    assert of_names.score(X, names[numbers]) == of_numbers.score(X, numbers)
    vars(of_names)["classes_"] = of_numbers.classes_
    assert_same(of_names, of_numbers)
