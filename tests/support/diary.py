"""A callback of scikit-learn that writes down what it is told."""

import numpy as np


class Diary:
    """Writes down what it is told, and ends the fit after a number of epochs."""

    def __init__(self, most_epochs=np.inf):
        self.most_epochs = most_epochs
        self.begun, self.ended, self.models, self.data = [], [], [], []
        self.n_setups = self.n_teardowns = 0

    def setup(self, estimator, context):
        self.n_setups += 1

    def teardown(self, estimator, context):
        self.n_teardowns += 1

    def on_fit_task_begin(self, estimator, context):
        self.begun.append((context.task_name, context.task_id))

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None):
        self.ended.append((context.task_name, context.task_id))
        if context.task_name == "epoch" and fitted_estimator is not None:
            self.models.append(fitted_estimator)
            self.data.append((X, y, metadata))
        return len(self.models) >= self.most_epochs
