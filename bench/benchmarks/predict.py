"""Prediction: the latency of one row, and throughput."""

from .common import clusters, fitted

DTYPES = ["float32", "float64"]


class Predict:
    params = [[1, 1_000, 100_000], DTYPES]
    param_names = ["rows", "dtype"]

    def setup(self, rows, dtype):
        X, y = clusters(2_000, 64, dtype)
        self.model = fitted(X, y, 100, 5)
        self.X, _ = clusters(rows, 64, dtype)
        self.model.predict_proba(self.X)  # compile, or load from the cache

    def time_predict_proba(self, rows, dtype):
        self.model.predict_proba(self.X)

    def time_predict(self, rows, dtype):
        self.model.predict(self.X)
