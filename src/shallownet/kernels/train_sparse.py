"""The loop over epochs and steps for sparse X, block by block of a batch's examples.

All threads share one workspace. A block has three phases:

1. for each part of its tiles: forward and backward propagation of their examples;
2. one task: the sums of the block's losses and weights, and what is known only now of the last batch;
3. for each range of features: their gradient and, if the batch is done with this block, the solver's update.

What ``epoch`` says of sums, places and what a thread may read holds here too.
"""

from numba import prange

from ..jit import thread_team
from ..jit.compiling import ZERO, routine, serial_and_parallel
from ..simd.vectors import pointer, pointer_at
from .shuffle import shuffle
from .sparse import sparse_propagate, sparse_weights
from .structs import GENERATOR, ORDER, TEAM
from .train import Batch, add_to_sums, note_batch, place_of_sums, rate_of_step, unpacked, weight_of_batch


@routine
def tiles_phase(thread, threads, phase, tasks, place, seen, count, team, order, buffers, sizes, plan, settings):
    """Do the parts of the tiles of ``count`` examples, one for each thread, that no other thread has claimed."""
    for i in range(threads):
        if i == 1 and thread_team.spin_until_done(team, threads, tasks):
            break
        part = (thread + i) % threads
        if thread_team.claim(team, threads, part, phase):
            sparse_propagate(part, threads, place, seen, count, order, buffers, sizes, plan, settings)
            thread_team.done(team, thread, threads)


@routine
def features_phase(
    thread, threads, phase, tasks, waits, number, place, size, count, overwrite, over, step, notes, reached,
    team, order, buffers, sizes, plan, settings,
):  # fmt: skip
    """Do the ranges of features, one for each thread, that no other thread has claimed, one's own first.

    ``over`` says that the batch is done with this block; ``step`` is the number of its update if no batch of the run
    was left out.
    """
    for i in range(threads):
        if i == 1 and thread_team.spin_until_done(team, threads, tasks):
            break
        part = (thread + i) % threads
        if thread_team.claim(team, threads, part, phase):
            weight_sum = weight_of_batch(number, size, buffers, plan)
            left_out = int(notes[reached + 1]) if plan.weighted else 0
            rate = rate_of_step(step - left_out, plan, settings)
            update = over and weight_sum != 0.0  # a batch without weight is as if it were not there
            sparse_weights(
                part, threads, place, count, overwrite, update, weight_sum, rate, order, buffers, sizes, plan, settings
            )
            if waits > thread_team.MOST_WAITS:
                thread_team.end_after(team, phase)
            thread_team.done(team, thread, threads)


@routine
def work(thread, threads, begin, end, batch, n, step, losses, addresses, sizes, plan, settings, like):
    """Do one thread's part of ``train_sparse``."""
    order, generator = pointer_at(plan[ORDER], sizes), pointer_at(plan[GENERATOR], sizes)
    team = pointer_at(plan[TEAM], sizes)
    notes, reached = pointer(losses), 2 * (len(losses) - 1)
    buffers, sizes, plan, settings = unpacked(addresses, sizes, plan, settings, like)
    steps = -(-n // batch)
    phase, tasks, waits = ZERO, ZERO, ZERO  # so far
    last = Batch(ZERO, ZERO, ZERO)  # the one whose loss is still to be noted
    while begin < end and not thread_team.ended(team, threads, phase):
        epoch, place = begin // n, begin % n
        start = place // batch * batch
        size = min(batch, n - start)
        count = min(plan.block, start + size - place)
        number = epoch * steps + start // batch
        overwrite, over = place == start, place + count == start + size
        if place == 0 and plan.generator != 0:
            phase, tasks = phase + 1, tasks + 1
            if thread_team.claim(team, threads, ZERO, phase):
                shuffle(order, n, generator)
                thread_team.done(team, thread, threads)
            waits += thread_team.wait(team, threads, tasks)

        phase, tasks = phase + 1, tasks + threads
        tiles_phase(
            thread, threads, phase, tasks, place, plan.seen + epoch * n, count,
            team, order, buffers, sizes, plan, settings,
        )  # fmt: skip
        waits += thread_team.wait(team, threads, tasks)

        phase, tasks = phase + 1, tasks + 1
        if thread_team.claim(team, threads, ZERO, phase):
            note_batch(last, notes, reached, buffers, plan, settings)
            add_to_sums(place_of_sums(number, ZERO, plan), count, overwrite, buffers, plan)
            thread_team.done(team, thread, threads)
        waits += thread_team.wait(team, threads, tasks)

        phase, tasks = phase + 1, tasks + threads
        features_phase(
            thread, threads, phase, tasks, waits, number, place, size, count, overwrite, over, step + number + 1,
            notes, reached, team, order, buffers, sizes, plan, settings,
        )  # fmt: skip
        waits += thread_team.wait(team, threads, tasks)
        last, begin = Batch(number, epoch, size if over else ZERO), begin + count
    if thread_team.claim(team, threads, ZERO, phase + 1):
        note_batch(last, notes, reached, buffers, plan, settings)
        notes[reached] = begin


@serial_and_parallel
def train_sparse(begin, end, batch, n, step, losses, threads, addresses, sizes, plan, settings, like):
    """Do what ``train`` does, for sparse X; a call that ends early does so at the border of a block."""
    thread_team.begin(pointer_at(plan[TEAM], sizes), threads, threads)
    for thread in prange(threads):
        work(thread, threads, begin, end, batch, n, step, losses, addresses, sizes, plan, settings, like)


train_sparse_serial, train_sparse_parallel = train_sparse
