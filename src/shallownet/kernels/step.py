"""One training step, in the order in which it happens.

A step has two halves, for a shard of the batch's examples and for a part of the weights:

1. ``train_on_shard``, a run of examples after the other: copy rows and targets, hidden product, activation, dropout,
   output layer, loss, deltas; then the gradient of all of them (``gradient``);
2. ``update_weights``: the sum of the shards' gradients, and the optimizer's update (``optimizers``).

Two tiles of examples go through the first half at a time, so that they stay in the first-level cache from the copy of
their rows to their deltas. The derivative of the activation is computed with its value, and multiplied in as the delta
is stored.

Letters: x rows of the batch with a 1 appended, a1 and d1 the hidden activations and their derivatives (d1 then
holds dz1), z2 the outputs as [k][t] (then a2, then dz2), t an example, f a feature, k an output, j a panel.
"""

from ..jit.compiling import ONE, ZERO, jitable, routine
from ..simd.matmul import SCALE, SET, UNIT, Output, Panels, Scalars, multiply, output_layer
from ..simd.prefetch import NO_PREFETCH, Prefetch
from ..simd.tail_panel import multiply_tail
from ..simd.tiles import ROWS
from ..simd.vector_ops import select
from ..simd.vectors import (
    REGISTER_BYTES,
    WIDE,
    copy_few,
    lane_count,
    load,
    offset,
    read,
    read_lanes,
    splat,
    store,
)
from .activations import activate
from .gradient import add_gradient
from .losses import activate_outputs, losses_and_deltas
from .optimizers import update, weights_of
from .random_numbers import uniform
from .structs import TILE
from .weight_layout import round_up

COLUMNS = 32  # of columns that lie far from each other, copied together
RUN = 2 * TILE  # examples that go through a step together: each of its parts takes a moment to get going


# --- the step -------------------------------------------------------------------------------------------


@routine
def train_on_shard(block, begin, end, order, buffers, sizes, spec, parameters):
    """Compute the deltas, the losses and the gradient of a shard's examples, a Block, in its workspace.

    Behind them the thread turns to the rows at positions begin..end of the order, which are prefetched.
    INOUT buffers.
    """
    position, count, start = block.position, block.size, ZERO
    while start < count:
        stop = end_of_run(start, count)
        if not block.copied:
            copy_rows(position, start, stop, order, buffers, sizes, spec)
            copy_targets(position, start, stop, order, buffers, spec)
        ahead = NO_PREFETCH
        if begin < end:
            last = stop == count
            ahead = Prefetch(
                plan=spec.prefetch,
                order=spec.order_address,
                begin=begin if last else position + stop,
                end=end if last else position + end_of_run(stop, count),
            )
        hidden_product(start, stop, ahead, buffers, sizes, spec)
        finish_run(block, start, stop, buffers, sizes, spec, parameters)
        start = stop
    add_gradient(count, block.overwrite, buffers, sizes, spec)


@routine
def finish_run(block, start, stop, buffers, sizes, spec, parameters):
    """Go on from z1 to the deltas and losses of the examples start..stop. INOUT buffers."""
    lanes = lane_count(buffers.theta)
    activate_units(start, stop, buffers, sizes, spec, parameters.slope)
    if parameters.dropout > 0.0:
        drop_units(block.seen, start, stop, buffers, sizes, spec, parameters.dropout)
    propagate_outputs(start, stop, buffers, sizes, spec)
    losses_and_deltas(
        spec.output, buffers.z2, spec.rows, sizes.outputs,
        buffers.y, buffers.tile_weight, buffers.losses, parameters, start, stop,
    )  # fmt: skip
    for k in range(sizes.outputs):
        # rows that only fill up the products' blocks have no delta
        for t in range(stop, start + round_up(stop - start, TILE)):
            buffers.z2[k * spec.rows + t] = 0.0
    multiply(
        scalars=Scalars(pointer=buffers.z2, offset=start, row_stride=ONE, step=spec.rows),
        panels=Panels(pointer=buffers.theta, offset=sizes.w2, stride=sizes.w2_stride, number=sizes.panels),
        out=Output(pointer=buffers.d1, offset=start * lanes, stride=spec.rows * lanes),
        rows=stop - start,
        length=sizes.outputs,
        mode=SCALE,
        prefetch=NO_PREFETCH,
    )


