"""What cannot be fitted or predicted is a clear error, and leaves an earlier fit as it was."""

import itertools
import pickle
import re
import warnings

import numpy as np
import pandas
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.neural_network import MLPClassifier

from shallownet import ShallowNetClassifier
from shallownet.estimators import base
from shallownet.training.network import Network

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_iris(return_X_y=True)
ONES = np.ones(len(Y))


def with_value(array, value):
    array = np.array(array, dtype=float)
    array.flat[7] = value
    return array


DATA = {
    "NaN in X": ((with_value(X, np.nan), Y), "Input X contains NaN"),
    "infinity in X": ((with_value(X, np.inf), Y), "Input X contains infinity"),
    "minus infinity in float32": ((with_value(X, -np.inf).astype(np.float32), Y), "Input X contains infinity"),
    "X too large for float64": (
        (X.astype(np.longdouble) * np.longdouble("1e400"), Y),
        "Input X contains infinity",
    ),
    "words in X": ((np.full((len(Y), 2), "red"), Y), "could not convert string to float: .*red"),
    "complex X": ((X * 1j, Y), "Complex data not supported"),
    "X of one dimension": ((X[:, 0], Y), "Expected 2D array, got 1D array"),
    "X of three dimensions": ((X[None], Y), "dim 3"),
    "no rows": ((X[:0], Y[:0]), "0 sample"),
    "no features": ((X[:, :0], Y), "0 feature"),
    "fewer rows than labels": ((X[:-1], Y), r"inconsistent numbers of samples: \[149, 150\]"),
    "fewer labels than rows": ((X, Y[:-1]), r"inconsistent numbers of samples: \[150, 149\]"),
    "continuous y": ((X, Y + 0.5), "Unknown label type: continuous"),
    "NaN in y": ((X, with_value(Y, np.nan)), "Input y contains NaN"),
    "infinity in y": ((X, with_value(Y, np.inf)), "Input y contains infinity"),
    "missing integer in y": ((X, pandas.Series(Y, dtype="Int64").where(Y > 0)), "Input y contains NaN"),
    "missing word in y": ((X, pandas.Series(np.array(["a", None, "c"], object)[Y], dtype="str")), "contains NaN"),
    "NaN among words in y": ((X, np.array(["a", np.nan, "c"], object)[Y]), "Input contains NaN"),
    "two columns of labels": ((X, np.column_stack([Y, 2 - Y])), "1d array|multioutput"),
    "no y": ((X, None), "requires y to be passed, but the target y is None"),
    "negative weight": ((X, Y, with_value(ONES, -1)), "Negative values in data passed to `sample_weight`"),
    "weights of zero": ((X, Y, ONES * 0), "Sample weights must contain at least one non-zero number"),
    "weight of zero for all": ((X, Y, 0.0), "Sample weights must contain at least one non-zero number"),
    "NaN in weights": ((X, Y, with_value(ONES, np.nan)), "Input sample_weight contains NaN"),
    "infinity in weights": ((X, Y, with_value(ONES, np.inf)), "Input sample_weight contains infinity"),
    "too few weights": ((X, Y, ONES[1:]), r"sample_weight.shape == \(149,\), expected \(150,\)"),
    "column of weights": ((X, Y, ONES[:, None]), "Sample weights must be 1D array or scalar, got 2D array"),
    "words as weights": ((X, Y, np.full(len(Y), "heavy")), "could not convert string to float: .*heavy"),
}

