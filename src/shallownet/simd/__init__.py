"""A vector register as a Numba type, and what is built of it: elementary functions, tiles, matrix products.

A register of 64 bytes is a Numba type and memory is a plain pointer, so that inner loops compile to the instructions
that one would write by hand. No flag lets the compiler reorder a sum: the source fixes the order of every sum, which is
why results have the same bits everywhere. ``vectors`` comes first, then ``vector_ops`` and ``vector_math``; ``tiles``
are what ``matmul`` is made of.
"""
