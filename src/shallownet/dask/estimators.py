"""The estimators on Dask: what differs from ShallowNetClassifier and ShallowNetRegressor."""

import functools
import inspect
import sys
from dataclasses import replace
from typing import Any, Self

import dask
import distributed
import numpy as np
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils._param_validation import HasMethods

from ..estimators.annotations import Data, fit_method
from ..estimators.base import BaseShallowNet
from ..estimators.classifier import ShallowNetClassifier
from ..estimators.fitted_attributes import FITTED
from ..estimators.input_checks import FORMATS, check_arrays
from ..estimators.regressor import ShallowNetRegressor
from ..training.fit import OVERFLOWS, exceeds_samples, may_overflow, optimize, split_off, starting_weights
from ..training.sample_order import Order
from .cluster import ClusterData, RemoteNetwork, Tasks
from .partitions import Job
from .predictions import predicted

OF_OPTIMIZER = ("_moments", "_rate", "_moments_of", "_network")  # attributes that no prediction needs


def with_client(initialize):
    """Return the constructor of an estimator with one parameter more, the client."""

    @functools.wraps(initialize)
    def __init__(self, *args: Any, client: Any = None, **parameters: Any) -> None:
        initialize(self, *args, **parameters)
        self.client = client

    own = inspect.signature(initialize)
    client = inspect.Parameter("client", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Any)
    __init__.__signature__ = own.replace(parameters=[*own.parameters.values(), client])  # type: ignore[attr-defined]
    return __init__


def _warn_of_partitions(data, hyperparameters, history):
    """Have the user warned where the model would learn badly from one partition after the other."""
    most = data.most_rows()
    if exceeds_samples(hyperparameters, most):
        history.warn(
            f"batch_size={hyperparameters.batch_size} is larger than any partition: batches have {most} rows at most."
        )
    lacking = data.lacking_classes()
    if lacking:
        history.warn(
            f"{len(lacking)} of {len(data.numbers)} partitions lack classes, the first of them partition"
            f" {lacking[0]}: y seems to be sorted. The model visits one partition after the other and forgets"
            " classes meanwhile. Shuffle the rows across partitions, or use solver='lbfgs', for which their order"
            " does not matter."
        )


