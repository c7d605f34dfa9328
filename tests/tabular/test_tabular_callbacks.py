"""scikit-learn's callbacks see the networks of a fit, and the epochs of each."""

import re
from collections import Counter

import numpy as np
import pytest
from diary import Diary
from numpy.testing import assert_array_equal
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from shallownet import TabularNetClassifier, TabularNetRegressor

callback = pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9 on")

X, Y = load_iris(return_X_y=True)


def model(n_nets=2, kind=TabularNetClassifier, **parameters):
    return kind(n_nets, **{"hidden_layer_sizes": 8, "max_iter": 4, "random_state": 0, **parameters})


class ShortNetworks(Diary):
    """Ends every network after two epochs."""

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None):
        super().on_fit_task_end(estimator, context, X=X, y=y, metadata=metadata, fitted_estimator=fitted_estimator)
        return context.task_name == "epoch" and context.task_id == 1


def test_every_task_that_begins_ends():
    diary = Diary()
    fitted = model().set_callbacks(diary).fit(X, Y)
    assert Counter(diary.begun) == Counter(diary.ended)
    assert diary.begun[0] == diary.ended[-1] == ("fit", 0)
    networks = [task for task in diary.ended if task[0] in ("pilot", "network")]
    assert networks == [("pilot", 0), ("pilot", 1), ("network", 2), ("network", 3)]
    assert len(diary.models) == 2 * 4 + 2 * fitted.n_iter_
    assert (diary.n_setups, diary.n_teardowns) == (1, 1)


@pytest.mark.parametrize("kind", [TabularNetClassifier, TabularNetRegressor])
def test_the_model_of_an_epoch_predicts(kind):
    diary = Diary()
    fitted = model(1, kind).set_callbacks(diary).fit(X, Y)
    assert all(epoch.predict(X).shape == Y.shape for epoch in diary.models)
    assert_array_equal(diary.models[-1].predict(X), fitted.predict(X))
    assert diary.models[-1].n_iter_ == fitted.n_iter_


def test_callbacks_change_nothing_in_the_fit():
    expected = model().fit(X, Y).predict_proba(X)
    assert_array_equal(model().set_callbacks(Diary()).fit(X, Y).predict_proba(X), expected)


def test_true_ends_a_network():
    diary = ShortNetworks()
    fitted = model(max_iter=50).set_callbacks(diary).fit(X, Y)
    assert len(diary.models) == 4 * 2
    assert fitted.n_iter_ == 2
    assert sorted(diary.begun) == sorted(diary.ended)


def test_a_failed_fit_tears_down():
    diary = Diary()
    with pytest.raises(ValueError, match="infinity"):
        model().set_callbacks(diary).fit(np.full((4, 1), np.inf), [0, 1, 0, 1])
    assert diary.n_setups == diary.n_teardowns


def test_progress_bar_shows_every_network(capsys):
    pytest.importorskip("rich")
    model().set_callbacks(callback.ProgressBar(max_propagation_depth=None)).fit(X, Y)
    out = capsys.readouterr().out
    assert len(re.findall("TabularNetClassifier - pilot", out)) == 2
    assert len(re.findall("TabularNetClassifier - network", out)) == 2


@pytest.mark.parametrize("n_jobs", [1, pytest.param(2, marks=pytest.mark.long)])
def test_within_a_pipeline_and_a_search(n_jobs):
    monitor = callback.ScoringMonitor(scoring="accuracy")
    pipeline = make_pipeline(StandardScaler(), model(1).set_callbacks(monitor))
    GridSearchCV(pipeline, {"tabularnetclassifier__dropout": [0.0, 0.3]}, cv=2, n_jobs=n_jobs).fit(X, Y)
    rows = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert len(rows) >= (2 * 2 + 1) * 3 * 3
    assert all(0 <= row["accuracy"] <= 1 for row in rows)
