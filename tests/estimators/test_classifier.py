"""The estimator as its user meets it: labels, attributes, seeds, inputs, weights, output, interrupts."""

import os
import pickle
import re
import subprocess
import sys
import threading
from _thread import interrupt_main
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pandas
import polars
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_iris, load_wine
from sklearn.exceptions import DataConversionWarning
from sklearn.metrics import accuracy_score
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from shallownet import ShallowNetClassifier
from shallownet.training import sample_order as _order
from shallownet.training.network import Network

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_iris(return_X_y=True)
WINE = StandardScaler().fit_transform(load_wine().data), load_wine().target
BINARY = Y == 2
NAMES = ["sepal length", "sepal width", "petal length", "petal width"]
GRADIENT_DESCENT = {"solver": "sgd", "batch_size": "full", "learning_rate_init": 0.1}
STANDSTILL = {"solver": "sgd", "learning_rate_init": 1e-300, "max_iter": 1}  # leaves the first weights

LABELS = {
    "int": np.array([0, 1, 2]),
    "gaps": np.array([7, 100, 3000]),
    "negative": np.array([-5, 0, -1]),
    "uint8": np.array([255, 0, 4], np.uint8),
    "whole float": np.array([-1.0, 2.0, 4.0]),
    "str": np.array(["setosa", "versicolor", "a much longer name"]),
    "object": np.array(["b", "a", "ccc"], object),
    "date": np.array(["2024-01-01", "2023-01-01", "2026-01-01"], "datetime64[D]"),
}


def small(**parameters):
    return ShallowNetClassifier(**{"hidden_layer_sizes": 5, "max_iter": 15, "random_state": 0, **parameters})


def weights(model):
    return model.coefs_ + model.intercepts_


def assert_same_bits(model, other):
    for ours, theirs in zip(weights(model), weights(other), strict=True):
        assert_array_equal(ours, theirs, strict=True)
    assert_array_equal(model.loss_curve_, other.loss_curve_)


def assert_close(model, other, rtol=1e-9):
    for ours, theirs in zip(weights(model), weights(other), strict=True):
        assert_allclose(ours, theirs, rtol=rtol, atol=rtol)


# --- labels ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", LABELS)
def test_labels_of_any_kind(kind):
    labels = LABELS[kind]
    y = labels[Y]
    model = small().fit(X, y)
    assert_array_equal(model.classes_, np.sort(labels))
    assert model.classes_.dtype == labels.dtype
    predicted = model.predict(X)
    assert predicted.dtype == labels.dtype
    assert_array_equal(predicted, model.classes_[model.predict_proba(X).argmax(axis=1)])
    assert_array_equal(predicted, MLPClassifier(5, max_iter=15, random_state=0).fit(X, y).predict(X))


@pytest.mark.parametrize(
    "labels",
    [np.array([False, True]), np.array(["no", "yes"]), np.array([-1, 1]), np.array([2.0, 5.0])],
    ids=["bool", "str", "int", "float"],
)
def test_two_labels_of_any_kind(labels):
    model = small(max_iter=100, learning_rate_init=0.05).fit(X, labels[BINARY.astype(int)])
    assert_array_equal(model.classes_, labels, strict=True)
    assert_array_equal(model.predict(X), labels[(model.predict_proba(X)[:, 1] > 0.5).astype(int)], strict=True)
    assert model.score(X, labels[BINARY.astype(int)]) > 0.9


@pytest.mark.parametrize(
    "container",
    [list, pandas.Series, polars.Series, lambda y: pandas.Series(y, dtype="category"), pandas.DataFrame],
    ids=["list", "pandas", "polars", "category", "one column"],
)
def test_containers_of_labels(container):
    y = LABELS["str"][Y]
    model = small()
    if container is pandas.DataFrame:
        with pytest.warns(DataConversionWarning, match="column-vector y was passed"):
            model.fit(X, container(y))
    else:
        model.fit(X, container(y))
    assert_same_bits(model, small().fit(X, y))
    assert_array_equal(model.classes_, np.sort(LABELS["str"]))