class DaskShallowNet(BaseShallowNet):
    """An estimator whose examples lie in partitions on a cluster; its other base class says what it learns."""

    _local: Any  # the estimator for arrays
    _metric: Any  # of ``score``
    client: Any

    @fit_method
    def fit(
        self,
        X: Data,
        y: Data,
        sample_weight: Data | None = None,
        *,
        X_val: Data | None = None,
        y_val: Data | None = None,
        sample_weight_val: Data | None = None,
    ) -> Self:
        """Fit the network to examples X with labels or targets y.

        Parameters
        ----------
        X : Dask Array or DataFrame of shape (n_samples, n_features)
            Examples. Blocks of an Array may be CSR matrices. If all are of float32, they are trained in float32, else
            in float64. Columns may be in several chunks, and numbers of rows unknown.
        y : Dask Array, Series or DataFrame of shape (n_samples,) or (n_samples, n_outputs)
            Labels or targets, in the same partitions as X.
        sample_weight : Dask Array or Series of shape (n_samples,), default=None
            Weight of each example in the loss, in the same partitions; None is 1 each.
        X_val, y_val : as X and y, or arrays, default=None
            Validation set, scored after each epoch in this process, which must hold it.
        sample_weight_val : collection or array-like of shape (n_val,), default=None
            Weight of each example in the scores of the validation set.

        Returns
        -------
        self : estimator
            The fitted estimator.

        Raises
        ------
        TypeError
            If X, y or ``sample_weight`` is no Dask collection.
        ValueError
            If there is no client, a parameter or the data are not valid, or if training diverges to weights that are
            not finite. What is wrong in one partition names it, counted from 0.
        RuntimeError
            If the client was closed meanwhile, the cluster has had no worker for a minute, or data that were scattered
            are lost. After any error the estimator is as it was before.
        distributed.KilledWorker
            If a task has ended several workers, as where a partition does not fit in their memory.

        Warns
        -----
        ConvergenceWarning
            If training still improved at ``max_iter``, or a loss or validation score was NaN.
        UserWarning
            If partitions lack classes, as in sorted data, and the model travels; if ``batch_size`` is larger than any
            partition; if the user interrupts training (Ctrl-C), which keeps the epochs so far.
        """
        return self._fit(X, y, sample_weight, (X_val, y_val, sample_weight_val))

    def _fit(self, X, y, sample_weight, held_out: tuple = (None, None, None), *, incremental=False, **options):
        if self.early_stopping and self.solver != "lbfgs" and not incremental and held_out[0] is None:
            raise ValueError("early_stopping=True needs a validation set here: pass X_val and y_val to fit.")
        options["incremental"] = incremental
        with Tasks(self._client()) as tasks:
            held_out = tuple(dask.compute(*held_out, scheduler=tasks.client))
            return super()._fit(ClusterData(tasks, X, y, sample_weight), y, sample_weight, held_out, **options)

    def _client(self):
        """Return the client to work with: the user's, that of the task that this runs in, or the default one."""
        client = self.client
        if client is None:
            try:
                client = distributed.get_client()
            except ValueError:
                raise ValueError(
                    "A fit on Dask needs a client, and there is none: pass it as `client`, or make one before, with"
                    " distributed.Client()."
                ) from None
        if client.asynchronous:
            raise ValueError("client must not be asynchronous, as fit waits for its results.")
        return client

    def _check_examples(self, X, y, sample_weight, *, reset):
        X.check(self._local)
        X.first = check_arrays(self, X.first, accept_sparse=FORMATS, dtype=(np.float64, np.float32), reset=reset)
        return X, X.y, None

    def _data_of_callbacks(self, X, y, sample_weight):
        return X.given

    def _problem(self, X, y, sample_weight, held_out, task, attributes):
        task = X.balanced(task)
        problem = super()._problem(X.first.astype(X.dtype), y[:1], None, held_out, task, attributes)
        X.encode(task)
        return replace(problem, examples=X)

    def _train(
        self, problem, hyperparameters, history, *, start=None, incremental=False, after_epoch=None, network=None
    ):
        """Train as ``training.fit.train`` does, with a network whose steps are tasks."""
        data, stochastic = problem.examples, hyperparameters.solver != "lbfgs"
        coefs, intercepts = starting_weights(problem.task, hyperparameters, data.first.shape[1], start)
        if stochastic:
            _warn_of_partitions(data, hyperparameters, history)
        named = self.n_jobs is not None and self.n_jobs > 0
        known = {"init": "zeros", "random_state": None, "n_threads": self.n_jobs if named else sys.maxsize}
        seed = int(hyperparameters.random_state.randint(2**31)) if stochastic else 0
        job = Job(task=problem.task, hyperparameters=replace(hyperparameters, **known), seed=seed)
        network = RemoteNetwork(data, job, coefs, intercepts)
        state = optimize(
            network,
            hyperparameters,
            history,
            order=Order(0, None),
            validation=split_off(problem, hyperparameters)[1],
            start=start,
            incremental=incremental,
            after_epoch=after_epoch,
        )
        if may_overflow(network) and not network.outputs_are_finite():
            raise ValueError(OVERFLOWS)
        return state

    def to_local(self) -> Any:
        """Return the model as an estimator for arrays, which knows nothing of Dask.

        Returns
        -------
        model : ShallowNetClassifier or ShallowNetRegressor
            With the same parameters and, if this is fitted, the same fitted attributes.
        """
        parameters = self.get_params(deep=False)
        del parameters["client"]
        model = self._local(**parameters)
        vars(model).update({name: value for name, value in vars(self).items() if name in FITTED})
        return model

    def _predicted(self, method, X):
        """Return what a method gives for X: at once for arrays, else lazily."""
        fitted = self._fitted()
        if not dask.is_dask_collection(X):
            return getattr(self._local, method)(self, X)
        model = self.to_local()
        for name in OF_OPTIMIZER:
            vars(model).pop(name, None)
        return predicted(model, method, X, fitted["classes_"] if "proba" in method else None)

    def predict(self, X: Data) -> Any:
        """Return the most probable class of each example or, by a regressor, its targets; lazily for a collection.

        Parameters
        ----------
        X : Dask Array or DataFrame, or array-like of shape (n_samples, n_features)
            Examples.

        Returns
        -------
        y : Dask Array, Series or DataFrame with the index of X, or ndarray
            Of shape (n_samples,), or (n_samples, n_outputs) for several targets or labels.
        """
        return self._predicted("predict", X)

    def hidden_activations(self, X: Data) -> Any:
        """Return the output of the hidden layer, lazily for a collection.

        Parameters
        ----------
        X : as in ``predict``
            Examples.

        Returns
        -------
        activations : of the kind of X, of shape (n_samples, n_hidden)
        """
        return self._predicted("hidden_activations", X)

    def score(self, X: Data, y: Data, sample_weight: Data | None = None) -> float:
        """Return the accuracy of a classifier, the coefficient of determination R2 of a regressor.

        Predictions, y and weights are brought together in this process: a number for each example.

        Parameters
        ----------
        X : as in ``predict``
            Examples.
        y : collection or array-like
            Their labels or targets.
        sample_weight : collection or array-like, default=None
            Their weights.

        Returns
        -------
        score : float
        """
        y, predictions, weights = dask.compute(y, self.predict(X), sample_weight, scheduler=self.client)
        return float(type(self)._metric(y, predictions, sample_weight=weights))

    def __sklearn_clone__(self) -> Self:
        # a client, whose copy scikit-learn would make, has none
        bare = self._shallow_copy()
        bare.client = None
        cloned = super(DaskShallowNet, bare).__sklearn_clone__()
        cloned.client = self.client
        return cloned

    def __getstate__(self):
        return super().__getstate__() | {"client": None}


