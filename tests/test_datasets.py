"""The planar flower and its companions: their values, and the textbook's run on them."""

import hashlib
import math

import numpy as np
import pytest
from sklearn.datasets import make_blobs

from shallownet.datasets import DATASETS, planar_flower, two_class_blobs
from shallownet.datasets.textbook import HIDDEN_SIZES, accuracy, gradient_descent

FLOWER_POINTS = [[1.204442, 3.576114], [0.15871, -1.482171], [-1.070496, 3.682525], [0.730781, 3.068329]]
FLOWER_DIGEST = "d177aec944381e0b"


def digest(X):
    """Digest points after rounding, so that the last bit of a sine on another machine does not matter."""
    return hashlib.sha256(np.round(X, 6).astype("<f8").tobytes()).hexdigest()[:16]


@pytest.mark.parametrize("name", DATASETS)
def test_every_set_has_400_points_in_the_plane_of_two_classes(name):
    X, y = DATASETS[name]()
    assert X.shape == (400, 2) and X.dtype == np.float64
    assert y.shape == (400,) and y.dtype.kind == "i" and set(y) == {0, 1}
    assert np.isfinite(X).all()


@pytest.mark.parametrize("name", DATASETS)
def test_every_call_draws_the_same_points_whatever_the_global_seed(name):
    np.random.seed(0)
    X, y = DATASETS[name]()
    np.random.seed(1)
    X_again, y_again = DATASETS[name]()
    np.testing.assert_array_equal(X, X_again)
    np.testing.assert_array_equal(y, y_again)


def test_flower_is_drawn_point_by_point_from_its_formula():
    X, y = planar_flower()
    random = np.random.RandomState(1)
    i = 0
    for label in range(2):
        angle_noise = [random.randn() for _ in range(200)]
        radius_noise = [random.randn() for _ in range(200)]
        for k in range(200):
            t = label * 3.12 + k * 3.12 / 199 + 0.2 * angle_noise[k]
            r = 4 * math.sin(4 * t) + 0.2 * radius_noise[k]
            assert X[i] == pytest.approx([r * math.sin(t), r * math.cos(t)], abs=1e-12)
            assert y[i] == label
            i += 1
    assert i == len(X)


def test_flower_keeps_its_values():
    X, _ = planar_flower()
    np.testing.assert_allclose(X[[0, 1, 200, 399]], FLOWER_POINTS, atol=5e-7)
    assert digest(X) == FLOWER_DIGEST


def test_blobs_are_six_clouds_by_turns():
    X, y = two_class_blobs()
    points, cloud = make_blobs(n_samples=400, n_features=2, centers=6, random_state=5)
    np.testing.assert_array_equal(X, points)
    np.testing.assert_array_equal(y, cloud % 2)


def test_textbook_accuracy_grows_with_the_hidden_layer():
    X, y = planar_flower()
    assert accuracy(gradient_descent(1), X, y) == pytest.approx(67.5, abs=0.5)
    assert accuracy(gradient_descent(4), X, y) == pytest.approx(90.5, abs=0.5)
    assert HIDDEN_SIZES == (1, 2, 3, 4, 5, 20, 50)
