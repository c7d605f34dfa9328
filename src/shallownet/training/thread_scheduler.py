"""How a fit or a prediction is cut into kernel calls, and whether each runs on one thread or on the thread team.

The result does not depend on either, so the clock may decide. A call is kept to a fraction of a second, so that
Python can react to an interrupt between calls. Whether threads pay depends on the work in a step, on Numba's
threading layer, and on how busy the other CPUs are at the moment; so both copies of a kernel, serial and parallel, are
timed, the faster one is kept, and the other is timed again now and then. While no CPU is free, threads are tried
seldom: such a call lasts until other processes have left a CPU to each of them, a hundred times as long as a small
prediction. The environment variable SHALLOWNET_PARALLEL can take the choice from the clock, to look for an error.
"""

import math
import os
from time import perf_counter
from typing import ClassVar

CALL_SECONDS = 0.05  # the length of one kernel call
TRIAL_SECONDS = 0.002  # the length of a call that only times a copy
FIRST_RETRY_SECONDS = 0.03  # how long the first comparison is trusted: threads may have to wake up; later ones twice...
RETRY_SECONDS = 0.5  # ...as long each, up to this
CROWDED_RETRY_SECONDS = 2.0  # the same while no CPU is free
SMALLEST_STEP = 20_000  # operations; a smaller step is over before a second thread has begun
WORTH_LOADING = 0.3  # seconds of serial work in this process, before the parallel copy is compiled or loaded
GUESSED_RATE = 40e9  # operations per second, before anything is measured


def policy():
    """Return what SHALLOWNET_PARALLEL says: use threads "always" or "never", or "auto", as the clock advises.

    Raises
    ------
    ValueError
        If it says something else.
    """
    found = os.environ.get("SHALLOWNET_PARALLEL", "auto")
    if found not in ("always", "never", "auto"):
        raise ValueError(
            f"The environment variable SHALLOWNET_PARALLEL must be one of 'always', 'never' and 'auto', got {found!r}."
        )
    return found


def crowded():
    """Return whether as many threads run as this process has CPUs; False where the system does not tell."""
    try:
        with open("/proc/loadavg", encoding="ascii") as load:
            running, _, _ = load.read().split()[3].partition("/")
        return int(running) >= len(os.sched_getaffinity(0))
    except (OSError, ValueError, IndexError, AttributeError):
        return False


class ThreadScheduler:
    """Chooses the next kernel call of a run.

    Parameters
    ----------
    operations : int
        Floating-point operations that an example costs.
    step : int
        Examples in a step.
    may : bool
        Whether there is more than one thread for a step.
    kind : hashable
        What the run shares its compiled copies with.

    Attributes
    ----------
    parallel : bool
        Whether the last call was.
    """

    serial_seconds: ClassVar[dict] = {}  # of this process that could have been parallel, by kind
    last_parallel: ClassVar[float] = -math.inf  # when a parallel call of this process last ended

    def __init__(self, operations, step, may, kind):
        self._always = may and policy() == "always"
        self._may = may and operations * step >= SMALLEST_STEP and policy() == "auto"
        self._kind = kind
        self._cost = {False: operations / GUESSED_RATE}  # seconds per example of each copy: the better of its last two
        self._last = {}  # the same of its last call alone
        self._trusted = FIRST_RETRY_SECONDS / 2
        self._looked = self._next_look = perf_counter()  # when the slower copy was last timed, and when it will be
        self._again = False  # whether it is timed once more: at first its data may come from caches of other CPUs
        self.parallel = False

    def next_call(self, left):
        """Return whether the next call is parallel, and about how many of the examples left it should do."""
        parallel, seconds = self._choice(perf_counter())
        cost = self._cost.get(parallel, self._cost[False])
        return parallel, min(left, max(1, int(seconds / cost)))

    def _choice(self, now):
        """Return whether the next call is parallel, and about how long it should take."""
        if self._always or not self._last:  # the guess may be far too fast
            return self._always, CALL_SECONDS if self._last else TRIAL_SECONDS
        if self._again:
            self._again, self._next_look = False, now + self._trusted
            return self.parallel, TRIAL_SECONDS
        best = self._cost.get(True, math.inf) < self._cost[False]
        worth = self._may and self.serial_seconds.get(self._kind, 0) >= WORTH_LOADING
        if not worth or now < self._next_look:
            return best, CALL_SECONDS
        lingering = now - ThreadScheduler.last_parallel < FIRST_RETRY_SECONDS  # these threads may still be running
        if not best and now - self._looked < CROWDED_RETRY_SECONDS and not lingering and crowded():
            self._next_look = now + FIRST_RETRY_SECONDS
            return best, CALL_SECONDS
        self._trusted = min(2 * self._trusted, RETRY_SECONDS)
        self._looked, self._again = now, True
        return not best, TRIAL_SECONDS

    def record(self, parallel, places, seconds):
        """Take note of how long a call took. The better of a copy's last two counts: one may have been disturbed."""
        self.parallel = parallel
        cost = seconds / places
        self._cost[parallel] = min(cost, self._last.get(parallel, cost))
        self._last[parallel] = cost
        if parallel:
            ThreadScheduler.last_parallel = perf_counter()
        elif self._may:
            self.serial_seconds[self._kind] = self.serial_seconds.get(self._kind, 0) + seconds
