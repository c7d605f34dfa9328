"""The task of a classifier: labels, the targets that the network learns, and the way back."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import column_or_1d, compute_class_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target

# What y was: one label each, or an indicator matrix of several (dense or sparse).
SINGLE, MULTILABEL, SPARSE_MULTILABEL = "single", "multilabel", "sparse-multilabel"


@dataclass(frozen=True, kw_only=True)
class Labels:
    """The Task of learning labels."""

    classes: np.ndarray  # (n_classes,), sorted; for an indicator matrix the indices of its columns
    kind: str  # SINGLE, MULTILABEL or SPARSE_MULTILABEL
    class_weight: Any = None  # the estimator's parameter, as the next
    label_smoothing: float = 0.0

    @property
    def n_outputs(self):
        """The number of output units: one for one or two classes, else one for each class or label."""
        return 1 if self.kind == SINGLE and len(self.classes) <= 2 else len(self.classes)

    @property
    def output(self):
        """The output activation of a network that learns these labels."""
        return "softmax" if self.kind == SINGLE and self.n_outputs > 1 else "logistic"

    def loss_parameters(self, dtype):
        """Return the fields of StepParameters that the cross-entropy needs."""
        return {"clip": float(np.finfo(dtype).eps), "smoothing": self.label_smoothing}

    def attributes(self):
        """Return the fitted attributes that tell of the labels."""
        return {"classes_": self.classes, "_label_kind": self.kind}

    def encode(self, y, dtype):
        """Return the targets of y, (n, 1) class indices or (n, n_labels) of 0 and 1.

        Raises
        ------
        ValueError
            If y has a class that is not among ``classes``, or is no indicator matrix with a column for each of them.
        """
        if self.kind != SINGLE:
            _check_indicators(y, len(self.classes))
            y = y.toarray() if sparse.issparse(y) else np.asarray(y)
            return (y != 0).astype(np.float64)
        y = y if type(y) is np.ndarray and y.ndim == 1 else column_or_1d(y)
        codes, known = _codes_of(y, self.classes)
        if not known.all():
            classes_of(y)  # says so if y is no labels at all
            raise ValueError(
                f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes}. 'y' has"
                f" {np.unique(y[~known])}."
            )
        return codes[:, np.newaxis]

    def decode(self, probabilities):
        """Return the labels of the most probable classes, or the indicator matrix of labels above one half."""
        if self.kind == SINGLE:
            return self.classes[self._class_indices(probabilities)]
        labels = (probabilities > 0.5).astype(np.int64)
        return sparse.csr_matrix(labels) if self.kind == SPARSE_MULTILABEL else labels

    def for_scoring(self, y, targets):
        """Return y as scorers get it: classes in the dtype of the predictions, for metrics that mix the two."""
        return self.classes[targets[:, 0]] if self.kind == SINGLE else y

    def strata(self, targets):
        """Return the classes if there are two: MLPClassifier stratifies no others."""
        return targets.astype(bool) if self.n_outputs == 1 else None

    # The kernels have a cross-entropy of their own, which cannot be called here: it is a part of the training step,
    # where it works on a tile in registers, smooths the labels and leaves the gradient in place of the probabilities.
    # A kernel for validation would have to be compiled besides, to compute what takes NumPy less time than the
    # probabilities take.
    def loss(self, probabilities, targets, sample_weight):
        """Return the mean cross-entropy, with probabilities kept at least epsilon away from 0 and 1."""
        epsilon = np.finfo(probabilities.dtype).eps
        p = np.clip(probabilities, epsilon, 1 - epsilon)
        if self.kind != SINGLE:
            losses = -np.log(np.where(targets == 0, 1 - p, p)).sum(axis=1)
        else:
            losses = -np.log(p[np.arange(len(p)), targets[:, 0]])
        return float(np.average(losses, weights=sample_weight))

    def score(self, probabilities, targets, sample_weight):
        """Return the accuracy: the share of examples whose class, or whose labels all, are predicted correctly."""
        if self.kind != SINGLE:
            correct = ((probabilities > 0.5) == (targets != 0)).all(axis=1)
        else:
            correct = self._class_indices(probabilities) == targets[:, 0]
        return float(np.average(correct, weights=sample_weight))

    def _class_indices(self, probabilities):
        """Return the most probable classes; of the two probabilities of a single class, that class has the first."""
        return probabilities[:, : len(self.classes)].argmax(axis=1)

    def weighted(self, sample_weight, targets, dtype):
        """Return sample weights times the weight of each example's class, or None if neither is given."""
        if self.class_weight is None:
            return sample_weight
        if self.kind != SINGLE:
            raise ValueError(f"class_weight={self.class_weight!r} must be None for multilabel targets.")
        codes = targets[:, 0]
        if self.class_weight == "balanced":
            # a class without examples has no weight to balance
            present = np.unique(codes)
            by_class = np.ones(len(self.classes))
            by_class[present] = compute_class_weight("balanced", classes=present, y=codes)
        else:
            by_class = _class_weights(self.class_weight, self.classes)
        weights = by_class[codes].astype(dtype)
        return weights if sample_weight is None else weights * sample_weight


def exact(y):
    """Return labels as they are, but integers of pandas that no float can hold as integers of NumPy.

    scikit-learn converts integers of a nullable or Arrow dtype to floats, and would so make one class of several.
    """
    dtype = getattr(getattr(y, "dtype", None), "numpy_dtype", None)  # an attribute of pandas's dtypes
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


def _codes_of(y, classes):
    """Return the index of each label among the sorted classes, and whether it is one of them."""
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
