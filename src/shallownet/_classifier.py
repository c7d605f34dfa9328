"""The scikit-learn face of the network: parameters, validation, labels, attributes."""

import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from ._network import Network, predict_proba, thread_count
from ._training import LearningRate, train
from ._weights import INITS
from .kernels.activations import ACTIVATIONS, LEAKY_RELU
from .kernels.loss import OUTPUT_LOGISTIC, OUTPUT_SOFTMAX
from .kernels.plan import Settings
from .kernels.updates import ADAM, NESTEROV, SGD

_OUTPUTS = {"logistic": OUTPUT_LOGISTIC, "softmax": OUTPUT_SOFTMAX}


class ShallowNetClassifier(ClassifierMixin, BaseEstimator):
    """A neural network with one hidden layer, trained on the CPU by compiled, parallel kernels.

    A drop-in replacement for :class:`sklearn.neural_network.MLPClassifier` with one hidden layer: the same
    parameters, the same fitted attributes and, in float64, the same results for the same ``random_state``, many
    times faster. For an example x (a row of X), with the hidden activation g::

        z1 = W1 x + b1      a1 = g(z1)
        z2 = W2 a1 + b2     a2 = sigma(z2) for two classes, softmax(z2) for more

    and the loss is the cross-entropy (natural logarithm) of a2, averaged over the examples with their weights, plus
    ``alpha / 2`` times the sum of the squares of W1 and W2 divided by the sum of the weights.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of one int, default=(100,)
        The number of units in the hidden layer.

    activation : {'identity', 'logistic', 'sigmoid', 'tanh', 'relu', 'leaky_relu'}, default='relu'
        The activation g of the hidden layer, with its derivative:

        - 'identity': g(z) = z, g' = 1. The network is then linear.
        - 'logistic' or 'sigmoid': g(z) = 1 / (1 + exp(-z)), g' = g (1 - g).
        - 'tanh': g' = 1 - g**2.
        - 'relu': g(z) = max(0, z), g' = 0 for z < 0 and 1 for z >= 0.
        - 'leaky_relu': g(z) = z for z >= 0 and ``negative_slope * z`` below, g' accordingly, 1 at 0.

    solver : {'sgd', 'adam'}, default='adam'
        'sgd' is stochastic gradient descent with ``momentum``; 'adam' is that of Kingma and Ba [1]_.

    alpha : float, default=0.0001
        The strength of the L2 penalty on the coefficients.

    batch_size : int, 'auto' or 'full', default='auto'
        The examples in a step. 'auto' is ``min(200, n_samples)``, 'full' all samples. The memory that training
        needs beside X does not grow with it.

    learning_rate : {'constant', 'invscaling', 'adaptive'}, default='constant'
        The schedule of the learning rate, for ``solver='sgd'`` only:

        - 'constant': ``learning_rate_init`` throughout.
        - 'invscaling': ``learning_rate_init / (t + 1) ** power_t`` in the epoch that begins after t examples.
        - 'adaptive': divided by 5 each time the loss has not improved for ``n_iter_no_change`` epochs; the fit
          stops when it is 1e-6 or less.

    learning_rate_init : float, default=0.001
        The initial learning rate.

    power_t : float, default=0.5
        The exponent of 'invscaling'.

    max_iter : int, default=200
        The most epochs.

    shuffle : bool, default=True
        Whether each epoch takes the samples in a new order.

    random_state : int, RandomState instance or None, default=None
        The source of the initial weights and of the order of samples. An int gives the same result in each call.

    tol : float, default=1e-4
        An epoch that lowers the best loss by less has not improved it.

    verbose : bool or int, default=False
        Whether to print the loss of each epoch.

    momentum : float, default=0.9
        The momentum of 'sgd', between 0 and 1.

    nesterovs_momentum : bool, default=True
        Whether the momentum of 'sgd' is Nesterov's.

    beta_1, beta_2 : float, default=0.9 and 0.999
        The decay of the two moments of 'adam', in [0, 1).

    epsilon : float, default=1e-8
        The number that keeps the division of 'adam' stable.

    n_iter_no_change : int, default=10
        The fit stops when the loss has not improved for more epochs than this in a row; ``numpy.inf`` never stops
        it.

    init : {'glorot_uniform', 'small_normal', 'zeros'}, default='glorot_uniform'
        The initial weights: 'glorot_uniform' is MLPClassifier's [2]_; 'small_normal' draws W1 and W2 from a normal
        distribution with standard deviation 0.01 and sets the intercepts to 0; 'zeros' shows why neither may be
        zero: all hidden units stay the same for ever.

    negative_slope : float, default=0.01
        The slope of 'leaky_relu' below 0.

    n_jobs : int or None, default=None
        The most threads to use. None and -1 mean all that Numba may use (the environment variable
        NUMBA_NUM_THREADS). The result does not depend on it.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The class labels.

    coefs_ : list of two ndarrays, of shape (n_features, n_hidden) and (n_hidden, n_outputs)
        The transposes of W1 and W2.

    intercepts_ : list of two ndarrays, of shape (n_hidden,) and (n_outputs,)
        b1 and b2.

    loss_ : float
        The loss of the last epoch: the mean over its batches, each measured before its update.

    best_loss_ : float
        The smallest loss of an epoch.

    loss_curve_ : list of float
        The loss of each epoch.

    n_iter_ : int
        The number of epochs.

    t_ : int
        The number of examples that the solver has seen.

    n_layers_ : int
        3: input, hidden layer, output.

    n_outputs_ : int
        1 for two classes, else the number of classes.

    out_activation_ : str
        'logistic' for two classes, 'softmax' for more.

    n_features_in_ : int
        The number of features.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        The names of the features, if X had names that are all strings.

    Notes
    -----
    X of float32 is trained in float32, anything else in float64. Exactly at z = 0 the derivative of ReLU is 1 here
    and 0 in MLPClassifier; this is the one difference of definition. Results have the same bits on any number of
    threads.

    References
    ----------
    .. [1] D. P. Kingma and J. Ba, "Adam: a method for stochastic optimization", 2015.
    .. [2] X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks",
       2010.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from shallownet import ShallowNetClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    >>> model = make_pipeline(StandardScaler(), ShallowNetClassifier(32, max_iter=100, tol=1e-3, random_state=0))
    >>> bool(model.fit(X_train, y_train).score(X_test, y_test) > 0.95)
    True
    """

    _parameter_constraints = {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "solver": [StrOptions({"sgd", "adam"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [StrOptions({"auto", "full"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), Options(Real, {np.inf})],
        "init": [StrOptions(set(INITS))],
        "negative_slope": [Interval(Real, 0, None, closed="left")],
        "n_jobs": [
            None,
            Interval(Integral, 1, None, closed="left"),
            Interval(Integral, None, -1, closed="right"),
        ],
    }

    def __init__(
        self,
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        solver="adam",
        alpha=0.0001,
        batch_size="auto",
        learning_rate="constant",
        learning_rate_init=0.001,
        power_t=0.5,
        max_iter=200,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        momentum=0.9,
        nesterovs_momentum=True,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=10,
        init="glorot_uniform",
        negative_slope=0.01,
        n_jobs=None,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.init = init
        self.negative_slope = negative_slope
        self.n_jobs = n_jobs

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Fit the network to examples X with labels y.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The examples; float32 is trained in float32, anything else in float64.
        y : array-like of shape (n_samples,)
            The class labels, of any kind that can be sorted.
        sample_weight : array-like of shape (n_samples,), default=None
            The weight of each example in the loss; None is 1 each.

        Returns
        -------
        self : ShallowNetClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If a parameter or the data are not valid (NaN or infinity in X, continuous y, a single class, negative
            weights or none above 0), or if the solver diverges to weights that are not finite. A classifier that
            was fitted before then stays as it was.
        """
        n_hidden = self._n_hidden()
        fitted = vars(self).copy()
        try:
            X, y = validate_data(self, X, y, dtype=(np.float64, np.float32), y_numeric=False)
            classes, codes = _encoded(y)
            if sample_weight is not None:
                sample_weight = _check_sample_weight(sample_weight, X, dtype=X.dtype, ensure_non_negative=True)
            vars(self).update(self._trained(X, codes, classes, sample_weight, n_hidden))
            self._check_outputs(X)
        except BaseException:
            vars(self).clear()
            vars(self).update(fitted)
            raise
        return self

    def _trained(self, X, codes, classes, sample_weight, n_hidden):
        """Train a new network and return the fitted attributes."""
        n_samples, n_features = X.shape
        n_outputs = 1 if len(classes) == 2 else len(classes)
        out_activation = "logistic" if n_outputs == 1 else "softmax"
        random_state = check_random_state(self.random_state)
        coefs, intercepts = INITS[self.init](random_state, n_features, n_hidden, n_outputs, self.activation)
        network = Network(
            [coef.astype(X.dtype) for coef in coefs],
            [intercept.astype(X.dtype) for intercept in intercepts],
            ACTIVATIONS[self.activation],
            _OUTPUTS[out_activation],
            self._solver_code(),
            self._settings(X.dtype),
        )
        network.attach(
            X,
            codes[:, np.newaxis],
            sample_weight,
            self._checked_batch_size(n_samples),
            self.max_iter,
            thread_count(self.n_jobs),
        )
        schedule = self.learning_rate if self.solver == "sgd" else "constant"
        course = train(
            network,
            LearningRate(schedule, self.learning_rate_init, self.power_t),
            random_state,
            max_iter=self.max_iter,
            shuffle=self.shuffle,
            tol=self.tol,
            n_iter_no_change=self.n_iter_no_change,
            verbose=self.verbose,
        )
        coefs, intercepts = network.weights()
        return {
            "classes_": classes,
            "coefs_": coefs,
            "intercepts_": intercepts,
            "loss_": course.loss,
            "best_loss_": course.best_loss,
            "loss_curve_": course.loss_curve,
            "n_iter_": course.n_iter,
            "t_": course.t,
            "n_layers_": 3,
            "n_outputs_": n_outputs,
            "out_activation_": out_activation,
            # a prediction takes these of the fit, whatever the parameters have become since
            "_activation": self.activation,
            "_activation_slope": self._slope(),
        }

    def _check_outputs(self, X):
        """Raise ValueError if the weights, though finite, are so large that the outputs are not."""
        largest = max(np.abs(weights).max() for weights in self.coefs_ + self.intercepts_)
        if largest < np.finfo(X.dtype).max ** 0.25:  # products of two weights leave room for those with X
            return
        if not np.isfinite(self._probabilities(X)).all():
            raise ValueError(
                "Solver produced parameter weights so large that the outputs overflow. The input data may contain"
                " large values and need to be preprocessed."
            )

    def _n_hidden(self):
        sizes = self.hidden_layer_sizes
        sizes = [sizes] if np.ndim(sizes) == 0 else list(sizes)
        if len(sizes) != 1:
            raise ValueError(
                f"hidden_layer_sizes={self.hidden_layer_sizes!r} has {len(sizes)} layers; ShallowNetClassifier has"
                " exactly one. Use sklearn.neural_network.MLPClassifier for another number of layers."
            )
        if not isinstance(sizes[0], Integral):
            raise ValueError(
                f"hidden_layer_sizes must be an int or a sequence of one int, got {self.hidden_layer_sizes!r}."
            )
        if sizes[0] < 1:
            raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
        return int(sizes[0])

    def _checked_batch_size(self, n_samples):
        if self.batch_size == "auto":
            return min(200, n_samples)
        if self.batch_size == "full":
            return n_samples
        if self.batch_size > n_samples:
            warnings.warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped",
                stacklevel=5,
            )
        return int(min(self.batch_size, n_samples))

    def _solver_code(self):
        if self.solver == "adam":
            return ADAM
        return NESTEROV if self.nesterovs_momentum else SGD

    def _slope(self):
        return float(self.negative_slope) if ACTIVATIONS[self.activation] == LEAKY_RELU else 0.0

    def _settings(self, dtype):
        return Settings(
            slope=self._slope(),
            alpha=float(self.alpha),
            rate=float(self.learning_rate_init),
            decay_1=float(self.beta_1 if self.solver == "adam" else self.momentum),
            decay_2=float(self.beta_2),
            epsilon=float(self.epsilon),
            clip=float(np.finfo(dtype).eps),
        )

    def predict_proba(self, X):
        """Return the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_`` and in the dtype of the fit.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=self.coefs_[0].dtype, reset=False)
        return self._probabilities(X)

    def _probabilities(self, X):
        return predict_proba(
            X,
            self.coefs_,
            self.intercepts_,
            ACTIVATIONS[self._activation],
            _OUTPUTS[self.out_activation_],
            self._activation_slope,
            thread_count(self.n_jobs),
        )

    def predict_log_proba(self, X):
        """Return the logarithm of the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes)
            The natural logarithm of ``predict_proba(X)``.
        """
        probabilities = self.predict_proba(X)
        return np.log(probabilities, out=probabilities)

    def predict(self, X):
        """Return the most probable class of each example.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            From ``classes_``.
        """
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]


def _encoded(y):
    """Return the sorted classes of y and, for each example, the index of its class."""
    y = column_or_1d(y, warn=True)
    check_classification_targets(y)
    classes, codes = np.unique(y, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(
            "ShallowNetClassifier needs samples of at least 2 classes, but y has only one class:"
            f" {classes.tolist()[0]!r}"
        )
    return classes, codes
