"""The loop over epochs, batches and fused steps.

A batch is divided into ``shards``, a number that depends on its size alone. A step has two parallel phases:

1. for each shard of the batch: forward and backward propagation of its examples and the sum of their gradient,
   in the workspace of the worker that does it;
2. for each part of the weights: the sum of the shards' gradients, in order, and the optimizer's update.

What is summed in which order never depends on the number of threads, and so the result has the same bits on any
number of them. Between the phases only gradients and weights pass from one core to another. A batch that is longer
than the workspaces goes through the first phase block by block, each shard carrying its gradient on.

Which phases follow each other depends on sizes alone: the second phase of a batch without weight changes nothing, but
it is there. The rules of ``thread_team`` say what a thread may read; whatever is known from data only, such as the sum
of a batch's weights, is left in memory by the thread that has claimed the task, and is read by those that claim later
ones.

The examples are counted in positions of the order: position p of a call is position p % n of its epoch p // n. A call
may begin and end at the border of any two blocks, so that a run can be done in any number of calls.
"""

from typing import NamedTuple

from numba import prange

from ..jit import thread_team
from ..jit.compiling import ONE, ZERO, routine, serial_and_parallel
from ..simd.vectors import offset, pointer, pointer_at
from .gradient import sum_of
from .optimizers import rule_of_step
from .shuffle import shuffle
from .step import end_of_run, train_on_shard, update_weights
from .structs import SHARDS, SUMS_STRIDE, TEAM, Batch, Block, Buffers, Worker, unpack_arguments

# What a call leaves for Python, two numbers for each epoch behind the first two: the loss of its batches, each times
# the size of the batch; and the examples of its batches that weigh nothing, which were left out.
REACHED, LEFT_OUT = 0, 1  # the position that was reached, and the batches that were left out so far in the run
EPOCHS = 2

# --- phases ---------------------------------------------------------------------------------------------


class Phase(NamedTuple):
    """A phase of a call, as one worker knows it."""

    number: int  # from 1 on
    tasks: int
    total: int  # tasks of the call up to the end of this phase
    waits: int  # how often the worker has offered its CPU to others so far


@routine
def begin_phase(phase, tasks):
    """Return the phase that follows, of so many tasks."""
    return Phase(number=phase.number + 1, tasks=tasks, total=phase.total + tasks, waits=phase.waits)


@routine
def end_phase(phase, worker):
    """Wait until all tasks of a phase are done; return the phase."""
    waits = thread_team.wait(worker.team, worker.threads, phase.total)
    return Phase(number=phase.number, tasks=phase.tasks, total=phase.total, waits=phase.waits + waits)


@routine
def tasks_of(phase, worker):
    """Yield the tasks of a phase that a worker is to do: its own, then those that no other worker has begun."""
    first = first_task(worker.thread, worker.threads, phase.tasks)
    own = max(ONE, first_task(worker.thread + 1, worker.threads, phase.tasks) - first)
    for i in range(phase.tasks):
        if i == own and thread_team.spin_until_done(worker.team, worker.threads, phase.total):
            break
        task = (first + i) % phase.tasks
        if thread_team.claim(worker.team, worker.threads, task, phase.number):
            yield task
            thread_team.done(worker.team, worker.thread, worker.threads)


@routine
def first_task(thread, threads, tasks):
    """Return the first of a worker's own tasks."""
    return thread * tasks // threads


@routine
def end_if_late(phase, worker):
    """End the call after this phase if the worker has waited too often; it has claimed a task."""
    if phase.waits > thread_team.MOST_WAITS:
        thread_team.end_after(worker.team, phase.number)


# --- what is known of a batch ---------------------------------------------------------------------------


@routine
def sums_position(number, shard, spec):
    """Return where a shard's sums are kept until the next batch is done: each second batch has its own positions."""
    return (number % 2 * spec.shards + shard) * SUMS_STRIDE


@routine
def add_to_sums(shard, block, buffers, spec):
    """Add the losses and the weights of a shard's examples, a Block, to its sums. INOUT shard_sums."""
    position = sums_position(block.batch.number, shard, spec)
    loss = sum_of(buffers.losses, ZERO, block.size)
    buffers.shard_sums[position] = loss if block.overwrite else buffers.shard_sums[position] + loss
    if spec.weighted:
        weight = sum_of(buffers.tile_weight, ZERO, block.size)
        buffers.shard_sums[position + 1] = weight if block.overwrite else buffers.shard_sums[position + 1] + weight


