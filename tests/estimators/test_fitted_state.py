"""Predictions from whatever the fitted attributes hold, and while they, or X, change."""

import threading
import time
import warnings

import numpy as np
import pytest
import sklearn
from scipy import sparse
from sklearn.neural_network import MLPClassifier

from shallownet import ShallowNetClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X = np.random.default_rng(0).standard_normal((60, 5))
Y = np.arange(60) % 3
METHODS = ["predict", "predict_proba", "predict_log_proba", "hidden_activations"]


def fitted(classifier=ShallowNetClassifier, X=X, **parameters):
    size = {"hidden_layer_sizes": (9,) if classifier is MLPClassifier else 9}
    return classifier(**size | {"max_iter": 5, "random_state": 0, "activation": "tanh"} | parameters).fit(X, Y)


def with_weights(model, change):
    model.coefs_ = [change(w) for w in model.coefs_]
    model.intercepts_ = [change(b) for b in model.intercepts_]
    return model


# --- weights of any dtype -------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [">f8", ">f4", "f2", "g", "i8", "i1", "u4", "?", "f4"])
@pytest.mark.parametrize("given", ["dense", "sparse", "one row"])
def test_weights_of_any_real_dtype(form, given):
    data = {"dense": X, "sparse": sparse.csr_matrix(X), "one row": X[:1]}[given]
    change = lambda w: (3 * w).astype(form)  # noqa: E731
    with np.errstate(all="ignore"):
        found = with_weights(fitted(), change).predict_proba(data)
        expected = with_weights(fitted(MLPClassifier), change).predict_proba(data)
    assert found.dtype == (np.float32 if form in (">f4", "f2", "f4") else np.float64)
    np.testing.assert_allclose(found, expected.astype(np.float64), rtol=2e-3 if form in ("f2", "f4", ">f4") else 1e-9)


def test_weights_of_several_dtypes():
    model, peer = fitted(), fitted(MLPClassifier)
    for estimator in (model, peer):
        estimator.coefs_ = [estimator.coefs_[0].astype(np.float32), estimator.coefs_[1].astype(">f8")]
    np.testing.assert_allclose(model.predict_proba(X), peer.predict_proba(X), rtol=1e-9)


@pytest.mark.parametrize("form", ["c16", "U3", "O", "M8[s]"])
@pytest.mark.parametrize("method", METHODS)
def test_weights_that_are_no_real_numbers(method, form):
    model = with_weights(fitted(), lambda w: np.zeros(w.shape).astype(np.int64).astype(form))
    with pytest.raises(ValueError, match="coefs_ and intercepts_ must hold real numbers"):
        getattr(model, method)(X)


@pytest.mark.parametrize("change", ["coefs_", "intercepts_"])
def test_weights_that_are_written_to_are_seen(change):
    model = fitted()
    before = model.predict_proba(X)
    getattr(model, change)[0][:] += 1
    after = model.predict_proba(X)
    assert not np.array_equal(before, after)
    peer = fitted(MLPClassifier)
    peer.coefs_, peer.intercepts_ = model.coefs_, model.intercepts_
    np.testing.assert_allclose(after, peer.predict_proba(X), rtol=1e-9)


def test_read_only_weights_are_not_copied(tmp_path):
    model = fitted()
    expected = model.predict_proba(X)
    np.save(tmp_path / "w1.npy", model.coefs_[0])
    model.coefs_[0] = np.load(tmp_path / "w1.npy", mmap_mode="r")
    np.testing.assert_array_equal(model.predict_proba(X), expected)


