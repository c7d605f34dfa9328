"""Every option alone, and pairs of options drawn at random, against the naive estimators."""

import warnings

import numpy as np
import pytest
from harness import lanes_of
from hypothesis import example, given, settings
from hypothesis import strategies as st
from naive_fit import NaiveClassifier, NaiveRegressor
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from shallownet import ShallowNetClassifier, ShallowNetRegressor
from shallownet.kernels.activations import ACTIVATIONS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

N, N_FEATURES, N_HIDDEN = 90, 5, 7
RANDOM = np.random.RandomState(2)
X = (
    np.where(RANDOM.uniform(size=(N, N_FEATURES)) < 0.6, 0, RANDOM.randn(N, N_FEATURES))
    .astype(np.float32)
    .astype(float)
)
Z = X @ RANDOM.randn(N_FEATURES, 4) + 0.5 * RANDOM.randn(N, 4)
TARGETS = {
    "two classes": (Z[:, 0] > 0).astype(int),
    "three classes": Z[:, :3].argmax(axis=1),
    "labels": (Z > 0).astype(int),
    "numbers": np.abs(Z[:, 0]),
    "several numbers": np.abs(Z[:, :2]),
}
NUMBERS = "numbers", "several numbers"
OF_LABELS, OF_NUMBERS = {"class_weight", "label_smoothing", "strings"}, {"loss", "quantile", "delta"}
WEIGHTS = np.where(np.arange(N) % 5 == 0, 0.0, RANDOM.uniform(0.2, 3, N))
SOME_WITHOUT = np.where(np.arange(N) // 20 == 1, 0.0, WEIGHTS)  # a whole batch of 20, if they are not shuffled


def start(n_outputs):
    """Return initial weights of one's own."""
    random = np.random.RandomState(9)
    coefs = [random.randn(N_FEATURES, N_HIDDEN), random.randn(N_HIDDEN, n_outputs)]
    return coefs, [random.randn(N_HIDDEN), random.randn(n_outputs)]


SGD = {"solver": "sgd", "learning_rate_init": 0.2}
STOPS = {"early_stopping": True, "max_iter": 40, "learning_rate_init": 0.05, "validation_fraction": 0.3}

# For each option of the constructor, and for what data and calls may be: values other than the usual ones.
OPTIONS = {
    "hidden_layer_sizes": [1, (8,), [16], 33],
    "activation": list(ACTIVATIONS),
    "solver": [{"solver": "adam", "learning_rate_init": 0.01}, SGD, {"solver": "lbfgs", "max_iter": 4}],
    "alpha": [0.0, 1.0],
    "batch_size": ["auto", "full", 1, 30, 89, 0.25],
    "learning_rate": [
        SGD | {"learning_rate": "invscaling"},
        SGD | {"learning_rate": "adaptive", "tol": 0.05, "n_iter_no_change": 1, "max_iter": 25},
        SGD | {"learning_rate": "cosine"},
        {"learning_rate": "cosine", "solver": "adam"},
        {"learning_rate": "adaptive"},
    ],
    "learning_rate_init": [0.003, 0.1],
    "power_t": [SGD | {"learning_rate": "invscaling", "power_t": power} for power in (0.0, 0.2, 1.0)],
    "max_iter": [1, 11],
    "shuffle": [False],
    "random_state": [1, 77],
    "tol": [
        {"tol": 0.02, "n_iter_no_change": 2, "max_iter": 60, "learning_rate_init": 0.03},
        STOPS | {"tol": 0.0, "n_iter_no_change": 2},
    ],
    "n_iter_no_change": [np.inf, {"n_iter_no_change": 3, "tol": 0.1, "max_iter": 30}],
    "momentum": [SGD | {"momentum": momentum} for momentum in (0.0, 0.5, 0.99)],
    "nesterovs_momentum": [SGD | {"nesterovs_momentum": False}],
    "early_stopping": [STOPS, STOPS | {"n_iter_no_change": 2, "tol": 0.01}],
    "validation_fraction": [STOPS | {"validation_fraction": 0.5}],
    "beta_1": [0.0, 0.5],
    "beta_2": [0.5, 0.9],
    "epsilon": [1e-2],
    "max_fun": [{"solver": "lbfgs", "max_fun": 5}],
    "init": ["he_normal", "small_normal", "zeros", "given"],
    "negative_slope": [{"activation": "leaky_relu", "negative_slope": slope} for slope in (0.0, 0.3, 1.5)],
    "class_weight": ["balanced", {0: 2.0, 1: 0.5}, {0: 0.0, 1: 1.0}],
    "dropout": [0.1, 0.5, 0.9],
    "label_smoothing": [0.1, 0.7],
    "scoring": [STOPS | {"scoring": scoring} for scoring in ("loss", "accuracy", "neg_mean_absolute_error")],
    "loss": [{"loss": loss} for loss in ("poisson", "absolute_error", "quantile", "huber")],
    "quantile": [{"loss": "quantile", "quantile": 0.8}],
    "delta": [{"loss": "huber", "delta": 0.4}],
    "n_jobs": [1, 2, -1],
    "warm_start": [{"warm_start": True, "calls": 2}],
    # of data and calls
    "calls": [{"incremental": True, "calls": 1}, {"incremental": True, "calls": 3}, {"calls": 2}],
    "X_val": [{"X_val": True}, STOPS | {"X_val": True}],
    "weights": [{"sample_weight": "uneven"}, {"sample_weight": "some batch without", "shuffle": False}],
    "form": [{"form": form} for form in ("csr_matrix", "csc_array", "F")],
    "dtype": [{"dtype": np.float32}],
    "labels": [{"strings": True}],
}
USUAL = {"hidden_layer_sizes": N_HIDDEN, "batch_size": 20, "max_iter": 5, "learning_rate_init": 0.02, "random_state": 0}
OF_DATA = {
    "calls": 1,
    "incremental": False,
    "X_val": False,
    "sample_weight": None,
    "form": "C",
    "dtype": np.float64,
    "strings": False,
}
VALUES = [(name, value if isinstance(value, dict) and name != "class_weight" else {name: value})
          for name, values in OPTIONS.items() for value in values]  # fmt: skip


def given_as(form, array):
    """Return an array in another form."""
    return np.asarray(array, order=form) if form in "CF" else getattr(sparse, form)(array)


def allowed(kind, options):
    """Return whether options go together, by what the estimator documents."""
    incremental, solver = options["incremental"], options.get("solver")
    if options.get("scoring") == ("accuracy" if kind in NUMBERS else "neg_mean_absolute_error"):
        return False
    if any(options.get(name) for name in (OF_LABELS if kind in NUMBERS else OF_NUMBERS)):
        return False
    if options.get("class_weight") is not None and (
        kind == "labels" or (incremental and options["class_weight"] == "balanced") or options["strings"]
    ):
        return False
    if options.get("init") == "given" and options["hidden_layer_sizes"] != N_HIDDEN:
        return False
    if incremental and (solver == "lbfgs" or options.get("early_stopping") or options["X_val"]):
        return False
    return not (solver == "lbfgs" and options.get("dropout"))


def check(kind, *chosen):
    """Fit both estimators with the chosen options and compare all that they say."""
    options = USUAL | OF_DATA
    for option in chosen:
        options = options | option
    if not allowed(kind, options):
        return
    if kind in NUMBERS and options.get("solver") == "sgd":
        options["learning_rate_init"] /= 50  # the gradient of a square has no bound
    y = TARGETS[kind]
    if options.get("init") == "given":
        options["init"] = start({"two classes": 1, "three classes": 3, "numbers": 1}.get(kind) or y.shape[1])
    if options.get("class_weight") not in (None, "balanced"):
        options["class_weight"] = {label: 1.0 for label in np.unique(y)} | options["class_weight"]
    names = np.array(["b", "a", "c"]) if options["strings"] and kind != "labels" else np.arange(3)
    data, parameters = {name: options.pop(name) for name in OF_DATA}, options
    s = {None: None, "uneven": WEIGHTS, "some batch without": SOME_WITHOUT}[data["sample_weight"]]
    labels = names[y] if kind.endswith("classes") else y

    dtype = np.dtype(data["dtype"])
    kinds = (ShallowNetRegressor, NaiveRegressor) if kind in NUMBERS else (ShallowNetClassifier, NaiveClassifier)
    ours = kinds[0](**parameters)
    theirs = kinds[1](lanes_of(dtype), **ours.get_params())
    held_out = {"X_val": X[::3], "y_val": labels[::3], "sample_weight_val": WEIGHTS[1::3]} if data["X_val"] else {}
    in_form = held_out | ({"X_val": given_as(data["form"], X[::3].astype(dtype))} if held_out else {})
    for call in range(data["calls"]):
        rows = np.arange(call, N, 2) if data["incremental"] else slice(None)
        arguments = X[rows], labels[rows], None if s is None else s[rows]
        method, more, theirs_more = "fit", in_form, held_out
        if data["incremental"]:
            method = "partial_fit"
            classes = np.arange(4) if kind == "labels" else names[: int(y.max()) + 1]
            more = theirs_more = {} if kind in NUMBERS else {"classes": classes}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a batch size above the number of samples
            getattr(ours, method)(given_as(data["form"], X[rows].astype(dtype)), *arguments[1:], **more)
        getattr(theirs, method)(*arguments, **theirs_more)

    loose = dtype == np.float32 or parameters.get("solver") == "lbfgs"
    compare(ours, theirs, dtype, {"rtol": 2e-3, "atol": 2e-3} if loose else {"rtol": 1e-6, "atol": 1e-8})


def compare(ours, theirs, dtype, tolerance):
    W1, b1, W2, b2 = theirs.weights
    for found, expected in zip(ours.coefs_ + ours.intercepts_, (W1.T, W2.T, b1, b2), strict=True):
        assert_allclose(found, expected, **tolerance)
        assert found.dtype == dtype
    predict = getattr(ours, "predict_proba", ours.predict)
    assert_allclose(predict(X.astype(dtype)), theirs.predictions(X), **tolerance)
    assert ours.n_iter_ == theirs.n_iter_
    assert_allclose(ours.loss_, theirs.loss_curve_[-1], **tolerance)
    watched = bool(theirs.validation_scores_)
    if watched:
        assert_allclose(ours.validation_scores_, theirs.validation_scores_, **tolerance)
        assert_allclose(ours.validation_loss_curve_, theirs.validation_loss_curve_, **tolerance)
        assert_allclose(ours.best_validation_score_, theirs.best_score, **tolerance)
        assert ours.best_iter_ == theirs.best_iter_
    if ours.solver == "lbfgs":
        assert ours.t_ == 0
    else:
        assert_allclose(ours.loss_curve_, theirs.loss_curve_, **tolerance)
        assert ours.t_ == theirs.t_
        assert watched or ours.best_iter_ is None
    assert_array_equal(getattr(ours, "classes_", None), theirs.classes)


def test_every_parameter_is_an_option():
    tested = {name for _, value in VALUES for name in value}
    for estimator in (ShallowNetClassifier, ShallowNetRegressor):
        assert set(estimator().get_params()) - tested == {"verbose"}  # which changes no result


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("value", [value for _, value in VALUES], ids=str)
def test_an_option_alone(kind, value):
    check(kind, value)


@st.composite
def pairs(draw):
    """Return a kind of targets and values of two different options, or of three."""
    names = draw(st.lists(st.sampled_from(list(OPTIONS)), min_size=2, max_size=3, unique=True))
    return draw(st.sampled_from(list(TARGETS))), [
        draw(st.sampled_from([value for of, value in VALUES if of == name])) for name in names
    ]


@given(pairs())
@example(("three classes", [STOPS | {"X_val": True}, {"solver": "lbfgs"}]))
@example(("labels", [STOPS, {"dropout": 0.5}]))
@example(("several numbers", [STOPS | {"X_val": True}, {"loss": "quantile", "quantile": 0.8}]))
@settings(max_examples=400)
def test_pairs_of_options(case):
    kind, values = case
    check(kind, *values)