PARAMETERS = [
    ("activation", "elu", r"str among \{.*'tanh'.*\}"),
    ("activation", None, r"str among \{.*'relu'.*\}"),
    ("solver", "adamax", r"str among \{.*'adam'.*\}"),
    ("solver", 1, r"str among \{.*'sgd'.*\}"),
    ("init", "he", r"str among \{.*'glorot_uniform'.*\}"),
    ("learning_rate", "linear", r"str among \{.*'invscaling'.*\}"),
    ("hidden_layer_sizes", 0, r"array-like or an int in the range \[1, inf\)"),
    ("hidden_layer_sizes", -3, r"array-like or an int in the range \[1, inf\)"),
    ("hidden_layer_sizes", 5.0, r"array-like or an int in the range \[1, inf\)"),
    ("hidden_layer_sizes", "5", r"array-like or an int in the range \[1, inf\)"),
    ("hidden_layer_sizes", None, r"array-like or an int in the range \[1, inf\)"),
    ("hidden_layer_sizes", np.nan, r"array-like or an int in the range \[1, inf\)"),
    ("batch_size", 0, r"\[1, inf\)"),
    ("batch_size", -1, r"\[1, inf\)"),
    ("batch_size", 2.5, r"\[1, inf\)"),
    ("batch_size", np.nan, r"\[1, inf\)"),
    ("batch_size", "all", r"str among \{.*'full'.*\}"),
    ("alpha", -1e-9, r"\[0.0, inf\)"),
    ("alpha", np.nan, r"\[0.0, inf\)"),
    ("alpha", np.inf, r"\[0.0, inf\)"),
    ("alpha", "small", r"\[0.0, inf\)"),
    ("learning_rate_init", 0, r"\(0.0, inf\)"),
    ("learning_rate_init", -0.1, r"\(0.0, inf\)"),
    ("learning_rate_init", np.nan, r"\(0.0, inf\)"),
    ("learning_rate_init", np.inf, r"\(0.0, inf\)"),
    ("power_t", -1, r"\[0.0, inf\)"),
    ("power_t", np.nan, r"\[0.0, inf\)"),
    ("max_iter", 0, r"int in the range \[1, inf\)"),
    ("max_iter", 1.5, r"int in the range \[1, inf\)"),
    ("max_iter", np.inf, r"int in the range \[1, inf\)"),
    ("shuffle", "yes", "'bool'"),
    ("shuffle", 1, "'bool'"),
    ("random_state", -1, r"int in the range \[0, 4294967295\]"),
    ("random_state", "seed", r"int in the range \[0, 4294967295\]"),
    ("random_state", np.random.default_rng(0), "RandomState"),
    ("tol", -1, r"\[0.0, inf\)"),
    ("tol", np.nan, r"\[0.0, inf\)"),
    ("verbose", "loud", "'bool'"),
    ("momentum", 1.01, r"\[0.0, 1.0\]"),
    ("momentum", -0.1, r"\[0.0, 1.0\]"),
    ("momentum", np.nan, r"\[0.0, 1.0\]"),
    ("nesterovs_momentum", None, "'bool'"),
    ("beta_1", 1, r"\[0.0, 1.0\)"),
    ("beta_1", np.nan, r"\[0.0, 1.0\)"),
    ("beta_2", 1.0, r"\[0.0, 1.0\)"),
    ("beta_2", -0.1, r"\[0.0, 1.0\)"),
    ("epsilon", 0, r"\(0.0, inf\)"),
    ("epsilon", np.nan, r"\(0.0, inf\)"),
    ("n_iter_no_change", 0, r"\[1, inf\)"),
    ("n_iter_no_change", 2.5, r"\[1, inf\)"),
    ("n_iter_no_change", np.nan, r"\[1, inf\)"),
    ("negative_slope", -0.01, r"\[0.0, inf\)"),
    ("negative_slope", np.nan, r"\[0.0, inf\)"),
    ("n_jobs", 0, r"\[1, inf\).*\(-inf, -1\]"),
    ("n_jobs", 1.5, r"\[1, inf\).*\(-inf, -1\]"),
    ("n_jobs", "all", r"\[1, inf\).*\(-inf, -1\]"),
]

# numbers within their bounds, but for the float that they are used as
ROUNDED = [
    ("alpha", 10**400, "inf"),
    ("tol", np.longdouble("1e4000"), "inf"),
    ("epsilon", np.longdouble("1e-4000"), r"0\.0"),
    ("dropout", np.nextafter(np.longdouble(1), 0), r"1\.0"),
    ("beta_1", np.nextafter(np.longdouble(1), 0), r"1\.0"),
]

