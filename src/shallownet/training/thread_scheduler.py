"""How a fit or a prediction is cut into kernel calls, and which copy, serial or parallel, runs each.

The result does not depend on either, so the clock may decide. A call is kept to a fraction of a second, so that
Python can react to an interrupt between calls. Whether threads pay depends on the work in a step, on Numba's
threading layer, and on how busy the other cores are at the moment; so both copies are tried, the faster one is
kept, and the other is tried again from time to time. Where the system tells that no core is free, threads are tried
seldom: a call of theirs would last until others have left a core to each of them, a hundred times as long as a small
prediction. The environment variable SHALLOWNET_PARALLEL can take the choice from the clock, to look for an error.
"""

import math
import os
from time import perf_counter

CALL_SECONDS = 0.05  # the length of one kernel call
TRIAL_SECONDS = 0.002  # the length of a call that only looks how fast a copy is
RETRY_SECONDS = 0.5  # how long a comparison is trusted
FIRST_RETRY_SECONDS = 0.03  # and the first of a fit, whose threads may have to wake up; each next twice as long
CROWDED_RETRY_SECONDS = 2.0  # how long a comparison is trusted while no CPU is free
SMALLEST_STEP = 20_000  # operations; a smaller step is over before a second thread has begun
WORTH_LOADING = 0.3  # seconds of serial training in this process, before the parallel copy is compiled or loaded
LINGER_SECONDS = 0.02  # how long threads may still be running after a call; GNU OpenMP's were seen to do so for 7 ms
GUESSED_RATE = 40e9  # operations per second, before anything is measured

# The seconds that serial calls took which could have been parallel, by kind of training.
_without_threads: dict = {}
_last_parallel = [-math.inf]  # when a parallel call of this process last ended


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
    """Return whether as many threads run on the machine as it has CPUs; False where the system does not tell."""
    try:
        with open("/proc/loadavg", encoding="ascii") as load:
            running, _, _ = load.read().split()[3].partition("/")
        return int(running) >= (os.cpu_count() or 1)
    except (OSError, ValueError, IndexError):
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
    """

    def __init__(self, operations, step, may, kind):
        self._seconds = {False: operations / GUESSED_RATE}  # for an example, by copy
        self._last = {}  # the same of the last call of each copy alone
        self._measured = {False: -1.0}
        self._always = may and policy() == "always"
        self._may = may and operations * step >= SMALLEST_STEP and policy() == "auto"
        self._kind = kind
        self._trusted = FIRST_RETRY_SECONDS
        self._once_more = False  # whether the copy that is looked at has another call
        self._crowded, self._asked = False, -1.0  # whether no CPU was free for a thread, and when that was asked
        self._begin = perf_counter()
        self.parallel = False  # whether the last call was

    def next_call(self, left):
        """Return whether the next call is parallel, and about how many of the examples left it should do."""
        if self._always:
            seconds = CALL_SECONDS if True in self._seconds else TRIAL_SECONDS
            self._seconds.setdefault(True, self._seconds[False])
            return True, self._places(True, seconds, left)
        if self._measured[False] < 0:  # the guess may be far too fast
            return False, self._places(False, TRIAL_SECONDS, left)
        now = perf_counter()
        worth = self._may and _without_threads.get(self._kind, 0) >= WORTH_LOADING
        if len(self._seconds) == 1 and worth and self._may_look(True, now - self._begin, now):
            # in this order: other Python threads that predict may look at the same time
            self._measured[True] = -1.0
            self._seconds[True] = self._seconds[False] / 2
        if len(self._seconds) == 1:
            return False, self._places(False, CALL_SECONDS, left)
        if self._once_more:
            self._once_more = False
            return self.parallel, self._places(self.parallel, TRIAL_SECONDS, left)
        best = self._seconds[True] < self._seconds[False]
        other = not best
        since = now - self._measured[other]
        if self._measured[best] >= 0 and since > self._trusted and self._may_look(other, since, now):
            if self._measured[other] >= 0:
                self._trusted = min(2 * self._trusted, RETRY_SECONDS)
            self._once_more = True  # in the first call its data may come from the caches of the other's CPUs
            return other, self._places(other, TRIAL_SECONDS, left)
        return best, self._places(best, CALL_SECONDS if self._measured[best] >= 0 else TRIAL_SECONDS, left)

    def _may_look(self, parallel, since, now):
        """Return whether to look at a copy that was last looked at so many seconds ago."""
        if not parallel or since > CROWDED_RETRY_SECONDS or now - _last_parallel[0] < LINGER_SECONDS:
            return True
        if now - self._asked > FIRST_RETRY_SECONDS:
            self._crowded, self._asked = crowded(), now
        return not self._crowded

    def _places(self, parallel, seconds, left):
        """Return how many of the examples left take about so long."""
        return min(left, max(1, int(seconds / self._seconds[parallel])))

    def record(self, parallel, places, seconds):
        """Take note of how long a call took. The better of a copy's last two counts: one may have been disturbed."""
        self.parallel = parallel
        if self._may and not parallel:
            _without_threads[self._kind] = _without_threads.get(self._kind, 0) + seconds
        now = seconds / places
        self._seconds[parallel] = min(now, self._last.get(parallel, now))
        self._last[parallel] = now
        self._measured[parallel] = perf_counter()
        if parallel:
            _last_parallel[0] = self._measured[parallel]
