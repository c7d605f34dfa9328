"""Reading tables: DataFrames of pandas or polars, and arrays, as a matrix of numbers and a matrix of categories."""

import sys
from dataclasses import dataclass

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import _num_samples, validate_data

NUMBERS = {"dtype": (np.float64, np.float32), "ensure_all_finite": "allow-nan"}
OF_NUMBERS = {"integer", "floating", "mixed-integer-float", "decimal"}  # what pandas finds in columns of objects
FROM_DTYPE = "from_dtype"


@dataclass(frozen=True)
class Table:
    """A table, split by the kind of its columns."""

    is_categorical: np.ndarray  # (n_columns,) of bool
    numbers: np.ndarray  # (n, n_numbers) of float64 or float32; NaN is a missing value
    categories: np.ndarray  # (n, n_categorical) of objects: strings, numbers or booleans; NaN is a missing value

    def __len__(self):
        return len(self.numbers)

    def take(self, rows):
        """Return some of the rows: a slice of them, or a copy of those that a mask or indices name."""
        return Table(self.is_categorical, self.numbers[rows], self.categories[rows])


def read_table(estimator, X, categorical_features=None, is_categorical=None):
    """Return the Table of X, checked.

    Parameters
    ----------
    estimator : estimator
        In a fit it is told the number and the names of the columns, which a prediction compares with.
    X : object
        What the user gave.
    categorical_features : object
        In a fit, the parameter of that name.
    is_categorical : ndarray of bool
        In a prediction, which columns were categorical in the fit; None in a fit.

    Raises
    ------
    ValueError, TypeError
        If X is no table of numbers and categories with the columns of the fit, or has an infinite number.
    """
    reset = is_categorical is None
    frame = _frame_of(X)
    if frame is None:
        X = validate_data(estimator, X, dtype=None, ensure_all_finite="allow-nan", reset=reset)
        columns, names = X, None
    else:
        validate_data(estimator, X, skip_check_array=True, reset=reset)
        if min(X.shape) == 0:
            check_array(np.empty(X.shape), estimator=estimator)  # says so
        columns, names = frame(X), list(X.columns)
    if reset:
        is_categorical = _categorical_columns(columns, names, X.shape[1], categorical_features)
    numbers = _numbers(estimator, columns, np.flatnonzero(~is_categorical))
    categories = _categories(columns, np.flatnonzero(is_categorical), _num_samples(X))
    return Table(is_categorical, numbers, categories)


# --- the columns of DataFrames ----------------------------------------------------------------------------


class _PandasColumns:
    """The columns of a DataFrame of pandas, by their positions."""

    def __init__(self, frame):
        self.frame = frame

    def by_dtype(self):
        """Return which columns are categorical by their dtypes."""
        return np.array([self._is_categorical(i, dtype) for i, dtype in enumerate(self.frame.dtypes)])

    def _is_categorical(self, position, dtype):
        types = sys.modules["pandas"].api.types
        if isinstance(dtype, sys.modules["pandas"].CategoricalDtype) or types.is_bool_dtype(dtype):
            return True
        if dtype == np.dtype(object):
            return types.infer_dtype(self.frame.iloc[:, position], skipna=True) not in OF_NUMBERS
        if not types.is_numeric_dtype(dtype) and not types.is_string_dtype(dtype):
            raise _bad_dtype(self.frame.columns[position], dtype)
        return not types.is_numeric_dtype(dtype)

    def numbers(self, positions, estimator):
        return check_array(self.frame.iloc[:, positions], estimator=estimator, input_name="X", **NUMBERS)

    def objects(self, position):
        column = self.frame.iloc[:, position]
        objects = np.array(column, dtype=object)
        objects[column.isna().to_numpy()] = np.nan
        return objects


class _PolarsColumns:
    """The columns of a DataFrame of polars, by their positions."""

    def __init__(self, frame):
        self.frame = frame

    def by_dtype(self):
        """Return which columns are categorical by their dtypes."""
        polars = sys.modules["polars"]
        categorical = polars.Categorical, polars.Enum, polars.String, polars.Boolean, polars.Object, polars.Null
        found = []
        for name, dtype in self.frame.schema.items():
            found.append(any(dtype == kind for kind in categorical))
            if not found[-1] and not dtype.is_numeric():
                raise _bad_dtype(name, dtype)
        return np.array(found)

    def numbers(self, positions, estimator):
        polars = sys.modules["polars"]
        series = [self.frame.to_series(int(position)) for position in positions]
        X = np.column_stack([column.cast(polars.Float64).to_numpy() for column in series])
        return check_array(X, estimator=estimator, input_name="X", **NUMBERS)

    def objects(self, position):
        column = self.frame.to_series(int(position))
        objects = np.empty(len(column), dtype=object)
        objects[:] = column.to_list()
        objects[column.is_null().to_numpy()] = np.nan
        return objects


