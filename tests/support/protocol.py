# ruff: noqa: T201
"""The protocol of a team of threads, tried in every order in which two threads can meet, and in many of more.

The functions of ``kernels.train``, ``kernels.train_sparse`` and ``jit.thread_team`` run as plain Python
(NUMBA_DISABLE_JIT=1), one thread at a time; before each atomic operation of one the scheduler may let another go on.
All choices are tried, but for those that lead to what was met before. Shared memory knows who has read and written each
number: two threads that use one, one of them to write, without an atomic operation that orders them, are a race. What a
call leaves must be what one thread leaves.

    NUMBA_DISABLE_JIT=1 python tests/support/protocol.py calls [NAME...]  # two threads, all of CALLS
    NUMBA_DISABLE_JIT=1 python tests/support/protocol.py longer-calls     # and LONGER_CALLS: minutes
    NUMBA_DISABLE_JIT=1 python tests/support/protocol.py faults           # with planted faults, which have to be found

prints how many states were met, or the first error.

References: C. Flanagan and S. N. Freund, "FastTrack: efficient and precise dynamic race detection" (2009), for the
clocks; P. Godefroid, "Model checking for programming languages using VeriSoft" (1997), for trying all schedules by
running anew.
"""

import inspect
import sys
import threading
from contextlib import contextmanager
from random import Random
from types import ModuleType, SimpleNamespace
from typing import NamedTuple

from shallownet.jit import thread_team
from shallownet.kernels import train, train_sparse
from shallownet.kernels.structs import SUMS_STRIDE, TEAM, Batch, Block, Buffers

SHARDS = 2
WEIGHTS = [1, 2, 3, 4, 0, 0]  # of six samples, of which the two that come first in the first epoch weigh nothing


class Call(NamedTuple):
    """A call that trains on positions 0..end of the order, in batches and blocks of so many examples."""

    batch: int
    block: int
    end: int
    module: ModuleType = train


