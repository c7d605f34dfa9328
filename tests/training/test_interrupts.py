"""Ctrl-C during a fit: a warning and soon a model at the last complete update, all of whose attributes agree."""

import copy
import signal
import sys
import threading
import time
import warnings
from pathlib import Path

import children
import interrupting
import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scripted import ScriptedNetwork, training
from sklearn.exceptions import ConvergenceWarning

from shallownet import ShallowNetClassifier
from shallownet.training import history as _history
from shallownet.training import loop as _loop
from shallownet.training import sample_order as _order
from shallownet.training import schedule as _schedule
from shallownet.training import validation_set as _validation_set
from shallownet.training.history import History
from shallownet.training.network import Network
from shallownet.training.sample_order import Order
from shallownet.training.schedule import LearningRate
from shallownet.training.thread_scheduler import ThreadScheduler

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

N = 150_000
SOON = 3.0  # seconds; a tenth of it on a machine that is not busy
RANDOM = np.random.default_rng(0)
X = RANDOM.standard_normal((N, 40), dtype=np.float32)
Y = RANDOM.integers(0, 3, N)
KERNELS = RANDOM.standard_normal(20 * N, dtype=np.float32), RANDOM.integers(0, 3000, 20 * N), np.arange(N + 1) * 20
X_SPARSE = sparse.csr_matrix(KERNELS, shape=(N, 3000))
X_SPARSE.sum_duplicates()


class Interruption:
    """Within its block, sends this process an interrupt while a kernel runs: a while after its first few calls."""

    def __init__(self, monkeypatch, calls):
        self.left, self.sent = calls, None
        self.timer = threading.Timer(0.02, self._send)
        record = ThreadScheduler.record

        def counted(scheduler, *arguments):
            record(scheduler, *arguments)
            self.left -= 1
            if self.left == 0:
                self.timer.start()

        monkeypatch.setattr(ThreadScheduler, "record", counted)

    def _send(self):
        self.sent = time.perf_counter()
        signal.raise_signal(signal.SIGINT)  # os.kill would end the process on Windows

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.timer.cancel()
        assert self.sent is not None, "the fit was over before the interrupt"
        self.seconds = time.perf_counter() - self.sent


def assert_consistent(model, n_samples):
    """Check what a fit by epochs says of itself."""
    curve = model.loss_curve_
    assert model.n_iter_ == len(curve)
    assert model.t_ == model.n_iter_ * n_samples
    assert np.isnan(model.loss_) if not curve else model.loss_ == curve[-1]
    if model.validation_scores_ is not None:
        assert len(model.validation_scores_) == len(model.validation_loss_curve_) == model.n_iter_
        assert model.best_validation_score_ == max(model.validation_scores_)
        assert model.best_iter_ == np.argmax(model.validation_scores_) + 1
    if not model.early_stopping:
        assert model.best_loss_ == min(curve, default=np.inf)
    assert all(np.isfinite(w).all() for w in model.coefs_ + model.intercepts_)


LONG_EPOCH = {"hidden_layer_sizes": 200, "batch_size": 1}
CASES = {
    "dense": {"X": X},
    "sparse": {"X": X_SPARSE},
    "full batch": {"X": X, "batch_size": "full"},
    "sparse full batch": {"X": X_SPARSE, "batch_size": "full"},
    "early stopping": {"X": X, "early_stopping": True, "validation_fraction": 0.7},
    "sparse early stopping": {"X": X_SPARSE, "early_stopping": True, "validation_fraction": 0.7},
    "partial_fit": {"X": X, **LONG_EPOCH},
    "lbfgs": {"X": X, "solver": "lbfgs"},
    "sparse lbfgs": {"X": X_SPARSE, "solver": "lbfgs"},
}


@pytest.fixture(scope="module", autouse=True)
def compiled():
    """Compile, or load, all that the fits here call, which takes longer than a fit should after an interrupt."""
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        patch.setattr("shallownet.training.thread_scheduler.WORTH_LOADING", 0)
        for data in (X, X_SPARSE):
            model = ShallowNetClassifier(50, max_iter=3, early_stopping=True, validation_fraction=0.5)
            model.fit(data[:40_000], Y[:40_000]).predict(data[:10])


