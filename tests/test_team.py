"""Teams of threads: each task is done once, each phase ends before the next, and nobody is waited for in vain."""

import threading

import numpy as np
import pytest
from harness import new_team, team_member

PHASES, TASKS = 300, 5


def run(members, threads):
    """Let the ``members`` of a team of so many threads work; return the notes of ``team_member``."""
    state, done_by = new_team(TASKS), np.zeros((PHASES, TASKS), np.int64)
    order, next_place = np.full(PHASES * TASKS, -1), np.zeros(1, np.int64)
    team_member(new_team(TASKS), 0, 1, 0, TASKS, done_by, order, next_place)  # compiled before the threads start
    workers = [
        threading.Thread(target=team_member, args=(state, i, threads, PHASES, TASKS, done_by, order, next_place))
        for i in members
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert not worker.is_alive()
    return done_by, order


@pytest.mark.parametrize(
    ("members", "threads"),
    [([0], 1), ([0, 1], 2), ([0, 1, 2, 3], 4), ([0], 4), ([3], 4), ([1, 2], 4)],
    ids=["one", "two", "four", "first alone", "last alone", "half"],
)
def test_each_task_is_done_once_and_in_its_phase(members, threads):
    done_by, order = run(members, threads)
    assert (done_by == 1).all()
    np.testing.assert_array_equal(order, np.repeat(np.arange(PHASES), TASKS))


def test_members_one_after_another():
    state, done_by = new_team(TASKS), np.zeros((PHASES, TASKS), np.int64)
    order, next_place = np.full(PHASES * TASKS, -1), np.zeros(1, np.int64)
    for thread in range(3):  # as on a pool of one thread
        team_member(state, thread, 3, PHASES, TASKS, done_by, order, next_place)
    assert (done_by == 1).all()
