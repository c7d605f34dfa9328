"""A validation set: split off or one's own, scored after each epoch, and passed through pipelines and searches."""

import time
import warnings

import numpy as np
import pandas
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.datasets import (
    load_breast_cancer,
    load_digits,
    load_iris,
    load_wine,
    make_multilabel_classification,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import f1_score, get_scorer, make_scorer
from sklearn.model_selection import GridSearchCV, cross_validate, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, StandardScaler

from shallownet import ShallowNetClassifier
from shallownet.estimators.input_checks import warn_of_ranges

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

IRIS = load_iris()
ORDER = np.random.RandomState(0).permutation(150)
X, Y = IRIS.data[ORDER], IRIS.target[ORDER]
X_TRAIN, Y_TRAIN, X_VAL, Y_VAL = X[:90], Y[:90], X[90:], Y[90:]
OWN = {"X_val": X_VAL, "y_val": Y_VAL}
LABELS = make_multilabel_classification(160, 6, n_classes=4, random_state=1)
WEIGHTS = np.linspace(0.1, 3, 60)


def model_of(**parameters):
    usual = {"hidden_layer_sizes": 6, "max_iter": 12, "learning_rate_init": 0.03, "random_state": 0}
    return ShallowNetClassifier(**usual | parameters)


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


# --- what is watched ------------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "weights"])
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_curves_are_those_of_models_that_stopped_there(solver, weights):
    watched = model_of(solver=solver).fit(X_TRAIN, Y_TRAIN, **OWN, sample_weight_val=weights)
    assert len(watched.validation_scores_) == len(watched.validation_loss_curve_) == watched.n_iter_
    assert watched.best_validation_score_ == max(watched.validation_scores_)
    assert watched.best_iter_ == 1 + np.argmax(watched.validation_scores_)
    unwatched = model_of(solver=solver).fit(X_TRAIN, Y_TRAIN)
    for ours, theirs in zip(
        watched.coefs_ + watched.intercepts_, unwatched.coefs_ + unwatched.intercepts_, strict=True
    ):
        assert_array_equal(ours, theirs)
    for epochs in (1, 4, 12):
        stopped = model_of(solver=solver, max_iter=epochs).fit(X_TRAIN, Y_TRAIN)
        assert watched.validation_scores_[epochs - 1] == pytest.approx(stopped.score(X_VAL, Y_VAL, weights))
        p = stopped.predict_proba(X_VAL)[np.arange(60), Y_VAL]
        assert watched.validation_loss_curve_[epochs - 1] == pytest.approx(np.average(-np.log(p), weights=weights))


@pytest.mark.parametrize("split", [False, True], ids=["own", "split"])
@pytest.mark.parametrize(
    "scoring",
    [None, "loss", "f1_macro", "roc_auc_ovr", make_scorer(f1_score, average="samples", zero_division=0)],
    ids=str,
)
def test_early_stopping_on_labels(scoring, split):
    data, y = LABELS
    model = model_of(early_stopping=True, scoring=scoring, n_iter_no_change=3, max_iter=60, validation_fraction=0.3)
    if split:
        model.fit(data, y)
    else:
        model.fit(data[:100], y[:100], X_val=data[100:], y_val=y[100:])
        scorer = (
            scoring if callable(scoring) else get_scorer({"loss": "accuracy", None: "accuracy"}.get(scoring, scoring))
        )
        best = -min(model.validation_loss_curve_) if scoring == "loss" else scorer(model, data[100:], y[100:])
        assert model.best_validation_score_ == pytest.approx(best)  # the weights are those of the best epoch
    assert model.best_validation_score_ == max(model.validation_scores_)
    assert model.best_iter_ == 1 + np.argmax(model.validation_scores_)
    assert model.n_iter_ == len(model.validation_scores_) < 60
    again = model_of(early_stopping=True, scoring=scoring, n_iter_no_change=3, max_iter=60, validation_fraction=0.3)
    if split:
        again.fit(sparse.csr_matrix(data), y if scoring == "roc_auc_ovr" else sparse.csc_matrix(y))
    else:
        again.fit(sparse.csr_matrix(data[:100]), y[:100], X_val=sparse.csc_array(data[100:]), y_val=y[100:])
    assert_allclose(again.validation_scores_, model.validation_scores_)


# --- scorers --------------------------------------------------------------------------------------------


def plain(estimator, X, y):
    return estimator.score(X, y)


def weighted(estimator, X, y, sample_weight=None):
    return estimator.score(X, y, sample_weight)


@pytest.mark.parametrize(
    ("scoring", "uses_weights"),
    [(plain, False), (weighted, True), ("accuracy", True), ("adjusted_rand_score", False), (None, True)],
    ids=["plain", "weighted", "accuracy", "adjusted_rand_score", "None"],
)
def test_scorers_get_weights_if_they_take_them(scoring, uses_weights):
    with_weights = model_of(scoring=scoring).fit(X_TRAIN, Y_TRAIN, **OWN, sample_weight_val=WEIGHTS)
    without = model_of(scoring=scoring).fit(X_TRAIN, Y_TRAIN, **OWN)
    assert (with_weights.validation_scores_ != without.validation_scores_) == uses_weights


def test_class_weights_count_in_a_split_and_not_in_ones_own_set():
    parameters = {"class_weight": {0: 1.0, 1: 5.0, 2: 0.1}, "validation_fraction": 0.3, "early_stopping": True}
    weights = np.array([1.0, 5.0, 0.1])[Y]
    by_class, by_sample = model_of(**parameters), model_of(**parameters | {"class_weight": None})
    assert by_class.fit(X, Y).validation_scores_ == by_sample.fit(X, Y, weights).validation_scores_
    own = by_class.fit(X_TRAIN, Y_TRAIN, **OWN)
    assert own.best_validation_score_ == own.score(X_VAL, Y_VAL)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_no_score_is_a_number(early_stopping):
    model = model_of(early_stopping=early_stopping, scoring=lambda estimator, X, y: np.nan, warm_start=True)
    for _ in range(2):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model.fit(X_TRAIN, Y_TRAIN, **OWN)
        said = [str(w.message) for w in caught if w.category is ConvergenceWarning and "score nan" in str(w.message)]
        assert len(said) == early_stopping
        assert all("of this epoch, the first, are kept" in message for message in said)
        assert model.n_iter_ == (1 if early_stopping else 12)
        assert model.best_iter_ is model.best_validation_score_ is None
        assert np.isnan(model.validation_scores_).all()
        assert np.isfinite(model.predict_proba(X_VAL)).all()


def test_divergence_keeps_the_best_finite_weights():
    model = model_of(solver="sgd", activation="identity", early_stopping=True, warm_start=True, max_iter=4)
    model.fit(X_TRAIN, Y_TRAIN, **OWN)
    best = [w.copy() for w in model.coefs_ + model.intercepts_]
    # they need not be of the best epoch any more, as other fits without a better one may lie between
    with pytest.warns(ConvergenceWarning, match="weights from before this fit are kept"):
        model.set_params(learning_rate_init=1e300).fit(X_TRAIN, Y_TRAIN, **OWN)
    assert model.best_iter_ <= 4 < len(model.validation_scores_)
    for w, of_best in zip(model.coefs_ + model.intercepts_, best, strict=True):
        assert_array_equal(w, of_best)


def test_divergence_keeps_the_best_weights_of_the_same_fit():
    scores = iter([0.5, 0.9, 0.7, np.nan])
    model = model_of(early_stopping=True, scoring=lambda estimator, X, y: next(scores))
    with pytest.warns(ConvergenceWarning, match="weights of the best epoch before are kept"):
        model.fit(X_TRAIN, Y_TRAIN, **OWN)
    best = model_of(max_iter=2).fit(X_TRAIN, Y_TRAIN, **OWN)
    assert model.best_iter_ == 2
    assert_array_equal(model.coefs_[0], best.coefs_[0])


# --- pipelines and searches -----------------------------------------------------------------------------


def test_pipeline_transforms_the_validation_set(routing):
    model = model_of(early_stopping=True).set_fit_request(X_val=True, y_val=True, sample_weight_val=True)
    pipeline = make_pipeline(StandardScaler(), model, transform_input=["X_val"])
    pipeline.fit(X_TRAIN, Y_TRAIN, **OWN, sample_weight_val=WEIGHTS)
    scaler = StandardScaler().fit(X_TRAIN)
    direct = model_of(early_stopping=True)
    direct.fit(
        scaler.transform(X_TRAIN), Y_TRAIN, X_val=scaler.transform(X_VAL), y_val=Y_VAL, sample_weight_val=WEIGHTS
    )
    assert pipeline[-1].validation_scores_ == direct.validation_scores_
    assert_array_equal(pipeline[-1].coefs_[0], direct.coefs_[0])
    with pytest.warns(UserWarning, match="X_val lie far outside the range of X in 2 of 4 features"):
        untransformed = make_pipeline(StandardScaler(), model).fit(X_TRAIN, Y_TRAIN, **OWN, sample_weight_val=WEIGHTS)
    assert untransformed[-1].validation_loss_curve_ != direct.validation_loss_curve_


# --- a validation set that was not transformed ----------------------------------------------------------

LOADERS = {"iris": load_iris, "wine": load_wine, "cancer": load_breast_cancer, "digits": load_digits}
FORMS = {
    "dense": np.asarray,
    "float32": lambda X: X.astype(np.float32),
    "csr": sparse.csr_array,
    "csc": sparse.csc_matrix,
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
@pytest.mark.parametrize("scaler", [StandardScaler(), MinMaxScaler(), MaxAbsScaler()], ids=str)
@pytest.mark.parametrize("data", LOADERS)
def test_a_set_that_was_not_scaled_is_noticed(data, scaler, form, routing):
    X, X_val, y, y_val = train_test_split(*LOADERS[data](return_X_y=True), random_state=0)
    X, X_scaled = scaler.fit_transform(X), scaler.transform(X_val)
    model = model_of(max_iter=1)
    said = r"Most values of X_val lie far outside.*transform_input=\['X_val'\]"
    with pytest.warns(UserWarning, match=said) as caught:
        model.fit(form(X), y, X_val=form(X_val), y_val=y_val)
    assert {warning.filename for warning in caught if warning.category is UserWarning} == {__file__}
    model.fit(form(X), y, X_val=form(X_scaled), y_val=y_val)  # a warning would be an error


@pytest.mark.parametrize("n_val", [1, 2, 5, 10, 20, 100])
@pytest.mark.parametrize("n_train", [2, 5, 20, 50, 1000])
def test_an_ordinary_split_is_no_reason_to_warn(n_train, n_val):
    random = np.random.RandomState(n_train + n_val)
    made = {
        "one-hot": np.eye(300)[random.randint(0, 300, 2000)],
        "counts": random.poisson(np.exp(random.randn(80) - 3), (2000, 80)).astype(float),
        "power law": random.zipf(1.6, (2000, 10)).astype(float),
        "skewed": np.exp(3 * random.randn(2000, 20)),
        "constant": np.hstack([np.ones((2000, 9)), random.randn(2000, 1)]),
        "one feature": random.randn(2000, 1),
        "two values": random.randint(0, 2, (2000, 2)).astype(float),
    }
    for X in [load(return_X_y=True)[0] for load in LOADERS.values()] + list(made.values()):
        for form in (np.asarray, sparse.csr_array):
            for _ in range(5):
                rows = random.permutation(len(X))[: n_train + n_val]
                warn_of_ranges(form(X[rows[:n_train]]), form(X[rows[n_train:]]))
        n = int(0.8 * len(X))
        warn_of_ranges(X[:n], X[n:])  # as sorted by class or time as it comes


def test_ranges_of_large_data_are_found_in_few_rows_and_without_overflow(tmp_path):
    X = np.lib.format.open_memmap(tmp_path / "X.npy", "w+", shape=(10**5, 2000))  # on disk a hole of 1.6 GB
    X[::1000] = np.arange(2000)
    start = time.perf_counter()
    with pytest.warns(UserWarning, match="in 1999 of 2000 features"):
        warn_of_ranges(X, X[:2000] + 10.0 * np.arange(2000))
    columns = np.random.RandomState(0).randint(0, 10**6, 30_000)
    wide = sparse.csr_array((np.ones(30_000), columns, np.arange(0, 30_001, 100)), shape=(300, 10**6))
    warn_of_ranges(wide, wide)
    assert time.perf_counter() - start < 5
    huge = np.array([-1.0, 1.0] * 20).reshape(-1, 1) * 1.7e308
    warn_of_ranges(huge, huge)


TABLES = {"pandas": pandas.DataFrame, "polars": lambda X: pytest.importorskip("polars").DataFrame(X, schema=[*"abcd"])}


@pytest.mark.parametrize("table", TABLES)
def test_a_table_that_was_not_made_an_array_is_noticed(table, routing):
    model = model_of().set_fit_request(X_val=True, y_val=True)
    val = TABLES[table](X_VAL) if table == "polars" else pandas.DataFrame(X_VAL, columns=[*"abcd"])
    with pytest.warns(UserWarning) as caught:
        make_pipeline(StandardScaler(), model).fit(X_TRAIN, Y_TRAIN, X_val=val, y_val=Y_VAL)
    assert [str(warning.message)[:49] for warning in caught if warning.category is UserWarning] == [
        "X_val has feature names, but X has none. A Pipeli"
    ]
    routed = make_pipeline(StandardScaler(), model, transform_input=["X_val"])
    names = [*"abcd"]
    routed.fit(
        pandas.DataFrame(X_TRAIN, columns=names), Y_TRAIN, X_val=pandas.DataFrame(X_VAL, columns=names), y_val=Y_VAL
    )
    # names on both sides, or none of them strings
    model.fit(
        pandas.DataFrame(X_TRAIN, columns=names), Y_TRAIN, X_val=pandas.DataFrame(X_VAL, columns=names), y_val=Y_VAL
    )
    model.fit(X_TRAIN, Y_TRAIN, X_val=pandas.DataFrame(X_VAL), y_val=Y_VAL)


@pytest.mark.parametrize("value", [np.nan, 10**400])
def test_a_table_that_is_no_array_of_numbers(value):
    val = pandas.DataFrame(X_VAL, columns=[*"abcd"]).astype(object)
    val.iloc[3, 2] = value
    with pytest.raises(ValueError, match="contains NaN|contains infinity|too large"):
        model_of().fit(X_TRAIN, Y_TRAIN, X_val=val, y_val=Y_VAL)


# --- searches -------------------------------------------------------------------------------------------


def test_searches_and_cross_validation_pass_the_validation_set(routing):
    model = model_of(early_stopping=True).set_fit_request(X_val=True, y_val=True, sample_weight=True)
    model.set_score_request(sample_weight=True)
    scaler = StandardScaler().set_fit_request(sample_weight=False)
    pipeline = make_pipeline(scaler, model, transform_input=["X_val"])
    weights = np.linspace(0.5, 1.5, 90)
    search = GridSearchCV(pipeline, {"shallownetclassifier__alpha": [1e-4, 1.0]}, cv=3)
    search.fit(X_TRAIN, Y_TRAIN, **OWN, sample_weight=weights)
    scaler = StandardScaler().fit(X_TRAIN)
    direct = ShallowNetClassifier(**search.best_estimator_[-1].get_params())
    direct.fit(scaler.transform(X_TRAIN), Y_TRAIN, weights, X_val=scaler.transform(X_VAL), y_val=Y_VAL)
    assert search.best_estimator_[-1].validation_scores_ == direct.validation_scores_

    result = cross_validate(
        pipeline,
        X_TRAIN,
        Y_TRAIN,
        params={**OWN, "sample_weight": weights},
        cv=3,
        return_estimator=True,
        return_indices=True,
    )
    for fold, rows in zip(result["estimator"], result["indices"]["train"], strict=True):
        scaler = StandardScaler().fit(X_TRAIN[rows])
        direct.set_params(alpha=1e-4)
        direct.fit(
            scaler.transform(X_TRAIN[rows]), Y_TRAIN[rows], weights[rows], X_val=scaler.transform(X_VAL), y_val=Y_VAL
        )
        assert fold[-1].validation_scores_ == direct.validation_scores_


def test_what_is_not_requested_is_an_error(routing):
    with pytest.raises(ValueError, match="X_val.*are passed but are not explicitly set as requested"):
        GridSearchCV(model_of(), {"alpha": [1.0]}).fit(X_TRAIN, Y_TRAIN, X_val=X_VAL, y_val=Y_VAL)