@routine
def weight_of_batch(batch, buffers, spec):
    """Return the sum of the weights of a batch's examples, 1 each if they have none."""
    if not spec.weighted:
        return float(batch.size)
    weight_sum = 0.0
    for shard in range(spec.shards):
        weight_sum += buffers.shard_sums[sums_position(batch.number, shard, spec) + 1]
    return weight_sum


@routine
def loss_of_batch(batch, weight_sum, buffers, spec, parameters):
    """Return the loss of a batch before its update, times its size."""
    data_loss = 0.0
    for shard in range(spec.shards):
        data_loss += buffers.shard_sums[sums_position(batch.number, shard, spec)]
    penalty = 0.5 * parameters.alpha * sum_of(buffers.squares, ZERO, spec.units)
    return (data_loss + penalty) / weight_sum * batch.size


@routine
def note_batch(batch, notes, buffers, spec, parameters):
    """Add the loss of a batch to that of its epoch; a batch without weight is noted as left out. INOUT notes."""
    if batch.size == 0:
        return
    weight_sum = weight_of_batch(batch, buffers, spec)
    epoch = EPOCHS + 2 * batch.epoch
    if weight_sum == 0.0:
        notes[epoch + 1] += batch.size
        notes[LEFT_OUT] += 1
    else:
        notes[epoch] += loss_of_batch(batch, weight_sum, buffers, spec, parameters)


@routine
def rule_of_batch(batch, weight_sum, notes, spec, parameters):
    """Return the optimizer's Rule for the update that ends a batch."""
    left_out = int(notes[LEFT_OUT]) if spec.weighted else 0
    return rule_of_step(spec.updates + batch.number + 1 - left_out, weight_sum, spec, parameters)


# --- one block of a batch -------------------------------------------------------------------------------


