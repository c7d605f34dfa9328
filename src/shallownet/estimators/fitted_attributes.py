"""The attributes that a fit leaves: how they are made of what training returns, and how a later fit continues them.

They are what a saved model consists of. Whoever renames one or changes its meaning adds an upgrade to ``persistence``.
"""

from ..training.history import History
from ..training.problem import NetworkState

OF_FEATURES = ("n_features_in_", "feature_names_in_")  # set by scikit-learn's check of X
OF_VALIDATION = ("validation_scores_", "validation_loss_curve_", "best_validation_score_", "best_iter_")

# The attributes that a fit sets or, where they would be an earlier fit's, removes.
FITTED = frozenset(OF_FEATURES + OF_VALIDATION).union(
    "classes_ coefs_ intercepts_ loss_ n_iter_ t_ n_layers_ n_outputs_ out_activation_ loss_curve_ best_loss_".split(),
    "_label_kind _activation _activation_slope _steps _stalled _rate _moments _moments_of _network".split(),
)


def fitted_attributes(task, hyperparameters, history, coefs, intercepts):
    """Return the attributes of a usable model.

    Parameters
    ----------
    task : Task
    hyperparameters : Hyperparameters
    history : History
    coefs, intercepts : lists of two ndarrays
    """
    attributes = task.attributes() | {
        "coefs_": coefs,
        "intercepts_": intercepts,
        "loss_": history.loss,
        "n_iter_": history.n_iter,
        "t_": history.t,
        "n_layers_": 3,
        "n_outputs_": task.n_outputs,
        "out_activation_": task.output,
        # a prediction takes these of the fit, whatever the parameters have become since
        "_activation": hyperparameters.activation,
        "_activation_slope": hyperparameters.slope,
        "_steps": history.steps,
        "_stalled": history.stalled,
    }
    if history.validation_scores:
        found = history.best_iter > 0  # False if no score was a number
        attributes |= {
            "validation_scores_": list(history.validation_scores),
            "validation_loss_curve_": list(history.validation_loss_curve),
            "best_validation_score_": history.best_score if found else None,
            "best_iter_": history.best_iter if found else None,
        }
    elif hyperparameters.solver != "lbfgs":
        attributes |= dict.fromkeys(OF_VALIDATION)
    if hyperparameters.solver != "lbfgs":
        attributes |= {
            "loss_curve_": list(history.loss_curve),
            "best_loss_": None if hyperparameters.early_stopping else history.best_loss,
        }
    return attributes


def optimizer_attributes(state, hyperparameters):
    """Return the attributes from which partial_fit continues, after fit as well."""
    if state.moments is None:
        return {}
    kept = {} if state.network is None else {"_network": [state.network]}
    return kept | {"_rate": state.rate, "_moments": state.moments, "_moments_of": hyperparameters.solver}


def kept_network(model):
    """Return the network that the last call of partial_fit left, for one fit alone, or None."""
    kept = vars(model).get("_network", [])
    try:
        return kept.pop()  # in one step; another thread may be about to do the same
    except IndexError:
        return None


def continued(model, hyperparameters, incremental):
    """Return the History and the NetworkState that training continues from, of the attributes of an earlier fit.

    Raises
    ------
    ValueError
        If the earlier fit had another number of hidden units.
    """
    known = vars(model)
    coefs, intercepts = known["coefs_"], known["intercepts_"]
    if coefs[0].shape[1] != hyperparameters.n_hidden:
        raise ValueError(
            f"hidden_layer_sizes={model.hidden_layer_sizes!r} must be the {coefs[0].shape[1]} units that"
            " were fitted before, as training goes on from their weights."
        )
    # fit begins with a new optimizer
    with_optimizer = incremental and known.get("_moments_of") == hyperparameters.solver
    start = NetworkState(
        coefs=coefs,
        intercepts=intercepts,
        rate=known["_rate"] if with_optimizer else None,
        moments=known["_moments"] if with_optimizer else None,
    )
    if hyperparameters.solver == "lbfgs":
        return History(t=known["t_"]), start
    history = History(
        loss_curve=list(known.get("loss_curve_", [])),
        n_iter=known["n_iter_"],
        t=known["t_"],
        steps=known["_steps"],
        stalled=known["_stalled"],
    )
    if known.get("best_loss_") is not None:
        history.best_loss = known["best_loss_"]
    if known.get("validation_scores_") is not None:
        history.validation_scores = list(known["validation_scores_"])
        history.validation_loss_curve = list(known["validation_loss_curve_"])
        if known["best_iter_"] is not None:
            history.best_score, history.best_iter = known["best_validation_score_"], known["best_iter_"]
            history.best_weights = coefs, intercepts
    return history, start
