"""What MLPClassifier also does beside plain epochs, held to it, and what its users were refused."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_breast_cancer, load_iris, make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from shallownet import ShallowNetClassifier
from shallownet.kernels.activations import REGISTRY

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

IRIS = StandardScaler().fit_transform(load_iris().data), load_iris().target
CANCER = StandardScaler().fit_transform(load_breast_cancer().data), load_breast_cancer().target
LABELS = make_multilabel_classification(120, 7, n_classes=4, random_state=0)
DATA = {"iris": IRIS, "cancer": CANCER, "labels": LABELS}


def pair(X, y, hidden=7, **parameters):
    """Return both classifiers, fitted with the same parameters."""
    parameters = {"random_state": 3, "max_iter": 30, **parameters}
    return [est((hidden,), **parameters).fit(X, y) for est in (ShallowNetClassifier, MLPClassifier)]


def assert_same(ours, theirs, X, tolerance=1e-6):
    for a, b in zip(ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True):
        assert_allclose(a, b, atol=tolerance)
    assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=tolerance)
    assert_array_equal(ours.predict(X), theirs.predict(X))
    assert ours.n_iter_ == theirs.n_iter_


@pytest.mark.parametrize("name", DATA)
def test_lbfgs(name):
    X, y = DATA[name]
    ours, theirs = pair(X, y, solver="lbfgs", max_iter=15)
    assert_same(ours, theirs, X, 1e-5)
    assert_allclose(ours.loss_, theirs.loss_, rtol=1e-6)


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_early_stopping(name, solver):
    X, y = DATA[name]
    ours, theirs = pair(
        X, y, solver=solver, early_stopping=True, validation_fraction=0.2, max_iter=150, learning_rate_init=0.02
    )
    assert_same(ours, theirs, X)
    assert_allclose(ours.validation_scores_, theirs.validation_scores_)
    assert ours.best_validation_score_ == pytest.approx(theirs.best_validation_score_)
    assert ours.best_iter_ == int(np.argmax(ours.validation_scores_)) + 1
    assert len(ours.validation_loss_curve_) == ours.n_iter_


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_partial_fit(name, solver):
    X, y = DATA[name]
    classes = None if name == "labels" else np.unique(y)
    parameters = {"solver": solver, "random_state": 1, "learning_rate": "invscaling", "batch_size": 20}
    ours, theirs = (est((6,), **parameters) for est in (ShallowNetClassifier, MLPClassifier))
    for chunk in np.array_split(np.random.RandomState(0).permutation(len(X)), 5) * 2:
        for est in (ours, theirs):
            # labels need all their columns only
            est.partial_fit(X[chunk], y[chunk], classes=np.arange(4) if classes is None else classes)
        assert_same(ours, theirs, X)
    assert_allclose(ours.loss_curve_, theirs.loss_curve_)
    assert ours.t_ == theirs.t_


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("rate", ["constant", "invscaling"])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_partial_fit_goes_on_after_fit(solver, rate, name):
    X, y = DATA[name]
    ours, theirs = pair(X, y, solver=solver, learning_rate=rate, batch_size=20, max_iter=6)
    for est in (ours, theirs):
        est.partial_fit(X, y).set_params(warm_start=True).fit(X, y).partial_fit(X, y)
    assert_allclose(ours.loss_curve_, theirs.loss_curve_)
    for a, b in zip(ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True):
        assert_allclose(a, b, atol=1e-9)


def test_partial_fit_by_another_solver_begins_its_state_anew():
    first = fitted(max_iter=5)
    start = first.coefs_, first.intercepts_
    first.set_params(solver="sgd", learning_rate_init=0.1).partial_fit(*IRIS)
    anew = ShallowNetClassifier(6, solver="sgd", learning_rate_init=0.1, random_state=0, init=start)
    anew.partial_fit(*IRIS, classes=[0, 1, 2])
    assert_array_equal(first.coefs_[0], anew.coefs_[0])


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_warm_start(solver):
    ours, theirs = pair(*IRIS, solver=solver, warm_start=True, max_iter=5)
    for est in (ours, theirs):
        est.set_params(max_iter=7).fit(*IRIS)
    assert_same(ours, theirs, IRIS[0], 1e-5)
    if solver != "lbfgs":
        assert_allclose(ours.loss_curve_, theirs.loss_curve_)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("name", DATA)
def test_warm_start_with_early_stopping_moves_on(name, solver):
    X, y = DATA[name]
    parameters = {"solver": solver, "learning_rate_init": 0.03, "batch_size": 30, "n_iter_no_change": 3, "max_iter": 40}
    ours, theirs = (
        estimator((6,), early_stopping=True, warm_start=True, random_state=0, **parameters)
        for estimator in (ShallowNetClassifier, MLPClassifier)
    )
    without_a_better_epoch, losses = 0, []
    for _ in range(8):
        earlier = getattr(ours, "best_iter_", 0)
        for est in (ours, theirs):
            est.fit(X, y)
        assert_same(ours, theirs, X, 1e-6)
        assert_allclose(ours.loss_curve_, theirs.loss_curve_)
        assert_allclose(ours.validation_scores_, theirs.validation_scores_)
        without_a_better_epoch += ours.best_iter_ == earlier
        losses.append(ours.loss_curve_[-ours.n_iter_])
    assert without_a_better_epoch > 1
    assert len(set(losses)) == len(losses)


@pytest.mark.parametrize("form", [sp.csr_matrix, sp.csc_array])
@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize(
    "options", [{}, {"batch_size": 50, "solver": "sgd"}, {"solver": "lbfgs", "max_iter": 8}], ids=str
)
def test_sparse_equals_dense(form, name, options):
    X, y = DATA[name]
    X = np.where(np.abs(X) < 0.7, 0.0, X)
    dense, theirs = pair(X, y, hidden=90, **options)
    fitted = ShallowNetClassifier(**dense.get_params()).fit(form(X), y)
    assert_same(fitted, theirs, X)
    assert_allclose(fitted.predict_proba(form(X)), dense.predict_proba(X), atol=1e-9)
    assert_allclose(fitted.hidden_activations(form(X)), fitted.hidden_activations(X), atol=1e-12)


def test_sparse_has_the_same_bits_on_any_number_of_threads(monkeypatch):
    random = np.random.default_rng(0)
    X = sp.random(700, 3000, 0.02, format="csr", random_state=0, dtype=np.float32)
    y = random.integers(0, 4, 700)
    monkeypatch.setattr("shallownet.training.thread_scheduler.WORTH_LOADING", 0)
    results = [ShallowNetClassifier(30, max_iter=3, random_state=0, n_jobs=n).fit(X, y) for n in (1, 2)]
    for a, b in zip(results[0].coefs_, results[1].coefs_, strict=True):
        assert a.tobytes() == b.tobytes()
    assert results[0].loss_curve_ == results[1].loss_curve_


def test_sparse_indices_outside_of_the_shape():
    X = sp.csr_matrix(IRIS[0])
    X.indices[5] = 99
    with pytest.raises(ValueError, match="indices"):
        ShallowNetClassifier(3, max_iter=2).fit(X, IRIS[1])


def test_sparse_multilabel_targets():
    X, y = LABELS
    model = ShallowNetClassifier(5, max_iter=5, random_state=0).fit(X, sp.csr_matrix(y))
    assert sp.issparse(model.predict(X))
    assert_array_equal(model.predict(X).toarray(), ShallowNetClassifier(**model.get_params()).fit(X, y).predict(X))


def fitted(X=IRIS[0], y=IRIS[1], sample_weight=None, **parameters):
    return ShallowNetClassifier(6, random_state=0, **{"max_iter": 10, **parameters}).fit(X, y, sample_weight)


def test_class_weight_is_a_sample_weight():
    weights = {0: 1.0, 1: 3.0, 2: 0.5}
    by_class = fitted(class_weight=weights)
    by_sample = fitted(sample_weight=np.array([weights[label] for label in IRIS[1]]))
    assert_array_equal(by_class.coefs_[0], by_sample.coefs_[0])
    X, y = IRIS[0][30:], IRIS[1][30:]
    counts = np.bincount(y)
    balanced = fitted(X, y, sample_weight=(len(y) / 3 / counts)[y])
    assert_array_equal(fitted(X, y, class_weight="balanced").coefs_[0], balanced.coefs_[0])


def test_each_example_and_epoch_has_its_own_units_left_out():
    """Where no weight moves, the loss does not depend on how examples share batches, but changes with the epochs."""
    X, y = IRIS[0][:144], IRIS[1][:144]
    options = {
        "dropout": 0.5,
        "alpha": 0,
        "learning_rate_init": 1e-300,
        "shuffle": False,
        "max_iter": 3,
        "random_state": 0,
    }
    losses = [ShallowNetClassifier(40, batch_size=size, **options).fit(X, y).loss_curve_ for size in (3, 48, "full")]
    assert_allclose(losses[1:], losses[:1] * 2, rtol=1e-12)
    assert np.ptp(losses[0]) > 1e-3 * losses[0][0]


def test_label_smoothing():
    plain, smooth = fitted(max_iter=300), fitted(max_iter=300, label_smoothing=0.3)
    assert smooth.predict_proba(IRIS[0]).max() < plain.predict_proba(IRIS[0]).max()
    weights = [w.copy() for w in plain.coefs_ + plain.intercepts_]
    init = (weights[:2], weights[2:])
    first = fitted(init=init, label_smoothing=0.3, alpha=0, max_iter=1, batch_size="full").loss_
    p = np.clip(plain.predict_proba(IRIS[0]), 2.3e-16, 1)
    targets = np.eye(3)[IRIS[1]] * 0.7 + 0.1
    assert first == pytest.approx(-(targets * np.log(p)).sum(axis=1).mean(), rel=1e-9)


def test_own_validation_set():
    X, y = IRIS
    model = ShallowNetClassifier(6, early_stopping=True, random_state=0, max_iter=100, learning_rate_init=0.02)
    model.fit(X[::2], y[::2], X_val=X[1::2], y_val=y[1::2])
    assert model.best_validation_score_ == model.score(X[1::2], y[1::2])
    watched = fitted().fit(X[::2], y[::2], X_val=X[1::2], y_val=y[1::2])
    assert len(watched.validation_scores_) == watched.n_iter_
    pipeline = make_pipeline(StandardScaler(), model, transform_input=["X_val"])
    import sklearn

    with sklearn.config_context(enable_metadata_routing=True):
        model.set_fit_request(X_val=True, y_val=True)
        pipeline.fit(X[::2], y[::2], X_val=X[1::2], y_val=y[1::2])
    with pytest.raises(ValueError, match="X_val is provided, but y_val was not"):
        fitted().fit(X, y, X_val=X)


@pytest.mark.parametrize("scoring", ["loss", "neg_log_loss", "balanced_accuracy"])
def test_scoring(scoring):
    model = fitted(early_stopping=True, scoring=scoring, max_iter=15, validation_fraction=0.3)
    if scoring != "balanced_accuracy":
        assert_allclose(model.validation_scores_, -np.array(model.validation_loss_curve_), rtol=1e-6)


def test_cosine_rate(monkeypatch):
    rates = []
    from shallownet.training.network import Network

    train_epochs = Network.train_epochs

    def snapshot(self, most, order, generator, rate, step, seen):
        rates.append(rate)
        return train_epochs(self, most, order, generator, rate, step, seen)

    monkeypatch.setattr(Network, "train_epochs", snapshot)
    fitted(learning_rate="cosine", learning_rate_init=0.1, max_iter=8, tol=0, n_iter_no_change=99)
    assert_allclose(rates, 0.05 * (1 + np.cos(np.pi * np.arange(8) / 8)))


@pytest.mark.parametrize("activation", [row.name for row in REGISTRY if row.mlp_name is None])
def test_activations_learn(activation):
    assert fitted(activation=activation, max_iter=300, learning_rate_init=0.01).score(*IRIS) > 0.95


def test_init_and_batch_share():
    model = fitted()
    again = fitted(init=(model.coefs_, model.intercepts_), solver="sgd", learning_rate_init=1e-30, max_iter=1)
    assert_allclose(again.coefs_[0], model.coefs_[0], rtol=1e-12)
    with pytest.raises(ValueError, match="init must be a pair"):
        fitted(init=([np.ones((2, 2))], []))
    assert np.std(fitted(init="he_normal", max_iter=1).coefs_[0]) > 0
    assert_array_equal(fitted(batch_size=0.2).coefs_[0], fitted(batch_size=30).coefs_[0])


def test_hidden_activations():
    model = fitted(activation="tanh")
    assert_allclose(model.hidden_activations(IRIS[0]), np.tanh(IRIS[0] @ model.coefs_[0] + model.intercepts_[0]))


def test_a_score_that_is_no_number_ends_training_with_the_best_weights():
    calls = []

    def scorer(estimator, X, y):
        calls.append(estimator)
        return np.nan if len(calls) == 4 else len(calls)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = fitted(early_stopping=True, scoring=scorer, max_iter=50)
    assert any(issubclass(w.category, ConvergenceWarning) and "validation score nan" in str(w.message) for w in caught)
    assert model.n_iter_ == 4 and model.best_iter_ == 3
    assert_array_equal(model.coefs_[0], calls[2].coefs_[0])


def test_new_class_in_partial_fit():
    model = ShallowNetClassifier(4).partial_fit(IRIS[0], IRIS[1] % 2, classes=[0, 1])
    with pytest.raises(ValueError, match=r"'y' has \[2\]"):
        model.partial_fit(*IRIS)
