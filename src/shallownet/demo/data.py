"""The data of the job: a data set that is included, or a CSV file with columns of numbers and of categories."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import sklearn.datasets
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from ..datasets import DATASETS
from .csv_files import DataError, Dialect, Table, is_number, listed, read

# Maximum number of features for a column of categories: names or free text would make thousands. Rare values share one.
MOST_CATEGORIES = 100


class Data(NamedTuple):
    """A problem of classification or regression, and the preprocessing of its features."""

    name: str
    X: Any  # array or DataFrame
    y: np.ndarray
    preprocessing: Any  # an unfitted transformer
    image_shape: tuple[int, int] | None = None  # height and width, if the features are the pixels of an image
    about: tuple[str, ...] = ()  # lines that say how a file's rows and columns are used
    notes: tuple[str, ...] = ()  # lines about likely mistakes in a file
    regression: bool = False  # whether y is numbers to predict, not classes

    @property
    def in_a_plane(self) -> bool:
        """Whether there are two features, both numbers."""
        return self.X.shape[1] == 2 and (isinstance(self.X, np.ndarray) or all(map(is_number, self.X.dtypes)))


SETS: dict[str, Callable[[], tuple[np.ndarray, np.ndarray]]] = {
    "digits": lambda: sklearn.datasets.load_digits(return_X_y=True),
    "breast_cancer": lambda: sklearn.datasets.load_breast_cancer(return_X_y=True),
    "iris": lambda: sklearn.datasets.load_iris(return_X_y=True),
    "wine": lambda: sklearn.datasets.load_wine(return_X_y=True),
    "diabetes": lambda: sklearn.datasets.load_diabetes(return_X_y=True),
    **DATASETS,
}
REGRESSION = {"diabetes"}
IMAGE_SHAPES = {"digits": (8, 8)}


def load(source: str, target: str | None, dialect: Dialect | None = None, regression: bool = False) -> Data:
    """Return the data set of that name, or the file at that path whose column ``target`` is to be predicted.

    Its numbers are classes if they are whole and ``regression`` does not say otherwise.
    """
    if source in SETS:
        if target is not None:
            raise DataError(f"--target belongs to a file, but {source} is a data set that comes along")
        if regression and source not in REGRESSION:
            raise DataError(f"--regression belongs to a file, but {source} is a data set that comes along")
        X, y = SETS[source]()
        return Data(source, X, y, StandardScaler(), IMAGE_SHAPES.get(source), regression=source in REGRESSION)
    if not Path(source).exists():
        raise DataError(f"no file {source!r}, and no data set of that name: there are {', '.join(SETS)}")
    table = read(source, dialect or Dialect())
    columns = table.frame.columns
    if target is None:
        raise DataError(f"{source} needs --target, one of its columns: {listed(columns)}")
    if target not in columns:
        more = "; --separator says what stands between them" if len(columns) == 1 else ""
        raise DataError(f"{source} has no column {target!r}; its columns are {listed(columns)}{more}")
    about = []
    n_rows, frame = len(table.frame), table.frame.dropna(subset=[target])
    if len(frame) < n_rows:
        about.append(f"rows left out, as their {target!r} is empty: {n_rows - len(frame):,} of {n_rows:,}")
    y, regression = _targets(frame[target], source, regression)
    X, preprocessing, columns_line = _features(table._replace(frame=frame.drop(columns=target)), source)
    about.append(columns_line)
    return Data(
        Path(source).stem, X, y, preprocessing, about=tuple(about), notes=tuple(table.notes), regression=regression
    )


def _targets(column: Any, path: str, regression: bool) -> tuple[np.ndarray, bool]:
    """Return the target column as an array, and whether it has numbers to predict rather than class labels."""
    name = column.name
    if column.empty:
        raise DataError(f"{path}: the target column {name!r} has empty cells only")
    if not is_number(column.dtype) and column.dtype != bool:
        column = column.map(str).astype(object)
    y = column.to_numpy()
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        raise DataError(f"{path}: the target column {name!r} has an infinite number")
    if regression and y.dtype.kind not in "fiub":
        raise DataError(f"{path}: the target column {name!r} has text, not numbers, so it cannot be for --regression")
    regression = regression or (y.dtype.kind == "f" and bool((np.trunc(y) != y).any()))
    if column.nunique() == 1:
        only = "one number" if regression else "one class"
        raise DataError(f"{path}: the target column {name!r} has {only} only, {y.tolist()[0]!r}")
    return (y.astype(float) if regression else y), regression


def _features(table: Table, path: str) -> tuple[Any, Any, str]:
    """Return the columns of features, their transformer to scaled numbers, and a line that says how each is used.

    Columns from which nothing can be learned are left out.
    """
    dropped = {name: reason for name in table.frame if (reason := _useless(table.frame[name]))}
    frame = table.frame.drop(columns=list(dropped))
    numbers = [name for name in frame if is_number(frame[name].dtype)]
    categories = [name for name in frame if name not in numbers]
    reasons = [f"{name} ({reason})" for name, reason in dropped.items()]
    if frame.shape[1] == 0:
        left_out = [f"left out: {listed(reasons)}"] if dropped else []
        message = f"{path} has no column with values beside the target"
        raise DataError("; ".join([message, *left_out, *table.notes]))
    for name in numbers:
        if np.isinf(frame[name]).any():
            raise DataError(f"{path}: column {name!r} has an infinite number")
    # each column of categories gets one type; empty cells stay empty and become a category
    frame = frame.assign(**{name: frame[name].map(str, na_action="ignore").astype(object) for name in categories})
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
    shown = [f"{name} (dates, as days)" if name in table.dates else name for name in numbers]
    kinds = {"numbers": shown, "categories": categories, "left out": reasons}
    line = "; ".join(f"{kind}: {listed(names) if names else 'none'}" for kind, names in kinds.items())
    return frame, preprocessing, f"columns of {line}"


def _useless(column: Any) -> str:
    """Return why nothing can be learned from a column, or an empty text."""
    if column.isna().all():
        return "no values"
    if is_number(column.dtype):
        if str(column.name).startswith("Unnamed:") and column.is_monotonic_increasing and column.is_unique:
            return "row numbers"
        return "one value only" if column.nunique() == 1 else ""
    if column.nunique(dropna=False) == 1:
        return "one value only"
    return "no value twice" if len(column) > 2 and column.nunique() == len(column) else ""
