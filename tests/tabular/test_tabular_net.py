"""The estimators for tables: what they learn, what they take, and what a fit leaves."""

import copy
import pickle
import time
import warnings
from types import SimpleNamespace

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.inspection import permutation_importance
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from shallownet import TabularNetClassifier, TabularNetRegressor
from shallownet.tabular import learning
from shallownet.tabular.tables import read_table
from shallownet.tabular.temperature import at_temperature

SMALL = {"hidden_layer_sizes": 16, "max_iter": 12, "random_state": 0, "n_jobs": 1}


def classifier(n_nets=1, **parameters):
    return TabularNetClassifier(n_nets, **SMALL | parameters)


def regressor(n_nets=1, **parameters):
    return TabularNetRegressor(n_nets, **SMALL | parameters)


def orchard(n=400, seed=0):
    """Return a table of numbers, categories and gaps, whether a fruit is ripe, and its weight."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "size": rng.lognormal(size=n),
            "colour": pd.Categorical(rng.choice(["red", "green", "blue"], n)),
            "seeds": rng.integers(0, 5, n),
            "bitten": rng.choice([True, False], n),
        }
    )
    ripe = (table["size"] > 1) == (table["colour"] == "red")
    weight = 100 + 20 * table["seeds"] + 50 * (table["size"] > 1) * table["bitten"]
    table.loc[::13, "size"] = np.nan
    table.loc[5::17, "colour"] = None
    return table, np.where(ripe, "ripe", "unripe"), weight.to_numpy()


TABLE, RIPE, WEIGHT = orchard()
BOTH = pytest.mark.parametrize(
    ("model", "y"), [(classifier(), RIPE), (regressor(), WEIGHT)], ids=["classifier", "regressor"]
)


def outputs(model, X):
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)


# --- what is learned --------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_nets", [1, 4])
def test_a_table_with_categories_and_gaps_is_learned(n_nets):
    table, ripe, _ = orchard(1500)
    model = TabularNetClassifier(n_nets, random_state=0).fit(table[:1000], ripe[:1000])
    assert model.score(table[1000:], ripe[1000:]) > 0.92  # an eighth of the rows say little
    assert len(model.estimators_) == n_nets
    assert len(model.pilot_epochs_) == 2


@pytest.mark.parametrize("n_nets", [1, 4])
def test_numbers_are_predicted(n_nets):
    table, _, weight = orchard(1500)
    model = TabularNetRegressor(n_nets, random_state=0).fit(table[:1000], weight[:1000])
    assert model.score(table[1000:], weight[1000:]) > 0.9


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer:sklearn.exceptions.ConvergenceWarning")
def test_it_is_as_good_as_a_scaled_pipeline():
    for data, model, peer in (
        (load_breast_cancer, TabularNetClassifier(random_state=0), MLPClassifier(max_iter=500, random_state=0)),
        (load_diabetes, TabularNetRegressor(random_state=0), MLPRegressor(max_iter=500, random_state=0)),
    ):
        X, y = data(return_X_y=True)
        ours = cross_val_score(model, X, y).mean()
        assert ours > cross_val_score(make_pipeline(StandardScaler(), peer), X, y).mean() - 0.01


@pytest.mark.parametrize("n_nets", [1, 2])
def test_labels_are_smoothed_and_probabilities_are_calibrated_on_the_rows_of_pilots(n_nets):
    table, ripe, _ = orchard(2400)
    model = classifier(n_nets, label_smoothing=0.2, hidden_layer_sizes=64, max_iter=60)
    model.fit(table[:1200], ripe[:1200])
    assert model.estimators_[0].label_smoothing == 0.2
    assert model.temperature_ < 0.8  # smoothed labels make networks less certain than they should be
    uncalibrated = copy.copy(model)
    uncalibrated.temperature_ = 1.0
    losses = [log_loss(ripe[1200:], each.predict_proba(table[1200:])) for each in (model, uncalibrated)]
    assert losses[0] < losses[1] - 0.03
    assert_array_equal(model.predict(table), uncalibrated.predict(table))


def test_several_networks_see_two_kinds_of_bins():
    model = classifier(5).fit(TABLE, RIPE)
    assert [encoder.edges for encoder in model.encoders_] == ["quantiles", "tree"] * 2 + ["quantiles"]
    assert model.encoders_[0] is model.encoders_[4]
    assert not np.array_equal(*(encoder.bins_.bin_edges_[0] for encoder in model.encoders_[:2]))
    assert [encoder.edges for encoder in classifier().fit(TABLE, RIPE).encoders_] == ["quantiles"]
    for without_bins in (classifier(3, n_bins=0).fit(TABLE, RIPE), classifier(3).fit(TABLE[["colour"]], RIPE)):
        assert len({id(encoder) for encoder in without_bins.encoders_}) == 1
    # the mean of the networks, each with its own inputs
    inputs = [encoder.transform(read_table(BaseEstimator(), TABLE, "from_dtype")) for encoder in model.encoders_]
    means = np.mean([n.predict_proba(X) for n, X in zip(model.estimators_, inputs, strict=True)], axis=0)
    assert_allclose(model.predict_proba(TABLE), at_temperature(means, model.temperature_), rtol=1e-5)


def test_inputs_that_mattered_to_pilots_have_larger_scales():
    rng = np.random.RandomState(0)
    X = (rng.normal(size=(200, 3)) * [1, 10, 0.1]).astype(np.float32)
    weights = [np.array([[3.0, 4.0], [0.6, 0.8], [0.0, 5.0]]), np.array([[5.0, 0.0], [1.0, 0.0], [3.0, 4.0]])]
    pilots = [SimpleNamespace(coefs_=[w.astype(np.float32)]) for w in weights]
    scale = learning.input_scale(X, pilots)
    assert scale.dtype == np.float32
    assert_allclose(scale / scale[0], [1, 0.2, 1], rtol=1e-6)  # the rows have the norms 5, 1 and 5
    assert_allclose(np.square(X * scale).mean(), np.square(X).mean(), rtol=1e-6)
    assert_array_equal(learning.input_scale(np.zeros((4, 3), np.float32), pilots), np.ones(3))


@pytest.mark.parametrize("n_nets", [1, 2])
def test_scaled_inputs_help_where_few_of_many_matter(n_nets, monkeypatch):
    X = np.random.RandomState(0).normal(size=(1500, 40))
    y = np.abs(X[:, 0]) > np.abs(X[:, 1])
    model = classifier(n_nets, hidden_layer_sizes=64, max_iter=30)
    scores = [model.fit(X[:700], y[:700]).score(X[700:], y[700:])]
    monkeypatch.setattr(learning, "input_scale", lambda X, pilots: np.ones(X.shape[1], X.dtype))
    scores.append(model.fit(X[:700], y[:700]).score(X[700:], y[700:]))
    assert scores[0] > scores[1] + 0.01


def test_the_pilots_decide_for_how_long_networks_learn():
    model = classifier(max_iter=40).fit(TABLE, RIPE)
    assert all(1 <= epochs <= 40 for epochs in model.pilot_epochs_)
    assert model.n_iter_ == min(67, round(2 * np.median(model.pilot_epochs_)))
    assert model.estimators_[0].n_iter_ == model.n_iter_
    several = classifier(2, max_iter=40).fit(TABLE, RIPE)
    assert several.n_iter_ == min(67, round(1.5 * np.median(several.pilot_epochs_)))
    assert classifier(2, max_iter=3).fit(TABLE, RIPE).n_iter_ <= 5


def test_probabilities_are_those_of_the_classes():
    X, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    for n_nets in (1, 3):
        model = classifier(n_nets).fit(X, names)
        probabilities = model.predict_proba(X)
        assert probabilities.dtype == np.float64
        assert_allclose(probabilities.sum(axis=1), 1, atol=1e-12)
        assert_array_equal(model.classes_, ["setosa", "versicolor", "virginica"])
        assert_array_equal(model.predict(X), model.classes_[probabilities.argmax(axis=1)])
        assert_allclose(model.predict_log_proba(X), np.log(probabilities))


@pytest.mark.parametrize("n_nets", [1, 10])
def test_results_do_not_depend_on_threads(n_nets):
    expected = classifier(n_nets, max_iter=4).fit(TABLE, RIPE)
    for n_jobs in (2, 3, None):
        found = classifier(n_nets, max_iter=4, n_jobs=n_jobs).fit(TABLE, RIPE)
        assert_array_equal(found.predict_proba(TABLE), expected.predict_proba(TABLE))
        assert found.temperature_ == expected.temperature_


def test_the_random_state_decides():
    assert_array_equal(*(classifier().fit(TABLE, RIPE).predict_proba(TABLE) for _ in range(2)))
    state = np.random.RandomState(0)
    first, second = (classifier(random_state=state).fit(TABLE, RIPE).predict_proba(TABLE) for _ in range(2))
    assert_array_equal(first, classifier(random_state=np.random.RandomState(0)).fit(TABLE, RIPE).predict_proba(TABLE))
    assert (first != second).any()


def test_predictions_of_many_rows_are_made_in_blocks(monkeypatch):
    model = classifier(2).fit(TABLE, RIPE)
    expected = model.predict_proba(TABLE)
    monkeypatch.setattr("shallownet.tabular.base.PREDICTED_ROWS", 64)
    assert_array_equal(model.predict_proba(TABLE), expected)


# --- what is taken ----------------------------------------------------------------------------------------


def test_the_same_table_in_other_libraries():
    expected = classifier().fit(TABLE, RIPE).predict_proba(TABLE)
    objects = TABLE.astype({"colour": object})
    for table in (pl.from_pandas(TABLE), objects, pl.from_pandas(objects), TABLE.convert_dtypes()):
        model = classifier().fit(table, RIPE)
        assert_array_equal(model.feature_names_in_, TABLE.columns)
        assert_allclose(model.predict_proba(table), expected, atol=1e-6)
        assert_allclose(model.predict_proba(TABLE), expected, atol=1e-6)


def test_levels_and_gaps_that_the_fit_did_not_see():
    later = pd.DataFrame({"size": [np.nan, 1.0], "colour": ["mauve", None], "seeds": [None, 2], "bitten": [None, True]})
    for model in (classifier().fit(TABLE, RIPE), regressor().fit(TABLE, WEIGHT)):
        assert np.isfinite(outputs(model, later)).all()


def test_columns_are_checked_by_name():
    model = classifier().fit(TABLE, RIPE)
    with pytest.raises(ValueError, match="The feature names should match those that were passed during fit"):
        model.predict(TABLE[["colour", "size", "seeds", "bitten"]])
    with pytest.raises(ValueError, match="The feature names should match those that were passed during fit"):
        model.predict(TABLE.drop(columns="seeds"))


def test_categories_of_an_array_may_be_named():
    X = np.column_stack([TABLE["seeds"], TABLE["colour"].cat.codes.replace(-1, 7)]).astype(float)
    model = classifier(categorical_features=[1]).fit(X, RIPE)
    assert_array_equal(model.is_categorical_, [False, True])
    assert model.estimators_[0].coefs_[0].shape[0] == 1 + 4 + 4  # scaled, bins of five values, levels
    assert np.isfinite(model.predict_proba([[1.0, 9.0], [np.nan, np.nan]])).all()


@BOTH
def test_a_row_without_weight_is_as_if_it_were_not_there(model, y):
    weights = np.where(np.arange(len(y)) % 3 == 0, 0.0, 1.0)
    with_zeros = clone(model).fit(TABLE, y, weights)
    without = clone(model).fit(TABLE[weights > 0], y[weights > 0], weights[weights > 0])
    assert_array_equal(outputs(with_zeros, TABLE), outputs(without, TABLE))
    unweighted = clone(model).fit(TABLE[weights > 0], y[weights > 0])
    assert_allclose(outputs(with_zeros, TABLE), outputs(unweighted, TABLE), rtol=1e-2)


@BOTH
def test_weights_count(model, y):
    heavy = (TABLE["bitten"]).to_numpy()
    flipped = np.roll(y, 1)
    mixed = np.where(heavy, flipped, y)
    towards = outputs(clone(model).fit(TABLE, mixed, np.where(heavy, 1.0, 1e-3)), TABLE[heavy])
    away = outputs(clone(model).fit(TABLE, mixed, np.where(heavy, 1e-3, 1.0)), TABLE[heavy])
    assert np.abs(towards - away).mean() > 1e-2


def test_class_weights_multiply_the_weights():
    by_class = classifier(class_weight={"ripe": 5.0}).fit(TABLE, RIPE)
    by_row = classifier().fit(TABLE, RIPE, np.where(RIPE == "ripe", 5.0, 1.0))
    assert_array_equal(by_class.predict_proba(TABLE), by_row.predict_proba(TABLE))
    plain = classifier().fit(TABLE, RIPE)
    assert by_class.predict_proba(TABLE)[:, 0].mean() > plain.predict_proba(TABLE)[:, 0].mean() + 0.05
    assert classifier(class_weight="balanced").fit(TABLE, RIPE).score(TABLE, RIPE) > 0.5


@pytest.mark.parametrize("y", [TABLE["bitten"].to_numpy(), TABLE["bitten"].astype("category"), list("ab") * 200])
def test_labels_of_any_kind(y):
    model = classifier(max_iter=3).fit(TABLE, y)
    assert_array_equal(model.classes_, np.unique(y))
    assert set(model.predict(TABLE)) <= set(model.classes_)


def test_several_targets():
    y = np.column_stack([WEIGHT, -WEIGHT / 1000])
    model = regressor(2, max_iter=30).fit(TABLE, y)
    found = model.predict(TABLE)
    assert found.shape == y.shape
    assert_allclose(np.corrcoef(found.T)[0, 1], -1, atol=0.1)
    assert model.score(TABLE, y) > 0.5


@pytest.mark.parametrize("factor", [1e-200, 1e-9, 1e9, 1e200])
def test_targets_of_any_scale(factor):
    expected = regressor().fit(TABLE, WEIGHT).predict(TABLE)
    assert_allclose(regressor().fit(TABLE, factor * WEIGHT).predict(TABLE) / factor, expected, rtol=1e-3)


def test_predictions_stay_in_the_range_of_the_targets():
    found = regressor().fit(TABLE, WEIGHT).predict(TABLE)
    assert WEIGHT.min() <= found.min() <= found.max() <= WEIGHT.max()


# --- the smallest and oddest tables -----------------------------------------------------------------------

ODD = {
    "five rows": (np.arange(10.0).reshape(5, 2), [0, 1, 0, 1, 1]),
    "two rows": ([[0.0], [1.0]], [0, 1]),
    "every class once": (np.arange(6.0)[:, np.newaxis], list("abcdef")),
    "a class once": (np.arange(40.0).reshape(20, 2), [0] * 10 + [1] * 9 + [2]),
    "one column": (np.arange(30.0)[:, np.newaxis], [0, 1] * 15),
    "a constant column": (np.column_stack([np.ones(20), np.arange(20)]), [0, 1] * 10),
    "constant columns": (np.ones((20, 3)), [0, 1] * 10),
    "nothing but gaps": (np.full((20, 2), np.nan), [0, 1] * 10),
    "a column of gaps": (np.column_stack([np.full(20, np.nan), np.arange(20)]), [0, 1] * 10),
    "categories alone": (pd.DataFrame({"a": list("xyzw") * 5, "b": list("xxyy") * 5}), [0, 1] * 10),
    "one level": (pd.DataFrame({"a": ["x"] * 20}), [0, 1] * 10),
    "a level a row": (pd.DataFrame({"a": [f"level {i}" for i in range(200)]}), [0, 1] * 100),
    "huge numbers": (np.array([[-1e300], [0.0], [1.0], [1e300]] * 5), [0, 1, 0, 1] * 5),
    "more columns than bins": (np.random.RandomState(0).normal(size=(20, 450)), [0, 1] * 10),
}


@pytest.mark.parametrize("n_nets", [1, 9])
@pytest.mark.parametrize("name", ODD)
def test_an_odd_table(name, n_nets):
    X, y = ODD[name]
    model = classifier(n_nets, max_iter=3).fit(X, y)
    assert_allclose(model.predict_proba(X).sum(axis=1), 1)
    assert set(model.predict(X)) <= set(y)
    _, numbers = np.unique(y, return_inverse=True)
    assert np.isfinite(regressor(n_nets, max_iter=3).fit(X, numbers).predict(X)).all()


def test_one_class_needs_no_network():
    model = classifier(2).fit(TABLE, ["ripe"] * len(TABLE))
    assert_array_equal(model.predict_proba(TABLE), np.ones((len(TABLE), 1)))
    assert set(model.predict(TABLE)) == {"ripe"}
    assert (model.estimators_, model.n_iter_) == ([], 0)


def test_a_constant_target():
    assert_allclose(regressor().fit(TABLE, np.full(len(TABLE), 7.0)).predict(TABLE), 7.0)


# --- errors and warnings ----------------------------------------------------------------------------------


def test_no_warning_of_convergence():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        classifier(2, max_iter=1).fit(TABLE, RIPE)
        classifier(max_iter=100).fit(TABLE[:9], RIPE[:9])


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ({"n_nets": 0}, "n_nets"),
        ({"n_nets": 1.5}, "n_nets"),
        ({"dropout": 1.0}, "dropout"),
        ({"n_bins": -1}, "n_bins"),
        ({"max_bins_total": -1}, "max_bins_total"),
        ({"learning_rate_init": 0}, "learning_rate_init"),
        ({"batch_size": 0}, "batch_size"),
        ({"max_iter": 0}, "max_iter"),
        ({"categorical_features": "all"}, "categorical_features"),
        ({"n_jobs": 0}, "n_jobs"),
        ({"label_smoothing": 1.0}, "label_smoothing"),
        ({"class_weight": "even"}, "class_weight"),
    ],
)
def test_bad_parameters_are_named(parameters, name):
    with pytest.raises(ValueError, match=f"The '{name}' parameter of TabularNetClassifier must be"):
        classifier(**parameters).fit(TABLE, RIPE)


BAD_FITS = {
    "infinity": (pd.DataFrame({"a": [np.inf, 1.0]}), [0, 1], None, "infinity"),
    "gaps in y": (np.ones((2, 1)), [0.0, np.nan], None, "NaN"),
    "lengths": (np.ones((3, 1)), [0, 1], None, "inconsistent numbers of samples"),
    "no weight": (np.ones((2, 1)), [0, 1], [0, 0], "non-zero"),
    "negative weight": (np.ones((2, 1)), [0, 1], [1, -1], "[Nn]egative"),
    "weights": (np.ones((2, 1)), [0, 1], [1, 1, 1], "sample_weight.shape"),
}


@pytest.mark.parametrize("name", BAD_FITS)
@BOTH
def test_a_failed_fit_leaves_the_estimator_as_it_was(model, y, name):
    X, bad_y, weights, message = BAD_FITS[name]
    model = clone(model).fit(TABLE, y)
    before = vars(model).copy()
    with pytest.raises(ValueError, match=message):
        model.fit(X, bad_y, weights)
    assert vars(model) == before
    assert_array_equal(outputs(model, TABLE), outputs(clone(model).fit(TABLE, y), TABLE))


def test_labels_that_are_none():
    for y, message in ((WEIGHT + 0.5, "continuous"), (np.eye(3)[[0, 1] * 200], "1d array"), (None, "requires y")):
        with pytest.raises(ValueError, match=message):
            classifier().fit(TABLE, y)


@BOTH
def test_an_interrupt_leaves_the_estimator_as_it_was(model, y, monkeypatch):
    model = clone(model).fit(TABLE, y)
    before = vars(model).copy()
    calls = []

    def interrupted(problem, hyperparameters, history, **options):
        calls.append(history)
        history.warn_of_interrupt(1)
        return real(problem, hyperparameters, history, **options)

    real = learning.train
    monkeypatch.setattr(learning, "train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        model.fit(TABLE, y)
    assert len(calls) == 1  # no further network is trained
    assert vars(model) == before


def test_an_error_ends_the_networks_in_other_threads(monkeypatch):
    calls, histories = [], []

    def failing(problem, hyperparameters, history, **options):
        calls.append(history)
        if len(calls) > 1:
            histories.append(history)
            return real(problem, hyperparameters, history, **options)
        while not (histories and histories[0].n_iter):
            time.sleep(0.01)
        raise ValueError("broken")

    real = learning.train
    monkeypatch.setattr(learning, "train", failing)
    monkeypatch.setattr(learning, "OF_PILOTS", learning.OF_PILOTS | {"n_iter_no_change": np.inf})
    with pytest.raises(ValueError, match="broken"):
        classifier(n_jobs=2, max_iter=20_000).fit(TABLE, RIPE)
    n_iter, last = -1, histories[0]
    while n_iter != last.n_iter:
        n_iter = last.n_iter
        time.sleep(0.2)
    assert 0 < n_iter < 20_000


@BOTH
def test_an_estimator_that_is_not_fitted(model, y):
    with pytest.raises(NotFittedError):
        clone(model).predict(TABLE)


def test_a_fit_forgets_the_fit_before():
    model = classifier().fit(TABLE, RIPE)
    model.fit(np.arange(20.0).reshape(10, 2), [0, 1] * 5)
    assert not hasattr(model, "feature_names_in_")
    assert model.n_features_in_ == 2
    assert_array_equal(model.classes_, [0, 1])


# --- as an estimator of scikit-learn ----------------------------------------------------------------------


@BOTH
def test_copies_predict_alike(model, y):
    fitted = clone(model).set_params(n_nets=2).fit(TABLE, y)
    expected = outputs(fitted, TABLE)
    for read in (pickle.loads(pickle.dumps(fitted)), copy.deepcopy(fitted)):
        assert_array_equal(outputs(read, TABLE), expected)
        assert read.get_params() == fitted.get_params()


@BOTH
def test_a_skops_file_trusts_no_more_than_the_docstring_says(model, y):
    io = pytest.importorskip("skops.io")
    fitted = clone(model).fit(TABLE, y)
    file = io.dumps(fitted)
    names = io.get_untrusted_types(data=file)
    kind = type(model).__name__.removeprefix("TabularNet")
    classes = [f"TabularNet{kind}", f"ShallowNet{kind}", "SmoothClipScaler", "PiecewiseLinearEncoder"]
    encoder = "shallownet.tabular.table_encoder.TableEncoder"
    assert sorted(names) == sorted([*(f"shallownet.{name}" for name in classes), encoder])
    assert_array_equal(outputs(io.loads(file, trusted=names), TABLE), outputs(fitted, TABLE))


def test_a_search_and_an_importance():
    search = GridSearchCV(classifier(), {"hidden_layer_sizes": [4, 16], "n_nets": [1, 2]}, cv=2).fit(TABLE, RIPE)
    assert search.best_estimator_.score(TABLE, RIPE) > 0.5
    X_train, X_test, y_train, y_test = train_test_split(*orchard(800)[:2], random_state=0)
    model = TabularNetClassifier(random_state=0, max_iter=30).fit(X_train, y_train)
    importances = permutation_importance(model, X_test, y_test, n_repeats=3, random_state=0).importances_mean
    assert set(np.argsort(importances)[-2:]) == {0, 1}


def test_progress_is_printed(capfd):
    classifier(2, max_iter=3, verbose=1).fit(TABLE, RIPE)
    lines = [line for line in capfd.readouterr().out.splitlines() if line.startswith("[TabularNetClassifier]")]
    assert [line.split("] ")[1].split(":")[0] for line in lines] == ["pilot 1", "pilot 2", "network 1", "network 2"]
    assert "(best: " in lines[0]
    classifier(max_iter=2, verbose=2).fit(TABLE, RIPE)
    out = capfd.readouterr().out
    assert "pilot 2, epoch 2 of 2: loss = " in out
    assert ", loss held out = " in out
    assert "network 1, epoch 3 of " in out
    classifier(max_iter=2).fit(TABLE, RIPE)
    assert capfd.readouterr().out == ""


def test_pilots_of_many_rows_have_fewer_epochs(monkeypatch):
    monkeypatch.setattr(learning, "MOST_ROWS", 12 * len(RIPE))
    monkeypatch.setattr(learning, "MOST_ROWS_IN_VAIN", 0)
    monkeypatch.setattr(learning, "LEAST_PATIENCE", 100)
    model = classifier(max_iter=40, learning_rate_init=1e-5).fit(TABLE, RIPE)  # each epoch is better than the last
    assert model.pilot_epochs_ == [12, 12]
    assert model.n_iter_ == 20
    monkeypatch.setattr(learning, "LEAST_PATIENCE", 1)
    monkeypatch.setattr(learning, "PATIENCE", 100)
    assert max(classifier(max_iter=40, learning_rate_init=1.0).fit(TABLE, RIPE).pilot_epochs_) < 12
