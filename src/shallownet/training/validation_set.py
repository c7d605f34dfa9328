"""A validation set, looked at after each epoch."""

import warnings

import numpy as np
from scipy import sparse
from sklearn.model_selection import train_test_split

from .targets import codes_of_best

UNTRANSFORMED = (
    " A Pipeline transforms X but not X_val, unless it is told to: Pipeline(steps, transform_input=['X_val']), with"
    " metadata routing. See the example of ShallowNetClassifier.fit."
)
FEWEST_ROWS, MOST_ROWS = 20, 200  # of X and X_val that are compared


class Validation:
    """Examples that are kept from training, and how a network is scored on them.

    Parameters
    ----------
    targets : ndarray of shape (n, m)
        Class indices, or 0 and 1 for each label.
    n_classes : int or None
        How many classes there are, None for labels.
    sample_weight : ndarray of shape (n,) or None
    probabilities : callable
        Maps coefs and intercepts to the probabilities of the examples, (n, n_classes) or (n, n_labels).
    scorer : callable, "loss" or None
        Maps coefs and intercepts to a score; "loss" scores by minus the loss, None by accuracy.
    """

    def __init__(self, targets, n_classes, sample_weight, probabilities, scorer):
        self.targets = targets
        self.n_classes = n_classes
        self.sample_weight = sample_weight
        self.probabilities = probabilities
        self.scorer = scorer

    def look(self, coefs, intercepts):
        """Return loss and score at the weights; both NaN where a probability is not a number."""
        probabilities = self.probabilities(coefs, intercepts)
        if not np.isfinite(probabilities).all():
            return np.nan, np.nan
        loss = cross_entropy(probabilities, self.targets, self.n_classes, self.sample_weight)
        if self.scorer is None:
            return loss, accuracy(probabilities, self.targets, self.n_classes, self.sample_weight)
        return loss, -loss if self.scorer == "loss" else float(self.scorer(coefs, intercepts))


def cross_entropy(probabilities, targets, n_classes, sample_weight):
    """Return the mean cross-entropy, probabilities kept at least epsilon away from 0 and 1."""
    epsilon = np.finfo(probabilities.dtype).eps
    p = np.clip(probabilities, epsilon, 1 - epsilon)
    if n_classes is None:
        losses = -np.log(np.where(targets == 0, 1 - p, p)).sum(axis=1)
    else:
        losses = -np.log(p[np.arange(len(p)), targets[:, 0]])
    return float(np.average(losses, weights=sample_weight))


def accuracy(probabilities, targets, n_classes, sample_weight):
    """Return the share of examples whose label, or whose labels all, are right."""
    if n_classes is None:
        right = ((probabilities > 0.5) == (targets != 0)).all(axis=1)
    else:
        right = codes_of_best(probabilities, n_classes) == targets[:, 0]
    return float(np.average(right, weights=sample_weight))


def split(targets, n_outputs, fraction, random_state):
    """Return the rows to train and to validate on, as MLPClassifier splits them: stratified for one output.

    Raises
    ------
    ValueError
        If there would be fewer than two examples to validate on.
    """
    train, held_out = train_test_split(
        np.arange(len(targets)),
        random_state=random_state,
        test_size=fraction,
        stratify=targets.astype(bool) if n_outputs == 1 else None,
    )
    if len(held_out) < 2:
        raise ValueError("The validation set is too small. Increase 'validation_fraction' or the size of your dataset.")
    return train, held_out


def has_names(X):
    """Return whether X is a table whose columns have names."""
    names = list(getattr(X, "columns", ()))
    return bool(names) and all(isinstance(name, str) for name in names)


def warn_of_names():
    """Warn that X_val has the names of features and X has none."""
    warnings.warn(f"X_val has feature names, but X has none.{UNTRANSFORMED}", stacklevel=8)


def warn_of_ranges(X, X_val):
    """Warn if in a quarter of the features most values of X_val lie far outside the range of X, or more.

    Far is half of the range away from it. No more than some rows are looked at, whatever the size; of too few rows
    nothing is said. Where X and X_val are parts of the same data, few features are so, if any: there a value lies
    outside the range of n others with probability 2 / (n + 1).
    """
    if X.shape[0] < FEWEST_ROWS or X_val.shape[0] < FEWEST_ROWS // 2:
        return
    X, X_val = _some_rows(X), _some_rows(X_val)
    low, high = _dense(X.min(axis=0)), _dense(X.max(axis=0))
    with np.errstate(over="ignore"):
        far = (high - low) / 2
        counts = _count_outside(X_val, low - far, high + far)
    outside = (counts > X_val.shape[0] / 2) & (far > 0)
    if outside.any() and outside.sum() >= (far > 0).sum() / 4:
        warnings.warn(
            f"Most values of X_val lie far outside the range of X in {outside.sum()} of {len(far)} features."
            f"{UNTRANSFORMED}",
            stacklevel=8,
        )


def _some_rows(X):
    return X[:: -(-X.shape[0] // MOST_ROWS)]


def _dense(row):
    return row.toarray().ravel() if sparse.issparse(row) else row


def _count_outside(X, low, high):
    """Return how many values of each column lie outside of these bounds; of a sparse matrix, of those it stores."""
    if not sparse.issparse(X):
        return ((X < low) | (X > high)).sum(axis=0)
    X = X.tocoo()
    columns = X.col[(X.data < low[X.col]) | (X.data > high[X.col])]
    return np.bincount(columns, minlength=X.shape[1])
