"""Checks of the data that a fit is given: X, y and weights, and a validation set that was not transformed like X."""

import sys

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import column_or_1d
from sklearn.utils.validation import _check_sample_weight, check_consistent_length, validate_data

from ..training.sparse_checks import check_sparse
from .targets import exact
from .user_warnings import warn_user

UNTRANSFORMED = (
    " A Pipeline transforms X but not X_val, unless it is told to: Pipeline(steps, transform_input=['X_val']), with"
    " metadata routing. See the example in the docstring of fit."
)
FEWEST_ROWS, MOST_ROWS = 20, 200  # of X and X_val that are compared
PLAIN_SIZE = 100_000  # numbers, at most, of an X whose checks take longer than what is done with it
MOST_KNOWN = 100
FORMATS = ["csr", "csc"]  # of sparse matrices; others are converted to the first


def check_arrays(estimator, *data, **options):
    """Return the data as arrays; whole numbers beyond the floats are no other error than infinity."""
    try:
        return validate_data(estimator, *data, **options)
    except OverflowError as error:
        raise ValueError(f"Input contains a value too large for a float: {error}.") from error


def check_examples(estimator, X, y, sample_weight, *, reset):
    """Return X, y and sample_weight of a fit, checked.

    The estimator is told the number and the names of the features if ``reset``, and else compared with.
    """
    if sample_weight is None and not reset and _are_plain(estimator, X, y):
        return X, y, None
    X, y = check_arrays(
        estimator,
        check_sparse(X),
        check_sparse(exact(y), "y"),
        accept_sparse=FORMATS,
        multi_output=True,
        y_numeric=isinstance(estimator, RegressorMixin),
        dtype=(np.float64, np.float32),
        reset=reset,
    )
    if y.ndim == 2 and y.shape[1] == 1:
        y = column_or_1d(y, warn=True)
    return X, y, _check_weights(sample_weight, X)


def _are_plain(estimator, X, y):
    """Return whether X and y are arrays of finite numbers that scikit-learn's checks would return as they are.

    Those checks take longer than the training on a few rows.
    """
    return (
        type(X) is type(y) is np.ndarray
        and X.dtype.char in "fd"
        and X.dtype.isnative
        and not hasattr(estimator, "feature_names_in_")
        and plain_array(X, estimator.n_features_in_, None) is not None
        and X.size <= PLAIN_SIZE
        and y.dtype.kind in "biuf"
        and len(X) == len(y) > 0
        and y.ndim == 1
        and bool(np.isfinite(X).all() and np.isfinite(y).all())
    )


# By the id of a model's feature_names_in_: that array, and columns of a DataFrame that were found to be the same.
_known_columns: dict = {}


def remember_columns(X, names):
    """Remember that the columns of X, if it is a DataFrame of pandas, are those names in that order."""
    if names is not None and _is_pandas(X):
        if len(_known_columns) >= MOST_KNOWN:
            _known_columns.clear()
        _known_columns[id(names)] = names, X.columns


def plain_array(X, n_features, names):
    """Return X as an array if it consists of real numbers and has the features of the fit, else None.

    All that is then left to check is whether its numbers are finite, which the kernel finds out in passing;
    scikit-learn's checks take longer than the prediction of a row.

    Parameters
    ----------
    X : object
    n_features : int
        The number of features in the fit.
    names : ndarray or None
        Their names, if there were any.
    """
    if names is not None:
        known = _known_columns.get(id(names))
        same = known and _is_pandas(X) and X.size <= PLAIN_SIZE and known[0] is names and X.columns.is_(known[1])
        X = X.to_numpy() if same else None
    plain = (
        type(X) in (np.ndarray, np.memmap)
        and X.ndim == 2
        and len(X) > 0
        and X.shape[1] == n_features
        and X.dtype.kind in "fiub"
    )
    return X if plain else None


def _is_pandas(X):
    return "pandas" in sys.modules and type(X) is sys.modules["pandas"].DataFrame


def check_validation_set(estimator, X_train, X, y, sample_weight):
    """Return X_val, y_val and sample_weight_val, checked, or None if there is no validation set."""
    if X is None and y is None:
        if sample_weight is not None:
            raise ValueError("sample_weight_val is provided, but X_val and y_val were not provided.")
        return None
    if X is None or y is None:
        given, missing = ("X_val", "y_val") if y is None else ("y_val", "X_val")
        raise ValueError(f"{given} is provided, but {missing} was not provided.")
    options = {"accept_sparse": FORMATS, "dtype": X_train.dtype}
    of_y = {"multi_output": True, "y_numeric": isinstance(estimator, RegressorMixin)}
    only_X_val_has_names = _has_names(X) and not hasattr(estimator, "feature_names_in_")
    if only_X_val_has_names:
        # by way of some other estimator to an array without names: scikit-learn would warn of those of "X"
        X = check_arrays(BaseEstimator(), X, **options)
    X, y = check_arrays(
        estimator, check_sparse(X, "X_val"), check_sparse(exact(y), "y_val"), reset=False, **options, **of_y
    )
    check_consistent_length(X, y)
    sample_weight = _check_weights(sample_weight, X)
    if only_X_val_has_names:
        warn_user(f"X_val has feature names, but X has none.{UNTRANSFORMED}")
    else:
        warn_of_ranges(X_train, X)
    return X, y, sample_weight


def _check_weights(sample_weight, X):
    if sample_weight is None:
        return None
    return _check_sample_weight(sample_weight, X, dtype=X.dtype, ensure_non_negative=True)


def _has_names(X):
    """Return whether X is a table whose columns have names."""
    names = list(getattr(X, "columns", ()))
    return bool(names) and all(isinstance(name, str) for name in names)


def warn_of_ranges(X, X_val):
    """Warn if in at least a quarter of the features most values of X_val lie far outside the range of X.

    Far is more than half of that range. Only some rows are compared, however many there are, and if there are too few,
    nothing is said. Where X and X_val are parts of the same data, few features are so, if any: there a value lies
    outside the range of n others with probability 2 / (n + 1).
    """
    if X.shape[0] < FEWEST_ROWS or X_val.shape[0] < FEWEST_ROWS // 2:
        return
    X, X_val = _some_rows(X), _some_rows(X_val)
    low, high = _dense(X.min(axis=0)), _dense(X.max(axis=0))
    with np.errstate(over="ignore"):
        far = (high - low) / 2
        counts = _count_outside(X_val, low - far, high + far)
    outside = (counts > X_val.shape[0] / 2) & (far > 0)
    if outside.any() and outside.sum() >= (far > 0).sum() / 4:
        warn_user(
            f"Most values of X_val lie far outside the range of X in {outside.sum()} of {len(far)} features."
            f"{UNTRANSFORMED}"
        )


def _some_rows(X):
    return X[:: -(-X.shape[0] // MOST_ROWS)]


def _dense(row):
    return row.toarray().ravel() if sparse.issparse(row) else row


def _count_outside(X, low, high):
    """Return how many values of each column lie outside these bounds; of a sparse matrix, of those it stores."""
    if not sparse.issparse(X):
        return ((X < low) | (X > high)).sum(axis=0)
    X = X.tocoo()
    columns = X.col[(X.data < low[X.col]) | (X.data > high[X.col])]
    return np.bincount(columns, minlength=X.shape[1])
