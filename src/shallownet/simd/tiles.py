"""Blocks of lanes: the accumulators of a matrix product, and what is done with them."""

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from .vectors import (
    Block,
    Lanes,
    call_vector,
    load_at,
    load_few_at,
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
def read_block(typingctx, address, step, last, p):
    """Return as many lines as there are lanes: line i at a byte address + min(i, last) * step, aligned or not."""
    lanes = Lanes(p.dtype)
    block, vector = Block(lanes, lanes.count), vector_of(lanes)

    def codegen(context, builder, sig, args):
        rows = []
        for i in range(block.rows):
            number = context.get_constant(types.intp, i)
            line = builder.select(builder.icmp_signed("<", number, args[2]), number, args[2])
            place = builder.add(args[0], builder.mul(line, args[1]))
            value = builder.load(builder.inttoptr(place, vector.as_pointer()))
            value.align = 1
            rows.append(value)
        return _block(context, builder, block, rows)

    return block(types.intp, types.intp, types.intp, p), codegen


@intrinsic
def transposed(typingctx, block):
    """Return a block of as many rows as lanes with the two exchanged."""

    def codegen(context, builder, sig, args):
        rows, distance = _rows(builder, args[0]), 1
        while distance < block.rows:
            # exchange the corners of all squares of twice the distance
            for i in (i for i in range(block.rows) if not i & distance):
                a, b = rows[i], rows[i + distance]
                low = [lane + block.rows - distance if lane & distance else lane for lane in range(block.rows)]
                high = [lane + block.rows if lane & distance else lane + distance for lane in range(block.rows)]
                rows[i], rows[i + distance] = shuffle(builder, a, b, low), shuffle(builder, a, b, high)
            distance *= 2
        return _block(context, builder, block, rows)

    return block(block), codegen


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


# Rows whose lanes are divided evenly into ``groups``, a constant, of which each has a number of its own for a factor.


def _spread(builder, numbers, width):
    """Return a vector with each of the numbers in ``width`` places."""
    return shuffle(builder, numbers, numbers, [place for place in range(numbers.type.count) for _ in range(width)])


@intrinsic(prefer_literal=True)
def add_for_features(typingctx, block, p, first, step, x, groups):
    """Return block[i] + s * x, where group g of the lanes of s has p[first + i * step + g]."""
    count = groups.literal_value

    def codegen(context, builder, sig, args):
        value, p, first, step, x, _ = args
        pointers = _pointers(builder, builder.gep(p, [first]), step, block.rows)
        numbers = (load_at(builder, place, ir.VectorType(x.type.element, count)) for place in pointers)
        rows = [
            call_vector(builder, "fmuladd", _spread(builder, few, x.type.count // count), x, row)
            for row, few in zip(_rows(builder, value), numbers, strict=True)
        ]
        return _block(context, builder, block, rows)

    return block(block, p, types.intp, types.intp, block.lanes, groups), codegen


@intrinsic(prefer_literal=True)
def add_for_examples(typingctx, block, p, first, step, v, panel, length, groups):
    """Return block[i] + the sum over k < ``length``, in that order, of s_k * v_k.

    The length is a constant, 0 for as many as a group has lanes. Group g of the lanes of s_k has the number
    p[first + (i * groups + g) * step + k], each group of v_k the first numbers of v[panel + k * lanes :].
    """
    count = groups.literal_value
    width = block.lanes.count // count
    terms = length.literal_value or width

    def codegen(context, builder, sig, args):
        value, p, first, step, v, panel = args[:6]
        element, lanes = vector_of(block.lanes).element, ir.Constant(step.type, block.lanes.count)
        panels = _pointers(builder, builder.gep(v, [panel]), lanes, terms)
        few = (load_at(builder, place, ir.VectorType(element, width)) for place in panels)
        factors = [_repeated(builder, numbers, count) for numbers in few]
        pointers = _pointers(builder, builder.gep(p, [first]), step, block.rows * count)
        rows = []
        for row in _rows(builder, value):
            parts = [load_at(builder, next(pointers), ir.VectorType(element, terms)) for _ in range(count)]
            whole = _joined(builder, parts)
            for k, factor in enumerate(factors):
                places = [group * terms + k for group in range(count)]
                numbers = _spread(builder, shuffle(builder, whole, whole, places), width)
                row = call_vector(builder, "fmuladd", numbers, factor, row)
            rows.append(row)
        return _block(context, builder, block, rows)

    return block(block, p, types.intp, types.intp, p, types.intp, length, groups), codegen


def _joined(builder, parts):
    """Return a vector of the numbers of several of one length, one after the other; these are a power of two."""
    while len(parts) > 1:
        both = list(range(2 * parts[0].type.count))
        parts = [shuffle(builder, a, b, both) for a, b in zip(parts[::2], parts[1::2], strict=True)]
    return parts[0]


def _repeated(builder, few, groups):
    """Return a vector that has the few numbers in each of ``groups`` groups of places."""
    return shuffle(builder, few, few, list(range(few.type.count)) * groups)


@intrinsic(prefer_literal=True)
def load_repeated(typingctx, p, index, groups):
    """Return lanes of which each group has the numbers at p[index]."""
    lanes = Lanes(p.dtype)
    few = ir.VectorType(vector_of(lanes).element, lanes.count // groups.literal_value)

    def codegen(context, builder, sig, args):
        return _repeated(builder, load_at(builder, builder.gep(args[0], [args[1]]), few), groups.literal_value)

    return lanes(p, types.intp, groups), codegen


@intrinsic(prefer_literal=True)
def store_groups(typingctx, p, first, step, block, groups):
    """Set the lanes at p[first + (i * groups + g) * step] to group g of row i, with zeros behind it."""
    count = groups.literal_value
    width = block.lanes.count // count

    def codegen(context, builder, sig, args):
        pointers = _pointers(builder, builder.gep(args[0], [args[1]]), args[2], block.rows * count)
        zeros, zero = ir.Constant(vector_of(block.lanes), None), block.lanes.count  # and the place of the first of them
        for row in _rows(builder, args[3]):
            for group in range(count):
                places = [*range(group * width, (group + 1) * width), *[zero] * (zero - width)]
                store_at(builder, shuffle(builder, row, zeros, places), next(pointers))
        return context.get_dummy_value()

    return types.none(p, types.intp, types.intp, block, groups), codegen


@intrinsic(prefer_literal=True)
def load_groups(typingctx, p, first, step, rows, groups):
    """Return the block that ``store_groups`` has stored; ``rows`` and ``groups`` are constants."""
    block, count = Block(Lanes(p.dtype), rows.literal_value), groups.literal_value

    def codegen(context, builder, sig, args):
        few = ir.VectorType(vector_of(block.lanes).element, block.lanes.count // count)
        pointers = _pointers(builder, builder.gep(args[0], [args[1]]), args[2], block.rows * count)
        rows = []
        for _ in range(block.rows):
            rows.append(_joined(builder, [load_at(builder, next(pointers), few) for _ in range(count)]))
        return _block(context, builder, block, rows)

    return block(p, types.intp, types.intp, rows, groups), codegen


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
def add_products_within(typingctx, block, p, first, count, x):
    """Return add_products for rows that follow each other, but for only ``count`` numbers: no other is read."""

    def codegen(context, builder, sig, args):
        value, p, first, count, x = args
        pointers = _pointers(builder, builder.gep(p, [first]), ir.Constant(first.type, block.lanes.count), block.rows)
        rows = []
        for i, (row, place) in enumerate(zip(_rows(builder, value), pointers, strict=True)):
            few = builder.sub(count, ir.Constant(count.type, i * block.lanes.count))
            rows.append(call_vector(builder, "fmuladd", load_few_at(builder, place, x.type, few), x, row))
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
