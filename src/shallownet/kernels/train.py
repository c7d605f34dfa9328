"""The loop over epochs and fused steps.

A batch is divided into ``shares``, a number that depends on its size alone. A step has two parallel phases:

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

from ..jit import thread_team as team
from ..jit.compiling import ZERO, kernel, serial_and_parallel
from ..simd.vectors import numbers, pointer, pointer_at, pointers, shifted
from .gradient import add_gradient, sum_of, update_weights
from .optimizers import ADAM
from .shuffle import shuffle
from .step import end_of_run, propagate
from .structs import ASKING, BUFFERS, GENERATOR, ORDER, PLAN, SETTINGS, SHARES, SUMS_GAP, TEAM, Buffers, Plan, Settings
from .weight_layout import LAYOUT, Layout

SETTLED = 38.0  # exp(-SETTLED) is less than 2**-54, and 1 less that much rounds to 1


@kernel
def unpacked(addresses, sizes, plan, settings, like):
    """Give the numbers their names, and the addresses the dtype of ``like``."""
    buffers = Buffers(*pointers(addresses, BUFFERS, like))
    return (
        buffers,
        Layout(*numbers(sizes, LAYOUT)),
        Plan(*numbers(plan, PLAN)),
        Settings(*numbers(settings, SETTINGS)),
    )


@kernel
def rate_of_step(step, plan, settings):
    """Return the learning rate of a step; Adam's includes the corrections of its moments' bias."""
    if plan.solver == ADAM:
        first, second = bias_correction(settings.decay_1, step), bias_correction(settings.decay_2, step)
        return settings.rate * (math.sqrt(second) / first)
    return settings.rate


@kernel
def bias_correction(decay, step):
    """Return 1 - decay**step; a power takes a while, and that of a late step does not count any more."""
    # ln(decay) <= decay - 1, so that the power is at most exp(-SETTLED)
    return 1.0 if (1.0 - decay) * step > SETTLED else 1.0 - math.pow(decay, float(step))


class Batch(NamedTuple):
    """A batch that a call has trained on: its number in the run, its epoch, its examples (0: there is none)."""

    number: int
    epoch: int
    size: int


@kernel
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


@kernel
def loss_of_batch(last, weight_sum, buffers, plan, settings):
    """Return the loss of a batch before its update, times its size."""
    data_loss = 0.0
    for share in range(plan.shares):
        data_loss += buffers.share_sums[place_of_sums(last.number, share, plan)]
    penalty = 0.5 * settings.alpha * sum_of(buffers.squares, ZERO, plan.units)
    return (data_loss + penalty) / weight_sum * last.size


@kernel
def weight_of_batch(number, size, buffers, plan):
    """Return the sum of the weights of a batch's examples, 1 each if they have none."""
    if not plan.weighted:
        return float(size)
    weight_sum = 0.0
    for share in range(plan.shares):
        weight_sum += buffers.share_sums[place_of_sums(number, share, plan) + 1]
    return weight_sum


@kernel
def place_of_sums(number, share, plan):
    """Return where a share's sums are kept until the next batch is done with: each second one has its own places."""
    return (number % 2 * plan.shares + share) * SUMS_GAP


@kernel
def add_to_sums(place, count, fresh, buffers, plan):
    """Add the losses and the weights of the workspace's examples to sums, anew if ``fresh``. INOUT share_sums."""
    loss = sum_of(buffers.losses, ZERO, count)
    buffers.share_sums[place] = loss if fresh else buffers.share_sums[place] + loss
    if plan.weighted:
        weight = sum_of(buffers.weight, ZERO, count)
        buffers.share_sums[place + 1] = weight if fresh else buffers.share_sums[place + 1] + weight


@kernel
def of_share(share, thread, buffers, plan):
    """Return the buffers as one share of the batch sees them in its own workspace, or in that of one thread."""
    mine = (share if plan.stays else thread) * plan.apart
    return Buffers(
        buffers.theta,
        buffers.first,
        buffers.second,
        shifted(buffers.gradient, share * plan.gradient_gap),
        buffers.squares,
        buffers.share_sums,
        buffers.targets,
        buffers.weights,
        buffers.living,
        shifted(buffers.strip, mine),
        shifted(buffers.x, mine),
        shifted(buffers.a1, mine),
        shifted(buffers.d1, mine),
        shifted(buffers.z2, mine),
        shifted(buffers.y, mine),
        shifted(buffers.weight, mine),
        shifted(buffers.losses, mine),
    )


@kernel
def do_share(
    share, thread, number, place, seen, count, begin, end, fresh, copied,
    order, asking, buffers, sizes, plan, settings,
):  # fmt: skip
    """Do one share of ``count`` examples from a place of the order, which are in its workspace if ``copied``."""
    mine = of_share(share, thread, buffers, plan)
    start = share * count // plan.shares
    stop = (share + 1) * count // plan.shares
    propagate(place + start, seen, stop - start, copied, begin, end, order, asking, mine, sizes, plan, settings)
    add_gradient(stop - start, fresh, mine, sizes, plan)
    add_to_sums(place_of_sums(number, share, plan), stop - start, fresh, mine, plan)


