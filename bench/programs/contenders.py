"""The classifiers that take part, each imported only when it is asked for."""


def classifier(name, **parameters):
    """Return the named classifier."""
    if name == "shallownet":
        from shallownet import ShallowNetClassifier

        return ShallowNetClassifier(**parameters)
    if name == "MLPClassifier":
        from sklearn.neural_network import MLPClassifier

        return MLPClassifier(**parameters)
    if name == "HistGradientBoosting":
        from sklearn.ensemble import HistGradientBoostingClassifier

        return HistGradientBoostingClassifier(**parameters)
    if name == "LightGBM":
        from lightgbm import LGBMClassifier

        return LGBMClassifier(verbose=-1, **parameters)
    raise ValueError(f"no contender is called {name!r}")
