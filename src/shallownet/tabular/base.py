"""What the estimators for tables have in common: a fit from a table to the fitted attributes, and outputs for rows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from ..estimators.annotations import Data, RandomState, Routing
from ..estimators.callbacks import CallbackSupportMixin
from ..estimators.fitted_attributes import OF_FEATURES
from ..estimators.persistence import Versioned
from ..jit.cache import announced
from ..training.problem import Examples
from ..training.task import Task
from .learning import N_PILOTS, Learned, Learning, View, outputs_of
from .progress import Progress
from .table_encoder import TableEncoder
from .tables import FROM_DTYPE, read_table

CategoricalFeatures = ArrayLike | None  # a string is an ArrayLike

PREDICTED_ROWS = 8192  # that are encoded at a time: the encoded table is many times as large as the table


@dataclass(frozen=True, kw_only=True)
class Target:
    """What a fit learns."""

    task: Task
    targets: np.ndarray  # as the task encodes y
    sample_weight: np.ndarray | None  # all weights multiplied; None is 1 each
    strata: np.ndarray  # what the rows that are held out are stratified by
    attributes: dict  # the fitted attributes that tell of y
    constant: bool = False  # whether there is nothing to learn


class BaseTabularNet(CallbackSupportMixin, Versioned):
    """An estimator for tables.

    What is learned is up to the class: its method ``_target`` returns the Target, ``_network`` an estimator that
    learns it, and ``_calibrated`` the attributes that are found on rows that networks have not learned from.
    """

    _parameter_constraints: dict = {
        "n_nets": [Interval(Integral, 1, None, closed="left")],
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "n_bins": [Interval(Integral, 0, None, closed="left")],
        "max_bins_total": [Interval(Integral, 0, None, closed="left")],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "categorical_features": ["array-like", StrOptions({FROM_DTYPE}), None],
        "random_state": ["random_state"],
        "n_jobs": [None, Interval(Integral, 1, None, closed="left"), Interval(Integral, None, -1, closed="right")],
        "verbose": ["verbose"],
    }

    estimators_: list[Any]
    n_iter_: int
    pilot_epochs_: list[int]
    encoders_: list[Any]
    is_categorical_: np.ndarray
    n_features_in_: int
    feature_names_in_: np.ndarray

    if TYPE_CHECKING:  # scikit-learn makes these of the signatures

        def set_fit_request(self, *, sample_weight: Routing = ...) -> Self: ...  # noqa: D102

        def set_score_request(self, *, sample_weight: Routing = ...) -> Self: ...  # noqa: D102

        def score(self, X: Data, y: Data, sample_weight: ArrayLike | None = None) -> float: ...  # noqa: D102

    def __init__(
        self,
        n_nets: int = 1,
        *,
        hidden_layer_sizes: int | Sequence[int] = 256,
        dropout: float = 0.3,
        n_bins: int = 8,
        max_bins_total: int = 400,
        learning_rate_init: float = 0.004,
        batch_size: int = 128,
        max_iter: int = 120,
        categorical_features: CategoricalFeatures = FROM_DTYPE,
        random_state: RandomState = None,
        n_jobs: int | None = None,
        verbose: bool | int = False,
    ) -> None:
        self.n_nets = n_nets
        self.hidden_layer_sizes = hidden_layer_sizes
        self.dropout = dropout
        self.n_bins = n_bins
        self.max_bins_total = max_bins_total
        self.learning_rate_init = learning_rate_init
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.categorical_features = categorical_features
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    def _fit(self, X, y, sample_weight):
        """Check the data, train, and set the fitted attributes in one step; an error leaves the estimator as it was."""
        model = self._copied(vars(self))  # checks change it, and it stays as it is while networks learn
        table = read_table(model, X, model.categorical_features)
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None.")
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, dtype=np.float32, ensure_non_negative=True)
        check_consistent_length(table.numbers, y)
        target = model._target(y, sample_weight)
        table, target = _without_weightless(table, target)
        known = {name: vars(model)[name] for name in OF_FEATURES if name in vars(model)}
        known |= {"is_categorical_": table.is_categorical, **target.attributes}

        def attributes(learned):
            """Return the fitted attributes with which networks predict that are still learning."""
            return known | _of_networks(learned) | model._uncalibrated()

        context = None
        if hasattr(self, "_skl_callbacks") or hasattr(self, "_parent_callback_ctx"):
            context = self._init_callback_context(max_subtasks=N_PILOTS + model.n_nets)
        has_callbacks = hasattr(self, "_skl_callbacks")
        progress = Progress(model.verbose, self, context if has_callbacks else None, (X, y, sample_weight), attributes)
        if target.constant:
            fitted = attributes(Learned(networks=[], encoders=[]))
        else:
            with announced(model.verbose):
                fitted = known | model._learn(table, target, progress)
        progress.end_fit(fitted)
        others = {name: value for name, value in vars(self).copy().items() if not name.endswith("_")}
        self.__dict__ = others | fitted
        return self

    @classmethod
    def _copied(cls, attributes):
        """Return an estimator with these attributes, for checks that change some."""
        copied = object.__new__(cls)
        copied.__dict__.update(attributes)
        return copied

    def _learn(self, table, target, progress):
        """Train on a table; return the fitted attributes that come of it."""
        learned = Learning(
            views=self._views(table, target),
            task=target.task,
            strata=target.strata,
            make_network=self._network,
            n_hidden=self._network()._n_hidden(),
            max_iter=int(self.max_iter),
            batch_size=int(self.batch_size),
            n_jobs=self.n_jobs,
            random_state=check_random_state(self.random_state),
            progress=progress,
        ).run(int(self.n_nets))
        return _of_networks(learned) | self._calibrated(target, learned)

    def _views(self, table, target):
        """Return the views of a table: of one network, or of several, which err less alike if their bins differ."""
        y = target.targets[:, 0] if target.targets.shape[1] == 1 else target.targets
        views = []
        for edges in ["quantiles", "tree"][: self.n_nets]:
            encoder = TableEncoder(self.n_bins, self.max_bins_total, edges).fit(table, y)
            examples = Examples(
                X=encoder.transform(table), targets=target.targets, sample_weight=target.sample_weight, y=target.targets
            )
            views.append(View(encoder=encoder, examples=examples))
            if encoder.bins_ is None:
                break  # there is nothing in which the next could differ
        return views

    def _parameters_of_networks(self):
        """Return the parameters that are those of each network."""
        return {
            "hidden_layer_sizes": self.hidden_layer_sizes,
            "dropout": self.dropout,
            "learning_rate_init": self.learning_rate_init,
        }

    def _calibrated(self, target, learned):
        """Return the fitted attributes that are found on rows that networks have not learned from."""
        return self._uncalibrated()

    def _uncalibrated(self):
        """Return these attributes where nothing is known of such rows."""
        return {}

    def __sklearn_is_fitted__(self):
        return "estimators_" in vars(self)

    def _outputs(self, X, fitted, n_outputs):
        """Return the mean of the outputs of all networks for a table, (n, n_outputs)."""
        table = read_table(self._copied(fitted), X, is_categorical=fitted["is_categorical_"])
        outputs = np.zeros((len(table), n_outputs))
        networks, encoders = fitted["estimators_"], fitted["encoders_"]
        for begin in range(0, len(table), PREDICTED_ROWS):
            rows = slice(begin, begin + PREDICTED_ROWS)
            part = table.take(rows)
            encoded = {encoder: encoder.transform(part) for encoder in set(encoders)}  # networks share them
            for network, encoder in zip(networks, encoders, strict=True):
                outputs[rows] += outputs_of(network, encoded[encoder], self.n_jobs)
        return outputs / max(1, len(networks))

    def _fitted(self):
        """Return all attributes as they are at this moment: a fit in another thread replaces them in one step."""
        check_is_fitted(self)
        return vars(self)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        return tags


def _of_networks(learned):
    """Return the fitted attributes that tell of networks."""
    return {
        "estimators_": learned.networks,
        "encoders_": learned.encoders,
        "n_iter_": learned.networks[-1].n_iter_ if learned.networks else 0,
        "pilot_epochs_": learned.pilot_epochs,
    }


def _without_weightless(table, target):
    """Return table and target without the rows of weight 0, as if they were not there.

    Raises
    ------
    ValueError
        If there are no others.
    """
    weights = target.sample_weight
    if weights is None or weights.all():
        return table, target
    rows = weights > 0
    if not rows.any():
        raise ValueError("The weights of the samples must contain at least one non-zero number.")
    return table.take(rows), replace(
        target, targets=target.targets[rows], sample_weight=weights[rows], strata=target.strata[rows]
    )
