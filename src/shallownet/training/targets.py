"""Labels: their classes, the targets that the network learns, and the way back."""

import numpy as np
from scipy import sparse
from sklearn.utils import column_or_1d, compute_class_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target

# What y was: one label each, or an indicator matrix of several (dense or sparse).
SINGLE, MULTILABEL, SPARSE_MULTILABEL = "single", "multilabel", "sparse-multilabel"


def exact(y):
    """Return labels as they are, but integers of pandas that no float holds, as NumPy's.

    scikit-learn makes floats of integers of a nullable or Arrow dtype, and so of several such classes one.
    """
    dtype = getattr(getattr(y, "dtype", None), "numpy_dtype", None)  # which the dtypes of pandas have
    if dtype is None or dtype.kind not in "iu" or y.isna().any():
        return y
    integers = y.to_numpy(dtype=dtype)
    return integers if ((integers > 2**53) | (integers < -(2**53))).any() else y


def classes_of(y):
    """Return the sorted classes of y and its kind."""
    found = type_of_target(y, input_name="y")
    if not found.startswith(("binary", "multiclass", "multilabel")):
        check_classification_targets(y)  # says so; it also warns of many classes, which MLPClassifier does not
    if y.ndim == 2 and found.startswith("multilabel"):
        return np.arange(y.shape[1]), SPARSE_MULTILABEL if sparse.issparse(y) else MULTILABEL
    classes = np.unique(column_or_1d(y))
    return classes.astype(classes.dtype.newbyteorder("="), copy=False), SINGLE


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
    codes, known = _codes_of(y, classes)
    if not known.all():
        classes_of(y)  # says so if y is no labels at all
        raise ValueError(
            f"`y` has classes not in `self.classes_`. `self.classes_` has {classes}. 'y' has {np.unique(y[~known])}."
        )
    return codes[:, np.newaxis]


def _codes_of(y, classes):
    """Return the place of each label among the sorted classes, and whether it is one of them."""
    try:
        labels, known = _in_dtype(y, classes.dtype)
        codes = np.searchsorted(classes, labels)
        codes[codes == len(classes)] = 0
        return codes, known & (classes[codes] == labels)
    except TypeError:  # numbers among strings, say
        return np.zeros(len(y), np.intp), np.zeros(len(y), bool)


def _in_dtype(y, dtype):
    """Return labels in a dtype, and which of them are numbers of that dtype.

    To compare numbers of two dtypes, NumPy may take both to float64, where different integers beyond 2**53 are equal.
    """
    if y.dtype == dtype or y.dtype.kind not in "biuf" or dtype.kind not in "biuf":
        return y, np.ones(len(y), bool)
    with np.errstate(invalid="ignore", over="ignore"):
        labels = y.astype(dtype)
        return labels, (labels == y) & (labels.astype(y.dtype) == y)


def same_classes(classes, others):
    """Return whether two sorted arrays have the same classes, if of another dtype."""
    return len(classes) == len(others) and bool(_codes_of(classes, others)[1].all())


def _check_indicators(y, n_labels):
    found = type_of_target(y, input_name="y")
    if found != "multilabel-indicator" or y.shape[1] != n_labels:
        raise ValueError(
            f"y must be an indicator matrix of {n_labels} labels, as in the first fit, got {found} targets of shape"
            f" {y.shape}."
        )


def n_outputs_of(classes, kind):
    """Return the number of outputs: one for one or two classes, else one for each class or label."""
    return 1 if kind == SINGLE and len(classes) <= 2 else len(classes)


def codes_of_best(probabilities, n_classes):
    """Return the place of the most probable class of each example; of two probabilities, one class has the first."""
    return probabilities[:, :n_classes].argmax(axis=1)


def labels_of(probabilities, classes, kind):
    """Return the labels of the most probable classes, or the indicator matrix of labels above one half."""
    if kind == SINGLE:
        return classes[codes_of_best(probabilities, len(classes))]
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
