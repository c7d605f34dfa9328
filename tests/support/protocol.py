# ruff: noqa: T201
"""The protocol of a team of threads, tried in every order in which two threads can meet, and in many of more.

The functions of ``kernels.train``, ``kernels.train_sparse`` and ``jit.thread_team`` run as plain Python
(NUMBA_DISABLE_JIT=1), one thread at a time; before each atomic operation of one the scheduler may let another go on.
All choices are tried, but for those that lead to what was met before. Shared memory knows who has read and written each
number: two threads that use one, one of them to write, without an atomic operation that orders them, are a race. What a
call leaves must be what one thread leaves.

    NUMBA_DISABLE_JIT=1 python tests/support/protocol.py calls          # two threads, all of CALLS
    NUMBA_DISABLE_JIT=1 python tests/support/protocol.py longer-calls   # and LONGER_CALLS: minutes
    NUMBA_DISABLE_JIT=1 python tests/support/protocol.py faults         # with each planted fault, which has to be found

prints how many states were met, or the first error.

References: C. Flanagan and S. N. Freund, "FastTrack: efficient and precise dynamic race detection" (2009), for the
clocks; P. Godefroid, "Model checking for programming languages using VeriSoft" (1997), for trying all schedules by
running anew.
"""

import inspect
import sys
import threading
from random import Random
from types import ModuleType, SimpleNamespace
from typing import NamedTuple

from shallownet.jit import thread_team
from shallownet.kernels import train as epoch
from shallownet.kernels import train_sparse as sparse_epoch
from shallownet.kernels.structs import GENERATOR, ORDER, PREFETCH, SUMS_GAP, TEAM

SHARDS = 2
WEIGHTS = [1, 2, 3, 4, 0, 0]  # of six samples, of which the two that come first in the first epoch weigh nothing
LAST = 2  # numbers of a call's last row of notes


class Call(NamedTuple):
    """A call that trains on places 0..end of the order, in batches and blocks of so many examples."""

    batch: int
    block: int
    end: int
    room: ModuleType = epoch


CALLS = {
    "epochs": Call(6, 6, 12),
    "batches": Call(2, 2, 6),
    "blocks": Call(6, 3, 6),
    "sparse blocks": Call(6, 3, 6, sparse_epoch),
}
LONGER_CALLS = {
    "batches of two epochs": Call(2, 2, 8),
    "blocks of two epochs": Call(6, 3, 12),
    "sparse epochs": Call(6, 6, 12, sparse_epoch),
    "sparse batches": Call(2, 2, 6, sparse_epoch),
}


class Race(Exception):
    """Two threads use one number, and nothing orders them."""


class Abandoned(BaseException):
    """Ends the threads of a run that has met a known state, or an error."""


# --- memory ---------------------------------------------------------------------------------------------


class Clocks:
    """What each thread knows of the others: how many operations of theirs come before its next one."""

    def __init__(self, threads):
        self.of = [[0] * threads for _ in range(threads)]
        for thread, clock in enumerate(self.of):
            clock[thread] = 1
        self.left = {}  # by place of an atomic number, what those who wrote it knew

    def release(self, thread, place):
        known = self.left.setdefault(place, [0] * len(self.of))
        self.left[place] = [max(pair) for pair in zip(known, self.of[thread], strict=True)]
        self.of[thread][thread] += 1

    def acquire(self, thread, place):
        if place in self.left:
            self.of[thread] = [max(pair) for pair in zip(self.of[thread], self.left[place], strict=True)]


class Shared:
    """Memory that all threads see, from a place on; it tells the run of each access."""

    def __init__(self, run, name, numbers, place=0):
        self.run, self.name, self.numbers, self.place = run, name, numbers, place

    def __getitem__(self, index):
        self.run.accessed(self.name, self.place + index, writes=False)
        return self.numbers[self.place + index]

    def __setitem__(self, index, value):
        self.run.accessed(self.name, self.place + index, writes=True)
        self.numbers[self.place + index] = value

    def offset(self, places):
        return Shared(self.run, self.name, self.numbers, self.place + places)


# --- runs -----------------------------------------------------------------------------------------------


