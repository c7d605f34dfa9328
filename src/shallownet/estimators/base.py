"""What the estimators have in common: a fit from the user's data to the fitted attributes, and forward propagation."""

from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn import get_config
from sklearn.utils.validation import check_is_fitted

from ..jit.cache import announced
from ..kernels.activations import ACTIVATIONS
from ..kernels.losses import OUTPUTS
from ..training.fit import train
from ..training.history import History
from ..training.inference import dtype_of, hidden_activations, predict_outputs
from ..training.problem import Examples, Problem
from ..training.sparse_checks import check_sparse
from .annotations import Data, Routing
from .callbacks import CallbackSupportMixin, Hooks
from .fitted_attributes import FITTED, OF_FEATURES, continued, fitted_attributes, kept_network, optimizer_attributes
from .input_checks import (
    FORMATS,
    check_arrays,
    check_examples,
    check_validation_set,
    plain_array,
    remember_columns,
)
from .parameters import Parameters, give_back_random_state
from .scoring import validation_scoring
from .user_warnings import warn_user

TOO_LARGE = "Input X contains values so large that the network's outputs are not finite. Preprocess X as for the fit."


class BaseShallowNet(CallbackSupportMixin, Parameters):
    """An estimator with one hidden layer.

    What is learned is up to the class: its method ``_task`` returns the Task, such as ``Labels``.
    """

    coefs_: list[np.ndarray]
    intercepts_: list[np.ndarray]
    loss_: float
    best_loss_: float | None
    loss_curve_: list[float]
    validation_scores_: list[float] | None
    validation_loss_curve_: list[float] | None
    best_validation_score_: float | None
    best_iter_: int | None
    n_iter_: int
    t_: int
    n_layers_: int
    n_outputs_: int
    out_activation_: str
    n_features_in_: int
    feature_names_in_: np.ndarray

    if TYPE_CHECKING:  # scikit-learn makes these of the signatures

        def set_fit_request(  # noqa: D102
            self,
            *,
            sample_weight: Routing = ...,
            X_val: Routing = ...,
            y_val: Routing = ...,
            sample_weight_val: Routing = ...,
        ) -> Self: ...

        def set_score_request(self, *, sample_weight: Routing = ...) -> Self: ...  # noqa: D102

        def score(self, X: Data, y: Data, sample_weight: ArrayLike | None = None) -> float: ...  # noqa: D102

    def _fit(self, X, y, sample_weight, held_out: tuple = (None, None, None), *, incremental=False, **options):
        """Check the data, train, and set the fitted attributes; an error leaves the estimator as it was.

        Parameters
        ----------
        X, y, sample_weight
            As the user gave them, as the next.
        held_out : tuple
            X_val, y_val and sample_weight_val.
        incremental : bool
            Whether this is partial_fit.
        **options : dict
            Passed to ``_task``.
        """
        has_callbacks = hasattr(self, "_skl_callbacks") or hasattr(self, "_parent_callback_ctx")
        # A fit works with the parameters and attributes as they are now, whatever other threads do with the estimator
        # meanwhile; but callbacks are to see the estimator itself.
        model = self if has_callbacks else self._shallow_copy()
        before = vars(self).copy()
        try:
            hyperparameters = model._hyperparameters(incremental)
            continues = hasattr(model, "coefs_") and (model.warm_start or incremental)
            X, y, sample_weight = model._check_examples(X, y, sample_weight, reset=not continues)
            task = model._task(y, continues=continues, incremental=incremental, **options)
            history, start = continued(model, hyperparameters, incremental) if continues else (History(), None)

            def attributes(coefs, intercepts):
                return fitted_attributes(task, hyperparameters, history, coefs, intercepts)

            problem = model._problem(X, y, sample_weight, held_out, task, attributes)
            hooks = None
            if has_callbacks:
                context = self._init_callback_context(max_subtasks=1 if incremental else hyperparameters.max_iter)
                if hasattr(self, "_skl_callbacks"):
                    hooks = Hooks(self, context, model._data_of_callbacks(X, y, sample_weight), attributes)
            with announced(hyperparameters.verbose):
                state = model._train(
                    problem,
                    hyperparameters,
                    history,
                    start=start,
                    incremental=incremental,
                    after_epoch=hooks and hooks.after_epoch,
                    network=kept_network(model) if incremental else None,
                )
            give_back_random_state(hyperparameters)
            for message, category in history.warnings:
                warn_user(message, category)
            fitted = attributes(state.coefs, state.intercepts) | optimizer_attributes(state, hyperparameters)
            fitted |= {name: vars(model)[name] for name in OF_FEATURES if name in vars(model)}
            self._replace_fitted(fitted)
            if hooks:
                hooks.end(fitted)
        except BaseException:
            if has_callbacks:
                self._rollback(before)
            raise
        return self

    # What an estimator whose examples do not lie in this process does otherwise.

    _train = staticmethod(train)

    def _check_examples(self, X, y, sample_weight, *, reset):
        """Return X, y and sample_weight, checked; the estimator is told of the features if ``reset``."""
        return check_examples(self, X, y, sample_weight, reset=reset)

    def _data_of_callbacks(self, X, y, sample_weight):
        """Return the checked data as callbacks see them."""
        return X, y, sample_weight

    def _shallow_copy(self):
        """Return an estimator with the same attributes, for which no callback is called."""
        copied = object.__new__(type(self))
        copied.__dict__ = vars(self).copy()
        return copied

    def _problem(self, X, y, sample_weight, held_out, task, attributes):
        """Return the Problem that checked data pose, with a validation set that is yet to be checked."""
        held_out = check_validation_set(self, X, *held_out)
        targets = task.encode(y, X.dtype)
        examples = Examples(
            X=X.tocsr() if sparse.issparse(X) else X,
            targets=targets,
            sample_weight=task.weighted(sample_weight, targets, X.dtype),
            y=y,
        )
        if held_out is not None:
            X_val, y_val, weights = held_out
            held_out = Examples(X=X_val, targets=task.encode(y_val, X.dtype), sample_weight=weights, y=y_val)
        return Problem(
            examples=examples,
            held_out=held_out,
            task=task,
            scoring=validation_scoring(self, task, attributes),
        )

    def _replace_fitted(self, fitted):
        """Replace all fitted attributes in one step, of which no error leaves half, and no other thread finds half."""
        others = {name: value for name, value in vars(self).copy().items() if name not in FITTED}
        self.__dict__ = others | fitted

    def _rollback(self, before):
        """Restore all attributes, but for those with which callbacks are ended."""
        for name in ("_callback_fit_ctx", "_skl_callbacks_to_teardown"):
            if name in vars(self):
                before[name] = vars(self)[name]
        self.__dict__ = before

    def hidden_activations(self, X: Data) -> np.ndarray:
        """Return the output of the hidden layer.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The examples.

        Returns
        -------
        activations : ndarray of shape (n_samples, n_hidden)
            g(X W1^T + b1), in the dtype of the fit.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X is not valid, has another number of features than in the fit, or has values so large that an
            activation is not finite.
        """
        fitted = self._fitted()
        activations = hidden_activations(
            self._check_features(X, fitted),
            fitted["coefs_"],
            fitted["intercepts_"],
            ACTIVATIONS[fitted["_activation"]],
            fitted["_activation_slope"],
            fitted["n_jobs"],
        )
        if not get_config()["assume_finite"] and not (
            np.isfinite(activations.min()) and np.isfinite(activations.max())
        ):
            raise ValueError(TOO_LARGE)
        return activations

    def _check_stochastic(self):
        if self.solver == "lbfgs":
            raise AttributeError(
                f"partial_fit is only available for stochastic optimizers. {self.solver} is not stochastic."
            )
        return True

    def __sklearn_is_fitted__(self):
        return "coefs_" in vars(self)

    def _fitted(self):
        """Return all attributes as they are at this moment: a fit in another thread replaces them in one step."""
        fitted = vars(self)
        if "coefs_" not in fitted:
            check_is_fitted(self)
        return fitted

    def _outputs(self, X, fitted):
        """Return the outputs of a network of these attributes, (n, n_outputs), or (n, 2) of one logistic output."""
        plain = plain_array(X, len(fitted["coefs_"][0]), fitted.get("feature_names_in_"))
        outputs, finite = predict_outputs(
            self._check_features(X, fitted) if plain is None else plain,
            fitted["coefs_"],
            fitted["intercepts_"],
            ACTIVATIONS[fitted["_activation"]],
            OUTPUTS[fitted["out_activation_"]],
            fitted["_activation_slope"],
            fitted["n_jobs"],
        )
        if not finite and not get_config()["assume_finite"]:
            if plain is not None:
                self._check_features(X, fitted)  # says so if X is not
            raise ValueError(TOO_LARGE)
        return outputs

    def _check_features(self, X, fitted):
        """Return X, checked as that of a model of these attributes."""
        model = object.__new__(type(self))  # as a fit in another thread may already know of other features
        model.__dict__.update(fitted)
        model.n_features_in_ = len(fitted["coefs_"][0])
        dtype = dtype_of([*fitted["coefs_"], *fitted["intercepts_"]])
        checked = check_arrays(model, check_sparse(X), accept_sparse=FORMATS, dtype=dtype, reset=False)
        remember_columns(X, fitted.get("feature_names_in_"))
        return checked

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
