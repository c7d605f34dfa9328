"""The loop over epochs and fused steps.

A batch is divided into ``shards``, a number that depends on its size alone. A step has two parallel phases:

1. for each share of the batch: forward and backward propagation of its examples and the sum of their gradient,
   in the workspace of the thread that does it;
2. for each range of weights: the sum of the shares' gradients, in order, and the solver's update.

What is summed in which order never depends on the number of threads, and so the result has the same bits on any
number of them. Between the phases only gradients and weights pass from one core to another. A batch that is longer
than the workspace goes through the first phase block by block, each share carrying its gradient on.

Which phases follow each other depends on sizes alone: the second phase of a batch without weight changes nothing, but
it is there. The rules of ``team`` say what a thread may read; whatever is known from data only, such as the sum of a
batch's weights, is left in memory by the thread that has claimed the task, and is read by those that claim later ones.

The examples are counted in places of the order: place p of a call is place p % n of its epoch p // n. A call may
begin and end at any border of blocks, so that a run can be done in any number of calls.
"""

import math
from typing import NamedTuple

from numba import prange

from ..jit import thread_team
from ..jit.compiling import ZERO, routine, serial_and_parallel
from ..simd.vectors import numbers, offset, pointer, pointer_at, pointers
from .gradient import add_gradient, sum_of, update_weights
from .optimizers import ADAM
from .shuffle import shuffle
from .step import end_of_run, propagate
from .structs import (
    BUFFERS,
    GENERATOR,
    ORDER,
    PLAN,
    PREFETCH,
    SETTINGS,
    SHARDS,
    SUMS_GAP,
    TEAM,
    Buffers,
    Plan,
    Settings,
)
from .weight_layout import LAYOUT, Layout

SETTLED = 38.0  # exp(-SETTLED) is less than 2**-54, and 1 less that much rounds to 1


@routine
def unpacked(addresses, sizes, plan, settings, like):
    """Give the numbers their names, and the addresses the dtype of ``like``."""
    buffers = Buffers(*pointers(addresses, BUFFERS, like))
    return (
        buffers,
        Layout(*numbers(sizes, LAYOUT)),
        Plan(*numbers(plan, PLAN)),
        Settings(*numbers(settings, SETTINGS)),
    )


@routine
def rate_of_step(step, plan, settings):
    """Return the learning rate of a step; Adam's includes the corrections of its moments' bias."""
    if plan.solver == ADAM:
        first, second = bias_correction(settings.decay_1, step), bias_correction(settings.decay_2, step)
        return settings.rate * (math.sqrt(second) / first)
    return settings.rate


@routine
def bias_correction(decay, step):
    """Return 1 - decay**step; a power takes a while, and that of a late step does not count any more."""
    # ln(decay) <= decay - 1, so that the power is at most exp(-SETTLED)
    return 1.0 if (1.0 - decay) * step > SETTLED else 1.0 - math.pow(decay, float(step))


class Batch(NamedTuple):
    """A batch that a call has trained on: its number in the run, its epoch, its examples (0: there is none)."""

    number: int
    epoch: int
    size: int


@routine
def note_batch(last, notes, reached, buffers, plan, settings):
    """Add the loss of a batch to that of its epoch; a batch without weight is noted as left out.

    INOUT notes, the numbers of ``losses``, of which ``reached`` is the first of the last row.
    """
    if last.size == 0:
        return
    weight_sum = weight_of_batch(last.number, last.size, buffers, plan)
    if weight_sum == 0.0:
        notes[2 * last.epoch + 1] += last.size
        notes[reached + 1] += 1
    else:
        notes[2 * last.epoch] += loss_of_batch(last, weight_sum, buffers, plan, settings)


@routine
def loss_of_batch(last, weight_sum, buffers, plan, settings):
    """Return the loss of a batch before its update, times its size."""
    data_loss = 0.0
    for shard in range(plan.shards):
        data_loss += buffers.shard_sums[place_of_sums(last.number, shard, plan)]
    penalty = 0.5 * settings.alpha * sum_of(buffers.squares, ZERO, plan.units)
    return (data_loss + penalty) / weight_sum * last.size