SEQUENCES = [
    ((5, 5), r"hidden_layer_sizes=\(5, 5\) has 2 layers.*sklearn.neural_network.MLPClassifier"),
    ((), r"hidden_layer_sizes=\(\) has 0 layers.*sklearn.neural_network.MLPClassifier"),
    ((0,), r"hidden_layer_sizes must be > 0, got \[0\]"),
    ([-2], r"hidden_layer_sizes must be > 0, got \[-2\]"),
    ((5.0,), r"hidden_layer_sizes must be an int or a sequence of one int, got \(5.0,\)"),
    ((np.nan,), "hidden_layer_sizes must be an int or a sequence of one int, got .*nan"),
    (("5",), r"hidden_layer_sizes must be an int or a sequence of one int, got \('5',\)"),
    ([[5]], r"hidden_layer_sizes must be an int or a sequence of one int, got \[\[5\]\]"),
    (10**400, "hidden_layer_sizes has more units than any array can hold"),
    (np.array(5), r"hidden_layer_sizes must be an int or a sequence of one int, got array\(5\)"),
]

CAST_OVERFLOWS = pytest.mark.filterwarnings("ignore:overflow encountered in cast:RuntimeWarning")
FRAME = pandas.DataFrame(X[:, :2], columns=["length", "width"])


def small(**parameters):
    return ShallowNetClassifier(**{"hidden_layer_sizes": 5, "max_iter": 5, "random_state": 0, **parameters})


@pytest.fixture(params=[False, True], ids=["first fit", "refit"])
def fit_fails(request):
    """A check that a fit fails; as a refit, that the fit before it, of other data, stays whole."""

    def check(data, match, **parameters):
        model = small(hidden_layer_sizes=3, activation="tanh")
        if request.param:
            model.fit(FRAME, np.array(["no", "yes"])[(Y == 1).astype(int)])
        before = {name: value for name, value in vars(model).items() if name not in model.get_params()}
        frozen = pickle.dumps(before)
        expected = model.predict_proba(FRAME) if request.param else None

        model.set_params(**{"hidden_layer_sizes": 5, "activation": "relu", **parameters})
        with pytest.raises(ValueError, match=match):
            model.fit(*data)

        after = {name: value for name, value in vars(model).items() if name not in model.get_params()}
        assert pickle.dumps(after) == frozen
        model.set_params(n_jobs=None)
        if request.param:
            assert_array_equal(model.predict_proba(FRAME), expected)
        else:
            assert not after
            with pytest.raises(NotFittedError, match="ShallowNetClassifier instance is not fitted yet"):
                model.predict(X)

    return check


@CAST_OVERFLOWS
@pytest.mark.parametrize("kind", DATA)
def test_data_that_cannot_be_fitted(kind, fit_fails):
    fit_fails(*DATA[kind])


@pytest.mark.parametrize(
    ("name", "value", "allowed"), PARAMETERS, ids=[f"{name}={value!r:.20}" for name, value, _ in PARAMETERS]
)
def test_parameters_that_are_not_allowed(name, value, allowed, fit_fails):
    got = re.escape(repr(value))
    match = f"The '{name}' parameter of ShallowNetClassifier must be .*{allowed}.* Got {got} instead"
    fit_fails((X, Y), match, **{name: value})


@pytest.mark.parametrize(("name", "value", "rounded"), ROUNDED)
def test_parameters_that_round_to_what_is_not_allowed(name, value, rounded, fit_fails):
    fit_fails(
        (X, Y), f"The '{name}' parameter of ShallowNetClassifier must be .* Got {rounded} instead", **{name: value}
    )


def test_a_power_beyond_the_floats_ends_the_learning():
    parameters = {"solver": "sgd", "momentum": 0, "learning_rate": "invscaling", "power_t": 1e308}
    weights = [small(max_iter=n_epochs, **parameters).fit(X, Y).coefs_[0] for n_epochs in (1, 3)]
    assert_array_equal(*weights)


