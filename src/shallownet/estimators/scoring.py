"""User-supplied scores of a validation set."""

from inspect import signature

from sklearn.metrics import check_scoring


def validation_scoring(model, task, attributes):
    """Return how a validation set is scored: None, 'loss', or a function from its Examples to a scorer of weights.

    Parameters
    ----------
    model : estimator
        With the parameter ``scoring``; copies of it, fitted with the weights, are scored.
    task : Task
    attributes : callable
        Maps coefs and intercepts to the fitted attributes.
    """
    if model.scoring in (None, "loss"):
        return model.scoring

    def scoring(examples):
        score = check_scoring(model, model.scoring)
        weighted = examples.sample_weight is not None and _takes_weights(score)
        weights = {"sample_weight": examples.sample_weight} if weighted else {}
        y = task.for_scoring(examples.y, examples.targets)

        def scorer(coefs, intercepts):
            fitted = type(model)(**model.get_params(deep=False))
            vars(fitted).update(attributes(coefs, intercepts))
            fitted.n_features_in_ = examples.X.shape[1]
            return score(fitted, examples.X, y, **weights)

        return scorer

    return scoring


def _takes_weights(scorer):
    """Return whether a scorer can be called with sample weights; scikit-learn's scorers hand them to their metric."""
    metric = getattr(scorer, "_score_func", scorer)
    return "sample_weight" in signature(metric).parameters
