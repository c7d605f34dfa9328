"""All ways in which the threads of a team can meet: no race, no wait without end, one thread's results."""

import os
import subprocess
import sys

import pytest
from children import SUPPORT

PROGRAM = SUPPORT / "protocol.py"


def lines(what, *names):
    """Return what the program of ``protocol`` prints."""
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run(
        [sys.executable, PROGRAM, what, *names], capture_output=True, text=True, env=environment, timeout=1800
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def check_all(found, calls):
    assert len(found) == calls
    assert all(int(line.split()[-2]) > 1000 for line in found)


@pytest.mark.parametrize("name", ["epochs", "blocks", "sparse blocks"])
def test_all_ways_of_two_threads_to_meet(name):
    check_all(lines("calls", name), 1)


@pytest.mark.long
def test_all_ways_of_two_threads_to_meet_in_several_batches():
    check_all(lines("calls", "batches"), 1)


@pytest.mark.long
def test_all_ways_in_longer_calls():
    check_all(lines("longer-calls"), 8)


@pytest.mark.long
def test_planted_faults_are_found():
    found = lines("faults")
    assert len(found) == 12
    assert not [line for line in found if line.endswith("None")]