class Run:
    """One run of a call by so many threads, whose switches follow ``choices`` and then are made as seldom as can be.

    It is given up where it meets a state that was ``seen``. With ``random`` it switches at random, to its end.
    """

    def __init__(self, call, threads, choices=(), seen=None, random=None):
        self.call, self.threads, self.choices, self.seen = call, threads, list(choices), seen
        self.places = ["not begun"] * threads  # where each thread is in the program
        self.clocks = Clocks(threads)
        self.readers, self.writers = {}, {}
        self.alternatives = []  # the choices at which the run could have gone elsewhere
        self.ready, self.waiting = set(range(threads)), {}
        self.looked = {}  # the version of the team's state that each thread has looked at first, since it last waited
        self.turns = [threading.Lock() for _ in range(threads)]  # which each thread waits for, and another releases
        for turn in self.turns:
            turn.acquire()
        self.finished, self.error, self.version = threading.Event(), None, 0
        self.now = 0
        self.random = random
        self.memory = memory_of(self)

    def go(self):
        workers = [threading.Thread(target=self.thread, args=(i,)) for i in range(self.threads)]
        for worker in workers:
            worker.start()
        self.now = self.next_thread()
        self.turns[self.now].release()
        self.finished.wait()
        for turn in self.turns:
            if turn.locked():
                turn.release()
        for worker in workers:
            worker.join()
        if self.error is not None and not isinstance(self.error, Abandoned):
            raise self.error

    def thread(self, number):
        self.turns[number].acquire()
        try:
            if not self.finished.is_set():
                work(number, self.threads, self.memory)
            self.places[number] = "done"
            self.ready.discard(number)
            if self.ready:
                self.now = self.next_thread()
                self.turns[self.now].release()
            else:
                self.finished.set()
        except BaseException as error:  # to be raised in the main thread
            if not self.finished.is_set():
                self.error = error
                self.finished.set()

    def next_thread(self):
        """Return which thread goes on: the one at work if it can, unless the choices say otherwise."""
        able = [i for i in sorted(self.ready) if self.waiting.get(i) != self.version]
        if not able:
            raise AssertionError(f"threads {sorted(self.ready)} wait for ever")
        if self.random is not None:
            return self.random.choice(able)
        able.sort(key=lambda i: i != self.now)
        made = len(self.alternatives)
        if made < len(self.choices):
            self.alternatives.append(())
            return self.choices[made]
        state = self.state()
        if state in self.seen:
            raise Abandoned
        self.seen.add(state)
        self.alternatives.append(tuple(able[1:]))
        self.choices.append(able[0])
        return able[0]

    def switch(self):
        """Let another thread go on, perhaps."""
        if self.finished.is_set():
            raise Abandoned
        mine = self.now
        self.places[mine] = place_in_program({"spins", "count"} if self.threads == 2 else {"spins"})
        chosen = self.next_thread()
        if chosen != mine:
            self.now = chosen
            self.turns[chosen].release()
            self.turns[mine].acquire()
            if self.finished.is_set():
                raise Abandoned

    def state(self):
        """Return all that what comes can depend on.

        Of the tasks that each thread has done only their sum matters to two threads, as one's own count is never old.
        """
        counts = slice(thread_team.LINE, (1 + self.threads) * thread_team.LINE)
        numbers = {name: list(shared.numbers) for name, shared in vars(self.memory).items() if name != "run"}
        if self.threads == 2:
            numbers["team"][counts] = [sum(numbers["team"][counts])]
        waits = [self.waiting.get(i) == self.version for i in range(self.threads)]
        memory = tuple(tuple(values) for values in numbers.values())
        return hash((tuple(self.places), tuple(waits), memory, self.unordered()))

    def unordered(self):
        """Return the accesses that not all threads know of, and who knows of which."""
        found = []
        for kind in (self.readers, self.writers):
            for place, used in kind.items():
                for i, at in list(used.items()):
                    knows = tuple(clock[i] >= at for clock in self.clocks.of)
                    if all(knows):
                        del used[i]  # whatever comes is ordered after it
                    else:
                        told = tuple(sorted(where for where, known in self.clocks.left.items() if known[i] >= at))
                        found.append((kind is self.writers, place, i, knows, told))
        return tuple(sorted(found))

    def accessed(self, name, index, writes):
        """Raise Race if another thread has used this number and nothing orders the two."""
        if self.finished.is_set():
            raise Abandoned
        place, mine = (name, index), self.clocks.of[self.now]
        others = dict(self.readers.get(place, {})) if writes else {}
        others |= {i: max(at, others.get(i, 0)) for i, at in self.writers.get(place, {}).items()}
        for i, at in others.items():
            if i != self.now and at > mine[i]:
                raise Race(f"threads {i} and {self.now} use {name}[{index}] at once")
        used = self.writers if writes else self.readers
        used.setdefault(place, {})[self.now] = mine[self.now]

    # the atomic operations

    def fetch(self, p, index):
        own = index % thread_team.LINE == 0 and index // thread_team.LINE == 1 + self.now
        if not own:  # nobody else writes one's own count
            self.switch()
        self.looked.setdefault(self.now, self.version)
        self.clocks.acquire(self.now, index)
        return p.numbers[index]

    def publish(self, p, index, value):
        self.switch()
        self.clocks.release(self.now, index)
        p.numbers[index] = value
        self.version += 1

    def replace(self, p, index, old, new):
        self.switch()
        same = p.numbers[index] == old
        self.clocks.acquire(self.now, index)
        if same:
            self.clocks.release(self.now, index)
            p.numbers[index] = new
            self.version += 1
        return same

    def pause(self):
        """Wait until another thread has changed the state of the team since this one has begun to look at it."""
        self.waiting[self.now] = self.looked.pop(self.now)
        self.switch()