def test_order_of_labels_changes_only_the_order_of_outputs():
    parameters = {"init": "zeros", **GRADIENT_DESCENT}
    there, back = small(**parameters).fit(X, Y), small(**parameters).fit(X, -Y)
    assert_allclose(there.predict_proba(X), back.predict_proba(X)[:, ::-1], rtol=1e-9)


# --- fitted attributes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("y", [BINARY, Y], ids=["two classes", "three classes"])
def test_attributes_are_those_of_mlp_classifier(y):
    X_named = pandas.DataFrame(X, columns=NAMES)
    expected = MLPClassifier(5, max_iter=15, random_state=0).fit(X_named, y)
    actual = small().fit(X_named, y)
    for name in ("n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_", "n_features_in_"):
        assert getattr(actual, name) == getattr(expected, name)
        assert isinstance(getattr(actual, name), int | str)
    for name in ("loss_", "best_loss_"):
        assert isinstance(getattr(actual, name), float)
        assert getattr(actual, name) == pytest.approx(getattr(expected, name), rel=1e-9)
    assert isinstance(actual.loss_curve_, list)
    assert all(isinstance(loss, float) for loss in actual.loss_curve_)
    assert actual.loss_curve_ == pytest.approx(expected.loss_curve_, rel=1e-9)
    for name in ("coefs_", "intercepts_"):
        ours, theirs = getattr(actual, name), getattr(expected, name)
        assert isinstance(ours, list)
        assert [array.shape for array in ours] == [array.shape for array in theirs]
        assert all(array.flags.c_contiguous for array in ours)
    assert_array_equal(actual.classes_, expected.classes_, strict=True)
    assert_array_equal(actual.feature_names_in_, expected.feature_names_in_, strict=True)


@pytest.mark.parametrize(
    ("given", "trained"),
    [
        (np.float32, np.float32),
        (np.float64, np.float64),
        (np.float16, np.float64),
        (np.longdouble, np.float64),
        (">f8", np.float64),
        (">f4", np.float64),
        (np.int64, np.float64),
        (bool, np.float64),
        (object, np.float64),
    ],
)
def test_dtypes(given, trained):
    model = small().fit((X * 10).astype(given), Y)
    assert {array.dtype for array in weights(model)} == {np.dtype(trained)}
    assert model.predict_proba((X * 10).astype(given)).dtype == trained
    assert model.predict_proba(X).dtype == trained
    assert model.predict_log_proba(X).dtype == trained


def test_best_loss_is_the_smallest():
    model = small(solver="sgd", learning_rate_init=0.5, batch_size=20, n_iter_no_change=np.inf).fit(X, Y)
    assert model.best_loss_ == min(model.loss_curve_) < model.loss_ == model.loss_curve_[-1]
    assert model.t_ == 15 * len(X)


def test_fitted_arrays_are_the_models_own():
    model = small().fit(X, Y)
    before = model.predict_proba(X)
    other = small(max_iter=3, random_state=1).fit(X, Y)
    for array in weights(other):
        array[:] = 0
    assert_array_equal(model.predict_proba(X), before)
    assert_allclose(other.predict_proba(X), 1 / 3)  # a prediction is made from coefs_ and intercepts_


def test_refit_starts_anew():
    model = small().fit(pandas.DataFrame(X, columns=NAMES), Y)
    model.fit(*WINE)
    assert_same_bits(model, small().fit(*WINE))
    assert model.n_features_in_ == WINE[0].shape[1]
    assert not hasattr(model, "feature_names_in_")


# --- parameters -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sizes", [np.int32(5), (5,), [5], np.array([5]), (np.int64(5),)], ids=lambda sizes: type(sizes).__name__
)
def test_forms_of_hidden_layer_sizes(sizes):
    model = small(hidden_layer_sizes=sizes)
    assert_same_bits(model.fit(X, Y), small(hidden_layer_sizes=5).fit(X, Y))
    assert model.hidden_layer_sizes is sizes