@pytest.mark.parametrize("calls", [1, 4])
@pytest.mark.parametrize("case", CASES)
def test_a_signal_ends_the_fit_soon(case, calls, monkeypatch):
    data, parameters = CASES[case]["X"], {name: value for name, value in CASES[case].items() if name != "X"}
    usual = {"hidden_layer_sizes": 50, "random_state": 0, "tol": 0, "n_iter_no_change": np.inf}
    model = ShallowNetClassifier(max_iter=10**6, **usual | parameters)
    with (
        pytest.warns(UserWarning, match="Training interrupted by user"),
        Interruption(monkeypatch, calls) as interruption,
    ):
        if case == "partial_fit":
            model.partial_fit(data, Y, classes=[0, 1, 2])
        else:
            model.fit(data, Y)
    assert interruption.seconds < SOON
    assert model.predict(data[:5]).shape == (5,)
    if "lbfgs" in case:
        (W1, W2), (b1, b2) = model.coefs_, model.intercepts_
        task = naive.Model(alpha=model.alpha), (W1.T, b1, W2.T, b2), data, np.eye(3)[Y], np.ones(N)
        if model.n_iter_:
            assert_allclose(naive.loss(*task), model.loss_, rtol=1e-3)
        else:
            assert np.isnan(model.loss_)
    else:
        assert_consistent(model, N - int(np.ceil(N * parameters.get("validation_fraction", 0))))


@pytest.mark.parametrize("batch", [{"batch_size": 1}, {"batch_size": "full"}], ids=str)
def test_the_model_is_that_of_the_last_complete_update(batch, monkeypatch):
    parameters = LONG_EPOCH | batch | {"shuffle": False, "random_state": 0, "n_iter_no_change": np.inf}
    model = ShallowNetClassifier(max_iter=10**6, **parameters)
    with pytest.warns(UserWarning, match="Training interrupted by user") as caught, Interruption(monkeypatch, 4):
        model.fit(X, Y)
    monkeypatch.undo()
    said = f" No epoch was completed; the weights are those after {model._steps} updates." if not model.n_iter_ else ""
    assert str(caught[0].message) == "Training interrupted by user." + said
    if batch["batch_size"] == "full":
        assert model._steps == model.n_iter_
        reference = ShallowNetClassifier(max_iter=model._steps, **parameters).fit(X, Y)
    else:
        seen = model._steps
        assert 0 < seen < N
        assert model.n_iter_ == 0
        reference = ShallowNetClassifier(**parameters).partial_fit(X[:seen], Y[:seen], classes=[0, 1, 2])
    for ours, theirs in zip(model.coefs_ + model.intercepts_, reference.coefs_ + reference.intercepts_, strict=True):
        assert_array_equal(ours, theirs)
    # and partial_fit goes on from there
    for each in (model, reference):
        each.set_params(batch_size=100).partial_fit(X[:1000], Y[:1000])
    assert_array_equal(model.coefs_[0], reference.coefs_[0])
    assert model._steps == reference._steps


def interrupt(*arguments):
    raise KeyboardInterrupt


@pytest.mark.parametrize("fitted_before", [False, True])
@pytest.mark.parametrize("case", ["adam", "early stopping", "lbfgs", "partial_fit"])
def test_the_warning_says_that_nothing_was_trained(case, fitted_before, monkeypatch):
    options = {"lbfgs": {"solver": "lbfgs"}, "early stopping": {"early_stopping": True}}.get(case, {})
    model = ShallowNetClassifier(5, random_state=0, max_iter=3, warm_start=True, **options)

    def train():
        if case == "partial_fit":
            return model.partial_fit(X[:200], Y[:200], classes=[0, 1, 2])
        return model.fit(X[:200], Y[:200])

    if fitted_before:
        start = train().coefs_[0]
    else:
        start = ShallowNetClassifier(5, random_state=0, learning_rate_init=1e-300, max_iter=1)
        start = start.fit(X[:200], Y[:200]).coefs_[0]
    monkeypatch.setattr(Network, "loss_and_gradient" if case == "lbfgs" else "train_epochs", interrupt)
    with pytest.warns(UserWarning, match="Training interrupted by user. Nothing was trained: the weights are those"):
        train()
    assert model.n_iter_ == 0
    assert_array_equal(model.coefs_[0], start)
    monkeypatch.undo()
    assert train().n_iter_ > 0