@routine
def update_weights(part, parts, rule, buffers, sizes, spec, parameters):
    """Update this part of the weights from the sum of the shards' gradients. INOUT theta, moments; OUT squares.

    They are counted in units of rows of a panel. A unit lies in W1, with b1, or in W2; the rows that only pad it are
    left alone.
    """
    lanes, weights = lane_count(buffers.theta), weights_of(buffers, ZERO, spec)
    units = spec.units // sizes.panels
    for unit in range(part * spec.units // parts, (part + 1) * spec.units // parts):
        panel, row = unit // units * sizes.w1_stride, unit % units * UNIT
        end = sizes.features if row < sizes.feature_rows else sizes.feature_rows + sizes.outputs
        start, stop = panel + row * lanes, panel + min(row + UNIT, end) * lanes
        buffers.squares[unit] = update(start, stop, parameters.alpha, weights, rule)
        if row <= sizes.features < row + UNIT:
            b1 = panel + sizes.features * lanes
            update(b1, b1 + lanes, 0.0, weights, rule)
    if part == parts - 1:
        update(sizes.b2, sizes.size, 0.0, weights, rule)


# --- its parts ------------------------------------------------------------------------------------------


@jitable
def end_of_run(start, count):
    """Return where the run of tiles that begins at ``start`` ends; the last one takes a short rest of ``count`` in."""
    return count if count - start <= RUN + ROWS else start + RUN


@routine
def row_of(order, ordered, position):
    """Return the row of X that stands at a position of the order."""
    return order[position] if ordered else position


@routine
def copy_row(source, column_stride, size, x, position, features):
    """Copy one row of numbers of ``size`` bytes from an address to x[position:]. OUT x."""
    lanes = lane_count(x)
    if column_stride == size and features >= lanes:
        for f in range(0, features - lanes, lanes):
            store(x, position + f, read_lanes(source + f * size, x))
        # the last lanes end with the row, so they may overlap those before
        store(x, position + features - lanes, read_lanes(source + (features - lanes) * size, x))
    elif column_stride == size and WIDE:
        copy_few(source, x, position, features)
    else:
        for f in range(features):
            x[position + f] = read(source + f * column_stride, x)


@routine
def copy_rows(position, start, stop, order, buffers, sizes, spec):
    """Copy the rows of X at position + start.. of the order to rows start..stop of the workspace. OUT x."""
    size = REGISTER_BYTES // lane_count(buffers.x)
    # rows whose numbers are far apart are copied a few columns at a time, of which the caches hold all rows
    columns = COLUMNS if far_apart(spec.x_row, spec.x_column, size) else sizes.features
    for f in range(0, sizes.features, columns):
        for t in range(start, stop):
            source = spec.x_address + row_of(order, spec.ordered, position + t) * spec.x_row + f * spec.x_column
            count = min(columns, sizes.features - f)
            copy_row(source, spec.x_column, size, buffers.x, t * sizes.feature_rows + f, count)


@jitable
def far_apart(row_stride, column_stride, size):
    """Return whether a number of ``size`` bytes is nearer to that of the next row than to that of the next column."""
    return column_stride != size and abs(row_stride) < abs(column_stride)


@routine
def copy_numbers(source, stride, position, start, stop, order, ordered, out):
    """Copy source[i * stride] of the row i of X at each position + t of the order to out[t], start <= t < stop.

    IN source; OUT out.
    """
    if ordered:  # asked once, as the loop is over in a moment
        for t in range(start, stop):
            out[t] = source[order[position + t] * stride]
    else:
        for t in range(start, stop):
            out[t] = source[(position + t) * stride]


@routine
def copy_targets(position, start, stop, order, buffers, spec):
    """Copy targets and weights of the same examples; what only fills up the tile weighs 0. OUT y, tile_weight."""
    lanes = lane_count(buffers.tile_weight)
    for i in range(spec.targets):
        copy_numbers(
            offset(buffers.targets, i), spec.targets, position, start, stop, order, spec.ordered,
            offset(buffers.y, i * spec.rows),
        )  # fmt: skip
    end = start + round_up(stop - start, TILE)
    for t in range(start, end, lanes):
        store(buffers.tile_weight, t, splat(buffers.tile_weight, 1.0))
    if spec.weighted:
        copy_numbers(buffers.sample_weight, ONE, position, start, stop, order, spec.ordered, buffers.tile_weight)
    for t in range(stop, end):
        buffers.tile_weight[t] = 0.0


@routine
def hidden_product(start, stop, prefetch, buffers, sizes, spec):
    """Compute z1 of the examples start..stop of the workspace. OUT a1, which then holds it."""
    lanes = lane_count(buffers.theta)
    stride = spec.rows * lanes
    scalars = Scalars(pointer=buffers.x, offset=start * sizes.feature_rows, row_stride=sizes.feature_rows, step=ONE)
    panels = Panels(pointer=buffers.theta, offset=ZERO, stride=sizes.w1_stride, number=sizes.full_panels)
    out = Output(pointer=buffers.a1, offset=start * lanes, stride=stride)
    multiply(scalars, panels, out, stop - start, sizes.features + 1, SET, prefetch)
    if sizes.full_panels < sizes.panels:
        tail = Panels(
            pointer=buffers.theta, offset=sizes.full_panels * sizes.w1_stride, stride=sizes.w1_stride, number=ONE
        )
        out = Output(pointer=buffers.a1, offset=sizes.full_panels * stride + start * lanes, stride=stride)
        multiply_tail(scalars, tail, out, stop - start, sizes.features + 1, SET)


@routine
def activate_units(start, stop, buffers, sizes, spec, slope):
    """Compute activations and derivatives of the examples start..stop from their z1. INOUT a1; OUT d1."""
    lanes = lane_count(buffers.theta)
    for j in range(sizes.panels):
        first = (j * spec.rows + start) * lanes
        last = (j * spec.rows + stop) * lanes
        activate(spec.activation, slope, buffers.a1, buffers.d1, first, last)
        if j == sizes.panels - 1 and sizes.hidden % lanes:
            # units that do not exist: g(0) may differ from 0
            mask = load(buffers.unit_mask, 0)
            for i in range(first, last, lanes):
                store(buffers.a1, i, load(buffers.a1, i) * mask)


@routine
def drop_units(seen, start, stop, buffers, sizes, spec, dropout):
    """Leave out hidden units of the examples start..stop, and scale the others up by as much. INOUT a1, d1.

    The random number of a unit depends on it and on how many examples were ``seen`` before its own.

    Reference: N. Srivastava et al., "Dropout" (2014), in its inverted form.
    """
    lanes = lane_count(buffers.a1)
    scale = 1.0 / (1.0 - dropout)
    for j in range(sizes.panels):
        for t in range(start, stop):
            counter = ((seen + t) * sizes.panels + j) * lanes
            dropped = uniform(buffers.a1, spec.key, counter) < dropout
            factor = select(dropped, splat(buffers.a1, 0.0), scale)
            position = (j * spec.rows + t) * lanes
            store(buffers.a1, position, load(buffers.a1, position) * factor)
            store(buffers.d1, position, load(buffers.d1, position) * factor)


@routine
def propagate_outputs(start, stop, buffers, sizes, spec):
    """Compute a2 of the examples start..stop of the workspace. OUT z2, which then holds it."""
    lanes = lane_count(buffers.theta)
    output_layer(
        a1=Panels(pointer=buffers.a1, offset=start * lanes, stride=spec.rows * lanes, number=sizes.panels),
        w2=Panels(pointer=buffers.theta, offset=sizes.w2, stride=sizes.w2_stride, number=sizes.panels),
        z2=Output(pointer=buffers.z2, offset=start, stride=spec.rows),
        rows=stop - start,
        outputs=sizes.outputs,
    )
    activate_outputs(spec.output, buffers.z2, spec.rows, sizes.outputs, buffers.theta, sizes.b2, start, stop)