@routine
def weight_of_batch(number, size, buffers, plan):
    """Return the sum of the weights of a batch's examples, 1 each if they have none."""
    if not plan.weighted:
        return float(size)
    weight_sum = 0.0
    for shard in range(plan.shards):
        weight_sum += buffers.shard_sums[place_of_sums(number, shard, plan) + 1]
    return weight_sum


@routine
def place_of_sums(number, shard, plan):
    """Return where a share's sums are kept until the next batch is done with: each second one has its own places."""
    return (number % 2 * plan.shards + shard) * SUMS_GAP


@routine
def add_to_sums(place, count, overwrite, buffers, plan):
    """Add the losses and the weights of the workspace's examples to sums, anew if ``overwrite``. INOUT share_sums."""
    loss = sum_of(buffers.losses, ZERO, count)
    buffers.shard_sums[place] = loss if overwrite else buffers.shard_sums[place] + loss
    if plan.weighted:
        weight = sum_of(buffers.tile_weight, ZERO, count)
        buffers.shard_sums[place + 1] = weight if overwrite else buffers.shard_sums[place + 1] + weight


@routine
def of_shard(shard, thread, buffers, plan):
    """Return the buffers as one share of the batch sees them in its own workspace, or in that of one thread."""
    mine = (shard if plan.resident else thread) * plan.workspace_stride
    return Buffers(
        buffers.theta,
        buffers.moment1,
        buffers.moment2,
        offset(buffers.gradient, shard * plan.gradient_stride),
        buffers.squares,
        buffers.shard_sums,
        buffers.targets,
        buffers.sample_weight,
        buffers.unit_mask,
        offset(buffers.tail, mine),
        offset(buffers.x, mine),
        offset(buffers.a1, mine),
        offset(buffers.d1, mine),
        offset(buffers.z2, mine),
        offset(buffers.y, mine),
        offset(buffers.tile_weight, mine),
        offset(buffers.losses, mine),
    )


@routine
def do_shard(
    shard, thread, number, place, seen, count, begin, end, overwrite, copied,
    order, prefetch, buffers, sizes, plan, settings,
):  # fmt: skip
    """Do one share of ``count`` examples from a place of the order, which are in its workspace if ``copied``."""
    mine = of_shard(shard, thread, buffers, plan)
    start = shard * count // plan.shards
    stop = (shard + 1) * count // plan.shards
    propagate(place + start, seen, stop - start, copied, begin, end, order, prefetch, mine, sizes, plan, settings)
    add_gradient(stop - start, overwrite, mine, sizes, plan)
    add_to_sums(place_of_sums(number, shard, plan), stop - start, overwrite, mine, plan)


