"""The loop over epochs and steps for sparse X, block by block of a batch's examples.

All threads share one workspace. A block has three phases:

1. for each part of its tiles: forward and backward propagation of their examples;
2. one task: the sums of the block's losses and weights, and what is known only now of the last batch;
3. for each range of features: their gradient and, if the batch is done with this block, the solver's update.

What ``epoch`` says of sums, places and what a thread may read holds here too.
"""

from numba import prange

from ..jit import thread_team as team
from ..jit.compiling import ZERO, kernel, serial_and_parallel
from ..simd.vectors import pointer, pointer_at
from .shuffle import shuffle
from .sparse import sparse_propagate, sparse_weights
from .structs import GENERATOR, ORDER, TEAM
from .train import Batch, add_to_sums, note_batch, place_of_sums, rate_of_step, unpacked, weight_of_batch


@kernel
def tiles_phase(thread, threads, phase, tasks, place, seen, count, crew, order, buffers, sizes, plan, settings):
    """Do the parts of the tiles of ``count`` examples, one for each thread, that no other thread has claimed."""
    for i in range(threads):
        if i == 1 and team.soon_done(crew, threads, tasks):
            break
        part = (thread + i) % threads
        if team.claim(crew, threads, part, phase):
            sparse_propagate(part, threads, place, seen, count, order, buffers, sizes, plan, settings)
            team.done(crew, thread, threads)


@kernel
def features_phase(
    thread, threads, phase, tasks, waits, number, place, size, count, fresh, over, step, notes, reached,
    crew, order, buffers, sizes, plan, settings,
):  # fmt: skip
    """Do the ranges of features, one for each thread, that no other thread has claimed, one's own first.

    ``over`` says that the batch is done with this block; ``step`` is the number of its update if no batch of the run
    was left out.
    """
    for i in range(threads):
        if i == 1 and team.soon_done(crew, threads, tasks):
            break
        part = (thread + i) % threads
        if team.claim(crew, threads, part, phase):
            weight_sum = weight_of_batch(number, size, buffers, plan)
            left_out = int(notes[reached + 1]) if plan.weighted else 0
            rate = rate_of_step(step - left_out, plan, settings)
            update = over and weight_sum != 0.0  # a batch without weight is as if it were not there
            sparse_weights(
                part, threads, place, count, fresh, update, weight_sum, rate, order, buffers, sizes, plan, settings
            )
            if waits > team.MOST_WAITS:
                team.end_after(crew, phase)
            team.done(crew, thread, threads)


@kernel
def work(thread, threads, begin, end, batch, n, step, losses, addresses, sizes, plan, settings, like):
    """Do one thread's part of ``train_sparse``."""
    order, generator = pointer_at(plan[ORDER], sizes), pointer_at(plan[GENERATOR], sizes)
    crew = pointer_at(plan[TEAM], sizes)
    notes, reached = pointer(losses), 2 * (len(losses) - 1)
    buffers, sizes, plan, settings = unpacked(addresses, sizes, plan, settings, like)
    steps = -(-n // batch)
    phase, tasks, waits = ZERO, ZERO, ZERO  # so far
    last = Batch(ZERO, ZERO, ZERO)  # the one whose loss is still to be noted
    while begin < end and not team.ended(crew, threads, phase):
        epoch, place = begin // n, begin % n
        start = place // batch * batch
        size = min(batch, n - start)
        count = min(plan.block, start + size - place)
        number = epoch * steps + start // batch
        fresh, over = place == start, place + count == start + size
        if place == 0 and plan.generator != 0:
            phase, tasks = phase + 1, tasks + 1
            if team.claim(crew, threads, ZERO, phase):
                shuffle(order, n, generator)
                team.done(crew, thread, threads)
            waits += team.wait(crew, threads, tasks)

        phase, tasks = phase + 1, tasks + threads
        tiles_phase(
            thread, threads, phase, tasks, place, plan.seen + epoch * n, count,
            crew, order, buffers, sizes, plan, settings,
        )  # fmt: skip
        waits += team.wait(crew, threads, tasks)

        phase, tasks = phase + 1, tasks + 1
        if team.claim(crew, threads, ZERO, phase):
            note_batch(last, notes, reached, buffers, plan, settings)
            add_to_sums(place_of_sums(number, ZERO, plan), count, fresh, buffers, plan)
            team.done(crew, thread, threads)
        waits += team.wait(crew, threads, tasks)

        phase, tasks = phase + 1, tasks + threads
        features_phase(
            thread, threads, phase, tasks, waits, number, place, size, count, fresh, over, step + number + 1,
            notes, reached, crew, order, buffers, sizes, plan, settings,
        )  # fmt: skip
        waits += team.wait(crew, threads, tasks)
        last, begin = Batch(number, epoch, size if over else ZERO), begin + count
    if team.claim(crew, threads, ZERO, phase + 1):
        note_batch(last, notes, reached, buffers, plan, settings)
        notes[reached] = begin


@serial_and_parallel
def train_sparse(begin, end, batch, n, step, losses, threads, addresses, sizes, plan, settings, like):
    """Do what ``train`` does, for sparse X; a call that ends early does so at the border of a block."""
    team.begin(pointer_at(plan[TEAM], sizes), threads, threads)
    for thread in prange(threads):
        work(thread, threads, begin, end, batch, n, step, losses, addresses, sizes, plan, settings, like)


train_sparse_serial, train_sparse_parallel = train_sparse
