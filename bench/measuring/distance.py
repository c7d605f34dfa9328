"""How far two CPUs are apart: the time that a cache line takes to the other and back.

Threads that work on one step wait for each other twice a step, and what one has written the other reads. On the same
machine this can take five times as long for minutes, where the host has put the two CPUs elsewhere: then no figure of
several threads compares with those before. And it can take half as long, where the two are threads of one core of the
host: then they share its arithmetic, and two do little more than one.
"""

import os
import threading
from time import perf_counter

import numba
import numpy as np

from shallownet.jit.thread_team import LINE, fetch, publish
from shallownet.simd.vectors import keep_alive, pointer

TURNS = 2000
TRIALS = 3
FAR = 300.0  # nanoseconds
# Below this the CPUs are threads of one core: on a Zen 4 round trips took 50 ns while two threads did as many
# multiply-adds as one, and 105 to 130 ns while they did twice as many.
ONE_CORE = 75.0


@numba.njit(nogil=True)
def bounce(counters, mine, turns):
    """Take turns with another thread: each waits for the other's counter and then advances its own, ``mine``."""
    p = pointer(counters)
    for turn in range(turns):
        while fetch(p, LINE * (1 - mine)) < turn + mine:
            pass
        publish(p, LINE * mine, turn + 1)
    keep_alive((counters,))


def round_trip():
    """Return the nanoseconds of a round trip between the first two CPUs of this process, None where it has one."""
    if not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2:
        return None
    bounce(np.zeros(2 * LINE, np.int64), 1, 0)  # compiles
    return 1e9 * min(_seconds() for _ in range(TRIALS)) / TURNS


def _seconds():
    counters, took, both = np.zeros(2 * LINE, np.int64), [], threading.Barrier(2)

    def run(mine, cpu):
        try:
            os.sched_setaffinity(0, {cpu})  # of this thread alone
        except OSError:  # a CPU that is gone: the other must not wait for ever
            both.abort()
            raise
        both.wait()
        start = perf_counter()
        bounce(counters, mine, TURNS)
        took.append(perf_counter() - start)

    cpus = sorted(os.sched_getaffinity(0))
    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(cpus[:2])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return min(took)
