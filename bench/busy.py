"""A machine that others use: fits beside two busy processes, and how soon both threads are used when they end."""

import subprocess
import sys
from contextlib import contextmanager
from threading import Timer
from time import perf_counter, sleep

from figures import OURS
from shapes import Shape, make_problem
from tables import comparison, spread
from timing import seconds_of
from variants import classifiers, fit

SHAPE = Shape(50_000, 54, 100, 7, 200)
FIT_SECONDS = 1.0  # without load
BUSY_SECONDS = 1.5  # of load, in the look at its end
AFTER_SECONDS = 3.0
NAME, RETURN = "a fit under load", "seconds until both threads are used again"


def measure(options, progress):
    progress("a busy machine")
    problem = make_problem(SHAPE, "float32")

    def fitting(threads):
        model = classifiers(SHAPE.n_hidden, threads, batch_size=SHAPE.batch_size)[OURS]
        return lambda epochs: fit(model, problem.X, problem.y, epochs)

    several, alone = fitting(options.threads), fitting(1)
    epochs = epochs_of(several, options.shorter * FIT_SECONDS)
    alone(epochs)
    runs = {OURS: several, "one thread": alone}
    seconds = {name: [] for name in runs}
    with others_busy(options.threads):
        for i in range(min(5, options.rounds)):
            for name in list(runs)[:: 1 if i % 2 else -1]:
                seconds[name].append(seconds_of(runs[name], epochs) / epochs)
    returns = [seconds_to_return(several, epochs, options.threads) for _ in range(min(3, options.rounds))]
    return {
        NAME: {"seconds": seconds, "others": None},
        RETURN: {"seconds": {"both threads": returns}, "others": None},
    }


def epochs_of(run, seconds):
    """Return how many epochs take about so long, after a fit that has loaded both copies of the kernel."""
    run(50)
    return max(3, round(50 * seconds / seconds_of(run, 50)))


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
    from shallownet._pace import Pace

    calls, ended = [], []
    record = Pace.record

    def noting(pace, parallel, places, seconds):
        calls.append((perf_counter(), parallel))
        record(pace, parallel, places, seconds)

    def end():
        stop()
        ended.append(perf_counter())

    stop = busy_processes(threads)
    timer = Timer(BUSY_SECONDS, end)
    Pace.record = noting
    try:
        timer.start()
        start = perf_counter()
        while perf_counter() - start < BUSY_SECONDS + AFTER_SECONDS and not first_pair(calls, ended):
            run(epochs)
    finally:
        Pace.record = record
        timer.join()
        stop()
    return first_pair(calls, ended) or AFTER_SECONDS


def first_pair(calls, ended):
    """Return the seconds from the end of the load to the first of two parallel calls in a row; None if there is none."""
    if not ended:
        return None
    after = [call for call in calls if call[0] > ended[0]]
    pairs = zip(after, after[1:], strict=False)
    return next((clock - ended[0] for (clock, parallel), (_, next_one) in pairs if parallel and next_one), None)


def section(entries):
    returns = entries[RETURN]["seconds"]["both threads"]
    return "\n\n".join(
        [
            "## A busy machine",
            "Two other processes keep both CPUs busy. A fit that may use both threads, beside one that may not, under the"
            " same load:",
            comparison({str(SHAPE): entries[NAME]}, ["x one thread"], "shape", "{:.3g}", unit="ms an epoch"),
            f"{RETURN[0].upper()}{RETURN[1:]} in a running fit after the others end: {spread(returns, '{:.2f}')} s.",
        ]
    )
