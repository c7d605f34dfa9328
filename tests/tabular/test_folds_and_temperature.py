"""Which rows are held out, and the temperature that is found on them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax
from sklearn.metrics import log_loss

from shallownet.tabular.folds import held_out_rows, others
from shallownet.tabular.temperature import HIGHEST, LOWEST, at_temperature, fit_temperature


def test_eight_parts_are_a_partition():
    parts = held_out_rows(np.zeros(101), 8, np.random.RandomState(0))
    assert_array_equal(np.sort(np.concatenate(parts)), np.arange(101))
    assert {len(part) for part in parts} == {12, 13}


def test_every_part_has_its_share_of_every_class():
    classes = np.repeat(np.arange(4), [100, 37, 5, 1])
    parts = held_out_rows(classes, 8, np.random.RandomState(0))
    counts = np.array([np.bincount(classes[part], minlength=4) for part in parts])
    assert (counts.max(axis=0) - counts.min(axis=0) <= 1).all()
    assert_array_equal(counts.sum(axis=0), [100, 37, 5, 1])


@pytest.mark.parametrize("n", [1, 2, 5])
def test_fewer_rows_than_parts(n):
    for part in held_out_rows(np.zeros(n), 4, np.random.RandomState(0)):
        assert len(part) == 1
        rest = others(n, part)
        assert_array_equal(rest, [0] if n == 1 else np.setdiff1d(np.arange(n), part))


def sampled(temperature, n=4000):
    """Probabilities that are right at this temperature, and classes that were drawn of them."""
    rng = np.random.RandomState(0)
    logits = 2 * rng.normal(size=(n, 3))
    cumulated = softmax(logits / temperature, axis=1).cumsum(axis=1)
    return softmax(logits, axis=1), (rng.uniform(size=(n, 1)) > cumulated).sum(axis=1)


@pytest.mark.parametrize("temperature", [0.7, 1.0, 2.0])
def test_temperature_is_found(temperature):
    probabilities, classes = sampled(temperature)
    found = fit_temperature(probabilities, classes)
    assert found == pytest.approx(temperature, rel=0.07)
    least = log_loss(classes, at_temperature(probabilities, found))
    for other in (found / 1.1, found * 1.1):
        assert log_loss(classes, at_temperature(probabilities, other)) > least


def test_temperature_follows_the_weights():
    probabilities, classes = sampled(2.0)
    certain = probabilities.argmax(axis=1) == classes
    weighted = fit_temperature(probabilities, classes, np.where(certain, 3.0, 1.0))
    tripled = np.concatenate([np.flatnonzero(certain)] * 2 + [np.arange(len(classes))])
    assert weighted == pytest.approx(fit_temperature(probabilities[tripled], classes[tripled]), rel=1e-3)
    assert weighted < fit_temperature(probabilities, classes)


def test_temperature_has_bounds():
    certain = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert fit_temperature(certain, np.array([0, 1])) >= LOWEST
    assert fit_temperature(certain, np.array([1, 0])) == pytest.approx(HIGHEST, rel=1e-2)


def test_probabilities_at_a_temperature():
    p = np.array([[0.8, 0.2], [1.0, 0.0]])
    assert_allclose(at_temperature(p, 1.0)[0], p[0])
    assert_allclose(at_temperature(p, 0.5)[0], [0.64 / 0.68, 0.04 / 0.68])
    assert np.isfinite(at_temperature(p, 3.0)).all()
    assert_allclose(at_temperature(p, 3.0).sum(axis=1), 1)
