"""scikit-learn's callbacks: alone, in a pipeline and in a search they see every epoch, and may end the fit."""

import re
from queue import Queue

import numpy as np
import pytest
from diary import Diary
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from shallownet import ShallowNetClassifier

callback = pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9 on")
ProgressBar, ScoringMonitor = callback.ProgressBar, callback.ScoringMonitor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_iris(return_X_y=True)
X = StandardScaler().fit_transform(X)
JOBS = pytest.mark.parametrize("n_jobs", [1, 2])


def network(**parameters):
    return ShallowNetClassifier(**{"hidden_layer_sizes": 5, "max_iter": 6, "random_state": 0, **parameters})


class Forgetful:
    """A callback whose hooks ask for nothing, so that no model has to be made for it."""

    setup = teardown = on_fit_task_begin = on_fit_task_end = lambda self, estimator, context: None


FITS = {
    "to the last epoch": {},
    "until the loss stalls": {"max_iter": 200, "tol": 0.1, "n_iter_no_change": 2},
    "until the score stalls": {"max_iter": 200, "tol": 0.1, "n_iter_no_change": 2, "early_stopping": True},
    "by lbfgs": {"solver": "lbfgs"},
    "by lbfgs to an optimum": {"solver": "lbfgs", "max_iter": 200, "alpha": 1.0, "tol": 1e-2},
}


@pytest.mark.parametrize("fit", FITS)
def test_every_task_that_begins_ends_in_its_order(fit):
    diary = Diary()
    model = network(**FITS[fit]).set_callbacks(diary).fit(X, Y)
    assert sorted(diary.begun) == sorted(diary.ended)
    assert diary.begun[0] == diary.ended[-1] == ("fit", 0)
    epochs = [("epoch", i) for i in range(len(diary.begun) - 1)]
    assert diary.begun[1:] == diary.ended[:-1] == epochs
    assert len(diary.models) == model.n_iter_ > 1
    assert (diary.n_setups, diary.n_teardowns) == (1, 1)


@pytest.mark.parametrize("fit", FITS)
def test_each_epoch_gives_a_model_of_its_own(fit):
    diary = Diary()
    model = network(**FITS[fit]).set_callbacks(diary).fit(X, Y)
    assert [epoch.n_iter_ for epoch in diary.models] == list(range(1, model.n_iter_ + 1))
    assert diary.models[-1].loss_ == pytest.approx(model.loss_)
    last = model.best_iter_ - 1 if model.early_stopping else -1
    assert_array_equal(diary.models[last].predict_proba(X), model.predict_proba(X))
    for before, after in zip(diary.models[:-1], diary.models[1:], strict=True):
        assert np.any(before.coefs_[0] != after.coefs_[0])


def test_callbacks_change_nothing_in_the_fit():
    expected = network(max_iter=50).fit(X, Y)
    watched = network(max_iter=50).set_callbacks(Diary()).fit(X, Y)
    assert_array_equal(watched.loss_curve_, expected.loss_curve_)
    assert_array_equal(watched.coefs_[0], expected.coefs_[0])


def test_data_and_weights_are_told():
    diary = Diary()
    weights = np.linspace(0.5, 2, len(Y))
    network().set_callbacks(diary).fit(X, Y, weights)
    for seen_X, seen_y, metadata in diary.data:
        assert_array_equal(seen_X, X)
        assert_array_equal(seen_y, Y)
        assert_array_equal(metadata["sample_weight"], weights)


def test_partial_fit_is_a_fit_of_one_epoch():
    diary = Diary()
    model = network().set_callbacks(diary)
    for _ in range(3):
        model.partial_fit(X, Y, classes=[0, 1, 2])
    assert diary.begun == 3 * [("fit", 0), ("epoch", 0)]
    assert diary.ended == 3 * [("epoch", 0), ("fit", 0)]
    assert (diary.n_setups, diary.n_teardowns) == (3, 3)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_true_ends_the_fit_after_that_epoch(solver):
    diary = Diary(most_epochs=3)
    model = network(solver=solver, max_iter=100).set_callbacks(diary).fit(X, Y)
    assert model.n_iter_ == len(diary.models) == 3
    assert sorted(diary.begun) == sorted(diary.ended)
    assert diary.begun[-1] == ("epoch", 2)  # no further one was begun
    assert_array_equal(model.predict_proba(X), diary.models[-1].predict_proba(X))
    if solver != "lbfgs":
        assert_array_equal(model.coefs_[0], network(solver=solver, max_iter=3).fit(X, Y).coefs_[0])


