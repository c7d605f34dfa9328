"""The output activation, the cross-entropy and its delta, for one group of examples in lanes at a time.

z2 lies as [k][t]: the examples t fill the lanes, so that softmax needs no sum across lanes.

One logistic unit for two classes, softmax for more; in both cases dz2 = a2 - y. The loss of an example is
-log of the probability of its class, which is kept at least the dtype's epsilon away from 0 and 1, as
scikit-learn's log_loss does.
"""

from .arithmetic import select
from .compiling import kernel
from .elementary import exp, log, logistic
from .lanes import lane_count, load, splat, store

OUTPUT_LOGISTIC, OUTPUT_SOFTMAX = range(2)


@kernel
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


@kernel
def cross_entropy(code, a2, gap, outputs, y, weight, losses, epsilon, start, stop):
    """Set the weighted loss of each example and replace a2 by dz2 = weight * (a2 - y).

    y holds the class index of each example (softmax) or, as [k][t], 0 or 1 for each output (logistic). Examples
    that only fill up the lanes have weight 0.
    IN y, weight; INOUT a2; OUT losses.
    """
    lanes = lane_count(a2)
    for t in range(start, stop, lanes):
        w = load(weight, t)
        loss = splat(a2, 0.0)
        if code == OUTPUT_LOGISTIC:
            for k in range(outputs):
                p = load(a2, k * gap + t)
                target = load(y, k * gap + t)
                store(a2, k * gap + t, (p - target) * w)
                loss = loss - log(_clipped(select(target == 0.0, 1.0 - p, p), epsilon))
        else:
            target = load(y, t)
            likelihood = splat(a2, 0.0)
            for k in range(outputs):
                p = load(a2, k * gap + t)
                hit = target == float(k)
                likelihood = select(hit, p, likelihood)
                store(a2, k * gap + t, select(hit, p - 1.0, p) * w)
            loss = -log(_clipped(likelihood, epsilon))
        store(losses, t, loss * w)


@kernel
def _clipped(p, epsilon):
    p = select(p < epsilon, epsilon, p)
    return select(p >= 1.0 - epsilon, 1.0 - epsilon, p)
