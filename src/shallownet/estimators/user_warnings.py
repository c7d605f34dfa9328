"""Warnings that point at the user's line, however many frames of libraries lie between it and the warning."""

import sys
import warnings
from types import FrameType

# Modules, or packages, through which a call may come: a Pipeline or a search, their workers, readers of saved models.
# The demo is not among them, as it calls estimators like a user.
PASSED_THROUGH = (
    *("shallownet.estimators", "shallownet.training", "shallownet.dask"),
    *("sklearn", "joblib", "dask", "distributed", "skops", "pickle", "copy"),
    *("concurrent", "multiprocessing", "threading", "runpy"),
)


def warn_user(message, category=UserWarning):
    """Issue a warning at the innermost frame of code that is none of these modules.

    If there is no such frame, as in a thread of joblib's, the innermost frame outside this package takes its place.
    """
    outside = None
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _is_passed_through(name := _module_of(frame)):
        if outside is None and not name.startswith("shallownet."):
            outside = frame
        frame = frame.f_back
    frame = frame or outside or sys._getframe(1)
    warnings.warn_explicit(
        message,
        category,
        filename=frame.f_code.co_filename,
        lineno=frame.f_lineno,
        module=frame.f_globals.get("__name__") or "<unknown>",
        registry=frame.f_globals.setdefault("__warningregistry__", {}),
    )


def _module_of(frame):
    """Return the name of a frame's module, its own name even if it was started with ``python -m``."""
    spec = frame.f_globals.get("__spec__")
    return getattr(spec, "name", None) or frame.f_globals.get("__name__") or ""


def _is_passed_through(name):
    return any(name == passed or name.startswith(f"{passed}.") for passed in PASSED_THROUGH)