def test_parameters_of_mlp_classifier_mean_the_same_by_default():
    ours, theirs = ShallowNetClassifier().get_params(), MLPClassifier().get_params()
    shared = ours.keys() & theirs.keys()
    assert len(shared) >= 18
    assert {name: ours[name] for name in shared} == {name: theirs[name] for name in shared}
    assert ours.keys() - theirs.keys() >= {"init", "negative_slope", "n_jobs"}


def test_get_and_set_params():
    model = small().set_params(activation="tanh", hidden_layer_sizes=(3,), solver="sgd")
    assert model.get_params()["activation"] == "tanh"
    assert model.fit(X, Y).coefs_[0].shape == (4, 3)
    with pytest.raises(ValueError, match="Invalid parameter 'layers'"):
        model.set_params(layers=1)


def test_fit_leaves_the_parameters_alone():
    model = ShallowNetClassifier([5], max_iter=2, random_state=np.random.RandomState(0))
    before = model.get_params()
    model.fit(X, Y)
    after = model.get_params()
    assert all(after[name] is before[name] for name in before)


def test_clone_is_unfitted_and_fits_alike():
    model = small(activation="leaky_relu", negative_slope=0.2).fit(X, Y)
    copy = clone(model)
    assert not hasattr(copy, "coefs_")
    assert copy.get_params() == model.get_params()
    assert_same_bits(copy.fit(X, Y), model)


def test_repr_names_the_changed_parameters():
    assert repr(ShallowNetClassifier(7, init="zeros")) == "ShallowNetClassifier(hidden_layer_sizes=7, init='zeros')"


def test_sigmoid_is_logistic():
    assert_same_bits(small(activation="sigmoid").fit(X, Y), small(activation="logistic").fit(X, Y))


@pytest.mark.parametrize(("slope", "same"), [(0.0, "relu"), (1.0, "identity")])
def test_leaky_relu_between_relu_and_identity(slope, same):
    model = small(activation="leaky_relu", negative_slope=slope).fit(X, Y)
    assert_close(model, small(activation=same).fit(X, Y))


@pytest.mark.parametrize("slope", [0.01, 0.3, 2])
def test_negative_slope_is_used_in_prediction(slope):
    model = small(activation="leaky_relu", negative_slope=slope).fit(*WINE)
    (w1, w2), (b1, b2) = model.coefs_, model.intercepts_
    z1 = WINE[0] @ w1 + b1
    power = np.exp(np.where(z1 < 0, slope * z1, z1) @ w2 + b2)
    assert_allclose(model.predict_proba(WINE[0]), power / power.sum(axis=1, keepdims=True), rtol=1e-9)


def test_small_normal_weights():
    model = small(init="small_normal", **STANDSTILL).fit(X, Y)
    random_state = np.random.RandomState(0)
    assert_array_equal(model.coefs_[0], (random_state.randn(5, 4) * 0.01).T)
    assert_array_equal(model.coefs_[1], (random_state.randn(3, 5) * 0.01).T)
    assert max(np.abs(intercepts).max() for intercepts in model.intercepts_) < 1e-300


def test_zero_weights_keep_all_units_alike():
    model = small(init="zeros", activation="tanh", max_iter=50, learning_rate_init=0.1).fit(X, Y)
    assert np.any(model.intercepts_[1])
    assert_array_equal(model.coefs_[0], model.coefs_[0][:, :1].repeat(5, axis=1))
    assert_array_equal(model.coefs_[1], model.coefs_[1][:1].repeat(5, axis=0))


def test_batch_size_full_is_all_samples():
    model = small(batch_size="full")
    assert_same_bits(model.fit(X, Y), small(batch_size=len(X)).fit(X, Y))


