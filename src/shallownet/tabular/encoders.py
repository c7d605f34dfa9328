"""Transformers that make the inputs of a network of numbers: a robust scaling, and piecewise-linear columns."""

from numbers import Integral, Real
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted, validate_data

from ..estimators.annotations import Data, checked_method
from .edges import quantile_edges, quantiles, sorted_columns, tree_edges

FARTHEST = 1e9  # multiples of the interquartile range: what lies farther away has reached the limit in float64, too
BLOCK_SIZE = 2**16  # numbers that are encoded at a time, which a processor's cache holds


class _OfNumbers(TransformerMixin, BaseEstimator):
    """A transformer of a matrix of numbers, of which some may be missing."""

    n_features_in_: int
    feature_names_in_: np.ndarray

    def _check(self, X, *, reset):
        return validate_data(self, X, dtype=(np.float64, np.float32), ensure_all_finite="allow-nan", reset=reset)

    def transform(self, X: Data) -> np.ndarray:
        """Transform numbers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Numbers; NaN is a missing value.

        Returns
        -------
        X_new : ndarray of shape (n_samples, n_features_out)
            The transformed numbers: float32 if X is, else float64. What is missing in X is NaN.

        Raises
        ------
        NotFittedError
            If the transformer is not fitted.
        ValueError
            If X holds infinity, or has other features than in the fit.
        """
        check_is_fitted(self)
        X = self._check(X, reset=False)
        out = np.empty((X.shape[0], self._n_features_out), X.dtype)
        self._transform_into(X, out)
        return out

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


class SmoothClipScaler(OneToOneFeatureMixin, _OfNumbers):
    r"""Scale features by their median and interquartile range, and bend what lies far outside to a limit.

    For a value x of a feature with the median m and the quartiles q1 and q3 the result is, with the limit c,

    .. math::

        \frac{z}{\sqrt{1 + (z / c)^2}}, \quad z = \frac{x - m}{q_3 - q_1}

    This is close to z where z is small, always increases, and never exceeds c: outliers keep their order and do not
    dominate [1]_. Where the quartiles are equal, half the range of the feature takes the place of their difference.
    A constant feature becomes 0.

    Parameters
    ----------
    limit : float, default=3.0
        The bound c of the absolute values of the result.

    Attributes
    ----------
    center_ : ndarray of shape (n_features,)
        The median of each feature; 0 for a feature without values.

    scale_ : ndarray of shape (n_features,)
        What z is measured in, for each feature; infinity for a constant feature.

    n_features_in_ : int
        Number of features.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X had names and all of them are strings.

    See Also
    --------
    PiecewiseLinearEncoder : Columns that let a network bend its response to a feature.
    sklearn.preprocessing.RobustScaler : The same scaling, without a limit.

    Notes
    -----
    Missing values (NaN) are disregarded in ``fit`` and remain missing in ``transform``.

    References
    ----------
    .. [1] D. Holzmüller, L. Grinsztajn and I. Steinwart, "Better by default: strong pre-tuned MLPs and boosted trees on
       tabular data", 2024, arXiv:2407.04491.

    Examples
    --------
    >>> import numpy as np
    >>> from shallownet import SmoothClipScaler
    >>> X = np.array([[1.0], [2.0], [3.0], [4.0], [1000.0]])
    >>> SmoothClipScaler().fit_transform(X).round(2).ravel()
    array([-0.95, -0.49,  0.  ,  0.49,  3.  ])
    """

    _parameter_constraints: dict = {"limit": [Interval(Real, 0, None, closed="neither")]}

    center_: np.ndarray
    scale_: np.ndarray

    def __init__(self, *, limit: float = 3.0) -> None:
        self.limit = limit

    @checked_method
    def fit(self, X: Data, y: object = None) -> Self:
        """Find the median and the scale of each feature.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Numbers; NaN is a missing value.
        y : None
            Ignored.

        Returns
        -------
        self : SmoothClipScaler
            The fitted transformer.

        Raises
        ------
        ValueError
            If the limit is not positive, or X holds infinity.
        """
        X = self._check(X, reset=True)
        low, first, median, third, high = np.array([quantiles(x, [0, 0.25, 0.5, 0.75, 1]) for x in sorted_columns(X)]).T
        with np.errstate(over="ignore"):
            scale = np.where(third > first, third - first, (high - low) / 2)
        self.center_ = np.nan_to_num(median)
        self.scale_ = np.where(scale > 0, scale, np.inf)
        return self

    @property
    def _n_features_out(self):
        return self.n_features_in_

    def _transform_into(self, X, out):
        """Set ``out`` to the scaled numbers, in its dtype."""
        with np.errstate(over="ignore"):
            z = (X - self.center_) / self.scale_
        np.clip(z, -FARTHEST * self.limit, FARTHEST * self.limit, out=z)
        np.divide(z, np.sqrt(1 + (z / self.limit) ** 2), out=out, casting="same_kind")


