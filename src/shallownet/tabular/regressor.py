"""The regressor for tables: its docstring and public methods, and how its target is scaled."""

from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin
from sklearn.utils import check_array, column_or_1d

from ..estimators.annotations import Data, fit_method
from ..estimators.real_targets import RealTargets
from ..estimators.regressor import ShallowNetRegressor
from .base import BaseTabularNet, Target


class TabularNetRegressor(RegressorMixin, BaseTabularNet):
    """A regressor for tables of numbers and categories that needs no tuning: networks with one hidden layer.

    It is what :class:`TabularNetClassifier` is for classes, and takes the same tables. The networks learn the squared
    error of y, standardized; the pilots stop on it, and the predictions of several networks are averaged. Predictions
    do not leave the range of y in the fit.

    Parameters
    ----------
    n_nets : int, default=1
        Number of networks that predict. Four have smaller errors than one, and take two to three times as long.

    hidden_layer_sizes : int or sequence of one int, default=256
        Number of hidden units of each network.

    dropout : float, default=0.3
        Probability that a hidden unit is left out in training, for each example.

    n_bins : int, default=8
        The most piecewise-linear columns of a number; 0 for none.

    max_bins_total : int, default=400
        The most piecewise-linear columns of all numbers together: with more than 50 numbers each has fewer. If they
        would have fewer than four, or than ``n_bins`` if that is less, they have none.

    learning_rate_init : float, default=0.004
        Initial learning rate.

    batch_size : int, default=128
        Number of rows in a batch.

    max_iter : int, default=120
        The most epochs of a pilot. For more than 33,000 rows fewer, as many as read four million rows, but at least 10.
        The networks that predict have no more than 5/3 of it.

    categorical_features : array-like of bool, int or str, 'from_dtype' or None, default='from_dtype'
        Which features are categories; all others must be numbers.

        - 'from_dtype': of a DataFrame of pandas or polars the columns of categories (enums), strings, booleans, and
          objects other than numbers; of an array of objects the columns that hold anything else than numbers; all of
          an array of strings, and none of an array of numbers.
        - boolean array-like: a mask.
        - integer array-like: indices.
        - str array-like: names, if X has any.
        - None: no feature.

    random_state : int, RandomState instance or None, default=None
        Source of the initial weights, the order of rows, and which are held out. An int gives the same result in each
        call, whatever ``n_jobs`` is.

    n_jobs : int or None, default=None
        Maximum number of threads; networks are trained side by side. None and -1 mean as many as Numba may use, see
        :class:`ShallowNetRegressor`.

    verbose : bool or int, default=False
        Whether to print a line for each network; above 1, for each epoch, too.

    Attributes
    ----------
    estimators_ : list of ShallowNetRegressor
        The networks, which take encoded rows and predict y standardized.

    n_iter_ : int
        Number of epochs of each network that predicts.

    pilot_epochs_ : list of int
        The best epoch of each pilot.

    is_categorical_ : ndarray of shape (n_features,)
        Which features are categories.

    encoders_ : list of objects
        What turns rows into the inputs of each network; networks share them.

    y_mean_, y_scale_ : ndarray of shape (n_outputs,)
        Mean and standard deviation of y; 1 for an output that is constant.

    y_min_, y_max_ : ndarray of shape (n_outputs,)
        Range of y.

    n_features_in_ : int
        Number of features.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X had names and all of them are strings.

    See Also
    --------
    TabularNetClassifier : The same for classes; its docstring describes the method and has the references.
    ShallowNetRegressor : One network, of numbers that are scaled before; with all its parameters.
    sklearn.ensemble.HistGradientBoostingRegressor : Trees, for the same kind of tables.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from shallownet import TabularNetRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"size": rng.normal(size=300), "colour": rng.choice(["red", "green", "blue"], 300)})
    >>> y = 1000 + 50 * np.where(X["colour"] == "red", X["size"], X["size"] ** 2)
    >>> X.loc[::10, "colour"] = None
    >>> model = TabularNetRegressor(random_state=0).fit(X[:200], y[:200])
    >>> bool(model.score(X[200:], y[200:]) > 0.7)
    True
    """

    y_mean_: np.ndarray
    y_scale_: np.ndarray
    y_min_: np.ndarray
    y_max_: np.ndarray

    @fit_method
    def fit(self, X: Data, y: Data, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the networks to a table X with targets y.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Numbers and categories. None, NaN and what else the library of the DataFrame knows as such are missing.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Real numbers.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row in the loss; None is 1 each.

        Returns
        -------
        self : TabularNetRegressor
            The fitted regressor.

        Raises
        ------
        ValueError
            If a parameter or the data are not valid (infinity in X, no numbers in y, negative weights or none above
            0). The regressor then remains as it was before.
        TypeError
            If a column of a DataFrame is neither of numbers nor of categories, such as dates, or a categorical feature
            has both strings and numbers.
        """
        return self._fit(X, y, sample_weight)

    def _target(self, y, sample_weight):
        y = check_array(y, dtype=np.float64, ensure_2d=False, input_name="y", estimator=self)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        y = y.reshape(len(y), -1)
        task = RealTargets(n_outputs=y.shape[1], loss_name="squared_error")
        present = y if sample_weight is None else y[sample_weight > 0]
        weights = None if sample_weight is None else sample_weight[sample_weight > 0]
        if not len(present):
            present, weights = y, None  # an error will say that no row has a weight
        mean = np.average(present, weights=weights, axis=0)
        largest = np.abs(present - mean).max(axis=0)
        largest[largest == 0] = 1.0
        # squares of the numbers themselves might overflow or vanish
        spread = largest * np.sqrt(np.average(((present - mean) / largest) ** 2, weights=weights, axis=0))
        scale = np.where(spread > 0, spread, 1.0)
        return Target(
            task=task,
            targets=task.encode((y - mean) / scale, np.float32),
            sample_weight=sample_weight,
            # neighbours in y are dealt out to different parts
            strata=y[:, 0] if y.shape[1] == 1 else np.zeros(len(y)),
            attributes={
                "y_mean_": mean,
                "y_scale_": scale,
                "y_min_": present.min(axis=0),
                "y_max_": present.max(axis=0),
            },
        )

    def _network(self, **parameters):
        return ShallowNetRegressor(**self._parameters_of_networks() | parameters)

    def predict(self, X: Data) -> np.ndarray:
        """Return the predicted target of each row.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Rows with the features of the fit.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predictions of float64.

        Raises
        ------
        NotFittedError
            If the regressor is not fitted.
        ValueError
            If X is not valid, or has other features than in the fit.
        """
        fitted = self._fitted()
        outputs = self._outputs(X, fitted, len(fitted["y_mean_"])) * fitted["y_scale_"] + fitted["y_mean_"]
        return RealTargets.decode(np.clip(outputs, fitted["y_min_"], fitted["y_max_"]))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


TabularNetRegressor.__module__ = "shallownet"  # the name by which models are saved: no file's place is part of it
