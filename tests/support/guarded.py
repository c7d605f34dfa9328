"""Fits and predictions with the compiled kernels, every buffer of which lies at inaccessible pages.

Each array that a kernel reaches ends right before pages that nobody may touch, or begins right after some: an access
beyond it ends the process. What is left of its pages on the other side is NaN.

- Arguments of kernels, and arrays whose addresses they are given, are copied to such places before each call, and back
  after it.
- The buffers of a workspace get an allocator that places each piece, that of each thread or share, like this.
- The arrays that predictions make within a kernel come from Numba's runtime, whose allocator is replaced. They are
  longer by a register than what is used of them (``align_up``); that register is closed once they have been zeroed.

The process ends at the first such access, so these are programs (POSIX only):

    python tests/support/guarded.py cases OUT           # fits CASES, prints each before, saves what they learned
    python tests/support/guarded.py serial-cases OUT    # the same without threads
    python tests/support/guarded.py faults              # for each planted fault, how processes end that have it: JSON
"""

import ctypes
import faulthandler
import json
import mmap
import os
import sys
import warnings
import weakref

import numpy as np
from llvmlite import binding
from numba.core.registry import cpu_target
from numba.core.runtime import _nrt_python, rtsys
from scipy import sparse

from shallownet import ShallowNetClassifier, ShallowNetRegressor
from shallownet.estimators import parameters
from shallownet.kernels import predict
from shallownet.kernels.memory import Memory
from shallownet.kernels.structs import SUMS_STRIDE, Buffers
from shallownet.kernels.weight_layout import round_up
from shallownet.simd import prefetch
from shallownet.simd.vectors import MASKED, REGISTER_BYTES
from shallownet.training import buffers, inference, network

PAGE = mmap.PAGESIZE
GUARD = 2**20  # inaccessible bytes on either side
NO_ACCESS = 0  # mprotect's PROT_NONE

_mprotect = ctypes.CDLL(None, use_errno=True).mprotect
_mprotect.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int


class Settings:
    """How buffers are placed, and which fault is planted."""

    at_end = True  # of their pages, before a guard; else at the begin, behind one
    short = (None, 0)  # the name of a buffer of training, and by how many numbers it is too short
    short_own = None  # which of the arrays that a kernel makes, in order, is too short by a register


def close(address, size):
    """Let nobody touch these pages any more."""
    if _mprotect(address, size, NO_ACCESS):
        raise OSError(ctypes.get_errno(), "mprotect")


def pieces(count, size, stride=GUARD):
    """Return bytes from the first of ``count`` pieces of zeros, ``stride`` apart, to the end of the last."""
    room = round_up(size, PAGE)
    length = 2 * GUARD + (count - 1) * stride + room
    memory = np.frombuffer(mmap.mmap(-1, length, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS), np.uint8)
    before = room - size if Settings.at_end else 0
    for page in range(GUARD, length - room, stride):
        memory[page : page + room] = 255
        memory[page + before : page + before + size] = 0
        close(memory.ctypes.data + page - GUARD, GUARD)
        close(memory.ctypes.data + page + room, GUARD)
    return memory[GUARD + before : length - GUARD - room + before + size]


def placed(array):
    """Return a copy of an array, with the same strides, at a guard; what lies between its numbers is NaN."""
    if not array.size:
        return pieces(1, 0).view(array.dtype).reshape(array.shape)
    low, high = np.lib.array_utils.byte_bounds(array)
    memory = pieces(1, high - low)
    memory[...] = 255
    copy = np.ndarray(array.shape, array.dtype, memory, array.ctypes.data - low, array.strides)
    copy[...] = array
    copy.flags.writeable = array.flags.writeable
    return copy


# --- arrays that Python makes ---------------------------------------------------------------------------


class Piece(np.ndarray):
    """A buffer of a workspace, which is at guards already."""


def missing(name):
    """Return how many numbers the buffer of a name is too short."""
    return Settings.short[1] if Settings.short[0] == name else 0


def apart(parts, lengths, dtype):
    """Stand in for ``_apart``: each piece of each buffer is at a guard."""
    sizes = {name: (length - missing(name)) * dtype.itemsize for name, length in lengths.items()}
    stride = round_up(max(sizes.values()), PAGE) + GUARD
    arrays = {name: pieces(parts, size, stride).view(dtype).view(Piece) for name, size in sizes.items()}
    return arrays, stride // dtype.itemsize


def short_buffers(**arrays):
    """Stand in for ``Buffers``: plant the fault in a buffer that ``apart`` has not placed."""
    for name, array in arrays.items():
        if not isinstance(array, Piece):
            arrays[name] = array[: len(array) - missing(name)]
    return Buffers(**arrays)


