"""The kernels' Python source on stand-ins for registers and pointers, whose every access is checked.

With NUMBA_DISABLE_JIT=1 the kernels are plain Python functions, but for the intrinsics that they are written with.
Here lanes are NumPy arrays and a pointer is an array and a place, so that an access outside of the array is an
error. Addresses lead only to arrays that the caller of an entry holds.

``NUMBA_DISABLE_JIT=1 python tests/support/emulation.py OUT`` fits the cases of ``CASES`` so, and saves what they
learned.
"""

import ctypes
import math
import sys
import warnings
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
from scipy import sparse

from shallownet import ShallowNetClassifier
from shallownet.jit import thread_team
from shallownet.kernels import activations
from shallownet.kernels import copy_rows as rows
from shallownet.kernels import gradient as weights
from shallownet.kernels import losses as loss
from shallownet.kernels import optimizers as updates
from shallownet.kernels import predict as prediction
from shallownet.kernels import predict_few as direct
from shallownet.kernels import predict_head as head
from shallownet.kernels import random_numbers as randomness
from shallownet.kernels import shuffle as shuffling
from shallownet.kernels import sparse as sparse_kernels
from shallownet.kernels import step as examples
from shallownet.kernels import train as epoch
from shallownet.kernels import train_sparse as sparse_epoch
from shallownet.kernels import weight_layout as panels
from shallownet.simd import matmul as layers
from shallownet.simd import prefetch as coming
from shallownet.simd import tail_panel as strip
from shallownet.simd import tiles as blocks
from shallownet.simd import vector_math as elementary
from shallownet.simd import vector_ops as arithmetic
from shallownet.simd import vectors as lanes
from shallownet.training import buffers as _workspace
from shallownet.training import inference as _forward
from shallownet.training import network as _network

REGISTER_BYTES = 64


# --- memory ---------------------------------------------------------------------------------------------


class OutOfBounds(Exception):
    """An access outside of the arrays that a kernel was given."""


class Pointer:
    """A place in a flat array."""

    def __init__(self, array, place=0):
        self.array, self.place = array, place

    @property
    def dtype(self):
        return self.array.dtype

    def span(self, index, count):
        """Return ``count`` numbers from ``index`` on as a view."""
        first = self.place + index
        if not 0 <= first <= first + count <= self.array.size:
            raise OutOfBounds(f"{first} .. {first + count} of {self.array.size}")
        return self.array[first : first + count]

    def __getitem__(self, index):
        return self.span(index, 1)[0].item()

    def __setitem__(self, index, value):
        self.span(index, 1)[0] = value


held: list = []  # the arrays that the caller of the entry at work holds


def arrays_in(thing, depth=7):
    """Yield the arrays within a value, its attributes, its items."""
    if isinstance(thing, np.ndarray):
        yield thing
    elif depth and sparse.issparse(thing):
        yield from (thing.data, thing.indices, thing.indptr)
    elif depth and isinstance(thing, tuple | list):
        for item in thing:
            yield from arrays_in(item, depth - 1)
    elif depth and isinstance(thing, dict):
        yield from arrays_in(list(thing.values()), depth)
    elif depth and type(thing).__module__.startswith("shallownet"):
        yield from arrays_in(vars(thing), depth - 1)


def entered(function):
    """Return an entry that knows the arrays of its callers in the package."""

    def entry(*arguments):
        caller, known = sys._getframe(1), []
        while caller is not None and caller.f_globals["__name__"].startswith("shallownet"):
            known.append(caller.f_locals)
            caller = caller.f_back
        held[:] = [array for array in arrays_in(known) if array.size]
        return function(*arguments)

    return entry


def at(address, dtype):
    """Return a pointer to the array that begins at an address; address 0 leads nowhere."""
    if address == 0:
        return Pointer(np.empty(0, dtype))
    for array in held:
        if array.ctypes.data == address and array.dtype == dtype:
            return Pointer(array.reshape(-1))
    return Pointer(np.empty(0, dtype))  # of an array without numbers


def read_bytes(address, dtype, count):
    size = dtype.itemsize * count
    bounds = map(np.lib.array_utils.byte_bounds, held)
    if not any(low <= address and address + size <= high for low, high in bounds):
        raise OutOfBounds(f"{size} bytes at an address of no array")
    return np.frombuffer(ctypes.string_at(address, size), dtype)


def prefetch_read(address):
    read_bytes(address, np.dtype(np.uint8), 1)  # to ask for a line elsewhere would do no harm, and no good


# --- stand-ins ------------------------------------------------------------------------------------------


def lane_count(p):
    return REGISTER_BYTES // p.dtype.itemsize


def load(p, index):
    return p.span(index, lane_count(p)).copy()


