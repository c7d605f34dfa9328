"""The output activation, the cross-entropy and its delta, for one group of examples in lanes at a time.

z2 lies as [k][t]: the examples t fill the lanes, so that softmax needs no sum across lanes.

One logistic unit for two classes, softmax for more; in both cases dz2 = a2 - y. The loss of an example is
-log of the probability of its class, which is kept at least the dtype's epsilon away from 0 and 1, as
scikit-learn's log_loss does. With label smoothing s the targets are (1 - s) y + s / K over K classes, K = 2 for a
logistic output.

Reference: C. Szegedy et al., "Rethinking the Inception architecture" (2016), for label smoothing.
"""

from ..jit.compiling import routine
from ..simd.vector_math import exp, log, logistic
from ..simd.vector_ops import select
from ..simd.vectors import lane_count, load, splat, store

OUTPUT_LOGISTIC, OUTPUT_SOFTMAX = range(2)
OUTPUTS = {"logistic": OUTPUT_LOGISTIC, "softmax": OUTPUT_SOFTMAX}


@routine
def probabilities(code, z2, gap, outputs, theta, b2, start, stop):
    """Replace z2 by a2 = sigma(z2 + b2), for examples start..stop in whole lanes.

    IN theta; INOUT z2.
    """
    lanes = lane_count(z2)
    for t in range(start, stop, lanes):
        if code == OUTPUT_LOGISTIC:
            for k in range(outputs):
                store(z2, k * gap + t, logistic(load(z2, k * gap + t) + theta[b2 + k]))
        else:
            largest = load(z2, t) + theta[b2]
            for k in range(outputs):
                z = load(z2, k * gap + t) + theta[b2 + k]
                store(z2, k * gap + t, z)
                largest = select(largest < z, z, largest)
            partition = splat(z2, 0.0)
            for k in range(outputs):
                power = exp(load(z2, k * gap + t) - largest)
                store(z2, k * gap + t, power)
                partition = partition + power
            scale = 1.0 / partition
            for k in range(outputs):
                store(z2, k * gap + t, load(z2, k * gap + t) * scale)


@routine
def cross_entropy(code, a2, gap, outputs, y, weight, losses, clip, smoothing, start, stop):
    """Set the weighted loss of each example and replace a2 by dz2 = weight * (a2 - target).

    y holds the class index of each example (softmax) or, as [k][t], 0 or 1 for each output (logistic). Examples
    that only fill up the lanes have weight 0.
    IN y, weight; INOUT a2; OUT losses.
    """
    for t in range(start, stop, lane_count(a2)):
        w = load(weight, t)
        if code == OUTPUT_LOGISTIC:
            loss = logistic_loss(a2, gap, outputs, y, w, clip, smoothing, t)
        else:
            loss = softmax_loss(a2, gap, outputs, y, w, clip, smoothing, t)
        store(losses, t, loss * w)


@routine
def logistic_loss(a2, gap, outputs, y, w, clip, smoothing, t):
    """Return the losses of the examples at t; INOUT a2."""
    loss = splat(a2, 0.0)
    for k in range(outputs):
        p = load(a2, k * gap + t)
        target = load(y, k * gap + t)
        if smoothing == 0.0:
            loss = loss - log(clipped(select(target == 0.0, 1.0 - p, p), clip))
        else:
            target = target * (1.0 - smoothing) + 0.5 * smoothing
            q = clipped(p, clip)
            loss = loss - (target * log(q) + (1.0 - target) * log(1.0 - q))
        store(a2, k * gap + t, (p - target) * w)
    return loss


@routine
def softmax_loss(a2, gap, outputs, y, w, clip, smoothing, t):
    """Return the losses of the examples at t; INOUT a2."""
    target = load(y, t)
    likelihood, others = splat(a2, 0.0), splat(a2, 0.0)
    share = smoothing / outputs
    for k in range(outputs):
        p = load(a2, k * gap + t)
        hit = target == float(k)
        likelihood = select(hit, p, likelihood)
        delta = select(hit, p - 1.0, p)
        if smoothing != 0.0:
            others = others + log(clipped(p, clip))
            delta = delta + select(hit, splat(a2, smoothing - share), -share)
        store(a2, k * gap + t, delta * w)
    return -((1.0 - smoothing) * log(clipped(likelihood, clip)) + share * others)


@routine
def clipped(p, clip):
    """Return p, kept at least ``clip`` away from 0 and 1."""
    p = select(p < clip, clip, p)
    return select(p >= 1.0 - clip, 1.0 - clip, p)
