"""Arithmetic on lanes: operators, comparisons, fused and elementwise operations, exponents, sums.

The operators are ``+``, ``-``, ``*`` and ``/``. The comparisons are ``<``, ``>=`` and ``==``; they are false for NaN,
and what they return is for ``select``. One of two operands may be a plain number.
"""

import operator

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.imputils import lower_builtin
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic

from .vectors import INDEX, Lanes, Mask, call_vector, shuffle, splat_of, vector_of


def _constant(vector, value):
    return ir.Constant(vector, [value] * vector.count)


def _common_lanes(*operands):
    """Return the one Lanes type among the operands if all others are plain numbers, else None."""
    found = {operand for operand in operands if isinstance(operand, Lanes)}
    numbers = [operand for operand in operands if isinstance(operand, types.Number)]
    same = len(found) == 1 and len(numbers) + sum(operand in found for operand in operands) == len(operands)
    return found.pop() if same else None


def _operands(context, builder, kinds, values):
    """Yield the values as vectors of their common Lanes type."""
    lanes = _common_lanes(*kinds)
    for value, kind in zip(values, kinds, strict=True):
        if isinstance(kind, Lanes):
            yield value
        else:
            yield splat_of(builder, context.cast(builder, value, kind, lanes.dtype), vector_of(lanes))


def _define_binary(symbol, emit, result):
    """Let ``symbol`` take lanes and lanes, or lanes and a number; ``emit`` writes its instruction."""

    @infer_global(symbol)
    class Binary(AbstractTemplate):
        def generic(self, args, kws):
            lanes = _common_lanes(*args) if len(args) == 2 else None
            return signature(result(lanes), *args) if lanes is not None else None

    def codegen(context, builder, sig, args):
        return emit(builder, *_operands(context, builder, sig.args, args))

    lower_builtin(symbol, Lanes, Lanes)(codegen)
    lower_builtin(symbol, Lanes, types.Number)(codegen)
    lower_builtin(symbol, types.Number, Lanes)(codegen)


for _symbol, _name in {
    operator.add: "fadd",
    operator.sub: "fsub",
    operator.mul: "fmul",
    operator.truediv: "fdiv",
}.items():
    _define_binary(_symbol, lambda b, x, y, name=_name: getattr(b, name)(x, y), lambda lanes: lanes)

for _symbol, _name in {operator.lt: "<", operator.ge: ">=", operator.eq: "=="}.items():
    _define_binary(
        _symbol,
        lambda b, x, y, name=_name: b.fcmp_ordered(name, x, y),
        lambda lanes: Mask(lanes.count),
    )


@lower_builtin(operator.neg, Lanes)
def _negative(context, builder, sig, args):
    return builder.fneg(args[0])


@infer_global(operator.neg)
class _Negative(AbstractTemplate):
    def generic(self, args, kws):
        return signature(args[0], *args) if isinstance(args[0], Lanes) else None


@intrinsic
def select(typingctx, mask, a, b):
    """Return a where the mask is true, else b; one of the two may be a plain number."""
    lanes = _common_lanes(a, b)

    def codegen(context, builder, sig, args):
        return builder.select(args[0], *_operands(context, builder, sig.args[1:], args[1:]))

    return lanes(mask, a, b), codegen


def _define_elementwise(name, description, arity):
    """Return an intrinsic that applies an LLVM function to lanes; some arguments may be plain numbers."""

    def codegen(context, builder, sig, args):
        return call_vector(builder, name, *_operands(context, builder, sig.args, args))

    def one(typingctx, a):
        return a(a), codegen

    def two(typingctx, a, b):
        return _common_lanes(a, b)(a, b), codegen

    def three(typingctx, a, b, c):
        return _common_lanes(a, b, c)(a, b, c), codegen

    function = {1: one, 2: two, 3: three}[arity]
    function.__doc__ = description
    return intrinsic(function)


fma = _define_elementwise("fmuladd", "Return a * b + c, rounded once where the CPU can.", 3)
square_root = _define_elementwise("sqrt", "Return the square root of each lane.", 1)
absolute = _define_elementwise("fabs", "Return the absolute value of each lane.", 1)
copy_sign = _define_elementwise("copysign", "Return the absolute value of a with the sign of b.", 2)
round_to_whole = _define_elementwise("rint", "Return the nearest whole number, ties to even.", 1)


