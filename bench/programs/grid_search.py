"""The grid search of the README, by so many workers, which are "processes" or "threads"."""

import sys
from time import perf_counter

from joblib import parallel_config
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from programs.contenders import classifier

BACKENDS = {"processes": "loky", "threads": "threading"}


def main(name, n_jobs, workers):
    X_train, X_test, y_train, y_test = train_test_split(*load_digits(return_X_y=True), random_state=0)
    model = make_pipeline(StandardScaler(), classifier(name, max_iter=300, tol=1e-3, random_state=0))
    network = model.steps[-1][0]
    grid = {f"{network}__hidden_layer_sizes": [16, 64], f"{network}__alpha": [1e-4, 1.0]}
    start = perf_counter()
    with parallel_config(BACKENDS[workers]):
        search = GridSearchCV(model, grid, n_jobs=int(n_jobs)).fit(X_train, y_train)
    print(perf_counter() - start, search.score(X_test, y_test))


if __name__ == "__main__":
    main(*sys.argv[1:])
