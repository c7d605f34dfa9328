"""Quantiles of columns of which values may be missing, and edges of bins: at quantiles, or where a tree splits."""

import numpy as np
from sklearn.utils.multiclass import type_of_target

FEWEST_IN_LEAF, LEAST_SHARE_OF_LEAF = 4, 0.01  # rows in a leaf of a tree, the second in all rows


def sorted_columns(X):
    """Return the values of each column of a matrix in increasing order, without those that are missing (NaN)."""
    columns = np.array(X.T, np.float64, order="C")
    columns.sort(axis=1)  # missing values are last
    counts = X.shape[0] - np.isnan(columns).sum(axis=1)
    return [column[:count] for column, count in zip(columns, counts, strict=True)]


def quantiles(values, probabilities):
    """Return quantiles of values in increasing order, each between the nearest two; NaN if there are no values."""
    if not len(values):
        return np.full(len(probabilities), np.nan)
    positions = (len(values) - 1) * np.asarray(probabilities)
    below = positions.astype(np.intp)
    low, high = values[below], values[np.minimum(below + 1, len(values) - 1)]
    share = positions - below
    # clipped, as roundings would otherwise make two quantiles of equal values differ
    return np.clip(low * (1 - share) + high * share, low, high)


def quantile_edges(values, n_bins):
    """Return the edges of at most so many bins of values in increasing order: between them lie about equally many.

    If there are no more distinct values than edges, these values are the edges. Otherwise each value that more than
    1 / n_bins of the values are equal to is an edge, and the others are quantiles of the remaining values: where most
    values are 0, the bins divide those that are not.
    """
    begins = np.flatnonzero(np.append(True, values[1:] > values[:-1])) if len(values) else np.zeros(0, np.intp)
    if len(begins) <= n_bins + 1:
        return values[begins]
    counts = np.diff(begins, append=len(values))
    frequent = counts > len(values) / n_bins
    others = quantiles(values[np.repeat(~frequent, counts)], np.linspace(0, 1, n_bins - frequent.sum() + 1))
    return np.unique(np.concatenate([values[begins[frequent]], others]))


def tree_edges(column, y, n_bins):
    """Return the least and the largest value of a column without gaps, and between them where a decision tree splits.

    The tree has a leaf for each bin. It predicts the classes of y, or its numbers if it is not of classes.
    """
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor  # whose import others need not wait for

    kind = DecisionTreeClassifier if type_of_target(y) in ("binary", "multiclass") else DecisionTreeRegressor
    fewest = max(FEWEST_IN_LEAF, int(LEAST_SHARE_OF_LEAF * len(column)))
    tree = kind(max_leaf_nodes=n_bins, min_samples_leaf=fewest, random_state=0)
    values, ranks = np.unique(column, return_inverse=True)  # trees have float32, which may not tell values apart
    fitted = tree.fit(ranks[:, np.newaxis], y).tree_
    below = fitted.threshold[fitted.feature >= 0].astype(np.intp)  # of nodes that are no leaves
    return np.unique(np.concatenate([values[:1], values[below] / 2 + values[below + 1] / 2, values[-1:]]))
