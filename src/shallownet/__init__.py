"""A neural network with one hidden layer for scikit-learn, compiled with Numba."""

from ._classifier import ShallowNetClassifier
from ._version import __version__

__all__ = ["ShallowNetClassifier", "__version__"]
