"""Training on sparse X, block by block of a batch's examples, by the loop of ``train``.

All threads share one workspace. A block has three phases:

1. for each part of its tiles: forward and backward propagation of their examples;
2. one task: the sums of the block's losses and weights, and what is known only now of the last batch;
3. for each range of features: their gradient and, if the block completes its batch, the optimizer's update.

What ``train`` says of sums, positions and what a thread may read holds here too.
"""

from numba import prange

from ..jit import thread_team
from ..jit.compiling import ONE, routine, serial_and_parallel
from ..simd.vectors import pointer_at
from .sparse import propagate_tiles, update_features
from .structs import TEAM
from .train import (
    add_to_sums,
    begin_phase,
    end_if_late,
    end_phase,
    note_batch,
    rule_of_batch,
    tasks_of,
    weight_of_batch,
    work,
)


@routine
def train_sparse_block(phase, block, last, worker, notes, order, buffers, sizes, spec, parameters):
    """Do what ``train_block`` does, for sparse X."""
    phase = begin_phase(phase, worker.threads)
    for part in tasks_of(phase, worker):
        propagate_tiles(part, worker.threads, block, order, buffers, sizes, spec, parameters)
    phase = end_phase(phase, worker)

    phase = begin_phase(phase, ONE)
    for shard in tasks_of(phase, worker):
        note_batch(last, notes, buffers, spec, parameters)
        add_to_sums(shard, block, buffers, spec)
    phase = end_phase(phase, worker)

    phase = begin_phase(phase, worker.threads)
    for part in tasks_of(phase, worker):
        weight_sum = weight_of_batch(block.batch, buffers, spec)
        rule = rule_of_batch(block.batch, weight_sum, notes, spec, parameters)
        updates = block.complete and weight_sum != 0.0  # a batch without weight is as if it were not there
        update_features(part, worker.threads, block, updates, rule, order, buffers, sizes, spec, parameters)
        end_if_late(phase, worker)
    return end_phase(phase, worker)


@serial_and_parallel
def train_sparse(begin, end, threads, losses, addresses, sizes, spec, parameters, like):
    """Do what ``train`` does, for sparse X; a call that ends early does so after a block."""
    thread_team.begin(pointer_at(spec[TEAM], spec), threads, threads)
    for thread in prange(threads):
        work(train_sparse_block, thread, threads, begin, end, losses, addresses, sizes, spec, parameters, like)


train_sparse_serial, train_sparse_parallel = train_sparse
