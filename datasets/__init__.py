"""Small two-class data sets in the plane, on which one hidden layer can be watched at work.

Each is a function without arguments that draws the same points in every call and returns (X, y): X an ndarray of
shape (n_samples, 2) of float64, y an ndarray of shape (n_samples,) of 0 and 1. ``DATASETS`` lists them by name.
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
