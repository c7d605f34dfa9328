"""The parts of a training step, run one by one on one thread with the routines that training calls.

Only the loop over runs of examples is written again, as the step of the package does not stop between its parts.
"""

from time import perf_counter

import numba
import numpy as np

from measuring.limits import best_seconds
from peers.peer import initial_weights
from shallownet.kernels.activations import ACTIVATIONS
from shallownet.kernels.gradient import add_gradient
from shallownet.kernels.losses import OUTPUTS, activate_outputs, losses_and_deltas
from shallownet.kernels.memory import Memory
from shallownet.kernels.optimizers import ADAM, rule_of_step
from shallownet.kernels.shuffle import shuffle
from shallownet.kernels.step import (
    ONE,
    activate_units,
    copy_rows,
    copy_targets,
    end_of_run,
    hidden_product,
    update_weights,
)
from shallownet.kernels.structs import POSITIONS, RunSpec, StepParameters, Worker, unpack_arguments
from shallownet.kernels.train import buffers_of_shard
from shallownet.simd.matmul import SCALE, Output, Panels, Scalars, multiply, output_layer
from shallownet.simd.prefetch import NO_PREFETCH
from shallownet.simd.vectors import REGISTER_BYTES, pointer_at
from shallownet.training.loop import Training
from shallownet.training.network import Network
from shallownet.training.sample_order import Order

# in the order of a step
PARTS = [
    "copy of rows",
    "hidden product",
    "activation",
    "output layer",
    "output activation and loss",
    "delta",
    "gradient",
]
COPY, HIDDEN, ACTIVATION, OUTPUT, LOSS, DELTA, GRADIENT = range(len(PARTS))
# Each part is timed as what it adds to those before in its row, which finds what they need where the last run left it:
# the small parts would be lost in the scatter of the large ones.
ROWS = [range(COPY, ACTIVATION), range(ACTIVATION, GRADIENT), range(GRADIENT, len(PARTS))]
MANY_EPOCHS = 10**6
PARAMETERS = StepParameters(
    slope=0.0,
    alpha=1e-4,
    clip=1e-7,
    dropout=0.0,
    smoothing=0.0,
    rate=0.0,
    decay_1=0.9,
    decay_2=0.999,
    epsilon=1e-8,
)
ORDER, GENERATOR, TEAM = (POSITIONS[name] for name in ("order_address", "generator", "team"))


@numba.njit(nogil=True, error_model="numpy")
def run_parts(first, last, n, count, addresses, sizes, spec, parameters, like, repetitions):
    """Run the parts first..last of a shard of ``count`` examples, at one position of the order after another."""
    order = pointer_at(spec[ORDER], sizes)
    worker = Worker(thread=0, threads=1, team=pointer_at(spec[TEAM], sizes))
    buffers, sizes, spec, parameters = unpack_arguments(addresses, sizes, spec, parameters, like)
    mine = buffers_of_shard(0, worker, buffers, spec)
    lanes = REGISTER_BYTES // like.itemsize
    for i in range(repetitions):
        position = i * count % (n - count + 1)
        start = 0
        while start < count:
            stop = end_of_run(start, count)
            if first <= COPY:
                copy_rows(position, start, stop, order, mine, sizes, spec)
            if first <= HIDDEN <= last:
                hidden_product(start, stop, NO_PREFETCH, mine, sizes, spec)
            if first <= ACTIVATION <= last:
                activate_units(start, stop, mine, sizes, spec, parameters.slope)
            if first <= OUTPUT <= last:
                output_layer(
                    Panels(pointer=mine.a1, offset=start * lanes, stride=spec.rows * lanes, number=sizes.panels),
                    Panels(pointer=mine.theta, offset=sizes.w2, stride=sizes.w2_stride, number=sizes.panels),
                    Output(pointer=mine.z2, offset=start, stride=spec.rows),
                    stop - start,
                    sizes.outputs,
                )
            if first <= LOSS <= last:
                copy_targets(position, start, stop, order, mine, spec)
                activate_outputs(spec.output, mine.z2, spec.rows, sizes.outputs, mine.theta, sizes.b2, start, stop)
                losses_and_deltas(
                    spec.output, mine.z2, spec.rows, sizes.outputs,
                    mine.y, mine.tile_weight, mine.losses, parameters, start, stop,
                )  # fmt: skip
            if first <= DELTA <= last:
                multiply(
                    Scalars(pointer=mine.z2, offset=start, row_stride=ONE, step=spec.rows),
                    Panels(pointer=mine.theta, offset=sizes.w2, stride=sizes.w2_stride, number=sizes.panels),
                    Output(pointer=mine.d1, offset=start * lanes, stride=spec.rows * lanes),
                    stop - start,
                    sizes.outputs,
                    SCALE,
                    NO_PREFETCH,
                )
            start = stop
        if last >= GRADIENT:
            add_gradient(count, True, mine, sizes, spec)


