"""What a kernel is told: where the buffers lie, the variants and sizes of the run, the numbers of the fit.

Each is a NamedTuple. Outside it travels as one flat array (addresses, integers, floats), which is quick to hand
to a compiled function and needs one compiled version for any layout of X; inside, the first lines of a driver
give the numbers their names again.
"""

from typing import NamedTuple

import numpy as np

# Examples in a tile: few enough for the tile's panels to stay in the first cache, and whole blocks of every kind.
TILE = 48
# Numbers from one share's sums to those of the next: no two are in a pair of cache lines, which CPUs fetch at once.
SUMS_GAP = 32


class Buffers(NamedTuple):
    """Arrays outside, pointers inside.

    theta, the solver's two moments and each share's gradient have the layout of panels; squares holds one number
    for each unit of rows of each panel, share_sums the loss and the weight of each share. ``targets`` (n, m) and
    ``sample_weight`` (n) belong to the examples. ``unit_mask`` is 1 for the units of the last panel that exist, else 0.
    ``tail`` is where each thread sums the gradient of a last panel whose registers are shared.

    It and the others are the workspace of each thread or share, ``apart`` from the next, for ``rows`` examples: x
    [t][feature_rows], and what is read behind its last row, a1 and d1 [j][t][lanes], z2 [k][t], y [m][t], weight and
    losses [t]; zero at first, but for the ones in x.
    """

    theta: np.ndarray
    moment1: np.ndarray
    moment2: np.ndarray
    gradient: np.ndarray
    squares: np.ndarray
    shard_sums: np.ndarray
    targets: np.ndarray
    sample_weight: np.ndarray
    unit_mask: np.ndarray
    tail: np.ndarray
    x: np.ndarray
    a1: np.ndarray
    d1: np.ndarray
    z2: np.ndarray
    y: np.ndarray
    tile_weight: np.ndarray
    losses: np.ndarray


class Plan(NamedTuple):
    """The integers of a run.

    Variants by code; m numbers of a target; ``shards`` of a batch, whose gradients are summed one by one; examples
    in a ``block``, the most that are in the workspaces at once; ``rows`` of a workspace, a multiple of TILE; how
    many numbers it is ``apart`` from the next one; whether it is that of a share, whose examples stay in it from
    epoch to epoch, or that of a thread; how many numbers a share's gradient is from the next one's; the units of
    rows in ``squares``; whether examples have weights and an order other than that of the rows; and the data: X by
    address and strides in bytes, the addresses of how its rows are asked for ahead (0: they are not) and of the order;
    those of the generator that shuffles the order before each epoch (0: nothing does) and of the team
    of threads; and for dropout the examples seen before the call's first epoch and the key of the random numbers.

    For sparse X (CSR with 64-bit indices) ``x_address``, ``x_row`` and ``x_column`` are the addresses of its data,
    indptr and indices, and ``nonzero_rows`` and ``feature_ends`` those of two integer buffers, for nonzeros and for
    features.
    """

    activation: int
    output: int
    solver: int
    targets: int
    shards: int
    block: int
    rows: int
    workspace_stride: int
    resident: int
    gradient_stride: int
    units: int
    weighted: int
    ordered: int
    x_address: int
    x_row: int
    x_column: int
    prefetch: int
    order_address: int
    generator: int
    team: int
    seen: int
    key: int
    nonzero_rows: int
    feature_ends: int


class Settings(NamedTuple):
    """The floating-point numbers of a fit.

    ``rate`` is the learning rate now, ``decay_1`` SGD's momentum or Adam's beta_1, ``decay_2`` Adam's beta_2,
    ``epsilon`` Adam's, ``clip`` the distance that the loss keeps probabilities from 0 and 1, ``dropout`` the
    probability that a hidden unit is left out, ``smoothing`` that of the labels.
    """

    slope: float
    alpha: float
    rate: float
    decay_1: float
    decay_2: float
    epsilon: float
    clip: float
    dropout: float
    smoothing: float


# Compile-time lengths for the kernels' unpacking.
BUFFERS, PLAN, SETTINGS = len(Buffers._fields), len(Plan._fields), len(Settings._fields)
ORDER, PREFETCH, GENERATOR, TEAM, SHARDS = (
    Plan._fields.index(name) for name in ("order_address", "prefetch", "generator", "team", "shards")
)
