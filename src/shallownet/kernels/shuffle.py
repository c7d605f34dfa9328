"""The order of the examples, shuffled with the draws of numpy.random.RandomState.

MLPClassifier shuffles the examples before each epoch with a RandomState. Its draws are repeated here, so that an
epoch need not come back to Python for its order, and so that shuffling takes a fraction of NumPy's time: a number
that is drawn in vain is passed over without a branch that the CPU would have to guess.

References: M. Matsumoto and T. Nishimura, "Mersenne twister" (1998); R. Durstenfeld, "Algorithm 235: random
permutation" (1964).
"""

from ..jit.compiling import ZERO, jitable, routine

WORDS = 624  # of the generator's key
PLACE, DRAWS = WORDS, WORDS + 1  # in a state: the key, the place of the next draw, the draws of the key's words
STATE = 2 * WORDS + 1
_MIDDLE = 397
_TWIST = 0x9908B0DF


@routine
def shuffle(order, n, state):
    """Shuffle order[:n] as RandomState.shuffle does. INOUT order, state."""
    i = n - 1
    mask = 1
    while mask < i:
        mask = 2 * mask + 1
    place = state[PLACE]
    while i > 0:
        while i > mask >> 1:
            if place == WORDS:
                renew(state)
                place = 0
            drawn = state[DRAWS + place] & mask
            place += 1
            accepted = drawn <= i
            j = drawn if accepted else i  # or else it changes places with itself
            a, b = order[i], order[j]
            order[i] = b
            order[j] = a
            i -= accepted
        mask >>= 1
    state[PLACE] = place


@routine
def renew(state):
    """Compute the next words of the key and their draws. INOUT state."""
    for k in range(WORDS - _MIDDLE):
        twist(state, k, k + 1, k + _MIDDLE)
    for k in range(WORDS - _MIDDLE, WORDS - 1):
        twist(state, k, k + 1, k + _MIDDLE - WORDS)
    twist(state, WORDS - 1, ZERO, _MIDDLE - 1)
    for k in range(WORDS):
        state[DRAWS + k] = tempered(state[k])


@routine
def twist(state, k, following, middle):
    """Compute the next word k of the key. INOUT state."""
    word = (state[k] & 0x80000000) | (state[following] & 0x7FFFFFFF)
    state[k] = state[middle] ^ (word >> 1) ^ (-(word & 1) & _TWIST)


@jitable
def tempered(word):
    """Return the draw of a word of the key, or the draws of an array of words."""
    word = word ^ (word >> 11)
    word = word ^ ((word << 7) & 0x9D2C5680)
    word = word ^ ((word << 15) & 0xEFC60000)
    return word ^ (word >> 18)