class PiecewiseLinearEncoder(_OfNumbers):
    r"""Encode each feature in several columns, each of which grows from 0 to 1 within one bin of its values.

    The bins of a feature lie between edges e_0 < e_1 < ..., and a value x has in the column of bin j

    .. math::

        \min\left(1, \max\left(0, \frac{x - e_j}{e_{j + 1} - e_j}\right)\right)

    which is 1 in the bins below that of x, and 0 in those above. A linear function of these columns is a piecewise
    linear function of the feature, so that networks learn sharp changes sooner [1]_.

    The edges are quantiles, but a value that more than 1 / ``n_bins`` of the rows have is an edge by itself, and the
    others are quantiles of the remaining values: where most rows are 0, the bins divide those that are not. A feature
    with no more distinct values than edges has all of them as edges. With ``edges="tree"`` the edges are where a
    decision tree of this feature alone, with ``n_bins`` leaves, splits to predict y.

    Parameters
    ----------
    n_bins : int, default=8
        The most bins of a feature.

    edges : {'quantiles', 'tree'}, default='quantiles'
        Where bins end. 'tree' needs y in the fit; a feature in which the tree does not split has the edges of
        'quantiles'.

    min_bins : int, default=1
        Features with fewer bins get no columns. Beside the features themselves a single bin adds nothing: take 2
        there.

    Attributes
    ----------
    bin_edges_ : list of n_features ndarrays
        The edges of the bins of each feature, in increasing order; empty for a feature without columns.

    n_bins_ : ndarray of shape (n_features,)
        The number of bins, and so of columns, of each feature.

    n_features_in_ : int
        Number of features.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X had names and all of them are strings.

    See Also
    --------
    SmoothClipScaler : Scale features, to stand beside these columns.
    sklearn.preprocessing.KBinsDiscretizer : Columns that are 1 in one bin, and 0 in the others.
    sklearn.preprocessing.SplineTransformer : Columns that are smooth.

    Notes
    -----
    Missing values (NaN) are disregarded in ``fit``, and missing in all columns of the feature in ``transform``. A
    constant feature has no columns.

    References
    ----------
    .. [1] Y. Gorishniy, I. Rubachev and A. Babenko, "On embeddings for numerical features in tabular deep learning",
       2022, arXiv:2203.05556.

    Examples
    --------
    >>> import numpy as np
    >>> from shallownet import PiecewiseLinearEncoder
    >>> X = np.array([[0.0], [1.0], [2.0], [6.0], [10.0]])
    >>> PiecewiseLinearEncoder(n_bins=2).fit_transform(X)
    array([[0. , 0. ],
           [0.5, 0. ],
           [1. , 0. ],
           [1. , 0.5],
           [1. , 1. ]])
    """

    _parameter_constraints: dict = {
        "n_bins": [Interval(Integral, 1, None, closed="left")],
        "edges": [StrOptions({"quantiles", "tree"})],
        "min_bins": [Interval(Integral, 1, None, closed="left")],
    }

    bin_edges_: list[np.ndarray]
    n_bins_: np.ndarray

    def __init__(self, n_bins: int = 8, *, edges: str = "quantiles", min_bins: int = 1) -> None:
        self.n_bins = n_bins
        self.edges = edges
        self.min_bins = min_bins

    @checked_method
    def fit(self, X: Data, y: Data | None = None) -> Self:
        """Find the bins of each feature.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Numbers; NaN is a missing value.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            What ``edges="tree"`` predicts: labels, or numbers. Otherwise ignored.

        Returns
        -------
        self : PiecewiseLinearEncoder
            The fitted transformer.

        Raises
        ------
        ValueError
            If a parameter is not valid, X holds infinity, or there is no y for a tree, or of another length.
        """
        X = self._check(X, reset=True)
        edges = [quantile_edges(values, self.n_bins) for values in sorted_columns(X)]
        if self.edges == "tree":
            targets = self._checked_targets(X, y)
            for feature in np.flatnonzero([len(e) > 2 for e in edges]):
                present = ~np.isnan(X[:, feature])
                split = tree_edges(X[present, feature], targets[present], self.n_bins)
                edges[feature] = split if len(split) > 2 else edges[feature]
        self.bin_edges_ = [e if len(e) > self.min_bins else e[:0] for e in edges]
        self.n_bins_ = np.array([max(0, len(e) - 1) for e in self.bin_edges_])
        return self

    def _checked_targets(self, X, y):
        """Return y as a tree takes it."""
        if y is None:
            raise ValueError(f"{type(self).__name__}(edges='tree') requires y to be passed, but the target y is None.")
        y = check_array(y, ensure_2d=False, dtype=None, input_name="y", estimator=self)
        check_consistent_length(X, y)
        return y

    @property
    def _n_features_out(self):
        return int(self.n_bins_.sum())

    def _transform_into(self, X, out):
        """Set ``out`` to the columns, in its dtype."""
        features = np.repeat(np.arange(len(self.n_bins_)), self.n_bins_)
        if not len(features):
            return
        lower = np.concatenate([edges[:-1] for edges in self.bin_edges_])
        with np.errstate(over="ignore"):
            widths = np.concatenate([edges[1:] - edges[:-1] for edges in self.bin_edges_])
            step = max(1, BLOCK_SIZE // len(features))
            for begin in range(0, len(X), step):
                rows = slice(begin, begin + step)
                shares = np.take(X[rows], features, axis=1) - lower
                shares /= widths
                np.clip(shares, 0, 1, out=out[rows], casting="same_kind")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = self.edges == "tree"
        return tags

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> np.ndarray:
        """Return the names of the columns: that of the feature, and the number of the bin.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the features; None takes those of the fit, or x0, x1, ... if there were none.

        Returns
        -------
        names : ndarray of str objects
            Such as ``x0_bin_0``.
        """
        check_is_fitted(self)
        names = _check_feature_names_in(self, input_features)
        return np.array(
            [f"{name}_bin_{i}" for name, n_bins in zip(names, self.n_bins_, strict=True) for i in range(n_bins)],
            dtype=object,
        )


for _public in (SmoothClipScaler, PiecewiseLinearEncoder):
    _public.__module__ = "shallownet"  # the name by which models are saved: no file's place is part of it