@numba.njit(nogil=True, error_model="numpy")
def run_update(count, addresses, sizes, spec, parameters, like, repetitions):
    """Update all weights, as after a batch of ``count`` examples."""
    buffers, sizes, spec, parameters = unpack_arguments(addresses, sizes, spec, parameters, like)
    rule = rule_of_step(1, float(count), spec, parameters)
    for _ in range(repetitions):
        update_weights(0, 1, rule, buffers, sizes, spec, parameters)


@numba.njit(nogil=True, error_model="numpy")
def run_shuffle(n, sizes, spec, repetitions):
    """Shuffle the order."""
    for _ in range(repetitions):
        shuffle(pointer_at(spec[ORDER], sizes), n, pointer_at(spec[GENERATOR], sizes))


class Parts:
    """A network of a problem's shape with examples attached, whose parts can be timed on one thread."""

    def __init__(self, problem):
        shape, dtype = problem.shape, problem.X.dtype
        sizes = shape.n_features, shape.n_hidden, shape.n_outputs
        weights = initial_weights(problem)
        output = OUTPUTS["logistic" if shape.n_outputs == 1 else "softmax"]
        self.network = Network(weights[::2], weights[1::2], ACTIVATIONS["relu"], output, ADAM, PARAMETERS)
        self.network.attach(problem.X, problem.y[:, None].astype(dtype), None, None, shape.batch_size, 1)
        self.order = Order(shape.n_samples, None, np.random.RandomState(0))
        self.order.lend(MANY_EPOCHS)
        self.memory = Memory()
        self.problem, self.sizes = problem, sizes

    def seconds(self):
        """Return the seconds of a step by part, what shuffling an epoch takes on average over its steps included."""
        network, shape = self.network, self.problem.shape
        network.train_epoch(self.order.rows, 0.0, 0)  # sets the order, and fills the buffers with numbers of a training
        spec = network._spec
        spec[GENERATOR] = self.memory.address(self.order.generator)
        run_shuffle(shape.n_samples, network._sizes, spec, 1)  # as in a fit, rows lie anywhere in X
        names = RunSpec(*spec)
        count = min(shape.batch_size // names.shards, names.rows)  # a long shard is done in several blocks
        packed = network._addresses, network._sizes, spec, network._parameters, network.theta
        blocks = shape.batch_size / count
        parts = {}
        for row in ROWS:
            ends = [best_seconds(run_parts, row[0], last, shape.n_samples, count, *packed) * blocks for last in row]
            parts |= zip([PARTS[part] for part in row], np.diff(ends, prepend=0.0).tolist(), strict=True)
        parts["update"] = best_seconds(run_update, shape.batch_size, *packed)
        parts["shuffling"] = best_seconds(run_shuffle, shape.n_samples, network._sizes, spec) / self.steps
        return parts

    @property
    def steps(self):
        """The steps of an epoch."""
        return -(-self.problem.shape.n_samples // self.problem.shape.batch_size)


def seconds_in_fit(fit, epochs):
    """Return the seconds of an epoch in kernels, and in Python between them, in a fit of so many epochs."""
    in_calls, in_runs = [], []
    call, run = Network._call, Training.run

    def timed_call(network, *arguments):
        allowed, seconds = call(network, *arguments)
        in_calls.append(seconds)
        return allowed, seconds

    def timed_run(training):
        start = perf_counter()
        run(training)
        in_runs.append(perf_counter() - start)

    Network._call, Training.run = timed_call, timed_run
    try:
        fit(epochs)
    finally:
        Network._call, Training.run = call, run
    return sum(in_calls) / epochs, (sum(in_runs) - sum(in_calls)) / epochs
