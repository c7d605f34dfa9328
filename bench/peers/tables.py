"""The classifiers for tables, each with its default settings, one thread, and what it needs to read a DataFrame.

Each name has a function that takes a seed and returns an estimator; libraries are imported only when it is called.
"""

from functools import partial
from importlib.util import find_spec
from unittest.mock import patch

from programs.contenders import classifier
from reporting.figures import OURS

MLP, FOREST, HIST, LIGHTGBM = "StandardScaler + MLPClassifier", "RandomForest", "HistGradientBoosting", "LightGBM"
CATBOOST, REALMLP, SEVERAL = "CatBoost", "RealMLP", f"{OURS}, four nets"


def encoded(model, scale):
    """Return a pipeline for what takes numbers alone: medians for missing ones, a column for each category."""
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = make_pipeline(SimpleImputer(strategy="median"), *([StandardScaler()] if scale else []))
    categories = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = make_column_transformer(
        (categories, make_column_selector(dtype_include="category")), remainder=numbers, sparse_threshold=0
    )
    return make_pipeline(columns, model)


def tabular_net(seed, **parameters):
    from shallownet import TabularNetClassifier

    return TabularNetClassifier(random_state=seed, n_jobs=1, **parameters)


def without_scale(seed):
    """Return a TabularNetClassifier whose networks learn from inputs as they are encoded."""
    import numpy as np

    from shallownet import TabularNetClassifier
    from shallownet.tabular import learning

    class WithoutScale(TabularNetClassifier):
        def fit(self, X, y):
            with patch.object(learning, "input_scale", lambda X, pilots: np.ones(X.shape[1], X.dtype)):
                return super().fit(X, y)

    return WithoutScale(random_state=seed, n_jobs=1)


def without_temperature(seed):
    """Return a TabularNetClassifier that leaves probabilities as they are."""
    from shallownet import TabularNetClassifier

    class WithoutTemperature(TabularNetClassifier):
        def fit(self, X, y):
            super().fit(X, y)
            self.temperature_ = 1.0
            return self

    return WithoutTemperature(random_state=seed, n_jobs=1)


def mlp(seed):
    return encoded(classifier("MLPClassifier", random_state=seed), scale=True)


def forest(seed):
    from sklearn.ensemble import RandomForestClassifier

    return encoded(RandomForestClassifier(random_state=seed, n_jobs=1), scale=False)


def hist(seed):
    return classifier(HIST, categorical_features="from_dtype", random_state=seed)


def lightgbm(seed):
    return classifier(LIGHTGBM, random_state=seed, n_jobs=1)


def catboost(seed):
    from catboost import CatBoostClassifier

    class WithCategories(CatBoostClassifier):
        """CatBoost is told which columns are categories, and takes no missing value among them."""

        def fit(self, X, y):
            return super().fit(self._filled(X), y, cat_features=list(X.select_dtypes("category")))

        def predict_proba(self, X):
            return super().predict_proba(self._filled(X))

        def _filled(self, X):
            return X.assign(
                **{name: X[name].astype(object).fillna("").astype(str) for name in X.select_dtypes("category")}
            )

    return WithCategories(random_seed=seed, thread_count=1, verbose=False, allow_writing_files=False)


def realmlp(seed):
    from pytabkit import RealMLP_TD_Classifier

    return RealMLP_TD_Classifier(random_state=seed, device="cpu", n_threads=1)


TABULAR = {
    OURS: tabular_net,
    SEVERAL: partial(tabular_net, n_nets=4),
    MLP: mlp,
    FOREST: forest,
    HIST: hist,
    LIGHTGBM: lightgbm,
    CATBOOST: catboost,
    REALMLP: realmlp,
}
# what is left out of a TabularNetClassifier
LEFT_OUT = {
    "bins": partial(tabular_net, n_bins=0),
    "label smoothing": partial(tabular_net, label_smoothing=0.0),
    "scaled inputs": without_scale,
    "temperature": without_temperature,
}
PACKAGES = {LIGHTGBM: "lightgbm", CATBOOST: "catboost", REALMLP: "pytabkit"}


def obstacle(name):
    """Return why a classifier cannot take part, or ""."""
    return "" if name not in PACKAGES or find_spec(PACKAGES[name]) else "not installed"
