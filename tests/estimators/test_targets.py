"""Labels of every kind that MLPClassifier takes: a single class, integers that no float holds, columns of pandas."""

import warnings
from datetime import date

import numpy as np
import pandas
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.datasets import load_iris
from sklearn.metrics import make_scorer
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from shallownet import ShallowNetClassifier
from shallownet.estimators.real_targets import RealTargets
from shallownet.estimators.targets import Labels, same_classes
from shallownet.kernels.losses import OUTPUTS
from shallownet.kernels.structs import StepParameters
from shallownet.training.task import Task

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

IRIS = load_iris()
ORDER = np.random.RandomState(0).permutation(150)
X, Y = StandardScaler().fit_transform(IRIS.data)[ORDER], IRIS.target[ORDER]
BOTH = ShallowNetClassifier, MLPClassifier


def pair(**parameters):
    usual = {"hidden_layer_sizes": (6,), "max_iter": 20, "batch_size": 40, "random_state": 0}
    return [estimator(**usual | parameters) for estimator in BOTH]


def assert_same(ours, theirs, X):
    assert_array_equal(ours.classes_, theirs.classes_)
    assert ours.n_outputs_ == theirs.n_outputs_
    assert ours.out_activation_ == theirs.out_activation_
    assert ours.n_iter_ == theirs.n_iter_
    assert ours.t_ == theirs.t_
    assert_allclose(ours.loss_, theirs.loss_, rtol=1e-6)
    for a, b in zip(ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True):
        assert_allclose(a, b, atol=1e-6, strict=True)
    assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-6, strict=True)
    assert_array_equal(ours.predict(X), theirs.predict(X))
    for curve in ("loss_curve_", "validation_scores_"):
        if getattr(theirs, curve, None) is not None:
            assert_allclose(getattr(ours, curve), getattr(theirs, curve), rtol=1e-6)


# --- a single class -------------------------------------------------------------------------------------

ONE_CLASS = {
    "a number": np.full(150, 4),
    "zero": np.zeros(150),
    "a word": np.full(150, "a"),
    "True": np.ones(150, bool),
    "a column": np.ones((150, 1), int),
}


@pytest.mark.filterwarnings("ignore:A column-vector y was passed")
@pytest.mark.parametrize("parameters", [{}, {"solver": "sgd"}, {"early_stopping": True}], ids=str)
@pytest.mark.parametrize("y", ONE_CLASS.values(), ids=ONE_CLASS.keys())
def test_one_class_is_learned_as_by_mlpclassifier(y, parameters):
    ours, theirs = (model.fit(X, y) for model in pair(**parameters))
    assert_same(ours, theirs, X)
    assert ours.predict_proba(X).shape == (150, 2)
    assert ours.predict(X).dtype == y.dtype
    assert ours.score(X, y) == 1


def test_one_class_by_lbfgs():
    ours, theirs = (model.fit(X, np.full(150, 4)) for model in pair(solver="lbfgs", max_iter=4))
    assert_same(ours, theirs, X)


def test_one_class_that_is_not_yet_thought_likely():
    """The class is predicted where its probability is below one half, too, and that counts as right."""
    start = [np.zeros((4, 2)), np.zeros((2, 1))], [np.zeros(2), np.array([9.0])]
    model = ShallowNetClassifier(2, init=start, early_stopping=True, max_iter=2, learning_rate_init=1e-6)
    model.fit(X, np.full(150, "a"))
    assert (model.predict_proba(X)[:, 0] < 0.01).all()
    assert set(model.predict(X)) == {"a"}
    assert model.validation_scores_ == [1.0, 1.0]


@pytest.mark.parametrize("n_rows", [1, 2, 150])
def test_one_class_in_few_rows(n_rows):
    ours, theirs = (model.fit(X[:n_rows], Y[:n_rows] * 0 + 7) for model in pair(batch_size="auto"))
    assert_same(ours, theirs, X)


