"""Hidden activations g(z1) and their derivatives, by code.

Each activation is one function that returns value and derivative together, so that an exponential is paid once;
the derivative waits in its own buffer for the delta of the hidden layer.
"""

from .arithmetic import select
from .compiling import kernel
from .elementary import logistic, tanh
from .lanes import lane_count, load, splat, store

IDENTITY, LOGISTIC, TANH, RELU, LEAKY_RELU = range(5)

# The public names; "sigmoid" is another name of the logistic function.
ACTIVATIONS = {
    "identity": IDENTITY,
    "logistic": LOGISTIC,
    "sigmoid": LOGISTIC,
    "tanh": TANH,
    "relu": RELU,
    "leaky_relu": LEAKY_RELU,
}


@kernel
def activate(code, slope, z, derivative, start, stop):
    """Replace z by g(z) and set derivative to g'(z), for flat places start..stop.

    INOUT z; OUT derivative; both have room for whole lanes.
    """
    lanes = lane_count(z)
    if code == IDENTITY:
        for i in range(start, stop, lanes):
            store(derivative, i, splat(z, 1.0))
    elif code == LOGISTIC:
        for i in range(start, stop, lanes):
            a = logistic(load(z, i))
            store(z, i, a)
            store(derivative, i, a * (1.0 - a))
    elif code == TANH:
        for i in range(start, stop, lanes):
            a = tanh(load(z, i))
            store(z, i, a)
            store(derivative, i, 1.0 - a * a)
    else:
        # ReLU is the leaky ReLU of slope 0; at z = 0 the derivative of both is 1
        for i in range(start, stop, lanes):
            x = load(z, i)
            below = x < 0.0
            store(z, i, select(below, x * slope, x))
            store(derivative, i, select(below, splat(z, slope), 1.0))
