"""The public transformers: their formulas, written out plainly, and what scikit-learn expects of transformers."""

import copy
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from shallownet import PiecewiseLinearEncoder, SmoothClipScaler

RNG = np.random.RandomState(0)
X = np.column_stack(
    [
        RNG.normal(5, 3, 101),
        RNG.standard_cauchy(101),  # outliers
        np.repeat([0.1, 7.0], [96, 5]),  # equal quartiles, whose interpolation would round
        RNG.randint(0, 4, 101),
        np.full(101, 3.7),
        np.append(np.zeros(80), RNG.lognormal(size=21)),  # zero-inflated
        np.concatenate([np.zeros(30), np.full(30, 9.0), RNG.normal(size=41)]),
    ]
)
EACH = pytest.mark.parametrize("transformer", [SmoothClipScaler(), PiecewiseLinearEncoder()], ids=["scaler", "encoder"])


@parametrize_with_checks(
    [
        SmoothClipScaler(),
        SmoothClipScaler(limit=1.5),
        PiecewiseLinearEncoder(),
        PiecewiseLinearEncoder(3, edges="tree", min_bins=2),
    ]
)
def test_scikit_learn_check(estimator, check):
    check(estimator)


def gaps(X):
    with_gaps = X.copy()
    with_gaps[::3] = np.nan
    return with_gaps


# --- SmoothClipScaler -------------------------------------------------------------------------------------


def smooth_clip(column, limit):
    """The formula, feature by feature."""
    low, first, median, third, high = np.percentile(column, [0, 25, 50, 75, 100])
    if low == high:
        return np.zeros_like(column)
    z = (column - median) / (third - first if third > first else (high - low) / 2)
    return z / np.sqrt(1 + (z / limit) ** 2)


@pytest.mark.parametrize("limit", [1.5, 3.0])
def test_scaler_follows_its_formula(limit):
    found = SmoothClipScaler(limit=limit).fit_transform(X)
    assert_allclose(found, np.column_stack([smooth_clip(column, limit) for column in X.T]), atol=1e-12)
    assert np.abs(found).max() <= limit
    assert_array_equal(found[:, 4], 0)


def test_scaler_measures_a_feature_with_equal_quartiles_by_its_range():
    scaler = SmoothClipScaler().fit(X)
    assert scaler.scale_[2] == pytest.approx(6.9 / 2)
    assert scaler.scale_[4] == np.inf
    assert_array_equal(scaler.transform(X + 1)[:, 4], 0)


def test_scaler_keeps_the_order_of_outliers_up_to_the_largest_numbers():
    X = np.array([[0.0], [1.0], [2.0], [3.0]])
    far = np.array([[-1.7e308], [-1e150], [-10.0], [10.0], [1e9], [1e308]])
    found = SmoothClipScaler().fit(X).transform(far).ravel()
    assert (np.diff(found) >= 0).all()
    assert_allclose(found[[0, 1, -1]], [-3, -3, 3])


def test_scaler_of_tiny_and_huge_ranges():
    for scale in (5e-324, 1e-300, 1e300):
        found = SmoothClipScaler().fit_transform(scale * np.arange(5.0)[:, np.newaxis])
        assert np.isfinite(found).all()
        assert found[0] < found[-1]


# --- PiecewiseLinearEncoder -------------------------------------------------------------------------------


def piecewise_linear(column, n_bins, min_bins):
    """The formula, number by number."""
    edges = np.unique(column)
    if len(edges) > n_bins + 1:
        frequent = [value for value in edges if (column == value).sum() > len(column) / n_bins]
        rest = column[~np.isin(column, frequent)]
        edges = np.unique([*frequent, *np.percentile(rest, np.linspace(0, 100, n_bins - len(frequent) + 1))])
    if len(edges) - 1 < min_bins:
        return np.empty((len(column), 0))
    return np.array(
        [[min(1, max(0, (x - a) / (b - a))) for a, b in zip(edges, edges[1:], strict=False)] for x in column]
    )


