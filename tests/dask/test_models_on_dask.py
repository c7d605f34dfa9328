"""Fitted models on Dask: lazy predictions without a client, copies, files and searches."""

import inspect
import pickle
from copy import deepcopy

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
import sklearn
from clusters import data, local_client, on_dask, weights_of
from dask.base import is_dask_collection
from joblib import parallel_config
from numpy.testing import assert_array_equal
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, KFold

from shallownet import ShallowNetClassifier, ShallowNetRegressor
from shallownet.dask import DaskShallowNetClassifier, DaskShallowNetRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = data()
METHODS = ["predict", "predict_proba", "predict_log_proba", "hidden_activations"]


@pytest.fixture(scope="module")
def client():
    with local_client() as client:
        yield client


@pytest.fixture(scope="module")
def fitted():
    """A model whose cluster is gone."""
    with local_client(1) as client:
        return DaskShallowNetClassifier(8, max_iter=5, random_state=0, client=client).fit(*on_dask(X, Y))


@pytest.mark.parametrize("method", METHODS)
def test_arrays_give_arrays_lazily_and_without_a_client(fitted, method):
    expected = getattr(fitted.to_local(), method)(X)
    found = getattr(fitted, method)(da.from_array(X, chunks=(50, 4)))
    assert isinstance(found, da.Array)
    assert found.shape == expected.shape and found.dtype == expected.dtype
    assert found.chunks[0] == (50, 50, 50, 50, 40)
    assert_array_equal(found.compute(scheduler="threads"), expected)
    assert_array_equal(getattr(fitted, method)(X), expected)


def test_predictions_need_a_fit():
    for method in METHODS:
        with pytest.raises(NotFittedError, match="This DaskShallowNetClassifier instance is not fitted yet"):
            getattr(DaskShallowNetClassifier(), method)(on_dask(X)[0])


def test_nothing_is_computed_before_it_is_asked_for(fitted):
    def fail(block):
        raise AssertionError("computed")

    lazy = da.from_array(X, chunks=(50, 6)).map_blocks(fail, meta=X[:0])
    predictions = fitted.predict(lazy)
    with pytest.raises(AssertionError, match="computed"):
        predictions.compute(scheduler="sync")


@pytest.mark.parametrize("method", METHODS)
def test_frames_give_series_and_frames_with_their_index(fitted, method):
    table = pd.DataFrame(X, index=np.arange(240) * 2 + 7)
    found = getattr(fitted, method)(dd.from_pandas(table, 4))
    computed = found.compute(scheduler="sync")
    expected = getattr(fitted.to_local(), method)(X)
    assert_array_equal(computed.to_numpy(), expected)
    assert list(computed.index) == list(table.index)
    assert isinstance(found, dd.Series if method == "predict" else dd.DataFrame)
    if "proba" in method:
        assert list(found.columns) == list(fitted.classes_)


def test_empty_blocks_and_unknown_chunk_sizes(fitted):
    array = da.from_array(X, chunks=(50, 6))
    rows = array[array[:, 0] > 99]
    assert fitted.predict_proba(rows).compute(scheduler="sync").shape == (0, 3)
    assert fitted.predict(rows).compute(scheduler="sync").dtype == Y.dtype
    frame = dd.from_pandas(pd.DataFrame(X), 4)
    assert len(fitted.predict(frame[frame[0] > 99]).compute(scheduler="sync")) == 0


def test_predictions_of_named_features_and_of_words(client):
    table = pd.DataFrame(X, columns=list("abcdef")).assign(y=np.array(["no", "yes"])[Y % 2])
    frame = dd.from_pandas(table, 3)
    model = DaskShallowNetClassifier(8, max_iter=5, random_state=0).fit(frame[list("abcdef")], frame["y"])
    predictions = model.predict(frame[list("abcdef")]).compute()
    assert_array_equal(predictions.to_numpy(), model.to_local().predict(table[list("abcdef")]))
    assert model.score(frame[list("abcdef")], frame["y"]) == (predictions == table["y"]).mean()


