"""How a fit is cut into calls, on a clock that the test moves."""

import io
import math
import os

import pytest

from shallownet.training import thread_scheduler
from shallownet.training.thread_scheduler import (
    CALL_SECONDS,
    CROWDED_RETRY_SECONDS,
    FIRST_RETRY_SECONDS,
    GUESSED_RATE,
    RETRY_SECONDS,
    SMALLEST_STEP,
    TRIAL_SECONDS,
    WORTH_LOADING,
    ThreadScheduler,
)

OPERATIONS = 10_000  # of an example
USUAL = OPERATIONS / GUESSED_RATE  # the time of an example on the machine that the scheduler expects
STEP = 2 * SMALLEST_STEP // OPERATIONS
SERIAL, PARALLEL = False, True


class Clock:
    """A clock that stands still unless a call takes its time."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(thread_scheduler, "perf_counter", clock)
    return clock


@pytest.fixture(autouse=True)
def loaded(monkeypatch):
    """The parallel copy is worth loading for the kind of training that the tests take."""
    monkeypatch.setattr(ThreadScheduler, "serial_seconds", {"loaded": WORTH_LOADING})
    monkeypatch.setattr(ThreadScheduler, "last_parallel", -math.inf)


class Crowd:
    """Whether the CPUs are all taken, and how often that was asked."""

    def __init__(self):
        self.is_there, self.asked = False, 0

    def __call__(self):
        self.asked += 1
        return self.is_there


@pytest.fixture(autouse=True)
def crowd(monkeypatch):
    crowd = Crowd()
    monkeypatch.setattr(thread_scheduler, "crowded", crowd)
    return crowd


def scheduler_of(*, step=STEP, may=True, kind="loaded"):
    return ThreadScheduler(OPERATIONS, step, may, kind)


def run(scheduler, clock, costs, duration, left=10**9):
    """Make calls for ``duration`` seconds, at ``costs`` seconds an example; return (copy, places, seconds)."""
    end, calls = clock.now + duration, []
    while clock.now < end:
        parallel, places = scheduler.next_call(left)
        seconds = places * costs[parallel]
        clock.now += seconds
        scheduler.record(parallel, places, seconds)
        calls.append((parallel, places, seconds))
    return calls


def share_of_parallel(calls):
    """Return the part of the time that the parallel copy took."""
    return sum(seconds for parallel, _, seconds in calls if parallel) / sum(seconds for *_, seconds in calls)


@pytest.mark.parametrize(
    "options", [{"may": False}, {"step": SMALLEST_STEP // OPERATIONS - 1}], ids=["one thread", "small step"]
)
def test_threads_are_never_used(options, clock):
    calls = run(scheduler_of(**options), clock, {SERIAL: USUAL, PARALLEL: USUAL / 1000}, 3)
    assert share_of_parallel(calls) == 0


def test_threads_are_used_where_they_pay(clock):
    assert share_of_parallel(run(scheduler_of(), clock, {SERIAL: USUAL, PARALLEL: 0.6 * USUAL}, 3)) > 0.9


def test_threads_are_loaded_once_there_has_been_work_enough(clock):
    costs = {SERIAL: USUAL, PARALLEL: 0.6 * USUAL}
    for _ in range(5):  # fits that are short alone
        assert share_of_parallel(run(scheduler_of(kind="new"), clock, costs, WORTH_LOADING / 6)) == 0
    calls = run(scheduler_of(kind="new"), clock, costs, 3)
    first = next(i for i, (parallel, *_) in enumerate(calls) if parallel)
    assert sum(seconds for *_, seconds in calls[:first]) <= WORTH_LOADING / 6 + 2 * CALL_SECONDS
    assert share_of_parallel(calls) > 0.8


def test_faster_copy_is_kept_and_the_other_looked_at(clock):
    calls = run(scheduler_of(), clock, {SERIAL: USUAL, PARALLEL: 3 * USUAL}, 20)
    tried = sum(parallel for parallel, *_ in calls)
    assert 10 < tried <= 2 * (20 / RETRY_SECONDS + 6)  # the first trials come sooner
    assert share_of_parallel(calls) < 0.05


def test_a_copy_is_not_judged_by_the_call_in_which_its_data_come_from_other_caches(clock):
    scheduler, before, calls = scheduler_of(), PARALLEL, []
    for _ in range(300):
        parallel, places = scheduler.next_call(10**9)
        seconds = places * USUAL * (1.3 if parallel else 1.0 if not before else 1.6)
        clock.now += seconds
        scheduler.record(parallel, places, seconds)
        calls.append((parallel, places, seconds))
        before = parallel
    assert share_of_parallel(calls) < 0.1


def test_choice_follows_the_load(clock):
    scheduler = scheduler_of()
    assert share_of_parallel(run(scheduler, clock, {SERIAL: USUAL, PARALLEL: 0.6 * USUAL}, 3)) > 0.9
    run(scheduler, clock, {SERIAL: USUAL, PARALLEL: 20 * USUAL}, 2 * RETRY_SECONDS)
    assert share_of_parallel(run(scheduler, clock, {SERIAL: USUAL, PARALLEL: 20 * USUAL}, 5)) < 0.5
    run(scheduler, clock, {SERIAL: USUAL, PARALLEL: 0.6 * USUAL}, 4 * RETRY_SECONDS)
    assert share_of_parallel(run(scheduler, clock, {SERIAL: USUAL, PARALLEL: 0.6 * USUAL}, 3)) > 0.9


def test_one_disturbed_call_does_not_change_the_choice_but_two_do(clock):
    scheduler = scheduler_of()
    run(scheduler, clock, {SERIAL: USUAL, PARALLEL: 0.6 * USUAL}, 1)
    chosen = []
    for _ in range(2):
        scheduler.record(PARALLEL, 1, 20 * USUAL)
        chosen.append(scheduler.next_call(10**9)[0])
    assert chosen == [PARALLEL, SERIAL]


def test_calls_are_short_once_measured(clock):
    costs = {SERIAL: 2 * USUAL, PARALLEL: 6 * USUAL}
    calls = run(scheduler_of(), clock, costs, 10)[4:]
    assert max(seconds for *_, seconds in calls) <= CALL_SECONDS
    assert max(seconds for parallel, _, seconds in calls if parallel) <= TRIAL_SECONDS


@pytest.mark.parametrize("may", [False, True], ids=["one thread", "threads"])
def test_no_call_is_long_though_the_machine_is_slow(may, clock):
    calls = run(scheduler_of(may=may), clock, {SERIAL: 20 * USUAL, PARALLEL: 40 * USUAL}, 10)
    assert max(seconds for *_, seconds in calls) < 0.3


@pytest.mark.parametrize("left", [1, 7, 10**9])
def test_a_call_does_something_and_not_too_much(left, clock):
    for costs in ({SERIAL: 10.0, PARALLEL: 20.0}, {SERIAL: 1e-9, PARALLEL: 1e-9}):
        calls = run(scheduler_of(), clock, costs, 30 * max(costs.values()), left)
        assert all(1 <= places <= left for _, places, _ in calls)


def test_a_first_comparison_that_was_wrong_is_soon_made_again(clock):
    scheduler = scheduler_of()
    asleep = run(scheduler, clock, {SERIAL: USUAL, PARALLEL: 20 * USUAL}, 0.01)
    assert any(parallel for parallel, *_ in asleep)
    assert share_of_parallel(run(scheduler, clock, {SERIAL: USUAL, PARALLEL: 0.6 * USUAL}, 0.3)) > 0.5


def test_the_first_trial_is_short_though_threads_bring_nothing(clock):
    calls = run(scheduler_of(), clock, {SERIAL: USUAL, PARALLEL: USUAL}, 1)
    assert next(seconds for parallel, _, seconds in calls if parallel) <= 1.01 * TRIAL_SECONDS


def test_threads_are_seldom_tried_while_no_cpu_is_free(clock, crowd):
    scheduler, costs = scheduler_of(), {SERIAL: USUAL, PARALLEL: 20 * USUAL}
    run(scheduler, clock, costs, 1)
    crowd.is_there = True
    calls = run(scheduler, clock, costs, 20)
    looks = 2 * 20 / CROWDED_RETRY_SECONDS  # of two calls each
    assert 0.5 * looks <= sum(parallel for parallel, *_ in calls) <= looks + 2
    assert crowd.asked < 21 / FIRST_RETRY_SECONDS


def test_threads_wait_for_a_free_cpu_and_begin_soon_after(clock, crowd):
    scheduler, costs = scheduler_of(), {SERIAL: USUAL, PARALLEL: 0.6 * USUAL}
    crowd.is_there = True
    assert share_of_parallel(run(scheduler, clock, costs, 0.9 * CROWDED_RETRY_SECONDS)) == 0
    crowd.is_there = False
    assert share_of_parallel(run(scheduler, clock, costs, 0.5)) > 0.7


@pytest.mark.parametrize("after, tried", [(0.5 * FIRST_RETRY_SECONDS, True), (1.5 * FIRST_RETRY_SECONDS, False)])
def test_the_threads_of_the_last_fit_are_no_crowd(after, tried, clock, crowd):
    costs = {SERIAL: USUAL, PARALLEL: 0.6 * USUAL}
    run(scheduler_of(), clock, costs, 1)
    clock.now += after
    crowd.is_there = True
    assert any(parallel for parallel, *_ in run(scheduler_of(), clock, costs, 0.01)) == tried


def test_threads_that_are_fast_stay_though_no_cpu_is_free(clock, crowd):
    scheduler, costs = scheduler_of(), {SERIAL: USUAL, PARALLEL: 0.6 * USUAL}
    run(scheduler, clock, costs, 1)
    crowd.is_there = True
    assert share_of_parallel(run(scheduler, clock, costs, 3)) > 0.9


@pytest.mark.parametrize(
    "load, cpus, expected",
    [
        ("0.70 0.60 0.50 2/300 4711", 2, True),
        ("0.70 0.60 0.50 9/300 4711", 2, True),
        ("9.70 0.60 0.50 1/300 4711", 2, False),
        ("9.70 0.60 0.50 2/300 4711", 1, True),
        ("as on no system", 2, False),
        ("", 2, False),
    ],
)
def test_crowded(load, cpus, expected, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(thread_scheduler, "open", lambda *_, **__: io.StringIO(load), raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(cpus)), raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)  # of which others have the rest
    assert thread_scheduler.crowded() == expected


def test_no_crowd_where_the_system_does_not_tell(monkeypatch):
    def refused(*_, **__):
        raise FileNotFoundError

    monkeypatch.undo()
    monkeypatch.setattr(thread_scheduler, "open", refused, raising=False)
    assert not thread_scheduler.crowded()


def test_threads_in_every_call(clock, monkeypatch):
    monkeypatch.setenv("SHALLOWNET_PARALLEL", "always")
    calls = run(scheduler_of(step=1), clock, {PARALLEL: 10 * USUAL}, 3)
    assert {parallel for parallel, *_ in calls} == {True}
    assert max(seconds for *_, seconds in calls[1:]) <= 1.01 * CALL_SECONDS


def test_threads_in_no_call(clock, monkeypatch):
    monkeypatch.setenv("SHALLOWNET_PARALLEL", "never")
    calls = run(scheduler_of(), clock, {SERIAL: USUAL}, 3)
    assert {parallel for parallel, *_ in calls} == {False}


def test_a_policy_that_there_is_not(monkeypatch):
    monkeypatch.setenv("SHALLOWNET_PARALLEL", "1")
    with pytest.raises(ValueError, match="SHALLOWNET_PARALLEL must be one of 'always', 'never' and 'auto', got '1'"):
        scheduler_of()
