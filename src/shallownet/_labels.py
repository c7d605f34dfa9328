"""Labels: their classes, the targets that the network learns, and the way back."""

import numpy as np
from scipy import sparse
from sklearn.utils import column_or_1d, compute_class_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import _check_sample_weight

# What y was: one label each, or an indicator matrix of several (dense or sparse).
SINGLE, MULTILABEL, SPARSE_MULTILABEL = "single", "multilabel", "sparse-multilabel"


def classes_of(y):
    """Return the sorted classes of y and its kind."""
    check_classification_targets(y)
    if type_of_target(y, input_name="y").startswith("multilabel"):
        return np.arange(y.shape[1]), SPARSE_MULTILABEL if sparse.issparse(y) else MULTILABEL
    return np.unique(column_or_1d(y)), SINGLE


def targets_of(y, classes, kind):
    """Return the targets of y, (n, 1) class indices or (n, n_labels) of 0 and 1.

    Raises
    ------
    ValueError
        If y has a class that is not among ``classes``.
    """
    if kind != SINGLE:
        y = y.toarray() if sparse.issparse(y) else np.asarray(y)
        return (y != 0).astype(np.float64)
    y = column_or_1d(y)
    check_classification_targets(y)
    found, codes = np.unique(y, return_inverse=True)
    unknown = np.setdiff1d(found, classes)
    if len(unknown):
        raise ValueError(f"`y` has classes not in `self.classes_`. `self.classes_` has {classes}. 'y' has {unknown}.")
    return np.searchsorted(classes, found)[codes][:, np.newaxis]


def n_outputs_of(classes, kind):
    """Return the number of outputs: one for two classes, else one for each class or label."""
    return 1 if kind == SINGLE and len(classes) == 2 else len(classes)


def labels_of(probabilities, classes, kind):
    """Return the labels of the most probable classes, or the indicator matrix of labels above one half."""
    if kind == SINGLE:
        return classes[probabilities.argmax(axis=1)]
    labels = (probabilities > 0.5).astype(np.int64)
    return sparse.csr_matrix(labels) if kind == SPARSE_MULTILABEL else labels


def checked_weights(sample_weight, X, name="sample_weight"):
    """Return sample weights in the dtype of X, or None; some must be above 0, none below."""
    if sample_weight is None:
        return None
    sample_weight = _check_sample_weight(sample_weight, X, dtype=X.dtype, ensure_non_negative=True)
    if not sample_weight.any():
        raise ValueError(f"{name} must have a value above 0, got only zeros.")
    return sample_weight


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
        by_class = compute_class_weight(class_weight, classes=classes, y=classes)
    weights = by_class[codes].astype(dtype)
    return weights if sample_weight is None else weights * sample_weight