def test_the_random_state_is_that_of_the_shuffles_that_were_made(monkeypatch):
    random_state, expected = np.random.RandomState(0), np.random.RandomState(0)
    model = ShallowNetClassifier(20, max_iter=10**6, tol=0, n_iter_no_change=np.inf, random_state=random_state)
    with pytest.warns(UserWarning, match="Training interrupted by user"), Interruption(monkeypatch, 4):
        model.fit(X[:1000], Y[:1000])
    ShallowNetClassifier(20, max_iter=1, random_state=expected).fit(X[:1000], Y[:1000])
    for _ in range(model.n_iter_ - 1):
        expected.shuffle(np.arange(1000))
    after_whole_epochs = copy.deepcopy(expected)
    expected.shuffle(np.arange(1000))  # that of the epoch that was interrupted
    assert random_state.randint(2**31) in (after_whole_epochs.randint(2**31), expected.randint(2**31))


class ScriptedValidation:
    """Gives losses and scores that rise and fall."""

    user_scorer = None

    def __init__(self):
        self.looks = 0

    def evaluate(self, coefs, intercepts):
        self.looks += 1
        return 1.0 / self.looks, float(self.looks % 3)


class WatchedNetwork(ScriptedNetwork):
    def weights(self):
        return [], []

    def set_weights(self, coefs, intercepts):
        pass


# of which each line is interrupted
TRACED = {module.__file__ for module in (_loop, _order, _history, _schedule, _validation_set)}


def interrupted_at(line, early_stopping, watched):
    """Train with an interrupt before the line-th line that training or its order runs; return the course or None."""
    left = line
    network = WatchedNetwork([5.0, 4.0, 4.5, 3.0, 2.0], at_once=1 if watched else 3)
    random_state = np.random.RandomState(0)
    order = Order(network.n_samples, None, random_state)
    options = {"max_iter": 5, "tol": 0.0, "n_iter_no_change": 9, "early_stopping": early_stopping}
    validation = ScriptedValidation() if watched else None
    scripted = training(network, LearningRate("constant", 0.1, 0.5), order, History(), validation, **options)

    def trace(frame, event, argument):
        nonlocal left
        if frame.f_code.co_filename not in TRACED:
            return None
        if event == "line":
            left -= 1
            if left == 0:
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        scripted.run()
    except KeyboardInterrupt:
        return None  # before training began or after it had ended
    finally:
        sys.settrace(before)
        # this network shuffles nothing
        assert random_state.randint(2**31) == np.random.RandomState(0).randint(2**31)
    return scripted.history if left <= 0 else "not reached"


@pytest.mark.skipif(
    isinstance(np.random.RandomState(0)._bit_generator.lock, type(threading.Lock())),
    reason="a trace that raises as a block ends leaves its lock held, and before NumPy 2.4 that is for ever",
)
@pytest.mark.filterwarnings("ignore:Training interrupted by user")
@pytest.mark.parametrize(
    ("early_stopping", "watched"),
    [(False, False), (False, True), (True, True)],
    ids=["several epochs at once", "watched", "early stopping"],
)
def test_an_interrupt_between_any_two_lines_leaves_the_course_of_whole_epochs(early_stopping, watched, monkeypatch):
    monkeypatch.setattr(_order, "KERNELS_PAY", 0)
    seen, line = set(), 0
    while (history := interrupted_at(line := line + 1, early_stopping, watched)) != "not reached":
        if history is None:
            continue
        epochs = history.n_iter
        seen.add(epochs)
        assert history.loss_curve == [5.0, 4.0, 4.5, 3.0, 2.0][:epochs]
        assert history.t == 10 * epochs
        assert history.steps >= 3 * epochs  # three batches in an epoch
        if not early_stopping:
            assert history.best_loss == min(history.loss_curve, default=np.inf)
        if watched:
            assert history.validation_loss_curve == [1.0 / look for look in range(1, epochs + 1)]
            assert history.validation_scores == [1.0, 2.0, 0.0, 1.0, 2.0][:epochs]
            assert history.best_score == max(history.validation_scores, default=-np.inf)
            assert history.best_iter == min(epochs, 2)
    assert seen == ({0, 1, 2, 3, 4, 5} if watched else {0, 3, 5})
    assert line > 100


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs a timer that interrupts")
@pytest.mark.parametrize(
    ("times", "calls"),
    [(20, list(interrupting.CALLS))]
    + [pytest.param(1000, [call], marks=pytest.mark.long) for call in interrupting.CALLS],
    ids=["all", *interrupting.CALLS],
)
def test_interrupts_at_random_moments_break_nothing(times, calls):
    process = children.start(Path(interrupting.__file__), str(times), *calls)
    interrupted = children.finish(process)["interrupted"]
    assert list(interrupted) == calls
    assert min(interrupted.values()) > times / 5
