"""The classifier for tables: its parameters and public methods, and which labels it learns."""

from collections.abc import Sequence
from numbers import Real
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin
from sklearn.utils import assert_all_finite, column_or_1d
from sklearn.utils._param_validation import Interval, StrOptions

from ..estimators.annotations import ClassWeight, Data, RandomState, fit_method
from ..estimators.classifier import ShallowNetClassifier
from ..estimators.targets import SINGLE, Labels, classes_of, exact
from .base import BaseTabularNet, CategoricalFeatures, Target
from .tables import FROM_DTYPE
from .temperature import at_temperature, fit_temperature


class TabularNetClassifier(ClassifierMixin, BaseTabularNet):
    """A classifier for tables of numbers and categories that needs no tuning: networks with one hidden layer.

    It takes a table as it is, with missing values and categories, encodes it, finds out for how long a network should
    learn it, and trains one network or several.

    1. **Encoding.** A number has a column scaled by :class:`SmoothClipScaler` and up to ``n_bins`` columns of
       :class:`PiecewiseLinearEncoder` [1]_ [2]_; where it is missing it takes the median, and one more column says so.
       A category has a column for each level, a missing one too; the levels beyond the 100 most frequent share one.
    2. **Pilots.** Two networks of half the hidden units learn from seven eighths of the rows each, and stop on the log
       loss of the rest. The median of their best epochs is E, which may be one or a hundred.
    3. **Refit.** One network learns from all rows for 2 E epochs, or ``n_nets`` networks for 1.5 E. Each input is
       scaled by the weights that the pilots gave it, so that inputs that matter are learned sooner [3]_. Of several
       networks every second has bins where decision trees split [2]_, so that they err less alike; their probabilities
       are averaged.
    4. **Calibration.** A temperature, found on the rows that the pilots have not learned from, makes probabilities as
       certain as they should be [4]_.

    The networks have ReLU units and are trained by Adam in float32. Labels are smoothed; the learning rate falls to 0
    along a cosine.

    Parameters
    ----------
    n_nets : int, default=1
        Number of networks that predict. Four err less often than one, have better probabilities, and take two to three
        times as long.

    hidden_layer_sizes : int or sequence of one int, default=256
        Number of hidden units of each network.

    dropout : float, default=0.0
        Probability that a hidden unit is left out in training, for each example.

    label_smoothing : float, default=0.03
        Share of the target probability that is spread evenly over all classes in training.

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

    class_weight : dict, 'balanced' or None, default=None
        Weight of each class, multiplied with ``sample_weight``: 'balanced' is
        ``n_samples / (n_classes * np.bincount(y))``, and classes missing in a dict have weight 1.

    random_state : int, RandomState instance or None, default=None
        Source of the initial weights, the order of rows, and which are held out. An int gives the same result in each
        call, whatever ``n_jobs`` is.

    n_jobs : int or None, default=None
        Maximum number of threads; networks are trained side by side. None and -1 mean as many as Numba may use, see
        :class:`ShallowNetClassifier`.

    verbose : bool or int, default=False
        Whether to print a line for each network; above 1, for each epoch, too.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.

    estimators_ : list of ShallowNetClassifier
        The networks, which take encoded rows; none if there is only one class.

    temperature_ : float
        What logarithms of the averaged probabilities are divided by; 1.0 if there is only one class.

    n_iter_ : int
        Number of epochs of each network that predicts.

    pilot_epochs_ : list of int
        The best epoch of each pilot.

    is_categorical_ : ndarray of shape (n_features,)
        Which features are categories.

    encoders_ : list of objects
        What turns rows into the inputs of each network; networks share them.

    n_features_in_ : int
        Number of features.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X had names and all of them are strings.

    See Also
    --------
    TabularNetRegressor : The same for regression.
    ShallowNetClassifier : One network, of numbers that are scaled before; with all its parameters.
    sklearn.ensemble.HistGradientBoostingClassifier : Trees, for the same kind of tables.

    Notes
    -----
    A row of weight 0 is as if it were not there, but a row of weight 2 is not the same as two rows: these may be in
    different batches, and one may be held out and the other not. Missing values of a number are no error where the fit
    had none: the median takes their place. Infinite numbers are errors, and so are dates: convert them to numbers.

    If ``fit`` fails or is interrupted (Ctrl-C), the classifier is what it was before. scikit-learn's callbacks see each
    network as a task (pilot or network) with its epochs, one after another; a callback that returns True ends the
    training of that network.

    A file of skops names these types as to be trusted: ``shallownet.TabularNetClassifier``,
    ``shallownet.ShallowNetClassifier``, ``shallownet.SmoothClipScaler``, ``shallownet.PiecewiseLinearEncoder`` and
    ``shallownet.tabular.table_encoder.TableEncoder``.

    References
    ----------
    .. [1] D. Holzmüller, L. Grinsztajn and I. Steinwart, "Better by default: strong pre-tuned MLPs and boosted trees on
       tabular data", 2024, arXiv:2407.04491.
    .. [2] Y. Gorishniy, I. Rubachev and A. Babenko, "On embeddings for numerical features in tabular deep learning",
       2022, arXiv:2203.05556.
    .. [3] H. Zou, "The adaptive lasso and its oracle properties", 2006, which scales inputs in the same way.
    .. [4] C. Guo et al., "On calibration of modern neural networks", 2017, arXiv:1706.04599.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from shallownet import TabularNetClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"size": rng.normal(size=300), "colour": rng.choice(["red", "green", "blue"], 300)})
    >>> y = np.where((X["size"] > 0) & (X["colour"] != "red"), "ripe", "unripe")
    >>> X.loc[::10, "size"] = np.nan
    >>> model = TabularNetClassifier(random_state=0).fit(X[:200], y[:200])
    >>> bool(model.score(X[200:], y[200:]) > 0.9)
    True
    """

    _parameter_constraints: dict = {
        **BaseTabularNet._parameter_constraints,
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    classes_: np.ndarray
    temperature_: float

    def __init__(
        self,
        n_nets: int = 1,
        *,
        hidden_layer_sizes: int | Sequence[int] = 256,
        dropout: float = 0.0,
        label_smoothing: float = 0.03,
        n_bins: int = 8,
        max_bins_total: int = 400,
        learning_rate_init: float = 0.004,
        batch_size: int = 128,
        max_iter: int = 120,
        categorical_features: CategoricalFeatures = FROM_DTYPE,
        class_weight: ClassWeight = None,
        random_state: RandomState = None,
        n_jobs: int | None = None,
        verbose: bool | int = False,
    ) -> None:
        super().__init__(
            n_nets,
            hidden_layer_sizes=hidden_layer_sizes,
            dropout=dropout,
            n_bins=n_bins,
            max_bins_total=max_bins_total,
            learning_rate_init=learning_rate_init,
            batch_size=batch_size,
            max_iter=max_iter,
            categorical_features=categorical_features,
            random_state=random_state,
            n_jobs=n_jobs,
            verbose=verbose,
        )
        self.label_smoothing = label_smoothing
        self.class_weight = class_weight

    @fit_method
    def fit(self, X: Data, y: Data, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the networks to a table X with labels y.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Numbers and categories. None, NaN and what else the library of the DataFrame knows as such are missing.
        y : array-like of shape (n_samples,)
            Class labels, of any type that can be sorted.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row in the loss; None is 1 each.

        Returns
        -------
        self : TabularNetClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If a parameter or the data are not valid (infinity in X, continuous y, negative weights or none above 0).
            The classifier then remains as it was before.
        TypeError
            If a column of a DataFrame is neither of numbers nor of categories, such as dates, or a categorical feature
            has both strings and numbers.
        """
        return self._fit(X, y, sample_weight)

    def _target(self, y, sample_weight):
        y = column_or_1d(exact(y), warn=True)
        assert_all_finite(y, input_name="y")
        classes, _ = classes_of(y)
        task = Labels(
            classes=classes, kind=SINGLE, class_weight=self.class_weight, label_smoothing=float(self.label_smoothing)
        )
        targets = task.encode(y, np.float32)
        return Target(
            task=task,
            targets=targets,
            sample_weight=task.weighted(sample_weight, targets, np.float32),
            strata=targets[:, 0],
            attributes={"classes_": classes},
            constant=len(classes) == 1,
        )

    def _network(self, **parameters):
        return ShallowNetClassifier(
            **self._parameters_of_networks() | {"label_smoothing": self.label_smoothing} | parameters
        )

    def _calibrated(self, target, learned):
        rows, outputs = (np.concatenate(parts) for parts in zip(*learned.judged, strict=True))
        weights = None if target.sample_weight is None else target.sample_weight[rows]
        return {"temperature_": fit_temperature(outputs, target.targets[rows, 0], weights)}

    def _uncalibrated(self):
        return {"temperature_": 1.0}

    def predict_proba(self, X: Data) -> np.ndarray:
        """Return the probability of each class.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Rows with the features of the fit.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            Probabilities of float64 in the order of ``classes_``.

        Raises
        ------
        NotFittedError
            If the classifier is not fitted.
        ValueError
            If X is not valid, or has other features than in the fit.
        """
        fitted = self._fitted()
        n_classes = len(fitted["classes_"])
        probabilities = self._outputs(X, fitted, n_classes)
        if n_classes == 1:
            return np.ones_like(probabilities)
        if fitted["temperature_"] != 1.0:
            return at_temperature(probabilities, fitted["temperature_"])
        return probabilities / probabilities.sum(axis=1, keepdims=True)

    def predict_log_proba(self, X: Data) -> np.ndarray:
        """Return the logarithm of the probability of each class.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Rows with the features of the fit.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes)
            The natural logarithm of ``predict_proba(X)``.

        Raises
        ------
        NotFittedError
            If the classifier is not fitted.
        ValueError
            If X is not valid, or has other features than in the fit.
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def predict(self, X: Data) -> np.ndarray:
        """Return the most probable class of each row.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Rows with the features of the fit.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            From ``classes_``.

        Raises
        ------
        NotFittedError
            If the classifier is not fitted.
        ValueError
            If X is not valid, or has other features than in the fit.
        """
        fitted = self._fitted()
        return fitted["classes_"][self._copied(fitted).predict_proba(X).argmax(axis=1)]


TabularNetClassifier.__module__ = "shallownet"  # the name by which models are saved: no file's place is part of it