def test_batch_size_auto_is_at_most_200():
    many = np.tile(X, (3, 1)), np.tile(Y, 3)
    assert_same_bits(small().fit(*many), small(batch_size=200).fit(*many))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_jobs", [1, 2, 3, 1000, -1, -2, -1000])
def test_n_jobs_changes_no_bit(n_jobs, dtype):
    data = np.tile(X, (4, 1)).astype(dtype), np.tile(Y, 4)
    model = small(batch_size="full", n_jobs=n_jobs).fit(*data)
    reference = small(batch_size="full").fit(*data)
    assert_same_bits(model, reference)
    assert_array_equal(model.predict_proba(data[0]), reference.predict_proba(data[0]))


# --- seeds ----------------------------------------------------------------------------------------------


def test_random_state_int_gives_the_same_each_time():
    model = small(random_state=7).fit(X, Y)
    assert_same_bits(model, clone(model).fit(X, Y))
    assert_same_bits(model, small(random_state=np.random.RandomState(7)).fit(X, Y))
    assert not np.array_equal(model.coefs_[0], small(random_state=8).fit(X, Y).coefs_[0])


@pytest.fixture(params=[0, 10**9], ids=["kernels draw", "NumPy draws"])
def drawn(request, monkeypatch):
    monkeypatch.setattr(_order, "KERNELS_PAY", request.param)


def test_random_state_instance_goes_on(drawn):
    random_state, expected = np.random.RandomState(7), np.random.RandomState(7)
    model = small(random_state=random_state).fit(X, Y)
    assert_same_bits(model, small(random_state=expected).fit(X, Y))
    assert random_state.randint(2**31) == expected.randint(2**31)
    assert not np.array_equal(model.coefs_[0], small(random_state=random_state).fit(X, Y).coefs_[0])


def test_random_state_none_is_numpys_global(drawn):
    before = np.random.get_state()
    try:
        np.random.seed(7)
        model = small(random_state=None).fit(X, Y)
    finally:
        np.random.set_state(before)
    assert_same_bits(model, small(random_state=7).fit(X, Y))


@pytest.mark.parametrize("random_state", [None, np.random.RandomState(0)], ids=["None", "RandomState"])
def test_fits_in_threads_learn_in_different_orders(random_state):
    init = small().fit(X, Y)
    options = {"init": (init.coefs_, init.intercepts_), "batch_size": 16, "max_iter": 200}
    models = [small(random_state=random_state, **options) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda model: model.fit(X, Y), models))
    assert len({model.coefs_[0].tobytes() for model in models}) == 4


@pytest.mark.parametrize("seed", [lambda: 7, lambda: np.random.RandomState(7)], ids=["int", "RandomState"])
def test_one_batch_of_all_samples_is_taken_as_they_come(seed, drawn):
    models = [small(batch_size="full", shuffle=shuffle, random_state=seed()).fit(X, Y) for shuffle in (True, False)]
    assert_same_bits(*models)
    assert_same_bits(models[0], small(batch_size="full", random_state=7).fit(X, Y))


# --- persistence ----------------------------------------------------------------------------------------

PREDICT_ELSEWHERE = """
import sys
import joblib, numpy as np
model, X, out = sys.argv[1:]
np.save(out, joblib.load(model).predict_proba(np.load(X)))
"""


def pickle_to(model, path):
    path.write_bytes(pickle.dumps(model))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("dump", [pickle_to, joblib.dump], ids=["pickle", "joblib"])
