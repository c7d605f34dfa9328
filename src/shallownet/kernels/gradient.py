"""The gradient of the weights, summed over examples in their order.

Letters as in ``step``.
"""

from ..jit.compiling import ONE, ZERO, routine
from ..simd.matmul import ADD, SET, Output, Panels, Scalars, multiply_ragged
from ..simd.tail_panel import multiply_packed, pack_rows, unpack_rows
from ..simd.vector_ops import reduce_add
from ..simd.vectors import lane_count, load, splat


@routine
def add_gradient(count, overwrite, buffers, sizes, spec):
    """Sum the gradient over the workspace's ``count`` examples, anew if ``overwrite``. INOUT gradient."""
    lanes = lane_count(buffers.theta)
    multiply_ragged(
        scalars=Scalars(pointer=buffers.x, offset=ZERO, row_stride=ONE, step=sizes.feature_rows),
        panels=Panels(pointer=buffers.d1, offset=ZERO, stride=spec.rows * lanes, number=sizes.full_panels),
        out=Output(pointer=buffers.gradient, offset=ZERO, stride=sizes.w1_stride),
        rows=sizes.features + 1,
        length=count,
        mode=SET if overwrite else ADD,
    )
    if sizes.full_panels < sizes.panels:
        add_tail_gradient(count, overwrite, buffers, sizes, spec)
    add_output_gradient(count, overwrite, buffers, sizes, spec)


@routine
def add_tail_gradient(count, overwrite, buffers, sizes, spec):
    """Sum the gradient of W1 and b1 in the tail panel over ``count`` examples. INOUT gradient, tail.

    ``tail`` holds it as a matrix (features + 1, width of a group). What is read of x behind the end of a row goes
    behind that matrix.
    """
    lanes = lane_count(buffers.theta)
    panel, stride, rows = sizes.full_panels * sizes.w1_stride, spec.rows * lanes, sizes.features + 1
    if not overwrite:
        pack_rows(buffers.gradient, panel, rows, buffers.tail)
    multiply_packed(
        scalars=Scalars(pointer=buffers.x, offset=ZERO, row_stride=ONE, step=sizes.feature_rows),
        panels=Panels(pointer=buffers.d1, offset=sizes.full_panels * stride, stride=stride, number=ONE),
        out=Output(pointer=buffers.tail, offset=ZERO, stride=ZERO),
        registers=sizes.tail_rows,
        length=count,
        mode=SET if overwrite else ADD,
    )
    unpack_rows(buffers.tail, rows, buffers.unit_mask, buffers.gradient, panel)


@routine
def add_output_gradient(count, overwrite, buffers, sizes, spec):
    """Sum the gradient of W2 and b2. INOUT gradient."""
    lanes = lane_count(buffers.a1)
    multiply_ragged(
        scalars=Scalars(pointer=buffers.z2, offset=ZERO, row_stride=spec.rows, step=ONE),
        panels=Panels(pointer=buffers.a1, offset=ZERO, stride=spec.rows * lanes, number=sizes.panels),
        out=Output(pointer=buffers.gradient, offset=sizes.w2, stride=sizes.w2_stride),
        rows=sizes.outputs,
        length=count,
        mode=SET if overwrite else ADD,
    )
    for k in range(sizes.outputs):
        before = 0.0 if overwrite else buffers.gradient[sizes.b2 + k]
        buffers.gradient[sizes.b2 + k] = before + sum_of(buffers.z2, k * spec.rows, count)


@routine
def sum_of(p, first, count):
    """Return the sum of ``count`` numbers from p[first] on, whose last lanes are filled up with zeros."""
    lanes = lane_count(p)
    sums = splat(p, 0.0)
    for i in range(first, first + count, lanes):
        sums = sums + load(p, i)
    return reduce_add(sums)
