"""The inputs of a network: which columns a table gets, and what is in them."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator

from shallownet import PiecewiseLinearEncoder, SmoothClipScaler
from shallownet.tabular.table_encoder import MAX_CATEGORIES, TableEncoder
from shallownet.tabular.tables import read_table


def read(X):
    return read_table(BaseEstimator(), X, "from_dtype")


def encoded(fitted_on, X=None, n_bins=8, max_bins_total=400):
    encoder = TableEncoder(n_bins, max_bins_total).fit(read(fitted_on))
    return encoder.transform(read(fitted_on if X is None else X))


NUMBERS = np.random.RandomState(0).normal(size=(60, 3))


def test_numbers_stand_scaled_beside_their_bins():
    found = encoded(NUMBERS)
    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    assert_allclose(found[:, :3], SmoothClipScaler().fit_transform(NUMBERS), rtol=1e-6)
    assert_allclose(found[:, 3:], PiecewiseLinearEncoder(8).fit_transform(NUMBERS), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("n_bins", "max_bins_total", "each"),
    [(8, 400, 8), (8, 24, 8), (8, 23, 7), (8, 12, 4), (8, 11, 0), (0, 400, 0), (2, 400, 2), (2, 6, 2), (2, 5, 0)],
)
def test_the_number_of_bins(n_bins, max_bins_total, each):
    assert encoded(NUMBERS, n_bins=n_bins, max_bins_total=max_bins_total).shape[1] == 3 + 3 * each


def test_a_feature_of_two_values_has_no_bins():
    assert encoded(np.repeat([[0.0], [1.0]], 5, axis=0)).shape[1] == 1


def test_a_missing_number_takes_the_median_and_a_column():
    X = NUMBERS.copy()
    X[:7, 1] = np.nan
    found, full = encoded(X), encoded(np.where(np.isnan(X), np.nanmedian(X, axis=0), X))
    assert found.shape[1] == full.shape[1] + 1
    assert_array_equal(found[:, -1], np.isnan(X[:, 1]))
    assert_array_equal(found[:7, 1], 0)
    # at a time when the fit had none missing there is no such column
    assert_allclose(encoded(NUMBERS, X)[:7, 1], 0, atol=1e-7)


def test_a_column_of_numbers_without_any():
    X = np.column_stack([NUMBERS, np.full(60, np.nan)])
    found = encoded(X)
    assert_array_equal(found[:, 3], 0)
    assert_array_equal(found[:, -1], 1)
    assert np.isfinite(encoded(X, np.ones((2, 4)))).all()


def test_categories_have_a_column_a_level():
    frame = pd.DataFrame({"a": ["x", "y", None, "x"], "b": [True, False, True, True]})
    assert_array_equal(encoded(frame), [[1, 0, 0, 0, 1], [0, 1, 0, 1, 0], [0, 0, 1, 0, 1], [1, 0, 0, 0, 1]])
    later = pd.DataFrame({"a": ["z", "y"], "b": [None, True]})
    assert_array_equal(encoded(frame, later), [[0, 0, 0, 0, 0], [0, 1, 0, 0, 1]])


def test_rare_levels_share_a_column_with_unknown_ones():
    levels = [f"level {i}" for i in range(150)]
    frame = pd.DataFrame({"a": levels[:99] * 3 + levels[99:]})
    found = encoded(frame, pd.DataFrame({"a": ["level 3", "level 120", "level 149", "never seen", None]}))
    assert found.shape[1] == MAX_CATEGORIES
    assert_array_equal(found.sum(axis=1), 1)
    columns = found.argmax(axis=1)
    assert columns[0] != columns[1]
    assert len(set(columns[1:])) == 1


def test_numbers_come_before_categories_wherever_they_stand():
    frame = pd.DataFrame({"a": ["x", "y", "x"], "b": [0.0, 1.0, 1.0]})
    assert_allclose(encoded(frame), encoded(frame[["b", "a"]]))
    assert_allclose(encoded(frame)[:, 1:], [[1, 0], [0, 1], [1, 0]])


def test_strings_and_numbers_in_one_category_are_an_error():
    with pytest.raises(TypeError, match="uniformly strings or numbers"):
        encoded(pd.DataFrame({"a": ["x", 1, 2.5]}, dtype=object))
