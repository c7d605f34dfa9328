"""Which rows are held out from a network that is to be measured on them."""

import numpy as np

N_FOLDS = 8  # a network learns from seven eighths of the rows


def held_out_rows(strata, n_parts, random_state):
    """Return up to eight parts of the rows, of an eighth each.

    Rows of a stratum are dealt out in turn, so that each part has its share of every stratum, to within one row,
    however few there are.

    Parameters
    ----------
    strata : ndarray of shape (n,)
        What rows have alike in a stratum, such as their class.
    n_parts : int
    random_state : RandomState

    Returns
    -------
    parts : list of ndarrays of row indices, in increasing order
    """
    order = random_state.permutation(len(strata))
    order = order[np.argsort(strata[order], kind="stable")]
    n_folds = min(N_FOLDS, len(strata))
    return [np.sort(order[part % n_folds :: n_folds]) for part in range(n_parts)]


def others(n, rows):
    """Return the rows of n that are not among these; all of them if none were left to learn from."""
    rest = np.delete(np.arange(n), rows)
    return rest if len(rest) else rows
