"""Fits on Dask: the same bits wherever tasks run, the results of local fits, and data of every kind."""

import signal
import threading
import time
import warnings

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from clusters import at_once, before_result, data, keys_on, local_client, on_dask, weights_of
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from shallownet import ShallowNetClassifier, ShallowNetRegressor
from shallownet.dask import DaskShallowNetClassifier, DaskShallowNetRegressor, cluster

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = data()
ENDLESS = {"max_iter": 10**6, "tol": 0.0, "n_iter_no_change": np.inf}
SOLVERS = pytest.mark.parametrize("solver", ["adam", "lbfgs"])


@pytest.fixture(scope="module")
def client():
    with local_client() as client:
        yield client


def classifier(**parameters):
    return DaskShallowNetClassifier(8, **{"max_iter": 3, "random_state": 0, "batch_size": 20, **parameters})


def regressor(**parameters):
    return DaskShallowNetRegressor(hidden_layer_sizes=8, **{"max_iter": 3, "random_state": 0, **parameters})


# --- the same bits --------------------------------------------------------------------------------------


@SOLVERS
def test_the_same_bits_on_any_number_of_workers(client, solver):
    found = [weights_of(classifier(solver=solver).fit(*on_dask(X, Y))) for _ in range(2)]
    for n_workers in (1, 3):
        with local_client(n_workers):
            found.append(weights_of(classifier(solver=solver).fit(*on_dask(X, Y))))
    assert found == [found[0]] * 4


@SOLVERS
def test_the_same_bits_of_data_that_are_in_memory_persisted_and_lazy(client, solver):
    dX, dy = on_dask(X, Y)
    lazy = da.map_blocks(
        lambda block_info: X[slice(*block_info[None]["array-location"][0])], chunks=dX.chunks, meta=X[:0]
    )
    expected = weights_of(classifier(solver=solver).fit(dX, dy))
    assert weights_of(classifier(solver=solver).fit(dX.persist(), dy.persist())) == expected
    assert weights_of(classifier(solver=solver).fit(lazy, dy)) == expected


@pytest.mark.parametrize("parameters", [{}, {"dropout": 0.3}, {"shuffle": False}, {"solver": "sgd"}], ids=str)
def test_a_second_fit_has_the_same_bits_and_another_seed_others(client, parameters):
    dX, dy = on_dask(X, Y)
    model = classifier(**parameters).fit(dX, dy)
    first = weights_of(model)
    assert weights_of(model.fit(dX, dy)) == first
    assert weights_of(model.set_params(random_state=1).fit(dX, dy)) != first


# --- the results of local fits --------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ["classes", "numbers"])
def test_lbfgs_takes_the_steps_of_a_local_fit(client, kind, weighted):
    weights = np.random.RandomState(0).uniform(0, 2, len(X)) if weighted else None
    there, here, y = (
        (classifier, ShallowNetClassifier, Y)
        if kind == "classes"
        else (regressor, ShallowNetRegressor, np.column_stack([X[:, 0], np.sin(X[:, 1])]))
    )
    parameters = {"solver": "lbfgs", "alpha": 0.3, "max_iter": 6}
    on_cluster = there(**parameters)
    if weighted and kind == "classes":
        on_cluster.set_params(class_weight="balanced")
    local = on_cluster.to_local().fit(X, y, weights)
    dX, dy, dw = on_dask(X, y, np.ones(len(X)) if weights is None else weights, chunks=(50, 100, 90))
    on_cluster.fit(dX, dy, sample_weight=dw if weighted else None)
    assert isinstance(local, here)
    assert on_cluster.n_iter_ == local.n_iter_
    assert_allclose(on_cluster.loss_, local.loss_, rtol=1e-9)
    assert_allclose(on_cluster.coefs_[0], local.coefs_[0], rtol=1e-6, atol=1e-8)


def test_adam_learns_as_a_local_fit_does(client):
    n = 600
    X, y = data(n, seed=3)
    model = classifier(max_iter=15, learning_rate_init=0.01).fit(*on_dask(X, y, chunks=200))
    local = model.to_local().fit(X, y)
    assert model.loss_ == pytest.approx(local.loss_, abs=0.02)
    assert model.n_iter_ == local.n_iter_ == 15
    assert (model.t_, model.loss_curve_[-1]) == (15 * n, model.loss_)
    assert set(vars(model)) - {"client"} >= {name for name in vars(local) if name != "_network"}


