"""A neural network with one hidden layer for scikit-learn, compiled with Numba.

The docstrings of ShallowNetClassifier and ShallowNetRegressor describe their parameters. To read or change the sources,
begin with the docstring of ``shallownet.kernels``, which has the call tree and a glossary.
"""

from ._version import __version__
from .estimators.classifier import ShallowNetClassifier
from .estimators.regressor import ShallowNetRegressor
from .estimators.warmup import warmup

__all__ = ["ShallowNetClassifier", "ShallowNetRegressor", "__version__", "warmup"]