def test_same_bits_in_another_process(dump, dtype, tmp_path):
    model = small(activation="leaky_relu").fit(X.astype(dtype), Y)
    paths = [str(tmp_path / name) for name in ("model", "X.npy", "probabilities.npy")]
    dump(model, tmp_path / "model")
    np.save(paths[1], X)
    subprocess.run(
        [sys.executable, "-c", PREDICT_ELSEWHERE, *paths],
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert_array_equal(np.load(paths[2]), model.predict_proba(X), strict=True)


def test_unpickled_model_is_the_same_and_can_be_fitted():
    model = small().fit(pandas.DataFrame(X, columns=NAMES), Y)
    copy = pickle.loads(pickle.dumps(model))
    assert vars(copy).keys() == vars(model).keys()
    assert_same_bits(copy, model)
    assert_same_bits(copy.fit(X, Y), model)


def test_pickle_holds_only_arrays_and_plain_values():
    plain = {type(None), bool, int, float, str, tuple}
    for value in small().fit(X, Y).__getstate__().values():
        for item in value if isinstance(value, list) else [value]:
            assert type(item) in plain or isinstance(item, np.ndarray | np.float64)


# --- data frames ----------------------------------------------------------------------------------------


def test_a_frame_whose_columns_were_seen_before_is_checked_all_the_same():
    frame = pandas.DataFrame(X, columns=NAMES)
    model, other = small().fit(frame, Y), small().fit(pandas.DataFrame(X[:, ::-1], columns=NAMES[::-1]), Y)
    expected = model.predict_proba(frame)
    for rows in (frame, frame.iloc[[3]], frame.iloc[3:9], frame.astype(np.float32)):
        found = model.predict_proba(rows)
        assert_allclose(found, expected[rows.index], rtol=1e-6)
    # NaN and text are errors, as are the same columns for a model that was fitted with others, and new names in place
    spoiled = frame.copy()
    spoiled.iloc[2, 1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        model.predict_proba(spoiled)
    with pytest.raises(ValueError, match="could not convert"):
        model.predict_proba(frame.astype({NAMES[0]: object}).assign(**{NAMES[0]: "text"}))
    with pytest.raises(ValueError, match="feature names"):
        other.predict_proba(frame)
    with pytest.raises(ValueError, match="feature names"):
        model.predict_proba(frame[NAMES[::-1]])
    renamed = frame.iloc[[0]]
    model.predict_proba(renamed)
    renamed.columns = [f"new {name}" for name in NAMES]
    with pytest.raises(ValueError, match="feature names"):
        model.predict_proba(renamed)


def test_frames_of_other_numbers_give_what_their_array_gives():
    frame = pandas.DataFrame(np.round(X * 10), columns=NAMES)
    model = small().fit(frame, Y)
    for rows in (frame.astype(np.int64), frame.astype("Int64"), frame.astype("Float32"), frame.astype(object)):
        for _ in range(2):  # of the second time the columns are known
            assert_allclose(model.predict_proba(rows), model.predict_proba(frame), rtol=1e-6)


FRAMES = {
    "pandas": lambda names: pandas.DataFrame(X, columns=names),
    "polars": lambda names: polars.DataFrame(X, schema=list(names)),
}


@pytest.fixture(params=FRAMES)
def frame(request):
    return FRAMES[request.param]


def test_frames_give_feature_names(frame):
    model = small().fit(frame(NAMES), Y)
    assert_array_equal(model.feature_names_in_, NAMES)
    assert_same_bits(model, small().fit(X, Y))
    assert_array_equal(model.predict_proba(frame(NAMES)), small().fit(X, Y).predict_proba(X))


@pytest.mark.parametrize("names", [NAMES[::-1], ["a", "b", "c", "d"]], ids=["order", "others"])
def test_other_feature_names_are_an_error(frame, names):
    model = small().fit(frame(NAMES), Y)
    with pytest.raises(ValueError, match="feature names should match those that were passed during fit"):
        model.predict(frame(names))


def test_names_on_one_side_only_are_a_warning(frame):
    named, unnamed = small().fit(frame(NAMES), Y), small().fit(X, Y)
    with pytest.warns(UserWarning, match="X does not have valid feature names, but ShallowNetClassifier was"):
        from_array = named.predict(X)
    with pytest.warns(UserWarning, match="X has feature names, but ShallowNetClassifier was fitted without"):
        from_frame = unnamed.predict(frame(NAMES))
    assert_array_equal(from_array, from_frame)


def test_frame_of_float32_is_trained_in_float32():
    model = small().fit(pandas.DataFrame(X, columns=NAMES, dtype=np.float32), Y)
    assert model.coefs_[0].dtype == np.float32
    assert_same_bits(model, small().fit(X.astype(np.float32), Y))


# --- memory ---------------------------------------------------------------------------------------------


def unaligned(array):
    raw = np.zeros(array.nbytes + 1, np.uint8)[1:]
    view = raw.view(array.dtype).reshape(array.shape)
    view[:] = array
    assert not view.flags.aligned
    return view


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


LAYOUTS = {
    "Fortran": np.asfortranarray,
    "every other row": lambda array: array.repeat(2, axis=0)[::2],
    "every third column": lambda array: array.repeat(3, axis=1)[:, ::3],
    "backwards": lambda array: array[::-1, ::-1].copy()[::-1, ::-1],
    "slice of columns": lambda array: np.hstack([array, array])[:, : array.shape[1]],
    "unaligned": unaligned,
    "read-only": read_only,
    "list": np.ndarray.tolist,
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_memory_layout_changes_no_bit(layout, dtype):
    plain = X.astype(dtype)
    other = LAYOUTS[layout](plain)
    if layout == "list":
        plain = plain.astype(np.float64)
    model, reference = small().fit(other, Y), small().fit(plain, Y)
    assert_same_bits(model, reference)
    assert_array_equal(model.predict_proba(other), reference.predict_proba(plain))


def test_one_row_for_all():
    rows = np.broadcast_to(X[0], X.shape)
    assert rows.strides[0] == 0
    assert_same_bits(small().fit(rows, Y), small().fit(rows.copy(), Y))


def test_read_only_memory_map(tmp_path):
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    model = small().fit(mapped, Y)
    assert_same_bits(model, small().fit(X, Y))
    assert_array_equal(model.predict(mapped), model.predict(X))


def test_data_are_left_alone():
    data, labels, sample_weight = X.copy(), Y.copy(), np.linspace(0, 1, len(Y))
    small().fit(data, labels, sample_weight).predict_log_proba(data)
    assert_array_equal(data, X)
    assert_array_equal(labels, Y)
    assert_array_equal(sample_weight, np.linspace(0, 1, len(Y)))


@pytest.mark.parametrize("n_rows", [1, 2, 7, 150])
def test_prediction_of_a_row_does_not_depend_on_the_others(n_rows):
    model = small().fit(X, Y)
    assert_array_equal(model.predict_proba(X[:n_rows]), model.predict_proba(X)[:n_rows])


# --- sample weights -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "parameters",
    [
        {"solver": "adam", "learning_rate_init": 0.01},
        {"solver": "sgd", "learning_rate_init": 0.1},
        {"solver": "sgd", "learning_rate_init": 0.1, "momentum": 0.0, "activation": "tanh", "alpha": 2.0},
        {"solver": "lbfgs", "activation": "tanh", "max_iter": 15},
    ],
    ids=["adam", "sgd", "penalty", "lbfgs"],
)
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix], ids=["dense", "sparse"])
@pytest.mark.parametrize("targets", [BINARY, Y, np.eye(3, dtype=int)[Y]], ids=["two classes", "three", "labels"])
def test_weights_count_rows(targets, form, parameters):
    counts = np.random.RandomState(0).randint(4, size=len(Y))
    assert set(counts) == {0, 1, 2, 3}
    weights = [np.random.RandomState(1).randn(4, 5), np.random.RandomState(2).randn(5, 1 if targets is BINARY else 3)]
    init = weights, [np.zeros(5), np.zeros(weights[1].shape[1])]
    parameters = {"batch_size": "full", "shuffle": False, "max_iter": 50, "init": init, **parameters}
    weighted = small(**parameters).fit(form(X), targets, sample_weight=counts)
    repeated = small(**parameters).fit(form(X.repeat(counts, axis=0)), targets.repeat(counts, axis=0))
    assert_close(weighted, repeated, rtol=1e-8)
    assert_allclose(weighted.loss_, repeated.loss_, rtol=1e-9)
    assert weighted.n_iter_ == repeated.n_iter_
    if parameters["solver"] != "lbfgs":
        assert_allclose(weighted.loss_curve_, repeated.loss_curve_, rtol=1e-9)