@pytest.mark.parametrize(
    "weights", [{0: -1}, {0: np.nan}, {1: np.inf}, {1: None}, {0: 0, 1: 0, 2: 0}, {2: 10**400}], ids=repr
)
def test_class_weights_that_are_no_weights(weights, fit_fails):
    fit_fails((X, Y), "class_weight must have finite weights that are not negative", class_weight=weights)


def test_validation_set_without_weight(fit_fails):
    fit_fails(
        (X, Y, (np.arange(len(Y)) == 0).astype(float)),
        "The weights of the validation samples must contain at least one non-zero number",
        early_stopping=True,
    )


@pytest.mark.parametrize(("sizes", "match"), SEQUENCES, ids=[repr(sizes) for sizes, _ in SEQUENCES])
def test_sequences_that_are_not_one_layer(sizes, match, fit_fails):
    fit_fails((X, Y), match, hidden_layer_sizes=sizes)


# --- divergence -----------------------------------------------------------------------------------------

NOT_FINITE = (
    r"Solver produced non-finite parameter weights\. The input data may contain large values and need to be"
    r" preprocessed\."
)
OVERFLOW = f"{NOT_FINITE}|Solver produced parameter weights so large that the outputs overflow"
RATES = [1e10, 1e20, 1e37, 1e100, 1e160, 1e200, 1e300, 1e308]


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_diverging_rate(dtype, rate, fit_fails):
    fit_fails(
        (X.astype(dtype), Y),
        NOT_FINITE,
        activation="identity",
        solver="sgd",
        learning_rate_init=rate,
        max_iter=200,
        n_iter_no_change=np.inf,
    )


def test_weights_that_the_last_update_made_infinite(fit_fails):
    fit_fails((X * 1e3, Y), NOT_FINITE, activation="identity", solver="sgd", learning_rate_init=1e308, max_iter=1)


def test_divergence_in_the_words_of_mlp_classifier():
    parameters = {"activation": "identity", "solver": "sgd", "learning_rate_init": 1e100, "random_state": 0}
    said = []
    for estimator in (MLPClassifier, ShallowNetClassifier):
        with np.errstate(all="ignore"), pytest.raises(ValueError) as error:
            estimator(5, **parameters).fit(X, Y)
        said.append(str(error.value))
    assert said[1].startswith(said[0])


