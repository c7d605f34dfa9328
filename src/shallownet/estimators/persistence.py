"""Saving and loading: the layout of a model's attributes that a file states, and upgrades from older layouts.

The layout has a number of its own, which grows when an attribute gets another name or meaning, independently of the
package's version. A parameter that a file does not know gets its default: every default means what was done before
there was the parameter.
"""

from inspect import signature

from sklearn.base import BaseEstimator
from sklearn.exceptions import InconsistentVersionWarning

from .._version import __version__
from ..training.network import Moments
from .user_warnings import warn_user

LAYOUT = 1
UPGRADES: dict = {}  # from a layout to the next: functions that change a state in place
_LAYOUT, _VERSION = "_shallownet_layout", "_shallownet_version"


def stamped(state):
    """Return the state of an estimator as files have it, with the layout and the version that it is written by."""
    state = {name: value for name, value in state.items() if name != "_network"}  # memory, which no file needs
    if isinstance(state.get("_moments"), Moments):
        state["_moments"] = state["_moments"].unpacked()
    return {**state, _LAYOUT: LAYOUT, _VERSION: __version__}


def restored(state, defaults, name):
    """Return the state of an estimator from that of a file, which may be older.

    Parameters
    ----------
    state : dict
        What ``stamped`` returned; files from before there was a layout have none.
    defaults : dict
        The parameters and their defaults.
    name : str
        The estimator's class, for the warning.

    Warns
    -----
    InconsistentVersionWarning
        If the file's layout is newer than this package.
    """
    state = {**defaults, **state}
    layout, version = state.pop(_LAYOUT, 1), state.pop(_VERSION, __version__)
    if layout > LAYOUT:
        warn_user(
            InconsistentVersionWarning(
                estimator_name=name, current_sklearn_version=__version__, original_sklearn_version=version
            ),
            InconsistentVersionWarning,
        )
    for older in range(layout, LAYOUT):
        UPGRADES[older](state)
    return state


class Versioned(BaseEstimator):
    """An estimator whose saved state says its layout, and which reads that of older layouts."""

    def __getstate__(self):
        return stamped(super().__getstate__())

    def __setstate__(self, state):
        constructor = signature(type(self).__init__).parameters
        defaults = {name: constructor[name].default for name in self._get_param_names()}
        self.__dict__.update(restored(state, defaults, type(self).__name__))