def test_scale_of_weights_matters_only_beside_the_penalty():
    sample_weight = np.linspace(0.5, 1.5, len(Y))
    models = {
        (alpha, scale): small(alpha=alpha, **GRADIENT_DESCENT).fit(X, Y, sample_weight * scale)
        for alpha in (0.0, 1.0)
        for scale in (1.0, 8.0)
    }
    assert_close(models[0.0, 1.0], models[0.0, 8.0])
    assert np.abs(models[1.0, 1.0].coefs_[0] - models[1.0, 8.0].coefs_[0]).max() > 1e-4
    assert_close(models[1.0, 8.0], small(alpha=1 / 8, **GRADIENT_DESCENT).fit(X, Y, sample_weight))


@pytest.mark.parametrize("binary", [True, False], ids=["two classes", "three classes"])
def test_first_loss_is_the_weighted_mean_and_the_penalty(binary):
    y = BINARY.astype(int) if binary else Y
    sample_weight = np.linspace(0, 3, len(y))
    model = small(alpha=0.7, batch_size="full", **STANDSTILL).fit(X, y, sample_weight)
    losses = -np.log(model.predict_proba(X)[np.arange(len(y)), y])
    penalty = 0.7 / 2 * sum(np.sum(coef**2) for coef in model.coefs_) / sample_weight.sum()
    assert model.loss_ == pytest.approx(np.average(losses, weights=sample_weight) + penalty, rel=1e-9)


