"""Blocks of lanes: the accumulators of a matrix product, and what is done with them."""

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from .lanes import (
    Block,
    Lanes,
    call_vector,
    load_at,
    shuffle,
    splat_of,
    store_at,
    vector_of,
)


def _rows(builder, block):
    return [builder.extract_value(block, i) for i in range(block.type.count)]


def _block(context, builder, block, rows):
    value = ir.Constant(context.get_value_type(block), ir.Undefined)
    for i, row in enumerate(rows):
        value = builder.insert_value(value, row, i)
    return value


def _pointers(builder, first, step, count):
    """Yield ``count`` pointers, ``step`` numbers apart."""
    for _ in range(count):
        yield first
        first = builder.gep(first, [step])


@intrinsic(prefer_literal=True)
def zero_block(typingctx, p, rows):
    """Return a block of zeros with the pointer's dtype; ``rows`` is a constant."""
    block = Block(Lanes(p.dtype), rows.literal_value)

    def codegen(context, builder, sig, args):
        return ir.Constant(context.get_value_type(block), None)

    return block(p, rows), codegen


@intrinsic(prefer_literal=True)
def load_block(typingctx, p, first, step, rows):
    """Return the block whose row i is p[first + i * step : + lanes]; ``rows`` is a constant."""
    block = Block(Lanes(p.dtype), rows.literal_value)
    vector = vector_of(block.lanes)

    def codegen(context, builder, sig, args):
        pointer = builder.gep(args[0], [args[1]])
        places = _pointers(builder, pointer, args[2], block.rows)
        rows = [load_at(builder, place, vector) for place in places]
        return _block(context, builder, block, rows)

    return block(p, types.intp, types.intp, rows), codegen


@intrinsic
def store_block(typingctx, p, first, step, block):
    """Set p[first + i * step : + lanes] to row i of the block."""

    def codegen(context, builder, sig, args):
        pointer = builder.gep(args[0], [args[1]])
        pointers = _pointers(builder, pointer, args[2], block.rows)
        for row, place in zip(_rows(builder, args[3]), pointers, strict=True):
            store_at(builder, row, place)
        return context.get_dummy_value()

    return types.none(p, types.intp, types.intp, block), codegen


@intrinsic
def multiply_rows(typingctx, a, b):
    """Return the block of the products a[i] * b[i]."""

    def codegen(context, builder, sig, args):
        pairs = zip(*(_rows(builder, block) for block in args), strict=True)
        return _block(context, builder, a, [builder.fmul(*pair) for pair in pairs])

    return a(a, b), codegen


@intrinsic
def add_outer(typingctx, block, p, first, step, x):
    """Return block[i] + p[first + i * step] * x: one column of scalars times one row of lanes."""

    def codegen(context, builder, sig, args):
        value, p, first, step, x = args
        pointer = builder.gep(p, [first])
        pointers = _pointers(builder, pointer, step, block.rows)
        rows = [
            call_vector(builder, "fmuladd", splat_of(builder, builder.load(place), x.type), x, row)
            for row, place in zip(_rows(builder, value), pointers, strict=True)
        ]
        return _block(context, builder, block, rows)

    return block(block, p, types.intp, types.intp, block.lanes), codegen


def _add_pair(context, builder, a, args, factor_at):
    """Emit two blocks plus, row by row, a factor that is loaded once times x for one and times y for the other."""
    a_value, b_value, p, first, step, x, y = args
    pointers = _pointers(builder, builder.gep(p, [first]), step, a.rows)
    a_rows, b_rows = _rows(builder, a_value), _rows(builder, b_value)
    for i, place in enumerate(pointers):
        factor = factor_at(place, x.type)
        a_rows[i] = call_vector(builder, "fmuladd", factor, x, a_rows[i])
        b_rows[i] = call_vector(builder, "fmuladd", factor, y, b_rows[i])
    blocks = [_block(context, builder, a, rows) for rows in (a_rows, b_rows)]
    return context.make_tuple(builder, types.UniTuple(a, 2), blocks)


@intrinsic
def add_outer_pair(typingctx, a, b, p, first, step, x, y):
    """Return add_outer for two blocks that share the scalars, so that each is loaded once."""

    def codegen(context, builder, sig, args):
        return _add_pair(context, builder, a, args, lambda place, v: splat_of(builder, builder.load(place), v))

    return types.UniTuple(a, 2)(a, b, p, types.intp, types.intp, a.lanes, b.lanes), codegen


@intrinsic
def add_products(typingctx, block, p, first, step, x):
    """Return block[i] + p[first + i * step : + lanes] * x, lane by lane."""

    def codegen(context, builder, sig, args):
        value, p, first, step, x = args
        pointer = builder.gep(p, [first])
        pointers = _pointers(builder, pointer, step, block.rows)
        rows = [
            call_vector(builder, "fmuladd", load_at(builder, place, x.type), x, row)
            for row, place in zip(_rows(builder, value), pointers, strict=True)
        ]
        return _block(context, builder, block, rows)

    return block(block, p, types.intp, types.intp, block.lanes), codegen


@intrinsic
def add_products_pair(typingctx, a, b, p, first, step, x, y):
    """Return add_products for two blocks that share the numbers at p, so that each is loaded once."""

    def codegen(context, builder, sig, args):
        return _add_pair(context, builder, a, args, lambda place, v: load_at(builder, place, v))

    return types.UniTuple(a, 2)(a, b, p, types.intp, types.intp, a.lanes, b.lanes), codegen


@intrinsic
def store_row_sums(typingctx, p, index, block):
    """Set p[index + i] to the sum over the lanes of row i; the number of rows is a power of two.

    Two rows are folded into one register at a time, so the tree of sums costs three instructions a row.
    """

    def codegen(context, builder, sig, args):
        rows, width = _rows(builder, args[2]), block.lanes.count
        while len(rows) > 1:
            # each register holds one group of `width` partial sums for each row folded into it
            width //= 2
            starts = range(0, 2 * block.lanes.count, 2 * width)
            low = [start + lane for start in starts for lane in range(width)]
            high = [place + width for place in low]
            rows = [
                builder.fadd(shuffle(builder, a, b, low), shuffle(builder, a, b, high))
                for a, b in zip(rows[::2], rows[1::2], strict=True)
            ]
        value = rows[0]
        while width > 1:
            width //= 2
            starts = range(0, value.type.count, 2 * width)
            low = [start + lane for start in starts for lane in range(width)]
            high = [place + width for place in low]
            value = builder.fadd(shuffle(builder, value, value, low), shuffle(builder, value, value, high))
        store_at(builder, value, builder.gep(args[0], [args[1]]))
        return context.get_dummy_value()

    return types.none(p, types.intp, block), codegen