@routine
def places_after(shard, first, end, place, count, left, shards):
    """Return the places that a thread with the shares first..end of a block turns to after one of them.

    They are of its next share or, behind its last, of its first in the block that follows; ``left`` examples of the
    epoch come after this block.
    """
    shard += 1
    if shard >= end:
        shard, place, count = first, place + count, min(count, left)
    start = shard * count // shards
    return place + start, place + start + end_of_run(ZERO, (shard + 1) * count // shards - start)


@routine
def examples_phase(
    thread, threads, phase, tasks, number, place, seen, count, left, overwrite, copied, last, notes, reached,
    team, order, prefetch, buffers, sizes, plan, settings,
):  # fmt: skip
    """Do the shares of ``count`` examples that no other thread has claimed, one's own first; ``left`` come after them.

    With the first share goes the loss of the last batch, which is known only now.
    """
    first = thread * plan.shards // threads
    own = (thread + 1) * plan.shards // threads - first
    for i in range(plan.shards):
        if i == own and thread_team.spin_until_done(team, threads, tasks):
            break
        shard = (first + i) % plan.shards
        if thread_team.claim(team, threads, shard, phase):
            if shard == 0:
                note_batch(last, notes, reached, buffers, plan, settings)
            begin, end = ZERO, ZERO
            if plan.prefetch != 0 and plan.ordered:
                begin, end = places_after(shard, first, first + own, place, count, left, plan.shards)
            do_shard(
                shard, thread, number, place, seen, count, begin, end, overwrite, copied,
                order, prefetch, buffers, sizes, plan, settings,
            )  # fmt: skip
            thread_team.done(team, thread, threads)


@routine
def weights_phase(
    thread, threads, phase, tasks, waits, number, size, step, notes, reached, team, buffers, sizes, plan, settings
):
    """Update the ranges of weights, one for each thread, that no other thread has claimed, one's own first.

    ``step`` is the number of the update if no batch of the run was left out.
    """
    for i in range(threads):
        if i == 1 and thread_team.spin_until_done(team, threads, tasks):
            break
        part = (thread + i) % threads
        if thread_team.claim(team, threads, part, phase):
            weight_sum = weight_of_batch(number, size, buffers, plan)
            if weight_sum != 0.0:  # else it is as if the batch were not there
                left_out = int(notes[reached + 1]) if plan.weighted else 0
                rate = rate_of_step(step - left_out, plan, settings)
                update_weights(part, threads, weight_sum, rate, buffers, sizes, plan, settings)
            if waits > thread_team.MOST_WAITS:
                thread_team.end_after(team, phase)
            thread_team.done(team, thread, threads)


@routine
def work(thread, threads, begin, end, batch, n, step, losses, addresses, sizes, plan, settings, like):
    """Do one thread's part of ``train``."""
    order, generator = pointer_at(plan[ORDER], sizes), pointer_at(plan[GENERATOR], sizes)
    team, prefetch = pointer_at(plan[TEAM], sizes), pointer_at(plan[PREFETCH], sizes)
    notes, reached = pointer(losses), 2 * (len(losses) - 1)
    buffers, sizes, plan, settings = unpacked(addresses, sizes, plan, settings, like)
    steps = -(-n // batch)
    phase, tasks, waits = ZERO, ZERO, ZERO  # so far
    last = Batch(ZERO, ZERO, ZERO)  # the one whose loss is still to be noted
    first = begin // n
    while begin < end and not thread_team.ended(team, threads, phase):
        epoch, place = begin // n, begin % n
        start = place // batch * batch
        size = min(batch, n - start)
        count = min(plan.block, start + size - place)
        copied = plan.resident != 0 and epoch > first
        number = epoch * steps + start // batch
        if place == 0 and plan.generator != 0:
            phase, tasks = phase + 1, tasks + 1
            if thread_team.claim(team, threads, ZERO, phase):
                shuffle(order, n, generator)
                thread_team.done(team, thread, threads)
            waits += thread_team.wait(team, threads, tasks)

        phase, tasks = phase + 1, tasks + plan.shards
        examples_phase(
            thread, threads, phase, tasks, number, place, plan.seen + epoch * n, count, n - place - count,
            place == start, copied, last, notes, reached, team, order, prefetch, buffers, sizes, plan, settings,
        )  # fmt: skip
        waits += thread_team.wait(team, threads, tasks)
        last, begin = Batch(ZERO, ZERO, ZERO), begin + count
        if place + count < start + size:
            continue

        phase, tasks = phase + 1, tasks + threads
        weights_phase(
            thread, threads, phase, tasks, waits, number, size, step + number + 1, notes, reached,
            team, buffers, sizes, plan, settings,
        )  # fmt: skip
        waits += thread_team.wait(team, threads, tasks)
        last = Batch(number, epoch, size)
    if thread_team.claim(team, threads, ZERO, phase + 1):
        note_batch(last, notes, reached, buffers, plan, settings)
        notes[reached] = begin


@serial_and_parallel
def train(begin, end, batch, n, step, losses, threads, addresses, sizes, plan, settings, like):
    """Train on the places begin..end of epochs of n places each, in batches; ``step`` updates were done before.

    Add to ``losses[e, 0]`` the loss of each batch of epoch e that was completed, times its size, and to
    ``losses[e, 1]`` the size of each batch that has no weight, which is left out. The last row tells the place that was
    reached and how many batches of the run were left out so far: what a call has done is in memory before Python can
    be interrupted. The order is shuffled at the begin of each epoch if the plan has a generator. Each phase is divided
    among ``threads`` threads; the call ends at the border of a batch before ``end`` if they wait too much for each
    other.
    """
    thread_team.begin(pointer_at(plan[TEAM], sizes), threads, max(threads, plan[SHARDS]))
    for thread in prange(threads):
        work(thread, threads, begin, end, batch, n, step, losses, addresses, sizes, plan, settings, like)


train_serial, train_parallel = train
