"""A neural network with one hidden layer for scikit-learn, compiled with Numba.

The docstrings of ShallowNetClassifier and ShallowNetRegressor describe their parameters; TabularNetClassifier and
TabularNetRegressor take tables as they are. To read or change the sources, begin with the docstring of
``shallownet.kernels``, which has the call tree and a glossary.
"""

from ._version import __version__
from .estimators.classifier import ShallowNetClassifier
from .estimators.regressor import ShallowNetRegressor
from .estimators.warmup import warmup
from .tabular.classifier import TabularNetClassifier
from .tabular.encoders import PiecewiseLinearEncoder, SmoothClipScaler
from .tabular.regressor import TabularNetRegressor

__all__ = [
    "PiecewiseLinearEncoder",
    "ShallowNetClassifier",
    "ShallowNetRegressor",
    "SmoothClipScaler",
    "TabularNetClassifier",
    "TabularNetRegressor",
    "__version__",
    "warmup",
]
