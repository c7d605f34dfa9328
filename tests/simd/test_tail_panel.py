"""The last panel where few of its lanes hold units: several examples or features share a register."""

import naive
import numpy as np
import pytest
from harness import DTYPES, attach, lanes_of, layout, network, padding_is_zero, predict, problem, train
from naive import Model, Rule

from shallownet.training import buffers as _workspace

HAS_TAIL = {  # by the lanes and the units of the last panel
    16: {0: 0, 1: 1, 2: 1, 3: 1, 4: 1, 5: 0, 8: 0, 15: 0},
    8: {0: 0, 1: 1, 2: 1, 3: 0, 4: 0, 7: 0},
}
N_FEATURES = [16, 17, 18, 19, 20, 23, 34, 35, 36, 71, 72, 73]  # on either side of whole groups and blocks


@pytest.fixture(params=DTYPES, ids=["float32", "float64"])
def dtype(request):
    return request.param


def widths(dtype):
    """Yield numbers of units with a tail panel, alone and behind a whole panel."""
    lanes = lanes_of(dtype)
    for rest, has_tail in HAS_TAIL[lanes].items():
        if has_tail:
            yield from (rest, lanes + rest)


@pytest.mark.parametrize("lanes", HAS_TAIL)
def test_features_share_registers_where_three_quarters_of_the_lanes_would_idle(lanes):
    for rest, has_tail in HAS_TAIL[lanes].items():
        sizes = layout(lanes, 3 * lanes + rest, 2, lanes)
        assert sizes.panels - sizes.full_panels == has_tail
        sizes = layout(lanes - 1, 3 * lanes + rest, 2, lanes)
        assert sizes.panels == sizes.full_panels


@pytest.mark.parametrize("n_features", N_FEATURES)
def test_probabilities(n_features, dtype):
    for n_hidden in widths(dtype):
        task, model = problem(29, n_features, n_hidden, 3), Model("identity", "softmax")
        expected = naive.forward(model, task.weights, task.X)[2]
        np.testing.assert_allclose(predict(task, model, dtype), expected, 2e-5 if dtype == np.float32 else 1e-12)


@pytest.mark.parametrize("blocks", ["one block", "many blocks"])
@pytest.mark.parametrize("n_features", N_FEATURES)
def test_gradient(n_features, blocks, dtype, monkeypatch):
    if blocks == "many blocks":
        monkeypatch.setattr(_workspace, "WORKSPACE_BYTES", 1)
    for n_hidden in widths(dtype):
        task, model, rule = problem(150, n_features, n_hidden, 2), Model("tanh", "softmax"), Rule("sgd", 1024.0, 0.0)
        weights, _ = train(task, model, rule, dtype)
        for before, after, expected in zip(
            task.weights, weights, naive.gradients(model, task.weights, *task.data), strict=True
        ):
            allowed = (1e-5 if dtype == np.float32 else 1e-12) * np.abs(expected).max()
            np.testing.assert_allclose((after - before) / -rule.rate, expected, 0, allowed)


@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_lanes_without_units_stay_zero_when_a_gradient_overflows(dtype):
    task, model, rule = problem(40, 20, lanes_of(dtype) + 1, 2), Model("identity", "softmax"), Rule("sgd", 1.0, 0.0)
    net = network(task, model, rule, dtype)
    attach(net, task, model, X=np.full((40, 20), np.finfo(dtype).max / 4, dtype))
    net.train_epoch(None, rule.rate, 0)
    assert not np.isfinite(net.weights()[0][0]).all()
    assert padding_is_zero(net)


@pytest.mark.parametrize("workspace", [1, 2**20], ids=["many blocks", "one block"])
def test_same_bits_as_in_a_whole_panel(workspace, dtype, monkeypatch):
    monkeypatch.setattr(_workspace, "WORKSPACE_BYTES", workspace)
    for n_hidden in widths(dtype):
        if n_hidden < lanes_of(dtype):
            continue
        task = problem(150, 21, n_hidden, 2)
        W1, b1, W2, b2 = task.weights
        for weights in (W1, b1, W2.T):
            weights[-1] = weights[0]  # a unit of the last panel begins as one of the first
        orders = [None, np.random.default_rng(0).permutation(150), None]
        (W1, b1, W2, b2), _ = train(task, Model("tanh", "softmax"), Rule("adam", 0.01), dtype, orders=orders)
        for weights in (W1, b1, W2.T):
            assert weights[-1].tobytes() == weights[0].tobytes()
