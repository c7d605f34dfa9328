"""The classifier: its parameters and public methods, and which labels it learns."""

from collections.abc import Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import _check_partial_fit_first_call, type_of_target, unique_labels

from .annotations import (
    Activation,
    BatchSize,
    ClassWeight,
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
from .targets import SINGLE, Labels, classes_of, exact, same_classes


class ShallowNetClassifier(ClassifierMixin, BaseShallowNet):
    r"""A neural network with one hidden layer, trained on the CPU by compiled, parallel kernels.

    A drop-in replacement for :class:`sklearn.neural_network.MLPClassifier` with one hidden layer: it has the same
    parameters, the same fitted attributes and, in float64, the same results for the same ``random_state``, and is
    many times faster. The network computes for an example x (a row of X), with the hidden activation g:

    .. math::

        z_1 = W_1 x + b_1, \quad a_1 = g(z_1)

        z_2 = W_2 a_1 + b_2, \quad a_2 = \sigma(z_2) \text{ for two classes, } \mathrm{softmax}(z_2) \text{ for more}

    with sigma(z) = 1 / (1 + exp(-z)); for multilabel targets there is one logistic output per label. The loss of a
    batch of examples with targets y and weights s is, with the losses L_i of softmax and of logistic outputs:

    .. math::

        J = \frac{1}{S} \sum_i s_i L_i + \frac{\alpha}{2 S} (\|W_1\|^2 + \|W_2\|^2), \quad S = \sum_i s_i

        L_i = -\sum_k y_{ik} \log a_{ik} \text{ (softmax)}

        L_i = -\sum_k (y_{ik} \log a_{ik} + (1 - y_{ik}) \log(1 - a_{ik})) \text{ (logistic)}

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of one int, default=(100,)
        Number of hidden units.

    activation : {'identity', 'logistic', 'sigmoid', 'tanh', 'relu', 'leaky_relu', 'gelu', 'silu', 'softplus'}, \
            default='relu'
        Activation g of the hidden layer, with its derivative g':

        - 'identity': g(z) = z, g' = 1. The network is then linear.
        - 'logistic' or 'sigmoid': g(z) = 1 / (1 + exp(-z)), g' = g (1 - g).
        - 'tanh': g' = 1 - g**2.
        - 'relu': g(z) = max(0, z), g' = 0 for z < 0 and 1 for z >= 0 [1]_.
        - 'leaky_relu': g(z) = z for z >= 0 and ``negative_slope * z`` below, g' accordingly, 1 at 0 [2]_.
        - 'gelu': g(z) = z F(z) with the standard normal distribution function F, g' = F(z) + z F'(z) [3]_.
        - 'silu': g(z) = z sigma(z), g' = sigma(z) (1 + z (1 - sigma(z))) [3]_.
        - 'softplus': g(z) = log(1 + exp(z)), g' = sigma(z) [4]_.

    solver : {'lbfgs', 'sgd', 'adam'}, default='adam'
        Optimizer: how a weight w is updated, given its gradient g of J and the learning rate r:

        - 'sgd': stochastic gradient descent with momentum, v = ``momentum`` v - r g and w = w + v, or for Nesterov's
          w = w + ``momentum`` v - r g [5]_.
        - 'adam': m = ``beta_1`` m + (1 - ``beta_1``) g, v = ``beta_2`` v + (1 - ``beta_2``) g^2 and, in step t = 1,
          2, ..., w = w - r c m / (sqrt(v) + ``epsilon``) with c = sqrt(1 - ``beta_2``^t) / (1 - ``beta_1``^t) [6]_.
        - 'lbfgs': SciPy's L-BFGS-B on the loss of all samples at once, which suits small data [7]_.

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
          'adam' [8]_.

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
        better than the best of all fits before, the weights of its last epoch are kept, as in MLPClassifier.

    momentum : float, default=0.9
        Momentum of 'sgd', between 0 and 1.

    nesterovs_momentum : bool, default=True
        Whether 'sgd' uses Nesterov's momentum.

    early_stopping : bool, default=False
        Whether to stop on the score of a validation set instead of the training loss, and to restore the weights of
        the best epoch [9]_. The validation set is ``X_val`` of ``fit`` or, if that is not given, a share of the
        samples, ``validation_fraction``, stratified for two classes. It has no effect for 'lbfgs'.

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

        - 'glorot_uniform': as in MLPClassifier, coefficients and intercepts uniform between -b and b, with
          b = sqrt(6 / (fan_in + fan_out)), for the logistic activation sqrt(2 / (fan_in + fan_out)) [10]_.
        - 'he_normal': coefficients normal with standard deviation sqrt(2 / fan_in), intercepts 0; for ReLU and its
          relatives [11]_.
        - 'small_normal': coefficients normal with standard deviation 0.01, intercepts 0.
        - 'zeros': shows why the coefficients must not start at 0: all hidden units remain equal for ever.
        - a pair: user-supplied weights, as ``(coefs_, intercepts_)`` and of their shapes.

    negative_slope : float, default=0.01
        Slope of 'leaky_relu' below 0.

    class_weight : dict, 'balanced' or None, default=None
        Weight of each class, multiplied with ``sample_weight``: 'balanced' is
        ``n_samples / (n_classes * np.bincount(y))`` [12]_, and classes missing in a dict have weight 1. Not for
        multilabel targets. It counts in the scores of the samples that early stopping sets aside, but not in those
        of ``X_val``.

    dropout : float, default=0.0
        Probability that a hidden unit is left out, for each example of a training step; the others are scaled by
        ``1 / (1 - dropout)``, so that prediction needs no change [13]_. Not for 'lbfgs'.

    label_smoothing : float, default=0.0
        Share s of each target that is spread over all K classes: (1 - s) y + s / K, with K = 2 for a logistic
        output [14]_.

    scoring : str, callable or None, default=None
        Score of the validation set: None is accuracy, 'loss' is minus the loss, and any other is the name of a
        scikit-learn scorer or a callable ``scorer(estimator, X, y)``. It gets the weights of the validation set as
        ``sample_weight`` if it accepts them.

    n_jobs : int or None, default=None
        Maximum number of threads. None and -1 mean as many as Numba may use: the environment variable
        NUMBA_NUM_THREADS, which joblib sets for its worker processes. Where that is not set, they mean at most
        OMP_NUM_THREADS, and one in a worker of Dask or of a multiprocessing pool. The result does not depend on it.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.

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
        Number of outputs: 1 for one or two classes, otherwise the number of classes or labels.

    out_activation_ : str
        Output activation: 'logistic' for one or two classes and for labels, 'softmax' for more classes.

    n_features_in_ : int
        Number of features.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X had names and all of them are strings.

    See Also
    --------
    ShallowNetRegressor : The same network for regression.

    Notes
    -----
    These are the same as in MLPClassifier: every parameter, with its name, default and meaning; ``partial_fit``,
    ``warm_start``, early stopping, sparse X, multilabel y and y of a single class; every public fitted attribute; in
    float64, for the same ``random_state``, the initial weights, the order of samples, the losses, the epoch in which
    training stops, validation scores and predictions, up to rounding; what ``verbose=True`` prints, and most warnings
    and errors. As there, X of float32 is trained in float32, anything else in float64. What differs:

    - There is exactly one hidden layer.
    - If a batch holds all rows of X, they are taken in their given order. A user-supplied RandomState advances as if
      they had been shuffled.
    - Exactly at z = 0 the derivative of ReLU is 1 here and 0 there.
    - If ``fit`` fails, the classifier is what it was before.
    - 'lbfgs' on features of very different scales takes another path after some tens of steps, and ends in another
      solution that is as good: differences in the last bit grow from step to step.
    - The same holds for 'adam' with a ``beta_2`` close to 0, which divides by gradients that may all but vanish.
    - ``predict_proba`` is in the precision of the model: float32 after a fit of float32, whatever X is.
    - Negative sample weights are an error, and so is another ``hidden_layer_sizes`` in a warm start.
    - For y of objects (a column of strings in pandas) ``classes_`` holds objects, as in most classifiers.
    - If the loss or the validation score is NaN, early stopping ends with a warning and restores the best weights.
    - Code is compiled in the first fit on a machine, which takes some seconds more.

    **Reproducibility.** The same data, parameters and seed give the same bits of the weights, of ``loss_curve_`` and of
    predictions, on any number of threads and on every x86-64 processor with fused multiply-adds (Intel since Haswell,
    AMD since Zen), if the versions of the packages and of the C library are the same. That excludes whatever the
    logarithm of NumPy or the BLAS of SciPy computes, as these depend on the processor: ``solver='lbfgs'``,
    ``predict_log_proba``, the losses of a validation set and, where early stopping watches those or a scorer, the epoch
    that it chooses.

    **Threads and processes.** Fits and predictions may run in forked, spawned and pooled processes, in Python threads,
    in joblib and Dask, and on any threading layer of Numba. Where several threads are not safe (in a process forked
    from one that has used them, or beside another Python thread on the layer 'workqueue') one does the work. Otherwise
    timing decides between one thread and all; the environment variable SHALLOWNET_PARALLEL, 'always' or 'never',
    overrules it. An estimator that Python threads share always holds the result of one whole fit, the last that has
    ended.

    **Errors and interrupts.** Invalid input raises a ValueError or a TypeError and leaves the estimator as it was.
    Input arrays are never modified. Ctrl-C ends training, keeps what was trained so far and warns. X may be a
    ``numpy.memmap``, which is read as training proceeds and never as a whole.

    **Saved models.** A loaded model predicts the same bits as the saved one, wherever fits have the same bits. Files of
    older versions load; a file of a newer version warns. Loading a pickle or a joblib file can run any code; a file of
    skops names this class as the only type to be trusted, unless a parameter is a user-supplied object.

    **Callbacks.** scikit-learn's callbacks (``sklearn.callback``) see each epoch after ``set_callbacks``, and may end
    the fit, also in a pipeline or a search. Its ProgressBar needs rich and, in Jupyter, ipywidgets, without which it
    shows nothing there.

    References
    ----------
    .. [1] V. Nair and G. E. Hinton, "Rectified linear units improve restricted Boltzmann machines", 2010.
    .. [2] A. L. Maas, A. Y. Hannun and A. Y. Ng, "Rectifier nonlinearities improve neural network acoustic models",
       2013.
    .. [3] D. Hendrycks and K. Gimpel, "Gaussian error linear units", 2016.
    .. [4] C. Dugas et al., "Incorporating second-order functional knowledge for better option pricing", 2001.
    .. [5] I. Sutskever et al., "On the importance of initialization and momentum in deep learning", 2013.
    .. [6] D. P. Kingma and J. Ba, "Adam: a method for stochastic optimization", 2015.
    .. [7] R. H. Byrd et al., "A limited memory algorithm for bound constrained optimization", 1995.
    .. [8] I. Loshchilov and F. Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017.
    .. [9] L. Prechelt, "Early stopping - but when?", 1998.
    .. [10] X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks",
       2010.
    .. [11] K. He et al., "Delving deep into rectifiers", 2015.
    .. [12] G. King and L. Zeng, "Logistic regression in rare events data", 2001.
    .. [13] N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", 2014.
    .. [14] C. Szegedy et al., "Rethinking the Inception architecture for computer vision", 2016.

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

    classes_: np.ndarray

    if TYPE_CHECKING:  # scikit-learn makes it of the signature

        def set_partial_fit_request(self, *, sample_weight: Routing = ..., classes: Routing = ...) -> Self: ...  # noqa: D102

    _mlp_name = "MLPClassifier"
    _parameter_constraints = {
        **BaseShallowNet._parameter_constraints,
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
    }

    def __init__(
        self,
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
        class_weight: ClassWeight = None,
        dropout: float = 0.0,
        label_smoothing: float = 0.0,
        scoring: Scoring = None,
        n_jobs: int | None = None,
    ) -> None:
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
        self.class_weight = class_weight
        self.dropout = dropout
        self.label_smoothing = label_smoothing
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
        """Fit the network to examples X with labels y.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Examples; float32 is trained in float32, anything else in float64. An array of one of these dtypes in C
            order is not copied but read in each epoch: do not change it meanwhile; it cannot be resized. Copied are
            what needs a conversion, sparse matrices, labels, weights, and up to 256 MiB in Fortran order, as a
            DataFrame hands over.
        y : array-like of shape (n_samples,) or {array-like, sparse matrix} of shape (n_samples, n_labels)
            Class labels, of any type that can be sorted, or an indicator matrix of several labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each example in the loss; None is 1 each.
        X_val, y_val : as X and y, default=None
            Validation set, scored after each epoch. A Pipeline passes it on as it is, not transformed like X, unless
            it is told to as in the example below.
        sample_weight_val : array-like of shape (n_val,), default=None
            Weight of each example in the scores of the validation set.

        Returns
        -------
        self : ShallowNetClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If a parameter or the data are not valid (NaN or infinity in X, continuous y, negative weights or none
            above 0), or if training diverges to weights that are not finite. The classifier then remains as it was
            before.

        Warns
        -----
        ConvergenceWarning
            If training still improved at ``max_iter``, or a loss or validation score was NaN.
        UserWarning
            If X_val has feature names and X has none, or lies far outside the range of X in many features: it
            probably lacks a transformation. If the user interrupts training (Ctrl-C): the classifier keeps what was
            learned so far, and the warning says if that is less than an epoch (``n_iter_`` is 0) or nothing.

        Examples
        --------
        A validation set in a Pipeline, transformed like X before it is scored:

        >>> import sklearn
        >>> from sklearn.datasets import load_digits
        >>> from sklearn.model_selection import train_test_split
        >>> from sklearn.pipeline import Pipeline
        >>> from sklearn.preprocessing import StandardScaler
        >>> from shallownet import ShallowNetClassifier
        >>> sklearn.set_config(enable_metadata_routing=True)
        >>> X, X_val, y, y_val = train_test_split(*load_digits(return_X_y=True), random_state=0)
        >>> network = ShallowNetClassifier(early_stopping=True, random_state=0)
        >>> network = network.set_fit_request(X_val=True, y_val=True)
        >>> model = Pipeline([("scale", StandardScaler()), ("network", network)], transform_input=["X_val"])
        >>> model = model.fit(X, y, X_val=X_val, y_val=y_val)
        >>> model["network"].best_validation_score_ == model.score(X_val, y_val) > 0.95
        True
        """
        return self._fit(X, y, sample_weight, (X_val, y_val, sample_weight_val))

    @if_stochastic
    @fit_method
    def partial_fit(
        self, X: Data, y: Data, sample_weight: ArrayLike | None = None, classes: ArrayLike | None = None
    ) -> Self:
        """Continue training with one epoch over the examples.

        Parameters
        ----------
        X, y, sample_weight
            As in ``fit``.
        classes : array-like of shape (n_classes,), default=None
            All classes that later calls may bring; required in the first call, optional afterwards.

        Returns
        -------
        self : ShallowNetClassifier
            The classifier.

        Raises
        ------
        ValueError
            As in ``fit``, and if y has a class that is not among ``classes``, or ``early_stopping`` is set.
        """
        return self._fit(X, y, sample_weight, incremental=True, classes=classes)

    def _task(self, y, *, continues, incremental, classes=None):
        """Return the Labels of y: of its own classes, those of an earlier fit, or those of partial_fit."""
        if incremental and self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' is not supported for partial_fit, which sees only a part of the samples."
                " Compute the weights with sklearn.utils.compute_class_weight and pass them as a dict."
            )
        named = self._classes_of_first_call(y, classes) if incremental else None
        if named is not None:
            found, kind = named, SINGLE
        elif continues:
            found, kind = self.classes_, self._label_kind
            if not incremental:
                self._check_same_classes(y)
        else:
            found, kind = classes_of(y)
        return Labels(
            classes=found,
            kind=kind,
            class_weight=self.class_weight,
            label_smoothing=float(self.label_smoothing),
        )

    def _classes_of_first_call(self, y, classes):
        """Return the classes that partial_fit is told, None where it knows them or y has labels of several kinds."""
        classes = exact(classes)
        known = hasattr(self, "classes_")
        try:
            first = _check_partial_fit_first_call(self, classes)
        finally:
            if not known:
                self.__dict__.pop("classes_", None)  # set by the check; a fit that fails must not leave it
        if not first or type_of_target(y, input_name="y").startswith("multilabel"):
            return None
        classes = unique_labels(classes)
        if not len(classes):
            raise ValueError("classes must name at least one class, got [].")
        return classes

    def _check_same_classes(self, y):
        """Raise ValueError if y has other classes than the fit before a warm start."""
        found, _ = classes_of(y)
        if not same_classes(found, self.classes_):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous call to fit."
                f" Previously got {self.classes_}, `y` has {found}"
            )

    def predict_proba(self, X: Data) -> np.ndarray:
        """Return the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Examples.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            Probabilities in the order of ``classes_``, in the dtype of the fit; for multilabel targets the
            probability of each label, of shape (n_samples, n_labels).

        Raises
        ------
        NotFittedError
            If the classifier is not fitted.
        ValueError
            If X is not valid, has another number of features than in the fit, or has values so large that the
            outputs are not finite.
        """
        return self._outputs(X, self._fitted())

    def predict_log_proba(self, X: Data) -> np.ndarray:
        """Return the logarithm of the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Examples.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes)
            The natural logarithm of ``predict_proba(X)``.

        Raises
        ------
        NotFittedError
            If the classifier is not fitted.
        ValueError
            If X is not valid or has another number of features than in the fit.
        """
        probabilities = self.predict_proba(X)
        return np.log(probabilities, out=probabilities)

    def predict(self, X: Data) -> Any:
        """Return the most probable class of each example, or for multilabel targets the labels above one half.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Examples.

        Returns
        -------
        labels : ndarray of shape (n_samples,), or indicator matrix of shape (n_samples, n_labels)
            From ``classes_``; the matrix is sparse if y was.

        Raises
        ------
        NotFittedError
            If the classifier is not fitted.
        ValueError
            If X is not valid or has another number of features than in the fit.
        """
        fitted = self._fitted()
        labels = Labels(classes=fitted["classes_"], kind=fitted["_label_kind"])
        return labels.decode(self._outputs(X, fitted))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


ShallowNetClassifier.__module__ = "shallownet"  # the name by which models are saved: no file's place is part of it