@pytest.mark.parametrize("classes", [[4], [4, 4]])
def test_one_class_in_partial_fit(classes):
    ours, theirs = pair()
    for _ in range(3):
        for model in (ours, theirs):
            model.partial_fit(X, np.full(150, 4), classes=classes)
        assert_same(ours, theirs, X)
    with pytest.raises(ValueError, match="`y` has classes not in `self.classes_`"):
        ours.partial_fit(X, np.full(150, 5))


@pytest.mark.parametrize("weights", [{4: 2.0}, "balanced"], ids=str)
def test_one_class_with_all_that_mlpclassifier_lacks(weights):
    options = {"class_weight": weights, "dropout": 0.2, "label_smoothing": 0.1, "scoring": "loss"}
    for data in (X, X.astype(np.float32), sparse.csr_matrix(X)):
        model = ShallowNetClassifier(6, early_stopping=True, max_iter=9, warm_start=True, random_state=0, **options)
        for _ in range(2):
            model.fit(data, np.full(150, 4), X_val=data[:20], y_val=np.full(20, 4))
        assert set(model.predict(data)) == {4}
        assert model.loss_curve_[-1] < model.loss_curve_[0]


def test_one_label_that_is_all_zeros():
    y = np.column_stack([np.zeros(150, int), Y == 1])
    assert_same(*(model.fit(X, y) for model in pair()), X)


# --- integers that no float holds -----------------------------------------------------------------------

IDS = 2**53 + np.arange(3)
FORMS = {
    "int64": IDS.astype(np.int64),
    "uint64": IDS.astype(np.uint64),
    "Int64": pandas.array(IDS, dtype="Int64"),
    "UInt64": pandas.array(IDS, dtype="UInt64"),
    "int64[pyarrow]": pandas.array(IDS, dtype="int64[pyarrow]"),
}


@pytest.mark.parametrize("first", FORMS)
@pytest.mark.parametrize("then", FORMS)
def test_integers_of_two_dtypes_are_the_same_classes(first, then):
    y, again = FORMS[first][Y], FORMS[then][Y]
    expected = ShallowNetClassifier(6, max_iter=2, random_state=0).fit(X, Y).partial_fit(X, Y)
    model = ShallowNetClassifier(6, max_iter=2, random_state=0, warm_start=True)
    model.fit(X, y).partial_fit(X, again)
    assert_array_equal(model.coefs_[0], expected.coefs_[0])
    assert_array_equal(model.predict(X), IDS[expected.predict(X)])
    model.fit(X, again)
    anew = ShallowNetClassifier(6, max_iter=2, random_state=0)
    anew.partial_fit(X, y, classes=FORMS[then]).partial_fit(X, again, classes=FORMS[first])


@pytest.mark.parametrize("scoring", [None, "loss", "f1_macro", "balanced_accuracy"])
def test_integers_of_two_dtypes_in_a_validation_set(scoring):
    def fitted(y, y_val, weight):
        model = ShallowNetClassifier(6, max_iter=9, random_state=0, early_stopping=True, scoring=scoring)
        return model.set_params(class_weight=weight).fit(X[30:], y[30:], X_val=X[:90], y_val=y_val[:90])

    mixed = fitted(
        IDS.astype(np.uint64)[Y], pandas.Series(IDS[Y], dtype="Int64"), dict(zip(IDS, [1.0, 2.0, 0.5], strict=True))
    )
    plain = fitted(Y, pandas.Series(Y, dtype="Int64"), {0: 1.0, 1: 2.0, 2: 0.5})
    assert mixed.validation_scores_ == plain.validation_scores_
    assert_array_equal(mixed.coefs_[0], plain.coefs_[0])


@pytest.mark.parametrize("name", ["Int64", "int64[pyarrow]"])
def test_small_nullable_integers_are_floats_as_for_mlpclassifier(name):
    ours, theirs = (model.fit(X, pandas.Series(Y, dtype=name)) for model in pair(max_iter=2))
    assert ours.classes_.dtype == theirs.classes_.dtype == np.float64
    with pytest.raises(ValueError, match="NaN"):
        ours.fit(X, pandas.Series(IDS[Y], dtype=name).where(Y > 0))


