"""Training by itself: a problem, hyperparameters and a history in; weights and the optimizer's state out."""

import dataclasses
import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning

from shallownet import ShallowNetClassifier
from shallownet.estimators.targets import SINGLE, Labels
from shallownet.training.fit import train
from shallownet.training.history import History
from shallownet.training.problem import Examples, Hyperparameters, NetworkState, Problem

X, Y = load_iris(return_X_y=True)
PARAMETERS = {"hidden_layer_sizes": 4, "max_iter": 5, "random_state": 0, "tol": 0.0}


def examples(rows=slice(None)):
    return Examples(X=X[rows], targets=Y[rows, np.newaxis], sample_weight=None, y=None)


def problem(held_out=None, scoring=None):
    task = Labels(classes=np.arange(3), kind=SINGLE)
    return Problem(examples=examples(), held_out=held_out, task=task, scoring=scoring)


def trained(of=None, start=None, history=None, incremental=False, after_epoch=None, **parameters):
    history = History() if history is None else history
    hyperparameters = ShallowNetClassifier(**PARAMETERS | parameters)._hyperparameters(incremental)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return history, train(
            problem() if of is None else of,
            hyperparameters,
            history,
            start=start,
            incremental=incremental,
            after_epoch=after_epoch,
        )


def fitted(**parameters):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return ShallowNetClassifier(**PARAMETERS | parameters).fit(X, Y)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_it_is_what_the_estimator_does_and_it_warns_nobody(solver):
    history, state = trained(solver=solver)
    model = fitted(solver=solver)
    for ours, of_model in zip(state.coefs + state.intercepts, model.coefs_ + model.intercepts_, strict=True):
        assert_array_equal(ours, of_model)
    assert history.loss == model.loss_
    assert history.n_iter == 5
    ((message, category),) = history.warnings
    assert "Maximum iterations" in message or "lbfgs failed to converge" in message
    assert category is ConvergenceWarning


def test_it_continues_from_the_state_that_it_returned():
    history, state = History(), None
    for _ in range(3):
        _, state = trained(start=state, history=history, incremental=True)
    model = ShallowNetClassifier(**PARAMETERS)
    for _ in range(3):
        model.partial_fit(X, Y, classes=[0, 1, 2])
    assert_array_equal(state.coefs[0], model.coefs_[0])
    assert history.loss_curve == model.loss_curve_
    assert history.steps == 3
    assert not history.warnings


def test_without_its_state_the_optimizer_begins_anew():
    history, state = trained()
    weights = NetworkState(coefs=state.coefs, intercepts=state.intercepts)
    _, anew = trained(start=weights, history=dataclasses.replace(history), incremental=True)
    _, on = trained(start=state, history=dataclasses.replace(history), incremental=True)
    assert (anew.coefs[0] != on.coefs[0]).any()
    init = state.coefs, state.intercepts
    _, first = trained(init=init, max_iter=1)
    assert_array_equal(anew.coefs[0], first.coefs[0])


def test_a_scorer_is_made_once_for_the_examples_that_it_scores():
    made, scored = [], []

    def scoring(held_out):
        made.append(held_out)
        return lambda coefs, intercepts: scored.append(coefs) or float(len(scored))

    history, _ = trained(problem(held_out=examples(slice(0, 150, 5)), scoring=scoring))
    assert len(made) == 1
    assert len(scored) == history.n_iter == 5
    assert history.validation_scores == [1.0, 2.0, 3.0, 4.0, 5.0]


def test_early_stopping_sets_rows_aside():
    made = []

    def scoring(held_out):
        made.append(held_out)
        return lambda coefs, intercepts: 0.0

    with_y = dataclasses.replace(examples(), y=np.arange(150), sample_weight=1.0 + np.arange(150))
    trained(dataclasses.replace(problem(scoring=scoring), examples=with_y), early_stopping=True)
    (held_out,) = made
    rows = held_out.y
    assert len(rows) == 15
    assert_array_equal(held_out.X, X[rows])
    assert_array_equal(held_out.targets[:, 0], Y[rows])
    assert_array_equal(held_out.sample_weight, 1.0 + rows)


def test_a_callback_is_given_the_weights_and_ends_training():
    seen = []

    def after_epoch(weights):
        seen.append(weights()[0][0])
        return len(seen) == 2

    history, state = trained(after_epoch=after_epoch)
    assert history.n_iter == 2
    assert (seen[0] != seen[1]).any()
    assert_array_equal(seen[1], state.coefs[0])


def test_hyperparameters_have_the_names_of_parameters_and_do_not_change():
    names = {field.name for field in dataclasses.fields(Hyperparameters)}
    parameters = ShallowNetClassifier().get_params().keys()
    assert names - parameters == {"n_hidden", "slope", "schedule", "private_random_state", "n_threads"}
    # in the Problem, and in what training starts from
    elsewhere = {"class_weight", "label_smoothing", "scoring", "warm_start"}
    assert parameters - names == elsewhere | {"hidden_layer_sizes", "negative_slope", "learning_rate", "n_jobs"}
    with pytest.raises(dataclasses.FrozenInstanceError):
        ShallowNetClassifier()._hyperparameters(False).alpha = 1.0
