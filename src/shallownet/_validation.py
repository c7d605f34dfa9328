"""A validation set, looked at after each epoch."""

import numpy as np
from sklearn.model_selection import train_test_split

from ._labels import codes_of_best


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
