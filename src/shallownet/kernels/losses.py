"""Output activations and their losses: a2, the loss of each example, and dz2.

``REGISTRY`` lists them, one row each: an output activation together with the loss of which dz2 = a2 - target is the
delta, up to the weight of the example.

- "logistic": one unit for two classes, or one for each label. The loss is the cross-entropy, summed over the units.
- "softmax": more than two classes. The loss is the cross-entropy.
- "identity": real numbers. The loss is a function of the residual, averaged over the units; three numbers make it the
  squared error, the absolute error, Huber's loss or the pinball loss of a quantile (``residual_loss``).
- "exp": expected counts. The loss is half the Poisson deviance, summed over the units.

The delta of "identity" is that of the sum over units, not of their average: scikit-learn's MLPRegressor trains so.

z2, a2 and dz2 are one buffer [k][t], which lanes of examples t pass through together, so that softmax needs no sum
across lanes; output k begins at k * stride. Probabilities within a loss are kept at least ``clip``, the epsilon of the
dtype, away from 0 and 1, as scikit-learn's log_loss does. With label smoothing s the targets are
(1 - s) y + s / K over K classes, K = 2 for a logistic output.

To add a loss
-------------
1. Here: a function such as ``softmax_output`` that turns z2 into a2, and one such as ``softmax_loss`` that returns the
   losses and turns a2 into dz2, both for lanes of examples at ``t``; a code; a row of ``REGISTRY``; and a branch in
   ``activate_outputs`` and in ``losses_and_deltas`` each, which send the code to the functions (why they are written
   out is explained in ``activations``).
2. In ``tests/support/naive.py``: the formulas in NumPy. The tests compare both.
3. In ``estimators/targets.py`` or ``estimators/real_targets.py``: the Task whose ``output`` it is, with its targets
   (``encode``) and the parameters of the loss (``loss_parameters``).
4. In the docstring of the estimator: its formula.
5. In ``onnx.OUTPUT_GRAPHS``: the formula of the output activation in operators of ONNX.

For a loss of real numbers that is another function of the residual, whose derivative is as in ``residual_loss``, a row
of ``LOSSES`` in ``estimators/real_targets.py`` does all of step 1 and 3.

References: C. Szegedy et al., "Rethinking the Inception architecture" (2016), for label smoothing; P. J. Huber, "Robust
estimation of a location parameter" (1964); R. Koenker and G. Bassett, "Regression quantiles" (1978), for the pinball
loss; P. McCullagh and J. A. Nelder, "Generalized linear models" (1989), for the Poisson deviance.
"""

from collections.abc import Callable
from typing import NamedTuple

from ..jit.compiling import jitable, routine
from ..simd.vector_math import exp, log, logistic
from ..simd.vector_ops import select
from ..simd.vectors import lane_count, load, splat, store

# --- one function for each output activation ------------------------------------------------------------


@routine
def logistic_output(z2, stride, outputs, theta, b2, t):
    """Replace z2 by a2 = 1 / (1 + exp(-(z2 + b2))) for the examples at t. IN theta; INOUT z2."""
    for k in range(outputs):
        store(z2, k * stride + t, logistic(load(z2, k * stride + t) + theta[b2 + k]))


@routine
def softmax_output(z2, stride, outputs, theta, b2, t):
    """Replace z2 by a2 = softmax(z2 + b2) for the examples at t. IN theta; INOUT z2."""
    largest = load(z2, t) + theta[b2]
    for k in range(outputs):
        z = load(z2, k * stride + t) + theta[b2 + k]
        store(z2, k * stride + t, z)
        largest = select(largest < z, z, largest)
    partition = splat(z2, 0.0)
    for k in range(outputs):
        power = exp(load(z2, k * stride + t) - largest)
        store(z2, k * stride + t, power)
        partition = partition + power
    scale = 1.0 / partition
    for k in range(outputs):
        store(z2, k * stride + t, load(z2, k * stride + t) * scale)


@routine
def identity_output(z2, stride, outputs, theta, b2, t):
    """Replace z2 by a2 = z2 + b2 for the examples at t. IN theta; INOUT z2."""
    for k in range(outputs):
        store(z2, k * stride + t, load(z2, k * stride + t) + theta[b2 + k])


@routine
def exp_output(z2, stride, outputs, theta, b2, t):
    """Replace z2 by a2 = exp(z2 + b2) for the examples at t. IN theta; INOUT z2."""
    for k in range(outputs):
        store(z2, k * stride + t, exp(load(z2, k * stride + t) + theta[b2 + k]))


# --- one function for each loss -------------------------------------------------------------------------


@routine
def logistic_loss(a2, stride, outputs, y, w, parameters, t):
    """Return the losses of the examples at t, without their weights w, and replace a2 by w * dz2.

    y is 0 or 1 for each output, as [k][t].
    IN y; INOUT a2.
    """
    clip, smoothing = parameters.clip, parameters.smoothing
    loss = splat(a2, 0.0)
    for k in range(outputs):
        p = load(a2, k * stride + t)
        target = load(y, k * stride + t)
        if smoothing == 0.0:
            loss = loss - log(clipped(select(target == 0.0, 1.0 - p, p), clip))
        else:
            target = target * (1.0 - smoothing) + 0.5 * smoothing
            q = clipped(p, clip)
            loss = loss - (target * log(q) + (1.0 - target) * log(1.0 - q))
        store(a2, k * stride + t, (p - target) * w)
    return loss


