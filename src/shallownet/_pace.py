"""How a fit is cut into kernel calls, and which copy, serial or parallel, runs each.

The result does not depend on either, so the clock may decide. A call is kept to a fraction of a second, so that
Python can react to an interrupt between calls. Whether threads pay depends on the work in a step, on Numba's
threading layer, and on how busy the other cores are at the moment; so both copies are tried, the faster one is
kept, and the other is tried again from time to time.
"""

from time import perf_counter

CALL_SECONDS = 0.05  # the length of one kernel call
TRIAL_SECONDS = 0.002  # the length of a call that only looks how fast the other copy is
RETRY_SECONDS = 0.5  # how long a comparison is trusted
SMALLEST_STEP = 300_000  # operations; a smaller step is over before a second thread has begun
LONG_FIT = 4e10  # operations; a shorter fit is over before the parallel copy is compiled or even loaded
GUESSED_RATE = 40e9  # operations per second, before anything is measured


class Pace:
    """Chooses the next kernel call of a run.

    Parameters
    ----------
    operations : int
        Floating-point operations that an example costs.
    step : int
        Examples in a step.
    whole : int
        Operations in the whole fit.
    may : bool
        Whether there is more than one thread for a step.
    ready : bool
        Whether the parallel copy is compiled.
    """

    def __init__(self, operations, step, whole, may, ready):
        self._seconds = {False: operations / GUESSED_RATE}  # for an example, by copy
        self._measured = {False: -1.0}
        if may and operations * step >= SMALLEST_STEP and (ready or whole >= LONG_FIT):
            self._seconds[True] = operations / GUESSED_RATE / 2
            self._measured[True] = -1.0

    def next_call(self, left):
        """Return whether the next call is parallel, and about how many of the examples left it should do."""
        if self._measured[False] < 0:  # a guess may be far too fast
            return False, min(left, max(1, int(TRIAL_SECONDS / self._seconds[False])))
        if len(self._seconds) == 1:
            return False, min(left, max(1, int(CALL_SECONDS / self._seconds[False])))
        now = perf_counter()
        best = min(self._seconds, key=self._seconds.__getitem__)
        stale = [copy for copy, then in self._measured.items() if now - then > RETRY_SECONDS]
        trial = next((copy for copy in stale if copy != best), None)
        if trial is not None and self._measured[best] >= 0:
            return trial, min(left, max(1, int(TRIAL_SECONDS / self._seconds[trial])))
        return best, min(left, max(1, int(CALL_SECONDS / self._seconds[best])))

    def record(self, parallel, places, seconds):
        """Take note of how long a call took."""
        self._seconds[parallel] = seconds / places
        self._measured[parallel] = perf_counter()
