"""The loop of a fit, on a network whose losses the test decides."""

import contextlib

import numpy as np
import pytest
from scripted import ScriptedNetwork, training
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import shuffle

from shallownet import ShallowNetClassifier
from shallownet.training import sample_order as _order
from shallownet.training.history import History
from shallownet.training.sample_order import Order
from shallownet.training.schedule import LearningRate
from shallownet.training.validation_set import ValidationSet


@pytest.fixture
def numpy_draws(monkeypatch):
    monkeypatch.setattr(_order, "KERNELS_PAY", np.inf)


def run(network, rate=None, shuffled=False, **options):
    defaults = {"max_iter": 50, "tol": 1e-4, "n_iter_no_change": 3}
    rate = rate or LearningRate("constant", 0.1, 0.5)
    order = Order(network.n_samples, None, np.random.RandomState(0) if shuffled else None)
    history = History()
    training(network, rate, order, history, **{**defaults, **options}).run()
    return history


def said(history):
    """Return the messages of a history's warnings, in their categories."""
    return {(message.partition(".")[0], category) for message, category in history.warnings}


def test_stops_when_the_loss_no_longer_improves():
    losses = [1.0, 0.5, 0.49995, 0.6, 0.4, 0.5, 0.39999, 0.4, 0.7, 0.1]
    history = run(ScriptedNetwork(losses))
    # 0.4 is an improvement; the four epochs after it are more than n_iter_no_change
    assert history.loss_curve == losses[:9]
    assert (history.n_iter, history.t) == (9, 90)
    assert history.loss == 0.7
    assert history.best_loss == 0.39999


def test_warns_at_the_last_epoch():
    history = run(ScriptedNetwork([4.0, 3.0, 2.0, 1.0]), max_iter=4)
    (message, category), *others = history.warnings
    assert "Maximum iterations (4) reached" in message
    assert category is ConvergenceWarning
    assert not others
    assert history.n_iter == 4


def test_never_stops_at_infinite_patience():
    history = run(ScriptedNetwork([1.0] * 40), max_iter=40, n_iter_no_change=np.inf)
    assert history.n_iter == 40
    assert [category for _, category in history.warnings] == [ConvergenceWarning]


def test_steps_are_counted():
    network = ScriptedNetwork([1.0] * 5)
    run(network)
    assert network.steps == [0, 3, 6, 9, 12]


def test_constant_rate():
    network = ScriptedNetwork([1.0] * 5)
    run(network)
    assert network.rates == [0.1] * 5


def test_invscaling_rate():
    network = ScriptedNetwork([1.0] * 5)
    run(network, LearningRate("invscaling", 0.1, 0.7))
    np.testing.assert_allclose(network.rates, [0.1 / (1 + 10 * epoch) ** 0.7 if epoch else 0.1 for epoch in range(5)])


def test_adaptive_rate():
    network = ScriptedNetwork([1.0, 1.0, 1.0, 0.5, 0.5, 0.5] + [0.5] * 100)
    history = run(network, LearningRate("adaptive", 1e-4, 0.5), n_iter_no_change=1, max_iter=100)
    falls = [1e-4] * 3 + [1e-4 / 5] * 3 + [1e-4 / 25] * 2 + [1e-4 / 125] * 2
    np.testing.assert_allclose(network.rates, falls, rtol=1e-12)
    assert history.n_iter == len(falls)


def test_epochs_are_done_ahead_where_none_can_be_the_last():
    losses = [1.0, 2.0, 0.5, 3.0, 0.4, *[3.0] * 50]
    network = ScriptedNetwork(losses, at_once=100)
    history = run(network)
    # four in a row that are no better end the training; after the first call one is, after the second none
    assert network.most == [4, 3, 2]
    assert history == run(ScriptedNetwork(losses))


@pytest.mark.parametrize(
    ("options", "most"),
    [({}, 4), ({"n_iter_no_change": np.inf, "max_iter": 7}, 7), ({"incremental": True}, 1), ({"after_epoch": id}, 1)],
)
def test_epochs_ahead(options, most):
    network = ScriptedNetwork([1.0] * 50)
    if "after_epoch" in options:
        options = {"after_epoch": lambda: True}
    run(network, **options)
    assert network.most[0] == most


@pytest.mark.parametrize("schedule", ["invscaling", "cosine"])
def test_no_epochs_ahead_at_a_rate_that_changes(schedule):
    network = ScriptedNetwork([1.0] * 50)
    run(network, LearningRate(schedule, 0.1, 0.5, 50))
    assert network.most[0] == 1


def test_no_epochs_ahead_of_a_shuffle_in_python(numpy_draws):
    network = ScriptedNetwork([1.0] * 50)
    run(network, shuffled=True)
    assert network.most[0] == 1