@routine
def softmax_loss(a2, stride, outputs, y, w, parameters, t):
    """Return the losses of the examples at t, without their weights w, and replace a2 by w * dz2.

    y is the class index of each example.
    IN y; INOUT a2.
    """
    clip, smoothing = parameters.clip, parameters.smoothing
    target = load(y, t)
    likelihood, others = splat(a2, 0.0), splat(a2, 0.0)
    share = smoothing / outputs
    for k in range(outputs):
        p = load(a2, k * stride + t)
        hit = target == float(k)
        likelihood = select(hit, p, likelihood)
        delta = select(hit, p - 1.0, p)
        if smoothing != 0.0:
            others = others + log(clipped(p, clip))
            delta = delta + select(hit, splat(a2, smoothing - share), -share)
        store(a2, k * stride + t, delta * w)
    return -((1.0 - smoothing) * log(clipped(likelihood, clip)) + share * others)


@routine
def residual_loss(a2, stride, outputs, y, w, parameters, t):
    """Return the losses of the examples at t, without their weights w, and replace a2 by w * dz2.

    y is a number for each output, as [k][t]. The loss is that function of the residual r = a2 - y, 0 at 0, whose
    derivative rises with slope ``curvature`` through 0 and stays within ``lowest`` and ``highest``::

        curvature 1, no bounds                  r**2 / 2
        curvature 1, bounds -d and d            Huber's: r**2 / 2 up to |r| = d, then d |r| - d**2 / 2
        huge curvature, bounds -1 and 1         |r|
        huge curvature, bounds -q and 1 - q     the pinball loss: (1 - q) r where r > 0, else -q r

    IN y; INOUT a2.
    """
    lowest, highest, half = parameters.lowest, parameters.highest, 0.5 / parameters.curvature
    loss = splat(a2, 0.0)
    for k in range(outputs):
        r = load(a2, k * stride + t) - load(y, k * stride + t)
        slope = r * parameters.curvature
        slope = select(slope < lowest, lowest, slope)
        slope = select(slope >= highest, highest, slope)
        loss = loss + slope * (r - slope * half)
        store(a2, k * stride + t, weighted(slope, w))
    return loss * (1.0 / outputs)


@routine
def poisson_loss(a2, stride, outputs, y, w, parameters, t):
    """Return the losses of the examples at t, without their weights w, and replace a2 by w * dz2.

    y is a number for each output, as [k][t].
    IN y; INOUT a2.
    """
    loss = splat(a2, 0.0)
    for k in range(outputs):
        p, target = load(a2, k * stride + t), load(y, k * stride + t)
        loss = loss + (select(target == 0.0, 0.0, target * log(target / p)) + (p - target))
        store(a2, k * stride + t, weighted(p - target, w))
    return loss


@routine
def weighted(number, w):
    """Return w times a number that may be infinite, or nothing at all, where w is 0: it then counts as 0."""
    return select(w == 0.0, 0.0, number * w)


@routine
def clipped(p, clip):
    """Return p, kept at least ``clip`` away from 0 and 1."""
    p = select(p < clip, clip, p)
    return select(p >= 1.0 - clip, 1.0 - clip, p)


# --- the registry ---------------------------------------------------------------------------------------


class Loss(NamedTuple):
    """A row of the registry."""

    name: str  # of the output activation, as in ``out_activation_``
    code: int  # what kernels call it
    output: Callable  # (z2, stride, outputs, theta, b2, t): z2 becomes a2
    loss: Callable  # (a2, stride, outputs, y, w, parameters, t): a2 becomes w * dz2; returns lanes of losses


OUTPUT_LOGISTIC, OUTPUT_SOFTMAX, OUTPUT_IDENTITY, OUTPUT_EXP = range(4)

REGISTRY = (
    Loss("logistic", OUTPUT_LOGISTIC, logistic_output, logistic_loss),
    Loss("softmax", OUTPUT_SOFTMAX, softmax_output, softmax_loss),
    Loss("identity", OUTPUT_IDENTITY, identity_output, residual_loss),
    Loss("exp", OUTPUT_EXP, exp_output, poisson_loss),
)

OUTPUTS = {row.name: row.code for row in REGISTRY}


# --- their use in kernels -------------------------------------------------------------------------------


@routine
def activate_outputs(code, z2, stride, outputs, theta, b2, start, stop):
    """Replace z2 by a2, for examples start..stop in whole lanes. IN theta; INOUT z2."""
    for t in range(start, stop, lane_count(z2)):
        if code == OUTPUT_LOGISTIC:
            logistic_output(z2, stride, outputs, theta, b2, t)
        elif code == OUTPUT_IDENTITY:
            identity_output(z2, stride, outputs, theta, b2, t)
        elif code == OUTPUT_EXP:
            exp_output(z2, stride, outputs, theta, b2, t)
        else:
            softmax_output(z2, stride, outputs, theta, b2, t)


@routine
def losses_and_deltas(code, a2, stride, outputs, y, weight, losses, parameters, start, stop):
    """Set the weighted loss of each example, and replace a2 by dz2, times the weight.

    y is what the function of the loss expects. Examples that only fill up the lanes have weight 0, and any a2.
    IN y, weight; INOUT a2; OUT losses.
    """
    for t in range(start, stop, lane_count(a2)):
        w = load(weight, t)
        if code == OUTPUT_LOGISTIC:
            loss = logistic_loss(a2, stride, outputs, y, w, parameters, t)
        elif code == OUTPUT_IDENTITY:
            loss = residual_loss(a2, stride, outputs, y, w, parameters, t)
        elif code == OUTPUT_EXP:
            loss = poisson_loss(a2, stride, outputs, y, w, parameters, t)
        else:
            loss = softmax_loss(a2, stride, outputs, y, w, parameters, t)
        store(losses, t, weighted(loss, w))


@jitable
def columns_of(code, outputs):
    """Return the number of columns of predictions: one logistic output has the probabilities of two classes."""
    return 2 if code == OUTPUT_LOGISTIC and outputs == 1 else outputs
