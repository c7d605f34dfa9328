"""Tables are read as numbers and categories, whichever library holds them."""

from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator

from shallownet.tabular.tables import read_table

COLUMNS = {
    "size": [1.5, None, 3.0, 4.0],
    "count": [1, 2, 3, 4],
    "colour": ["red", "green", None, "red"],
    "ripe": [True, False, None, True],
}
PANDAS = pd.DataFrame(COLUMNS)
POLARS = pl.DataFrame(COLUMNS)
ARRAY = PANDAS.astype(object).to_numpy()
TABLES = {
    "pandas": PANDAS,
    "pandas, nullable": PANDAS.convert_dtypes(),
    "pandas, categories": PANDAS.astype({"colour": "category", "ripe": "category"}),
    "pandas, objects": PANDAS.astype(object).where(PANDAS.notna(), None),
    "pandas, pyarrow": PANDAS.convert_dtypes(dtype_backend="pyarrow"),
    "polars": POLARS,
    "polars, categories": POLARS.with_columns(pl.col("colour").cast(pl.Categorical)),
    "polars, enums": POLARS.with_columns(pl.col("colour").cast(pl.Enum(["green", "red"]))),
    "array of objects": ARRAY,
    "list of lists": [[None if value is np.nan else value for value in row] for row in ARRAY.tolist()],
}


def read(X, categorical_features="from_dtype"):
    return read_table(BaseEstimator(), X, categorical_features)


@pytest.mark.parametrize("name", TABLES)
def test_every_kind_of_table_is_read_alike(name):
    table = read(TABLES[name])
    assert_array_equal(table.is_categorical, [False, False, True, True])
    assert_array_equal(table.numbers, [[1.5, 1], [np.nan, 2], [3, 3], [4, 4]])
    assert table.numbers.dtype == np.float64
    expected = [["red", True], ["green", False], [np.nan, np.nan], ["red", True]]
    assert table.categories.dtype == object
    for found_row, row in zip(table.categories, expected, strict=True):
        for found, value in zip(found_row, row, strict=True):
            assert found == value or (found != found and value != value)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int8, np.uint64, bool, np.float16])
def test_an_array_of_numbers_has_no_categories(dtype):
    table = read(np.ones((3, 2), dtype))
    assert not table.is_categorical.any()
    assert_array_equal(table.numbers, np.ones((3, 2)))
    assert table.numbers.dtype == (np.float32 if dtype is np.float32 else np.float64)
    assert table.categories.shape == (3, 0)


def test_an_array_of_strings_has_no_numbers():
    table = read(np.array([["a", "1"], ["b", "2"]]))
    assert table.is_categorical.all()
    assert_array_equal(table.categories, [["a", "1"], ["b", "2"]])


def test_objects_that_are_numbers_are_numbers():
    frame = pd.DataFrame({"a": [Decimal("1.5"), None], "b": pd.Series([1, 2.5], dtype=object)})
    assert_array_equal(read(frame).numbers, [[1.5, 1], [np.nan, 2.5]])
    assert_array_equal(read(pl.DataFrame({"a": [Decimal("1.5"), None]})).numbers, [[1.5], [np.nan]])
    assert_array_equal(read(np.array([[1, None], [2.5, 3]], object)).numbers, [[1, np.nan], [2.5, 3]])


@pytest.mark.parametrize("library", [pd, pl], ids=["pandas", "polars"])
def test_a_column_without_values_is_a_category(library):
    assert_array_equal(read(library.DataFrame({"a": [None, None], "b": [1.0, 2.0]})).is_categorical, [True, False])


@pytest.mark.parametrize(
    "chosen", [["count"], [1], [False, True, False, False], np.array([1]), np.array(["count"], object), ("count",)]
)
def test_categories_that_are_named(chosen):
    frame = PANDAS[["size", "count"]].assign(x=0.0, y=1.0)
    table = read(frame, chosen)
    assert_array_equal(table.is_categorical, [False, True, False, False])
    assert_array_equal(table.categories, [[1], [2], [3], [4]])


@pytest.mark.parametrize("chosen", [None, []])
def test_no_categories(chosen):
    assert not read(PANDAS[["size", "count"]], chosen).is_categorical.any()
    with pytest.raises(ValueError, match="could not convert string to float"):
        read(PANDAS[["size", "colour"]], chosen)


@pytest.mark.parametrize(
    ("X", "chosen", "message"),
    [
        (PANDAS, ["weight"], "item value 'weight' which is not a valid feature name"),
        (ARRAY, ["size"], "integers or as a boolean mask"),
        (ARRAY, [4], r"must be in \[0, n_features - 1\] = \[0, 3\], got: \[4\]"),
        (ARRAY, [-1], r"must be in \[0, n_features - 1\]"),
        (ARRAY, [True], r"must have shape \(n_features,\) = \(4,\), got: \(1,\)"),
        (ARRAY, [1.5], "must be an array-like of bool, int or str, got"),
        (ARRAY, [1, "a"], "integers or as a boolean mask"),
        (PANDAS, np.array([1, "size"], object), "must be an array-like of bool, int or str, got"),
    ],
)
def test_bad_categorical_features(X, chosen, message):
    with pytest.raises(ValueError, match=message):
        read(X, chosen)


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"when": pd.to_datetime(["2020-01-01", "2021-01-01"])}),
        pd.DataFrame({"when": pd.to_timedelta([1, 2], "D")}),
        pl.DataFrame({"when": ["2020-01-01"]}).with_columns(pl.col("when").str.to_date()),
        pl.DataFrame({"when": [[1, 2]]}),
    ],
    ids=["dates", "durations", "dates of polars", "lists of polars"],
)
def test_other_dtypes_are_named(frame):
    with pytest.raises(TypeError, match="Column 'when' has the dtype .* convert dates"):
        read(frame)


@pytest.mark.parametrize("X", [np.array([[np.inf]]), pd.DataFrame({"a": [np.inf]}), pl.DataFrame({"a": [-np.inf]})])
def test_infinity_is_an_error(X):
    with pytest.raises(ValueError, match="infinity"):
        read(X)


@pytest.mark.parametrize("library", [pd, pl], ids=["pandas", "polars"])
def test_a_frame_without_rows_or_columns(library):
    with pytest.raises(ValueError, match=r"0 sample\(s\)"):
        read(library.DataFrame({"a": []}))
    with pytest.raises(ValueError, match=r"0 feature\(s\)|0 sample\(s\)"):
        read(library.DataFrame())


def test_a_table_is_read_as_in_the_fit():
    """What is a category is so in every prediction, though its dtype may have changed."""
    frame = pd.DataFrame({"a": ["1", "2"], "b": [1.0, 2.0]})
    later = pd.DataFrame({"a": [1, 2], "b": ["1.0", "2.5"]})
    estimator = BaseEstimator()
    fitted = read_table(estimator, frame, "from_dtype")
    table = read_table(estimator, later, is_categorical=fitted.is_categorical)
    assert_array_equal(table.categories, [[1], [2]])
    assert_array_equal(table.numbers, [[1.0], [2.5]])


def test_rows_are_taken():
    table = read(PANDAS)
    assert len(table) == 4
    for rows in (slice(1, 3), np.array([1, 2]), np.array([False, True, True, False])):
        taken = table.take(rows)
        assert_array_equal(taken.numbers, table.numbers[1:3])
        assert taken.categories[0, 0] == "green"
