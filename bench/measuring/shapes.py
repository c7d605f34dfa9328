"""The problems to train on: their shapes, and synthetic data that can be learned, but not perfectly."""

import re
from dataclasses import dataclass

import numpy as np

CLUSTERS_PER_CLASS = 3  # so that no linear model separates the classes
CENTRE_NORM = 4.0  # in standard deviations of a cluster: some examples lie beyond the border of their class
HELD_OUT = 2000  # examples for the accuracy
SEED = 0


@dataclass(frozen=True)
class Shape:
    """Sizes of a data set, of the network for it, and of a batch."""

    n_samples: int
    n_features: int
    n_hidden: int
    n_classes: int
    batch_size: int

    @classmethod
    def parse(cls, text):
        """Return the shape of a text with these five numbers in it, such as 1797x64-100-10-200."""
        numbers = [int(number) for number in re.findall(r"\d+", text)]
        if len(numbers) != 5 or min(numbers) < 1 or numbers[3] < 2:
            raise ValueError(
                f"{text!r} is no shape: SAMPLESxFEATURES-HIDDEN-CLASSES-BATCH, for instance 1797x64-100-10-200"
            )
        return cls(*numbers)

    def __str__(self):
        return f"{self.n_samples} x {self.n_features} -> {self.n_hidden} -> {self.n_classes}, {self.batch_size}"

    @property
    def n_outputs(self):
        return 1 if self.n_classes == 2 else self.n_classes

    @property
    def full_batch(self):
        return self.batch_size >= self.n_samples

    @property
    def operations(self):
        """Floating-point operations of an epoch, in the matrix products alone.

        Each layer has three products of 2 n (inputs) (outputs) operations: forward, the gradient of the weights,
        and the delta of the inputs, which the first layer does not need.
        """
        both_layers = 6 * self.n_hidden * (self.n_features + self.n_outputs)
        return self.n_samples * (both_layers - 2 * self.n_features * self.n_hidden)


SHAPES = [
    Shape(1797, 64, 100, 10, 200),
    Shape(50000, 54, 100, 7, 200),
    Shape(20000, 784, 100, 10, 200),
    Shape(50000, 28, 32, 2, 200),
    Shape(50000, 28, 256, 2, 1024),
    Shape(5000, 28, 16, 2, 32),
    Shape(20000, 784, 256, 10, 256),
    Shape(50000, 100, 512, 2, 512),
    Shape(2000, 2000, 50, 2, 100),
    Shape(150, 4, 10, 3, 150),
]


@dataclass(frozen=True)
class Problem:
    """Training and held-out examples of a shape."""

    shape: Shape
    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray


def make_problem(shape, dtype):
    """Draw a problem: normal clusters, several to a class, that overlap somewhat."""
    rng = np.random.default_rng(SEED)
    n_clusters = CLUSTERS_PER_CLASS * shape.n_classes
    directions = rng.standard_normal((n_clusters, shape.n_features))
    centres = CENTRE_NORM * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    cluster = rng.integers(n_clusters, size=shape.n_samples + HELD_OUT)
    X = rng.standard_normal((len(cluster), shape.n_features), dtype=np.float32)
    X = (X + centres[cluster]).astype(dtype)
    y = cluster % shape.n_classes
    n = shape.n_samples
    return Problem(shape, X[:n], y[:n], X[n:], y[n:])
