"""The solvers' updates of one run of weights, in place.

GRADIENT is for solvers outside the kernels: it changes no weight and leaves the gradient in the first moment. The
others keep two numbers for each weight, its moments: SGD the velocity (and nothing in the second), Adam the
running means of the gradient and of its square. The gradient of a weight w is

    g = (G + penalty * w) / weight_sum

with G the sum over the batch's examples, and penalty alpha for the coefficients, 0 for the intercepts.

References: D. P. Kingma and J. Ba, "Adam: a method for stochastic optimization" (2015), with the bias
corrections folded into the rate; I. Sutskever et al., "On the importance of initialization and momentum in deep
learning" (2013), for Nesterov's momentum.
"""

from ..jit.compiling import routine
from ..simd.vector_ops import fma, reduce_add, square_root
from ..simd.vectors import lane_count, load, prefetch_write, splat, store

SGD, NESTEROV, ADAM, GRADIENT = range(4)
AHEAD = 8  # lanes of weights beyond those that are updated whose cache lines are asked for


@routine
def update(
    solver, theta, first, second, gradient, gap, shards, start, stop,
    penalty, scale, rate, decay_1, decay_2, epsilon,
):  # fmt: skip
    """Update theta[start:stop] and its moments; return the sum of squares of the old weights.

    G is the sum over ``shards`` gradients that lie ``gap`` apart, in that order. ``scale`` is 1 / weight_sum.
    ``decay_1`` is SGD's momentum or Adam's beta_1, ``decay_2`` Adam's beta_2; ``rate`` is the learning rate, for
    Adam with the corrections of its step.
    IN gradient; INOUT theta, first, second.
    """
    lanes = lane_count(theta)
    squares = splat(theta, 0.0)
    for i in range(start, stop, lanes):
        prefetch_write(theta, i + AHEAD * lanes)  # all threads have read it
        w = load(theta, i)
        squares = fma(w, w, squares)
        g = load(gradient, i)
        for shard in range(1, shards):
            g = g + load(gradient, shard * gap + i)
        g = fma(w, penalty, g) * scale
        m = load(first, i)
        if solver == GRADIENT:
            m = g
        elif solver == ADAM:
            m = fma(m, decay_1, g * (1.0 - decay_1))
            v = fma(load(second, i), decay_2, g * g * (1.0 - decay_2))
            store(second, i, v)
            w = w - m * rate / (square_root(v) + epsilon)
        else:
            m = fma(m, decay_1, -(g * rate))
            w = w + (fma(m, decay_1, -(g * rate)) if solver == NESTEROV else m)
        store(first, i, m)
        store(theta, i, w)
    return reduce_add(squares)
