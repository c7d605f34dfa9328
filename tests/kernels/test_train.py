"""The fused step and the epoch: gradients, updates, odd shapes, and the same bits in every way to run them."""

from contextlib import contextmanager

import naive
import numba
import numpy as np
import pytest
from harness import (
    DTYPES,
    SOLVERS,
    ScriptedPace,
    attach,
    bias_correction,
    bits,
    layouts,
    network,
    padding_is_zero,
    problem,
    train,
    weights_of,
    workspace_bytes,
)
from naive import Model, Rule

from shallownet.kernels.optimizers import SETTLED
from shallownet.kernels.structs import POSITIONS
from shallownet.training import buffers as _workspace
from shallownet.training import network as _network
from shallownet.training.buffers import dense_workspace

OUTPUTS = [("logistic", 1), ("logistic", 3), ("softmax", 3)]
FLOAT32, FLOAT64 = DTYPES


@pytest.fixture(params=DTYPES, ids=["float32", "float64"])
def dtype(request):
    return request.param


def relative_difference(weights, expected):
    """Return the largest difference, beside the largest number of each array."""
    return max(np.abs(w - e).max() / max(np.abs(e).max(), 1e-300) for w, e in zip(weights, expected, strict=True))


def naive_training(task, model, rule, batch_size, orders):
    """Return what ``harness.train`` does, from the naive network."""
    weights, solver, losses = task.weights, naive.Solver(rule, task.weights), []
    for order in orders:
        weights, loss = naive.train_epoch(model, weights, solver, *task.data, batch_size, order)
        losses.append(loss)
    return weights, losses


def shuffled(n, epochs):
    random = np.random.default_rng(5)
    return [random.permutation(n) for _ in range(epochs)]


def central_differences(model, weights, data, h=1e-5):
    """Return the gradient of the loss by differences, weight by weight."""
    gradient = []
    for i, w in enumerate(weights):
        g = np.empty_like(w)
        for place in np.ndindex(w.shape):
            ends = []
            for step in (h, -h):
                moved = [v.copy() for v in weights]
                moved[i][place] += step
                ends.append(naive.loss(model, moved, *data, of_outputs=np.sum))
            g[place] = (ends[0] - ends[1]) / (2 * h)
        gradient.append(g)
    return gradient


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weights"])
@pytest.mark.parametrize(("output", "n_outputs"), OUTPUTS)
@pytest.mark.parametrize("activation", naive.ACTIVATIONS)
def test_gradient(activation, output, n_outputs, weighted, dtype):
    check_gradient(Model(activation, output, alpha=0.7, slope=0.25), n_outputs, weighted, dtype)


def check_gradient(model, n_outputs, weighted, dtype):
    task = problem(23, 5, 9, n_outputs, model.output, weighted)
    # a large step, so that it can be told from the weights to the last digits
    rule = Rule("sgd", rate=1024.0, momentum=0.0)
    weights, _ = train(task, model, rule, dtype)
    gradient = [(w - v) / -rule.rate for v, w in zip(task.weights, weights, strict=True)]
    expected = naive.gradients(model, task.weights, *task.data)
    assert relative_difference(gradient, expected) < (1e-5 if dtype == FLOAT32 else 1e-12)
    if dtype == FLOAT64:
        differences = central_differences(model, task.weights, task.data)
        assert relative_difference(gradient, differences) < 1e-8


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weights"])
@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("loss", ["poisson", *naive.RESIDUAL_LOSSES])
def test_gradient_of_real_targets(loss, n_outputs, weighted, dtype):
    output = "exp" if loss == "poisson" else "identity"
    check_gradient(Model("tanh", output, alpha=0.7, loss=loss, quantile=0.3, delta=0.9), n_outputs, weighted, dtype)