class DaskShallowNetClassifier(DaskShallowNet, ShallowNetClassifier):
    """ShallowNetClassifier on Dask, for data that no machine holds alone.

    ``fit`` takes Dask Arrays, DataFrames and Series, whose partitions are checked and trained where they lie.
    ``predict`` and the like return collections of the same kind, not yet computed.

    Parameters
    ----------
    client : distributed.Client or None, default=None
        The client of the cluster. None is the one of the task that ``fit`` runs in, or the default client. It is not
        pickled.
    **parameters : dict
        All others are those of :class:`shallownet.ShallowNetClassifier`, in the same order. What differs:

        - ``solver='adam'`` and ``'sgd'``: the model, with the moments of the optimizer, travels to the data. In each
          epoch it visits every partition, in an order that is drawn anew, and learns from its rows in batches; no batch
          has rows of two partitions, so 'full' and a float mean rows of one. This learns as one process does, and it
          gains capacity, not speed: partitions wait for each other, and a visit takes some 10 ms beside its training.
        - ``solver='lbfgs'``: each iteration sums the loss and its gradient over all partitions in parallel. These are
          the sums of a fit in one process, up to rounding.
        - ``early_stopping`` needs ``X_val`` and ``y_val``, except for 'lbfgs', where it has no effect.
        - ``n_jobs`` bounds the threads of a task, which are otherwise those of its worker.

    Attributes
    ----------
    coefs_, classes_, ... :
        Those of ShallowNetClassifier.

    See Also
    --------
    shallownet.ShallowNetClassifier : The same network, for data that one machine holds or maps.

    Notes
    -----
    **Reproducibility.** The same partitions, parameters and seed give the same bits on any number of workers, wherever
    tasks run, and whatever workers are lost meanwhile. Other partitions give other weights.

    **Lost workers.** Each step is a task that any worker can do again, from the data's own graph. The driver has the
    whole model after each epoch, so that a lost worker costs its partitions and at most an epoch. When the cluster has
    had no worker for a minute, ``fit`` raises RuntimeError and leaves the estimator as it was. Data that were scattered
    have no graph and are lost with their worker.

    **Data.** X, y and ``sample_weight`` need the same partitions; empty ones are passed over. Classes are collected
    from all partitions first. Checked partitions are kept on the workers until the fit ends, in float32 or float64,
    and spill to disk where memory is short. A validation set is brought to the process that calls ``fit``.

    Within a task, call ``fit`` in a block of ``distributed.worker_client``.

    Examples
    --------
    >>> import dask.array as da
    >>> from distributed import Client
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.utils import shuffle
    >>> from shallownet.dask import DaskShallowNetClassifier
    >>> X, y = (da.from_array(array, chunks=50) for array in shuffle(*load_iris(return_X_y=True), random_state=0))
    >>> with Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=":0"):
    ...     model = DaskShallowNetClassifier(8, solver="lbfgs", alpha=1.0, tol=1e-2, random_state=0).fit(X, y)
    >>> bool(model.score(X, y) > 0.95)
    True
    >>> model.predict_proba(X).shape
    (150, 3)
    >>> model.to_local()
    ShallowNetClassifier(alpha=1.0, hidden_layer_sizes=8, random_state=0, solver='lbfgs', tol=0.01)
    """

    _local = ShallowNetClassifier
    _metric = staticmethod(accuracy_score)
    _parameter_constraints = {
        **ShallowNetClassifier._parameter_constraints,
        "client": [HasMethods(["submit", "compute"]), None],
    }
    __init__ = with_client(ShallowNetClassifier.__init__)

    def predict_proba(self, X: Data) -> Any:
        """Return the probability of each class, lazily for a collection.

        Parameters
        ----------
        X : as in ``predict``
            Examples.

        Returns
        -------
        probabilities : Dask Array, DataFrame with the index of X and a column for each class, or ndarray
            Of shape (n_samples, n_classes).
        """
        return self._predicted("predict_proba", X)

    def predict_log_proba(self, X: Data) -> Any:
        """Return the logarithm of the probability of each class, lazily for a collection.

        Parameters
        ----------
        X : as in ``predict``
            Examples.

        Returns
        -------
        log_probabilities : as ``predict_proba`` returns probabilities
        """
        return self._predicted("predict_log_proba", X)


