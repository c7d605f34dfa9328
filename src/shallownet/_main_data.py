"""The data of the main job: a set that comes along, or a CSV file with number and category columns."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import sklearn.datasets
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from .datasets import DATASETS

# A column of names or free text must not become a hundred thousand columns: rarer values share one.
MOST_CATEGORIES = 100
SHOWN = 10  # column names in an error message


class DataError(Exception):
    """What is wrong with the data, in one line for the user."""


class Data(NamedTuple):
    """A classification problem, and the transformer that makes its features fit for a network.

    ``image_shape`` is the height and width of the images whose pixels the features are, None if they are none.
    """

    name: str
    X: Any
    y: np.ndarray
    preprocessing: Any
    image_shape: tuple[int, int] | None = None

    @property
    def in_a_plane(self) -> bool:
        """Whether there are two features, both numbers."""
        return self.X.shape[1] == 2 and (isinstance(self.X, np.ndarray) or all(map(_is_number, self.X.dtypes)))


SETS: dict[str, Callable[[], tuple[np.ndarray, np.ndarray]]] = {
    "digits": lambda: sklearn.datasets.load_digits(return_X_y=True),
    "breast_cancer": lambda: sklearn.datasets.load_breast_cancer(return_X_y=True),
    "iris": lambda: sklearn.datasets.load_iris(return_X_y=True),
    "wine": lambda: sklearn.datasets.load_wine(return_X_y=True),
    **DATASETS,
}
IMAGE_SHAPES = {"digits": (8, 8)}


def load(source: str, target: str | None, separator: str) -> Data:
    """Return the set of that name, or the file at that path with ``target`` as its column of classes."""
    if source in SETS:
        if target is not None:
            raise DataError(f"--target belongs to a file, but {source} is a data set that comes along")
        X, y = SETS[source]()
        return Data(source, X, y, StandardScaler(), IMAGE_SHAPES.get(source))
    if not Path(source).exists():
        raise DataError(f"no file {source!r}, and no data set of that name: there are {', '.join(SETS)}")
    table = _read(source, separator)
    if target is None:
        raise DataError(f"{source} needs --target, one of its columns: {_listed(table.columns)}")
    if target not in table.columns:
        raise DataError(f"{source} has no column {target!r}; its columns are {_listed(table.columns)}")
    y = _classes(table[target], source)
    X, preprocessing = _features(table.drop(columns=target), source)
    return Data(Path(source).stem, X, y, preprocessing)


def _read(path: str, separator: str) -> Any:
    """Return the rows of a CSV file as a DataFrame."""
    import pandas as pd

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # rows longer than the header
            table = pd.read_csv(
                path,
                sep=separator,
                index_col=False,  # a row longer than the header is an error, not a hidden index
                skipinitialspace=True,
                low_memory=False,
                compression=None,
                encoding="utf-8-sig",
            )
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    except pd.errors.EmptyDataError as error:
        raise DataError(f"{path} is empty") from error
    except (ValueError, pd.errors.ParserWarning) as error:
        raise DataError(f"{path} cannot be read as CSV: {_first_line(error)}") from error
    if table.empty:
        raise DataError(f"{path} has no rows below its header")
    return table


def _classes(column: Any, path: str) -> np.ndarray:
    """Return the target column as an array of class labels."""
    name = column.name
    empty = int(column.isna().sum())
    if empty:
        raise DataError(f"{path}: the target column {name!r} has empty cells, {empty} of {len(column)}")
    if not _is_number(column.dtype) and column.dtype != bool:
        column = column.map(str).astype(object)
    y = column.to_numpy()
    if y.dtype.kind == "f" and not np.all(np.isfinite(y) & (np.trunc(y) == y)):
        raise DataError(f"{path}: the target column {name!r} has continuous numbers, not classes")
    if column.nunique() == 1:
        raise DataError(f"{path}: the target column {name!r} has one class only, {y[0]!r}")
    return y


def _features(table: Any, path: str) -> tuple[Any, Any]:
    """Return the feature columns, and the transformer that turns them into numbers of one scale."""
    table = table.dropna(axis="columns", how="all")
    if table.shape[1] == 0:
        raise DataError(f"{path} has no column with values beside the target")
    numbers = [name for name in table if _is_number(table[name].dtype)]
    categories = [name for name in table if name not in numbers]
    for name in numbers:
        if np.isinf(table[name]).any():
            raise DataError(f"{path}: column {name!r} has an infinite number")
    # one type in each category column, with empty cells left empty: they become a category of their own
    table = table.assign(**{name: table[name].map(str, na_action="ignore").astype(object) for name in categories})
    preprocessing = make_column_transformer(
        (
            make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler()),
            numbers,
        ),
        (
            OneHotEncoder(handle_unknown="ignore", max_categories=MOST_CATEGORIES, sparse_output=False),
            categories,
        ),
    )
    return table, preprocessing


def _is_number(dtype: Any) -> bool:
    return getattr(dtype, "kind", "O") in "iuf"


def _listed(names: Any) -> str:
    shown = ", ".join(map(str, names[:SHOWN]))
    return shown if len(names) <= SHOWN else f"{shown} and {len(names) - SHOWN} more"


def _first_line(error: Exception | Warning) -> str:
    return str(error).strip().partition("\n")[0]