@kernel
def places_after(share, first, end, place, count, left, shares):
    """Return the places that a thread with the shares first..end of a block turns to after one of them.

    They are of its next share or, behind its last, of its first in the block that follows; ``left`` examples of the
    epoch come after this block.
    """
    share += 1
    if share >= end:
        share, place, count = first, place + count, min(count, left)
    start = share * count // shares
    return place + start, place + start + end_of_run(ZERO, (share + 1) * count // shares - start)


@kernel
def examples_phase(
    thread, threads, phase, tasks, number, place, seen, count, left, fresh, copied, last, notes, reached,
    crew, order, asking, buffers, sizes, plan, settings,
):  # fmt: skip
    """Do the shares of ``count`` examples that no other thread has claimed, one's own first; ``left`` come after them.

    With the first share goes the loss of the last batch, which is known only now.
    """
    first = thread * plan.shares // threads
    own = (thread + 1) * plan.shares // threads - first
    for i in range(plan.shares):
        if i == own and team.soon_done(crew, threads, tasks):
            break
        share = (first + i) % plan.shares
        if team.claim(crew, threads, share, phase):
            if share == 0:
                note_batch(last, notes, reached, buffers, plan, settings)
            begin, end = ZERO, ZERO
            if plan.asking != 0 and plan.ordered:
                begin, end = places_after(share, first, first + own, place, count, left, plan.shares)
            do_share(
                share, thread, number, place, seen, count, begin, end, fresh, copied,
                order, asking, buffers, sizes, plan, settings,
            )  # fmt: skip
            team.done(crew, thread, threads)


@kernel
def weights_phase(
    thread, threads, phase, tasks, waits, number, size, step, notes, reached, crew, buffers, sizes, plan, settings
):
    """Update the ranges of weights, one for each thread, that no other thread has claimed, one's own first.

    ``step`` is the number of the update if no batch of the run was left out.
    """
    for i in range(threads):
        if i == 1 and team.soon_done(crew, threads, tasks):
            break
        part = (thread + i) % threads
        if team.claim(crew, threads, part, phase):
            weight_sum = weight_of_batch(number, size, buffers, plan)
            if weight_sum != 0.0:  # else it is as if the batch were not there
                left_out = int(notes[reached + 1]) if plan.weighted else 0
                rate = rate_of_step(step - left_out, plan, settings)
                update_weights(part, threads, weight_sum, rate, buffers, sizes, plan, settings)
            if waits > team.MOST_WAITS:
                team.end_after(crew, phase)
            team.done(crew, thread, threads)


@kernel
def work(thread, threads, begin, end, batch, n, step, losses, addresses, sizes, plan, settings, like):
    """Do one thread's part of ``train``."""
    order, generator = pointer_at(plan[ORDER], sizes), pointer_at(plan[GENERATOR], sizes)
    crew, asking = pointer_at(plan[TEAM], sizes), pointer_at(plan[ASKING], sizes)
    notes, reached = pointer(losses), 2 * (len(losses) - 1)
    buffers, sizes, plan, settings = unpacked(addresses, sizes, plan, settings, like)
    steps = -(-n // batch)
    phase, tasks, waits = ZERO, ZERO, ZERO  # so far
    last = Batch(ZERO, ZERO, ZERO)  # the one whose loss is still to be noted
    first = begin // n
    while begin < end and not team.ended(crew, threads, phase):
        epoch, place = begin // n, begin % n
        start = place // batch * batch
        size = min(batch, n - start)
        count = min(plan.block, start + size - place)
        copied = plan.stays != 0 and epoch > first
        number = epoch * steps + start // batch
        if place == 0 and plan.generator != 0:
            phase, tasks = phase + 1, tasks + 1
            if team.claim(crew, threads, ZERO, phase):
                shuffle(order, n, generator)
                team.done(crew, thread, threads)
            waits += team.wait(crew, threads, tasks)

        phase, tasks = phase + 1, tasks + plan.shares
        examples_phase(
            thread, threads, phase, tasks, number, place, plan.seen + epoch * n, count, n - place - count,
            place == start, copied, last, notes, reached, crew, order, asking, buffers, sizes, plan, settings,
        )  # fmt: skip
        waits += team.wait(crew, threads, tasks)
        last, begin = Batch(ZERO, ZERO, ZERO), begin + count
        if place + count < start + size:
            continue

        phase, tasks = phase + 1, tasks + threads
        weights_phase(
            thread, threads, phase, tasks, waits, number, size, step + number + 1, notes, reached,
            crew, buffers, sizes, plan, settings,
        )  # fmt: skip
        waits += team.wait(crew, threads, tasks)
        last = Batch(number, epoch, size)
    if team.claim(crew, threads, ZERO, phase + 1):
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
    team.begin(pointer_at(plan[TEAM], sizes), threads, max(threads, plan[SHARES]))
    for thread in prange(threads):
        work(thread, threads, begin, end, batch, n, step, losses, addresses, sizes, plan, settings, like)


train_serial, train_parallel = train
