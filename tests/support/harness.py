"""The one place of the tests that knows the inner signatures of the kernels."""

from typing import NamedTuple

import numpy as np
import pytest
from naive import Model, Rule
from numba import njit

from shallownet.estimators.real_targets import RealTargets
from shallownet.jit import thread_team
from shallownet.kernels import activations, optimizers, shuffle, weight_layout
from shallownet.kernels import losses as loss
from shallownet.kernels.activations import ACTIVATIONS
from shallownet.kernels.random_numbers import uniform
from shallownet.kernels.structs import StepParameters
from shallownet.simd import matmul, tiles, vector_ops
from shallownet.simd.prefetch import NO_PREFETCH
from shallownet.simd.vectors import lane_count, load, pointer, read, read_lanes, splat, store
from shallownet.training.inference import predict_outputs
from shallownet.training.network import Network

needs_longdouble = pytest.mark.skipif(
    np.finfo(np.longdouble).nmant <= np.finfo(np.float64).nmant, reason="longdouble is float64 here"
)
DTYPES = [np.float32, np.float64]
OUTPUTS = loss.OUTPUTS
MODEL, RULE = Model(), Rule()
SOLVERS = {name: row.code for name, row in optimizers.OPTIMIZERS.items() if name != "gradient"}


# --- lanes ----------------------------------------------------------------------------------------------


def lanes_of(dtype):
    """Return the number of lanes of a dtype."""
    return 64 // np.dtype(dtype).itemsize


def on_lanes(function, arity=1):
    """Return ``function``, which takes and returns lanes, as a function of arrays of any length."""
    function = njit(function) if type(function).__name__ == "function" else function

    @njit
    def one(a, out):
        p, q = pointer(a), pointer(out)
        for i in range(0, out.size, lane_count(q)):
            store(q, i, function(load(p, i)))

    @njit
    def two(a, b, out):
        p, r, q = pointer(a), pointer(b), pointer(out)
        for i in range(0, out.size, lane_count(q)):
            store(q, i, function(load(p, i), load(r, i)))

    @njit
    def three(a, b, c, out):
        p, r, s, q = pointer(a), pointer(b), pointer(c), pointer(out)
        for i in range(0, out.size, lane_count(q)):
            store(q, i, function(load(p, i), load(r, i), load(s, i)))

    driver = {1: one, 2: two, 3: three}[arity]

    def on_arrays(*arrays):
        spare = -arrays[0].size % lanes_of(arrays[0].dtype)
        padded = [np.pad(array, (0, spare)) for array in arrays]
        out = np.empty_like(padded[0])
        driver(*padded, out)
        return out[: arrays[0].size]

    return on_arrays


@njit
def _total(a):
    return vector_ops.reduce_add(load(pointer(a), 0))


@njit
def _splat(value, out):
    store(pointer(out), 0, splat(pointer(out), value))


@njit
def _read(address, out):
    p = pointer(out)
    store(p, 0, read_lanes(address, p))
    out[lane_count(p)] = read(address, p)


def total(a):
    """Return the sum over one register's lanes."""
    return _total(a)


def splatted(value, dtype):
    """Return the value in every lane."""
    out = np.empty(lanes_of(dtype), dtype)
    _splat(value, out)
    return out


def read_at(address, dtype):
    """Return the lanes, and the one number, that lie at a byte address."""
    out = np.empty(lanes_of(dtype) + 1, dtype)
    _read(address, out)
    return out[:-1], out[-1]


# --- steps ----------------------------------------------------------------------------------------------


@njit
def bias_correction(decay, step):
    """Return what Adam divides a moment by."""
    return optimizers.bias_correction(decay, step)


# --- shuffling and teams --------------------------------------------------------------------------------


@njit
def shuffled_by_kernel(order, generator):
    """Shuffle an array of integers with the draws of a generator's state, and advance the state."""
    shuffle.shuffle(pointer(order), order.size, pointer(generator))


