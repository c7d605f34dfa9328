"""A vector register as a Numba type, and what is built of it: elementary functions, tiles, matrix products."""
