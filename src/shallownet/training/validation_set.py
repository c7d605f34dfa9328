"""The validation set: which examples are held out, and how well a network does on them after each epoch."""

import numpy as np
from sklearn.model_selection import train_test_split


class ValidationSet:
    """Examples that are kept from training, on which a network is evaluated.

    Parameters
    ----------
    examples : Examples
    n_classes : int or None
        Number of classes if the targets are class indices, None if each output is a label of its own.
    predict : callable
        Maps X, coefs and intercepts to probabilities (n, n_classes) or (n, n_labels); for one class there are two.
    scoring : callable, 'loss' or None
        As in ``Problem``.

    Attributes
    ----------
    user_scorer : callable or None
        User-supplied code that runs in ``evaluate``.
    """

    def __init__(self, examples, n_classes, predict, scoring):
        self.examples = examples
        self.n_classes = n_classes
        self.predict = predict
        self.scoring = scoring
        self.user_scorer = scoring(examples) if callable(scoring) else None

    def evaluate(self, coefs, intercepts):
        """Return loss and score at these weights; both are NaN where a probability is not a number."""
        targets, weights = self.examples.targets, self.examples.sample_weight
        probabilities = self.predict(self.examples.X, coefs, intercepts)
        if not np.isfinite(probabilities).all():
            return np.nan, np.nan
        loss = cross_entropy(probabilities, targets, self.n_classes, weights)
        if self.user_scorer is not None:
            return loss, float(self.user_scorer(coefs, intercepts))
        return loss, -loss if self.scoring == "loss" else accuracy(probabilities, targets, self.n_classes, weights)


def evaluate(network, validation, history, hyperparameters, on_score):
    """Evaluate a network on the validation set and record it; ``on_score`` is whether training stops on the score."""
    weights = network.weights()
    loss, score = validation.evaluate(*weights)
    history.record_validation(loss, score, weights, hyperparameters.tol, on_score)
    if hyperparameters.verbose:
        print(f"Validation score: {score:f}")  # noqa: T201


# The kernels have a cross-entropy of their own, which cannot be called here: it is a part of the training step, where
# it works on a tile in registers, smooths the labels and leaves the gradient in place of the probabilities. A kernel
# for validation would have to be compiled besides, to compute what takes NumPy less time than the probabilities take.
def cross_entropy(probabilities, targets, n_classes, sample_weight):
    """Return the mean cross-entropy, with probabilities kept at least epsilon away from 0 and 1."""
    epsilon = np.finfo(probabilities.dtype).eps
    p = np.clip(probabilities, epsilon, 1 - epsilon)
    if n_classes is None:
        losses = -np.log(np.where(targets == 0, 1 - p, p)).sum(axis=1)
    else:
        losses = -np.log(p[np.arange(len(p)), targets[:, 0]])
    return float(np.average(losses, weights=sample_weight))


def accuracy(probabilities, targets, n_classes, sample_weight):
    """Return the share of examples whose class, or whose labels all, are predicted correctly."""
    if n_classes is None:
        correct = ((probabilities > 0.5) == (targets != 0)).all(axis=1)
    else:
        # of the two probabilities of a single class, that class has the first
        correct = probabilities[:, :n_classes].argmax(axis=1) == targets[:, 0]
    return float(np.average(correct, weights=sample_weight))


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
