"""The buffers that training needs beside X, sized so that they stay in the second cache whatever the batch."""

from typing import NamedTuple

import numpy as np

from ..jit.thread_team import LINE
from ..kernels.memory import zeros
from ..kernels.step import end_of_run
from ..kernels.structs import SUMS_GAP, TILE
from ..kernels.weight_layout import round_up
from ..simd.matmul import UNIT
from ..simd.prefetch import plan_prefetch
from ..simd.vectors import REGISTER_BYTES
from .sparse_checks import arrays_of

WORKSPACE_BYTES = 512 * 1024  # what a thread's workspace may fill of the second cache
SPARSE_WORKSPACE_BYTES = 4 * WORKSPACE_BYTES  # shared by all threads
COPIED_BYTES = 2**28  # of X whose rows are not in one piece: a copy is read many times as fast, in every epoch
MOST_SHARDS = 16  # of a batch, and so the most threads that a step can use
# Between the memory of two threads: a CPU fetches ahead what it may need, and lines that another one is writing would
# go to and fro between them.
APART_BYTES = 64 * 1024
SMALLEST_SHARD = 64  # examples; with fewer, adding up the shares' gradients costs more than it brings


class Workspace(NamedTuple):
    """A workspace: the kernels' buffers and integers by name, threads that can share it."""

    buffers: dict[str, np.ndarray]
    plan: dict[str, int]
    parts: int


def shards_of(batch_size):
    """Return into how many shares a batch is divided: a power of two that depends on its size alone."""
    shards = 1
    while shards < MOST_SHARDS and batch_size >= 2 * shards * SMALLEST_SHARD:
        shards *= 2
    return 2 if shards == 1 and batch_size >= SMALLEST_SHARD else shards