def test_predictions_of_several_numbers(client):
    y = np.column_stack([X[:, 0], X[:, 1]])
    model = DaskShallowNetRegressor(hidden_layer_sizes=8, max_iter=5, random_state=0).fit(*on_dask(X, y))
    expected = model.to_local().predict(X)
    assert_array_equal(model.predict(da.from_array(X, chunks=(60, 3))).compute(), expected)
    assert_array_equal(model.predict(dd.from_pandas(pd.DataFrame(X), 3)).compute().to_numpy(), expected)


def test_the_score_counts_weights(client, fitted):
    weights = np.random.RandomState(0).uniform(size=240)
    dX, dy, dw = on_dask(X, Y, weights)
    assert fitted.set_params(client=None).score(dX, dy, dw) == fitted.to_local().score(X, Y, weights)


def test_a_local_model_knows_nothing_of_dask(fitted):
    local = fitted.to_local()
    assert type(local) is ShallowNetClassifier
    assert b"dask" not in pickle.dumps(local)
    assert local.get_params() == {name: v for name, v in fitted.get_params().items() if name != "client"}
    assert weights_of(local) == weights_of(fitted)
    assert type(DaskShallowNetRegressor().to_local()) is ShallowNetRegressor


def test_a_pickle_has_no_client(client):
    model = DaskShallowNetClassifier(8, max_iter=2, random_state=0, client=client).fit(*on_dask(X, Y))
    for copied in (pickle.loads(pickle.dumps(model)), deepcopy(model)):
        assert copied.client is None and model.client is client
        assert weights_of(copied) == weights_of(model)
        assert b"shallownet.dask" in pickle.dumps(copied)
        assert weights_of(copied.fit(*on_dask(X, Y))) == weights_of(model)


def test_a_clone_keeps_the_client_and_what_is_requested(client):
    with sklearn.config_context(enable_metadata_routing=True):
        model = DaskShallowNetClassifier(8, alpha=0.5, client=client).set_fit_request(sample_weight=True)
    cloned = clone(model)
    assert cloned.client is client
    assert cloned.get_params() == model.get_params()
    assert cloned.get_metadata_routing().fit.requests["sample_weight"] is True
    assert cloned is not model and not hasattr(cloned, "coefs_")


@pytest.mark.parametrize("public", [DaskShallowNetClassifier, DaskShallowNetRegressor])
def test_parameters_are_those_of_the_local_estimator_and_the_client(public):
    local = inspect.signature(public._local).parameters
    own = inspect.signature(public).parameters
    assert list(own) == [*local, "client"]
    assert all(own[name] == local[name] for name in local)
    model = public(**{name: parameter.default for name, parameter in local.items()})
    assert sorted(model.get_params()) == sorted(own)
    assert is_classifier(model) == is_classifier(public._local()) != is_regressor(model)


def test_a_search_over_collections(client):
    model = DaskShallowNetClassifier(8, max_iter=5, random_state=0, client=client)
    search = GridSearchCV(model, {"alpha": [1e-4, 1e3], "solver": ["lbfgs"]}, cv=KFold(2), error_score="raise")
    search.fit(*on_dask(X, Y))
    assert search.best_params_["alpha"] == 1e-4
    assert search.best_estimator_.client is client
    assert is_dask_collection(search.predict(on_dask(X)[0]))


def test_a_search_whose_fits_are_tasks(client):
    search = GridSearchCV(ShallowNetClassifier(8, max_iter=5, random_state=0), {"alpha": [1e-4, 1.0]}, cv=2)
    expected = search.fit(X, Y).cv_results_["mean_test_score"]
    with parallel_config("dask"):
        found = search.set_params(n_jobs=2).fit(X, Y).cv_results_["mean_test_score"]
    assert_array_equal(found, expected)
