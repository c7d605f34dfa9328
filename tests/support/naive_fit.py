"""The estimators in plain NumPy: whole fits, option by option, which those of shallownet are held to.

They take the estimators' parameters and draw from their random state what the estimators draw. Letters as in
``naive``. They compute in float64 throughout; ``lanes`` is the number of lanes of the dtype that it is compared with,
which the random numbers of dropout depend on.
"""

import math

import naive
import numpy as np
from scipy.optimize import minimize
from sklearn.metrics import accuracy_score, balanced_accuracy_score, mean_absolute_error, r2_score
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state, shuffle
from sklearn.utils.class_weight import compute_sample_weight


class NaiveNetwork:
    """What an estimator computes with these parameters.

    After a fit it has ``weights`` in the layout of ``naive``, the curves and counts of the estimator under their
    names, and ``outputs``.
    """

    def __init__(self, lanes, **parameters):
        self.lanes = lanes
        self.parameters = parameters
        self.weights = None

    def __getattr__(self, name):
        """Return a parameter."""
        try:
            return self.__dict__["parameters"][name]
        except KeyError:
            raise AttributeError(name) from None

    def fit(self, X, y, sample_weight=None, X_val=None, y_val=None, sample_weight_val=None):
        self._set_up(X, y, sample_weight, fresh=self.weights is None or not self.warm_start)
        rows, held_out = np.arange(len(X)), None
        if X_val is not None:
            s_val = np.ones(len(y_val)) if sample_weight_val is None else sample_weight_val
            held_out = X_val, self._targets(y_val), s_val
        elif self.early_stopping and self.solver != "lbfgs":
            stratify = self._strata(y)
            rows, out = train_test_split(
                rows, test_size=self.validation_fraction, stratify=stratify, random_state=self.random
            )
            held_out = X[out], self.Y[out], self.s[out]
        self._begin(self.solver, self.learning_rate_init)
        return self._run(X[rows], self.Y[rows], self.s[rows], held_out, self.max_iter)

    def partial_fit(self, X, y, sample_weight=None, classes=None):
        first = self.weights is None
        self._set_up(X, y, sample_weight, fresh=first, classes=classes)
        if first:
            self._begin(self.solver, self.learning_rate_init)
        return self._run(X, self.Y, self.s, None, 1)

    def outputs(self, X):
        return naive.forward(self.model._replace(dropout=0.0), self.weights, X)[2]

    # --- what a call begins with --------------------------------------------------------------------------

    def _set_up(self, X, y, sample_weight, fresh, classes=None):
        if fresh:
            self.classes = self._classes(y, classes)
            self.t_ = self.stalled = 0
            self.best_loss_, self.best_score, self.best_iter_, self.best = np.inf, -np.inf, None, None
            self.loss_curve_, self.validation_scores_, self.validation_loss_curve_ = [], [], []
        self.Y = self._targets(y)
        self.s = np.ones(len(X)) if sample_weight is None else np.asarray(sample_weight, float)
        self.s = self.s * self._weights_of(y)
        self.random = check_random_state(self.random_state)
        self.model = naive.Model(
            activation=self.activation,
            alpha=self.alpha,
            slope=self.negative_slope,
            dropout=self.dropout,
            **self._output_and_loss(y),
        )
        self.n_hidden = int(np.ravel(self.hidden_layer_sizes)[0])
        if fresh:
            self.weights = self._initial_weights(X.shape[1], self.n_hidden, self.Y.shape[1])
        if self.dropout:
            self.key = 2 * int(self.random.randint(2**62, dtype=np.int64)) + 1

    def _initial_weights(self, n_features, n_hidden, n_outputs):
        if not isinstance(self.init, str):
            (W1, W2), (b1, b2) = self.init
            return W1.T, b1, W2.T, b2
        shapes = [(n_features, n_hidden), (n_hidden, n_outputs)]
        zeros = np.zeros(n_hidden), np.zeros(n_outputs)
        if self.init == "glorot_uniform":
            drawn = []
            for fan_in, fan_out in shapes:
                bound = math.sqrt((2 if self.model.activation in ("logistic", "sigmoid") else 6) / (fan_in + fan_out))
                drawn += [self.random.uniform(-bound, bound, shape) for shape in ((fan_in, fan_out), fan_out)]
            return drawn[0].T, drawn[1], drawn[2].T, drawn[3]
        if self.init == "small_normal":
            W1, W2 = (0.01 * self.random.randn(*shape[::-1]) for shape in shapes)
        elif self.init == "he_normal":
            W1, W2 = ((self.random.randn(*shape) * math.sqrt(2 / shape[0])).T for shape in shapes)
        else:
            W1, W2 = (np.zeros(shape[::-1]) for shape in shapes)
        return W1, zeros[0], W2, zeros[1]

    def _begin(self, solver, rate):
        rule = "nesterov" if solver == "sgd" and self.nesterovs_momentum else solver
        constants = self.momentum, self.beta_1, self.beta_2, self.epsilon
        self.rate = rate
        self.steps = naive.Solver(naive.Rule(rule, rate, *constants), self.weights)

    # --- the course of training ---------------------------------------------------------------------------

    def _run(self, X, Y, s, held_out, epochs):
        if self.solver == "lbfgs":
            return self._minimize(X, Y, s, held_out)
        n = len(X)
        order = np.arange(n)
        self.best = None  # of this call
        as_they_come = self._batch(n) == len(self.Y)  # all in one batch: dropout sees the order
        for self.n_iter_ in range(1, epochs + 1):
            order = shuffle(order, random_state=self.random) if self.shuffle else order
            self.steps.rule = self.steps.rule._replace(rate=self.rate)
            taken = None if as_they_come else order
            self.weights, loss = naive.train_epoch(
                self.model, self.weights, self.steps, X, Y, s, self._batch(n), taken, self._keep
            )
            self.t_ += n
            self.loss_curve_.append(loss)
            if held_out is not None:
                self._watch(*held_out)
            if not self.early_stopping:
                self.stalled = self.stalled + 1 if loss > self.best_loss_ - self.tol else 0
                self.best_loss_ = min(self.best_loss_, loss)
            self._end_of_epoch()
            if self.stalled > self.n_iter_no_change and self._stops():
                break
        if self.early_stopping and self.best is not None:
            self.weights = self.best
        return self

    def _batch(self, n):
        if isinstance(self.batch_size, str):
            return n if self.batch_size == "full" else min(200, n)
        return max(1, int(self.batch_size * n)) if self.batch_size < 1 else min(self.batch_size, n)

    def _keep(self, places):
        if not self.dropout:
            return 1.0
        return naive.kept_units(self.dropout, self.key, self.t_ + places, self.n_hidden, self.lanes)

    def _watch(self, X, Y, s):
        a2 = naive.forward(self.model, self.weights, X)[2]
        loss = np.average(naive.losses(self.model._replace(smoothing=0.0), a2, Y), weights=s)
        if self.scoring == "loss":
            score = -loss
        else:
            score = self._score(a2, Y, s)
        self.validation_loss_curve_.append(loss)
        self.validation_scores_.append(score)
        if self.early_stopping:
            self.stalled = self.stalled + 1 if score < self.best_score + self.tol else 0
        if score > self.best_score:
            self.best_score, self.best_iter_, self.best = score, len(self.validation_scores_), self.weights

    def _end_of_epoch(self):
        if self.learning_rate == "cosine":
            self.rate = self.learning_rate_init * (1 + math.cos(math.pi * self.n_iter_ / self.max_iter)) / 2
        elif self.learning_rate == "invscaling" and self.solver == "sgd":
            self.rate = self.learning_rate_init / (self.t_ + 1) ** self.power_t

    def _stops(self):
        if self.learning_rate != "adaptive" or self.solver != "sgd" or self.rate <= 1e-6:
            return True
        self.rate, self.stalled = self.rate / 5, 0
        return False

    def _minimize(self, X, Y, s, held_out):
        ends = np.cumsum([w.size for w in self.weights])[:-1]
        shapes = [w.shape for w in self.weights]

        def unpacked(vector):
            return [part.reshape(shape) for part, shape in zip(np.split(vector, ends), shapes, strict=True)]

        def function(vector):
            arguments = self.model, unpacked(vector), X, Y, s
            return naive.loss(*arguments), np.concatenate([g.ravel() for g in naive.gradients(*arguments)])

        def callback(vector):
            self.weights = unpacked(vector.copy())
            if held_out is not None:
                self._watch(*held_out)

        options = {"maxiter": self.max_iter, "maxfun": self.max_fun, "gtol": self.tol}
        start = np.concatenate([w.ravel() for w in self.weights])
        found = minimize(function, start, method="L-BFGS-B", jac=True, callback=callback, options=options)
        self.weights, self.n_iter_, self.loss_curve_ = unpacked(found.x), found.nit, [found.fun]
        return self