def place_in_program(without):
    """Return where the calling thread is: in which calls, at which instruction of each, with which numbers.

    ``without`` are names of numbers of the team that decide nothing.
    """
    frame, found = sys._getframe(2), []
    while frame.f_code.co_name != "thread":
        known = [
            (name, value) for name, value in frame.f_locals.items() if isinstance(value, int | float | epoch.Batch)
        ]
        leave = without if frame.f_code.co_filename == thread_team.__file__ else ()
        found.append((frame.f_code.co_name, frame.f_lasti, *[pair for pair in known if pair[0] not in leave]))
        frame = frame.f_back
    return tuple(found)


class OwnCount(Shared):
    """The state of a team; without an atomic operation a thread reads only its own count."""

    def __getitem__(self, index):
        assert index == (1 + self.run.now) * thread_team.LINE
        return self.numbers[index]


def memory_of(run):
    """Return the memory of a call."""
    sums = [0] * (2 * SHARDS * SUMS_GAP)
    state = [0] * ((1 + run.threads + max(run.threads, SHARDS)) * thread_team.LINE)
    state[0] = thread_team.NEVER

    def shared(name, count):
        return Shared(run, name, [0] * count)

    return SimpleNamespace(
        run=run,
        team=OwnCount(run, "team", state),
        order=Shared(run, "order", list(range(len(WEIGHTS)))),
        notes=shared("notes", 2 * epochs_of(run.call) + LAST),
        sums=Shared(run, "sums", sums),
        theta=Shared(run, "theta", [1] + [0] * (run.threads - 1)),
        gradient=shared("gradient", SHARDS),
        squares=shared("squares", run.threads),
        x=shared("x", run.threads * run.call.block),
        weight=shared("weight", run.threads * run.call.block),
        losses=shared("losses", run.threads * run.call.block),
    )


# --- what the kernels do with data, in the simplest numbers ----------------------------------------------


def work(thread, threads, memory):
    """Do one thread's part of a call of ``train`` or ``train_sparse``, by the real function."""
    plan = [None] * (1 + max(ORDER, PREFETCH, GENERATOR, TEAM))
    plan[ORDER], plan[GENERATOR], plan[TEAM] = memory.order, None, memory.team
    call, losses = memory.run.call, Rows(memory=memory)
    call.room.work(thread, threads, 0, call.end, call.batch, len(WEIGHTS), 0, losses, None, None, plan, None, memory)


class Rows(SimpleNamespace):
    """The rows of notes, of which kernels ask how many there are."""

    def __len__(self):
        return epochs_of(self.memory.run.call) + 1