@pytest.mark.parametrize("schedule", ["invscaling", "cosine", "adaptive"])
def test_learning_rates_change_from_epoch_to_epoch(client, schedule):
    dX, dy = on_dask(X, Y)
    rates = {"solver": "sgd", "learning_rate_init": 0.05, "n_iter_no_change": 1, "tol": 10.0, "max_iter": 5}
    model = classifier(learning_rate=schedule, **rates).fit(dX, dy)
    assert 0 <= model._rate < 0.05
    assert weights_of(model) != weights_of(classifier(**rates).fit(dX, dy))


def test_training_stops_where_it_no_longer_improves(client, capsys):
    model = classifier(tol=10.0, n_iter_no_change=2, max_iter=50, verbose=True).fit(*on_dask(X, Y))
    assert model.n_iter_ == 4
    lines = capsys.readouterr().out.splitlines()
    assert lines[:1] == [f"Iteration 1, loss = {model.loss_curve_[0]:.8f}"]
    assert lines[-1].startswith("Training loss did not improve more than tol=10.000000 for 2 consecutive epochs")


def test_a_warning_says_that_training_has_not_converged(client):
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(3\) reached") as caught:
        classifier().fit(*on_dask(X, Y))
    assert caught[0].filename == __file__


# --- kinds of data --------------------------------------------------------------------------------------


def in_frames(*arrays, npartitions=5):
    frames = [pd.DataFrame(each) if each.ndim == 2 else pd.Series(each) for each in arrays]
    return [
        dd.from_pandas(frame.rename(columns="x{}".format) if frame.ndim == 2 else frame, npartitions)
        for frame in frames
    ]


def test_empty_partitions_partitions_of_one_row_and_of_one_class(client):
    order = np.argsort(Y == 2, kind="stable")  # only the last partition has class 2, and no other
    first = (Y == 2).argmax()
    order = np.concatenate([[order[0]], order[1:]])
    chunks = (1, 0, 100, int((Y != 2).sum()) - 101, int((Y == 2).sum()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = classifier(max_iter=5).fit(*on_dask(X[order], Y[order], chunks=chunks))
    assert_array_equal(model.classes_, [0, 1, 2])
    assert model.t_ == 5 * len(X)
    assert model.to_local().predict(X[[first]]).shape == (1,)


@SOLVERS
def test_unknown_chunk_sizes_and_chunks_of_columns(client, solver):
    dX, dy = on_dask(X, Y)
    expected = weights_of(classifier(solver=solver).fit(dX, dy))
    keep = da.from_array(np.ones(len(X), bool), chunks=80)
    assert np.isnan(dX[keep].chunks[0]).all()
    assert weights_of(classifier(solver=solver).fit(dX[keep], dy[keep])) == expected
    assert weights_of(classifier(solver=solver).fit(dX.rechunk((80, 2)), dy)) == expected


def test_filtered_frames(client):
    frame, y, rows = in_frames(X, Y, np.arange(len(X)))
    frame = frame.assign(y=y, row=rows)
    kept = frame[frame["row"] > 100]  # no row of the first partitions is left
    model = classifier().fit(kept.drop(columns=["y", "row"]), kept["y"])
    assert list(model.feature_names_in_) == [f"x{i}" for i in range(6)]
    chunks = tuple(kept.map_partitions(len).compute())
    assert chunks[0] == 0
    assert model.coefs_[0].tobytes() == classifier().fit(*on_dask(X[101:], Y[101:], chunks=chunks)).coefs_[0].tobytes()


@pytest.mark.parametrize("labels", ["category", "str", "object"])
def test_labels_of_pandas(client, labels):
    words = np.array(["red", "green", "blue"])[Y]
    frame, series = in_frames(X, words)
    model = classifier().fit(frame, series.astype(labels))
    assert list(model.classes_) == ["blue", "green", "red"]
    predicted = model.predict(frame).compute()
    assert set(predicted) <= set(words)
    assert list(predicted.index) == list(range(len(X)))


def test_one_partition_alone_may_have_a_class(client):
    y = np.where(np.arange(len(Y)) == 130, 7, Y)
    assert_array_equal(classifier().fit(*on_dask(X, y)).classes_, [0, 1, 2, 7])


@SOLVERS
@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.csr_matrix])
def test_sparse_blocks(client, kind, solver):
    dense = np.where(np.abs(X) < 0.5, 0, X)
    dX, dy = on_dask(dense, Y)
    blocks = dX.map_blocks(kind, meta=kind((0, 6)))
    model = classifier(solver=solver, batch_size=20).fit(blocks, dy)
    expected = classifier(solver=solver, batch_size=20).fit(dX, dy)
    assert_allclose(model.coefs_[0], expected.coefs_[0], rtol=1e-6, atol=1e-9)
    assert_allclose(model.predict_proba(blocks).compute(), expected.to_local().predict_proba(dense), rtol=1e-6)


