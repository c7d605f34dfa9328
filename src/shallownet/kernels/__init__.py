"""The mathematics of the network, compiled.

Who calls whom
--------------
From an epoch in Python to an updated weight, in the order in which it happens::

    training.network.Network.train_epochs       epochs in calls, each of one thread or of several
        kernels.train.train                     a call: a loop over the workers of a thread team
            kernels.train.work                  one worker: the loop over epochs, batches and blocks
                kernels.shuffle.shuffle         the order of the examples, before each epoch
            kernels.train.train_block           what ``work`` does with each block: the two phases of a step
                kernels.train.tasks_of          the loop over shards, and that over parts of the weights
                kernels.step.train_on_shard     phase 1
                    kernels.step.copy_rows
                        kernels.step.copy_row
                    kernels.step.copy_targets
                    kernels.step.hidden_product
                        simd.matmul.multiply
                    kernels.step.finish_run     from z1 to the deltas
                        kernels.step.activate_units
                            kernels.activations.activate
                        kernels.step.drop_units
                        kernels.step.propagate_outputs
                            simd.matmul.output_layer
                            kernels.losses.activate_outputs
                        kernels.losses.losses_and_deltas
                        simd.matmul.multiply
                    kernels.gradient.add_gradient
                        kernels.gradient.add_output_gradient
                kernels.step.update_weights     phase 2
                    kernels.optimizers.update

Sparse X takes the same loop with other blocks::

    kernels.train_sparse.train_sparse
        kernels.train.work
        kernels.train_sparse.train_sparse_block
            kernels.sparse.propagate_tiles      phase 1
                kernels.sparse.sparse_hidden_product
                kernels.step.finish_run
            kernels.sparse.update_features      phase 2
                kernels.sparse.sort_by_feature
                kernels.sparse.add_row_gradient
                kernels.optimizers.update

Where to begin
--------------
``structs`` (what a kernel is told) and ``weight_layout``; then ``step``, which is the mathematics, with ``gradient``,
``activations``, ``losses`` and ``optimizers``; then ``train``, which divides the work, with the rules at the top of
``jit.thread_team``. ``train_sparse`` with ``sparse`` and ``predict`` stand beside it. What all of them are made of is
``simd.matmul``: every costly operation is scalars times a panel.

``activations``, ``losses`` and ``optimizers`` begin with the steps that it takes to add one.

What limits each part of a step
-------------------------------
============================ ========================================================================
copy of rows                 memory: rows lie anywhere in X
hidden product, gradient     multiply-adds
activation                   the first-level cache
output layer                 folding sums across lanes
output activation and loss   multiply-adds that wait for each other
delta, gradient of W2        few rows: the outputs
update                       the second-level cache or memory; Adam's square root and division
shuffling                    one exchange after the other, anywhere in the order
============================ ========================================================================

Words
-----
lane
    One number of a SIMD register; of the 64 bytes that count as one register, whatever the CPU has.
panel
    The weights of as many hidden units as there are lanes. The last one may be a *tail panel*, most of whose lanes
    would be idle and which several examples or features share.
tile
    48 examples. One tile or a few make a *run*, which goes through the forward and backward propagation together.
batch, block, shard
    A batch is what one update learns from. A block is as much of it as is in the workspaces at once, most often all.
    A shard is the part of a block that is one task; how many there are depends on the batch size alone.
workspace
    Buffers for the rows, activations and deltas of some examples: of each worker or, where a whole training set stays
    in them, of each shard.
worker
    A thread of the team, by its index.
phase, task
    What the workers do at the same time, and one worker's piece of it. A phase begins when the last one has ended.
kernel
    A compiled function that Python calls. It is compiled together with all that it calls.
routine
    A compiled function that only other compiled functions call.
IN, OUT, INOUT
    At the end of a docstring: which of its pointers and buffers a routine reads, which it writes, and which it reads
    and writes.

The weights in memory
---------------------
``theta``, and with it each moment and each shard's gradient, for dense X::

    | panel 0                                             | panel 1         | ... | b2    |
    | W1[f=0]  W1[1] ... b1  0 ... | W2[k=0] ... W2  0 .. | W1[0] ...       |     |       |
      [lanes]  [lanes]
    |<------- feature_rows ------->|<--- output_rows ---->|
    |<------------------- w1_stride --------------------->|
    0                              w2                     w1_stride               b2      size

A row is one number for each of the panel's units: ``[lanes]``. Zeros fill up W1 and W2 to whole blocks of rows, and the
lanes of units that do not exist. For sparse X, whose rows meet few features, W1 lies feature by feature::

    | W1[f=0]: panel 0, panel 1 ... | W1[1] ... | b1 | W2, panel by panel | b2 |
      [lanes]  [lanes]
    |<----------- w1_row ---------->|                |<-- w2_stride each -->|
"""
