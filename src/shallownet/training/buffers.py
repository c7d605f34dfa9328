"""The buffers that training needs beside X, sized so that they stay in the second cache whatever the batch."""

from typing import NamedTuple

import numpy as np

from ..jit.thread_team import LINE
from ..kernels.memory import zeros
from ..kernels.step import end_of_run
from ..kernels.structs import SUMS_STRIDE, TILE
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
SMALLEST_SHARD = 64  # examples; with fewer, adding up the shards' gradients costs more than it brings


class Workspace(NamedTuple):
    """What the kernels work in."""

    buffers: dict[str, np.ndarray]  # fields of Buffers
    spec: dict[str, int]  # fields of RunSpec
    workers: int  # the most that can share it
    X: np.ndarray | None  # dense X as the kernels read it


def shards_of(batch_size):
    """Return into how many shards a batch is divided: a power of two that depends on its size alone."""
    shards = 1
    while shards < MOST_SHARDS and batch_size >= 2 * shards * SMALLEST_SHARD:
        shards *= 2
    return 2 if shards == 1 and batch_size >= SMALLEST_SHARD else shards


def dense_workspace(memory, X, sizes, dtype, batch_size, n_threads, as_they_come):
    """Return the Workspace for dense X: each shard of a batch has its gradient, each worker a workspace.

    Where the batch is all rows ``as_they_come`` and they are few, each shard has a workspace, in which they stay.
    ``memory`` holds what the kernels know the address of.
    """
    lanes = REGISTER_BYTES // dtype.itemsize
    shards = shards_of(batch_size)
    row = sizes.feature_rows + 2 * sizes.panels * lanes + sizes.output_rows
    shard = -(-batch_size // shards)
    # a shard in more blocks reads and writes its gradient more often
    fitting = WORKSPACE_BYTES + sizes.size * dtype.itemsize // 2
    rows = _rows(fitting // (row * dtype.itemsize), shard)
    resident = as_they_come and rows >= shard and shards * rows * row * dtype.itemsize <= WORKSPACE_BYTES
    workers = min(n_threads, shards)
    workspaces = shards if resident else workers
    gradients, gradient_stride = _apart(shards, {"gradient": sizes.size}, dtype)
    lengths = {
        "x": (rows - 1) * sizes.feature_rows + sizes.reach,
        **_of_examples(sizes, rows, lanes),
        "tail": sizes.tail_rows * lanes,  # or nothing: last, so that no other begins at its address
    }
    own, workspace_stride = _apart(workspaces, lengths, dtype)
    for workspace in range(workspaces):
        start = workspace * workspace_stride + sizes.features
        own["x"][start : start + rows * sizes.feature_rows : sizes.feature_rows] = 1
    X = readable(X)
    x_address = memory.address(X)
    how = plan_prefetch(x_address, X, end_of_run(0, min(shard, rows)), sizes.full_panels)
    prefetch = np.array(how or [], np.int64)
    units = sizes.panels * (sizes.feature_rows + sizes.output_rows) // UNIT
    buffers, spec = _shared(memory, sizes, dtype, shards, units, workers, shards)
    spec |= {
        "block": shards * _part_of(shard, rows),
        "rows": rows,
        "workspace_stride": workspace_stride,
        "resident": resident,
        "gradient_stride": gradient_stride,
        "x_address": x_address,
        "x_row": X.strides[0],
        "x_column": X.strides[1],
        "prefetch": memory.address(prefetch) if how else 0,
    }
    return Workspace(buffers=buffers | gradients | own, spec=spec, workers=workers, X=X)


def readable(X):
    """Return dense X in a memory layout that the kernels read fast, copied if that pays."""
    return np.ascontiguousarray(X) if X.strides[1] != X.itemsize and X.nbytes <= COPIED_BYTES else X


def sparse_workspace(memory, X, sizes, dtype, batch_size, n_threads, as_they_come):
    """Return the Workspace for sparse X (CSR): one gradient and one workspace, of which each worker has a part.

    Its rows are copied once, so it makes no difference whether they are taken ``as_they_come``. ``memory`` holds what
    the kernels know the address of.
    """
    lanes = REGISTER_BYTES // dtype.itemsize
    row = 2 * sizes.panels * lanes + sizes.output_rows
    rows = _rows(SPARSE_WORKSPACE_BYTES // (row * dtype.itemsize), batch_size)
    data, indices, indptr = arrays_of(X)
    nonzeros = -np.sort(-np.diff(indptr))[:rows].sum()  # no block has more
    buffers, spec = _shared(memory, sizes, dtype, 1, sizes.features + sizes.panels, n_threads, n_threads)
    buffers |= {
        "gradient": zeros(sizes.size + n_threads * sizes.w1_row, dtype),
        "tail": zeros(0, dtype),
        "x": zeros(nonzeros, dtype),
        **_apart(1, _of_examples(sizes, rows, lanes), dtype)[0],
    }
    spec |= {
        "block": _part_of(batch_size, rows),
        "rows": rows,
        "workspace_stride": 0,
        "resident": False,
        "gradient_stride": 0,
        "x_address": memory.address(data),
        "x_row": memory.address(indptr),
        "x_column": memory.address(indices),
        "nonzero_rows": memory.address(np.zeros(nonzeros, np.int64)),
        "feature_ends": memory.address(np.zeros(sizes.features, np.int64)),
    }
    return Workspace(buffers=buffers, spec=spec, workers=n_threads, X=None)


def _shared(memory, sizes, dtype, shards, units, workers, tasks):
    """Return what all workers share for any X, as fields of Buffers and of RunSpec; no phase has more ``tasks``."""
    lanes = REGISTER_BYTES // dtype.itemsize
    mask = zeros(lanes, dtype)
    mask[: sizes.hidden % lanes or lanes] = 1
    buffers = {
        "squares": zeros(round_up(units, lanes), dtype),
        "shard_sums": zeros(2 * shards * SUMS_STRIDE, dtype),
        "unit_mask": mask,
    }
    team = zeros((1 + workers + tasks) * LINE, np.int64)
    return buffers, {"shards": shards, "units": units, "team": memory.address(team)}


def _rows(fitting, needed):
    """Return the rows of a workspace, in whole tiles: all that are needed if they fit, or else as many as do."""
    return round_up(needed, TILE) if needed <= fitting else max(TILE, fitting // TILE * TILE)


def _part_of(examples, rows):
    """Return how many examples go through a workspace of so many rows at once: all, or parts of one length."""
    parts = -(-examples // rows)
    return examples if parts == 1 else round_up(-(-examples // parts), UNIT)


def _apart(pieces, lengths, dtype):
    """Return, by name, arrays of which each worker or shard has a piece, and the numbers from one piece to the next.

    Each array reaches from the first piece, of as many numbers as ``lengths`` says, to the last.
    """
    lanes = REGISTER_BYTES // dtype.itemsize
    ends = np.cumsum([round_up(length, lanes) for length in lengths.values()]).tolist()
    stride = ends[-1] + APART_BYTES // dtype.itemsize
    reach = (pieces - 1) * stride
    memory = zeros(reach + ends[-1], dtype)
    starts = zip(lengths.items(), [0, *ends], strict=False)
    return {name: memory[start : start + reach + length] for (name, length), start in starts}, stride


def _of_examples(sizes, rows, lanes):
    """Return the lengths of the buffers that grow with the examples of a workspace."""
    return {
        "a1": rows * sizes.panels * lanes,
        "d1": rows * sizes.panels * lanes,
        "z2": rows * sizes.output_rows,
        "y": rows * sizes.outputs,  # a class takes one number, labels one each
        "tile_weight": rows,
        "losses": rows,
    }