@pytest.mark.parametrize("n_bins", [1, 2, 8, 200])
@pytest.mark.parametrize("min_bins", [1, 2])
def test_encoder_follows_its_formula(n_bins, min_bins):
    encoder = PiecewiseLinearEncoder(n_bins, min_bins=min_bins)
    found = encoder.fit_transform(X)
    expected = [piecewise_linear(column, n_bins, min_bins).reshape(len(X), -1) for column in X.T]
    assert_array_equal(encoder.n_bins_, [columns.shape[1] for columns in expected])
    assert_allclose(found, np.hstack(expected), atol=1e-12)


def test_encoder_adds_up_to_a_piecewise_linear_function():
    x = np.arange(33.0)[:, np.newaxis]
    encoder = PiecewiseLinearEncoder(4).fit(x)
    edges = encoder.bin_edges_[0]
    assert_allclose(encoder.transform(x) @ np.diff(edges), x[:, 0])
    assert_array_equal(encoder.transform([[-5.0], [50.0]]), [[0, 0, 0, 0], [1, 1, 1, 1]])


def test_frequent_values_do_not_use_up_the_bins():
    gains = np.append(np.zeros(900), np.arange(1.0, 101.0))
    edges = PiecewiseLinearEncoder(4).fit(gains[:, np.newaxis]).bin_edges_[0]
    assert_allclose(edges, [0, 1, 34, 67, 100])
    several = np.concatenate([np.repeat([-1.0, 5.0], 300), np.linspace(0, 4, 401)])
    assert_allclose(PiecewiseLinearEncoder(4).fit(several[:, np.newaxis]).bin_edges_[0], [-1, 0, 2, 4, 5])


@pytest.mark.parametrize("y", ["classes", "numbers", "several numbers"])
def test_edges_are_where_a_tree_splits(y):
    x = RNG.uniform(1e9, 1e9 + 1, 400)  # too close to each other for float32
    step = (x > 1e9 + 0.3).astype(int) + 2 * (x > 1e9 + 0.8)
    targets = {
        "classes": np.array(["a", "b", "?", "c"])[step],
        "numbers": step + RNG.normal(scale=0.01, size=400),
        "several numbers": np.column_stack([step, RNG.normal(scale=0.01, size=400)]),
    }
    columns = np.column_stack([x, RNG.randint(0, 2, 400), np.where(x > 1e9 + 0.5, np.nan, x)])
    encoder = PiecewiseLinearEncoder(3, edges="tree").fit(columns, targets[y])
    assert_allclose(encoder.bin_edges_[0] - 1e9, [0, 0.3, 0.8, 1], atol=0.01)
    assert_allclose(encoder.bin_edges_[1], [0, 1])  # there is nothing to split
    assert_allclose(encoder.bin_edges_[2][[0, -1]] - 1e9, [0, 0.5], atol=0.01)
    assert np.abs(encoder.bin_edges_[2] - 1e9 - 0.3).min() < 0.01


def test_a_tree_that_does_not_split_leaves_quantiles():
    x = RNG.normal(size=(50, 1))
    edges = [PiecewiseLinearEncoder(edges=edges).fit(x, np.ones(50)).bin_edges_[0] for edges in ("tree", "quantiles")]
    assert_array_equal(*edges)


def test_a_tree_needs_targets():
    encoder = PiecewiseLinearEncoder(edges="tree")
    with pytest.raises(ValueError, match="requires y to be passed, but the target y is None"):
        encoder.fit(X)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        encoder.fit(X, np.ones(3))
    with pytest.raises(ValueError, match="Input y contains NaN"):
        encoder.fit(X, np.full(len(X), np.nan))


def test_encoder_names_its_columns():
    encoder = PiecewiseLinearEncoder(2).fit(X)
    names = ["a_bin_0", "a_bin_1", "b_bin_0", "b_bin_1", "c_bin_0", "d_bin_0", "d_bin_1"]
    assert list(encoder.get_feature_names_out(list("abcdefg")))[:7] == names
    assert encoder.get_feature_names_out()[0] == "x0_bin_0"