def test_weights_of_one_are_no_weights():
    assert_same_bits(small().fit(X, Y, np.ones(len(Y))), small().fit(X, Y))


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix], ids=["dense", "sparse"])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_batch_without_weight_is_as_if_absent(solver, form):
    parameters = {"solver": solver, "learning_rate_init": 0.05, "batch_size": 50, "shuffle": False}
    sample_weight = np.repeat([0.0, 1.0, 2.0], 50)
    present = sample_weight > 0
    weighted = small(**parameters).fit(form(X), BINARY, sample_weight)
    absent = small(**parameters).fit(form(X[present]), BINARY[present], sample_weight[present])
    assert_close(weighted, absent)
    assert_allclose(weighted.loss_curve_, absent.loss_curve_, rtol=1e-12)


@pytest.mark.parametrize(
    ("options", "weighed"),
    [
        ({"class_weight": {0: 0.0, 1: 1.0, 2: 1.0}, "sample_weight": (Y == 0) * 1.0}, "training"),
        ({"early_stopping": True, "sample_weight": (np.arange(len(Y)) == 4) * 1.0}, "validation"),
    ],
    ids=["training", "validation"],
)
def test_samples_that_all_weigh_nothing_are_an_error(options, weighed):
    sample_weight = options.pop("sample_weight", None)
    with pytest.raises(ValueError, match=f"The weights of the {weighed} samples must contain at least one non-zero"):
        small(**options).fit(X, Y, sample_weight)


# --- predictions ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("y", [BINARY, Y], ids=["two classes", "three classes"])
def test_probabilities(y, dtype):
    model = small().fit(X.astype(dtype), y)
    probabilities = model.predict_proba(X)
    assert probabilities.shape == (len(X), len(np.unique(y)))
    assert probabilities.min() >= 0
    assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6 if dtype == np.float32 else 1e-14)
    assert_array_equal(model.predict_log_proba(X), np.log(probabilities))


