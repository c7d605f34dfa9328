"""The estimators on Dask: they train on collections that lie on a cluster, and predict lazily.

Importing this needs the extra ``dask``.
"""

try:
    import dask.array  # noqa: F401
    import distributed  # noqa: F401
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(f"{error}: pip install 'shallownet[dask]' brings it.", name=error.name) from error

from .estimators import DaskShallowNetClassifier, DaskShallowNetRegressor

__all__ = ["DaskShallowNetClassifier", "DaskShallowNetRegressor"]