@pytest.mark.parametrize("batch_size", [1, 32, 50, 173])
@pytest.mark.parametrize("weighted", [False, True], ids=["", "weights"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_epochs(solver, weighted, batch_size, dtype):
    task = problem(173, 6, 10, 3, weighted=weighted)
    if weighted:
        task.s[task.s == 0] = 0.25  # a batch of one must weigh something
    model = Model("tanh", "softmax", alpha=0.1)
    rule = Rule(solver, rate=0.003)
    orders = shuffled(173, 4)
    weights, losses = train(task, model, rule, dtype, batch_size=batch_size, orders=orders)
    expected, expected_losses = naive_training(task, model, rule, batch_size, orders)
    tolerance = 2e-4 if dtype == FLOAT32 else 1e-11
    assert relative_difference(weights, expected) < tolerance
    np.testing.assert_allclose(losses, expected_losses, rtol=tolerance)


@pytest.mark.parametrize("output", ["logistic", "softmax", "identity", "exp"])
@pytest.mark.parametrize(
    ("n", "n_features", "n_hidden", "n_outputs"),
    [
        (1, 1, 1, 1),
        (1, 4, 17, 3),
        (70, 1, 5, 2),
        (70, 3, 1, 2),
        (70, 5, 17, 3),
        (70, 7, 33, 26),
        (70, 16, 16, 6),
        (49, 31, 8, 7),
        (30, 3000, 3, 2),
    ],
    ids=str,
)
def test_odd_shapes(n, n_features, n_hidden, n_outputs, output, dtype):
    output = "logistic" if (output, n_outputs) == ("softmax", 1) else output
    task = problem(n, n_features, n_hidden, n_outputs, output, weighted=n > 1)
    model, rule = Model("logistic", output, alpha=0.01), Rule("nesterov", rate=0.05)
    net = network(task, model, rule, dtype)
    attach(net, task, model, batch_size=n)
    losses = [net.train_epoch(None, rule.rate, epoch) for epoch in range(3)]
    expected, expected_losses = naive_training(task, model, rule, n, [None] * 3)
    tolerance = 2e-5 if dtype == FLOAT32 else 1e-12
    assert relative_difference(weights_of(net), expected) < tolerance
    np.testing.assert_allclose(losses, expected_losses, rtol=tolerance)
    assert padding_is_zero(net)


@pytest.mark.parametrize("batch_size", [1000, 700])
def test_batch_in_many_blocks(batch_size, dtype, monkeypatch):
    task, model, rule = problem(1000, 5, 18, 3, weighted=True), Model("relu", alpha=0.1), Rule("adam", rate=0.01)
    orders = [None, *shuffled(1000, 3)]
    whole = train(task, model, rule, dtype, batch_size=batch_size, orders=orders)
    monkeypatch.setattr(_workspace, "WORKSPACE_BYTES", 1)
    net = network(task, model, rule, dtype)
    attach(net, task, model, batch_size=batch_size)
    assert net.block < batch_size
    weights, losses = train(task, model, rule, dtype, batch_size=batch_size, orders=orders)
    expected, expected_losses = naive_training(task, model, rule, batch_size, orders)
    tolerance = 1e-4 if dtype == FLOAT32 else 1e-11
    for result in (whole, (weights, losses)):
        assert relative_difference(result[0], expected) < tolerance
        np.testing.assert_allclose(result[1], expected_losses, rtol=tolerance)


def test_workspace_does_not_grow_with_the_batch(monkeypatch):
    monkeypatch.setattr(_workspace, "WORKSPACE_BYTES", 2**15)
    sizes = []
    for n in (4_000, 40_000):
        task = problem(n, 3, 20, 2)
        net = network(task, Model(), Rule(), FLOAT32)
        attach(net, task, Model())
        sizes.append(workspace_bytes(net))
    assert sizes[0] == sizes[1]


def test_full_batch_of_many_rows_is_one_step():
    task, model, rule = problem(20_000, 3, 20, 2), Model("tanh"), Rule("sgd", rate=0.5, momentum=0.9)
    weights, losses = train(task, model, rule, orders=[None] * 2)
    expected, expected_losses = naive_training(task, model, rule, 20_000, [None] * 2)
    assert relative_difference(weights, expected) < 1e-11
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-12)


def test_example_of_weight_zero_is_as_if_absent(dtype):
    task = problem(60, 4, 6, 3, weighted=True)
    absent = task.s == 0
    assert absent.any()
    task.X[absent] = 1e6
    with_absent = train(task, Model(alpha=0.1), Rule(rate=0.5), dtype, orders=[None] * 3)
    kept = task._replace(X=task.X[~absent], Y=task.Y[~absent], s=task.s[~absent])
    without = train(kept, Model(alpha=0.1), Rule(rate=0.5), dtype, orders=[None] * 3)
    tolerance = 1e-5 if dtype == FLOAT32 else 1e-13
    assert relative_difference(with_absent[0], without[0]) < tolerance
    np.testing.assert_allclose(with_absent[1], without[1], rtol=tolerance)


@pytest.mark.parametrize("place", [0, 1, 2], ids=["first", "between", "last"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_batch_without_weight_is_as_if_absent(solver, place):
    task = problem(60, 4, 6, 3, weighted=True)
    present = np.arange(60) // 20 != place
    task.s[:] = present
    kept = task._replace(X=task.X[present], Y=task.Y[present], s=task.s[present])
    model, rule = Model(alpha=0.1), Rule(solver, rate=0.01)
    with_absent, without = (train(each, model, rule, batch_size=20, orders=[None] * 3) for each in (task, kept))
    assert relative_difference(with_absent[0], without[0]) < 1e-13
    np.testing.assert_allclose(with_absent[1], without[1], rtol=1e-13)


def test_losses_of_confident_errors_are_clipped(dtype):
    task = problem(8, 2, 3, 2)
    far = task._replace(weights=tuple(w * 1e4 for w in task.weights))
    model = Model("identity", clip=float(np.finfo(dtype).eps))
    _, losses = train(far, model, Rule(rate=1e-9), dtype)
    np.testing.assert_allclose(losses[0], naive.loss(model, far.weights, *far.data), rtol=1e-5)


def test_nan_reaches_the_loss_and_the_weights(dtype):
    task = problem(50, 4, 6, 3)
    task.X[30, 2] = np.nan
    net = network(task, Model(), Rule(), dtype)
    attach(net, task, Model(), batch_size=10)
    assert np.isnan(net.train_epoch(None, 0.1, 0))
    assert not net.finite()


# --- the same bits --------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_features", [3, 37])
@pytest.mark.parametrize("copied", [0, _workspace.COPIED_BYTES], ids=["as it lies", "copied"])
def test_same_bits_for_any_memory_layout(copied, n_features, dtype, monkeypatch):
    monkeypatch.setattr(_workspace, "COPIED_BYTES", copied)
    task = problem(60, n_features, 9, 3)
    orders = [None, *shuffled(60, 1)]

    def run(X):
        return bits(*train(task, Model(), Rule("adam"), dtype, X=X, batch_size=25, orders=orders))

    X = task.X.astype(dtype)
    expected = run(X)
    assert {name: run(other) == expected for name, other in layouts(X)} == {name: True for name, _ in layouts(X)}


def test_same_bits_for_the_same_row_again_and_again(dtype):
    row = problem(1, 5, 4, 2).X.astype(dtype)
    task = problem(30, 5, 4, 2)

    def run(X):
        return bits(*train(task, Model(), Rule(), dtype, X=X))

    assert run(np.broadcast_to(row, (30, 5))) == run(np.repeat(row, 30, axis=0))


@pytest.fixture
def one_thread(monkeypatch):
    """Let the parallel copy run on a single thread."""

    @contextmanager
    def threads(count):
        before = numba.get_num_threads()
        numba.set_num_threads(1)
        yield True
        numba.set_num_threads(before)

    return lambda: monkeypatch.setattr(_network, "threads", threads)


@pytest.fixture
def four_threads():
    if numba.config.NUMBA_NUM_THREADS < 4:
        pytest.skip("NUMBA_NUM_THREADS is below 4")
    before = numba.get_num_threads()
    numba.set_num_threads(4)
    yield
    numba.set_num_threads(before)


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weights"])
@pytest.mark.parametrize("batch_size", [20, 150, 1100], ids="batch={}".format)
def test_same_bits_on_any_number_of_threads(batch_size, weighted, dtype, one_thread, four_threads, monkeypatch):
    monkeypatch.setattr(_workspace, "WORKSPACE_BYTES", 2**15)
    task, model = problem(1100, 7, 35, 3, weighted=weighted), Model("tanh", alpha=0.1)
    if weighted:
        task.s[200:500] = 0  # whole batches, where they are not shuffled
    orders = [None, *shuffled(1100, 2)]

    shared = _workspace.shards_of(batch_size) > 1

    def run(n_threads, *calls, several=shared):
        scheduler = ScriptedPace(*calls)
        result = train(
            task,
            model,
            Rule("adam"),
            dtype,
            batch_size=batch_size,
            orders=orders,
            n_threads=n_threads,
            scheduler=scheduler,
        )
        ran = [parallel and several for parallel, _ in calls]  # one shard is one worker's
        assert [parallel for parallel, _ in scheduler.taken[: len(calls)]] == ran
        return bits(*result)

    serial = run(1, (False, 10**9))
    for n_threads in (2, 3, 4):
        assert run(n_threads, (True, 10**9)) == serial
    # a fit may change its mind between calls; the workspaces of all threads are then in use
    assert run(2, (True, 100), (False, 100), (True, 1)) == serial
    one_thread()  # in the parallel copy, whatever there is to share
    assert run(1, (True, 10**9), several=True) == serial
    assert run(2, (True, 10**9), several=True) == serial


def test_parallel_copy_ran():
    """The test above would be idle if the calls that asked for threads got the serial copy."""
    from shallownet.kernels.train import train_parallel

    task = problem(300, 5, 20, 3)
    for dtype in DTYPES:
        train(task, dtype=dtype, n_threads=2, scheduler=ScriptedPace((True, 10**9)))
    assert len(train_parallel.signatures) == len(DTYPES)


@pytest.mark.parametrize("batch_size", [30, 500], ids="batch={}".format)
def test_same_bits_however_an_epoch_is_cut(batch_size, dtype, monkeypatch):
    monkeypatch.setattr(_workspace, "WORKSPACE_BYTES", 1)  # batches in several blocks, too
    task, orders = problem(500, 4, 10, 3, weighted=True), shuffled(500, 3)

    def run(*places):
        scheduler = ScriptedPace(*((False, count) for count in places))
        result = train(
            task, Model(alpha=0.1), Rule("adam"), dtype, batch_size=batch_size, orders=orders, scheduler=scheduler
        )
        assert sum(count for _, count in scheduler.taken) == 3 * 500
        return bits(*result), len(scheduler.taken)

    whole, calls = run(10**9)
    assert calls == 3
    for places in [(1,), (100,), (31, 1, 250)]:
        cut, calls = run(*places)
        assert calls > 3
        assert cut == whole


def stays(net):
    return bool(net._spec[POSITIONS["resident"]])


@pytest.mark.parametrize(("n", "threads"), [(40, 1), (150, 1), (150, 2), (150, 3), (700, 3)])
@pytest.mark.parametrize("output", ["softmax", "logistic"])
def test_examples_that_stay_in_the_workspace_are_learned_from_again(output, n, threads, dtype, monkeypatch):
    task, rule = problem(n, 4, 10, 3, output, weighted=True), Rule("adam", rate=0.01)
    model = Model("tanh", output, alpha=0.1, dropout=0.2)

    def run(*epochs, stay=True):
        net = network(task, model, rule, dtype)
        if not stay:
            monkeypatch.setattr(_network, "dense_workspace", lambda *sizes: dense_workspace(*sizes[:-1], False))
        attach(net, task, model, batch_size=n, n_threads=threads)
        assert stays(net) == stay
        net.scheduler, losses = ScriptedPace((threads > 1, 10**9)), []
        for most in epochs:
            losses += net.train_epochs(most, None, None, rule.rate, len(losses), n * len(losses))
        assert net.scheduler.taken == [(threads > 1, most * n) for most in epochs]
        return bits(weights_of(net), losses)

    assert run(5) == run(2, 3) == run(1, 1, 1, 1, 1) == run(5, stay=False)


@pytest.mark.parametrize(("n", "rows", "batch_size"), [(150, None, 149), (150, 149, 149), (5000, None, 5000)])
def test_examples_of_several_batches_or_too_many_do_not_stay(n, rows, batch_size):
    task = problem(n, 28, 30, 3)
    net = network(task, Model(), Rule(), FLOAT32)
    X, y = task.X.astype(FLOAT32), task.Y.argmax(axis=1)[:, np.newaxis]
    net.attach(X, y, None, rows and np.arange(rows), batch_size, 2)
    assert not stays(net)


@pytest.mark.parametrize("batch_size", [16, 50, 330])
def test_a_call_that_its_threads_end_early_is_gone_on_with(batch_size):
    """As after a thread that waited too often: a call over several epochs ends after its first step."""
    task, model, rule = problem(330, 5, 18, 3), Model("relu", alpha=0.1), Rule("adam", rate=0.01)

    def run(steps):
        net = network(task, model, rule, FLOAT64)
        attach(net, task, model, batch_size=batch_size)
        net.scheduler, begins, call = ScriptedPace((False, 10**9)), [], net._call

        def ended_early(parallel, begin, end):
            place = begin % 330 // batch_size * batch_size + steps * batch_size
            begins.append(begin)
            return call(parallel, begin, min(end, begin - begin % 330 + min(330, place)))

        net._call = ended_early
        return bits(weights_of(net), net.train_epochs(3, None, None, rule.rate, 0)), begins, net.scheduler.taken

    whole, begins, _ = run(10**9)
    assert begins == [0, 330, 660]
    pieces, begins, taken = run(1)
    assert len(begins) == 3 * -(-330 // batch_size)
    assert pieces == whole
    assert sum(places for _, places in taken) == 3 * 330


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.9, 0.999])
def test_a_power_is_left_out_only_where_it_does_not_count(decay):
    last = int(SETTLED / (1 - decay))
    for step in (1, 2, last - 1, last, last + 1, last + 2, 10 * last):
        assert bias_correction(decay, step) == 1 - decay**step