@njit(nogil=True)
def team_member(state, thread, threads, phases, tasks, last, done_by, order, next_place):
    """Do one thread's part of ``phases`` phases of ``tasks`` tasks; note which were done and in which order.

    Whoever has a task of phase ``last`` ends the call. Return the phases that the thread went through.
    """
    crew, places = pointer(state), pointer(next_place)
    for phase in range(phases):
        if thread_team.ended(crew, threads, phase):
            return phase
        for i in range(tasks):
            if i == 1 and thread_team.spin_until_done(crew, threads, (phase + 1) * tasks):
                break
            task = (thread + i) % tasks
            if thread_team.claim(crew, threads, task, phase + 1):
                done_by[phase, task] += 1
                place = thread_team.fetch(places, 0)
                while not thread_team.replace(places, 0, place, place + 1):
                    place = thread_team.fetch(places, 0)
                order[place] = phase
                if phase + 1 == last:
                    thread_team.end_after(crew, phase + 1)
                thread_team.done(crew, thread, threads)
        thread_team.wait(crew, threads, (phase + 1) * tasks)
    return phases


@njit
def _begin(state, threads, tasks):
    thread_team.begin(pointer(state), threads, tasks)


def new_team(threads, tasks):
    """Return the state of a team."""
    state = np.ones((1 + threads + tasks) * thread_team.LINE, np.int64)
    _begin(state, threads, tasks)
    return state


# --- blocks ---------------------------------------------------------------------------------------------


def block_operations(rows):
    """Return functions on blocks of ``rows`` rows, each filling its last argument."""

    @njit
    def copy(a, step, out):
        tiles.store_block(pointer(out), 0, step, tiles.load_block(pointer(a), 0, step, rows))

    @njit
    def multiply_rows(a, b, out):
        lanes = lane_count(pointer(a))
        x, y = tiles.load_block(pointer(a), 0, lanes, rows), tiles.load_block(pointer(b), 0, lanes, rows)
        tiles.store_block(pointer(out), 0, lanes, tiles.multiply_rows(x, y))

    @njit
    def add_outer(scalars, step, x, out):
        p, lanes = pointer(out), lane_count(pointer(out))
        block = tiles.load_block(p, 0, lanes, rows)
        block = tiles.add_outer(block, pointer(scalars), 0, step, load(pointer(x), 0))
        tiles.store_block(p, 0, lanes, block)

    @njit
    def add_products(a, x, out):
        p, lanes = pointer(out), lane_count(pointer(out))
        block = tiles.add_products(tiles.load_block(p, 0, lanes, rows), pointer(a), 0, lanes, load(pointer(x), 0))
        tiles.store_block(p, 0, lanes, block)

    @njit
    def row_sums(a, out):
        p = pointer(a)
        tiles.store_row_sums(pointer(out), 0, 0, tiles.load_block(p, 0, lane_count(p), rows), 1)

    return {
        "copy": copy,
        "multiply_rows": multiply_rows,
        "add_outer": add_outer,
        "add_products": add_products,
        "row_sums": row_sums,
    }


@njit
def _multiply(s, row_stride, step, rows, length, v, out, mode):
    matmul.multiply(
        matmul.Scalars(pointer=pointer(s), offset=0, row_stride=row_stride, step=step),
        matmul.Panels(pointer=pointer(v), offset=0, stride=v.shape[1] * v.shape[2], number=v.shape[0]),
        matmul.Output(pointer=pointer(out), offset=0, stride=out.shape[1] * out.shape[2]),
        rows,
        length,
        mode,
        NO_PREFETCH,
    )


