"""User-supplied sparse matrices: checked before anything follows their indices, and copied for the kernels."""

from typing import Any

import numpy as np
from scipy import sparse

CHANGED = "Sparse X was changed while it was read: its arrays no longer make up a matrix."


def check_sparse(X, name="X"):
    """Return X as it is if it is not sparse, or if each of its indices lies inside of its shape.

    scipy checks a sparse matrix when it is built, but not when its arrays change afterwards, and converts and slices
    it without a test. Nothing of X is changed.

    Raises
    ------
    ValueError
        If the arrays of X do not make up a matrix of its shape.
    """
    if sparse.issparse(X) and X.ndim == 2 and not _is_valid(X):
        raise ValueError(
            f"Sparse {name} is damaged: its arrays of indices have the wrong size, or indices outside of its shape"
            f" {X.shape}."
        )
    return X


def arrays_of(X):
    """Return data, indices and indptr of X (CSR) for kernels: copies, as the user may change X while they run.

    Raises
    ------
    ValueError
        If the copies do not make up a matrix, as X has been changed since it was checked.
    """
    data, indices, indptr = X.data.copy(), X.indices.astype(np.int64), X.indptr.astype(np.int64)
    if not _is_compressed(len(data), indices, indptr, *X.shape):
        raise ValueError(CHANGED)
    return data, indices, indptr


def slabs(X, dtype, rows, nonzeros):
    """Yield data, indices and indptr, as ``arrays_of`` does, of as many rows of X at a time as stay within the limits.

    A row that has more nonzeros comes alone. The data come in the dtype.
    """
    data, indices, ends, n = X.data, X.indices, X.indptr.astype(np.int64), X.shape[0]
    if not _rising(ends, min(len(data), len(indices))) or len(ends) != n + 1:
        raise ValueError(CHANGED)
    begin = 0
    while begin < n:
        end = int(np.searchsorted(ends, ends[begin] + nonzeros, side="right")) - 1
        end = min(max(end, begin + 1), begin + rows, n)
        stored = slice(ends[begin], ends[end])
        features = indices[stored].astype(np.int64)
        values = data[stored].astype(dtype)
        # One comparison for both ends of the range: as unsigned integers, negative ones are the largest.
        if len(features) != len(values) or features.view(np.uint64).max(initial=0) >= max(1, X.shape[1]):
            raise ValueError(CHANGED)
        yield values, features, ends[begin : end + 1] - ends[begin]
        begin = end


def _is_valid(X):
    """Return whether the arrays of a sparse matrix make up a matrix of its shape.

    The full check of scipy does not do: it looks at no index where the last row pointer is 0, and cuts X's arrays.
    """
    data: Any = X.data if X.format != "dok" else None
    n_rows, n_columns = X.shape
    match X.format:
        case "csr":
            return data.ndim == 1 and _is_compressed(len(data), X.indices, X.indptr, n_rows, n_columns)
        case "csc":
            return data.ndim == 1 and _is_compressed(len(data), X.indices, X.indptr, n_columns, n_rows)
        case "bsr":
            if data.ndim != 3 or 0 in data.shape[1:]:
                return False
            (rows, cut_rows), (columns, cut_columns) = map(divmod, X.shape, data.shape[1:])
            whole = cut_rows == cut_columns == 0
            return whole and _is_compressed(len(data), X.indices, X.indptr, rows, columns)
        case "coo":
            aligned = len(X.coords) == 2 and all(indices.shape == data.shape for indices in X.coords)
            return aligned and all(map(_within, X.coords, X.shape))
        case "dia":
            return data.ndim == 2 and X.offsets.dtype.kind in "iu" and X.offsets.shape == data.shape[:1]
        case "lil":
            return X.rows.shape == data.shape == (n_rows,) and all(
                len(row) == len(values) and all(0 <= column < n_columns for column in row)
                for row, values in zip(X.rows, data, strict=True)
            )
        case "dok":
            return all(0 <= row < n_rows and 0 <= column < n_columns for row, column in X.keys())
    return True


def _is_compressed(n_values, indices, indptr, n_major, n_minor):
    """Return whether row pointers and indices describe n_major rows of n_minor columns, or the reverse."""
    return (
        _within(indptr, n_values + 1)
        and len(indptr) == n_major + 1
        and _rising(indptr, len(indices))
        and _within(indices[: indptr[-1]], n_minor)
    )


def _rising(indptr, most):
    """Return whether row pointers begin at 0, never fall and end within so many nonzeros."""
    return indptr[0] == 0 and bool((indptr[:-1] <= indptr[1:]).all()) and indptr[-1] <= most


def _within(indices, size):
    """Return whether an array has one dimension and whole numbers from 0 to below ``size``."""
    return (
        indices.ndim == 1
        and indices.dtype.kind in "iu"
        and (len(indices) == 0 or (indices.min() >= 0 and indices.max() < size))
    )