def store(p, index, value):
    assert value.dtype == p.dtype and value.shape == (lane_count(p),)
    p.span(index, lane_count(p))[:] = value


def select(mask, a, b):
    dtype = next(value.dtype for value in (a, b) if isinstance(value, np.ndarray))
    return np.where(mask, a, b).astype(dtype)


def fma(a, b, c):
    return a * b + c


def exponent_of(x):
    fraction, exponent = np.frexp(x)
    return np.where(fraction < math.sqrt(0.5), exponent - 1, exponent).astype(x.dtype)


def mantissa_of(x):
    fraction, _ = np.frexp(x)
    return np.where(fraction < math.sqrt(0.5), 2 * fraction, fraction).astype(x.dtype)


def power_of_two(n):
    return np.ldexp(np.ones_like(n), n.astype(np.int64)).astype(n.dtype)


def polynomial(x, coefficients):
    value = np.full_like(x, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        value = value * x + x.dtype.type(coefficient)
    return value


def chebyshev_sum(x, coefficients):
    return np.polynomial.chebyshev.chebval(x.astype(np.float64), coefficients).astype(x.dtype)


def rows_of(p, first, step, rows, count):
    """Return ``rows`` times ``count`` numbers that begin ``step`` apart, as (rows, count)."""
    return np.array([p.span(first + i * step, count) for i in range(rows)])


def copy_few(address, p, index, count):
    assert 0 < count <= lane_count(p)
    p.span(index, count)[:] = read_bytes(address, p.dtype, count)


def load_block(p, first, step, rows):
    return rows_of(p, first, step, rows, lane_count(p))


def store_block(p, first, step, block):
    for i, row in enumerate(block):
        store(p, first + i * step, row)


def add_outer(block, p, first, step, x):
    return block + rows_of(p, first, step, len(block), 1) * x


def add_outer_pair(a, b, p, first, step, x, y):
    return add_outer(a, p, first, step, x), add_outer(b, p, first, step, y)


def add_for_features(block, p, first, step, x, groups):
    return block + np.repeat(rows_of(p, first, step, len(block), groups), len(x) // groups, axis=1) * x


def add_for_examples(block, p, first, step, v, panel, length, groups):
    rows, width = len(block), lane_count(v) // groups
    length = length or width
    factors = rows_of(p, first, step, rows * groups, length).reshape(rows, groups, 1, length)
    for k in range(length):
        x = np.tile(v.span(panel + k * lane_count(v), width), groups)
        block = block + np.repeat(factors[..., k], width, axis=2).reshape(rows, -1) * x
    return block


def load_repeated(p, index, groups):
    return np.tile(p.span(index, lane_count(p) // groups), groups)


def load_groups(p, first, step, rows, groups):
    width = lane_count(p)
    return rows_of(p, first, step, rows * groups, width // groups).reshape(rows, width)


def read_block(address, step, last, p):
    count = lane_count(p)
    return np.array([read_bytes(address + min(i, last) * step, p.dtype, count) for i in range(count)])


def store_groups(p, first, step, block, groups):
    rows = block.reshape(len(block) * groups, -1)
    store_block(p, first, step, np.pad(rows, ((0, 0), (0, block.shape[1] - rows.shape[1]))))


def add_products(block, p, first, step, x):
    return block + rows_of(p, first, step, len(block), lane_count(p)) * x


def add_products_within(block, p, first, count, x):
    width = lane_count(p)
    rows = np.zeros((len(block), width), p.dtype)
    for i, row in enumerate(rows):
        few = min(max(count - i * width, 0), width)
        row[:few] = p.span(first + i * width, few) if few else 0
    return block + rows * x


def add_products_pair(a, b, p, first, step, x, y):
    return add_products(a, p, first, step, x), add_products(b, p, first, step, y)


def store_row_sums(p, index, block):
    p.span(index, len(block))[:] = block.sum(axis=1)


def uniform(p, key, counter):
    """Return what the kernels draw: D. Widynski's Squares with four rounds."""
    with np.errstate(over="ignore"):
        key, first = np.array([key, counter]).astype(np.uint64)
        x = y = (first + np.arange(lane_count(p), dtype=np.uint64)) * key
        z, half = y + key, np.uint64(32)
        for offset in (y, z, y):
            x = x * x + offset
            x = (x >> half) | (x << half)
        return ((x * x + z) >> np.uint64(40)).astype(p.dtype) * p.dtype.type(2.0**-24)


def publish(p, index, value):
    p[index] = value


def replace(p, index, old, new):
    if p[index] != old:
        return False
    p[index] = new
    return True


STANDINS = {
    "pointer": lambda array: Pointer(array.reshape(-1)),
    "align_up": lambda array: Pointer(array[: len(array) - REGISTER_BYTES // array.itemsize]),
    "keep_alive": lambda arrays: None,
    "pointer_at": lambda address, like: at(address, like.dtype),
    "offset": lambda p, distance: Pointer(p.array, p.place + distance),
    "pointers": lambda addresses, count, like: tuple(at(address, like.dtype) for address in addresses[:count].tolist()),
    "numbers": lambda array, count: tuple(array[:count].tolist()),
    "lane_count": lane_count,
    "load": load,
    "store": store,
    "prefetch_read": prefetch_read,
    "prefetch_write": lambda p, index: None,
    "read": lambda address, p: read_bytes(address, p.dtype, 1)[0].item(),
    "read_lanes": lambda address, p: read_bytes(address, p.dtype, lane_count(p)),
    "copy_few": copy_few,
    "splat": lambda p, value: np.full(lane_count(p), value, p.dtype),
    "select": select,
    "fma": fma,
    "square_root": np.sqrt,
    "absolute": np.abs,
    "copy_sign": np.copysign,
    "round_to_whole": np.rint,
    "exponent_of": exponent_of,
    "mantissa_of": mantissa_of,
    "power_of_two": power_of_two,
    "polynomial": polynomial,
    "chebyshev_sum": chebyshev_sum,
    "reduce_add": lambda x: x.sum().item(),
    "zero_block": lambda p, rows: np.zeros((rows, lane_count(p)), p.dtype),
    "load_block": load_block,
    "store_block": store_block,
    "multiply_rows": lambda a, b: a * b,
    "add_outer": add_outer,
    "add_outer_pair": add_outer_pair,
    "add_products": add_products,
    "add_products_within": add_products_within,
    "add_products_pair": add_products_pair,
    "load_groups": load_groups,
    "read_block": read_block,
    "transposed": lambda block: block.T,
    "add_for_features": add_for_features,
    "add_for_examples": add_for_examples,
    "load_repeated": load_repeated,
    "store_groups": store_groups,
    "store_row_sums": store_row_sums,
    "uniform": uniform,
    "fetch": lambda p, index: p[index],
    "publish": publish,
    "replace": replace,
    "pause": lambda: None,
    "_yield": lambda: 0,
}

KERNELS = [
    activations, arithmetic, blocks, coming, direct, elementary, epoch, examples, head, lanes, layers, loss, panels,
    prediction, randomness, rows, shuffling, sparse_epoch, sparse_kernels,
    strip, thread_team, updates, weights,
]  # fmt: skip


def of_lanes(overload):
    """Return a function of lanes whose source is chosen by the bits of a lane."""
    return lambda x: overload(SimpleNamespace(dtype=SimpleNamespace(bitwidth=8 * x.dtype.itemsize)))(x)


def of_rows(overload):
    """Return a function whose source is chosen by a constant, its first argument."""
    return lambda rows, *others: overload(SimpleNamespace(literal_value=rows), *others)(rows, *others)


def replace_intrinsics():
    """Let all kernels use the stand-ins."""
    functions = dict(STANDINS)
    for name in ("exp", "log", "tanh", "logistic", "log1p", "erfcx", "reduced_expm1"):
        functions[name] = of_lanes(getattr(elementary, f"_{name}"))
    functions["block_product"] = of_rows(layers._block_product)
    functions["block_product_pair"] = of_rows(layers._block_product_pair)
    functions["prefetching_block"] = of_rows(coming._prefetching_block)
    functions["shared_product"] = of_rows(strip._shared_product)
    functions["shared_gradient"] = of_rows(strip._shared_gradient)
    functions["add_group"] = of_rows(sparse_kernels._add_group)
    for room in KERNELS:
        for name in vars(room).keys() & functions.keys():
            setattr(room, name, functions[name])
    for room in (_network, _forward):
        for name in (
            "predict_serial",
            "predict_parallel",
            "predict_sparse",
        ):
            if name in vars(room):
                setattr(room, name, entered(getattr(room, name)))
    for key, train in _network._TRAIN.items():
        _network._TRAIN[key] = entered(train)


# --- cases ----------------------------------------------------------------------------------------------


@contextmanager
def allowed(count):
    """Stand in for ``threads``: as many parts as there would be threads, one after the other."""
    yield True


class Turns:
    """Stands in for ``ThreadScheduler``: threads and one by turns, for all that is left and for as little as may be."""

    def __init__(self, operations, step, may, kind):
        self.may, self.calls, self.parallel = may, 0, False

    def next_call(self, left):
        self.calls += 1
        return self.may and self.calls % 2 == 1, left if self.calls % 4 < 2 else 1

    def record(self, parallel, places, seconds):
        pass


def variant(wide):
    """Choose the blocks of a CPU with 32 registers of 512 bits, or of one with 16 of 256.

    The threads of a team come one after the other, so that the first does the work in its part of the workspace; in
    one variant it is the last that comes first.
    """
    epoch.prange = sparse_epoch.prange = range if wide else lambda threads: reversed(range(threads))
    layers.ROWS, layers.COLUMNS, layers.OUTPUT_ROWS = (12, 2, 8) if wide else (6, 1, 4)
    coming.ROWS = layers.ROWS
    prediction.MOST_FEATURES, prediction.LEAST_FEATURES = (512, 48) if wide else (16, 16)
    _forward.MASKED = wide
    panels.SHARED_ROWS = strip.SHARED_ROWS = 9 if wide else 6
    strip.SHARED_EXAMPLES = 24 if wide else 12
    examples.WIDE = coming.WIDE = wide


def data_of(n, d, k, dtype, form):
    """Return X, amid numbers that are not its own, and y."""
    random = np.random.default_rng(n + d)
    around = random.normal(size=(n + 2, d)).astype(dtype)
    X, y = around[1:-1], np.arange(n) % k
    if form == "fortran":
        X = np.asfortranarray(around)[1:-1]
    elif form == "apart":
        X = np.repeat(around, 2, axis=1)[1:-1, ::2]
    elif form == "sparse":
        X = sparse.csr_matrix(np.where(np.abs(X) < 0.8, 0, X))
    elif form == "labels":
        y = random.integers(0, 2, (n, k))
    return X, y


# (n, d, k, hidden units, dtype, form of the data, threads, parameters)
CASES = [
    (7, 3, 2, 1, "f8", "plain", 1, {}),
    (1, 1, 2, 8, "f8", "labels", 1, {"solver": "sgd"}),
    (50, 17, 3, 17, "f4", "plain", 1, {"batch_size": 13, "activation": "tanh"}),
    (130, 5, 2, 9, "f8", "fortran", 4, {"batch_size": 128, "activation": "gelu"}),
    (97, 16, 3, 33, "f4", "apart", 3, {"batch_size": "full", "activation": "softplus", "dropout": 0.3}),
    (60, 6, 5, 40, "f8", "labels", 2, {"batch_size": 59, "label_smoothing": 0.1, "activation": "silu"}),
    (49, 12, 13, 8, "f8", "plain", 1, {"batch_size": 1, "max_iter": 1, "solver": "sgd", "momentum": 0.5}),
    (40, 11, 3, 70, "f8", "plain", 2, {"solver": "lbfgs", "max_iter": 2, "activation": "logistic"}),
    (64, 9, 3, 20, "f8", "plain", 1, {"early_stopping": True, "activation": "leaky_relu", "class_weight": "balanced"}),
    (50, 30, 2, 17, "f4", "sparse", 2, {"batch_size": 20}),
    (33, 4, 3, 41, "f8", "sparse", 3, {"activation": "identity", "solver": "sgd", "nesterovs_momentum": False}),
    (20, 7, 3, 5, "f8", "sparse", 1, {"solver": "lbfgs", "max_iter": 2}),
    (230, 35, 3, 40, "f4", "plain", 2, {"batch_size": 100, "max_iter": 1}),
    (600, 1200, 2, 12, "f8", "plain", 2, {"batch_size": "full", "max_iter": 1}),  # longer than a workspace
]


def learned(n, d, k, hidden, dtype, form, threads, parameters):
    """Fit a case; return weights, losses and outputs as one vector."""
    X, y = data_of(n, d, k, dtype, form)
    model = ShallowNetClassifier(hidden, **{"max_iter": 2, "random_state": 1, "n_jobs": threads, **parameters})
    model.fit(X, y)
    outputs = model.predict_proba(X), model.hidden_activations(X)
    return np.concatenate([np.ravel(a) for a in (*model.coefs_, *model.intercepts_, *outputs, model.loss_)])


def main(path):
    warnings.simplefilter("ignore")
    replace_intrinsics()
    coming.FAR_BYTES = 0  # rows are asked for ahead
    _workspace.COPIED_BYTES = 0  # and read where they lie
    _network.threads = allowed
    _network.ThreadScheduler = Turns
    _forward.FEW_OPERATIONS, _forward.ThreadScheduler, _forward.thread_count = 0, Turns, lambda n_jobs: 3
    _forward.threads = allowed
    sys.modules["shallownet.training.fit"].thread_count = lambda n_jobs: n_jobs
    found = {}
    for number, case in enumerate(CASES):
        for wide in (False, True):
            variant(wide)
            found[f"{number} {wide}"] = learned(*case)
    np.savez(path, **found)


if __name__ == "__main__":
    main(sys.argv[1])