def test_encoder_of_many_rows_works_in_blocks():
    big = RNG.normal(size=(40_000, 2))
    encoder = PiecewiseLinearEncoder().fit(big)
    assert_array_equal(encoder.transform(big)[-3:], encoder.transform(big[-3:]))


def test_encoder_of_huge_ranges():
    found = PiecewiseLinearEncoder(2).fit_transform([[-1.7e308], [0.0], [1.0], [1.7e308]])
    assert np.isfinite(found).all()


# --- both -------------------------------------------------------------------------------------------------


@EACH
def test_missing_values_are_disregarded_and_kept(transformer):
    with_gaps = gaps(X)
    found = clone(transformer).fit(with_gaps).transform(with_gaps)
    present = ~np.isnan(with_gaps[:, 0])
    assert np.isnan(found[~present]).all()
    assert_array_equal(found[present], clone(transformer).fit_transform(X[present]))


@EACH
def test_a_feature_without_values(transformer):
    empty = np.column_stack([X[:, 0], np.full(len(X), np.nan)])
    fitted = clone(transformer).fit(empty)
    found = fitted.transform(np.column_stack([X[:, 0], X[:, 1]]))
    assert_array_equal(found[:, : fitted.transform(X[:, :2]).shape[1]], found)
    assert np.isfinite(found).all()
    assert_array_equal(found[:, :1], clone(transformer).fit_transform(X[:, :1])[:, :1])


@EACH
def test_infinity_is_an_error(transformer):
    with pytest.raises(ValueError, match="infinity"):
        clone(transformer).fit([[1.0], [np.inf]])
    with pytest.raises(ValueError, match="infinity"):
        clone(transformer).fit(X[:, :1]).transform([[np.inf]])


@EACH
def test_float32_is_encoded_in_float32(transformer):
    found = clone(transformer).fit(X.astype(np.float32)).transform(X.astype(np.float32))
    assert found.dtype == np.float32
    assert_allclose(found, clone(transformer).fit_transform(X), atol=1e-4)


@EACH
def test_copies_transform_alike(transformer):
    fitted = clone(transformer).fit(X)
    for read in (pickle.loads(pickle.dumps(fitted)), copy.deepcopy(fitted)):
        assert_array_equal(read.transform(X), fitted.transform(X))


@EACH
def test_a_skops_file_trusts_nothing_but_the_class(transformer):
    io = pytest.importorskip("skops.io")
    fitted = clone(transformer).fit(X)
    file = io.dumps(fitted)
    names = io.get_untrusted_types(data=file)
    assert names == [f"shallownet.{type(transformer).__name__}"]
    assert_array_equal(io.loads(file, trusted=names).transform(X), fitted.transform(X))


@EACH
def test_with_data_frames_in_a_pipeline(transformer):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcdefg"))
    model = make_pipeline(make_column_transformer((clone(transformer), ["a", "d"])))
    found = model.set_output(transform="pandas").fit_transform(frame)
    assert list(found.columns) == list(model.get_feature_names_out())
    assert_array_equal(found, clone(transformer).fit_transform(X[:, [0, 3]]))


@pytest.mark.parametrize(
    ("transformer", "name"),
    [
        (SmoothClipScaler(limit=0), "limit"),
        (PiecewiseLinearEncoder(0), "n_bins"),
        (PiecewiseLinearEncoder(2.5), "n_bins"),
        (PiecewiseLinearEncoder(min_bins=0), "min_bins"),
        (PiecewiseLinearEncoder(edges="forest"), "edges"),
    ],
)
def test_bad_parameters_are_named(transformer, name):
    with pytest.raises(ValueError, match=f"The '{name}' parameter of {type(transformer).__name__} must be"):
        transformer.fit(X)