class NaiveClassifier(NaiveNetwork):
    """What ShallowNetClassifier computes."""

    scores = {None: accuracy_score, "accuracy": accuracy_score, "balanced_accuracy": balanced_accuracy_score}

    def _classes(self, y, classes):
        return np.arange(y.shape[1]) if y.ndim == 2 else np.unique(y if classes is None else classes)

    def _targets(self, y):
        if y.ndim == 2:
            return (y != 0).astype(float)
        Y = (y[:, np.newaxis] == self.classes).astype(float)
        return Y[:, 1:] if len(self.classes) == 2 else Y

    def _weights_of(self, y):
        return 1.0 if self.class_weight is None else compute_sample_weight(self.class_weight, y)

    def _strata(self, y):
        return y if self.model.output == "logistic" and y.ndim == 1 else None

    def _output_and_loss(self, y):
        output = "logistic" if y.ndim == 2 or len(self.classes) == 2 else "softmax"
        return {"output": output, "clip": np.finfo(float).eps, "smoothing": self.label_smoothing}

    def _score(self, a2, Y, s):
        right, found = (Y, a2 > 0.5) if self.model.output == "logistic" else (Y.argmax(axis=1), a2.argmax(axis=1))
        return self.scores[self.scoring](right, found, sample_weight=s)

    def predictions(self, X):
        """Return the probabilities of two classes or more, or of labels."""
        a2 = self.outputs(X)
        return np.hstack([1 - a2, a2]) if a2.shape[1] == 1 else a2


class NaiveRegressor(NaiveNetwork):
    """What ShallowNetRegressor computes."""

    scores = {
        None: r2_score,
        "neg_mean_absolute_error": lambda *data, **weights: -mean_absolute_error(*data, **weights),
    }

    def _classes(self, y, classes):
        return None

    def _targets(self, y):
        return y.reshape(len(y), -1).astype(float)

    def _weights_of(self, y):
        return 1.0

    def _strata(self, y):
        return None

    def _output_and_loss(self, y):
        output = "exp" if self.loss == "poisson" else "identity"
        return {"output": output, "loss": self.loss, "quantile": self.quantile, "delta": self.delta}

    def _score(self, a2, Y, s):
        return self.scores[self.scoring](Y, a2, sample_weight=s)

    def predictions(self, X):
        """Return predicted numbers, in the form of y."""
        a2 = self.outputs(X)
        return a2[:, 0] if a2.shape[1] == 1 else a2
