"""The validation set: which examples are held out, and how well a network does on them after each epoch."""

import numpy as np
from sklearn.model_selection import train_test_split


class ValidationSet:
    """Examples that are kept from training, on which a network is evaluated.

    Parameters
    ----------
    examples : Examples
    task : Task
    predict : callable
        Maps X, coefs and intercepts to the outputs of the network, as ``predict_outputs`` does.
    scoring : callable, 'loss' or None
        As in ``Problem``.

    Attributes
    ----------
    user_scorer : callable or None
        User-supplied code that runs in ``evaluate``.
    """

    def __init__(self, examples, task, predict, scoring):
        self.examples = examples
        self.task = task
        self.predict = predict
        self.scoring = scoring
        self.user_scorer = scoring(examples) if callable(scoring) else None

    def evaluate(self, coefs, intercepts):
        """Return loss and score at these weights; both are NaN where an output is not finite."""
        targets, weights = self.examples.targets, self.examples.sample_weight
        outputs = self.predict(self.examples.X, coefs, intercepts)
        if not np.isfinite(outputs).all():
            return np.nan, np.nan
        loss = self.task.loss(outputs, targets, weights)
        if self.user_scorer is not None:
            return loss, float(self.user_scorer(coefs, intercepts))
        return loss, -loss if self.scoring == "loss" else self.task.score(outputs, targets, weights)


def evaluate(network, validation, history, hyperparameters, on_score):
    """Evaluate a network on the validation set and record it; ``on_score`` is whether training stops on the score."""
    weights = network.weights()
    loss, score = validation.evaluate(*weights)
    history.record_validation(loss, score, weights, hyperparameters.tol, on_score)
    if hyperparameters.verbose:
        print(f"Validation score: {score:f}")  # noqa: T201


def split(n, strata, fraction, random_state):
    """Return the rows of ``n`` to train and to validate on, as scikit-learn's networks split them.

    Raises
    ------
    ValueError
        If there would be fewer than two examples to validate on.
    """
    train, held_out = train_test_split(np.arange(n), random_state=random_state, test_size=fraction, stratify=strata)
    if len(held_out) < 2:
        raise ValueError("The validation set is too small. Increase 'validation_fraction' or the size of your dataset.")
    return train, held_out
