"""The epoch loop over fused steps.

A batch is divided into ``shares``, a number that depends on the shapes alone. A step has two parallel phases:

1. for each share of the batch: forward and backward propagation of its examples and the sum of their gradient,
   in the workspace of the thread that does it;
2. for each range of weights: the sum of the shares' gradients, in order, and the solver's update.

What is summed in which order never depends on the number of threads, and so the result has the same bits on any
number of them. Between the phases only gradients and weights pass from one core to another. A batch that is longer
than the workspace goes through the first phase block by block, each share carrying its gradient on.
"""

import math

from numba import prange

from .compiling import kernel, serial_and_parallel
from .examples import propagate, row_of
from .lanes import lane_count, numbers, pointer_at, pointers, shifted
from .panels import LAYOUT, Layout
from .plan import BUFFERS, ORDER, PLAN, SETTINGS, Buffers, Plan, Settings
from .sparse import sparse_propagate, sparse_weights
from .updates import ADAM
from .weights import add_gradient, sum_of, update_weights


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
        correction = math.sqrt(1.0 - settings.decay_2**step) / (1.0 - settings.decay_1**step)
        return settings.rate * correction
    return settings.rate


@kernel
def loss_of_step(size, weight_sum, buffers, plan, settings):
    """Return the loss of a batch before its update, times its size."""
    data_loss = 0.0
    for share in range(plan.shares):
        data_loss += buffers.share_losses[share]
    penalty = 0.5 * settings.alpha * sum_of(buffers.squares, 0, plan.units)
    return (data_loss + penalty) / weight_sum * size


@kernel
def weight_of_batch(position, count, order, buffers, plan):
    """Return the sum of the weights of the examples at ``count`` places from ``position`` on."""
    if not plan.weighted:
        return float(count)
    weight_sum = 0.0
    for t in range(position, position + count):
        weight_sum += buffers.weights[row_of(order, plan.ordered, t)]
    return weight_sum


@kernel
def of_share(share, thread, buffers, sizes, plan):
    """Return the buffers as one share of the batch sees them in the workspace of one thread."""
    lanes = lane_count(buffers.theta)
    panels = thread * plan.rows * sizes.panels * lanes
    return Buffers(
        buffers.theta,
        buffers.first,
        buffers.second,
        shifted(buffers.gradient, share * sizes.size),
        buffers.squares,
        shifted(buffers.share_losses, share),
        buffers.targets,
        buffers.weights,
        buffers.living,
        shifted(buffers.x, thread * plan.rows * sizes.feature_rows),
        shifted(buffers.a1, panels),
        shifted(buffers.d1, panels),
        shifted(buffers.z2, thread * plan.rows * sizes.output_rows),
        shifted(buffers.y, thread * plan.rows * plan.targets),
        shifted(buffers.weight, thread * plan.rows),
        shifted(buffers.losses, thread * plan.rows),
    )


@kernel
def examples_phase(part, parts, position, count, fresh, addresses, sizes, plan, settings, like):
    """Do this part of the shares of ``count`` examples from place ``position`` of the order."""
    order = pointer_at(plan[ORDER], sizes)
    buffers, sizes, plan, settings = unpacked(addresses, sizes, plan, settings, like)
    for share in range(part * plan.shares // parts, (part + 1) * plan.shares // parts):
        mine = of_share(share, part, buffers, sizes, plan)
        start = share * count // plan.shares
        stop = (share + 1) * count // plan.shares
        propagate(position + start, stop - start, order, mine, sizes, plan, settings)
        add_gradient(stop - start, fresh, mine, sizes, plan)
        before = 0.0 if fresh else mine.share_losses[0]
        mine.share_losses[0] = before + sum_of(mine.losses, 0, stop - start)


@kernel
def weights_phase(part, parts, weight_sum, rate, addresses, sizes, plan, settings, like):
    """Update this part of the weights."""
    buffers, sizes, plan, settings = unpacked(addresses, sizes, plan, settings, like)
    update_weights(part, parts, weight_sum, rate, buffers, sizes, plan, settings)


@kernel
def sparse_examples_phase(part, parts, position, count, fresh, addresses, sizes, plan, settings, like):
    """Do this part of the tiles of ``count`` examples of sparse X; they share one workspace."""
    order = pointer_at(plan[ORDER], sizes)
    buffers, sizes, plan, settings = unpacked(addresses, sizes, plan, settings, like)
    sparse_propagate(part, parts, position, count, order, buffers, sizes, plan, settings)


@kernel
def sparse_weights_phase(
    part, parts, position, count, fresh, done, weight_sum, rate, addresses, sizes, plan, settings, like
):
    """Do this part of the weights for sparse X."""
    order = pointer_at(plan[ORDER], sizes)
    buffers, sizes, plan, settings = unpacked(addresses, sizes, plan, settings, like)
    sparse_weights(part, parts, position, count, fresh, done, weight_sum, rate, order, buffers, sizes, plan, settings)
    if part == parts - 1:
        before = 0.0 if fresh else buffers.share_losses[0]
        buffers.share_losses[0] = before + sum_of(buffers.losses, 0, count)


@serial_and_parallel
def train_sparse(begin, end, batch, n, step, loss, parts, addresses, sizes, plan, settings, like):
    """Do what ``train`` does, for sparse X; the weights' phase follows each block of examples."""
    order = pointer_at(plan[ORDER], sizes)
    buffers, _, names, constants = unpacked(addresses, sizes, plan, settings, like)
    while begin < end:
        start = begin // batch * batch
        size = min(batch, n - start)
        count = min(names.rows, start + size - begin)
        fresh, done = begin == start, begin + count == start + size
        for part in prange(parts):
            sparse_examples_phase(part, parts, begin, count, fresh, addresses, sizes, plan, settings, like)
        weight_sum = weight_of_batch(start, size, order, buffers, names) if done else 1.0
        done = done and weight_sum > 0.0
        rate = rate_of_step(step + start // batch + 1, names, constants)
        for part in prange(parts):
            sparse_weights_phase(
                part, parts, begin, count, fresh, done, weight_sum, rate,
                addresses, sizes, plan, settings, like,
            )  # fmt: skip
        begin += count
        if done:
            loss += loss_of_step(size, weight_sum, buffers, names, constants)
    return loss


@serial_and_parallel
def train(begin, end, batch, n, step, loss, parts, addresses, sizes, plan, settings, like):
    """Train on the places begin..end of an epoch of n places; ``step`` updates were done before the epoch.

    ``begin`` and ``end`` are at borders of blocks, so that an epoch can be done in any number of calls. Return
    ``loss`` plus, for each batch that was completed, its loss times its size. Each phase is divided among ``parts``
    threads.
    """
    order = pointer_at(plan[ORDER], sizes)
    buffers, _, names, constants = unpacked(addresses, sizes, plan, settings, like)
    block = names.shares * names.rows
    while begin < end:
        start = begin // batch * batch
        size = min(batch, n - start)
        count = min(block, start + size - begin)
        for part in prange(parts):
            examples_phase(part, parts, begin, count, begin == start, addresses, sizes, plan, settings, like)
        begin += count
        if begin < start + size:
            continue
        weight_sum = weight_of_batch(start, size, order, buffers, names)
        if weight_sum == 0.0:
            continue  # as if the batch were not there
        rate = rate_of_step(step + start // batch + 1, names, constants)
        for part in prange(parts):
            weights_phase(part, parts, weight_sum, rate, addresses, sizes, plan, settings, like)
        loss += loss_of_step(size, weight_sum, buffers, names, constants)
    return loss


train_serial, train_parallel = train
train_sparse_serial, train_sparse_parallel = train_sparse
