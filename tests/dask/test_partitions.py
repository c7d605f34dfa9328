"""What tasks do with a partition: checks, visits and sums, without a cluster."""

import importlib
import pickle
import sys
from dataclasses import replace

import dask.array as da
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from shallownet import ShallowNetClassifier, ShallowNetRegressor
from shallownet.dask import DaskShallowNetClassifier
from shallownet.dask.partitions import Job, State, Sums, check_partition, encode, sums_of, total, visit
from shallownet.estimators.targets import SINGLE, Labels
from shallownet.training.fit import starting_weights

RANDOM = np.random.RandomState(0)
X, Y = RANDOM.randn(60, 4), RANDOM.randint(0, 3, 60)
LABELS = Labels(classes=np.arange(3), kind=SINGLE)


def job(task=LABELS, **parameters):
    model = ShallowNetClassifier(5, random_state=0, **parameters)
    hyperparameters = model._hyperparameters(incremental=False)
    return Job(task=task, hyperparameters=replace(hyperparameters, random_state=None, n_threads=8), seed=7)


def partition(rows=slice(None), X=X, y=Y, sample_weight=None, number=0, task=LABELS, dtype="float64"):
    weights = None if sample_weight is None else sample_weight[rows]
    checked = check_partition(ShallowNetClassifier, number, X[rows], y[rows], weights)
    return encode(checked, task, np.dtype(dtype))


def state(task=LABELS):
    hyperparameters = ShallowNetClassifier(5, random_state=0)._hyperparameters(incremental=False)
    coefs, intercepts = starting_weights(task, hyperparameters, 4, None)
    return State(coefs=coefs, intercepts=intercepts)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_visits_are_epochs_of_partial_fit(solver):
    """Here the same rows are drawn by the estimator's own random state."""
    there, begin = job(solver=solver), state()
    here = ShallowNetClassifier(5, solver=solver, init=(begin.coefs, begin.intercepts))
    travelling = begin
    for epoch, number in [(0, 1), (0, 0), (1, 0), (1, 1)]:
        rows = slice(30 * number, 30 * number + 30)
        bits = np.random.MT19937(np.random.SeedSequence([7, epoch, number]))
        here.set_params(random_state=np.random.RandomState(bits)).partial_fit(X[rows], Y[rows], classes=[0, 1, 2])
        travelling = visit(partition(rows), replace(travelling, epoch=epoch), number, 0.001, there, 1)
        travelling = pickle.loads(pickle.dumps(travelling))
    assert_array_equal(here.coefs_[0], travelling.coefs[0])
    assert_array_equal(here.intercepts_[1], travelling.intercepts[1])
    assert [loss / n for loss, n in travelling.losses] == here.loss_curve_
    assert (travelling.seen, travelling.updates) == (here.t_, 4)


@pytest.mark.parametrize("parameters", [{}, {"dropout": 0.5}, {"shuffle": False}, {"batch_size": "full"}], ids=str)
def test_a_visit_gives_the_same_bits_again_and_on_any_number_of_threads(parameters):
    told, rows = job(**parameters), partition()
    found = [visit(rows, state(), 3, 0.001, told, n_threads) for n_threads in (1, 1, 4)]
    assert len({pickle.dumps((each.coefs, each.moments, each.losses)) for each in found}) == 1


def test_order_and_dropout_differ_from_one_visit_to_another():
    for parameters in ({}, {"dropout": 0.5, "shuffle": False}):
        told, begin = job(batch_size=7, **parameters), state()
        visits = [(begin, 0), (begin, 1), (replace(begin, epoch=1), 0)]
        weights = {visit(partition(), at, number, 0.001, told, 1).coefs[0].tobytes() for at, number in visits}
        assert len(weights) == 3


def test_a_partition_whose_weights_are_0_is_passed_over():
    begin = state()
    after = visit(partition(sample_weight=np.zeros(60)), begin, 0, 0.001, job(), 1)
    assert after.coefs is begin.coefs and not after.losses
    assert (
        sums_of(partition(sample_weight=np.zeros(60)), (begin.coefs, begin.intercepts), job(solver="lbfgs"), 1).weight
        == 0
    )


