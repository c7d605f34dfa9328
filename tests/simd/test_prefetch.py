"""Prefetching: each row before it is copied, within the products, and with no effect on the result."""

import json
import subprocess
import sys
from itertools import product

import numpy as np
import pytest
from children import source_environment
from harness import DTYPES, bits, lanes_of, layouts, problem, train
from naive import Model, Rule

from shallownet.simd import prefetch
from shallownet.simd.prefetch import LINE_BYTES, ROWS, plan_prefetch
from shallownet.simd.vectors import WIDE


@pytest.mark.skipif(not WIDE, reason="prefetches with registers of 512 bits only")
@pytest.mark.parametrize("n_features", [1, 2, 4, 28, 54, 784])
def test_all_rows_are_prefetched_within_the_products(n_features, monkeypatch):
    monkeypatch.setattr(prefetch, "FAR_BYTES", 0)
    X = np.zeros((300, n_features), np.float32)
    for run, panels in product([12, 64, 96, 108], [2, 3, 7, 32]):
        how, tiles = plan_prefetch(0, X, run, panels), run // ROWS * (panels // 2)
        assert how.rows_per_tile * tiles >= run
        assert (how.lines_per_row - 1) * LINE_BYTES >= how.row_bytes  # with the last byte, these are all lines of a row
        times = how.rows_per_tile * -(-how.lines_per_row // how.lines_at_once)
        assert times * how.interval <= n_features + 1
        if how.rows_per_tile <= n_features + 1:
            assert how.interval >= 1
    assert plan_prefetch(0, X, 11, 2) is None
    assert plan_prefetch(0, X, 12, 1) is None


@pytest.mark.skipif(not WIDE, reason="prefetches with registers of 512 bits only")
@pytest.mark.parametrize("batch_size", [40, 200, 700])
@pytest.mark.parametrize("dtype", DTYPES, ids=["float32", "float64"])
def test_the_same_bits(dtype, batch_size, monkeypatch):
    task, rows = problem(700, 19, 5 * lanes_of(dtype) - 1, 3), np.random.default_rng(0).permutation(700)
    found = []
    for far in (0, 10**9):
        monkeypatch.setattr(prefetch, "FAR_BYTES", far)
        model, rule = Model("relu", "softmax"), Rule("adam", 0.01)
        found.append(bits(*train(task, model, rule, dtype, orders=[rows] * 3, batch_size=batch_size)))
    assert found[0] == found[1]


def test_only_contiguous_rows_that_no_cache_holds_are_prefetched(monkeypatch):
    X = np.random.default_rng(0).normal(size=(50, 6))
    assert plan_prefetch(0, X, 24, 2) is None  # the caches hold so few
    monkeypatch.setattr(prefetch, "FAR_BYTES", 0)
    for name, other in [("plain", X), *layouts(X)]:
        how = plan_prefetch(1234, other, 24, 2)
        if WIDE and other.strides[1] == X.itemsize:
            assert (how.address, how.row_stride, how.row_bytes) == (1234, other.strides[0], X[0].nbytes), name
        else:
            assert how is None, name


# What is prefetched and what is copied, in order, by a training kernel that writes it down.
COPIES_NOT_PREFETCHED = """
import json, sys, warnings
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic
from shallownet import ShallowNetClassifier
from shallownet.jit.compiling import KERNELS, routine
from shallownet.kernels import step
from shallownet.simd import prefetch

warnings.simplefilter("ignore")
copy_row, size = step.copy_row, 33 * 4
log = np.zeros(100_000, np.int64)  # how many addresses follow; those of copied rows are negative

@intrinsic
def note(typingctx, number):
    def codegen(context, builder, sig, args):
        kind = ir.IntType(64)
        start = builder.inttoptr(kind(log.ctypes.data), kind.as_pointer())
        place = builder.add(builder.load(start), kind(1))
        builder.store(place, start)
        builder.store(args[0], builder.gep(start, [place]))
        return context.get_dummy_value()
    return types.none(types.int64), codegen

@routine
def prefetch_read(address):
    note(address)

@routine
def copy(source, column_stride, size, x, place, features):
    note(-source)
    copy_row(source, column_stride, size, x, place, features)

prefetch.prefetch_read, step.copy_row = prefetch_read, copy
prefetch.WIDE, prefetch.FAR_BYTES = True, 0
for kernel in KERNELS:  # this one is none to keep
    kernel._cache.load_overload = kernel._cache.save_overload = lambda *arguments: None

X, y, found = np.random.default_rng(0).normal(size=(480, 33)).astype("f4"), np.arange(480) % 3, []
for batch_size in map(int, sys.argv[1:]):
    log[0] = 0
    ShallowNetClassifier(40, batch_size=batch_size, max_iter=2, random_state=1, n_jobs=1).fit(X, y)
    addresses = log[1 : 1 + log[0]].tolist()
    begin, end = -max(a for a in addresses if a < 0), size - min(addresses)
    assert all(begin <= a < end for a in addresses if a > 0)
    copies, late = 0, 0
    for address in addresses:
        if address > 0:
            prefetched.add(address // prefetch.LINE_BYTES)
            continue
        if copies % 480 == 0:  # a new epoch
            prefetched = set()
        copies += 1
        lines = range(-address // prefetch.LINE_BYTES, (-address + size - 1) // prefetch.LINE_BYTES + 1)
        late += not prefetched.issuperset(lines)
    found.append([copies, late])
print(json.dumps(found))
"""


def test_all_rows_but_an_epochs_first_are_prefetched_before_they_are_copied():
    """The first are those of one shard of a batch."""
    first = {40: 40, 120: 60, 160: 80}  # by the size of a batch
    done = subprocess.run(
        [sys.executable, "-c", COPIES_NOT_PREFETCHED, *map(str, first)],
        capture_output=True,
        text=True,
        env=source_environment(),
    )
    assert done.returncode == 0, done.stderr
    epochs = 2
    assert json.loads(done.stdout) == [[epochs * 480, epochs * rows] for rows in first.values()]