class DaskShallowNetRegressor(DaskShallowNet, ShallowNetRegressor):
    """ShallowNetRegressor on Dask, for data that no machine holds alone.

    All that the docstring of DaskShallowNetClassifier says of the solvers, of lost workers and of the data holds here.

    Parameters
    ----------
    client : distributed.Client or None, default=None
        The client of the cluster. None is the one of the task that ``fit`` runs in, or the default client. It is not
        pickled.
    **parameters : dict
        All others are those of :class:`shallownet.ShallowNetRegressor`, in the same order.

    Attributes
    ----------
    coefs_, intercepts_, ... :
        Those of ShallowNetRegressor.

    See Also
    --------
    DaskShallowNetClassifier : The same for labels.

    Examples
    --------
    >>> import dask.array as da
    >>> from distributed import Client
    >>> from sklearn.datasets import make_regression
    >>> from shallownet.dask import DaskShallowNetRegressor
    >>> X, y = (da.from_array(array, chunks=50) for array in make_regression(200, 5, random_state=0))
    >>> with Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=":0"):
    ...     model = DaskShallowNetRegressor(hidden_layer_sizes=8, solver="lbfgs", alpha=1.0, tol=1e-2, random_state=0)
    ...     model = model.fit(X, y / 100)
    >>> bool(model.score(X, y / 100) > 0.95)
    True
    """

    _local = ShallowNetRegressor
    _metric = staticmethod(r2_score)
    _parameter_constraints = {
        **ShallowNetRegressor._parameter_constraints,
        "client": [HasMethods(["submit", "compute"]), None],
    }
    __init__ = with_client(ShallowNetRegressor.__init__)


for _public in (DaskShallowNetClassifier, DaskShallowNetRegressor):
    _public.__module__ = "shallownet.dask"  # the name by which models are saved
