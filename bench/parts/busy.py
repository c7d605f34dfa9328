"""A machine that others use: fits beside two busy processes, and how soon both threads are used when they end."""

import subprocess
import sys
from contextlib import contextmanager
from threading import Timer
from time import perf_counter, sleep

from measuring.fits import classifiers, fit
from measuring.shapes import Shape, make_problem
from measuring.timing import seconds_of
from reporting.figures import OURS
from reporting.tables import comparison, spread

SHAPES = [Shape(50_000, 54, 100, 7, 200), Shape(1797, 64, 100, 10, 200), Shape(5_000, 28, 16, 2, 32)]
FIT_SECONDS = 0.7  # without load
BUSY_SECONDS = 1.5  # of load, in the look at its end
AFTER_SECONDS = 3.0
RETURN = "seconds until both threads are used again"


def measure(options, progress):
    entries = {}
    for shape in SHAPES[: 1 if options.quick else None]:
        progress(f"a busy machine, {shape}")
        fits = fits_of(shape, options.threads)
        epochs = epochs_of(fits[OURS], options.shorter * FIT_SECONDS)
        fits["one thread"](epochs)
        entries[str(shape)] = {"seconds": under_load(fits, epochs, options), "others": None}
    fit_large = fits_of(SHAPES[0], options.threads)[OURS]
    epochs = epochs_of(fit_large, FIT_SECONDS)
    returns = [seconds_to_return(fit_large, epochs, options.threads) for _ in range(min(3, options.rounds))]
    return entries | {RETURN: {"seconds": {"both threads": returns}, "others": None}}


def fits_of(shape, threads):
    """Return two fits of any number of epochs, by all threads and by one."""
    problem = make_problem(shape, "float32")

    def fitting(threads):
        model = classifiers(shape.n_hidden, threads, batch_size=shape.batch_size)[OURS]
        return lambda epochs: fit(model, problem.X, problem.y, epochs)

    return {OURS: fitting(threads), "one thread": fitting(1)}


def under_load(fits, epochs, options):
    """Return the seconds of an epoch of each fit while other processes keep the CPUs busy."""
    seconds = {name: [] for name in fits}
    with others_busy(options.threads):
        for i in range(min(5, options.rounds)):
            for name in list(fits)[:: 1 if i % 2 else -1]:
                seconds[name].append(seconds_of(fits[name], epochs) / epochs)
    return seconds


def epochs_of(run, seconds):
    """Return how many epochs take about so long, after a fit that has loaded both copies of the kernel."""
    run(3)
    run(max(3, round(3 * seconds / seconds_of(run, 3))))
    return max(3, round(10 * seconds / seconds_of(run, 10)))


@contextmanager
def others_busy(count):
    """Keep so many other processes busy, on the CPUs that this one may use."""
    stop = busy_processes(count)
    sleep(0.2)
    try:
        yield
    finally:
        stop()


def busy_processes(count):
    """Start processes that only count; return the function that ends them."""
    children = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]

    def stop():
        for child in children:
            child.kill()
            child.wait()

    return stop


def seconds_to_return(run, epochs, threads):
    """Return how long after the end of a load a fit again makes two parallel kernel calls in a row."""
    from shallownet.training.thread_scheduler import ThreadScheduler

    calls, ended = [], []
    record = ThreadScheduler.record

    def noting(scheduler, parallel, places, seconds):
        calls.append((perf_counter(), parallel))
        record(scheduler, parallel, places, seconds)

    def end():
        stop()
        ended.append(perf_counter())

    stop = busy_processes(threads)
    timer = Timer(BUSY_SECONDS, end)
    ThreadScheduler.record = noting
    try:
        timer.start()
        start = perf_counter()
        while perf_counter() - start < BUSY_SECONDS + AFTER_SECONDS and not first_pair(calls, ended):
            run(epochs)
    finally:
        ThreadScheduler.record = record
        timer.join()
        stop()
    return first_pair(calls, ended) or AFTER_SECONDS


def first_pair(calls, ended):
    """Return the seconds from the end of the load to the first of two parallel calls in a row, or None."""
    if not ended:
        return None
    after = [call for call in calls if call[0] > ended[0]]
    pairs = zip(after, after[1:], strict=False)
    return next((clock - ended[0] for (clock, parallel), (_, next_one) in pairs if parallel and next_one), None)


def section(entries):
    loaded = {name: entry for name, entry in entries.items() if name != RETURN}
    returns = entries[RETURN]["seconds"]["both threads"]
    return "\n\n".join(
        [
            "## A busy machine",
            "As many other processes as threads keep the CPUs busy. A fit that may use all threads, beside one that may"
            " use one, under the same load:",
            comparison(loaded, ["x one thread"], "shape", "{:.3g}", unit="ms an epoch"),
            f"{RETURN[0].upper()}{RETURN[1:]} in a running fit after the others end: {spread(returns, '{:.2f}')} s.",
        ]
    )