_hold = Memory.address
_copies: dict = {}  # of the arrays that have an address: a weak reference and the copy, by id


def address(memory, array):
    """Stand in for ``Memory.address``: return where the copy of an array lies."""
    _hold(memory, array)
    if isinstance(array, Piece):
        return array.ctypes.data
    owner, copy = _copies.get(id(array), (lambda: None, None))
    if owner() is not array:
        copy = placed(array)
        _copies[id(array)] = weakref.ref(array), copy
    return copy.ctypes.data


def guarded(kernel):
    """Return a kernel that reaches nothing but copies."""

    def call(*arguments):
        for key in [key for key, (owner, _) in _copies.items() if owner() is None]:
            del _copies[key]
        reached = [(owner(), copy) for owner, copy in _copies.values()]
        for array, copy in reached:
            if copy.flags.writeable:
                copy[...] = array
        copies = [placed(value) if isinstance(value, np.ndarray) else value for value in arguments]
        result = kernel(*copies)
        given = [pair for pair in zip(arguments, copies, strict=True) if isinstance(pair[0], np.ndarray)]
        # those with addresses last: the weights are an argument too, but only for their dtype
        for array, copy in [*given, *reached]:
            if copy.flags.writeable:
                array[...] = copy
        _own.clear()
        _spare.clear()
        return result

    return call


# --- arrays that kernels make ---------------------------------------------------------------------------

_own: list = []  # the memory of those of the kernel at work
_spare: dict = {}  # the page behind each of them that is to be closed, by its address

ALLOCATE = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint32)
_allocate = ALLOCATE(_nrt_python.c_helpers["MemInfo_alloc_aligned"])
_data_of = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)(_nrt_python.c_helpers["MemInfo_data"])


@ALLOCATE
def allocate(size, align):
    """Stand in for the function that returns what Numba knows of a new array: whole registers are at a guard."""
    known = _allocate(size, align)
    if size % REGISTER_BYTES == 0:
        used = max(0, size - REGISTER_BYTES * (1 + (Settings.short_own == len(_own))))
        room = round_up(used, PAGE)
        memory = pieces(1, room + PAGE)
        start = memory.ctypes.data + (room - used if Settings.at_end else 0)
        if Settings.at_end:
            _spare[start] = memory.ctypes.data + room
        _own.append(memory)
        words = (ctypes.c_size_t * 4).from_address(known)
        words[list(words).index(_data_of(known))] = start
    return known


@ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t)
def memset(start, value, size):
    """Stand in for ``memset``, with which the use of such an array begins."""
    ctypes.memset(start, value, size)
    if start in _spare:
        close(_spare.pop(start), PAGE)
    return start


# --- what is fitted -------------------------------------------------------------------------------------


class Turns:
    """Stands in for ``ThreadScheduler``: threads and one by turns, for all that is left and for as little as may be."""

    threads = True

    def __init__(self, operations, step, may, kind):
        self.may, self.calls, self.parallel = may and self.threads, 0, False

    def next_call(self, left):
        self.calls += 1
        return self.may and self.calls % 2 == 1, left if self.calls % 4 < 2 else 1

    def record(self, parallel, places, seconds):
        pass


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
    elif form == "numbers":
        y = random.exponential(size=(n, k))[:, 0 if k == 1 else slice(None)]
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
    (40, 7, 3, 70, "f8", "plain", 2, {"solver": "lbfgs", "max_iter": 2, "activation": "logistic"}),
    (64, 9, 3, 20, "f8", "plain", 1, {"early_stopping": True, "activation": "leaky_relu", "class_weight": "balanced"}),
    (50, 30, 2, 17, "f4", "sparse", 2, {"batch_size": 20}),
    (33, 4, 3, 41, "f8", "sparse", 3, {"activation": "identity", "solver": "sgd", "nesterovs_momentum": False}),
    (20, 7, 3, 5, "f8", "sparse", 1, {"solver": "lbfgs", "max_iter": 2}),
    (230, 35, 3, 40, "f4", "plain", 2, {"batch_size": 100, "max_iter": 1}),
    (600, 1200, 2, 12, "f8", "plain", 2, {"batch_size": "full", "max_iter": 1}),  # longer than a workspace
    (50, 6, 3, 9, "f8", "numbers", 2, {"loss": "poisson", "batch_size": 20}),
    (49, 12, 1, 17, "f4", "numbers", 1, {"loss": "quantile"}),
]


