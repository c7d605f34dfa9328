"""Models that are carried on: copied or pickled at any time, fitted in chunks, and with labels of strings."""

import copy
import io
import pickle
import weakref
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.sparse import csr_array
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
    """Compare all fitted attributes to the last bit, as they are saved."""
    states = model.__getstate__(), other.__getstate__()
    mine, others = ({k: v for k, v in state.items() if k.endswith("_") or k[0] == "_"} for state in states)
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


# --- the network that is kept between calls of partial_fit ----------------------------------------------


def chunks(seed=0, count=40):
    """Yield X, y and sample_weight of calls, some like the one before and some not: what a kept network must notice."""
    random, rows = np.random.default_rng(seed), 32
    for _ in range(count):
        if random.random() < 0.4:
            rows = int(random.choice([1, 7, 32, 300]))
        x = random.normal(size=(rows, 4))
        layout = random.random()
        if layout < 0.2:
            x = np.asfortranarray(x)
        elif layout < 0.4:
            x = np.ascontiguousarray(x[::-1])[::-1]
        elif layout < 0.5:
            x = x.astype(np.float32)
        elif layout < 0.6:
            x = csr_array(x * (x > 0))
        y = random.integers(0, 3, rows) if random.random() < 0.8 else random.integers(0, 3, rows).astype(float)
        yield x, y, random.uniform(0.1, 2.0, rows) if random.random() < 0.3 else None


@pytest.mark.filterwarnings("ignore:Got `batch_size`")
@pytest.mark.parametrize(
    "options", [{}, {"solver": "sgd"}, {"dropout": 0.4}, {"batch_size": 20}, {"n_jobs": 2}], ids=str
)
def test_a_kept_network_leaves_no_trace(options):
    kept = ShallowNetClassifier(6, random_state=3, **options)
    fresh = clone(kept)
    reused = 0
    for x, y, weights in chunks():
        before = vars(kept).get("_network", [None])[0]
        kept.partial_fit(x, y, weights, classes=[0, 1, 2])
        reused += before is not None and vars(kept).get("_network") == [before]
        fresh = copy.deepcopy(fresh).partial_fit(x, y, weights, classes=[0, 1, 2])
        for ours, theirs in zip(kept.coefs_ + kept.intercepts_, fresh.coefs_ + fresh.intercepts_, strict=True):
            assert_array_equal(ours, theirs)
        assert kept.loss_curve_ == fresh.loss_curve_
    assert reused > 10


def test_a_kept_network_starts_from_the_weights_and_parameters_of_the_estimator():
    models = [ShallowNetClassifier(6, random_state=0).partial_fit(X, Y, classes=[0, 1, 2]) for _ in range(2)]
    models[1] = copy.deepcopy(models[1])
    for model in models:
        model.coefs_[0][:] = 0.5
        model.intercepts_ = [intercept + 1 for intercept in model.intercepts_]
        model.set_params(learning_rate_init=0.1, alpha=1.0, random_state=5).partial_fit(X, Y)
    assert vars(models[0])["_network"]
    assert_array_equal(models[0].coefs_[0], models[1].coefs_[0])
    assert models[0].loss_ == models[1].loss_


def test_a_kept_network_does_not_hold_the_data():
    x, y = X.copy(), Y.copy()
    model = ShallowNetClassifier(6, random_state=0).partial_fit(x, y, classes=[0, 1, 2]).partial_fit(x, y)
    assert "_network" in vars(model)
    x.resize((3, 4), refcheck=True)
    held = weakref.ref(x)
    del x
    assert held() is None


def test_a_kept_network_is_in_no_file_and_no_other_estimator():
    model = ShallowNetClassifier(6, random_state=0).partial_fit(X, Y, classes=[0, 1, 2])
    assert "_network" in vars(model)
    others = [clone(model), copy.copy(model), copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
    others.append(copy.deepcopy(model).fit(X, Y))
    assert not any("_network" in vars(other) for other in others)
    assert type(model.__getstate__()["_moments"]) is tuple


def test_a_failed_call_is_forgotten():
    model = ShallowNetClassifier(6, random_state=0).partial_fit(X, Y, classes=[0, 1, 2]).partial_fit(X, Y)
    other = copy.deepcopy(model)
    for x, y, message in [
        (X[:, :2], Y, "features"),
        (X, Y + 1, "classes not in"),
        (X * np.inf, Y, "infinity"),
        (X, np.where(Y == 0, np.nan, Y), "NaN"),
        (X[1:], Y, "inconsistent"),
        (X[:0], Y[:0], "0 sample"),
    ]:
        with np.errstate(invalid="ignore"), pytest.raises(ValueError, match=message):
            model.partial_fit(x, y)
    with pytest.raises(ValueError, match="non-finite"):
        model.partial_fit(np.full(X.shape, 1e308), Y)
    assert_array_equal(model.partial_fit(X, Y).coefs_[0], other.partial_fit(X, Y).coefs_[0])


def test_threads_that_share_an_estimator_do_not_share_its_network():
    model = ShallowNetClassifier(6, random_state=0).partial_fit(X, Y, classes=[0, 1, 2])
    possible = set()

    def follow(state, left):
        possible.add(state.coefs_[0].tobytes())
        if left:
            follow(copy.deepcopy(state).partial_fit(X, Y), left - 1)

    follow(copy.deepcopy(model), 60)
    with ThreadPoolExecutor(4) as pool:
        for call in [pool.submit(lambda: model.partial_fit(X, Y).coefs_[0].tobytes()) for _ in range(60)]:
            assert call.result() in possible