# --- not a number, unchecked ----------------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("n", [1, 5, 60])
@pytest.mark.parametrize("form", [np.asarray, np.asfortranarray, sparse.csr_matrix, list])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_assumed_to_be_finite_a_row_answers_for_itself(activation, form, n, value):
    data = X[:n].copy()
    data[n // 2, 1] = value
    model, peer = fitted(activation=activation), fitted(MLPClassifier, activation=activation)
    peer.coefs_, peer.intercepts_ = model.coefs_, model.intercepts_
    with sklearn.config_context(assume_finite=True), np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        found, expected = model.predict_proba(form(data)), peer.predict_proba(form(data))
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-300)
        if form is not list:
            np.testing.assert_array_equal(model.predict(form(data)), peer.predict(form(data)))
        assert np.isfinite(np.delete(model.hidden_activations(form(data)), n // 2, axis=0)).all()
    with pytest.raises(ValueError, match="NaN|infinity"):
        model.predict_proba(form(data))


# --- other threads --------------------------------------------------------------------------------------


def while_it_runs(other, run, seconds=1.5):
    """Call ``run`` again and again while another thread calls ``other``; return what the runs returned."""
    stop, errors = threading.Event(), []

    def loop():
        try:
            while not stop.is_set():
                other()
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    thread = threading.Thread(target=loop)
    found, timer = [], threading.Timer(seconds, stop.set)
    thread.start()
    timer.start()
    while not stop.is_set():
        found.append(run())
    thread.join()
    assert not errors
    return found


def test_each_prediction_is_that_of_one_fit():
    """Models of other labels, other features and other outputs take turns; no answer is a mixture of two."""
    wide = np.hstack([X, X])
    kinds = [(X, Y), (X, np.array(["a", "b"])[Y % 2]), (wide, Y + 100), (X, 7 + np.arange(60) % 5)]
    model = ShallowNetClassifier(4, max_iter=1, random_state=0, n_jobs=1)
    answers = set()
    for data, y in kinds:
        model.fit(data, y)
        answers.add(model.predict(data).tobytes())
    turns = iter(range(10**9))

    def refit():
        model.fit(*kinds[next(turns) % len(kinds)])

    def predict():
        try:
            return model.predict(X).tobytes()
        except ValueError as error:
            assert "X has 5 features, but ShallowNetClassifier is expecting 10 features" in str(error)
            return None

    found = while_it_runs(refit, predict)
    assert set(found) - {None} <= answers
    assert len(set(found)) > 3


TAKEN_AWAY = [
    lambda model, X: model.coefs_[0].resize((1, 1), refcheck=False),
    lambda model, X: model.coefs_[1].resize((1, 1), refcheck=False),
    lambda model, X: model.intercepts_[0].resize((1,), refcheck=False),
    lambda model, X: X.resize((1, 1), refcheck=False),
]


@pytest.mark.parametrize("take_away", TAKEN_AWAY, ids=["coefs_[0]", "coefs_[1]", "intercepts_[0]", "X"])
def test_what_a_prediction_reads_stays_while_it_runs(take_away, monkeypatch):
    """A resize in the middle, as another thread could do it, is refused."""
    from shallownet.training import inference as _forward

    model, data = fitted(), X.copy()
    expected, refused = model.predict_proba(data), []

    def predict(*run, copy=_forward.predict_serial):
        with pytest.raises(ValueError, match="resize"):
            take_away(model, data)
        refused.append(True)
        return copy(*run)

    monkeypatch.setattr(_forward, "predict_serial", predict)
    np.testing.assert_array_equal(model.predict_proba(data), expected)
    assert refused


@pytest.mark.parametrize("change", ["eliminate_zeros", "sum_duplicates", "overwritten", "replaced"])
def test_sparse_X_that_another_thread_changes(change):
    """The process survives; an answer may be that of any moment, or that X was changed."""
    model = fitted(X=np.tile(X, 20))

    def fresh():
        random = np.random.default_rng(0)
        data = random.standard_normal(40_000) * (random.random(40_000) < 0.3)
        return sparse.csr_matrix((data, random.integers(0, 100, 40_000), np.arange(0, 40_001, 20)), (2_000, 100))

    state = {"X": fresh()}

    def disturb():
        state["X"] = matrix = fresh()
        time.sleep(0.001)
        if change == "overwritten":
            matrix.indices[:] = 2**30
        elif change == "replaced":
            matrix.data, matrix.indices = matrix.data[:0].copy(), matrix.indices[:0].copy()
        else:
            getattr(matrix, change)()

    def predict():
        try:
            return model.predict_proba(state["X"]).shape
        except ValueError as error:
            assert "damaged" in str(error) or "changed" in str(error) or "shape" in str(error), error
            return None

    assert (2_000, 3) in while_it_runs(disturb, predict, 1.0)