@pytest.mark.parametrize("n_epochs", [1, 2, 5])
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("activation", ["identity", "tanh", "relu"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_never_a_silent_model_of_nan(dtype, activation, solver, rate, n_epochs):
    model = small(activation=activation, solver=solver, learning_rate_init=rate, max_iter=n_epochs)
    try:
        model.fit(X.astype(dtype), Y)
    except ValueError as error:
        assert re.match(OVERFLOW, str(error))
        assert not hasattr(model, "coefs_")
    else:
        assert np.isfinite(model.predict_proba(X)).all()


def test_finite_weights_whose_outputs_overflow(fit_fails):
    """The last update came after the last loss, so that only the outputs tell."""
    parameters = {"activation": "identity", "solver": "sgd", "learning_rate_init": 1e200, "max_iter": 1}
    fit_fails((X, Y), "Solver produced parameter weights so large that the outputs overflow", **parameters)


def test_values_of_X_that_overflow(fit_fails):
    fit_fails(((X * 1e37).astype(np.float32), Y), NOT_FINITE)


def test_large_values_that_do_not_overflow():
    model = small(activation="tanh").fit(X * 1e200, Y)
    assert np.isfinite(model.loss_curve_).all()
    assert np.isfinite(model.predict_proba(X * 1e200)).all()


# --- what is allowed, with a warning --------------------------------------------------------------------


def test_batch_size_larger_than_n_is_clipped_with_the_warning_of_mlp_classifier():
    said = []
    for estimator in (MLPClassifier, ShallowNetClassifier):
        with pytest.warns(UserWarning, match="Got `batch_size` less than 1 or larger than sample size") as record:
            model = estimator(5, batch_size=len(X) + 1, max_iter=5, random_state=0).fit(X, Y)
        said.append([str(warning.message) for warning in record if warning.category is UserWarning])
    assert said[0] == said[1]
    assert_array_equal(model.coefs_[0], small(batch_size=len(X)).fit(X, Y).coefs_[0])


def test_the_warning_points_at_the_call_of_fit():
    with pytest.warns(UserWarning, match="Got `batch_size`") as record:
        small(batch_size=len(X) + 1).fit(X, Y)
    assert [warning.filename for warning in record if warning.category is UserWarning] == [__file__]


# --- errors in training ---------------------------------------------------------------------------------


def test_an_error_in_training_leaves_the_fit_before(monkeypatch):
    model = small().fit(X, Y)
    before = vars(model).copy()

    def fails(*arguments):
        raise MemoryError

    monkeypatch.setattr(Network, "train_epochs", fails)
    with pytest.raises(MemoryError):
        model.fit(X[:, :2], Y == 1)
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[name] is before[name] for name in before)


# --- labels that do not go with the fit before ----------------------------------------------------------

INDICATORS = np.eye(3, dtype=int)[Y] | (X[:, :3] > 3)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize(
    "y", [np.hstack([INDICATORS] * 9), INDICATORS[:, :2], Y, Y == 1], ids=["more", "fewer", "classes", "yes or no"]
)
def test_labels_of_another_shape_than_before(method, y):
    model = small(warm_start=True).fit(X, INDICATORS)
    with pytest.raises(ValueError, match="indicator matrix of 3 labels|warm_start can only be used"):
        getattr(model, method)(X, y)


@pytest.mark.parametrize("y_val", [np.hstack([INDICATORS] * 9), INDICATORS[:, :1], Y])
def test_validation_labels_of_another_shape(y_val):
    with pytest.raises(ValueError, match="indicator matrix of 3 labels"):
        small().fit(X, INDICATORS, X_val=X, y_val=y_val)


def test_no_classes_in_partial_fit():
    with pytest.raises(ValueError, match=r"classes must name at least one class, got \[\]"):
        small().partial_fit(X, np.full(len(X), 4), classes=[])


NAMES = np.array(["a", "b", "c"])[Y]
UNKNOWN = {
    "a number above": (Y, np.where(Y == 2, 7, Y), "[7]"),
    "numbers below, twice each": (Y, np.where(Y < 2, Y - 3, Y), "[-3 -2]"),
    "a number between": (2 * Y, Y, "[1]"),
    "a word": (NAMES, np.where(Y == 2, "d", NAMES), "['d']"),
    "words as objects": (NAMES, np.where(Y < 2, "z", NAMES).astype(object), "['z']"),
    "words for numbers": (Y, NAMES.astype(object), "['a' 'b' 'c']"),
    "numbers for words": (NAMES.astype(object), Y, "[0 1 2]"),
}


@pytest.mark.parametrize("first, then, unknown", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_labels_that_are_none_of_the_classes(first, then, unknown):
    model = small().fit(X, first)
    message = re.escape(f"`self.classes_` has {np.unique(first)}. 'y' has {unknown}.")
    with pytest.raises(ValueError, match=f"^`y` has classes not in `self.classes_`. {message}"):
        model.partial_fit(X, then)
    with pytest.raises(ValueError, match=message):
        small().fit(X, first, X_val=X, y_val=then)


def test_numbers_that_are_no_labels_after_a_fit():
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        small().fit(X, Y).partial_fit(X, X[:, 0])


# --- sparse matrices whose arrays do not fit together ---------------------------------------------------


def changed(array, place, value):
    array = array.copy()
    array[place] = value
    return array


DAMAGE = {
    "a column beyond the last": lambda m: {"indices": changed(m.indices, 7, max(m.shape))},
    "a column far beyond the last": lambda m: {"indices": changed(m.indices, 7, 2**31 - 1)},
    "a column before the first": lambda m: {"indices": changed(m.indices, 7, -1)},
    "a row that begins too late": lambda m: {"indptr": changed(m.indptr, 2, m.nnz)},
    "a row that begins outside": lambda m: {"indptr": changed(m.indptr, 2, 10**6)},
    "rows that end at the start": lambda m: {"indptr": changed(m.indptr, -1, 0)},
    "rows that end before the start": lambda m: {"indptr": changed(m.indptr, -1, -5)},
    "rows that end outside": lambda m: {"indptr": changed(m.indptr, -1, m.nnz + 1)},
    "rows that begin late": lambda m: {"indptr": changed(m.indptr, 0, 3)},
    "too few rows": lambda m: {"indptr": m.indptr[:-1]},
    "too many rows": lambda m: {"indptr": np.append(m.indptr, m.nnz)},
    "too few columns": lambda m: {"indices": m.indices[:-1]},
    "too few values": lambda m: {"data": m.data[:-1]},
    "columns that are no whole numbers": lambda m: {"indices": m.indices.astype(float)},
}


def damaged(form, kind):
    matrix = sparse.csr_matrix(X).asformat(form)
    for name, array in DAMAGE[kind](matrix).items():
        setattr(matrix, name, array)
    return matrix


def calls(X, y):
    """Yield the calls that may read X."""
    fitted = small().fit(*load_iris(return_X_y=True))
    yield lambda: small().fit(X, y)
    yield lambda: small(early_stopping=True).fit(X, y)
    yield lambda: small().partial_fit(X, y, classes=[0, 1, 2])
    yield lambda: small().fit(np.zeros(X.shape), y, X_val=X, y_val=y)
    for method in ("predict", "predict_proba", "predict_log_proba", "hidden_activations"):
        yield lambda method=method: getattr(fitted, method)(X)
    yield lambda: fitted.score(X, y)


@pytest.mark.parametrize("kind", DAMAGE)
@pytest.mark.parametrize("form", ["csr", "csc", "bsr"])
def test_damaged_sparse_matrices(form, kind):
    matrix = damaged(form, kind)
    for call in calls(matrix, Y):
        with pytest.raises(ValueError, match="Sparse X(_val)? is damaged"):
            call()


@pytest.mark.filterwarnings("ignore:Constructing a DIA:scipy.sparse.SparseEfficiencyWarning")
@pytest.mark.parametrize("form", ["coo", "lil", "dok", "dia"])
def test_other_damaged_sparse_matrices(form):
    matrix = sparse.csr_matrix(X).asformat(form)
    if form == "coo":
        matrix.col = changed(matrix.col, 7, 99)
    elif form == "lil":
        matrix.rows[2][1] = 99
    elif form == "dok":
        matrix._dict[(2, 99)] = 1.0
    else:
        matrix.offsets = matrix.offsets[:-1]
    for call in calls(matrix, Y):
        with pytest.raises(ValueError, match="Sparse X(_val)? is damaged"):
            call()


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_damaged_sparse_labels(method):
    y = sparse.csr_matrix(INDICATORS)
    y.indices[5] = 10**6
    with pytest.raises(ValueError, match="Sparse y is damaged"):
        getattr(small(), method)(X, y, **({"classes": [0, 1, 2]} if method == "partial_fit" else {}))


def test_sparse_matrices_that_are_only_unusual():
    """Duplicates, any order, explicit zeros, spare room, 64-bit indices, values apart in memory: all are the matrix."""
    matrix = sparse.csr_matrix(np.where(X > 3, X, 0))
    order = np.concatenate([np.arange(end - 1, begin - 1, -1) for begin, end in itertools.pairwise(matrix.indptr)])
    halves, spare = matrix.data[order] / 2, np.zeros(5)
    unusual = sparse.csr_matrix(matrix.shape)
    unusual.indptr = 3 * matrix.indptr.astype(np.int64)
    unusual.indices = np.append(np.repeat(matrix.indices[order], 3).astype(np.int64), spare.astype(np.int64))
    unusual.data = np.repeat(np.append(np.column_stack([halves, halves, halves * 0]).ravel(), spare), 2)[::2]
    before = {name: (array := getattr(unusual, name), array.copy()) for name in ("indptr", "indices", "data")}
    model = small().fit(matrix, Y)
    assert_allclose(small().fit(unusual, Y).coefs_[0], model.coefs_[0], rtol=1e-12)
    assert_allclose(model.predict_proba(unusual), model.predict_proba(matrix), rtol=1e-12)
    for name, (array, content) in before.items():
        assert getattr(unusual, name) is array
        assert_array_equal(array, content, strict=True)


# --- predictions ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("names", [False, True], ids=["", "names"])
@pytest.mark.parametrize(
    "rows",
    [
        X[:5],
        np.asfortranarray(X[:5]),
        X[:10:2],
        X[:5].astype(np.float32),
        X[:5].astype(">f8"),
        X[:5].tolist(),
        np.full((2, 4), 3e307),  # finite, though the sum is not
        np.ma.masked_array(X[:5]),
    ],
    ids=["C", "F", "steps", "float32", "byte order", "list", "sum overflows", "masked"],
)
def test_plain_arrays_pass_no_other_checks_than_others_do(rows, names, monkeypatch):
    model = small().fit(pandas.DataFrame(X, columns=list("abcd")) if names else X, Y)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="X does not have valid feature names")
        fast = model.predict_proba(rows)
        monkeypatch.setattr(base, "plain_array", lambda X, n_features, names: None)
        np.testing.assert_array_equal(fast, model.predict_proba(rows))


def test_an_array_without_the_names_of_the_fit_is_warned_about():
    model = small().fit(pandas.DataFrame(X, columns=list("abcd")), Y)
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        model.predict(X)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba"])
@pytest.mark.parametrize(
    ("data", "match"),
    [
        (with_value(X, np.nan), "Input X contains NaN"),
        (with_value(X, np.inf), "Input X contains infinity"),
        (X[:, :3], "X has 3 features, but ShallowNetClassifier is expecting 4 features as input"),
        (np.hstack([X, X]), "X has 8 features, but ShallowNetClassifier is expecting 4 features as input"),
        (X[0], "Expected 2D array, got 1D array"),
        (X[:0], "0 sample"),
        (np.full(X.shape, "red"), "could not convert string to float: .*red"),
    ],
    ids=["NaN", "infinity", "fewer features", "more features", "one dimension", "no rows", "words"],
)
def test_data_that_cannot_be_predicted(data, match, method):
    model = small().fit(X, Y)
    with pytest.raises(ValueError, match=match):
        getattr(model, method)(data)


@CAST_OVERFLOWS
def test_values_too_large_for_a_model_of_float32():
    model = small().fit(X.astype(np.float32), Y)
    with pytest.raises(ValueError, match="Input X contains infinity or a value too large for dtype\\('float32'\\)"):
        model.predict(X * 1e40)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba", "hidden_activations"])
def test_outputs_that_overflow(method):
    model = small(activation="identity", learning_rate_init=10.0).fit(X, Y)
    with pytest.raises(ValueError, match="Input X contains values so large"):
        getattr(model, method)(X * 1e307)


@pytest.mark.parametrize("method", ["fit", "predict"])
def test_whole_numbers_beyond_the_floats(method):
    model = small().fit(X, Y)
    beyond = X.astype(object)
    beyond[3, 1] = 10**400
    with pytest.raises(ValueError, match="too large for a float"):
        model.fit(beyond, Y) if method == "fit" else model.predict(beyond)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba"])
def test_prediction_before_the_fit(method):
    with pytest.raises(NotFittedError, match="ShallowNetClassifier instance is not fitted yet"):
        getattr(small(), method)(X)


def test_score_of_fewer_labels_than_rows():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        small().fit(X, Y).score(X, Y[1:])


def test_a_parameter_that_there_is_not():
    with pytest.raises(TypeError, match=r"ShallowNetClassifier.__init__\(\) got an unexpected keyword argument 'foo'"):
        ShallowNetClassifier(foo=1)
