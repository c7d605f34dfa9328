"""The thread in which compiled code is made, loaded and saved, so that nothing comes in between.

Numba can neither be cut off in the middle of a compilation nor entered a second time: it leaves functions behind that
lack what they call. Python runs signal handlers, and what these raise, between any two steps of the main thread; and
the garbage collector runs finalizers in whatever thread it is at work. So another thread compiles, in which there are
no signals, and the collector rests (``garbage``). The thread that asked for it waits: what a handler or a finalizer
fits meanwhile waits in turn, and an error raised there ends the wait at once, while the compilation goes on to its end.
"""

import contextvars
import gc
import threading
from collections.abc import Callable
from typing import Any

from numba.core.compiler_lock import global_compiler_lock

from .garbage import collector_at_rest

SECONDS = 0.25  # between collections of garbage by the thread that waits; Windows looks for Ctrl-C as often


def in_compiler_thread(function: Callable, *arguments: Any) -> Any:
    """Call a function that compiles in a thread of its own and return what it returns.

    Raises
    ------
    RuntimeError
        If this thread is compiling already, so that it would wait for itself.
    """
    if global_compiler_lock.is_locked():
        raise RuntimeError(
            "shallownet cannot compile while Numba compiles another function further down in the same thread, as in a"
            " signal handler that came in between. Fit or predict once before, or call shallownet.warmup()."
        )
    outcome: list[tuple[Any, BaseException | None]] = []

    def work() -> None:
        try:
            with global_compiler_lock, collector_at_rest():
                result = function(*arguments)
            outcome.append((result, None))
        except BaseException as error:
            outcome.append((None, error))

    while not outcome:  # a process that was forked meanwhile, by a handler, has no such thread and begins anew
        _run_and_wait(work)
    result, error = outcome.pop()
    if error is not None:
        try:
            raise error
        finally:
            del error  # it holds this frame, which holds it
    return result


def _run_and_wait(work: Callable) -> None:
    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(work,), name="shallownet compiler", daemon=False)
    try:
        thread.start()
    except RuntimeError:  # there can be no more threads, or Python is about to end
        work()
        return
    while thread.is_alive():
        thread.join(SECONDS)
        if gc.isenabled():
            gc.collect(1)  # else what a compilation leaves behind would take 40 MB
