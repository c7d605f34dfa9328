"""The thread in which compiled code is made, loaded and saved, so that nothing comes in between.

Numba can neither be cut off in the middle of a compilation nor entered a second time: it leaves functions behind that
lack what they call. Python runs signal handlers, and what these raise, between any two steps of the main thread; and
the garbage collector runs finalizers in whatever thread it is at work. So another thread compiles, in which there are
no signals, and the collector does not begin by itself. The thread that asked for it waits: what a handler or a
finalizer fits meanwhile waits in turn, and an error raised there, such as an interrupt, is raised when the compilation
has ended: nothing of the caller's runs beside it, as both would set the process's filters of warnings. A second one
ends the wait at once.
"""

import contextvars
import gc
import threading
from collections.abc import Callable
from typing import Any

from numba.core.compiler_lock import global_compiler_lock

from .collector import collector_paused

SECONDS = 0.25  # between collections of garbage by the thread that waits; Windows looks for Ctrl-C as often


def in_compiler_thread(function: Callable, *arguments: Any, give_up: Callable[[], None] = lambda: None) -> Any:
    """Call a function that compiles in a thread of its own and return what it returns.

    ``give_up`` is called when the caller is interrupted, to end waits that are no compilation.

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
            with global_compiler_lock, collector_paused():
                outcome.append((function(*arguments), None))
        except BaseException as error:
            outcome.append((None, error))

    while not outcome:  # a process that was forked meanwhile, by a handler, has no such thread and begins anew
        _run_and_wait(work, give_up)
    result, error = outcome.pop()
    if error is not None:
        try:
            raise error
        finally:
            del error  # it holds this frame, which holds it
    return result


def _run_and_wait(work: Callable, give_up: Callable[[], None]) -> None:
    context, ended = contextvars.copy_context(), threading.Event()

    def work_and_tell() -> None:
        try:
            context.run(work)
        finally:
            ended.set()

    thread = threading.Thread(target=work_and_tell, name="shallownet compiler", daemon=False)
    try:
        thread.start()
    except RuntimeError:  # there can be no more threads, or Python is about to end
        work()
        return
    try:
        _wait_for(thread, ended)
    except BaseException:  # of a signal handler
        give_up()
        _wait_for(thread, ended)
        raise


def _wait_for(thread: threading.Thread, ended: threading.Event) -> None:
    # by the event: an interrupt in the middle of Thread.join makes Python 3.11 take a thread at work for one that ended
    while thread.is_alive() and not ended.wait(SECONDS):
        if gc.isenabled():
            gc.collect(1)  # else what a compilation leaves behind would take 40 MB
