"""The regressor: its parameters and public methods, and which numbers it learns."""

from collections.abc import Sequence
from numbers import Real
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin
from sklearn.utils._param_validation import Interval, StrOptions

from .annotations import (
    Activation,
    BatchSize,
    Data,
    Initialization,
    RandomState,
    Routing,
    Schedule,
    Scoring,
    Solver,
    fit_method,
    if_stochastic,
)
from .base import BaseShallowNet
from .real_targets import LOSSES, RealTargets


class ShallowNetRegressor(RegressorMixin, BaseShallowNet):
    r"""A neural network with one hidden layer for regression, trained on the CPU by compiled, parallel kernels.

    A drop-in replacement for :class:`sklearn.neural_network.MLPRegressor` with one hidden layer: it has the same
    parameters, the same fitted attributes and, in float64, the same results for the same ``random_state``, and is
    many times faster. The network computes for an example x (a row of X), with the hidden activation g:

    .. math::

        z_1 = W_1 x + b_1, \quad a_1 = g(z_1)

        z_2 = W_2 a_1 + b_2, \quad a_2 = z_2, \text{ or } \exp(z_2) \text{ for loss='poisson'}

    The loss of a batch of examples with targets y, K numbers each, and weights s is

    .. math::

        J = \frac{1}{S} \sum_i s_i L_i + \frac{\alpha}{2 S} (\|W_1\|^2 + \|W_2\|^2), \quad S = \sum_i s_i

    with L_i by ``loss``, below. Scale y, as with StandardScaler in a TransformedTargetRegressor: learning is slow
    where targets are far from 0 or their spread is far from 1 (not for 'poisson', whose targets are counts).

    Parameters
    ----------
    loss : {'squared_error', 'poisson', 'absolute_error', 'quantile', 'huber'}, default='squared_error'
        Loss L_i of an example, by its residuals r_k = a2_k - y_k:

        - 'squared_error': (1 / K) sum_k r_k^2 / 2. It learns the mean.
        - 'poisson': half the Poisson deviance, sum_k y_k log(y_k / a2_k) - y_k + a2_k, for counts and other
          targets of 0 or more. It learns the mean, too [1]_.
        - 'absolute_error': (1 / K) sum_k abs(r_k). It learns the median.
        - 'quantile': (1 / K) sum_k (1 - ``quantile``) r_k where r_k > 0, and -``quantile`` r_k elsewhere, the pinball
          loss. It learns that quantile [2]_.
        - 'huber': (1 / K) sum_k r_k^2 / 2 where abs(r_k) <= ``delta``, and ``delta`` (abs(r_k) - ``delta`` / 2)
          elsewhere, which outliers influence less [3]_.

        MLPRegressor has the first two losses. As there, training follows the gradient of the sum over k, without the
        factor 1 / K of the loss; so with several outputs 'lbfgs', whose line search compares the two, takes more
        evaluations.

    hidden_layer_sizes : int or sequence of one int, default=(100,)
        Number of hidden units.

    activation : {'identity', 'logistic', 'sigmoid', 'tanh', 'relu', 'leaky_relu', 'gelu', 'silu', 'softplus'}, \
            default='relu'
        Activation g of the hidden layer, with its derivative g':

        - 'identity': g(z) = z, g' = 1. The network is then linear.
        - 'logistic' or 'sigmoid': g(z) = 1 / (1 + exp(-z)), g' = g (1 - g).
        - 'tanh': g' = 1 - g**2.
        - 'relu': g(z) = max(0, z), g' = 0 for z < 0 and 1 for z >= 0 [4]_.
        - 'leaky_relu': g(z) = z for z >= 0 and ``negative_slope * z`` below, g' accordingly, 1 at 0 [5]_.
        - 'gelu': g(z) = z F(z) with the standard normal distribution function F, g' = F(z) + z F'(z) [6]_.
        - 'silu': g(z) = z sigma(z), g' = sigma(z) (1 + z (1 - sigma(z))) [6]_.
        - 'softplus': g(z) = log(1 + exp(z)), g' = sigma(z) [7]_.

    solver : {'lbfgs', 'sgd', 'adam'}, default='adam'
        Optimizer: how a weight w is updated, given its gradient g of J and the learning rate r:

        - 'sgd': stochastic gradient descent with momentum, v = ``momentum`` v - r g and w = w + v, or for Nesterov's
          w = w + ``momentum`` v - r g [8]_.
        - 'adam': m = ``beta_1`` m + (1 - ``beta_1``) g, v = ``beta_2`` v + (1 - ``beta_2``) g^2 and, in step t = 1,
          2, ..., w = w - r c m / (sqrt(v) + ``epsilon``) with c = sqrt(1 - ``beta_2``^t) / (1 - ``beta_1``^t) [9]_.
        - 'lbfgs': SciPy's L-BFGS-B on the loss of all samples at once, which suits small data [10]_.

    alpha : float, default=0.0001
        Strength of the L2 penalty on the coefficients, alpha in J; intercepts are not penalized.

    batch_size : int, float, 'auto' or 'full', default='auto'
        Number of examples in a batch. 'auto' is ``min(200, n_samples)``, 'full' is all samples, and a float in
        (0, 1) is that share of them. It does not change how much memory training needs.

    learning_rate : {'constant', 'invscaling', 'adaptive', 'cosine'}, default='constant'
        Learning rate schedule; 'invscaling' and 'adaptive' have an effect for ``solver='sgd'`` only:

        - 'constant': ``learning_rate_init`` throughout.
        - 'invscaling': ``learning_rate_init / (t + 1) ** power_t`` in the epoch that begins after t examples.
        - 'adaptive': divided by 5 each time training has not improved for ``n_iter_no_change`` epochs; training
          stops when it is 1e-6 or less.
        - 'cosine': ``learning_rate_init * (1 + cos(pi * e / max_iter)) / 2`` in epoch e = 0, 1, ..., for 'sgd' and
          'adam' [11]_.

    learning_rate_init : float, default=0.001
        Initial learning rate.

    power_t : float, default=0.5
        Exponent of the schedule 'invscaling'.

    max_iter : int, default=200
        Maximum number of epochs, or of iterations for 'lbfgs'.

    shuffle : bool, default=True
        Whether to shuffle the samples before each epoch. If a batch holds all rows of X, they are taken in their
        given order, as their gradient is the same in any order.

    random_state : int, RandomState instance or None, default=None
        Source of the initial weights and of the order of samples. An int gives the same result in each call.

    tol : float, default=1e-4
        Tolerance: an epoch that improves the loss (with early stopping, the score) by less does not count as an
        improvement. 'lbfgs' stops when no entry of the gradient is larger.

    verbose : bool or int, default=False
        Whether to print the loss of each epoch, and a line when code is compiled. The latter is also logged, by the
        logger ``shallownet`` at level INFO, in any case.

    warm_start : bool, default=False
        Whether ``fit`` continues from the weights of the last fit. With early stopping, if no epoch of a fit is
        better than the best of all fits before, the weights of its last epoch are kept, as in MLPRegressor.

    momentum : float, default=0.9
        Momentum of 'sgd', between 0 and 1.

    nesterovs_momentum : bool, default=True
        Whether 'sgd' uses Nesterov's momentum.

    early_stopping : bool, default=False
        Whether to stop on the score of a validation set instead of the training loss, and to restore the weights of
        the best epoch [12]_. The validation set is ``X_val`` of ``fit`` or, if that is not given, a share of the
        samples, ``validation_fraction``. It has no effect for 'lbfgs'.

    validation_fraction : float, default=0.1
        Share of the samples that early stopping sets aside for validation.

    beta_1, beta_2 : float, default=0.9 and 0.999
        Decay rates of the first and second moment of 'adam', in [0, 1).

    epsilon : float, default=1e-8
        Added to the denominator of 'adam' for numerical stability.

    n_iter_no_change : int, default=10
        Training stops when it has not improved for more than this number of epochs in a row; with ``numpy.inf`` it
        goes on to ``max_iter``.

    max_fun : int, default=15000
        Maximum number of evaluations of the loss by 'lbfgs'.

    init : {'glorot_uniform', 'he_normal', 'small_normal', 'zeros'} or pair (coefs, intercepts), \
            default='glorot_uniform'
        Initialization of the weights; fan_in and fan_out are the numbers of units before and after a layer:

        - 'glorot_uniform': as in MLPRegressor, coefficients and intercepts uniform between -b and b, with
          b = sqrt(6 / (fan_in + fan_out)), for the logistic activation sqrt(2 / (fan_in + fan_out)) [13]_.
        - 'he_normal': coefficients normal with standard deviation sqrt(2 / fan_in), intercepts 0; for ReLU and its
          relatives [14]_.
        - 'small_normal': coefficients normal with standard deviation 0.01, intercepts 0.
        - 'zeros': shows why the coefficients must not start at 0: all hidden units remain equal for ever.
        - a pair: user-supplied weights, as ``(coefs_, intercepts_)`` and of their shapes.

    negative_slope : float, default=0.01
        Slope of 'leaky_relu' below 0.

    quantile : float, default=0.5
        Quantile that ``loss='quantile'`` learns, between 0 and 1.

    delta : float, default=1.0
        Residual at which ``loss='huber'`` goes over from the square to the absolute value.

    dropout : float, default=0.0
        Probability that a hidden unit is left out, for each example of a training step; the others are scaled by
        ``1 / (1 - dropout)``, so that prediction needs no change [15]_. Not for 'lbfgs'.

    scoring : str, callable or None, default=None
        Score of the validation set: None is R2 (the coefficient of determination), 'loss' is minus the loss, and any
        other is the name of a scikit-learn scorer or a callable ``scorer(estimator, X, y)``. It gets the weights of the
        validation set as ``sample_weight`` if it accepts them.

    n_jobs : int or None, default=None
        Maximum number of threads. None and -1 mean as many as Numba may use: the environment variable
        NUMBA_NUM_THREADS, which joblib sets for its worker processes. Where that is not set, they mean at most
        OMP_NUM_THREADS, and one in a worker of Dask or of a multiprocessing pool. The result does not depend on it.

    Attributes
    ----------
    coefs_ : list of two ndarrays, of shape (n_features, n_hidden) and (n_hidden, n_outputs)
        Transposes of W1 and W2.

    intercepts_ : list of two ndarrays, of shape (n_hidden,) and (n_outputs,)
        b1 and b2.

    loss_ : float
        Training loss of the last epoch: the mean over its batches, each measured before its update.

    best_loss_ : float or None
        Smallest training loss of an epoch; None with early stopping. Not for 'lbfgs'.

    loss_curve_ : list of float
        Training loss of each epoch. Not for 'lbfgs'.

    validation_scores_, validation_loss_curve_ : list of float or None
        Score and loss of the validation set after each epoch, or after each iteration of 'lbfgs'. None without a
        validation set; for 'lbfgs' there are no such attributes then.

    best_validation_score_ : float or None
        Best of ``validation_scores_``; None if none of them is a number.

    best_iter_ : int or None
        Epoch of the best score, counted from 1: its position in ``validation_scores_``.

    n_iter_ : int
        Number of epochs, or of iterations for 'lbfgs'.

    t_ : int
        Number of examples seen in training.

    n_layers_ : int
        3: input, hidden layer, output.

    n_outputs_ : int
        Number of outputs: of numbers in a row of y.

    out_activation_ : str
        Output activation: 'exp' for the Poisson loss, else 'identity'.

    n_features_in_ : int
        Number of features.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X had names and all of them are strings.

    See Also
    --------
    ShallowNetClassifier : The same network for classification. Its Notes on reproducibility, threads, errors, saved
        models and callbacks hold here, too.

    Notes
    -----
    These are the same as in MLPRegressor: every parameter, with its name, default, position and meaning;
    ``partial_fit``, ``warm_start``, early stopping on R2, sparse X, several outputs; every public fitted attribute; in
    float64, for the same ``random_state``, the initial weights, the order of samples, the losses, the epoch in which
    training stops, validation scores and predictions, up to rounding; what ``verbose=True`` prints, and most warnings
    and errors. As there, X of float32 is trained in float32, anything else in float64. What differs:

    - There is exactly one hidden layer.
    - Sparse y is an error. MLPRegressor takes sparse arrays, though it does not say so, and fails on sparse matrices.
    - Negative y is an error for ``loss='poisson'``. There the loss silently becomes NaN.
    - With ``solver='lbfgs'`` there is no ``partial_fit``. There is one in MLPRegressor, which runs L-BFGS to its end.
    - A batch whose examples all weigh 0 is left out. There it is a ZeroDivisionError.
    - X of float32 is trained in float32 whatever y is, and predictions are of the dtype of X in the fit. There, y of
      float64 makes parts of the computation float64.
    - With another ``loss`` in a warm start, or in ``partial_fit``, the output activation is that of the new loss.
    - In these respects it differs as ShallowNetClassifier differs from MLPClassifier: a batch of all rows of X takes
      them in their given order; the derivative of ReLU at 0 is 1; a fit that fails leaves the regressor as it was;
      'lbfgs' on features of very different scales, and 'adam' with a ``beta_2`` close to 0, amplify roundings; negative
      sample weights, and another ``hidden_layer_sizes`` in a warm start, are errors; early stopping ends with a warning
      where the loss or the score is NaN; the first fit on a machine compiles for some seconds.

    References
    ----------
    .. [1] P. McCullagh and J. A. Nelder, "Generalized linear models", 1989.
    .. [2] R. Koenker and G. Bassett, "Regression quantiles", 1978.
    .. [3] P. J. Huber, "Robust estimation of a location parameter", 1964.
    .. [4] V. Nair and G. E. Hinton, "Rectified linear units improve restricted Boltzmann machines", 2010.
    .. [5] A. L. Maas, A. Y. Hannun and A. Y. Ng, "Rectifier nonlinearities improve neural network acoustic models",
       2013.
    .. [6] D. Hendrycks and K. Gimpel, "Gaussian error linear units", 2016.
    .. [7] C. Dugas et al., "Incorporating second-order functional knowledge for better option pricing", 2001.
    .. [8] I. Sutskever et al., "On the importance of initialization and momentum in deep learning", 2013.
    .. [9] D. P. Kingma and J. Ba, "Adam: a method for stochastic optimization", 2015.
    .. [10] R. H. Byrd et al., "A limited memory algorithm for bound constrained optimization", 1995.
    .. [11] I. Loshchilov and F. Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017.
    .. [12] L. Prechelt, "Early stopping - but when?", 1998.
    .. [13] X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks",
       2010.
    .. [14] K. He et al., "Delving deep into rectifiers", 2015.
    .. [15] N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", 2014.

    Examples
    --------
    >>> from sklearn.compose import TransformedTargetRegressor
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.model_selection import train_test_split
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from shallownet import ShallowNetRegressor
    >>> X_train, X_test, y_train, y_test = train_test_split(*load_diabetes(return_X_y=True), random_state=0)
    >>> network = ShallowNetRegressor(
    ...     hidden_layer_sizes=16, alpha=1.0, learning_rate_init=0.01, early_stopping=True, random_state=0
    ... )
    >>> model = TransformedTargetRegressor(make_pipeline(StandardScaler(), network), transformer=StandardScaler())
    >>> bool(model.fit(X_train, y_train).score(X_test, y_test) > 0.3)
    True
    """

    if TYPE_CHECKING:  # scikit-learn makes it of the signature

        def set_partial_fit_request(self, *, sample_weight: Routing = ...) -> Self: ...  # noqa: D102

    _mlp_name = "MLPRegressor"
    _parameter_constraints = {
        **BaseShallowNet._parameter_constraints,
        "loss": [StrOptions(set(LOSSES))],
        "quantile": [Interval(Real, 0, 1, closed="neither")],
        "delta": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        loss: Literal["squared_error", "poisson", "absolute_error", "quantile", "huber"] = "squared_error",
        hidden_layer_sizes: int | Sequence[int] | np.ndarray = (100,),
        activation: Activation = "relu",
        *,
        solver: Solver = "adam",
        alpha: float = 0.0001,
        batch_size: BatchSize = "auto",
        learning_rate: Schedule = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: RandomState = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        init: Initialization = "glorot_uniform",
        negative_slope: float = 0.01,
        quantile: float = 0.5,
        delta: float = 1.0,
        dropout: float = 0.0,
        scoring: Scoring = None,
        n_jobs: int | None = None,
    ) -> None:
        self.loss = loss
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
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.init = init
        self.negative_slope = negative_slope
        self.quantile = quantile
        self.delta = delta
        self.dropout = dropout
        self.scoring = scoring
        self.n_jobs = n_jobs

    @fit_method
    def fit(
        self,
        X: Data,
        y: Data,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: Data | None = None,
        y_val: Data | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self:
        """Fit the network to examples X with targets y.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Examples; float32 is trained in float32, anything else in float64. An array of one of these dtypes in C
            order is not copied but read in each epoch: do not change it meanwhile; it cannot be resized. Copied are
            what needs a conversion, sparse matrices, y, weights, and up to 256 MiB in Fortran order, as a
            DataFrame hands over.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets, one number for each example or several; for ``loss='poisson'`` 0 or more.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each example in the loss; None is 1 each.
        X_val, y_val : as X and y, default=None
            Validation set, scored after each epoch. A Pipeline passes it on as it is, not transformed like X, unless
            it is told to as in the example below.
        sample_weight_val : array-like of shape (n_val,), default=None
            Weight of each example in the scores of the validation set.

        Returns
        -------
        self : ShallowNetRegressor
            The fitted regressor.

        Raises
        ------
        ValueError
            If a parameter or the data are not valid (NaN or infinity in X or y, negative weights or none above
            0), or if training diverges to weights that are not finite. The regressor then remains as it was
            before.

        Warns
        -----
        ConvergenceWarning
            If training still improved at ``max_iter``, or a loss or validation score was NaN.
        UserWarning
            If X_val has feature names and X has none, or lies far outside the range of X in many features: it
            probably lacks a transformation. If the user interrupts training (Ctrl-C): the regressor keeps what was
            learned so far, and the warning says if that is less than an epoch (``n_iter_`` is 0) or nothing.

        Examples
        --------
        A validation set in a Pipeline, transformed like X before it is scored:

        >>> import sklearn
        >>> from sklearn.datasets import make_friedman1
        >>> from sklearn.model_selection import train_test_split
        >>> from sklearn.pipeline import Pipeline
        >>> from sklearn.preprocessing import StandardScaler
        >>> from shallownet import ShallowNetRegressor
        >>> sklearn.set_config(enable_metadata_routing=True)
        >>> X, X_val, y, y_val = train_test_split(*make_friedman1(500, random_state=0), random_state=0)
        >>> network = ShallowNetRegressor(early_stopping=True, learning_rate_init=0.03, tol=1e-3, random_state=0)
        >>> network = network.set_fit_request(X_val=True, y_val=True)
        >>> model = Pipeline([("scale", StandardScaler()), ("network", network)], transform_input=["X_val"])
        >>> model = model.fit(X, y, X_val=X_val, y_val=y_val)
        >>> model["network"].best_validation_score_ == model.score(X_val, y_val) > 0.9
        True
        """
        return self._fit(X, y, sample_weight, (X_val, y_val, sample_weight_val))

    @if_stochastic
    @fit_method
    def partial_fit(self, X: Data, y: Data, sample_weight: ArrayLike | None = None) -> Self:
        """Continue training with one epoch over the examples.

        Parameters
        ----------
        X, y, sample_weight
            As in ``fit``.

        Returns
        -------
        self : ShallowNetRegressor
            The regressor.

        Raises
        ------
        ValueError
            As in ``fit``, and if y has another number of outputs than before, or ``early_stopping`` is set.
        """
        return self._fit(X, y, sample_weight, incremental=True)

    def _task(self, y, *, continues, incremental):
        """Return the RealTargets of y: of as many outputs as y has, or as there were in an earlier fit."""
        found = 1 if y.ndim == 1 else y.shape[1]
        return RealTargets(
            n_outputs=self.n_outputs_ if continues else found,
            loss_name=self.loss,
            quantile=float(self.quantile),
            delta=float(self.delta),
        )

    def predict(self, X: Data) -> np.ndarray:
        """Return the predicted targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Examples.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predictions, in the dtype of the fit.

        Raises
        ------
        NotFittedError
            If the regressor is not fitted.
        ValueError
            If X is not valid, has another number of features than in the fit, or has values so large that the
            outputs are not finite.
        """
        return RealTargets.decode(self._outputs(X, self._fitted()))


ShallowNetRegressor.__module__ = "shallownet"  # the name by which models are saved: no file's place is part of it
