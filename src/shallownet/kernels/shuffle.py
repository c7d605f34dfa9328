"""Shuffling the order of the examples as numpy.random.RandomState does.

MLPClassifier shuffles the examples before each epoch with a RandomState, and so does this, with the same result. As
kernels can do it, several epochs need no return to Python. It also takes a fraction of NumPy's time: draws are rejected
without a branch, which the CPU would often mispredict.

The state of the generator is an array of STATE integers: the key (WORDS), the position of the next draw (PLACE), and
the draws that belong to the words of the key (from DRAWS on), which are computed all at once.

References: M. Matsumoto and T. Nishimura, "Mersenne twister" (1998); R. Durstenfeld, "Algorithm 235: random
permutation" (1964).
"""

from ..jit.compiling import ZERO, jitable, routine

WORDS = 624  # of the generator's key
PLACE, DRAWS = WORDS, WORDS + 1  # positions in a state
STATE = 2 * WORDS + 1
_MIDDLE = 397
_TWIST = 0x9908B0DF


@routine
def shuffle(order, n, state):
    """Shuffle order[:n] as RandomState.shuffle does. INOUT order, state.

    Each i from the last on is swapped with a j <= i: the draw, cut to as many bits as i has, unless it is above i.
    """
    i = n - 1
    mask = 1
    while mask < i:
        mask = 2 * mask + 1
    position = state[PLACE]
    while i > 0:
        while i > mask >> 1:
            if position == WORDS:
                renew(state)
                position = 0
            drawn = state[DRAWS + position] & mask
            position += 1
            accepted = drawn <= i
            j = drawn if accepted else i  # swapped with itself
            a, b = order[i], order[j]
            order[i] = b
            order[j] = a
            i -= accepted
        mask >>= 1
    state[PLACE] = position


@routine
def renew(state):
    """Compute the next key, all its words, and their draws. INOUT state."""
    for k in range(WORDS - _MIDDLE):
        twist(state, k, k + 1, k + _MIDDLE)
    for k in range(WORDS - _MIDDLE, WORDS - 1):
        twist(state, k, k + 1, k + _MIDDLE - WORDS)
    twist(state, WORDS - 1, ZERO, _MIDDLE - 1)
    for k in range(WORDS):
        state[DRAWS + k] = tempered(state[k])


@routine
def twist(state, k, following, middle):
    """Compute word k of the next key; ``following`` and ``middle`` are positions of others. INOUT state."""
    word = (state[k] & 0x80000000) | (state[following] & 0x7FFFFFFF)
    state[k] = state[middle] ^ (word >> 1) ^ (-(word & 1) & _TWIST)


@jitable
def tempered(word):
    """Return the draw that belongs to a word of the key, or those of an array of words."""
    word = word ^ (word >> 11)
    word = word ^ ((word << 7) & 0x9D2C5680)
    word = word ^ ((word << 15) & 0xEFC60000)
    return word ^ (word >> 18)