def test_true_ends_early_stopping_at_the_best_weights_so_far():
    diary = Diary(most_epochs=4)
    model = network(max_iter=100, early_stopping=True).set_callbacks(diary).fit(X, Y)
    assert model.n_iter_ == len(model.validation_scores_) == 4
    assert_array_equal(model.coefs_[0], diary.models[model.best_iter_ - 1].coefs_[0])


def test_true_ends_the_fit_within_a_pipeline():
    diary = Diary(most_epochs=2)
    model = make_pipeline(StandardScaler(), network(max_iter=100).set_callbacks(diary)).fit(X, Y)
    assert model[-1].n_iter_ == 2
    assert model.predict(X).shape == Y.shape


def test_a_failed_fit_tears_down():
    diary = Diary()
    model = network(solver="sgd", learning_rate_init=1e300).set_callbacks(diary)
    with pytest.raises(ValueError, match="non-finite"), np.errstate(all="ignore"):
        model.fit(X, Y)
    assert (diary.n_setups, diary.n_teardowns) == (1, 1)
    assert not hasattr(model, "_callback_fit_ctx")


def test_attributes_are_collected_only_for_callbacks_that_ask(monkeypatch):
    from shallownet.estimators import base

    calls, collect = [], base.fitted_attributes
    monkeypatch.setattr(base, "fitted_attributes", lambda *known: calls.append(known) or collect(*known))
    counts = []
    for callbacks in ([], [Forgetful()], [Diary()]):
        calls.clear()
        network().set_callbacks(*callbacks).fit(X, Y)
        counts.append(len(calls))
    assert counts == [1, 1, 1 + 6]


@pytest.mark.parametrize("steps", [[], [StandardScaler()]], ids=["alone", "pipeline"])
def test_progress_bar_shows_the_network(capsys, steps):
    model = make_pipeline(*steps, network()) if steps else network()
    model.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(X, Y)
    lines = [line for line in capsys.readouterr().out.splitlines() if "ShallowNetClassifier - fit" in line]
    assert len(lines) == 1
    assert re.search(r"100%", lines[0])


class Epochs:
    """A queue that keeps what is told to the thread of a progress bar."""

    told: list = []

    def __init__(self):
        self.told.clear()
        self.items = Queue()

    def put(self, item):
        self.told.append(dict(item) if item else item)
        self.items.put(item)

    def get(self):
        return self.items.get()


@JOBS
def test_progress_bar_follows_the_epochs_within_a_search(monkeypatch, n_jobs):
    monkeypatch.setattr("sklearn.callback._progressbar.Queue", Epochs)
    pipeline = make_pipeline(StandardScaler(), network())
    search = GridSearchCV(pipeline, {"shallownetclassifier__alpha": [0.1, 1.0]}, cv=2, n_jobs=n_jobs)
    search.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(X, Y)
    told = [item for item in Epochs.told if item]
    networks = [item["path"] for item in told if item.get("estimator_name") == "ShallowNetClassifier"]
    assert len(networks) == 2 * 2 + 1
    for path in networks:
        epochs = [item["path"][-1] for item in told if item["event"] == "end" and item["path"][:-1] == path]
        assert epochs == list(range(6))


def test_scoring_monitor_records_each_epoch():
    monitor = ScoringMonitor(scoring=["accuracy", "neg_log_loss"])
    diary = Diary()
    network().set_callbacks(monitor, diary).fit(X, Y)
    rows = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert [row["task_id"] for row in rows] == list(range(6))
    assert_allclose([row["accuracy"] for row in rows], [model.score(X, Y) for model in diary.models])
    losses = [log_loss(Y, model.predict_proba(X)) for model in diary.models]
    assert_allclose([-row["neg_log_loss"] for row in rows], losses)
    assert losses == sorted(losses, reverse=True)


@JOBS
def test_scoring_monitor_records_each_epoch_within_a_search(n_jobs):
    monitor = ScoringMonitor(scoring="accuracy")
    pipeline = make_pipeline(StandardScaler(), network().set_callbacks(monitor))
    search = GridSearchCV(pipeline, {"shallownetclassifier__alpha": [0.1, 1.0]}, cv=2, n_jobs=n_jobs).fit(X, Y)
    rows = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert len(rows) == (2 * 2 + 1) * 6
    fits = {row["parent_task_id_path"] for row in rows}
    assert len(fits) == 5
    refit = [row["accuracy"] for row in rows if row["parent_task_id_path"] == min(fits, key=len)]
    assert refit[-1] == pytest.approx(search.best_estimator_.score(X, Y))


def test_clone_keeps_callbacks_and_set_callbacks_takes_them_away():
    diary = Diary()
    clone(network().set_callbacks(diary)).fit(X, Y)
    assert len(diary.models) == 6
    network().set_callbacks(diary).set_callbacks().fit(X, Y)
    assert len(diary.models) == 6
