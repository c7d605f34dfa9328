"""Timing in alternation: every contender once a round, so that all of them meet the same state of the machine."""

import gc
import os
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, sleep

import numpy as np
from threadpoolctl import ThreadpoolController

from measuring.distance import round_trip
from measuring.load import QUIET, OthersLoad, wait_until_quiet

LEAST_EPOCHS = 3  # the fixed costs of a fit (validation, initial weights) are shared by at least as many
SLOW_EPOCH = 1.0  # seconds; beside such an epoch a fit's fixed costs are nothing
WARM_UP_CALLS = 3
PEAK_SIZE = 2048
# Threads of a library stay on their CPUs for a while after its work, and would slow down whoever is next: those of
# OpenBLAS for 100 ms, of GNU OpenMP for 7 ms.
SETTLING_SECONDS = 0.12
LONGEST_SECONDS = 25  # of one alternation: after that no round is repeated
AT_WORK_SECONDS = 0.6  # of calls, after which the parallel variant of a kernel is in use where it pays
PATIENCE = 2  # seconds to wait before a round for other processes to finish


class Patience:
    """How long a whole run may still wait for other processes to finish; after that it takes the machine as it is."""

    left = 60.0  # seconds

    @classmethod
    def wait(cls):
        cls.left -= wait_until_quiet(min(PATIENCE, cls.left))


def repeat_for(seconds, run):
    """Call ``run`` again and again for so long."""
    start = perf_counter()
    while perf_counter() - start < seconds:
        run()


def at_work(run, dtype):
    """Let this process be one that has been at work for a while, with both copies of the kernels loaded.

    The copy with threads comes into use only once there has been work for it, else in some rounds only.
    """
    from shallownet import warmup

    warmup(dtypes=[dtype])
    repeat_for(AT_WORK_SECONDS, run)


def seconds_of(run, *arguments):
    """Return the seconds of a run, after all have settled."""
    sleep(SETTLING_SECONDS)
    return clocked(run, *arguments)


def clocked(run, *arguments):
    gc.collect()
    start = perf_counter()
    run(*arguments)
    return perf_counter() - start


def distance():
    """Return the nanoseconds between two CPUs, after all have settled."""
    sleep(SETTLING_SECONDS)
    return round_trip()


def alternate(runs, rounds, timed=clocked):
    """Time each of the named runs once a round, in an order that rotates; ``timed`` returns the seconds of a run.

    Each begins after the distance between the CPUs was measured, when all have settled.

    Rounds in which other processes were busy are repeated, up to as many again while there is time, and the
    quietest are kept: the choice looks at the load of the machine and never at the figures.

    Returns
    -------
    entry : dict
        ``seconds``, by name, a figure a round; ``others``, the most CPUs that other processes used in a round;
        ``round_trips``, by name, the nanoseconds between two CPUs before or after it, whichever is longer.
    """
    names = list(runs)
    measured, start = [], perf_counter()
    for i in range(2 * rounds):
        if i >= rounds and (Patience.left <= 0 or perf_counter() - start > LONGEST_SECONDS):
            break
        Patience.wait()
        turn, load = i % len(names), OthersLoad()
        seconds, trips, before = {}, {}, distance()
        for name in names[turn:] + names[:turn]:
            seconds[name], after = timed(runs[name]), distance()
            trips[name], before = None if None in (before, after) else max(before, after), after
        measured.append((load.cpus(), seconds, trips))
        if sum(not others or others < QUIET for others, *_ in measured) == rounds:
            break
    kept = sorted(measured, key=lambda found: found[0] or 0)[:rounds]
    return {
        "seconds": {name: [seconds[name] for _, seconds, _ in kept] for name in names},
        "others": kept[-1][0],
        "round_trips": {name: [trips[name] for *_, trips in kept] for name in names},
    }


def contest(runs, rounds, units=1, timed=clocked):
    """Return the entry of an alternation, with the seconds of one of ``units``, a number or one by name."""
    entry = alternate(runs, rounds, timed)
    each = units if isinstance(units, dict) else dict.fromkeys(runs, units)
    return entry | {"seconds": {name: [s / each[name] for s in entry["seconds"][name]] for name in runs}}


def repeated_contest(calls, rounds, seconds):
    """Return the entry of calls that are too short for a clock: each is repeated for about so long in a round."""
    times = {name: times_lasting(call, seconds) for name, call in calls.items()}
    return contest({name: repeated(call, times[name]) for name, call in calls.items()}, rounds, times)


def repeated(call, times):
    def run():
        for _ in range(times):
            call()

    return run


def times_lasting(call, seconds):
    """Return how many calls take about so long, after some that compile whatever a call needs."""
    for _ in range(WARM_UP_CALLS):
        call()
    times = 1
    while (taken := seconds_of(repeated(call, times))) < seconds / 4:
        times *= 4
    return max(1, round(times * seconds / taken))


def epochs_lasting(fit, seconds):
    """Return how many epochs take about so long, after a warm-up that compiles whatever a fit needs."""
    fit(LEAST_EPOCHS)
    least = LEAST_EPOCHS if seconds_of(fit, 1) < SLOW_EPOCH else 1
    epochs = least
    while (taken := seconds_of(fit, epochs)) < seconds / 2:
        epochs = int(epochs * min(10, 1 + seconds / taken))
    epochs = max(least, round(epochs * seconds / taken))
    fit(epochs)  # a longer fit may choose other code than a short one, which has to be compiled too
    return epochs


class Peak:
    """The practical peak of the machine: a product of large square matrices by NumPy's BLAS."""

    operations = 2 * PEAK_SIZE**3

    def __init__(self, dtype):
        rng = np.random.default_rng(0)
        self.A, self.B = (rng.standard_normal((PEAK_SIZE, PEAK_SIZE)).astype(dtype) for _ in range(2))
        self.out = np.empty_like(self.A)
        self.blas = ThreadpoolController()

    def run(self, threads):
        with self.blas.limit(limits=threads, user_api="blas"):
            np.dot(self.A, self.B, out=self.out)


@contextmanager
def limited(threads):
    """Confine this process to so many cores, and BLAS to so many threads."""
    confine(threads)
    with ThreadpoolController().limit(limits=threads, user_api="blas"):
        yield


def confine(threads):
    """Let this process run on so many CPUs only, of different cores where the system tells them apart.

    Linux only: elsewhere a peer that takes no number of threads uses the whole machine.
    """
    if not hasattr(os, "sched_setaffinity"):
        return
    allowed = sorted(os.sched_getaffinity(0))
    if threads > len(allowed):
        raise ValueError(f"{threads} threads asked for, but this process may use {len(allowed)} CPUs")
    siblings_seen = {}

    def turn_in_core(cpu):
        try:
            core = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list").read_text()
        except OSError:
            core = cpu
        siblings_seen[core] = siblings_seen.get(core, 0) + 1
        return siblings_seen[core]

    turns = {cpu: turn_in_core(cpu) for cpu in allowed}
    os.sched_setaffinity(0, sorted(allowed, key=lambda cpu: (turns[cpu], cpu))[:threads])
