"""Small two-class data sets in the plane, on which one hidden layer can be watched at work.

Each is a function without arguments that draws the same points in every call and returns (X, y): X an ndarray of
shape (n_samples, 2) of float64, y an ndarray of shape (n_samples,) of 0 and 1. ``DATASETS`` lists them by name.

Examples
--------
The planar flower is a well-known exercise of neural-network courses: 400 points, two classes, eight petals. The
lecture's gradient descent is a choice of parameters, which ``textbook.gradient_descent`` makes:

>>> from shallownet.datasets import planar_flower
>>> from shallownet.datasets.textbook import accuracy, gradient_descent
>>> bool(accuracy(gradient_descent(4), *planar_flower()) > 90)
True

After a fit, ``loss_curve_[i]`` is the cost before update i + 1.
"""

from .generators import (
    DATASETS,
    gaussian_quantiles,
    noisy_circles,
    noisy_moons,
    planar_flower,
    two_class_blobs,
)

__all__ = [
    "DATASETS",
    "gaussian_quantiles",
    "noisy_circles",
    "noisy_moons",
    "planar_flower",
    "two_class_blobs",
]
