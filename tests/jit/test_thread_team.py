"""Teams of threads: each task is done once, each phase ends before the next, and nobody is waited for in vain."""

import threading

import numpy as np
import pytest
from harness import new_team, team_member

PHASES, TASKS = 300, 5


def run(members, threads, last=0):
    """Let the ``members`` of a team of so many threads work; return the notes of ``team_member`` and its results."""
    state, done_by = new_team(threads, TASKS), np.zeros((PHASES, TASKS), np.int64)
    order, next_place = np.full(PHASES * TASKS, -1), np.zeros(1, np.int64)
    team_member(new_team(1, TASKS), 0, 1, 0, TASKS, last, done_by, order, next_place)  # compiled before threads start
    results = []

    def member(i):
        results.append(team_member(state, i, threads, PHASES, TASKS, last, done_by, order, next_place))

    workers = [threading.Thread(target=member, args=(i,)) for i in members]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert not worker.is_alive()
    return done_by, order, results


@pytest.mark.parametrize(
    ("members", "threads"),
    [([0], 1), ([0, 1], 2), ([0, 1, 2, 3], 4), ([0], 4), ([3], 4), ([1, 2], 4)],
    ids=["one", "two", "four", "first alone", "last alone", "half"],
)
def test_each_task_is_done_once_and_in_its_phase(members, threads):
    done_by, order, _ = run(members, threads)
    assert (done_by == 1).all()
    np.testing.assert_array_equal(order, np.repeat(np.arange(PHASES), TASKS))


def test_members_one_after_another():
    state, done_by = new_team(3, TASKS), np.zeros((PHASES, TASKS), np.int64)
    order, next_place = np.full(PHASES * TASKS, -1), np.zeros(1, np.int64)
    for thread in range(3):  # as on a pool of one thread
        team_member(state, thread, 3, PHASES, TASKS, 0, done_by, order, next_place)
    assert (done_by == 1).all()


@pytest.mark.parametrize("members", [[0], [0, 1], [0, 1, 2, 3]], ids=["alone", "two", "four"])
def test_all_members_end_a_call_after_the_same_phase(members):
    done_by, _, results = run(members, 4, last=17)
    assert results == [17] * len(members)
    assert (done_by[:17] == 1).all()
    assert not done_by[17:].any()