@pytest.mark.parametrize("dtype, rtol", [("float64", 1e-12), ("float32", 1e-4)])
@pytest.mark.parametrize("weighted", [False, True])
def test_sums_over_partitions_are_those_of_all_rows(weighted, dtype, rtol):
    weights = np.arange(60.0) % 5 if weighted else None
    told, begin = job(solver="lbfgs", alpha=3.0), state()
    at = begin.coefs, begin.intercepts
    whole = sums_of(partition(sample_weight=weights, dtype=dtype), at, told, 1)
    slices = [slice(0, 1), slice(1, 40), slice(40, 60)]
    added = total([sums_of(partition(rows, sample_weight=weights, dtype=dtype), at, told, 1) for rows in slices])
    assert added.weight == whole.weight == (60 if weights is None else weights.sum())
    assert_allclose(added.loss, whole.loss, rtol=rtol)
    for one, other in zip(added.gradient, whole.gradient, strict=True):
        assert_allclose(one, other, rtol=rtol, atol=rtol * np.abs(other).max())


def test_sums_have_no_penalty():
    begin = state()
    found = [
        sums_of(partition(), (begin.coefs, begin.intercepts), job(solver="lbfgs", alpha=alpha), 1)
        for alpha in (0.0, 9.0)
    ]
    assert found[0].loss == found[1].loss
    assert_array_equal(found[0].gradient[0], found[1].gradient[0])


def test_sums_are_added_from_the_first_to_the_last():
    numbers = [1.0, 1e16, -1e16]
    sums = [Sums(loss=number, gradient=[np.array([number])], weight=1.0) for number in numbers]
    assert total(sums).loss == (numbers[0] + numbers[1]) + numbers[2]
    assert total(sums).gradient[0] == total(sums).loss


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array, sparse.csr_matrix, sparse.csc_matrix, pd.DataFrame])
def test_dask_is_told_how_large_a_partition_is(kind):
    large = np.ones((1000, 4))
    found = partition(X=kind(large), y=np.zeros(1000, int)) if kind is not pd.DataFrame else None
    checked = check_partition(ShallowNetClassifier, 0, kind(large), np.zeros(1000, int), None)
    for each in filter(None, (found, checked)):
        assert 40_000 <= sys.getsizeof(each) < 80_000
    assert sys.getsizeof(state()) >= sum(array.nbytes for array in state().arrays())


@pytest.mark.parametrize(
    "estimator, X, y, weights, message",
    [
        (
            ShallowNetClassifier,
            X,
            Y[:-1],
            None,
            "Partition 5 has 60 rows of X and 59 rows of y: all must have the same",
        ),
        (
            ShallowNetClassifier,
            X,
            Y,
            np.ones(3),
            "Partition 5 has 60 rows of X and 60 rows of y and 3 rows of sample_wei",
        ),
        (ShallowNetClassifier, X[:0], Y, None, "Partition 5 has 0 rows of X and 60 rows of y"),
        (ShallowNetClassifier, np.where(X > 2, np.nan, X), Y, None, "Partition 5: Input X contains NaN"),
        (ShallowNetClassifier, np.where(X > 2, np.inf, X), Y, None, "Partition 5: Input X contains infinity"),
        (ShallowNetClassifier, X, Y + 0.5, None, "Partition 5: Unknown label type: continuous"),
        (ShallowNetClassifier, X, Y, -np.ones(60), "Partition 5: Negative values in data passed to `sample_weight`"),
        (ShallowNetClassifier, X[:, 0], Y, None, "Partition 5: Expected 2D array, got 1D array"),
        (ShallowNetClassifier, X, sparse.csr_array(Y[:, np.newaxis]), None, "Partition 5: sparse y is not supported"),
        (ShallowNetRegressor, X, np.where(Y == 1, np.nan, Y), None, "Partition 5: Input y contains NaN"),
        (ShallowNetRegressor, X, Y.astype(str).astype(object) + "a", None, "Partition 5: .*could not convert string"),
    ],
)
def test_errors_name_the_partition(estimator, X, y, weights, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        check_partition(estimator, 5, X, y, weights)


def test_errors_of_targets_name_the_partition():
    rows = check_partition(ShallowNetClassifier, 5, X, Y + 1, None)
    with pytest.raises(ValueError, match=r"^Partition 5: `y` has classes not in `self.classes_`.* \[3\]"):
        encode(rows, LABELS, np.dtype("float64"))


def test_a_fit_without_client_says_how_to_get_one():
    arrays = da.from_array(X, chunks=(30, 4)), da.from_array(Y, chunks=30)
    with pytest.raises(ValueError, match="A fit on Dask needs a client, and there is none: pass it as `client`"):
        DaskShallowNetClassifier().fit(*arrays)


def test_without_dask_the_extra_is_named(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("shallownet.dask")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ModuleNotFoundError, match=r"distributed.*: pip install 'shallownet\[dask\]' brings it"):
        importlib.import_module("shallownet.dask")
