"""The parameters that estimators have in common: what is allowed, and the Hyperparameters that they resolve to."""

import math
from numbers import Integral, Real

import numpy as np
from sklearn.metrics import get_scorer_names
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, Options, RealNotInt, StrOptions, validate_parameter_constraints

from ..kernels.activations import ACTIVATIONS, LEAKY_RELU
from ..training.inference import thread_count
from ..training.initialization import INITS
from ..training.problem import Hyperparameters
from .persistence import Versioned


def _is_of_floats(constraint):
    return isinstance(constraint, Interval) and constraint.type is Real


def _as_float(number):
    try:
        return float(number)
    except OverflowError:
        return math.inf


_spare_random_states: list = []  # to be seeded, which takes a fiftieth of making one; no fit is using them


def _random_state(seed):
    """Return a RandomState as ``check_random_state`` does; one made from a seed may be given back."""
    if not isinstance(seed, Integral):
        return check_random_state(seed)
    try:
        random_state = _spare_random_states.pop()
    except IndexError:
        random_state = np.random.RandomState()
    random_state.seed(int(seed))
    return random_state


def give_back_random_state(hyperparameters):
    """Let another fit use the RandomState of a fit that has ended, if it was made from a seed."""
    if hyperparameters.private_random_state:
        _spare_random_states.append(hyperparameters.random_state)


class Parameters(Versioned):
    """An estimator with parameters, which its own docstring describes and its own constructor takes."""

    _mlp_name: str  # of the estimator of scikit-learn with the same parameters

    _parameter_constraints = {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "solver": [StrOptions({"lbfgs", "sgd", "adam"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [
            StrOptions({"auto", "full"}),
            Interval(Integral, 1, None, closed="left"),
            Interval(RealNotInt, 0, 1, closed="neither"),
        ],
        "learning_rate": [StrOptions({"constant", "invscaling", "adaptive", "cosine"})],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), Options(Real, {np.inf})],
        "max_fun": [Interval(Integral, 1, None, closed="left")],
        "init": [StrOptions(set(INITS)), tuple, list],
        "negative_slope": [Interval(Real, 0, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "scoring": [StrOptions({"loss"} | set(get_scorer_names())), callable, None],
        "n_jobs": [
            None,
            Interval(Integral, 1, None, closed="left"),
            Interval(Integral, None, -1, closed="right"),
        ],
    }

    def _validate_params(self):
        """Check the parameters as they are, then as the floats that they are converted to.

        An integer or a long double may lie within its bounds and yet round to a float outside.
        """
        super()._validate_params()
        rounded = {
            name: _as_float(value)
            for name, allowed in self._parameter_constraints.items()
            if type(value := getattr(self, name)) is not float and any(map(_is_of_floats, allowed))
        }
        validate_parameter_constraints(self._parameter_constraints, rounded, type(self).__name__)

    def _n_hidden(self):
        """Return the number of hidden units."""
        sizes = self.hidden_layer_sizes
        sizes = [sizes] if np.ndim(sizes) == 0 else list(sizes)
        if len(sizes) != 1:
            raise ValueError(
                f"hidden_layer_sizes={self.hidden_layer_sizes!r} has {len(sizes)} layers; {type(self).__name__}"
                f" has exactly one. Use sklearn.neural_network.{self._mlp_name} for another number of layers."
            )
        if not isinstance(sizes[0], Integral):
            raise ValueError(
                f"hidden_layer_sizes must be an int or a sequence of one int, got {self.hidden_layer_sizes!r}."
            )
        if sizes[0] < 1:
            raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
        if int(sizes[0]) > np.iinfo(np.intp).max:
            raise ValueError(f"hidden_layer_sizes has more units than any array can hold, got {sizes}.")
        return int(sizes[0])

    def _hyperparameters(self, incremental):
        """Return the parameters as training needs them; nothing reads them from the estimator afterwards.

        Raises
        ------
        ValueError
            If parameters have no meaning together.
        """
        n_hidden = self._n_hidden()
        if incremental and self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        if self.solver == "lbfgs" and self.dropout > 0:
            raise ValueError(
                f"dropout={self.dropout} must be 0 for solver='lbfgs', which needs the same loss in each evaluation."
            )
        # those of scikit-learn's networks are for SGD only, as there
        has_schedule = self.solver == "sgd" or self.learning_rate == "cosine"
        return Hyperparameters(
            n_hidden=n_hidden,
            activation=self.activation,
            slope=float(self.negative_slope) if ACTIVATIONS[self.activation] == LEAKY_RELU else 0.0,
            init=self.init,
            alpha=float(self.alpha),
            dropout=float(self.dropout),
            solver=self.solver,
            batch_size=int(self.batch_size) if isinstance(self.batch_size, Integral) else self.batch_size,
            learning_rate_init=float(self.learning_rate_init),
            schedule=self.learning_rate if has_schedule else "constant",
            power_t=float(self.power_t),
            momentum=float(self.momentum),
            nesterovs_momentum=bool(self.nesterovs_momentum),
            beta_1=float(self.beta_1),
            beta_2=float(self.beta_2),
            epsilon=float(self.epsilon),
            max_iter=int(self.max_iter),
            max_fun=int(self.max_fun),
            tol=float(self.tol),
            n_iter_no_change=self.n_iter_no_change,
            early_stopping=bool(self.early_stopping),
            validation_fraction=self.validation_fraction,
            shuffle=bool(self.shuffle),
            random_state=_random_state(self.random_state),
            private_random_state=isinstance(self.random_state, Integral),
            n_threads=thread_count(self.n_jobs),
            verbose=bool(self.verbose),
        )
