"""A neural network with one hidden layer for scikit-learn, compiled with Numba."""

from ._version import __version__
from .estimators.classifier import ShallowNetClassifier
from .estimators.warmup import warmup

__all__ = ["ShallowNetClassifier", "__version__", "warmup"]