def dense_workspace(memory, X, sizes, dtype, batch_size, n_threads, as_they_come):
    """Return the Workspace for dense X: each share of a batch has its gradient, each thread a workspace.

    Where the batch is all rows ``as_they_come`` and they are few, each share has a workspace, in which they stay.
    ``memory`` holds what the plan has addresses of.
    """
    lanes = REGISTER_BYTES // dtype.itemsize
    shards = shards_of(batch_size)
    row = sizes.feature_rows + 2 * sizes.panels * lanes + sizes.output_rows
    shard = -(-batch_size // shards)
    # a share in more blocks reads and writes its gradient more often
    fitting = WORKSPACE_BYTES + sizes.size * dtype.itemsize // 2
    rows = _rows(fitting // (row * dtype.itemsize), shard)
    resident = as_they_come and rows >= shard and shards * rows * row * dtype.itemsize <= WORKSPACE_BYTES
    parts = min(n_threads, shards)
    workspaces = shards if resident else parts
    units = sizes.panels * (sizes.feature_rows + sizes.output_rows) // UNIT
    gradients, gradient_stride = _apart(shards, {"gradient": sizes.size}, dtype)
    lengths = {
        "x": (rows - 1) * sizes.feature_rows + sizes.reach,
        **_of_examples(sizes, rows, lanes),
        "tail": sizes.tail_rows * lanes,  # or nothing: last, so that no other begins at its address
    }
    own, apart = _apart(workspaces, lengths, dtype)
    for part in range(workspaces):
        start = part * apart + sizes.features
        own["x"][start : start + rows * sizes.feature_rows : sizes.feature_rows] = 1
    if X.strides[1] != X.itemsize and X.nbytes <= COPIED_BYTES:
        X = np.ascontiguousarray(X)
    x_address = memory.address(X)
    how = plan_prefetch(x_address, X, end_of_run(0, min(shard, rows)), sizes.full_panels)
    asked = np.array(how or [], np.int64)
    team = zeros((1 + parts + shards) * LINE, np.int64)
    buffers = {
        "squares": zeros(round_up(units, lanes), dtype),
        "shard_sums": zeros(2 * shards * SUMS_GAP, dtype),
        "unit_mask": _unit_mask(sizes, lanes, dtype),
        **gradients,
        **own,
    }
    plan = {
        "shards": shards,
        "block": shards * _part_of(shard, rows),
        "rows": rows,
        "workspace_stride": apart,
        "resident": resident,
        "gradient_stride": gradient_stride,
        "units": units,
        "x_address": x_address,
        "x_row": X.strides[0],
        "x_column": X.strides[1],
        "prefetch": memory.address(asked) if how else 0,
        "team": memory.address(team),
        "nonzero_rows": 0,
        "feature_ends": 0,
    }
    return Workspace(buffers, plan, parts)


def sparse_workspace(memory, X, sizes, dtype, batch_size, n_threads, as_they_come):
    """Return the Workspace for sparse X (CSR): one gradient and one workspace, of which each thread has a part.

    Its rows are copied once, so it makes no difference whether they are taken ``as_they_come``. ``memory`` holds what
    the plan has addresses of.
    """
    lanes = REGISTER_BYTES // dtype.itemsize
    row = 2 * sizes.panels * lanes + sizes.output_rows
    rows = _rows(SPARSE_WORKSPACE_BYTES // (row * dtype.itemsize), batch_size)
    units = sizes.features + sizes.panels
    data, indices, indptr = arrays_of(X)
    nonzeros = -np.sort(-np.diff(indptr))[:rows].sum()  # no block has more
    entries, ends = np.zeros(nonzeros, np.int64), np.zeros(sizes.features, np.int64)
    team = zeros((1 + 2 * n_threads) * LINE, np.int64)
    buffers = {
        "gradient": zeros(sizes.size + n_threads * sizes.w1_row, dtype),
        "squares": zeros(round_up(units, lanes), dtype),
        "shard_sums": zeros(2 * SUMS_GAP, dtype),
        "unit_mask": _unit_mask(sizes, lanes, dtype),
        "tail": zeros(0, dtype),
        "x": zeros(nonzeros, dtype),
        **_apart(1, _of_examples(sizes, rows, lanes), dtype)[0],
    }
    plan = {
        "shards": 1,
        "block": _part_of(batch_size, rows),
        "rows": rows,
        "workspace_stride": 0,
        "resident": False,
        "gradient_stride": 0,
        "units": units,
        "x_address": memory.address(data),
        "x_row": memory.address(indptr),
        "x_column": memory.address(indices),
        "prefetch": 0,
        "team": memory.address(team),
        "nonzero_rows": memory.address(entries),
        "feature_ends": memory.address(ends),
    }
    return Workspace(buffers, plan, n_threads)


def _rows(fitting, needed):
    """Return the rows of a workspace, in whole tiles: all that are needed if they fit, or else as many as do."""
    return round_up(needed, TILE) if needed <= fitting else max(TILE, fitting // TILE * TILE)


def _part_of(examples, rows):
    """Return how many examples go through a workspace of so many rows at once: all, or parts of one length."""
    parts = -(-examples // rows)
    return examples if parts == 1 else round_up(-(-examples // parts), UNIT)


def _apart(parts, lengths, dtype):
    """Return, by name, arrays of which each of so many parts has a piece, and how many numbers the parts are apart.

    Each array reaches from its piece of the first part, of as many numbers as ``lengths`` says, to that of the last.
    """
    lanes = REGISTER_BYTES // dtype.itemsize
    ends = np.cumsum([round_up(length, lanes) for length in lengths.values()]).tolist()
    apart = ends[-1] + APART_BYTES // dtype.itemsize
    reach = (parts - 1) * apart
    memory = zeros(reach + ends[-1], dtype)
    places = zip(lengths.items(), [0, *ends], strict=False)
    return {name: memory[start : start + reach + length] for (name, length), start in places}, apart


def _of_examples(sizes, rows, lanes):
    """Return the lengths of the buffers that have one place for each example of a workspace."""
    return {
        "a1": rows * sizes.panels * lanes,
        "d1": rows * sizes.panels * lanes,
        "z2": rows * sizes.output_rows,
        "y": rows * sizes.outputs,  # a class takes one place, labels one each
        "tile_weight": rows,
        "losses": rows,
    }


def _unit_mask(sizes, lanes, dtype):
    """Return 1 for each unit of the last panel that exists, else 0."""
    mask = zeros(lanes, dtype)
    mask[: sizes.hidden % lanes or lanes] = 1
    return mask
