"""The planar flower and its companions, from a well-known exercise of neural-network courses.

The flower is drawn here from its formula. The companions come from scikit-learn's generators (BSD 3-Clause), with
the seeds fixed.
"""

import numpy as np
from sklearn.datasets import make_blobs, make_circles, make_gaussian_quantiles, make_moons

N_SAMPLES = 400
SEED = 1


def planar_flower() -> tuple[np.ndarray, np.ndarray]:
    """Draw a flower of eight petals, four of each class.

    In polar coordinates, with the angle t measured from the second axis, the points lie near r = 4 sin(4 t).
    Class 0 has the angles from 0 to 3.12, class 1 those from 3.12 to 6.24, about half a turn each; but where r is
    below 0 a point falls on the opposite side, so the petals of the classes mix and no line divides them.

    Returns
    -------
    X : ndarray of shape (400, 2)
        The points; first the 200 of class 0.
    y : ndarray of shape (400,)
        Their classes.
    """
    random = np.random.RandomState(SEED)
    n_class = N_SAMPLES // 2
    points = []
    for label in (0, 1):
        # the order of the draws defines the data: all angles of a class, then all its radii
        t = np.linspace(label * 3.12, (label + 1) * 3.12, n_class) + random.randn(n_class) * 0.2
        r = 4 * np.sin(4 * t) + random.randn(n_class) * 0.2
        points.append(np.column_stack([r * np.sin(t), r * np.cos(t)]))
    return np.vstack(points), np.repeat([0, 1], n_class)


def noisy_circles() -> tuple[np.ndarray, np.ndarray]:
    """Draw two circles about one centre, the inner with half the radius, blurred until they overlap.

    Returns
    -------
    X : ndarray of shape (400, 2)
    y : ndarray of shape (400,)
        1 on the inner circle.
    """
    return make_circles(n_samples=N_SAMPLES, factor=0.5, noise=0.3, random_state=SEED)


def noisy_moons() -> tuple[np.ndarray, np.ndarray]:
    """Draw two half circles that reach into each other.

    Returns
    -------
    X : ndarray of shape (400, 2)
    y : ndarray of shape (400,)
        1 on the lower moon.
    """
    return make_moons(n_samples=N_SAMPLES, noise=0.2, random_state=SEED)


def two_class_blobs() -> tuple[np.ndarray, np.ndarray]:
    """Draw six round clouds and assign them to two classes in turn.

    Returns
    -------
    X : ndarray of shape (400, 2)
    y : ndarray of shape (400,)
        The number of the cloud, modulo 2.
    """
    X, cloud = make_blobs(n_samples=N_SAMPLES, n_features=2, centers=6, random_state=5)
    return X, cloud % 2


def gaussian_quantiles() -> tuple[np.ndarray, np.ndarray]:
    """Draw one round cloud whose inner half is class 0 and whose outer half is class 1.

    Returns
    -------
    X : ndarray of shape (400, 2)
    y : ndarray of shape (400,)
    """
    return make_gaussian_quantiles(n_samples=N_SAMPLES, n_features=2, n_classes=2, random_state=SEED)


DATASETS = {
    "planar": planar_flower,
    "circles": noisy_circles,
    "moons": noisy_moons,
    "blobs": two_class_blobs,
    "quantiles": gaussian_quantiles,
}