def test_float32_is_kept_and_mixed_with_float64_it_is_float64(client):
    dX, dy = on_dask(X.astype(np.float32), Y)
    assert classifier().fit(dX, dy).coefs_[0].dtype == np.float32
    mixed = da.map_blocks(
        lambda x, block_info: x.astype("f8") if block_info[0]["chunk-location"][0] == 2 else x, dX, meta=dX._meta
    )
    model = classifier().fit(mixed, dy)
    assert model.coefs_[0].dtype == np.float64


def test_multilabel_and_single_class_targets(client):
    indicators = np.column_stack([Y == 0, Y == 1]).astype(int)
    model = classifier(max_iter=15, learning_rate_init=0.03).fit(*on_dask(X, indicators))
    assert model.predict(da.from_array(X, chunks=(48, 6))).compute().shape == (240, 2)
    assert model.to_local().score(X, indicators) > 0.5
    assert_array_equal(classifier().fit(*on_dask(X, np.full(240, 4))).classes_, [4])


def test_weight_0_is_an_absent_row_and_weight_2_a_double_one(client):
    weights = np.random.RandomState(1).randint(0, 3, len(X)).astype(float)
    weights[80:160] = 0  # a whole partition
    repeated = np.repeat(np.arange(len(X)), weights.astype(int))
    model = classifier(solver="lbfgs", max_iter=10).fit(*on_dask(X, Y), sample_weight=on_dask(weights)[0])
    expected = classifier(solver="lbfgs", max_iter=10).fit(*on_dask(X[repeated], Y[repeated]))
    assert_allclose(model.loss_, expected.loss_, rtol=1e-9)
    assert classifier().fit(*on_dask(X, Y), sample_weight=on_dask(weights)[0]).t_ == 3 * len(X)


def test_partial_fit_goes_on_with_the_state_of_the_optimizer(client):
    dX, dy = on_dask(X, Y)
    model = classifier()
    for _ in range(3):
        model.partial_fit(dX, dy, classes=[0, 1, 2, 9])
    assert_array_equal(model.classes_, [0, 1, 2, 9])
    assert (model.t_, len(model.loss_curve_), model._steps) == (3 * 240, 3, 3 * 12)
    assert sorted(model.loss_curve_, reverse=True) == model.loss_curve_
    local = model.to_local().partial_fit(X, Y)
    assert len(local.loss_curve_) == 4 and local._steps > 36
    with pytest.raises(ValueError, match="`y` has classes not in `self.classes_`"):
        model.partial_fit(*on_dask(X, Y + 5))


def test_warm_start(client):
    dX, dy = on_dask(X, Y)
    model = classifier(warm_start=True).fit(dX, dy)
    first = model.loss_
    assert len(model.fit(dX, dy).loss_curve_) == 6
    assert model.loss_ < first


@pytest.mark.parametrize("as_collection", [False, True])
def test_early_stopping_restores_the_best_epoch(client, as_collection):
    X_val, y_val = data(80, seed=5)
    held_out = on_dask(X_val, y_val, chunks=20) if as_collection else (X_val, y_val)
    model = classifier(max_iter=60, early_stopping=True, n_iter_no_change=3, learning_rate_init=0.05)
    model.fit(*on_dask(X, Y), X_val=held_out[0], y_val=held_out[1])
    assert model.n_iter_ < 60
    assert model.best_validation_score_ == max(model.validation_scores_) == model.to_local().score(X_val, y_val)


def test_regression(client):
    y = np.sin(X[:, 0]) + X[:, 1]
    dX, dy = on_dask(X, y)
    model = regressor(max_iter=40, learning_rate_init=0.03, batch_size=20, tol=0).fit(dX, dy)
    assert model.score(dX, dy) > 0.8
    assert model.score(dX, dy) == pytest.approx(model.to_local().score(X, y))
    assert regressor(loss="poisson").fit(dX, da.exp(dy / 4)).predict(dX).compute().min() > 0