def epochs_of(call):
    return -(-call.end // len(WEIGHTS))


def unpacked(addresses, sizes, plan, settings, memory):
    threads = memory.run.threads
    names = "theta moment1 moment2 gradient squares shard_sums targets sample_weight tile_weight unit_mask tail x a1 d1"
    buffers = dict.fromkeys([*names.split(), "z2", "y"], Shared(memory.run, "none", []))
    buffers |= {"theta": memory.theta, "gradient": memory.gradient, "squares": memory.squares}
    buffers |= {"shard_sums": memory.sums, "x": memory.x, "tile_weight": memory.weight, "losses": memory.losses}
    block, shards = memory.run.call.block, SHARDS if memory.run.call.room is epoch else 1
    plan = SimpleNamespace(
        solver=None, shards=shards, block=block, workspace_stride=block, resident=0, gradient_stride=1, units=threads,
        weighted=True, ordered=1, generator=1, prefetch=1, seen=0,
    )  # fmt: skip
    settings = SimpleNamespace(rate=1, alpha=2, memory=memory)
    return epoch.Buffers(**buffers), None, plan, settings


def shuffle(order, n, generator):
    rows = [order[i] for i in range(n)]
    for i in range(n):
        order[i] = rows[n - 1 - i]


def propagate(position, seen, count, copied, begin, end, order, prefetch, mine, sizes, plan, settings):
    for place in range(begin, end):
        order[place]
    theta = sum_of(settings.memory.theta, 0, plan.units)
    for t in range(count):
        row = order[position + t]
        mine.x[t], mine.tile_weight[t], mine.losses[t] = row, WEIGHTS[row], WEIGHTS[row] * (row + theta)


def add_gradient(count, overwrite, mine, sizes, plan):
    gradient = sum(mine.x[t] * mine.tile_weight[t] for t in range(count))
    mine.gradient[0] = gradient + (0 if overwrite else mine.gradient[0])


def update_weights(part, parts, weight_sum, rate, buffers, sizes, plan, settings):
    if part == 0:  # all parts hold one number, so that their sum does not depend on the number of threads
        gradient = sum(buffers.gradient[share] for share in range(plan.shards))
        old = buffers.theta[0]
        buffers.squares[0] = old * old
        buffers.theta[0] = old + rate * gradient
    else:
        buffers.theta[part] = 0
        buffers.squares[part] = 0


def sparse_propagate(part, parts, position, seen, count, order, buffers, sizes, plan, settings):
    """Do what ``propagate`` does, for this part of the examples."""
    theta = sum_of(buffers.theta, 0, plan.units)
    for t in range(part * count // parts, (part + 1) * count // parts):
        row = order[position + t]
        buffers.x[t], buffers.tile_weight[t], buffers.losses[t] = row, WEIGHTS[row], WEIGHTS[row] * (row + theta)


def sparse_weights(
    part, parts, position, count, overwrite, done, weight_sum, rate, order, buffers, sizes, plan, settings
):
    """Do what ``add_gradient`` and ``update_weights`` do; the first part stands for all features."""
    for t in range(count):
        order[position + t]
    gradient = sum(buffers.x[t] * buffers.tile_weight[t] for t in range(count))
    if part == 0:
        buffers.gradient[0] = gradient + (0 if overwrite else buffers.gradient[0])
    if done:
        update_weights(part, parts, weight_sum, rate, buffers, sizes, plan, settings)


def sum_of(p, first, count):
    return sum(p[i] for i in range(first, first + count))


STANDINS = {
    "unpacked": unpacked,
    "pointer": lambda losses: losses.memory.notes,
    "pointer_at": lambda address, like: address,
    "offset": lambda p, places: p.offset(places),
    "shuffle": shuffle,
    "propagate": propagate,
    "add_gradient": add_gradient,
    "update_weights": update_weights,
    "sum_of": sum_of,
    "sparse_propagate": sparse_propagate,
    "sparse_weights": sparse_weights,
}


# --- all runs -------------------------------------------------------------------------------------------


def alone(call):
    """Return what one thread leaves."""
    run = Run(call, 1)
    replace_operations(run)
    work(0, 1, run.memory)
    return outcome(run.memory)


def outcome(memory):
    return memory.notes.numbers, memory.order.numbers, memory.theta.numbers[0]


def replace_operations(run):
    for name in ("fetch", "publish", "replace", "pause"):
        setattr(thread_team, name, getattr(run, name))


def explore(call, threads):
    """Try all runs of so many threads; return how many states were met."""
    expected, seen, waiting = alone(call), set(), [[]]
    while waiting:
        choices = waiting.pop()
        run = Run(call, threads, choices, seen)
        replace_operations(run)
        run.go()
        if run.error is None:
            assert outcome(run.memory) == expected, f"{outcome(run.memory)} and not {expected}"
        for made in range(len(choices), len(run.alternatives)):
            waiting += [[*run.choices[:made], other] for other in run.alternatives[made]]
    return len(seen)


def sample(call, threads, runs):
    """Make so many runs at random."""
    expected, random = alone(call), Random(0)
    for _ in range(runs):
        run = Run(call, threads, random=random)
        replace_operations(run)
        run.go()
        assert outcome(run.memory) == expected, f"{outcome(run.memory)} and not {expected}"


FAULTS = {
    "a batch's weights are read without a claim": (
        "        phase, tasks = phase + 1, tasks + threads\n",
        "        weight_of_batch(number, size, buffers, plan)\n        phase, tasks = phase + 1, tasks + threads\n",
    ),
    "the order is read without a claim": (
        "        phase, tasks = phase + 1, tasks + threads\n",
        "        order[start]\n        phase, tasks = phase + 1, tasks + threads\n",
    ),
    "the number of phases depends on data": (
        "        phase, tasks = phase + 1, tasks + threads\n",
        "        if buffers.shard_sums.numbers[place_of_sums(number, 0, plan) + 1] == 0:\n            continue\n"
        "        phase, tasks = phase + 1, tasks + threads\n",
    ),
    "the order is shuffled before all are done with it": (
        "            waits += thread_team.wait(team, threads, tasks)\n\n        phase, tasks = phase + 1, tasks + plan",
        "\n        phase, tasks = phase + 1, tasks + plan",
    ),
    "weights are updated before all gradients are known": (
        "        waits += thread_team.wait(team, threads, tasks)\n        last, begin",
        "        last, begin",
    ),
    "a task is said to be done before it is": (
        "                shuffle(order, n, generator)\n                thread_team.done(team, thread, threads)\n",
        "                thread_team.done(team, thread, threads)\n                shuffle(order, n, generator)\n",
    ),
    "each thread notes the loss": ("    if thread_team.claim(team, threads, ZERO, phase + 1):\n", "    if True:\n"),
}
SPARSE_FAULTS = {
    "each thread adds up the losses": (
        "        if thread_team.claim(team, threads, ZERO, phase):\n            n",
        "        if 1:\n            n",
    ),
    "losses are added up before all are known": (
        "        waits += thread_team.wait(team, threads, tasks)\n\n        phase, tasks = phase + 1, tasks + 1\n",
        "\n        phase, tasks = phase + 1, tasks + 1\n",
    ),
    "a sum is used before it is known": (
        "        waits += thread_team.wait(team, threads, tasks)\n\n        phase, tasks = phase + 1, tasks + threads\n"
        "        feat",
        "\n        phase, tasks = phase + 1, tasks + threads\n        feat",
    ),
    "the next block begins before all are done with this": (
        "        waits += thread_team.wait(team, threads, tasks)\n        last, begin",
        "        last, begin",
    ),
}
WORK = {room: inspect.getsource(room.work) for room in (epoch, sparse_epoch)}


def plant(room, old, new):
    """Run ``work`` of a module with one text for another from here on."""
    assert WORK[room].count(old) == 1, old
    exec(WORK[room].replace(old, new).replace("@routine\n", ""), vars(room))


def first_error(room):
    """Return what is found with two threads in the calls of a module, None if there is no error."""
    for call in [call for call in {**CALLS, **LONGER_CALLS}.values() if call.room is room]:
        try:
            explore(call, 2)
        except (Race, AssertionError) as error:
            return error
    return None


def main(what):
    for name, standin in STANDINS.items():
        rooms = [room for room in (epoch, sparse_epoch) if hasattr(room, name)]
        assert rooms, name
        for room in rooms:
            setattr(room, name, standin)
    thread_team.SHORT_SPINS = 0  # not to wait for others first is the same as to have waited in vain
    if what == "faults":
        for room, faults in ((epoch, FAULTS), (sparse_epoch, SPARSE_FAULTS)):
            for fault, texts in faults.items():
                plant(room, *texts)
                print(f"{fault}: {first_error(room)!r}", flush=True)
        return
    calls = CALLS if what == "calls" else CALLS | LONGER_CALLS
    for name, call in calls.items():
        print(f"{name}: {explore(call, 2)} states", flush=True)
        for threads in (3, 4, 8):
            sample(call, threads, 20 if what == "calls" else 1000)


if __name__ == "__main__":
    main(*sys.argv[1:])