def test_score_is_the_accuracy():
    model = small().fit(X, Y)
    sample_weight = np.linspace(0, 1, len(Y))
    assert 0.3 < model.score(X, Y) < 1
    assert model.score(X, Y) == accuracy_score(Y, model.predict(X))
    assert model.score(X, Y, sample_weight) == accuracy_score(Y, model.predict(X), sample_weight=sample_weight)


# --- the course of a fit --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "parameters",
    [
        {"max_iter": 12},
        {"tol": 0.05, "n_iter_no_change": 2},
        {"tol": 0.05, "n_iter_no_change": 1, "solver": "sgd", "learning_rate": "adaptive"},
        {"max_iter": 3, "verbose": 5},
    ],
    ids=["all epochs", "stopped", "adaptive", "int"],
)
def test_verbose_says_what_mlp_classifier_says(parameters, capsys):
    parameters = {"hidden_layer_sizes": 5, "random_state": 0, "verbose": True, **parameters}
    MLPClassifier(**parameters).fit(X, Y)
    expected = capsys.readouterr().out
    ShallowNetClassifier(**parameters).fit(X, Y)
    assert capsys.readouterr().out == expected != ""


def test_silent_by_default(capsys):
    small().fit(X, Y)
    assert capsys.readouterr() == ("", "")


@pytest.mark.filterwarnings("default::sklearn.exceptions.ConvergenceWarning")
def test_warning_at_max_iter_is_that_of_mlp_classifier():
    said = []
    for estimator in (MLPClassifier, ShallowNetClassifier):
        with pytest.warns() as record:
            estimator(5, max_iter=3, random_state=0).fit(X, Y)
        said.append([(warning.category, str(warning.message)) for warning in record])
    assert said[0] == said[1]


@pytest.mark.filterwarnings("error::sklearn.exceptions.ConvergenceWarning")
def test_no_warning_when_the_rule_stops_the_fit():
    assert small(max_iter=200, tol=0.1, n_iter_no_change=2).fit(X, Y).n_iter_ < 200


def test_n_iter_no_change_infinite_never_stops():
    model = small(max_iter=40, tol=10.0, n_iter_no_change=np.inf)
    assert model.fit(X, Y).n_iter_ == 40
    assert model.set_params(n_iter_no_change=3).fit(X, Y).n_iter_ == 4 + 1


@pytest.mark.parametrize("n_epochs", [0, 1, 6])
def test_interrupt_leaves_a_usable_model(n_epochs, monkeypatch):
    train_epochs = Network.train_epochs
    done = []

    def interrupted(network, most, *arguments):
        if len(done) == n_epochs:
            raise KeyboardInterrupt
        done.append(None)
        return train_epochs(network, 1, *arguments)

    monkeypatch.setattr(Network, "train_epochs", interrupted)
    with pytest.warns(UserWarning, match=re.escape("Training interrupted by user.")):
        model = small().fit(X, Y)
    monkeypatch.undo()
    assert model.n_iter_ == len(model.loss_curve_) == n_epochs
    assert model.t_ == n_epochs * len(X)
    reference = small(max_iter=n_epochs) if n_epochs else small(**STANDSTILL)
    for ours, theirs in zip(weights(model), weights(reference.fit(X, Y)), strict=True):
        assert_array_equal(ours, theirs)
    assert_array_equal(model.predict(X), reference.predict(X))


@pytest.mark.parametrize("batch_size", [16, "full"])
def test_interrupt_from_the_keyboard(batch_size):
    model = small(n_jobs=1, batch_size=batch_size, n_iter_no_change=np.inf)
    model.fit(X, Y)  # compiled before
    model.set_params(max_iter=10**8)
    timer = threading.Timer(0.4, interrupt_main)
    timer.start()
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model.fit(X, Y)
    timer.join()
    assert 0 < model.n_iter_ == len(model.loss_curve_) < 10**8
    assert np.isfinite(model.predict_proba(X)).all()
