"""Searching: many short fits."""

import warnings

from sklearn.datasets import load_digits, load_iris
from sklearn.model_selection import GridSearchCV, RepeatedStratifiedKFold, cross_val_score

from shallownet import ShallowNetClassifier


class Search:
    timeout = 300
    number, repeat = 1, (3, 5, 60)

    def setup(self):
        warnings.simplefilter("ignore")
        self.digits, self.iris = load_digits(return_X_y=True), load_iris(return_X_y=True)
        ShallowNetClassifier(max_iter=20).fit(*self.digits)  # compile, or load from the cache

    def time_grid_search(self):
        grid = {"hidden_layer_sizes": [32, 64, 128], "alpha": [1e-4, 1e-2], "learning_rate_init": [1e-3, 1e-2]}
        model = ShallowNetClassifier(max_iter=100, random_state=0)
        GridSearchCV(model, grid, cv=3, n_jobs=2).fit(*self.digits)

    def time_cross_validation(self):
        folds = RepeatedStratifiedKFold(n_splits=5, n_repeats=30, random_state=0)
        cross_val_score(ShallowNetClassifier(random_state=0), *self.iris, cv=folds)