def padded_rows(rows):
    """Return how many rows ``multiply`` may read and write for so many."""
    return -(-rows // matmul.UNIT) * matmul.UNIT


def multiply(s, v, out, mode, transposed):
    """Multiply s (rows, length) with panels v (panels, length, lanes) into out (panels, padded rows, lanes).

    s is read from memory as it is, or, if ``transposed``, from its transpose; what pads it is NaN.
    """
    rows, length = s.shape
    padded = np.full((padded_rows(rows), length), np.nan, s.dtype)
    padded[:rows] = s
    padded = np.ascontiguousarray(padded.T) if transposed else padded
    row, step = (1, padded.shape[1]) if transposed else (length, 1)
    _multiply(padded, row, step, rows, length, v, out, getattr(matmul, mode))


@njit
def _multiply_row(s, step, length, v, out, mode):
    matmul.multiply_row(
        matmul.Scalars(pointer=pointer(s), offset=0, row_stride=0, step=step),
        matmul.Panels(pointer=pointer(v), offset=0, stride=v.shape[1] * v.shape[2], number=v.shape[0]),
        matmul.Output(pointer=pointer(out), offset=0, stride=out.shape[1]),
        length,
        mode,
    )


def multiply_row(s, v, out, mode, step=1):
    """Multiply s (length,) with panels v (panels, length, lanes) into out (panels, lanes).

    The scalars lie ``step`` apart. What is between them, and what follows s and v, is NaN.
    """
    followed = np.pad(v, [(0, 0), (0, 3), (0, 0)], constant_values=np.nan)
    scalars = np.full((len(s) + 3) * step, np.nan, s.dtype)
    scalars[: len(s) * step : step] = s
    _multiply_row(scalars, step, len(s), followed, out, getattr(matmul, mode))


@njit
def _output_layer(a1, theta, z2):
    matmul.output_layer(
        matmul.Panels(pointer=pointer(a1), offset=0, stride=a1.shape[1] * a1.shape[2], number=a1.shape[0]),
        matmul.Panels(pointer=pointer(theta), offset=0, stride=theta.shape[1] * theta.shape[2], number=theta.shape[0]),
        matmul.Output(pointer=pointer(z2), offset=0, stride=z2.shape[1]),
        a1.shape[1],
        theta.shape[1],
    )


def output_layer(a1, w2):
    """Return z2 (outputs, t) from panels a1 (panels, t, lanes) and w2 (panels, outputs, lanes)."""
    z2 = np.full((w2.shape[1], a1.shape[1]), np.nan, a1.dtype)
    _output_layer(a1, w2, z2)
    return z2


OUTPUT_ROWS = matmul.OUTPUT_ROWS


# --- activations, loss, optimizers ----------------------------------------------------------------------

NUMBERS = StepParameters(slope=0.0, alpha=0.0, dropout=0.0, rate=0.0, decay_1=0.0, decay_2=0.0, epsilon=0.0)


@njit
def _activate(code, slope, z, derivative):
    activations.activate(code, slope, pointer(z), pointer(derivative), 0, z.size)


def activate(name, z, slope=0.0):
    """Return g(z) and g'(z)."""
    spare = -z.size % lanes_of(z.dtype)
    a = np.pad(z, (0, spare))
    derivative = np.full_like(a, np.nan)
    _activate(ACTIVATIONS[name], slope, a, derivative)
    return a[: z.size], derivative[: z.size]


@njit
def _activate_outputs(code, z2, b2):
    loss.activate_outputs(code, pointer(z2), z2.shape[1], z2.shape[0], pointer(b2), 0, 0, z2.shape[1])


@njit
def _losses_and_deltas(code, a2, y, weight, losses, parameters):
    p = pointer
    loss.losses_and_deltas(
        code, p(a2), a2.shape[1], a2.shape[0], p(y), p(weight), p(losses), parameters, 0, a2.shape[1]
    )


def probabilities(output, z2, b2):
    """Return a2 (n, outputs) from z2 (n, outputs) and the intercepts."""
    n, spare = len(z2), -len(z2) % lanes_of(z2.dtype)
    a2 = np.ascontiguousarray(np.pad(z2, ((0, spare), (0, 0))).T)
    _activate_outputs(OUTPUTS[output], a2, b2)
    return a2.T[:n]


def targets_of(output, Y):
    """Return the targets (n, 1) or (n, outputs) that the kernels are given for Y."""
    return Y.argmax(axis=1)[:, np.newaxis] if output == "softmax" else Y


def losses_and_deltas(output, a2, Y, s, **numbers):
    """Return the loss (n,) of each example and dz2 (n, outputs); ``numbers`` are fields of StepParameters."""
    n, spare = len(a2), -len(a2) % lanes_of(a2.dtype)
    dz2 = np.ascontiguousarray(np.pad(a2, ((0, spare), (0, 0))).T)
    y = np.ascontiguousarray(np.pad(targets_of(output, Y), ((0, spare), (0, 0))).T.astype(a2.dtype))
    losses = np.full(n + spare, np.nan, a2.dtype)
    _losses_and_deltas(OUTPUTS[output], dz2, y, np.pad(s, (0, spare)), losses, NUMBERS._replace(**numbers))
    return losses[:n], dz2.T[:n]


@njit
def _update(code, theta, moment1, moment2, gradient, penalty, scale, rate, decay_1, decay_2, epsilon):
    weights = optimizers.Weights(
        theta=pointer(theta),
        moment1=pointer(moment1),
        moment2=pointer(moment2),
        gradient=pointer(gradient),
        stride=gradient.shape[1],
        shards=gradient.shape[0],
    )
    rule = optimizers.Rule(optimizer=code, scale=scale, rate=rate, decay_1=decay_1, decay_2=decay_2, epsilon=epsilon)
    return optimizers.update(0, theta.size, penalty, weights, rule)


def update(optimizer, theta, moment1, moment2, gradient, **constants):
    """Update theta and its moments in place from the shards of the gradient (shards, size)."""
    return _update(SOLVERS[optimizer], theta, moment1, moment2, gradient, *constants.values())


# --- randomness -----------------------------------------------------------------------------------------


@njit
def _uniform(key, counter, out):
    p = pointer(out)
    for i in range(0, out.size, lane_count(p)):
        store(p, i, uniform(p, key, counter + i))


def uniform_numbers(key, counter, count, dtype):
    """Return the random numbers of ``count`` counters in a row."""
    out = np.empty(count + -count % lanes_of(dtype), dtype)
    _uniform(key, counter, out)
    return out[:count]


# --- the network ----------------------------------------------------------------------------------------


class Problem(NamedTuple):
    """Data and weights in float64, by the letters of ``naive``; ``s`` is None where all examples weigh 1."""

    weights: tuple
    X: np.ndarray
    Y: np.ndarray
    s: np.ndarray | None

    @property
    def data(self):
        """Return X, Y and s as ``naive`` takes them."""
        return self.X, self.Y, np.ones(len(self.X)) if self.s is None else self.s


def problem(n, n_features, n_hidden, n_outputs, output="softmax", weighted=False, seed=0):
    """Return a random Problem whose numbers are exact in float32."""
    random = np.random.default_rng(seed)

    def normal(*shape, scale=1.0):
        return (random.standard_normal(shape) * scale).astype(np.float32).astype(np.float64)

    if output == "logistic":
        Y = random.integers(0, 2, (n, n_outputs)).astype(np.float64)
    elif output == "softmax":
        Y = np.eye(n_outputs)[random.integers(0, n_outputs, n)]
    else:
        Y = normal(n, n_outputs) if output == "identity" else random.poisson(1.5, (n, n_outputs)).astype(np.float64)
    s = random.integers(0, 8, n) / 4 if weighted else None
    if weighted:
        s[0] = 1.5
    W1 = normal(n_hidden, n_features, scale=n_features**-0.5)
    W2 = normal(n_outputs, n_hidden, scale=n_hidden**-0.5)
    return Problem((W1, normal(n_hidden), W2, normal(n_outputs)), normal(n, n_features), Y, s)


def layouts(X):
    """Yield (name, array) with the same numbers as X, in other places of memory."""
    n, m = X.shape
    yield "fortran", np.asfortranarray(X)
    yield "columns apart", np.repeat(X, 2, axis=1)[:, ::2]
    yield "rows apart", np.repeat(X, 3, axis=0)[::3]
    yield "rows backwards", np.ascontiguousarray(X[::-1])[::-1]
    yield "columns backwards", np.ascontiguousarray(X[:, ::-1])[:, ::-1]
    yield "fortran backwards", np.asfortranarray(X[::-1, ::-1])[::-1, ::-1]
    read_only = X.copy()
    read_only.flags.writeable = False
    yield "read-only", read_only
    memory = np.zeros(X.nbytes + 1, np.uint8)
    unaligned = memory[1:].view(X.dtype).reshape(n, m)
    unaligned[:] = X
    yield "unaligned", unaligned
    record = np.zeros(n, [("flag", np.uint8), ("row", X.dtype, m), ("more", np.uint8)])
    record["row"] = X
    yield "fields of records", record["row"]


class ScriptedPace:
    """Stands in for the pace of a fit: takes turns at the given calls, each (parallel, places).

    ``taken`` are the calls that were made.
    """

    def __init__(self, *calls):
        self.calls = calls
        self.taken = []

    def next_call(self, left):
        parallel, places = self.calls[len(self.taken) % len(self.calls)]
        return parallel, min(left, places)

    def record(self, parallel, places, seconds):
        self.taken.append((parallel, places))


def network(problem, model, rule, dtype):
    """Return the Network of a Problem, with no examples attached."""
    W1, b1, W2, b2 = (w.astype(dtype) for w in problem.weights)
    return Network(
        [W1.T, W2.T],
        [b1, b2],
        ACTIVATIONS[model.activation],
        OUTPUTS[model.output],
        SOLVERS[rule.solver],
        StepParameters(
            slope=slope_of(model),
            alpha=model.alpha,
            rate=rule.rate,
            decay_1=rule.beta_1 if rule.solver == "adam" else rule.momentum,
            decay_2=rule.beta_2,
            epsilon=rule.epsilon,
            dropout=model.dropout,
            **numbers_of_loss(model, dtype),
        ),
    )


def numbers_of_loss(model, dtype):
    """Return the fields of StepParameters that the loss of a Model needs."""
    if model.output in ("logistic", "softmax"):
        return {"clip": model.clip or float(np.finfo(dtype).eps), "smoothing": model.smoothing}
    name = "poisson" if model.output == "exp" else model.loss
    return RealTargets(n_outputs=1, loss_name=name, quantile=model.quantile, delta=model.delta).loss_parameters(dtype)


def attach(net, problem, model, X=None, batch_size=None, n_threads=1):
    """Give a Network the Problem's examples, or another array X of the same numbers."""
    X = problem.X.astype(net.dtype) if X is None else X
    net.attach(X, targets_of(model.output, problem.Y), problem.s, None, batch_size or len(X), n_threads)


def train(
    problem, model=MODEL, rule=RULE, dtype=np.float64, *,
    X=None, batch_size=None, orders=(None,), n_threads=1, scheduler=None,
):  # fmt: skip
    """Train one epoch for each order; return the weights, in the layout of ``naive``, and the losses."""
    net = network(problem, model, rule, dtype)
    attach(net, problem, model, X, batch_size, n_threads)
    net.scheduler = scheduler or ScriptedPace((False, 10**9))
    losses = [
        net.train_epoch(order, rule.rate, net.updates, epoch * net.n_samples) for epoch, order in enumerate(orders)
    ]
    return weights_of(net), losses


def predict(problem, model, dtype, X=None, n_threads=1):
    """Return the class probabilities of the Problem's examples, or of another array X."""
    return predict_and_check(problem, model, dtype, X, n_threads)[0]


def predict_and_check(problem, model, dtype, X=None, n_threads=1):
    """Return what ``predict`` does, and whether X and the probabilities are found to be finite."""
    W1, b1, W2, b2 = (w.astype(dtype) for w in problem.weights)
    X = problem.X.astype(dtype) if X is None else X
    return predict_outputs(
        X,
        [W1.T, W2.T],
        [b1, b2],
        ACTIVATIONS[model.activation],
        OUTPUTS[model.output],
        slope_of(model),
        n_threads,
    )


def slope_of(model):
    """Return the slope below 0 of an activation that the kernels treat as a leaky ReLU."""
    return model.slope if model.activation == "leaky_relu" else 0.0


def weights_of(net):
    """Return a Network's weights in the layout of ``naive``."""
    (W1, W2), (b1, b2) = net.weights()
    return W1.T, b1, W2.T, b2


def bits(weights, losses):
    """Return a result as bytes, to compare it to the last bit."""
    return b"".join(w.tobytes() for w in weights) + np.array(losses).tobytes()


def workspace_bytes(net):
    """Return the memory that a Network with examples has beside X, their targets and their weights."""
    return sum(array.nbytes for array in net._buffers) - net._buffers.targets.nbytes - net._buffers.sample_weight.nbytes


def padding_is_zero(net):
    """Return whether everything in theta that is not a weight is 0."""
    sizes = net.sizes
    panels, b2 = np.split(net.theta, [sizes.b2])
    panels = panels.reshape(sizes.panels, -1, net.lanes)
    row, unit = np.arange(panels.shape[1])[:, np.newaxis], np.arange(sizes.panels)[:, np.newaxis, np.newaxis]
    weight = (row <= sizes.features) | (0 <= row - sizes.feature_rows) & (row - sizes.feature_rows < sizes.outputs)
    weight = weight & (unit * net.lanes + np.arange(net.lanes) < sizes.hidden)
    return not panels[~weight].any() and not b2[sizes.outputs :].any()


def layout(features, hidden, outputs, lanes):
    """Return the Layout for dense X."""
    return weight_layout.layout(features, hidden, outputs, lanes, False)
