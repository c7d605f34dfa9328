"""Random numbers that are a function of a key and a counter.

Dropout draws them: whichever thread computes an example, and in whatever order, its numbers are the same.

Reference: B. Widynski, "Squares: a fast counter-based RNG" (2020), with four rounds and 32 bits of output.
"""

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from ..simd.vectors import Lanes, splat_of, vector_of


@intrinsic
def uniform(typingctx, p, key, counter):
    """Return lanes of the pointer's dtype, uniform in [0, 1); lane i is drawn with the counter ``counter + i``.

    ``key`` and ``counter`` are 64-bit integers; the key is odd.
    """
    lanes = Lanes(p.dtype)
    word = ir.IntType(64)
    words = ir.VectorType(word, lanes.count)

    def constant(value):
        return ir.Constant(words, [value] * lanes.count)

    def codegen(context, builder, sig, args):
        def squared_plus(x, y):
            return builder.add(builder.mul(x, x), y)

        def halves_swapped(x):
            return builder.or_(builder.lshr(x, constant(32)), builder.shl(x, constant(32)))

        key, counter = (splat_of(builder, value, words) for value in args[1:])
        counter = builder.add(counter, ir.Constant(words, list(range(lanes.count))))
        x = y = builder.mul(counter, key)
        z = builder.add(y, key)
        for offset in (y, z, y):
            x = halves_swapped(squared_plus(x, offset))
        bits = builder.lshr(squared_plus(x, z), constant(40))  # 24 bits, which float32 holds exactly
        number = builder.uitofp(bits, vector_of(lanes))
        return builder.fmul(number, ir.Constant(number.type, [2.0**-24] * lanes.count))

    return lanes(p, types.int64, types.int64), codegen