NUMBERS = {
    "integers beside each other": (IDS, IDS.astype(np.uint64) + np.uint64(1), [True, True, False]),
    "a negative one, as unsigned": (np.array([2**64 - 1], np.uint64), np.array([-1, -1]), [False, False]),
    "too large to be signed": (np.array([-1, 2]), np.array([2**64 - 1, 2], np.uint64), [False, True]),
    "floats that are whole": (IDS, np.array([2.0**53, 2.0**53 + 2]), [True, True]),
    "an integer among floats": (np.array([2.0**53, 2.0**53 + 2]), IDS, [True, False, True]),
    "floats beyond the integers": (np.array([5, 2**62]), np.array([2.0**62, 2.0**62 + 1024]), [True, False]),
    "small integers": (np.array([-128, 127], np.int8), np.array([128, 127, 255]), [False, True, False]),
    "booleans": (np.array([False, True]), np.array([1, 0, 2]), [True, True, False]),
    "half precision": (np.array([1, 2048], np.float16), np.array([1.0, 2049.0, 1e6]), [True, False, False]),
    "words of two lengths": (np.array(["a", "b"]), np.array(["a", "abc"]), [True, False]),
    "numbers and words": (np.array([1, 2]), np.array(["1", "2"]), [False, False]),
}


@pytest.mark.parametrize(("classes", "labels", "known"), NUMBERS.values(), ids=NUMBERS.keys())
def test_no_label_is_taken_for_another(classes, labels, known):
    known = np.array(known)
    task = Labels(classes=classes, kind="single")
    targets = task.encode(labels[known], np.float64)[:, 0]
    assert classes[targets].tolist() == labels[known].tolist()
    for label in labels[~known]:
        with pytest.raises(ValueError, match="`y` has classes not in"):
            task.encode(np.array([label], labels.dtype), np.float64)
    assert not same_classes(np.unique(labels), classes) or known.all()


def test_a_warm_start_notices_that_a_large_integer_is_another():
    model = ShallowNetClassifier(6, max_iter=2, warm_start=True).fit(X, IDS[Y])
    with pytest.raises(ValueError, match="warm_start can only be used where `y` has the same classes"):
        model.fit(X, IDS.astype(np.uint64)[Y] + np.uint64(1))


# --- many classes ---------------------------------------------------------------------------------------

MANY = {"integers": np.arange(60), "floats": 2.0 * np.arange(60), "words": np.arange(60).astype(str)}


@pytest.mark.parametrize("y", MANY.values(), ids=MANY.keys())
def test_many_classes_are_no_reason_to_warn(y):
    def accuracy(actual, found):
        return np.mean(actual == found)

    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.filterwarnings("ignore", message="Stochastic Optimizer")
        for scoring in (None, "loss", "accuracy", make_scorer(accuracy)):
            model = ShallowNetClassifier(3, max_iter=2, scoring=scoring, warm_start=True)
            model.fit(X[:60], y, X_val=X[60:120], y_val=y).fit(X[:60], y)
            model.set_params(early_stopping=True).fit(X[:60], y)
        ShallowNetClassifier(3).partial_fit(X[:60], y, classes=y).partial_fit(X[:60], y)
        ShallowNetClassifier(3, max_iter=2, solver="lbfgs", tol=1e9).fit(X[:60], y)
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        ShallowNetClassifier(3).fit(X[:60], np.arange(60) + 0.5)


# --- other kinds ----------------------------------------------------------------------------------------