def _layout(lanes):
    """Return the integer vector of a Lanes type, its mantissa bits and its exponent bias."""
    bits = lanes.dtype.bitwidth
    integers = ir.VectorType(ir.IntType(bits), lanes.count)
    return (integers, 23, 127) if bits == 32 else (integers, 52, 1023)


@intrinsic
def power_of_two(typingctx, n):
    """Return 2**n for whole numbers n in the range of normal exponents."""
    integers, mantissa, bias = _layout(n)

    def codegen(context, builder, sig, args):
        exponent = builder.add(builder.fptosi(args[0], integers), _constant(integers, bias))
        return builder.bitcast(builder.shl(exponent, _constant(integers, mantissa)), args[0].type)

    return n(n), codegen


def _exponent_field(builder, value, lanes):
    """Return the bits of x and those of its exponent e, where x = m * 2**e with m in [sqrt(1/2), sqrt(2))."""
    integers, mantissa, _ = _layout(lanes)
    root_half = 0x3F3504F3 if mantissa == 23 else 0x3FE6A09E667F3BCD  # the bits of sqrt(1/2)
    bits = builder.bitcast(value, integers)
    exponent = builder.ashr(builder.sub(bits, _constant(integers, root_half)), _constant(integers, mantissa))
    return bits, exponent


@intrinsic
def exponent_of(typingctx, x):
    """Return the whole e with x = m * 2**e and m in [sqrt(1/2), sqrt(2)), for normal x > 0."""

    def codegen(context, builder, sig, args):
        _, exponent = _exponent_field(builder, args[0], x)
        return builder.sitofp(exponent, args[0].type)

    return x(x), codegen


@intrinsic
def mantissa_of(typingctx, x):
    """Return the m in [sqrt(1/2), sqrt(2)) with x = m * 2**e and e whole, for normal x > 0."""
    integers, mantissa, _ = _layout(x)

    def codegen(context, builder, sig, args):
        bits, exponent = _exponent_field(builder, args[0], x)
        bits = builder.sub(bits, builder.shl(exponent, _constant(integers, mantissa)))
        return builder.bitcast(bits, args[0].type)

    return x(x), codegen


def _terms(context, builder, values, kinds, lanes):
    """Return a tuple of numbers as vectors."""
    return [
        splat_of(builder, context.cast(builder, value, kind, lanes.dtype), vector_of(lanes))
        for value, kind in zip(cgutils.unpack_tuple(builder, values), kinds, strict=True)
    ]


@intrinsic
def polynomial(typingctx, x, coefficients):
    """Return c[0] + c[1] x + c[2] x**2 + ..., by Horner's rule with fused steps."""

    def codegen(context, builder, sig, args):
        terms = _terms(context, builder, args[1], coefficients, x)
        value = terms.pop()
        for term in reversed(terms):
            value = call_vector(builder, "fmuladd", value, args[0], term)
        return value

    return x(x, coefficients), codegen


@intrinsic
def chebyshev_sum(typingctx, x, coefficients):
    """Return c[0] T0(x) + c[1] T1(x) + ..., Chebyshev's polynomials, by Clenshaw's recurrence."""

    def codegen(context, builder, sig, args):
        first, *terms = _terms(context, builder, args[1], coefficients, x)
        twice = builder.fadd(args[0], args[0])
        before = value = ir.Constant(args[0].type, None)
        for term in reversed(terms):
            step = call_vector(builder, "fmuladd", twice, value, builder.fsub(term, before))
            before, value = value, step
        return call_vector(builder, "fmuladd", args[0], value, builder.fsub(first, before))

    return x(x, coefficients), codegen


@intrinsic
def reduce_add(typingctx, lanes):
    """Return the sum over the lanes: halves are added to each other until one number is left."""

    def codegen(context, builder, sig, args):
        value, width = args[0], lanes.count
        while width > 1:
            width //= 2
            low = shuffle(builder, value, value, list(range(width)))
            high = shuffle(builder, value, value, list(range(width, 2 * width)))
            value = builder.fadd(low, high)
        return builder.extract_element(value, ir.Constant(INDEX, 0))

    return lanes.dtype(lanes), codegen
