"""How functions are compiled, linked and cached, and the threads that run them."""

from .collector import collector_paused

with collector_paused():
    import numba  # noqa: F401
