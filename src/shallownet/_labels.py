"""Labels: their classes, the targets that the network learns, and the way back."""

import numpy as np
from scipy import sparse
from sklearn.utils import column_or_1d, compute_class_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target

# What y was: one label each, or an indicator matrix of several (dense or sparse).
SINGLE, MULTILABEL, SPARSE_MULTILABEL = "single", "multilabel", "sparse-multilabel"


def classes_of(y):
    """Return the sorted classes of y and its kind."""
    check_classification_targets(y)
    if y.ndim == 2 and type_of_target(y, input_name="y").startswith("multilabel"):
        return np.arange(y.shape[1]), SPARSE_MULTILABEL if sparse.issparse(y) else MULTILABEL
    return np.unique(column_or_1d(y)), SINGLE


def targets_of(y, classes, kind):
    """Return the targets of y, (n, 1) class indices or (n, n_labels) of 0 and 1.

    Raises
    ------
    ValueError
        If y has a class that is not among ``classes``, or is no indicator matrix with a column for each of them.
    """
    if kind != SINGLE:
        _check_indicators(y, len(classes))
        y = y.toarray() if sparse.issparse(y) else np.asarray(y)
        return (y != 0).astype(np.float64)
    y = column_or_1d(y)
    try:
        codes = np.searchsorted(classes, y)
        codes[codes == len(classes)] = 0
        unknown = y[classes[codes] != y]
    except TypeError:  # numbers among strings, say
        unknown = y
    if len(unknown):
        check_classification_targets(y)  # says so if y is no labels at all
        raise ValueError(
            f"`y` has classes not in `self.classes_`. `self.classes_` has {classes}. 'y' has {np.unique(unknown)}."
        )
    return codes[:, np.newaxis]


def _check_indicators(y, n_labels):
    found = type_of_target(y, input_name="y")
    if found != "multilabel-indicator" or y.shape[1] != n_labels:
        raise ValueError(
            f"y must be an indicator matrix of {n_labels} labels, as in the first fit, got {found} targets of shape"
            f" {y.shape}."
        )


def n_outputs_of(classes, kind):
    """Return the number of outputs: one for two classes, else one for each class or label."""
    return 1 if kind == SINGLE and len(classes) == 2 else len(classes)


def labels_of(probabilities, classes, kind):
    """Return the labels of the most probable classes, or the indicator matrix of labels above one half."""
    if kind == SINGLE:
        return classes[probabilities.argmax(axis=1)]
    labels = (probabilities > 0.5).astype(np.int64)
    return sparse.csr_matrix(labels) if kind == SPARSE_MULTILABEL else labels


def _class_weights(class_weight, classes):
    """Return the weight of each class that a dict gives."""
    try:
        by_class = compute_class_weight(class_weight, classes=classes, y=classes)
    except OverflowError:
        by_class = np.array([np.inf])
    if not np.isfinite(by_class).all() or (by_class < 0).any() or not by_class.any():
        raise ValueError(
            f"class_weight must have finite weights that are not negative, and one above 0, got {class_weight!r}."
        )
    return by_class


def weighted_by_class(class_weight, sample_weight, targets, classes, kind, dtype):
    """Return sample weights times the weight of each example's class, or None if neither is given."""
    if class_weight is None:
        return sample_weight
    if kind != SINGLE:
        raise ValueError(f"class_weight={class_weight!r} must be None for multilabel targets.")
    codes = targets[:, 0]
    if class_weight == "balanced":
        # a class without examples has no weight to balance
        present = np.unique(codes)
        by_class = np.ones(len(classes))
        by_class[present] = compute_class_weight("balanced", classes=present, y=codes)
    else:
        by_class = _class_weights(class_weight, classes)
    weights = by_class[codes].astype(dtype)
    return weights if sample_weight is None else weights * sample_weight
