"""Blocks of registers: the accumulators of a matrix product, and what is done with them.

A block is a number of registers, which LLVM keeps as such. One that holds a tile of a product has ``rows`` times
``columns`` of them: register i * columns + j belongs to row i and panel j.
"""

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from .vectors import (
    WIDE,
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

# The tile of a product: 24 accumulators fit the 32 registers of AVX-512, 6 pairs the 16 of AVX2.
ROWS = 12 if WIDE else 6
COLUMNS = 2 if WIDE else 1  # panels, which share each scalar that is loaded


def registers_of(builder, value):
    """Return the registers of a block, or that of lanes."""
    if isinstance(value.type, ir.VectorType):
        return [value]
    return [builder.extract_value(value, i) for i in range(value.type.count)]


def block_of(context, builder, block, registers):
    """Return a block of the given registers."""
    value = ir.Constant(context.get_value_type(block), ir.Undefined)
    for i, register in enumerate(registers):
        value = builder.insert_value(value, register, i)
    return value


def pointers_from(builder, first, stride, count):
    """Yield ``count`` pointers, ``stride`` numbers apart."""
    for _ in range(count):
        yield first
        first = builder.gep(first, [stride])


def _tile_pointers(builder, first, row_stride, column_stride, rows, columns):
    """Yield the pointers to the registers of a tile, row by row."""
    for row in pointers_from(builder, first, row_stride, rows):
        yield from pointers_from(builder, row, column_stride, columns)


def _columns(x):
    """Return how many columns a tile has, of which each has a register of x, a block or lanes."""
    return x.rows if isinstance(x, Block) else 1


@intrinsic(prefer_literal=True)
def zero_block(typingctx, p, count):
    """Return a block of ``count`` (a constant) registers of zeros with the pointer's dtype."""
    block = Block(Lanes(p.dtype), count.literal_value)

    def codegen(context, builder, sig, args):
        return ir.Constant(context.get_value_type(block), None)

    return block(p, count), codegen


@intrinsic(prefer_literal=True)
def load_block(typingctx, p, offset, stride, count):
    """Return the block whose register i is p[offset + i * stride : + lanes]; ``count`` is a constant."""
    block = Block(Lanes(p.dtype), count.literal_value)
    vector = vector_of(block.lanes)

    def codegen(context, builder, sig, args):
        pointers = pointers_from(builder, builder.gep(args[0], [args[1]]), args[2], block.rows)
        return block_of(context, builder, block, [load_at(builder, pointer, vector) for pointer in pointers])

    return block(p, types.intp, types.intp, count), codegen


@intrinsic
def store_block(typingctx, p, offset, stride, block):
    """Set p[offset + i * stride : + lanes] to register i of the block."""

    def codegen(context, builder, sig, args):
        pointers = pointers_from(builder, builder.gep(args[0], [args[1]]), args[2], block.rows)
        for register, pointer in zip(registers_of(builder, args[3]), pointers, strict=True):
            store_at(builder, register, pointer)
        return context.get_dummy_value()

    return types.none(p, types.intp, types.intp, block), codegen


@intrinsic(prefer_literal=True)
def load_tile(typingctx, p, offset, row_stride, column_stride, rows, columns):
    """Return the tile whose row i and column j is p[offset + i * row_stride + j * column_stride : + lanes].

    ``rows`` and ``columns`` are constants.
    """
    height, width = rows.literal_value, columns.literal_value
    block = Block(Lanes(p.dtype), height * width)
    vector = vector_of(block.lanes)

    def codegen(context, builder, sig, args):
        p, offset, row_stride, column_stride, *_ = args
        pointers = _tile_pointers(builder, builder.gep(p, [offset]), row_stride, column_stride, height, width)
        return block_of(context, builder, block, [load_at(builder, pointer, vector) for pointer in pointers])

    return block(p, types.intp, types.intp, types.intp, rows, columns), codegen


@intrinsic(prefer_literal=True)
def store_tile(typingctx, p, offset, row_stride, column_stride, tile, columns):
    """Set p[offset + i * row_stride + j * column_stride : + lanes] to row i and column j of the tile.

    ``columns`` is a constant.
    """
    width = columns.literal_value
    height = tile.rows // width

    def codegen(context, builder, sig, args):
        p, offset, row_stride, column_stride, value, _ = args
        pointers = _tile_pointers(builder, builder.gep(p, [offset]), row_stride, column_stride, height, width)
        for register, pointer in zip(registers_of(builder, value), pointers, strict=True):
            store_at(builder, register, pointer)
        return context.get_dummy_value()

    return types.none(p, types.intp, types.intp, types.intp, tile, columns), codegen


@intrinsic
def multiply_rows(typingctx, a, b):
    """Return the block of the products a[i] * b[i]."""

    def codegen(context, builder, sig, args):
        pairs = zip(*(registers_of(builder, block) for block in args), strict=True)
        return block_of(context, builder, a, [builder.fmul(*pair) for pair in pairs])

    return a(a, b), codegen


def _add_to_tile(context, builder, block, value, factors, x):
    """Add to row i and column j of a tile the factor of row i times register j of x."""
    registers, columns = registers_of(builder, value), registers_of(builder, x)
    for i, factor in enumerate(factors):
        for j, column in enumerate(columns, i * len(columns)):
            registers[j] = call_vector(builder, "fmuladd", factor, column, registers[j])
    return block_of(context, builder, block, registers)


@intrinsic
def add_outer(typingctx, tile, p, offset, stride, x):
    """Return tile[i, j] + p[offset + i * stride] * x[j]: one column of scalars times one register of each panel.

    x is a block of as many registers as the tile has columns, or lanes for one column. Each scalar is loaded once.
    """

    def codegen(context, builder, sig, args):
        value, p, offset, stride, x_value = args
        pointers = pointers_from(builder, builder.gep(p, [offset]), stride, tile.rows // _columns(x))
        vector = vector_of(tile.lanes)
        factors = (splat_of(builder, builder.load(pointer), vector) for pointer in pointers)
        return _add_to_tile(context, builder, tile, value, factors, x_value)

    return tile(tile, p, types.intp, types.intp, x), codegen


@intrinsic
def add_products(typingctx, tile, p, offset, stride, x):
    """Return tile[i, j] + p[offset + i * stride : + lanes] * x[j], lane by lane.

    x is as for ``add_outer``. Each register at p is loaded once.
    """

    def codegen(context, builder, sig, args):
        value, p, offset, stride, x_value = args
        pointers = pointers_from(builder, builder.gep(p, [offset]), stride, tile.rows // _columns(x))
        factors = (load_at(builder, pointer, vector_of(tile.lanes)) for pointer in pointers)
        return _add_to_tile(context, builder, tile, value, factors, x_value)

    return tile(tile, p, types.intp, types.intp, x), codegen


@intrinsic
def add_products_within(typingctx, block, p, offset, count, x):
    """Return ``add_products`` for registers that follow each other in memory, of which only ``count`` numbers are read.

    x is lanes.
    """

    def codegen(context, builder, sig, args):
        value, p, offset, count, x_value = args
        lanes = ir.Constant(offset.type, block.lanes.count)
        factors = []
        for i, pointer in enumerate(pointers_from(builder, builder.gep(p, [offset]), lanes, block.rows)):
            few = builder.sub(count, ir.Constant(count.type, i * block.lanes.count))
            factors.append(load_few_at(builder, pointer, x_value.type, few))
        return _add_to_tile(context, builder, block, value, factors, x_value)

    return block(block, p, types.intp, types.intp, block.lanes), codegen


@intrinsic(prefer_literal=True)
def store_row_sums(typingctx, p, offset, stride, tile, columns):
    """Set p[offset + i + j * stride] to the sum over the lanes of row i and column j of the tile.

    The number of rows is a power of two, that of ``columns`` a constant.
    """
    width = columns.literal_value

    def codegen(context, builder, sig, args):
        registers = registers_of(builder, args[3])
        pointers = pointers_from(builder, builder.gep(args[0], [args[1]]), args[2], width)
        for j, pointer in enumerate(pointers):
            store_at(builder, _lane_sums(builder, registers[j::width]), pointer)
        return context.get_dummy_value()

    return types.none(p, types.intp, types.intp, tile, columns), codegen


def _lane_sums(builder, registers):
    """Return a vector of the sums over the lanes of each register.

    Two registers are folded into one at a time, so that the tree of sums costs three instructions a register.
    """
    count = width = registers[0].type.count
    while len(registers) > 1:
        # each register holds one group of `width` partial sums for each row folded into it
        width //= 2
        low, high = _halves(2 * count, width)
        registers = [
            builder.fadd(shuffle(builder, a, b, low), shuffle(builder, a, b, high))
            for a, b in zip(registers[::2], registers[1::2], strict=True)
        ]
    value = registers[0]
    while width > 1:
        width //= 2
        low, high = _halves(value.type.count, width)
        value = builder.fadd(shuffle(builder, value, value, low), shuffle(builder, value, value, high))
    return value


def _halves(count, width):
    """Return the lanes, among ``count``, of every second group of ``width`` lanes, and those of the others."""
    starts = range(0, count, 2 * width)
    low = [start + lane for start in starts for lane in range(width)]
    return low, [lane + width for lane in low]


# Transposition.


@intrinsic
def read_block(typingctx, address, stride, last, p):
    """Return as many registers as there are lanes: number i from a byte address + min(i, last) * stride, unaligned."""
    lanes = Lanes(p.dtype)
    block, vector = Block(lanes, lanes.count), vector_of(lanes)

    def codegen(context, builder, sig, args):
        registers = []
        for i in range(block.rows):
            number = context.get_constant(types.intp, i)
            row = builder.select(builder.icmp_signed("<", number, args[2]), number, args[2])
            pointer = builder.inttoptr(builder.add(args[0], builder.mul(row, args[1])), vector.as_pointer())
            value = builder.load(pointer)
            value.align = 1
            registers.append(value)
        return block_of(context, builder, block, registers)

    return block(types.intp, types.intp, types.intp, p), codegen


@intrinsic
def transposed(typingctx, block):
    """Return the transpose of a block of as many registers as lanes."""

    def codegen(context, builder, sig, args):
        registers, distance, count = registers_of(builder, args[0]), 1, block.rows
        while distance < count:
            # exchange the off-diagonal quarters of all squares of twice the distance
            low = [lane + count - distance if lane & distance else lane for lane in range(count)]
            high = [lane + count if lane & distance else lane + distance for lane in range(count)]
            for i in (i for i in range(count) if not i & distance):
                a, b = registers[i], registers[i + distance]
                registers[i], registers[i + distance] = shuffle(builder, a, b, low), shuffle(builder, a, b, high)
            distance *= 2
        return block_of(context, builder, block, registers)

    return block(block), codegen
