"""Blocks whose registers are divided into GROUPS equal groups of lanes, each with a factor of its own."""

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from .tiles import block_of, pointers_from, registers_of
from .vectors import Block, Lanes, call_vector, load_at, shuffle, store_at, vector_of

GROUPS = 4


def _group(lanes):
    """Return the LLVM type of the numbers in one group of a Lanes type."""
    return ir.VectorType(vector_of(lanes).element, lanes.count // GROUPS)


def _spread(builder, numbers, width):
    """Return a vector with each of the numbers ``width`` times."""
    return shuffle(builder, numbers, numbers, [lane for lane in range(numbers.type.count) for _ in range(width)])


def _joined(builder, parts):
    """Return a vector of the numbers of several vectors of one length; these are a power of two."""
    while len(parts) > 1:
        both = list(range(2 * parts[0].type.count))
        parts = [shuffle(builder, a, b, both) for a, b in zip(parts[::2], parts[1::2], strict=True)]
    return parts[0]


def _repeated(builder, group):
    """Return a vector that has the numbers of one group in all groups."""
    return shuffle(builder, group, group, list(range(group.type.count)) * GROUPS)


@intrinsic
def load_repeated(typingctx, p, offset):
    """Return lanes of which each group has the numbers at p[offset]."""
    lanes = Lanes(p.dtype)

    def codegen(context, builder, sig, args):
        return _repeated(builder, load_at(builder, builder.gep(args[0], [args[1]]), _group(lanes)))

    return lanes(p, types.intp), codegen


@intrinsic(prefer_literal=True)
def load_groups(typingctx, p, offset, stride, count):
    """Return the block whose register i has in group g that at p[offset + (4 i + g) * stride]; ``count`` constant."""
    block = Block(Lanes(p.dtype), count.literal_value)

    def codegen(context, builder, sig, args):
        pointers = pointers_from(builder, builder.gep(args[0], [args[1]]), args[2], block.rows * GROUPS)
        groups = [load_at(builder, pointer, _group(block.lanes)) for pointer in pointers]
        registers = [_joined(builder, groups[i : i + GROUPS]) for i in range(0, len(groups), GROUPS)]
        return block_of(context, builder, block, registers)

    return block(p, types.intp, types.intp, count), codegen


@intrinsic
def store_groups(typingctx, p, offset, stride, block):
    """Set the lanes at p[offset + (4 i + g) * stride] to group g of register i, followed by zeros."""

    def codegen(context, builder, sig, args):
        pointers = pointers_from(builder, builder.gep(args[0], [args[1]]), args[2], block.rows * GROUPS)
        count = block.lanes.count
        zeros, width = ir.Constant(vector_of(block.lanes), None), count // GROUPS
        for register in registers_of(builder, args[3]):
            for first in range(0, count, width):
                lanes = [*range(first, first + width), *[count] * (count - width)]  # the first zero has number `count`
                store_at(builder, shuffle(builder, register, zeros, lanes), next(pointers))
        return context.get_dummy_value()

    return types.none(p, types.intp, types.intp, block), codegen


@intrinsic
def add_for_columns(typingctx, block, p, offset, x):
    """Return block[i] + s * x, where group g of the lanes of s has p[offset + 4 i + g]."""

    def codegen(context, builder, sig, args):
        value, p, offset, x_value = args
        stride = ir.Constant(offset.type, GROUPS)
        pointers = pointers_from(builder, builder.gep(p, [offset]), stride, block.rows)
        numbers = (load_at(builder, pointer, ir.VectorType(x_value.type.element, GROUPS)) for pointer in pointers)
        registers = [
            call_vector(builder, "fmuladd", _spread(builder, few, x_value.type.count // GROUPS), x_value, register)
            for register, few in zip(registers_of(builder, value), numbers, strict=True)
        ]
        return block_of(context, builder, block, registers)

    return block(block, p, types.intp, block.lanes), codegen


@intrinsic(prefer_literal=True)
def add_for_rows(typingctx, block, p, offset, stride, v, panel, length):
    """Return block[i] + the sum over k < ``length``, in that order, of s_k * v_k.

    The length is a constant, 0 for as many as a group has lanes. Group g of the lanes of s_k has the number
    p[offset + (4 i + g) * stride + k], each group of v_k the first numbers of v[panel + k * lanes :].
    """
    width = block.lanes.count // GROUPS
    terms = length.literal_value or width

    def codegen(context, builder, sig, args):
        value, p, offset, stride, v, panel = args[:6]
        lanes = ir.Constant(stride.type, block.lanes.count)
        panels = pointers_from(builder, builder.gep(v, [panel]), lanes, terms)
        factors = [_repeated(builder, load_at(builder, pointer, _group(block.lanes))) for pointer in panels]
        pointers = pointers_from(builder, builder.gep(p, [offset]), stride, block.rows * GROUPS)
        few = ir.VectorType(vector_of(block.lanes).element, terms)
        registers = []
        for register in registers_of(builder, value):
            scalars = _joined(builder, [load_at(builder, next(pointers), few) for _ in range(GROUPS)])
            for k, factor in enumerate(factors):
                lanes_of_k = [group * terms + k for group in range(GROUPS)]
                numbers = _spread(builder, shuffle(builder, scalars, scalars, lanes_of_k), width)
                register = call_vector(builder, "fmuladd", numbers, factor, register)
            registers.append(register)
        return block_of(context, builder, block, registers)

    return block(block, p, types.intp, types.intp, p, types.intp, length), codegen
