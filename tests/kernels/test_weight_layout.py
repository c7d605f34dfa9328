"""The weights in panels, and their way to and from matrices."""

import numpy as np
import pytest
from harness import DTYPES, lanes_of, layout, network, padding_is_zero, problem, weights_of
from naive import Model, Rule

from shallownet.kernels.weight_layout import round_up

SHAPES = [(1, 1, 1), (5, 17, 3), (6, 16, 6), (7, 33, 26), (30, 8, 2)]


@pytest.mark.parametrize("dtype", DTYPES, ids=["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_weights_come_back_and_padding_is_zero(shape, dtype):
    task = problem(2, *shape)
    net = network(task, Model(), Rule(), dtype)
    for result, expected in zip(weights_of(net), task.weights, strict=True):
        np.testing.assert_array_equal(result, expected.astype(dtype), strict=True)
    assert padding_is_zero(net)
    assert np.count_nonzero(net.theta) == sum(w.size for w in task.weights)


@pytest.mark.parametrize("dtype", DTYPES, ids=["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_layout_has_room_for_whole_blocks(shape, dtype):
    lanes = lanes_of(dtype)
    features, hidden, outputs = shape
    sizes = layout(*shape, lanes)
    assert sizes.panels * lanes >= hidden > (sizes.panels - 1) * lanes
    assert sizes.feature_rows % 6 == 0 and sizes.feature_rows > features
    assert sizes.output_rows % 6 == 0 and sizes.output_rows >= outputs
    assert sizes.w1_stride == (sizes.feature_rows + sizes.output_rows) * lanes
    assert sizes.size >= sizes.b2 + outputs
    assert sizes.size % lanes == 0


@pytest.mark.parametrize(("number", "rounded"), [(0, 0), (1, 6), (6, 6), (7, 12)])
def test_round_up(number, rounded):
    assert round_up(number, 6) == rounded
