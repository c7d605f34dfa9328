"""Training: time over the size of the problem, solvers, threads, a busy machine, and memory."""

import subprocess
import sys
from time import process_time

import numpy as np

from measuring.shapes import SHAPES, make_problem
from shallownet import ShallowNetRegressor
from shallownet.kernels.activations import ACTIVATIONS

from .problems import clusters, fitted

DTYPES = ["float32", "float64"]
BY_NAME = {str(shape): shape for shape in SHAPES}


class Shapes:
    """The shapes of the comparison with the peers; so many epochs that a fit takes about a tenth of a second."""

    params = [list(BY_NAME), DTYPES]
    param_names = ["shape", "dtype"]
    operations = 10e9
    most = 500

    def setup(self, name, dtype):
        self.problem = make_problem(BY_NAME[name], dtype)
        self.epochs = min(self.most, max(2, int(self.operations / self.problem.shape.operations)))
        self.time_fit(name, dtype)

    def time_fit(self, name, dtype):
        shape = self.problem.shape
        fitted(self.problem.X, self.problem.y, shape.n_hidden, self.epochs, batch_size=shape.batch_size)


class OneThread(Shapes):
    """The CPU time of one thread: other processes hardly change it, so it shows what a change of the kernels costs."""

    timer = process_time

    def time_fit(self, name, dtype):
        shape = self.problem.shape
        fitted(self.problem.X, self.problem.y, shape.n_hidden, self.epochs, batch_size=shape.batch_size, n_jobs=1)


class Regression:
    """Ten epochs of the regressor; the shapes are those of the comparison with MLPRegressor."""

    params = [[(20_640, 8, 100, 1), (50_000, 28, 32, 1), (20_000, 784, 100, 10)], ["squared_error", "poisson"], DTYPES]
    param_names = ["shape", "loss", "dtype"]

    def setup(self, shape, loss, dtype):
        rng = np.random.default_rng(0)
        n_samples, n_features, self.n_hidden, n_outputs = shape
        self.X = rng.standard_normal((n_samples, n_features), dtype=np.float32).astype(dtype)
        self.y = rng.poisson(1 + self.X[:, :1] ** 2, (n_samples, n_outputs)).astype(dtype)
        self.y = self.y[:, 0] if n_outputs == 1 else self.y
        self.time_ten_epochs(shape, loss, dtype)

    def time_ten_epochs(self, shape, loss, dtype):
        fitted(self.X, self.y, self.n_hidden, 10, kind=ShallowNetRegressor, loss=loss)


class _Epochs:
    """A fit of ten epochs: a tenth of the time is an epoch's, and the costs of a fit's start are a small part."""

    epochs = 10

    def problem(self, size):
        """Return samples, features and hidden units: each benchmark below lets another of them grow."""
        raise NotImplementedError  # abstract: asv collects no class whose name begins with _

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
    params = [[name for name in ACTIVATIONS if name != "sigmoid"]]  # another name of the logistic function
    param_names = ["activation"]

    def setup(self, activation):
        self.X, self.y = clusters(5_000, 64, "float32")
        self.time_ten_epochs(activation)

    def time_ten_epochs(self, activation):
        fitted(self.X, self.y, 100, 10, activation=activation)


class OverRandomState:
    """The default draws from NumPy's global random state, which is to take no longer."""

    params = [[0, None]]
    param_names = ["random_state"]

    def setup(self, random_state):
        self.X, self.y = clusters(50_000, 28, "float32")
        self.time_ten_epochs(random_state)

    def time_ten_epochs(self, random_state):
        fitted(self.X, self.y, 32, 10, random_state=random_state)


class Threads:
    """Ten epochs of large steps by one thread and by two, also while two other processes keep the CPUs busy."""

    params = [[1, 2], [0, 2]]
    param_names = ["threads", "busy processes"]

    def setup(self, threads, busy):
        self.X, self.y = clusters(20_000, 100, "float32")
        for _ in range(3):
            self.time_ten_epochs(threads, busy)
        self.children = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(busy)]

    def teardown(self, threads, busy):
        for child in self.children:
            child.kill()
            child.wait()

    def time_ten_epochs(self, threads, busy):
        fitted(self.X, self.y, 100, 10, batch_size=400, n_jobs=threads)


class Sparse:
    """Five epochs on CSR with a hundred nonzeros a row."""

    def setup(self):
        import scipy.sparse

        rng = np.random.default_rng(0)
        self.X = scipy.sparse.random(11_314, 20_000, 0.005, "csr", np.float32, rng)
        self.y = rng.integers(20, size=self.X.shape[0])
        self.time_five_epochs()

    def time_five_epochs(self):
        fitted(self.X, self.y, 100, 5)


class Solver:
    params = [["adam", "sgd", "lbfgs"], ["auto", "full"]]
    param_names = ["solver", "batch_size"]

    def setup(self, solver, batch_size):
        self.X, self.y = clusters(5_000, 64, "float32")
        self.time_fit(solver, batch_size)

    def time_fit(self, solver, batch_size):
        fitted(self.X, self.y, 100, 20, solver=solver, batch_size=batch_size)


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