# --- errors and warnings --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change, error, message",
    [
        (lambda X, y: (X.rechunk((40, 6)), y), ValueError, "X has 6 partitions, but y has 3"),
        (
            lambda X, y: (X.rechunk(((70, 90, 80), 6)), y),
            ValueError,
            "Partition 0 has 70 rows of X and 80 rows of y",
        ),
        (lambda X, y: (X[X[:, 0] > -99], y[:239]), ValueError, "Partition 2 has 80 rows of X and 79 rows of y"),
        (lambda X, y: (da.where(X == X[100, 1], np.nan, X), y), ValueError, "^Partition 1: Input X contains NaN"),
        (lambda X, y: (X, y + 0.5), ValueError, r"^Partition \d: Unknown label type"),
        (lambda X, y: (X[X[:, 0] > 99], y[y > 99]), ValueError, "X has no rows"),
        (lambda X, y: (X.compute(), y), TypeError, "X must be a Dask Array, DataFrame or Series, got ndarray"),
        (lambda X, y: (X, y.compute()), TypeError, "y must be a Dask Array, DataFrame or Series, got ndarray"),
        (lambda X, y: (X[:, :5], y), ValueError, "X has 5 features, but DaskShallowNetClassifier is expecting 6"),
    ],
)
def test_bad_data_are_named_and_leave_the_estimator_as_it_was(client, change, error, message):
    dX, dy = on_dask(X, Y)
    model = classifier(warm_start=True).fit(dX, dy)
    before = weights_of(model)
    with pytest.raises(error, match=message):
        model.fit(*change(dX, dy))
    assert weights_of(model) == before
    del dX, dy
    assert not keys_on(client)


def test_weights_that_are_all_0(client):
    for solver in ("adam", "lbfgs"):
        with pytest.raises(
            ValueError, match="weights of the training samples must contain at least one non-zero number"
        ):
            classifier(solver=solver).fit(*on_dask(X, Y), sample_weight=da.zeros(240, chunks=80))


def test_partitions_of_different_features(client):
    blocks = [da.from_array(X[:48], chunks=(48, 6)), da.from_array(X[48:96, :4], chunks=(48, 4))]
    uneven = da.concatenate([da.from_delayed(b.to_delayed()[0, 0], (48, 6), float) for b in blocks])
    with pytest.raises(ValueError, match="Partition 1 has 4 features, but partition 0 has 6"):
        classifier().fit(uneven, da.from_array(Y[:96], chunks=48))


def test_training_that_diverges_names_the_epoch(client):
    model = classifier(solver="sgd", learning_rate_init=1e300, activation="identity")
    with pytest.raises(ValueError, match="non-finite parameter weights.*Training diverged in epoch 1"):
        model.fit(*on_dask(X * 1e100, Y))
    assert not hasattr(model, "coefs_")


def test_finite_weights_whose_outputs_overflow(client):
    """The last update came after the last loss, so that only the outputs tell."""
    model = classifier(activation="identity", solver="sgd", learning_rate_init=1e200, max_iter=1, batch_size="full")
    with pytest.raises(ValueError, match="Solver produced parameter weights so large that the outputs overflow"):
        model.fit(*on_dask(X, Y, chunks=240))


def test_early_stopping_without_a_validation_set(client):
    with pytest.raises(ValueError, match="early_stopping=True needs a validation set here: pass X_val and y_val"):
        classifier(early_stopping=True).fit(*on_dask(X, Y))
    assert classifier(early_stopping=True, solver="lbfgs").fit(*on_dask(X, Y)).n_iter_ == 3


def test_sorted_classes_are_warned_of(client):
    order = np.argsort(Y, kind="stable")
    with pytest.warns(
        UserWarning, match="3 of 3 partitions lack classes, the first of them partition 0.*Shuffle"
    ) as caught:
        classifier().fit(*on_dask(X[order], Y[order]))
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        classifier(solver="lbfgs").fit(*on_dask(X[order], Y[order]))
        classifier(batch_size="auto").fit(*on_dask(X[:30], Y[:30], chunks=10))  # too few rows to tell


def test_batches_larger_than_partitions_are_warned_of(client):
    with pytest.warns(UserWarning, match="batch_size=100 is larger than any partition: batches have 80 rows at most"):
        model = classifier(batch_size=100).fit(*on_dask(X, Y))
    assert weights_of(model) == weights_of(classifier(batch_size="full").fit(*on_dask(X, Y)))


