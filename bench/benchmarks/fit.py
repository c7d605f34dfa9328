"""Training: time over the size of the problem, and memory."""

from .common import clusters, fitted

DTYPES = ["float32", "float64"]


class _Epochs:
    """A fit of ten epochs: a tenth of the time is an epoch's, and the costs of a fit's start are a small part."""

    epochs = 10

    def problem(self, size):
        """Return samples, features and hidden units."""
        raise NotImplementedError

    def setup(self, size, dtype):
        n_samples, n_features, self.n_hidden = self.problem(size)
        self.X, self.y = clusters(n_samples, n_features, dtype)
        self.time_ten_epochs(size, dtype)  # compile, or load from the cache

    def time_ten_epochs(self, size, dtype):
        fitted(self.X, self.y, self.n_hidden, self.epochs)


class OverSamples(_Epochs):
    params = [[500, 5_000, 50_000], DTYPES]
    param_names = ["samples", "dtype"]

    def problem(self, size):
        return size, 50, 100


class OverFeatures(_Epochs):
    params = [[8, 80, 800], DTYPES]
    param_names = ["features", "dtype"]

    def problem(self, size):
        return 5_000, size, 100


class OverHidden(_Epochs):
    params = [[8, 80, 800], DTYPES]
    param_names = ["hidden units", "dtype"]

    def problem(self, size):
        return 5_000, 50, size


class OverActivation:
    params = [["identity", "logistic", "tanh", "relu", "leaky_relu"]]
    param_names = ["activation"]

    def setup(self, activation):
        self.X, self.y = clusters(5_000, 64, "float32")
        self.time_ten_epochs(activation)

    def time_ten_epochs(self, activation):
        fitted(self.X, self.y, 100, 10, activation=activation)


class Memory:
    """The peak of the process, data included: a full batch must not need more than a small one."""

    params = [["auto", "full"]]
    param_names = ["batch_size"]

    def setup_cache(self):
        """Compile in this process, as compilation takes more memory than the fit: the others load the code."""
        for batch_size in self.params[0]:
            fitted(*clusters(20_000, 50, "float32"), 100, 3, batch_size=batch_size)

    def setup(self, batch_size):
        self.X, self.y = clusters(100_000, 50, "float32")

    def peakmem_fit(self, batch_size):
        fitted(self.X, self.y, 100, 3, batch_size=batch_size)