def learned(n, d, k, hidden, dtype, form, threads, parameters):
    """Fit a case; return weights, losses and outputs as one vector."""
    X, y = data_of(n, d, k, dtype, form)
    kind = ShallowNetRegressor if form == "numbers" else ShallowNetClassifier
    usual = {"hidden_layer_sizes": hidden, "max_iter": 2, "random_state": 1, "n_jobs": threads}
    model = kind(**usual | parameters).fit(X, y)
    outputs = getattr(model, "predict_proba", model.predict)(X), model.hidden_activations(X)
    return np.concatenate([np.ravel(a) for a in (*model.coefs_, *model.intercepts_, *outputs, model.loss_)])


def guard():
    """Let all buffers lie at guards, and cut runs into many kernel calls."""
    Memory.address, buffers._apart, network.Buffers = address, apart, short_buffers
    for name, kernel in network._TRAIN.items():
        network._TRAIN[name] = guarded(kernel)
    for name in ("predict_serial", "predict_parallel", "predict_sparse"):
        setattr(inference, name, guarded(getattr(inference, name)))
    rtsys.initialize(cpu_target.target_context)  # which adds the symbols that are replaced here
    for name, function in (("NRT_MemInfo_alloc_aligned", allocate), ("memset", memset)):
        binding.add_symbol(name, ctypes.cast(function, ctypes.c_void_p).value)
    prefetch.FAR_BYTES = 0  # rows are asked for ahead
    buffers.COPIED_BYTES = 0  # and read where they lie
    network.ThreadScheduler = inference.ThreadScheduler = Turns
    inference.FEW_OPERATIONS = 0
    inference.thread_count, parameters.thread_count = lambda n_jobs: 3 if Turns.threads else 1, lambda n_jobs: n_jobs


def cases():
    """Return what each case learns before and behind guards, with wide strips of W1 and with narrow ones."""
    found = {}
    for number, case in enumerate(CASES):
        for Settings.at_end in (True, False):
            for wide in (True, False):
                predict.MOST_FEATURES, predict.LEAST_FEATURES = (512, 48) if wide else (16, 16)
                inference.MASKED = MASKED and wide
                print(f"case {number}, {Settings.at_end=}, {wide=}: {case}", flush=True)  # noqa: T201
                found[f"{number} {Settings.at_end} {wide}"] = learned(*case)
    return found


# --- planted faults -------------------------------------------------------------------------------------

# Tiles and rows that are full, so that all of each buffer is used; with weights and few units; few rows; nonzeros.
FAULTY = [
    (48, 17, 6, 17, "f4", "labels", 1, {"batch_size": 48, "max_iter": 1}),
    (96, 9, 3, 3, "f4", "plain", 1, {"batch_size": 48, "max_iter": 1, "class_weight": "balanced"}),
    (48, 9, 3, 64, "f4", "plain", 1, {"max_iter": 1}),
    (8, 9, 3, 64, "f4", "plain", 1, {"max_iter": 1}),
    (48, 17, 6, 64, "f4", "sparse", 1, {"batch_size": 48, "max_iter": 1}),
]
# The last places of shard_sums only keep lines apart.
NUMBERS = dict.fromkeys(Buffers._fields, 1) | {"shard_sums": SUMS_STRIDE - 1}
OWN_ARRAYS = 6


def ending(function, *arguments):
    """Return the exit code of a process that calls a function: that of a signal is negative."""
    child = os.fork()
    if child == 0:
        try:
            function(*arguments)
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def endings():
    return [ending(learned, *case) for case in FAULTY]


def faults():
    """Return how processes with each fault end, by its name."""
    for case in FAULTY:
        learned(*case)  # so that the kernels are there
    found = {"none": endings()}
    for name, numbers in NUMBERS.items():
        Settings.short = (name, numbers)
        found[name] = endings()
    Settings.short = (None, 0)
    for Settings.short_own in range(OWN_ARRAYS):
        found[f"own array {Settings.short_own}"] = endings()
    for Settings.at_end in (True, False):
        start, stride = pieces(3, PAGE + 8, 2 * PAGE + GUARD).ctypes.data, 2 * PAGE + GUARD
        place = PAGE + 8 if Settings.at_end else -1
        name = f"a byte {'behind' if Settings.at_end else 'before'} a piece"
        found[name] = [ending(ctypes.string_at, start + i * stride + place, 1) for i in range(3)]
    return found


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    guard()
    Turns.threads = sys.argv[1] == "cases"
    if sys.argv[1] == "faults":
        print(json.dumps(faults()))  # noqa: T201
    else:
        faulthandler.enable()
        np.savez(sys.argv[2], **cases())