CALLS = {
    "epochs": Call(6, 6, 12),
    "batches": Call(2, 2, 6),
    "blocks": Call(6, 3, 6),
    "sparse blocks": Call(6, 3, 6, train_sparse),
}
LONGER_CALLS = {
    "batches of two epochs": Call(2, 2, 8),
    "blocks of two epochs": Call(6, 3, 12),
    "sparse epochs": Call(6, 6, 12, train_sparse),
    "sparse batches": Call(2, 2, 6, train_sparse),
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


# What decides how a function goes on at its next atomic operation. No task has one in between, so what these name for
# the time of a task, or leave behind after it, is not part of it.
DECISIVE = {
    "train_block": {"phase", "block", "last"},
    "train_sparse_block": {"phase", "block", "last"},
    "tasks_of": {"phase", "first", "own", "i"},
}


def place_in_program(without):
    """Return where the calling thread is: in which calls, at which instruction of each, with which numbers.

    ``without`` are names of numbers of the team that decide nothing.
    """
    frame, found = sys._getframe(2), []
    while frame.f_code.co_name != "thread":
        function, numbers = frame.f_code.co_name, frame.f_locals.items()
        if function in DECISIVE:
            numbers = [pair for pair in numbers if pair[0] in DECISIVE[function]]
        elif frame.f_code.co_filename == thread_team.__file__:
            numbers = [pair for pair in numbers if pair[0] not in without]
        known = [pair for pair in numbers if isinstance(pair[1], int | float | Batch | Block | train.Phase)]
        found.append((function, frame.f_lasti, *known))
        frame = frame.f_back
    return tuple(found)


class OwnCount(Shared):
    """The state of a team; without an atomic operation a thread reads only its own count."""

    def __getitem__(self, index):
        assert index == (1 + self.run.now) * thread_team.LINE
        return self.numbers[index]


def memory_of(run):
    """Return the memory of a call."""
    sums = [0] * (2 * SHARDS * SUMS_STRIDE)
    state = [0] * ((1 + run.threads + max(run.threads, SHARDS)) * thread_team.LINE)
    state[0] = thread_team.NEVER

    def shared(name, count):
        return Shared(run, name, [0] * count)

    return SimpleNamespace(
        run=run,
        team=OwnCount(run, "team", state),
        order=Shared(run, "order", list(range(len(WEIGHTS)))),
        notes=shared("notes", train.EPOCHS + 2 * epochs_of(run.call)),
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
    spec, call = [None] * (1 + TEAM), memory.run.call
    spec[TEAM] = memory.team
    train_on = train.train_block if call.module is train else train_sparse.train_sparse_block
    train.work(train_on, thread, threads, 0, call.end, memory.notes, None, None, spec, None, memory)


def epochs_of(call):
    return -(-call.end // len(WEIGHTS))


def unpack_arguments(addresses, sizes, spec, parameters, memory):
    threads, call = memory.run.threads, memory.run.call
    buffers = dict.fromkeys(Buffers._fields, Shared(memory.run, "none", []))
    buffers |= {"theta": memory.theta, "gradient": memory.gradient, "squares": memory.squares}
    buffers |= {"shard_sums": memory.sums, "x": memory.x, "tile_weight": memory.weight, "losses": memory.losses}
    shards = SHARDS if call.module is train else 1
    spec = SimpleNamespace(
        n_samples=len(WEIGHTS), batch_size=call.batch, shards=shards, block=call.block, units=threads,
        workspace_stride=call.block, gradient_stride=1, resident=0, weighted=True, ordered=1,
        order_address=memory.order, generator=1, prefetch=1, updates=0, seen=0,
    )  # fmt: skip
    return Buffers(**buffers), None, spec, SimpleNamespace(alpha=2, memory=memory)


def shuffle(order, n, generator):
    rows = [order[i] for i in range(n)]
    for i in range(n):
        order[i] = rows[n - 1 - i]


def train_on_shard(block, begin, end, order, mine, sizes, spec, parameters):
    for position in range(begin, end):
        order[position]
    theta = sum_of(parameters.memory.theta, 0, spec.units)
    for t in range(block.size):
        row = order[block.position + t]
        mine.x[t], mine.tile_weight[t], mine.losses[t] = row, WEIGHTS[row], WEIGHTS[row] * (row + theta)
    gradient = sum(mine.x[t] * mine.tile_weight[t] for t in range(block.size))
    mine.gradient[0] = gradient + (0 if block.overwrite else mine.gradient[0])


def rule_of_step(step, weight_sum, spec, parameters):
    """Return a learning rate that tells which update it is."""
    return step


def update_weights(part, parts, rate, buffers, sizes, spec, parameters):
    if part == 0:  # all parts hold one number, so that their sum does not depend on the number of threads
        gradient = sum(buffers.gradient[shard] for shard in range(spec.shards))
        old = buffers.theta[0]
        buffers.squares[0] = old * old
        buffers.theta[0] = old + rate * gradient
    else:
        buffers.theta[part] = 0
        buffers.squares[part] = 0


def propagate_tiles(part, parts, block, order, buffers, sizes, spec, parameters):
    """Do what ``train_on_shard`` does but for the gradient, for this part of the examples."""
    theta = sum_of(buffers.theta, 0, spec.units)
    for t in range(part * block.size // parts, (part + 1) * block.size // parts):
        row = order[block.position + t]
        buffers.x[t], buffers.tile_weight[t], buffers.losses[t] = row, WEIGHTS[row], WEIGHTS[row] * (row + theta)


def update_features(part, parts, block, updates, rate, order, buffers, sizes, spec, parameters):
    """Do the gradient and ``update_weights``; the first part stands for all features."""
    for t in range(block.size):
        order[block.position + t]
    gradient = sum(buffers.x[t] * buffers.tile_weight[t] for t in range(block.size))
    if part == 0:
        buffers.gradient[0] = gradient + (0 if block.overwrite else buffers.gradient[0])
    if updates:
        update_weights(part, parts, rate, buffers, sizes, spec, parameters)


def sum_of(p, first, count):
    return sum(p[i] for i in range(first, first + count))


STANDINS = {
    "unpack_arguments": unpack_arguments,
    "pointer": lambda notes: notes,
    "pointer_at": lambda address, like: address,
    "offset": lambda p, numbers: p.offset(numbers),
    "shuffle": shuffle,
    "train_on_shard": train_on_shard,
    "rule_of_step": rule_of_step,
    "update_weights": update_weights,
    "sum_of": sum_of,
    "propagate_tiles": propagate_tiles,
    "update_features": update_features,
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


# Wrong programs, by the function that is changed: a text of it, and what stands there instead.
FAULTS = {
    "a batch's weights are read without a claim": (
        train.train_block,
        "        phase = begin_phase(phase, worker.threads)\n",
        "        weight_of_batch(block.batch, buffers, spec)\n        phase = begin_phase(phase, worker.threads)\n",
    ),
    "the order is read without a claim": (
        train.train_block,
        "        phase = begin_phase(phase, worker.threads)\n",
        "        order[block.position]\n        phase = begin_phase(phase, worker.threads)\n",
    ),
    "the number of phases depends on data": (
        train.train_block,
        "    if block.complete:\n",
        "    if block.complete and buffers.shard_sums.numbers[sums_position(block.batch.number, 0, spec) + 1] != 0:\n",
    ),
    "the order is shuffled before all are done with it": (
        train.work,
        "                shuffle(order, spec.n_samples, generator)\n            phase = end_phase(phase, worker)\n",
        "                shuffle(order, spec.n_samples, generator)\n",
    ),
    "weights are updated before all gradients are known": (
        train.train_block,
        "    phase = end_phase(phase, worker)\n\n",
        "\n",
    ),
    "a batch begins before all weights are updated": (
        train.train_block,
        "        phase = end_phase(phase, worker)\n    return",
        "    return",
    ),
    "a task is said to be done before it is": (
        train.tasks_of,
        "            yield task\n            thread_team.done(worker.team, worker.thread, worker.threads)\n",
        "            thread_team.done(worker.team, worker.thread, worker.threads)\n            yield task\n",
    ),
    "each thread notes the loss": (
        train.work,
        "    for _ in tasks_of(phase, worker):\n        note",
        "    for _ in range(1):\n        note",
    ),
    "each thread adds up the losses": (
        train_sparse.train_sparse_block,
        "    for shard in tasks_of(phase, worker):\n",
        "    for shard in range(1):\n",
    ),
    "losses are added up before all are known": (
        train_sparse.train_sparse_block,
        "    phase = end_phase(phase, worker)\n\n    phase = begin_phase(phase, ONE)\n",
        "\n    phase = begin_phase(phase, ONE)\n",
    ),
    "a sum is used before it is known": (
        train_sparse.train_sparse_block,
        "        add_to_sums(shard, block, buffers, spec)\n    phase = end_phase(phase, worker)\n",
        "        add_to_sums(shard, block, buffers, spec)\n",
    ),
    "the next block begins before all are done with this": (
        train_sparse.train_sparse_block,
        "    return end_phase(phase, worker)\n",
        "    return phase\n",
    ),
}


@contextmanager
def planted(function, old, new):
    """Run a function with one text for another."""
    module, source = sys.modules[function.__module__], inspect.getsource(function)
    assert source.count(old) == 1, old
    exec(source.replace(old, new).replace("@routine\n", ""), vars(module))
    try:
        yield module
    finally:
        setattr(module, function.__name__, function)


def first_error(module):
    """Return what is found with two threads in the calls of a module, None if there is no error."""
    for call in [call for call in {**CALLS, **LONGER_CALLS}.values() if call.module is module]:
        try:
            explore(call, 2)
        except (Race, AssertionError) as error:
            return error
    return None


def main(what, *names):
    for name, standin in STANDINS.items():
        modules = [module for module in (train, train_sparse) if hasattr(module, name)]
        assert modules, name
        for module in modules:
            setattr(module, name, standin)
    thread_team.SHORT_SPINS = 0  # not to wait for others first is the same as to have waited in vain
    if what == "faults":
        for fault, texts in FAULTS.items():
            with planted(*texts) as module:
                print(f"{fault}: {first_error(module)!r}", flush=True)
        return
    calls = CALLS if what == "calls" else CALLS | LONGER_CALLS
    for name, call in {name: calls[name] for name in names or calls}.items():
        print(f"{name}: {explore(call, 2)} states", flush=True)
        for threads in (3, 4, 8):
            sample(call, threads, 20 if what == "calls" else 1000)


if __name__ == "__main__":
    main(*sys.argv[1:])
