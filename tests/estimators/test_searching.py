"""Pipelines, searches and cross-validation: the estimator as a part of scikit-learn's machinery."""

import numpy as np
import pandas
import pytest
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.inspection import permutation_importance
from sklearn.model_selection import (
    GridSearchCV,
    RandomizedSearchCV,
    cross_val_predict,
    cross_val_score,
    learning_curve,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from shallownet import ShallowNetClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_breast_cancer(return_X_y=True)
SCALED = StandardScaler().fit_transform(X)
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
JOBS = pytest.mark.parametrize("n_jobs", [1, 2])


def pipeline(estimator=ShallowNetClassifier, **parameters):
    parameters = {
        "hidden_layer_sizes": 8,
        "max_iter": 30,
        "learning_rate_init": 0.01,
        "random_state": 0,
    } | parameters
    return make_pipeline(StandardScaler(), estimator(**parameters))


@DTYPES
def test_pipeline(dtype):
    data = X.astype(dtype)
    model = pipeline().fit(data, Y)
    assert model.score(data, Y) > 0.97
    assert model[-1].coefs_[0].dtype == dtype
    assert_allclose(model.predict_proba(data), pipeline(MLPClassifier).fit(data, Y).predict_proba(data), atol=1e-3)
    assert_array_equal(model.classes_, [0, 1])


def test_pipeline_passes_sample_weight():
    sample_weight = np.linspace(0.1, 2, len(Y))
    model = pipeline().fit(X, Y, shallownetclassifier__sample_weight=sample_weight)
    direct = clone(model[-1]).fit(SCALED, Y, sample_weight)
    assert_array_equal(model.predict_proba(X), direct.predict_proba(SCALED))


@JOBS
@DTYPES
def test_grid_search(dtype, n_jobs):
    grid = {
        "shallownetclassifier__hidden_layer_sizes": [1, (6,)],
        "shallownetclassifier__activation": ["tanh", "leaky_relu"],
    }
    search = GridSearchCV(pipeline(), grid, cv=3, n_jobs=n_jobs, error_score="raise").fit(X.astype(dtype), Y)
    assert search.best_score_ > 0.95
    assert search.best_estimator_[-1].coefs_[0].dtype == dtype
    scores = [
        cross_val_score(pipeline().set_params(**parameters), X.astype(dtype), Y, cv=3).mean()
        for parameters in search.cv_results_["params"]
    ]
    assert_array_equal(search.cv_results_["mean_test_score"], scores)


@DTYPES
def test_cross_validation_in_two_processes(dtype):
    data = X.astype(dtype)
    assert_array_equal(
        cross_val_predict(pipeline(), data, Y, cv=4, n_jobs=2, method="predict_proba"),
        cross_val_predict(pipeline(), data, Y, cv=4, method="predict_proba"),
    )
    scores = cross_val_score(pipeline(), data, Y, cv=4, n_jobs=2, error_score="raise")
    assert_array_equal(scores, cross_val_score(pipeline(), data, Y, cv=4))
    assert scores.min() > 0.93


def test_scores_are_those_of_mlp_classifier():
    ours = cross_val_score(pipeline(), X, Y, cv=3, scoring="neg_log_loss", error_score="raise")
    theirs = cross_val_score(pipeline(MLPClassifier), X, Y, cv=3, scoring="neg_log_loss")
    assert_allclose(ours, theirs, rtol=1e-6)


def test_search_in_threads():
    search = RandomizedSearchCV(
        pipeline(), {"shallownetclassifier__alpha": [0.0, 1e-3, 1.0]}, n_iter=3, cv=3, random_state=0
    )
    serial = search.fit(X, Y).cv_results_["mean_test_score"]
    with parallel_config("threading", n_jobs=2):
        assert_array_equal(search.fit(X, Y).cv_results_["mean_test_score"], serial)


def test_learning_curve():
    sizes = {"train_sizes": [20, 300], "shuffle": True, "random_state": 0}
    _, _, scores = learning_curve(pipeline(), X, Y, **sizes, cv=3, error_score="raise")
    assert scores[1].mean() > scores[0].mean() > 0.8


@pytest.mark.parametrize(
    "around",
    [
        lambda model: BaggingClassifier(model, n_estimators=3, random_state=0),
        lambda model: VotingClassifier([("a", model), ("b", model)], voting="soft"),
        lambda model: CalibratedClassifierCV(model, cv=2),
        OneVsRestClassifier,
    ],
    ids=["bagging", "voting", "calibration", "one against the rest"],
)
def test_inside_other_estimators(around):
    assert around(pipeline()).fit(X, Y).score(X, Y) > 0.95


def test_column_transformer_and_importances():
    frame = pandas.DataFrame(
        {"size": SCALED[:, 0], "noise": np.cos(np.arange(len(Y))), "kind": np.array(["a", "b"])[Y]}
    )
    model = make_pipeline(
        make_column_transformer((StandardScaler(), ["size", "noise"]), (OneHotEncoder(), ["kind"])),
        ShallowNetClassifier(4, max_iter=50, learning_rate_init=0.05, random_state=0),
    ).fit(frame, Y)
    assert model.score(frame, Y) == 1
    importances = permutation_importance(model, frame, Y, n_repeats=2, random_state=0).importances_mean
    assert importances.argmax() == 2
