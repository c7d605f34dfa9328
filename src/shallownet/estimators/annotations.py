"""The types of what the public methods take, for type checkers and editors."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import _fit_context
from sklearn.utils.metaestimators import available_if

from .callbacks import with_callbacks

Activation = Literal["identity", "logistic", "sigmoid", "tanh", "relu", "leaky_relu", "gelu", "silu", "softplus"]
Solver = Literal["lbfgs", "sgd", "adam"]
Schedule = Literal["constant", "invscaling", "adaptive", "cosine"]
BatchSize = int | float | Literal["auto", "full"]
Initialization = (
    Literal["glorot_uniform", "he_normal", "small_normal", "zeros"] | tuple[Sequence[Any], Sequence[Any]] | list[Any]
)
RandomState = int | np.random.RandomState | None
ClassWeight = dict[Any, float] | Literal["balanced"] | None
Scoring = str | Callable[..., float] | None
# data frames and sparse matrices, of libraries that need not be installed, say nothing that NumPy's types would know
Data = ArrayLike | Any
Routing = bool | str | None  # what a set_..._request is told of a metadata
Method = TypeVar("Method", bound=Callable[..., Any])


def checked_method(method: Method) -> Method:
    """Return a method that fits, with scikit-learn's checks of parameters around it.

    scikit-learn's decorators have no types: through them, a type checker would lose the method's.
    """
    return _fit_context(prefer_skip_nested_validation=True)(method)


def fit_method(method: Method) -> Method:
    """Return a method that fits, with scikit-learn's checks of parameters and callbacks around it."""
    return checked_method(with_callbacks(method))


def if_stochastic(method: Method) -> Method:
    """Return a method that estimators have whose solver takes the data in batches."""
    return available_if(lambda self: self._check_stochastic())(method)
