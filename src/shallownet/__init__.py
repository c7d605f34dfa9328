"""A neural network with one hidden layer for scikit-learn, compiled with Numba."""

from ._classifier import ShallowNetClassifier
from ._version import __version__
from ._warmup import warmup

__all__ = ["ShallowNetClassifier", "__version__", "warmup"]
