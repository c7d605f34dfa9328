"""One call of fit or partial_fit: from checked data to the fitted attributes."""

from inspect import signature
from numbers import Integral

import numpy as np
from scipy import sparse
from sklearn.metrics import check_scoring
from sklearn.utils import check_random_state

from ..kernels.activations import ACTIVATIONS
from ..kernels.losses import OUTPUTS
from .inference import predict_proba, thread_count
from .initialization import initial_weights
from .lbfgs import minimize_loss
from .loop import History, LearningRate, Training, check_finite, evaluate
from .network import Network
from .sample_order import Order
from .targets import SINGLE, n_outputs_of, targets_of, weighted_by_class
from .validation_set import Validation, split


class Fit:
    """The training of a network for an estimator, which it reads and does not change.

    Parameters
    ----------
    estimator : ShallowNetClassifier
    X, y, sample_weight
        The checked data; weights may be None.
    classes, kind
        The classes of the labels and their kind.
    held_out : tuple or None
        A validation set of the user's: X, y, sample_weight.
    incremental : bool
        Whether this is partial_fit.
    """

    def __init__(self, estimator, X, y, sample_weight, classes, kind, held_out, incremental):
        self.estimator = estimator
        self.X, self.y = X.tocsr() if sparse.issparse(X) else X, y
        self.classes, self.kind = classes, kind
        self.held_out = held_out
        self.incremental = incremental
        self.targets = targets_of(y, classes, kind)
        self.sample_weight = weighted_by_class(
            estimator.class_weight, sample_weight, self.targets, classes, kind, X.dtype
        )
        self.n_outputs = n_outputs_of(classes, kind)
        self.out_activation = "softmax" if kind == SINGLE and self.n_outputs > 1 else "logistic"
        self.random_state = check_random_state(estimator.random_state)
        self.history = History()
        self.n_threads = thread_count(estimator.n_jobs)

    def run(self, first, after_epoch):
        """Train and return the fitted attributes.

        Parameters
        ----------
        first : bool
            Whether to begin anew; otherwise training goes on from the estimator's weights.
        after_epoch : callable or None
            Called with a function that returns the attributes of a usable model; True ends training.
        """
        estimator, n_samples = self.estimator, self.X.shape[0]
        if not first:
            self.history = self._history_so_far()
        self._start(first)
        held_out, rows = self._validation()
        _check_some_weight(self.sample_weight, rows, "training")
        self.network.attach(
            self.X,
            self.targets,
            self.sample_weight,
            rows,
            estimator._checked_batch_size(n_samples if rows is None else len(rows)),
            self.n_threads,
        )
        hook = None if after_epoch is None else lambda: after_epoch(self.attributes)
        if estimator.solver == "lbfgs":
            self._minimize(held_out, hook)
        else:
            goes_on = self.incremental and not first and getattr(estimator, "_moments_of", None) == estimator.solver
            self.rate = self._continued() if goes_on else self._learning_rate()
            Training(
                self.network,
                self.rate,
                self._order(rows),
                self.history,
                max_iter=estimator.max_iter,
                tol=estimator.tol,
                n_iter_no_change=estimator.n_iter_no_change,
                verbose=estimator.verbose,
                incremental=self.incremental,
                validation=held_out,
                early_stopping=estimator.early_stopping,
                after_epoch=hook,
            ).run()
        attributes = self.attributes() | self._state()
        self._check_outputs(attributes)
        return attributes

    def _history_so_far(self):
        """Return the course of the calls before, from the attributes that they left."""
        known = vars(self.estimator)
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
                history.best_weights = known["coefs_"], known["intercepts_"]
        return history

    def _start(self, first):
        """Build the network, from initial weights or from the estimator's."""
        estimator, dtype = self.estimator, self.X.dtype
        if first:
            coefs, intercepts = initial_weights(
                estimator.init,
                self.random_state,
                self.X.shape[1],
                estimator._n_hidden(),
                self.n_outputs,
                estimator.activation,
            )
        else:
            coefs, intercepts = estimator.coefs_, estimator.intercepts_
            if coefs[0].shape[1] != estimator._n_hidden():
                raise ValueError(
                    f"hidden_layer_sizes={estimator.hidden_layer_sizes!r} must be the {coefs[0].shape[1]} units that"
                    " were fitted before, as training goes on from their weights."
                )
        # drawn only where it is used, so that other fits draw what MLPClassifier draws
        key = 2 * self.random_state.randint(2**62, dtype=np.int64) + 1 if estimator.dropout > 0 else 1
        self.network = Network(
            [np.asarray(coef, dtype) for coef in coefs],
            [np.asarray(intercept, dtype) for intercept in intercepts],
            ACTIVATIONS[estimator.activation],
            OUTPUTS[self.out_activation],
            estimator._solver_code(),
            estimator._settings(dtype),
            key,
            sparse.issparse(self.X),
        )

    def _learning_rate(self):
        """Return a new learning rate; the solver's state begins anew with it."""
        estimator = self.estimator
        self.history.steps = 0
        return LearningRate(estimator._schedule(), estimator.learning_rate_init, estimator.power_t, estimator.max_iter)

    def _continued(self):
        """Return the learning rate of the call before, with its moments in the network."""
        steps = self.history.steps
        rate = self._learning_rate()
        self.history.steps = steps
        rate.rate = self.estimator._rate
        self.network.set_moments(self.estimator._moments)
        return rate

    def _order(self, rows):
        """Return the order of the examples. A random state that was made of a number belongs to this call alone."""
        estimator = self.estimator
        private = isinstance(estimator.random_state, Integral)
        # where the order does not matter, it is drawn for those who draw after it, as MLPClassifier draws it
        drawn = estimator.shuffle and not (private and self.network.as_they_come)
        return Order(self.network.n_samples, rows, self.random_state if drawn else None, private)

    def _minimize(self, held_out, hook):
        estimator = self.estimator
        history = self.history = History(t=self.history.t)
        notes = [history.snapshot()]

        def after_iteration(loss):
            history.n_iter += 1
            history.loss_curve = [loss]
            if held_out is not None:
                evaluate(self.network, held_out, history, estimator.tol, estimator.verbose, early_stopping=False)
            notes.append(history.snapshot())
            return hook is not None and hook()

        seen = hook is not None or held_out is not None
        loss, n_iter = minimize_loss(
            self.network,
            max_iter=estimator.max_iter,
            max_fun=estimator.max_fun,
            tol=estimator.tol,
            verbose=estimator.verbose,
            after_iteration=after_iteration if seen else None,
        )
        if seen:
            history.restore(notes[n_iter])  # an interrupt may have broken off an iteration
        history.n_iter, history.loss_curve = n_iter, [loss]
        check_finite(self.network)

    def _validation(self):
        """Return the validation set, if there is one, and the rows to train on, None for all."""
        estimator, targets = self.estimator, self.targets
        if self.held_out is not None:
            X, y, sample_weight = self.held_out
            return self._watched(X, y, targets_of(y, self.classes, self.kind), sample_weight), None
        if not estimator.early_stopping or estimator.solver == "lbfgs":
            return None, None
        train_rows, rows = split(targets, self.n_outputs, estimator.validation_fraction, self.random_state)
        _check_some_weight(self.sample_weight, rows, "validation")
        weights = None if self.sample_weight is None else self.sample_weight[rows]
        return self._watched(self.X[rows], self.y[rows], targets[rows], weights), train_rows

    def _watched(self, X, y, targets, sample_weight):
        scoring = self.estimator.scoring
        if scoring in (None, "loss"):
            scorer = scoring
        else:
            check = check_scoring(self.estimator, scoring)
            weighted = sample_weight is not None and _takes_weights(check)
            weights = {"sample_weight": sample_weight} if weighted else {}
            if self.kind == SINGLE:
                y = self.classes[targets[:, 0]]  # in the dtype of the predictions, for metrics that mix the two

            def scorer(coefs, intercepts):
                return check(self._model(coefs, intercepts), X, y, **weights)

        def probabilities(coefs, intercepts):
            return self._probabilities(X, coefs, intercepts)[0]

        n_classes = len(self.classes) if self.kind == SINGLE else None
        return Validation(targets, n_classes, sample_weight, probabilities, scorer)

    def _model(self, coefs, intercepts):
        """Return a copy of the estimator, fitted with these weights."""
        model = self.estimator.__class__(**self.estimator.get_params(deep=False))
        vars(model).update(self.attributes() | {"coefs_": coefs, "intercepts_": intercepts})
        model.n_features_in_ = self.X.shape[1]
        return model

    def _probabilities(self, X, coefs, intercepts):
        """Return the probabilities of the examples, and whether all of them are finite."""
        estimator = self.estimator
        return predict_proba(
            X,
            coefs,
            intercepts,
            ACTIVATIONS[estimator.activation],
            OUTPUTS[self.out_activation],
            estimator._slope(),
            self.n_threads,
        )

    def _check_outputs(self, attributes):
        """Raise ValueError if the weights, though finite, are so large that the outputs are not."""
        coefs, intercepts = attributes["coefs_"], attributes["intercepts_"]
        largest = max(np.abs(weights).max() for weights in (*coefs, *intercepts))
        if largest < np.finfo(self.X.dtype).max ** 0.25:  # products of two weights leave room for those with X
            return
        if not self._probabilities(self.X, coefs, intercepts)[1]:
            raise ValueError(
                "Solver produced parameter weights so large that the outputs overflow. The input data may contain"
                " large values and need to be preprocessed."
            )

    def attributes(self):
        """Return the fitted attributes at the network's weights as they are now."""
        history, estimator = self.history, self.estimator
        coefs, intercepts = self.network.weights()
        watched = bool(history.validation_scores)
        attributes = {
            "classes_": self.classes,
            "coefs_": coefs,
            "intercepts_": intercepts,
            "loss_": history.loss,
            "n_iter_": history.n_iter,
            "t_": history.t,
            "n_layers_": 3,
            "n_outputs_": self.n_outputs,
            "out_activation_": self.out_activation,
            # a prediction takes these of the fit, whatever the parameters have become since
            "_label_kind": self.kind,
            "_activation": estimator.activation,
            "_activation_slope": estimator._slope(),
            "_steps": history.steps,
            "_stalled": history.stalled,
        }
        if watched:
            best = history.best_iter > 0  # False if no score was a number
            attributes |= {
                "validation_scores_": list(history.validation_scores),
                "validation_loss_curve_": list(history.validation_loss_curve),
                "best_validation_score_": history.best_score if best else None,
                "best_iter_": history.best_iter if best else None,
            }
        elif estimator.solver != "lbfgs":
            attributes |= dict.fromkeys(VALIDATED)
        if estimator.solver == "lbfgs":
            return attributes
        return attributes | {
            "loss_curve_": list(history.loss_curve),
            "best_loss_": None if estimator.early_stopping else history.best_loss,
        }

    def _state(self):
        """Return the attributes from which partial_fit goes on, after fit as well."""
        solver = self.estimator.solver
        if solver == "lbfgs":
            return {}
        return {"_rate": self.rate.rate, "_moments": self.network.moments(), "_moments_of": solver}


def _check_some_weight(sample_weight, rows, part):
    """Raise ValueError if all those rows weigh 0, by their own weights or by those of their classes."""
    if sample_weight is not None and not (sample_weight if rows is None else sample_weight[rows]).any():
        raise ValueError(f"The weights of the {part} samples must contain at least one non-zero number.")


def _takes_weights(scorer):
    """Return whether a scorer can be called with sample weights; scikit-learn's scorers hand them to their metric."""
    metric = getattr(scorer, "_score_func", scorer)
    return "sample_weight" in signature(metric).parameters


VALIDATED = ("validation_scores_", "validation_loss_curve_", "best_validation_score_", "best_iter_")

# The attributes that a fit sets or, where they would be an earlier fit's, removes.
FITTED = (
    *VALIDATED,
    *"classes_ coefs_ intercepts_ loss_ n_iter_ t_ n_layers_ n_outputs_ out_activation_ loss_curve_ best_loss_".split(),
    *"_label_kind _activation _activation_slope _steps _stalled _rate _moments _moments_of".split(),
)
