"""Sparse matrices of the user's: checked before anything follows their indices, and brought to CSR."""

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
    check = _CHECKS.get(X.format) if sparse.issparse(X) and X.ndim == 2 else None
    if check is not None and not check(X):
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
    if not _compressed(indptr, indices, len(data), *X.shape):
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
        places = slice(ends[begin], ends[end])
        features = indices[places].astype(np.int64)
        values = data[places].astype(dtype)
        # one comparison for both ends of the range: as numbers without a sign, those below 0 are the largest
        if len(features) != len(values) or features.view(np.uint64).max(initial=0) >= max(1, X.shape[1]):
            raise ValueError(CHANGED)
        yield values, features, ends[begin : end + 1] - ends[begin]
        begin = end


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


def _compressed(indptr, indices, n_data, n_major, n_minor):
    """Return whether row pointers and indices describe n_major rows of n_minor places."""
    return (
        _within(indptr, n_data + 1)
        and len(indptr) == n_major + 1
        and _rising(indptr, len(indices))
        and _within(indices[: indptr[-1]], n_minor)
    )


def _sound_csr(X):
    return X.data.ndim == 1 and _compressed(X.indptr, X.indices, len(X.data), *X.shape)


def _sound_csc(X):
    return X.data.ndim == 1 and _compressed(X.indptr, X.indices, len(X.data), *X.shape[::-1])


def _sound_bsr(X):
    if X.data.ndim != 3 or 0 in X.data.shape[1:]:
        return False
    (n_rows, n_columns), (height, width) = X.shape, X.data.shape[1:]
    whole = n_rows % height == n_columns % width == 0
    return whole and _compressed(X.indptr, X.indices, len(X.data), n_rows // height, n_columns // width)


def _sound_coo(X):
    places = X.coords
    return (
        len(places) == 2
        and X.data.shape == places[0].shape == places[1].shape
        and all(_within(indices, size) for indices, size in zip(places, X.shape, strict=True))
    )


def _sound_dia(X):
    return X.data.ndim == 2 and X.offsets.dtype.kind in "iu" and X.offsets.shape == X.data.shape[:1]


def _sound_lil(X):
    return X.rows.shape == X.data.shape == X.shape[:1] and all(
        len(columns) == len(values) and all(0 <= column < X.shape[1] for column in columns)
        for columns, values in zip(X.rows, X.data, strict=True)
    )


def _sound_dok(X):
    return all(0 <= index < size for place in X.keys() for index, size in zip(place, X.shape, strict=True))


_CHECKS = {
    "csr": _sound_csr,
    "csc": _sound_csc,
    "bsr": _sound_bsr,
    "coo": _sound_coo,
    "dia": _sound_dia,
    "lil": _sound_lil,
    "dok": _sound_dok,
}