def test_parameters_are_checked():
    with pytest.raises(ValueError, match="The 'client' parameter of DaskShallowNetClassifier must be"):
        classifier(client="tcp://nowhere").fit(*on_dask(X, Y))
    with pytest.raises(ValueError, match="The 'alpha' parameter of DaskShallowNetRegressor must be"):
        regressor(alpha=-1).fit(*on_dask(X, Y))
    with pytest.raises(TypeError, match="hiden_layer_sizes"):
        DaskShallowNetClassifier(hiden_layer_sizes=3)


# --- interrupts, callbacks, several fits ----------------------------------------------------------------


def test_an_interrupt_keeps_the_epochs_so_far(client, monkeypatch):
    dX, dy = on_dask(X, Y)
    expected = classifier(max_iter=2).fit(dX, dy)
    before_result(monkeypatch, 3, lambda: signal.raise_signal(signal.SIGINT))  # the checks are the first result
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model = classifier().fit(dX, dy)
    assert model.n_iter_ == 2
    assert weights_of(model) == weights_of(expected)
    del dX, dy
    assert not keys_on(client)


def test_an_interrupt_of_lbfgs_keeps_the_iterations_so_far(client, monkeypatch):
    before_result(monkeypatch, 8, lambda: signal.raise_signal(signal.SIGINT))
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model = classifier(solver="lbfgs", max_iter=50).fit(*on_dask(X, Y))
    assert 0 < model.n_iter_ < 8


def test_callbacks_see_each_epoch_and_may_end_the_fit(client):
    callback = pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9 on")
    losses, given = [], []

    class Losses:
        setup = teardown = on_fit_task_begin = lambda self, estimator, context: None

        def on_fit_task_end(self, estimator, context, *, X=None, fitted_estimator=None):
            if context.task_name == "epoch":
                losses.append(fitted_estimator.loss_)
                given.append(X)
            return len(losses) == 2

    assert callback
    dX, dy = on_dask(X, Y)
    model = classifier().set_callbacks(Losses()).fit(dX, dy)
    assert losses == model.loss_curve_ == classifier(max_iter=2).fit(dX, dy).loss_curve_
    assert all(X is dX for X in given)


def test_two_fits_at_once_on_one_client(client):
    dX, dy = on_dask(X, Y)
    models = [
        classifier(client=client, random_state=seed, solver=solver) for seed in (0, 1) for solver in ("adam", "lbfgs")
    ]
    expected = [weights_of(model.fit(dX, dy)) for model in models]
    assert [
        weights_of(model) for model in at_once([lambda model=model: model.fit(dX, dy) for model in models])
    ] == expected


def test_a_fit_within_a_task(client):
    def fit():
        from distributed import worker_client

        with worker_client():
            return classifier().fit(*on_dask(X, Y)).to_local()

    assert weights_of(client.submit(fit, pure=False).result()) == weights_of(classifier().fit(*on_dask(X, Y)))


def test_workers_without_data(client):
    with local_client(4):
        model = classifier().fit(*on_dask(X, Y, chunks=240))
    assert weights_of(model) == weights_of(classifier().fit(*on_dask(X, Y, chunks=240)))


def test_no_keys_stay_on_the_scheduler(client):
    for solver in ("adam", "lbfgs"):
        model = classifier(solver=solver, max_iter=5).fit(*on_dask(X, Y))
        assert model.n_iter_
        assert not keys_on(client)


def test_a_client_that_is_closed_in_the_middle(monkeypatch):
    monkeypatch.setattr(cluster, "POLL", 0.2)
    model = classifier(**ENDLESS)
    with local_client() as client:
        model.client = client
        closer = threading.Timer(1.0, client.close)
        closer.start()
        with pytest.raises(RuntimeError, match="The fit was cut off: the client was closed"):
            model.fit(*on_dask(X, Y))
        closer.join()
    assert not hasattr(model, "coefs_")


def test_a_cluster_without_workers(monkeypatch):
    monkeypatch.setattr(cluster, "POLL", 0.1)
    monkeypatch.setattr(cluster, "PATIENCE", 0.5)
    with local_client(1) as client:
        model = classifier(client=client, warm_start=True).fit(*on_dask(X, Y))
        before = weights_of(model)
        model.set_params(**ENDLESS)
        before_result(monkeypatch, 3, lambda: client.cluster.scale(0))
        start = time.monotonic()
        with pytest.raises(RuntimeError, match="The fit was cut off: the cluster has had no worker for"):
            model.fit(*on_dask(X, Y))
    assert time.monotonic() - start < 20
    assert weights_of(model) == before
