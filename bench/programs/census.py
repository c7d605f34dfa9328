"""A table with numbers and categories, and 30 fits of a grid search over it.

The table is synthetic, with the columns of a census: six numbers, of which some are skewed, and eight categories of 2
to 42 values. Networks see it through a ColumnTransformer, as sparse rows; trees take the categories as they are.
"""

import sys
from time import perf_counter

import numpy as np
import pandas as pd
from joblib import parallel_config
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from programs.contenders import classifier
from programs.grid_search import BACKENDS

CATEGORIES = (9, 16, 7, 15, 6, 5, 2, 42)
NUMBERS = 6
NETWORKS = ("shallownet", "MLPClassifier")
FOLDS = 5


def table(rows):
    """Draw the columns, and a label for which all of them matter: true for about a quarter of the rows."""
    rng = np.random.default_rng(0)
    numbers = rng.standard_normal((rows, NUMBERS))
    numbers[:, 3:] = np.exp(numbers[:, 3:])
    columns = {f"number {i}": numbers[:, i] for i in range(NUMBERS)}
    score = numbers[:, 0] * numbers[:, 1] + numbers[:, 2] + np.log(numbers[:, 3:]).sum(axis=1)
    for i, count in enumerate(CATEGORIES):
        shares = rng.dirichlet(np.ones(count))
        drawn = rng.choice(count, rows, p=shares)
        columns[f"category {i}"] = pd.Categorical.from_codes(drawn, [f"value {value}" for value in range(count)])
        score += rng.standard_normal(count)[drawn]
    score += rng.standard_normal(rows)
    return pd.DataFrame(columns), score > np.quantile(score, 0.76)


def candidates(name, epochs):
    """Return a model and a grid of six candidates, as one would tune this kind of model."""
    if name not in NETWORKS:
        trees = {"categorical_features": "from_dtype"} if name == "HistGradientBoosting" else {}
        return classifier(name, random_state=0, **trees), {
            "learning_rate": [0.03, 0.1, 0.3],
            "max_leaf_nodes" if name == "HistGradientBoosting" else "num_leaves": [15, 31],
        }
    columns = ColumnTransformer(
        [
            ("numbers", StandardScaler(), [f"number {i}" for i in range(NUMBERS)]),
            ("categories", OneHotEncoder(handle_unknown="ignore"), [f"category {i}" for i in range(len(CATEGORIES))]),
        ]
    )
    model = make_pipeline(columns, classifier(name, max_iter=epochs, random_state=0))
    network = model.steps[-1][0]
    return model, {f"{network}__hidden_layer_sizes": [32, 100], f"{network}__alpha": [1e-4, 1e-2, 1.0]}


def main(name, n_jobs, workers, rows, epochs):
    X, y = table(int(rows))
    model, grid = candidates(name, int(epochs))
    start = perf_counter()
    with parallel_config(BACKENDS[workers]):
        search = GridSearchCV(model, grid, cv=FOLDS, refit=False, n_jobs=int(n_jobs)).fit(X, y)
    print(perf_counter() - start, search.best_score_)


if __name__ == "__main__":
    main(*sys.argv[1:])
