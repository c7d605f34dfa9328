"""What a kernel is told: where the buffers lie, the variants and sizes of the run, the numbers of the step.

Each is a NamedTuple. From Python to a kernel it travels as one flat array (of addresses, integers or floats), which is
quick to hand to a compiled function and needs one compiled version for any memory layout of X: ``flat`` makes it, and
``unpack_arguments`` gives the numbers their names again, both by the order of the fields.
"""

import math
from typing import NamedTuple

import numpy as np

from ..jit.compiling import routine
from ..simd.vectors import numbers, pointers
from .weight_layout import LAYOUT, Layout

# Examples in a tile: few enough for the tile's panels to stay in the first cache, and whole blocks of every kind.
TILE = 48
# Numbers from one shard's sums to those of the next: no two are in a pair of cache lines, which CPUs fetch at once.
SUMS_STRIDE = 32


class Buffers(NamedTuple):
    """Arrays in Python, pointers in kernels.

    Those of the workspace are for ``rows`` examples t, one workspace for each worker or each shard, a
    ``workspace_stride`` from one to the next. They are zero at first, but for the ones in x.
    """

    # the weights, in the layout of panels
    theta: np.ndarray  # the weights themselves
    moment1: np.ndarray  # the optimizer's first moment
    moment2: np.ndarray  # its second; empty if it has none
    gradient: np.ndarray  # of each shard, a gradient_stride from one to the next
    squares: np.ndarray  # the sum of squares of the coefficients in each unit of rows of each panel
    unit_mask: np.ndarray  # [lanes], 1 for the units of the last panel that exist, else 0

    # the training data
    targets: np.ndarray  # (n, targets): class indices, or a number for each output
    sample_weight: np.ndarray  # (n,), or empty if all examples weigh 1
    shard_sums: np.ndarray  # the loss and the weight of each shard, of the batch and of the one before it

    # the workspace
    tail: np.ndarray  # [tail_rows][lanes], where the gradient of a tail panel is summed
    x: np.ndarray  # [t][feature_rows], rows of X with a 1 appended, and what is read behind the last one
    a1: np.ndarray  # [j][t][lanes], z1 and then the hidden activations
    d1: np.ndarray  # [j][t][lanes], their derivatives and then dz1
    z2: np.ndarray  # [k][t], the outputs, then their activations, then dz2
    y: np.ndarray  # [targets][t], targets
    tile_weight: np.ndarray  # [t], sample weights, 0 for what only fills up a tile
    losses: np.ndarray  # [t], the loss of each example, times its weight


class RunSpec(NamedTuple):
    """The integers of a run: which variant of the network on which examples, and how they are divided."""

    # variants, by code
    activation: int  # of the hidden layer
    output: int  # activation of the outputs
    optimizer: int  # what updates the weights
    corrects_rate: int  # whether the learning rate of a step corrects the bias of the moments

    # the examples
    n_samples: int  # of an epoch
    batch_size: int  # of all batches but the last of an epoch
    targets: int  # numbers of a target
    weighted: int  # whether examples have weights
    ordered: int  # whether their order is another than that of the rows of X
    order_address: int  # of the order
    generator: int  # address of the state that shuffles the order before each epoch; 0: nothing does
    x_address: int  # of X; of the values of sparse X (CSR, with 64-bit indices)
    x_row: int  # bytes from one row to the next; the address of indptr of sparse X
    x_column: int  # bytes from one column to the next; the address of the indices of sparse X

    # what was done before the first epoch of the call
    updates: int  # updates of the weights
    seen: int  # examples, counted for dropout's random numbers

    # how a batch is divided
    shards: int  # of a batch, whose gradients are summed one by one
    block: int  # examples that are in the workspaces at once, at most
    rows: int  # examples of one workspace, a multiple of TILE
    workspace_stride: int  # numbers from one workspace to the next
    resident: int  # whether each shard has a workspace, in which its examples stay from epoch to epoch
    gradient_stride: int  # numbers from one shard's gradient to the next
    units: int  # units of rows in ``squares``

    # what serves the threads
    team: int  # address of the state of the thread team
    key: int  # of dropout's random numbers
    prefetch: int = 0  # address of how rows of X are prefetched; 0: they are not
    nonzero_rows: int = 0  # sparse X: address of the workspace row of each sorted nonzero
    feature_ends: int = 0  # sparse X: address of where the sorted nonzeros of each feature end


class StepParameters(NamedTuple):
    """The floating-point numbers of a step."""

    # the network
    slope: float  # of a leaky ReLU below 0
    alpha: float  # the L2 penalty
    dropout: float  # the probability that a hidden unit is left out

    # the optimizer
    rate: float  # the learning rate now
    decay_1: float  # SGD's momentum or Adam's beta_1
    decay_2: float  # Adam's beta_2
    epsilon: float  # Adam's

    # the loss of labels
    clip: float = 0.0  # the distance that it keeps probabilities from 0 and 1
    smoothing: float = 0.0  # of the labels

    # the loss of real numbers, as a function of the residual
    curvature: float = 1.0  # its second derivative about 0
    lowest: float = -math.inf  # bounds of its first derivative, as the next
    highest: float = math.inf


class Batch(NamedTuple):
    """One batch of a call."""

    number: int  # counted from the first epoch of the call on
    epoch: int  # of the call
    size: int  # examples; 0: there is no batch


class Block(NamedTuple):
    """Examples of a batch that go through a phase together, or the shard of them that is one task."""

    batch: Batch
    position: int  # of the first one in the order
    size: int  # examples
    seen: int  # examples that were trained on before them
    overwrite: bool  # whether they are the first of their batch, whose gradient begins anew
    complete: bool  # whether they are the last of their batch
    copied: bool  # whether their rows are in the workspace already


class Worker(NamedTuple):
    """The calling thread's place in its team."""

    thread: int  # index of the worker
    threads: int  # workers of the team
    team: np.ndarray  # a pointer to the state of the team


# Compile-time lengths for the kernels' unpacking.
BUFFERS, RUN_SPEC, STEP_PARAMETERS = len(Buffers._fields), len(RunSpec._fields), len(StepParameters._fields)
# Where each field of RunSpec is in its array, for what is read or set alone.
POSITIONS = {name: position for position, name in enumerate(RunSpec._fields)}
TEAM, SHARDS = POSITIONS["team"], POSITIONS["shards"]


def flat(struct):
    """Return a struct of numbers as the array that travels to a kernel."""
    return np.array(struct, np.float64 if isinstance(struct, StepParameters) else np.int64)


@routine
def unpack_arguments(addresses, sizes, spec, parameters, like):
    """Return Buffers, with pointers of the dtype of ``like``, Layout, RunSpec and StepParameters from their arrays."""
    return (
        Buffers(*pointers(addresses, BUFFERS, like)),
        Layout(*numbers(sizes, LAYOUT)),
        RunSpec(*numbers(spec, RUN_SPEC)),
        StepParameters(*numbers(parameters, STEP_PARAMETERS)),
    )
