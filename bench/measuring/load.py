"""How busy other processes keep the machine.

A parallel region waits for its slowest thread, so a process on one of the cores slows down libraries that use
OpenMP up to a hundredfold. A ratio measured meanwhile says nothing about a quiet machine.
"""

import os
from pathlib import Path
from time import perf_counter, sleep

QUIET = 0.05  # CPUs taken by others: below this a measurement counts
LOOK_SECONDS = 0.2
STAT = Path("/proc/stat")


class OthersLoad:
    """Measures the CPUs that all but this process and its finished children use, on average since the start.

    It is None where the system does not say (anywhere but on Linux).
    """

    def __init__(self):
        self.start = perf_counter(), _busy_seconds(), _own_seconds()

    def cpus(self):
        wall, busy, own = self.start
        if busy is None:
            return None
        return max(0.0, (_busy_seconds() - busy) - (_own_seconds() - own)) / (perf_counter() - wall)


def wait_until_quiet(patience):
    """Wait until others leave the machine alone, for at most so many seconds; return how long it took."""
    start = perf_counter()
    while perf_counter() - start < patience:
        load = OthersLoad()
        sleep(LOOK_SECONDS)
        if not load.cpus() or load.cpus() < QUIET:
            break
    return perf_counter() - start


def _own_seconds():
    return sum(os.times()[:4])


def _busy_seconds():
    """Return the seconds that the CPUs have worked or been taken away by the host."""
    if not STAT.exists():
        return None
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, STAT.read_text().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