@routine
def block_at(begin, copied, spec):
    """Return the Block that begins at a position of a call."""
    n, size = spec.n_samples, spec.batch_size
    epoch, position = begin // n, begin % n
    start = position // size * size  # of the batch
    stop = min(n, start + size)
    count = min(spec.block, stop - position)
    return Block(
        batch=Batch(number=epoch * -(-n // size) + start // size, epoch=epoch, size=stop - start),
        position=position,
        size=count,
        seen=spec.seen + begin,
        overwrite=position == start,
        complete=position + count == stop,
        copied=copied,
    )


@routine
def shard_of(block, shard, spec):
    """Return a shard of a block, as a Block."""
    start = shard * block.size // spec.shards
    stop = (shard + 1) * block.size // spec.shards
    return Block(
        batch=block.batch,
        position=block.position + start,
        size=stop - start,
        seen=block.seen + start,
        overwrite=block.overwrite,
        complete=block.complete,
        copied=block.copied,
    )


@routine
def buffers_of_shard(shard, worker, buffers, spec):
    """Return the buffers as a shard sees them: with its gradient, and its own workspace or the worker's."""
    workspace = (shard if spec.resident else worker.thread) * spec.workspace_stride
    return Buffers(
        theta=buffers.theta,
        moment1=buffers.moment1,
        moment2=buffers.moment2,
        gradient=offset(buffers.gradient, shard * spec.gradient_stride),
        squares=buffers.squares,
        unit_mask=buffers.unit_mask,
        targets=buffers.targets,
        sample_weight=buffers.sample_weight,
        shard_sums=buffers.shard_sums,
        tail=offset(buffers.tail, workspace),
        x=offset(buffers.x, workspace),
        a1=offset(buffers.a1, workspace),
        d1=offset(buffers.d1, workspace),
        z2=offset(buffers.z2, workspace),
        y=offset(buffers.y, workspace),
        tile_weight=offset(buffers.tile_weight, workspace),
        losses=offset(buffers.losses, workspace),
    )


@routine
def rows_to_prefetch(shard, block, worker, spec):
    """Return the positions begin, end of the rows that a worker copies next after a shard; none if not prefetched.

    They are the first of its next shard or, after its last, of its first in the block that follows in the epoch.
    """
    if spec.prefetch == 0 or not spec.ordered:
        return ZERO, ZERO
    position, count = block.position, block.size
    following = shard + 1
    if following >= first_task(worker.thread + 1, worker.threads, spec.shards):
        following = first_task(worker.thread, worker.threads, spec.shards)
        position, count = position + count, min(count, spec.n_samples - position - count)
    start = following * count // spec.shards
    stop = (following + 1) * count // spec.shards
    return position + start, position + start + end_of_run(ZERO, stop - start)


@routine
def train_block(phase, block, last, worker, notes, order, buffers, sizes, spec, parameters):
    """Train on a block, and update the weights if it completes its batch; return the phase that was reached.

    ``last`` is the Batch before if it is not yet noted: only now is the sum of squares of its weights known.
    """
    phase = begin_phase(phase, spec.shards)
    for shard in tasks_of(phase, worker):
        if shard == 0:
            note_batch(last, notes, buffers, spec, parameters)
        examples, mine = shard_of(block, shard, spec), buffers_of_shard(shard, worker, buffers, spec)
        begin, end = rows_to_prefetch(shard, block, worker, spec)
        train_on_shard(examples, begin, end, order, mine, sizes, spec, parameters)
        add_to_sums(shard, examples, mine, spec)
    phase = end_phase(phase, worker)

    if block.complete:
        phase = begin_phase(phase, worker.threads)
        for part in tasks_of(phase, worker):
            weight_sum = weight_of_batch(block.batch, buffers, spec)
            if weight_sum != 0.0:  # else it is as if the batch were not there
                rule = rule_of_batch(block.batch, weight_sum, notes, spec, parameters)
                update_weights(part, worker.threads, rule, buffers, sizes, spec, parameters)
            end_if_late(phase, worker)
        phase = end_phase(phase, worker)
    return phase


# --- the loop over blocks -------------------------------------------------------------------------------


# Two threads and batches of four shards, as time goes on:
#
#              | shuffle | phase 1: shards of the batch's examples  | wait | phase 2: parts of the weights  | wait | ...
#     worker 0 | order   | s0 ...... s1 ...... (s3, if 1 is late)   |      | w0 ......  (w1, if 1 is late)  |      | s0
#     worker 1 | wait    | s2 .......... s3 ..........              |      | w1 ............                |      | s2
#
# A worker does its own tasks first, and then those that another one has not begun. Nothing is waited for but tasks that
# are being done. A batch that is longer than the workspaces has phase 1 once for each of its blocks.


@routine
def work(train_on, thread, threads, begin, end, losses, addresses, sizes, spec, parameters, like):
    """Do one worker's part of a call: shuffle each epoch's order, and ``train_on`` one block after the other."""
    worker = Worker(thread=thread, threads=threads, team=pointer_at(spec[TEAM], spec))
    buffers, sizes, spec, parameters = unpack_arguments(addresses, sizes, spec, parameters, like)
    order, generator = pointer_at(spec.order_address, worker.team), pointer_at(spec.generator, worker.team)
    notes = pointer(losses)
    phase = Phase(number=ZERO, tasks=ZERO, total=ZERO, waits=ZERO)
    none = Batch(number=ZERO, epoch=ZERO, size=ZERO)
    last, first_epoch = none, begin // spec.n_samples
    while begin < end and not thread_team.ended(worker.team, threads, phase.number):
        block = block_at(begin, spec.resident != 0 and begin // spec.n_samples > first_epoch, spec)
        if block.position == 0 and spec.generator != 0:
            phase = begin_phase(phase, ONE)
            for _ in tasks_of(phase, worker):
                shuffle(order, spec.n_samples, generator)
            phase = end_phase(phase, worker)
        phase = train_on(phase, block, last, worker, notes, order, buffers, sizes, spec, parameters)
        last, begin = block.batch if block.complete else none, begin + block.size
    phase = begin_phase(phase, ONE)
    for _ in tasks_of(phase, worker):
        note_batch(last, notes, buffers, spec, parameters)
        notes[REACHED] = begin


@serial_and_parallel
def train(begin, end, threads, losses, addresses, sizes, spec, parameters, like):
    """Train on the positions begin..end of a call, counted over its epochs, with so many threads.

    Add to ``losses`` (1 + epochs, 2) what is noted above; what a call has done is in memory before Python can be
    interrupted. The order is shuffled at the beginning of each epoch if there is a generator. If threads wait too much
    for each other, the call ends before ``end``, after a batch. ``like`` is an array of the dtype of the network.
    """
    thread_team.begin(pointer_at(spec[TEAM], spec), threads, max(threads, spec[SHARDS]))
    for thread in prange(threads):
        work(train_block, thread, threads, begin, end, losses, addresses, sizes, spec, parameters, like)


train_serial, train_parallel = train
