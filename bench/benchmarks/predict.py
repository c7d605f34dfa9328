"""Prediction: the latency of one row, and throughput."""

from importlib import import_module

import numpy as np

from measuring.timing import AT_WORK_SECONDS, repeat_for
from parts.predict_shapes import data, models
from reporting.figures import OURS

from .problems import clusters, fitted

DTYPES = ["float32", "float64"]


class Predict:
    params = [[1, 1_000, 100_000], DTYPES]
    param_names = ["rows", "dtype"]

    def setup(self, rows, dtype):
        X, y = clusters(2_000, 64, dtype)
        self.model = fitted(X, y, 100, 5)
        self.X, _ = clusters(rows, 64, dtype)
        if rows == 1:
            self.model.predict_proba(self.X)  # compile, or load from the cache
        else:  # and the copy with threads, which is in use only once there has been work for it
            repeat_for(AT_WORK_SECONDS, lambda: self.model.predict_proba(self.X))

    def time_predict_proba(self, rows, dtype):
        self.model.predict_proba(self.X)

    def time_predict(self, rows, dtype):
        self.model.predict(self.X)


class Shapes:
    """Models of other sizes than their rows: what a call costs must not grow with the model alone."""

    params = [["dense", "CSR"], [1, 1_000], [100, 100_000], [1, 100], DTYPES]
    param_names = ["form", "rows", "features", "units", "dtype"]

    def setup(self, form, rows, features, units, dtype):
        self.model = models(np.dtype(dtype), features, units, threads=2)[OURS]
        self.X = data(form, np.dtype(dtype), rows, features)
        repeat_for(AT_WORK_SECONDS if rows > 1 else 0.0, lambda: self.model.predict_proba(self.X))
        self.model.predict_proba(self.X)

    def time_predict_proba(self, form, rows, features, units, dtype):
        self.model.predict_proba(self.X)

    def peakmem_predict_proba(self, form, rows, features, units, dtype):
        self.model.predict_proba(self.X)


class Frames:
    """DataFrames, whose names of columns are checked."""

    params = [[1, 1_000, 100_000]]
    param_names = ["rows"]

    def setup(self, rows):
        pandas = import_or_skip("pandas")
        X, y = clusters(max(rows, 2_000), 64, "float64")
        frame = pandas.DataFrame(X, columns=[f"feature {i}" for i in range(64)])
        self.model = fitted(frame[:2_000], y[:2_000], 100, 5)
        self.X = frame[:rows]
        self.model.predict_proba(self.X)

    def time_predict_proba(self, rows):
        self.model.predict_proba(self.X)


class Memory:
    """The peak of the process, which holds 88 MB of input and 7 MB of output."""

    def setup(self):
        X, y = clusters(2_000, 64, "float32")
        self.model = fitted(X, y, 100, 5)
        self.X = np.zeros((360_000, 64), "float32")

    def time_predict_proba(self):
        self.model.predict_proba(self.X)

    def peakmem_predict_proba(self):
        self.model.predict_proba(self.X)


def import_or_skip(name):
    try:
        return import_module(name)
    except ImportError:
        raise NotImplementedError from None  # asv skips the benchmark
