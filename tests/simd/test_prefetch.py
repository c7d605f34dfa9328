"""Rows that are asked for ahead: each before it is copied, within the products, and with no effect on the result."""

import subprocess
import sys
from itertools import product

import numpy as np
import pytest
from children import source_environment
from harness import DTYPES, bits, lanes_of, layouts, problem, train
from naive import Model, Rule

from shallownet.simd import prefetch as coming
from shallownet.simd.prefetch import LINE_BYTES, ROWS, plan_prefetch
from shallownet.simd.vectors import WIDE


@pytest.mark.skipif(not WIDE, reason="asks with registers of 512 bits only")
@pytest.mark.parametrize("n_features", [1, 2, 4, 28, 54, 784])
def test_all_rows_are_asked_for_within_the_products(n_features, monkeypatch):
    monkeypatch.setattr(coming, "FAR_BYTES", 0)
    X = np.zeros((300, n_features), np.float32)
    for run, panels in product([12, 64, 96, 108], [2, 3, 7, 32]):
        how, blocks = plan_prefetch(0, X, run, panels), run // ROWS * (panels // 2)
        assert how.rows * blocks >= run
        assert (how.asks - 1) * LINE_BYTES >= how.size  # so that with the last byte all lines of a row are among them
        groups = how.rows * -(-how.asks // how.together)
        assert groups * how.apart <= n_features + 1
        if how.rows <= n_features + 1:
            assert how.apart >= 1
    assert plan_prefetch(0, X, 11, 2) is None
    assert plan_prefetch(0, X, 12, 1) is None


@pytest.mark.skipif(not WIDE, reason="asks with registers of 512 bits only")
@pytest.mark.parametrize("batch_size", [40, 200, 700])
@pytest.mark.parametrize("dtype", DTYPES, ids=["float32", "float64"])
def test_the_same_bits(dtype, batch_size, monkeypatch):
    task, rows = problem(700, 19, 5 * lanes_of(dtype) - 1, 3), np.random.default_rng(0).permutation(700)
    found = []
    for far in (0, 10**9):
        monkeypatch.setattr(coming, "FAR_BYTES", far)
        model, rule = Model("relu", "softmax"), Rule("adam", 0.01)
        found.append(bits(*train(task, model, rule, dtype, orders=[rows] * 3, batch_size=batch_size)))
    assert found[0] == found[1]


def test_only_rows_in_one_piece_that_lie_far_away_are_asked_for(monkeypatch):
    X = np.random.default_rng(0).normal(size=(50, 6))
    assert plan_prefetch(0, X, 24, 2) is None  # the caches hold so few
    monkeypatch.setattr(coming, "FAR_BYTES", 0)
    for name, other in [("plain", X), *layouts(X)]:
        how = plan_prefetch(1234, other, 24, 2)
        if WIDE and other.strides[1] == X.itemsize:
            assert (how.address, how.row, how.size) == (1234, other.strides[0], X[0].nbytes), name
        else:
            assert how is None, name


# What is asked for and what is copied, in order, when one thread goes through two epochs.
COPIES_NOT_ASKED_FOR = """
import sys
import emulation
from shallownet.kernels import step as examples
from shallownet.simd import prefetch as coming

replace_intrinsics, variant, copy_row = emulation.replace_intrinsics, emulation.variant, examples.copy_row
asked, found = set(), []

def prefetch_read(address):
    emulation.prefetch_read(address)
    asked.add(address // coming.LINE_BYTES)

def copy(source, column_stride, size, *others):
    lines = range(source // coming.LINE_BYTES, (source + 33 * size - 1) // coming.LINE_BYTES + 1)
    if len(found) % 480 == 0:  # a new epoch
        asked.clear()
    found.append(asked.issuperset(lines))
    return copy_row(source, column_stride, size, *others)

def replaced():
    replace_intrinsics()
    examples.copy_row = copy

emulation.STANDINS["prefetch_read"] = prefetch_read
emulation.replace_intrinsics = replaced
emulation.variant = lambda wide: variant(True)
batch_size = int(sys.argv[1])
emulation.CASES[:] = [(480, 33, 3, 40, "f4", "plain", 1, {"batch_size": batch_size, "max_iter": 2})]
emulation.main(sys.argv[2])
print(len(found), found.count(False))
"""


@pytest.mark.parametrize(("batch_size", "first"), [(40, 40), (120, 60), (160, 80)])
def test_all_rows_but_an_epochs_first_are_asked_for_before_they_are_copied(batch_size, first, tmp_path):
    """The first are those of one share of a batch."""
    done = subprocess.run(
        [sys.executable, "-c", COPIES_NOT_ASKED_FOR, str(batch_size), tmp_path / "found.npz"],
        capture_output=True,
        text=True,
        env=source_environment(NUMBA_DISABLE_JIT="1"),
    )
    assert done.returncode == 0, done.stderr
    fits, epochs = 2, 2
    assert done.stdout.split() == [str(fits * epochs * 480), str(fits * epochs * first)]