def _frame_of(X):
    """Return the class that reads the columns of X, None if X is no DataFrame that is known here."""
    for library, columns in (("pandas", _PandasColumns), ("polars", _PolarsColumns)):
        if library in sys.modules and isinstance(X, sys.modules[library].DataFrame):
            return columns
    return None


def _bad_dtype(name, dtype):
    return TypeError(
        f"Column {name!r} has the dtype {dtype}. A column must hold numbers, booleans, strings or categories: convert"
        " dates and durations to numbers first."
    )


# --- which columns are categorical ------------------------------------------------------------------------


def _categorical_columns(columns, names, n_columns, categorical_features):
    """Return which columns are categorical, as a mask."""
    if categorical_features is None:
        return np.zeros(n_columns, bool)
    if isinstance(categorical_features, str) and categorical_features == FROM_DTYPE:
        return columns.by_dtype() if names is not None else _by_values(columns)
    chosen = np.asarray(categorical_features)
    mask = np.zeros(n_columns, bool)
    if chosen.size == 0:
        return mask
    if chosen.dtype.kind == "b" and chosen.shape == (n_columns,):
        return chosen.copy()
    if chosen.dtype.kind == "b":
        raise ValueError(
            f"categorical_features set as a boolean mask must have shape (n_features,) = ({n_columns},), got:"
            f" {chosen.shape}"
        )
    if chosen.dtype.kind in "iu":
        if chosen.min() < 0 or chosen.max() >= n_columns:
            raise ValueError(
                "categorical_features set as integer indices must be in [0, n_features - 1] ="
                f" [0, {n_columns - 1}], got: {categorical_features!r}"
            )
        mask[chosen] = True
        return mask
    if chosen.dtype.kind not in "UO" or not all(isinstance(name, str) for name in chosen.ravel()):
        raise ValueError(
            f"categorical_features must be an array-like of bool, int or str, got: {categorical_features!r}."
        )
    for name in chosen.ravel():
        mask[_position(name, names)] = True
    return mask


def _position(name, names):
    if names is None:
        raise ValueError(
            "categorical_features should be passed as an array of integers or as a boolean mask when the model is"
            " fitted on data without feature names."
        )
    if name not in names:
        raise ValueError(
            f"categorical_features has an item value {str(name)!r} which is not a valid feature name of the training"
            f" data. Observed feature names: {names}"
        )
    return names.index(name)


def _by_values(X):
    """Return which columns of an array hold anything else than numbers; only an array of objects holds both."""
    if X.dtype.kind != "O":
        return np.full(X.shape[1], X.dtype.kind in "US")
    return np.array([not all(_is_number(value) for value in column) for column in X.T])


def _is_number(value):
    return value is None or (isinstance(value, (int, float, np.number)) and not isinstance(value, bool))


# --- numbers and categories -------------------------------------------------------------------------------


def _numbers(estimator, columns, positions):
    """Return these columns as a matrix of numbers."""
    n_columns = len(positions)
    if not isinstance(columns, np.ndarray):
        if n_columns == 0:
            return np.empty((columns.frame.shape[0], 0))
        return columns.numbers(positions, estimator)
    X = columns if n_columns == columns.shape[1] else columns[:, positions]
    return check_array(X, estimator=estimator, input_name="X", ensure_min_features=0, **NUMBERS)


def _categories(columns, positions, n_rows):
    """Return these columns as a matrix of objects, in which NaN is the only missing value."""
    found = np.empty((n_rows, len(positions)), dtype=object)
    for i, position in enumerate(positions):
        found[:, i] = _objects(columns[:, position]) if isinstance(columns, np.ndarray) else columns.objects(position)
    return found


def _objects(column):
    objects = column.astype(object)
    if column.dtype.kind == "O":
        objects[[value is None for value in column]] = np.nan
    return objects