WORDS = np.array(["setosa", "virginica", "versicolor"])[Y]
KINDS = {
    "int8": np.array([-128, 0, 127], np.int8)[Y],
    "uint64": np.array([0, 5, 2**64 - 1], np.uint64)[Y],
    "float32": Y.astype(np.float32),
    "half precision": Y.astype(np.float16),
    "long double": Y.astype(np.longdouble),
    "big-endian": Y.astype(">i4"),
    "big-endian floats": Y.astype(">f8"),
    "booleans": Y == 1,
    "words": WORDS,
    "dates": np.array(["2026-01-01", "2026-01-02", "2026-01-03"], "M8[D]")[Y],
    "durations": Y.astype("m8[s]"),
    "a list of words": WORDS.tolist(),
    "a list of booleans": (Y == 1).tolist(),
    "a tuple": tuple(Y.tolist()),
    "a column of objects": pandas.Series(WORDS, dtype=object),
    "nullable": pandas.Series(Y, dtype="Int8"),
    "nullable floats": pandas.Series(Y, dtype="Float64"),
    "nullable booleans": pandas.Series(Y == 1, dtype="boolean"),
    "a column of strings": pandas.Series(WORDS, dtype="string"),
    "a categorical of words": pandas.Series(WORDS, dtype="category"),
    "an ordered categorical": pandas.Series(
        pandas.Categorical(WORDS, ["virginica", "setosa", "versicolor"], ordered=True)
    ),
    "a categorical of numbers": pandas.Series(Y, dtype="category"),
    "timestamps": pandas.Series(pandas.to_datetime(["2026-01-03", "2026-01-01", "2026-01-02"]))[Y],
    "an index": pandas.Index(WORDS),
    "labels that are booleans": np.eye(3, dtype=bool)[Y],
    "labels that are floats": np.eye(3)[Y],
    "labels in a table": pandas.DataFrame(np.eye(3, dtype=int)[Y]),
    "labels in COO": sparse.coo_array(np.eye(3, dtype=int)[Y]),
}


@pytest.mark.parametrize("y", KINDS.values(), ids=KINDS.keys())
def test_labels_of_any_kind_are_learned_as_by_mlpclassifier(y):
    ours, theirs = (model.fit(X, y) for model in pair(max_iter=3))
    for ours_found, theirs_found in ((ours.predict(X), theirs.predict(X)), (ours.classes_, theirs.classes_)):
        assert type(ours_found) is type(theirs_found)
        if sparse.issparse(ours_found):
            ours_found, theirs_found = ours_found.toarray(), theirs_found.toarray()
        assert_array_equal(ours_found, theirs_found)
        # texts of pandas stay objects
        assert ours_found.dtype in (theirs_found.dtype, object)
    assert_allclose(ours.loss_curve_, theirs.loss_curve_)
    ours.partial_fit(X, y)
    ours.set_params(warm_start=True).fit(X, y)


@pytest.mark.parametrize("name", ["int64[pyarrow]", "uint64[pyarrow]", "string[pyarrow]", "bool[pyarrow]"])
def test_labels_in_arrow(name):
    pytest.importorskip("pyarrow")
    y = pandas.Series(WORDS if "string" in name else Y == 1 if "bool" in name else Y, dtype=name)
    ours, theirs = (model.fit(X, y) for model in pair(max_iter=3))
    assert_array_equal(ours.predict(X), theirs.predict(X))
    assert_allclose(ours.loss_curve_, theirs.loss_curve_)


REFUSED = {
    "None among words": np.array(["a", None, "c"], object)[Y],
    "objects that are numbers": Y.astype(object),
    "bytes": WORDS.astype("S"),
    "dates of Python": [date(2026, 1, 1 + k) for k in Y],
    "complex numbers": Y.astype(complex),
    "StringDType": WORDS.astype(np.dtypes.StringDType()),
}


@pytest.mark.parametrize("y", REFUSED.values(), ids=REFUSED.keys())
def test_labels_that_mlpclassifier_refuses_are_refused(y):
    for model in pair():
        with pytest.raises((TypeError, ValueError)):
            model.fit(X, y)


def test_both_tasks_are_whole():
    wanted = {name for name in vars(Task) if name[0] != "_"}
    assert wanted > {"encode", "decode", "n_outputs", "output", "loss", "score", "strata"}
    tasks = Labels(classes=np.arange(3), kind="single"), RealTargets(n_outputs=2, loss_name="huber")
    for task in tasks:
        assert wanted == {name for name in dir(task) if name in wanted}
        assert task.loss_parameters(np.float32).keys() < set(StepParameters._fields)
        assert task.output in OUTPUTS
