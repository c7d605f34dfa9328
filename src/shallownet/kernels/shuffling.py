"""The order of the examples, shuffled with the draws of numpy.random.RandomState.

MLPClassifier shuffles the examples before each epoch with a RandomState. Its draws are repeated here, so that an
epoch need not come back to Python for its order, and so that shuffling takes a fraction of NumPy's time: a number
that is drawn in vain is passed over without a branch that the CPU would have to guess.

References: M. Matsumoto and T. Nishimura, "Mersenne twister" (1998); R. Durstenfeld, "Algorithm 235: random
permutation" (1964).
"""

from .compiling import kernel

WORDS = 624  # of the generator's key; its state is the key and the place of the next word
_MIDDLE = 397
_TWIST = 0x9908B0DF


@kernel
def shuffle(order, n, generator):
    """Shuffle order[:n] as RandomState.shuffle does. INOUT order, generator."""
    i = n - 1
    mask = 1
    while mask < i:
        mask = 2 * mask + 1
    place = generator[WORDS]
    while i > 0:
        while i > mask >> 1:
            if place == WORDS:
                renew(generator)
                place = 0
            drawn = tempered(generator[place]) & mask
            place += 1
            accepted = drawn <= i
            j = drawn if accepted else i  # or else it changes places with itself
            a, b = order[i], order[j]
            order[i] = b
            order[j] = a
            i -= accepted
        mask >>= 1
    generator[WORDS] = place


@kernel
def tempered(word):
    """Return the random number of a word of the key."""
    word ^= word >> 11
    word ^= (word << 7) & 0x9D2C5680
    word ^= (word << 15) & 0xEFC60000
    return word ^ (word >> 18)


@kernel
def renew(key):
    """Compute the next words of the key. INOUT key."""
    for k in range(WORDS - _MIDDLE):
        twist(key, k, k + 1, k + _MIDDLE)
    for k in range(WORDS - _MIDDLE, WORDS - 1):
        twist(key, k, k + 1, k + _MIDDLE - WORDS)
    twist(key, WORDS - 1, 0, _MIDDLE - 1)


@kernel
def twist(key, k, following, middle):
    """Compute the next word k of the key. INOUT key."""
    word = (key[k] & 0x80000000) | (key[following] & 0x7FFFFFFF)
    key[k] = key[middle] ^ (word >> 1) ^ (-(word & 1) & _TWIST)