def drawing(network, **options):
    """Run a training that is worth lending the generator; return what the random state draws next."""
    random_state = np.random.RandomState(0)
    order = Order(network.n_samples, None, random_state)
    options = {"max_iter": 10**6, "tol": 1e-4, "n_iter_no_change": 3, **options}
    with contextlib.suppress(ZeroDivisionError):
        training(network, LearningRate("constant", 0.1, 0.5), order, History(), **options).run()
    assert order.generator is None
    return random_state.randint(2**31)


@pytest.mark.parametrize("end", [0.5, KeyboardInterrupt(), KeyboardInterrupt, ZeroDivisionError()], ids=repr)
def test_generator_is_lent_for_several_epochs_and_given_back(end):
    network = ScriptedNetwork([end, *[0.5] * 12], at_once=3)
    assert drawing(network) == np.random.RandomState(0).randint(2**31)  # this network shuffles nothing
    assert network.most[0] == 4
    assert all(network.lent)


class Scored(ValidationSet):
    """A validation set without examples."""

    def __init__(self, scoring):
        super().__init__(None, task=None, predict=None, scoring=scoring)

    def evaluate(self, coefs, intercepts):
        return 1.0, 1.0


@pytest.mark.parametrize(
    ("options", "lends"),
    [
        ({"after_epoch": lambda: False}, False),
        ({"validation": Scored(lambda examples: lambda coefs, intercepts: 1.0)}, False),
        ({"validation": Scored("loss")}, True),
        ({"validation": Scored(None)}, True),
        ({"incremental": True}, False),  # one epoch, of a few rows
    ],
)
def test_generator_is_not_lent_where_others_may_draw(options, lends):
    network = ScriptedNetwork([1.0] * 50)
    drawing(network, **options)
    assert set(network.most) == {1}
    assert set(network.lent) == {lends}


def test_rows_keep_their_order_without_shuffle():
    network = ScriptedNetwork([1.0] * 5)
    run(network)
    assert network.orders == [None] * 5


def test_orders_are_those_of_scikit_learn(numpy_draws):
    network = ScriptedNetwork([1.0] * 5)
    run(network, shuffled=True)
    random_state, order = np.random.RandomState(0), np.arange(10)
    for drawn in network.orders:
        order = shuffle(order, random_state=random_state)
        np.testing.assert_array_equal(drawn, order)
        assert drawn.dtype == np.intp


@pytest.mark.parametrize(
    ("losses", "epoch"), [([1.0, np.nan, 0.5], 2), ([1.0, 0.9, 0.9, 0.9, 0.9, 0.9], 6)], ids=["loss", "weights"]
)
def test_weights_that_are_not_finite_are_an_error_that_names_the_epoch(losses, epoch):
    with pytest.raises(ValueError, match=rf"non-finite parameter weights.* Training diverged in epoch {epoch}\."):
        run(ScriptedNetwork(losses, is_finite=False))


INTERRUPTED = "Training interrupted by user"


def test_interrupt_keeps_the_epochs_before_it():
    history = run(ScriptedNetwork([3.0, 2.0, KeyboardInterrupt()]))
    assert said(history) == {(INTERRUPTED, UserWarning)}
    assert history.loss_curve == [3.0, 2.0]
    assert history.t == 20


def test_interrupt_keeps_the_epochs_of_an_interrupted_call():
    history = run(ScriptedNetwork([3.0, 2.0, 1.0, 0.9, 0.8, KeyboardInterrupt, 0.5], at_once=100))
    assert said(history) == {(INTERRUPTED, UserWarning)}
    assert history.loss_curve == [3.0, 2.0, 1.0, 0.9, 0.8, 0.5]
    assert history.n_iter == 6
    assert history.t == 60


def test_interrupt_in_the_first_epoch():
    history = run(ScriptedNetwork([KeyboardInterrupt()]))
    assert said(history) == {(INTERRUPTED, UserWarning)}
    assert history.n_iter == 0
    assert np.isnan(history.loss)


def test_verbose_prints_each_epoch(capsys):
    run(ScriptedNetwork([1.0] * 5), verbose=True)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:5] == [f"Iteration {i}, loss = 1.00000000" for i in range(1, 6)]
    assert "did not improve more than tol=0.000100 for 3 consecutive epochs. Stopping." in lines[5]
    run(ScriptedNetwork([1.0] * 5))
    assert capsys.readouterr().out == ""


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("seed", [2, 4, 7])
def test_what_an_earlier_batch_has_left_behind_the_last_one_does_not_count(seed):
    X = np.random.RandomState(seed).randn(17, 2).astype(np.float32)
    X[5] = 3e38  # the sums of the hidden layer overflow where the last batch, of five, has no examples
    model = ShallowNetClassifier(1, "tanh", max_iter=3, batch_size=12, shuffle=False, random_state=seed, n_jobs=1)
    assert np.isfinite(model.fit(X, np.arange(17) % 2).loss_)
