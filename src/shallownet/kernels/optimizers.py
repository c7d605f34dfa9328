"""The optimizers: what each keeps of a weight, and how it updates a range of weights in place.

GRADIENT is for optimizers outside the kernels: it changes no weight and leaves the gradient in the first moment. The
others keep one number or two for each weight, its moments: SGD the velocity, Adam the running means of the gradient
and of its square. The gradient of a weight w is

    g = (G + penalty * w) / weight_sum

with G the sum over the batch's examples, and penalty alpha for the coefficients, 0 for the intercepts.

To add an optimizer
-------------------
1. Here: a code, the next number; a row of ``OPTIMIZERS``, from which the moments of a network, the learning rate of a
   step and the constructor's parameters that it reads follow; and a branch in ``update``, which is all that is compiled
   of it.
2. In ``tests/support/naive.py``: the same in NumPy, as a branch of ``Solver.step``. The tests compare both.
3. In ``estimators/parameters.py``, the docstrings of the estimators and ``demo/command_line.py``: the value of
   ``solver`` that means it, and in ``optimizer_for``, if its name here is another.

References: D. P. Kingma and J. Ba, "Adam: a method for stochastic optimization" (2015), with the bias
corrections folded into the rate; I. Sutskever et al., "On the importance of initialization and momentum in deep
learning" (2013), for Nesterov's momentum.
"""

import math
from typing import NamedTuple

import numpy as np

from ..jit.compiling import routine
from ..simd.vector_ops import fma, reduce_add, square_root
from ..simd.vectors import lane_count, load, offset, prefetch_write, splat, store

AHEAD = 8  # lanes of weights beyond those that are updated whose cache lines are prefetched
SETTLED = 38.0  # exp(-SETTLED) is less than 2**-54, and 1 less that much rounds to 1


class Optimizer(NamedTuple):
    """What distinguishes an optimizer, but for its update."""

    code: int  # by which kernels know it
    moments: int  # numbers that it keeps of each weight
    corrects_rate: bool  # whether the learning rate of a step corrects the bias of the moments
    decays: tuple  # the constructor's parameters that are its ``decay_1`` and ``decay_2``, as far as it has them

    def decays_in(self, parameters):
        """Return decay_1 and decay_2, 0 for what it does not have, of an object with the constructor's parameters."""
        found = [float(getattr(parameters, name)) for name in self.decays]
        return [*found, 0.0, 0.0][:2]


SGD, NESTEROV, ADAM, GRADIENT = range(4)
OPTIMIZERS = {
    "sgd": Optimizer(code=SGD, moments=1, corrects_rate=False, decays=("momentum",)),
    "nesterov": Optimizer(code=NESTEROV, moments=1, corrects_rate=False, decays=("momentum",)),
    "adam": Optimizer(code=ADAM, moments=2, corrects_rate=True, decays=("beta_1", "beta_2")),
    "gradient": Optimizer(code=GRADIENT, moments=1, corrects_rate=False, decays=()),
}


def optimizer_for(solver, nesterovs_momentum):
    """Return the row of OPTIMIZERS that a ``solver`` means; 'lbfgs' takes only the gradient from the kernels."""
    names = {"sgd": "nesterov" if nesterovs_momentum else "sgd", "lbfgs": "gradient"}
    return OPTIMIZERS[names.get(solver, solver)]


def optimizer_of(code):
    """Return the row of OPTIMIZERS with this code."""
    return next(row for row in OPTIMIZERS.values() if row.code == code)


class Weights(NamedTuple):
    """The weights that an optimizer updates, with what it knows of each, as pointers."""

    theta: np.ndarray
    moment1: np.ndarray
    moment2: np.ndarray
    gradient: np.ndarray  # of the first shard
    stride: int  # numbers from one shard's gradient to the next
    shards: int  # whose gradients are summed, in order


class Rule(NamedTuple):
    """The numbers of one update."""

    optimizer: int
    scale: float  # 1 / the sum of the weights of the batch's examples
    rate: float  # the learning rate, with the correction of this step
    decay_1: float
    decay_2: float
    epsilon: float


@routine
def weights_of(buffers, shift, spec):
    """Return the Weights of a run, whose gradient is ``shift`` numbers behind its usual position."""
    return Weights(
        theta=buffers.theta,
        moment1=buffers.moment1,
        moment2=buffers.moment2,
        gradient=offset(buffers.gradient, shift),
        stride=spec.gradient_stride,
        shards=spec.shards,
    )


@routine
def rule_of_step(step, weight_sum, spec, parameters):
    """Return the Rule of the update with the number ``step``, the first of which is 1."""
    rate = parameters.rate
    if spec.corrects_rate != 0:
        first, second = bias_correction(parameters.decay_1, step), bias_correction(parameters.decay_2, step)
        rate *= math.sqrt(second) / first
    return Rule(
        optimizer=spec.optimizer,
        scale=1.0 / weight_sum,
        rate=rate,
        decay_1=parameters.decay_1,
        decay_2=parameters.decay_2,
        epsilon=parameters.epsilon,
    )


@routine
def bias_correction(decay, step):
    """Return 1 - decay**step; a power takes a while, and that of a late step no longer counts."""
    # ln(decay) <= decay - 1, so that the power is at most exp(-SETTLED)
    return 1.0 if (1.0 - decay) * step > SETTLED else 1.0 - math.pow(decay, float(step))


@routine
def update(start, stop, penalty, weights, rule):
    """Update theta[start:stop] and its moments; return the sum of squares of the old weights.

    IN gradient; INOUT theta, moment1, moment2.
    """
    theta, moment1, moment2, gradient, rate = (
        weights.theta,
        weights.moment1,
        weights.moment2,
        weights.gradient,
        rule.rate,
    )
    lanes = lane_count(theta)
    squares = splat(theta, 0.0)
    for i in range(start, stop, lanes):
        prefetch_write(theta, i + AHEAD * lanes)  # all threads have read it
        w = load(theta, i)
        squares = fma(w, w, squares)
        g = load(gradient, i)
        for shard in range(1, weights.shards):
            g = g + load(gradient, shard * weights.stride + i)
        g = fma(w, penalty, g) * rule.scale
        m = load(moment1, i)
        if rule.optimizer == GRADIENT:
            m = g
        elif rule.optimizer == ADAM:
            m = fma(m, rule.decay_1, g * (1.0 - rule.decay_1))
            v = fma(load(moment2, i), rule.decay_2, g * g * (1.0 - rule.decay_2))
            store(moment2, i, v)
            w = w - m * rate / (square_root(v) + rule.epsilon)
        else:
            m = fma(m, rule.decay_1, -(g * rate))
            w = w + (fma(m, rule.decay_1, -(g * rate)) if rule.optimizer == NESTEROV else m)
        store(moment1, i, m)
        store(theta, i, w)
    return reduce_add(squares)
