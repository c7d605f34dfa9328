"""The order of the examples, and the generator that shuffles it."""

import numpy as np
import pytest
from harness import shuffled_by_kernel
from sklearn.utils import shuffle

from shallownet._order import Order
from shallownet.kernels.shuffling import WORDS


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 31, 32, 33, 150, 1797, 4096, 70_001])
def test_kernel_draws_what_numpy_draws(n):
    random_state = np.random.RandomState(7)
    random_state.uniform(size=5)  # begins within the words of the generator's key
    order = Order(n, None, random_state, exclusive=True)
    expected = np.arange(n)
    for _ in range(3):
        random_state.shuffle(expected)
        shuffled_by_kernel(order.rows, order.generator)
        np.testing.assert_array_equal(order.rows, expected)
    state = random_state.get_state(legacy=False)["state"]
    np.testing.assert_array_equal(order.generator[: WORDS + 1], np.append(state["key"].astype(int), state["pos"]))


def test_shuffles_as_scikit_learn_does():
    order, random_state = Order(40, None, np.random.RandomState(3)), np.random.RandomState(3)
    expected = np.arange(40)
    for _ in range(3):
        order.shuffle()
        expected = shuffle(expected, random_state=random_state)
        np.testing.assert_array_equal(order.rows, expected)


def test_rows_are_copied_before_they_are_shuffled():
    rows = np.array([5, 3, 9, 11])
    order = Order(4, rows, np.random.RandomState(0))
    order.shuffle()
    np.testing.assert_array_equal(rows, [5, 3, 9, 11])
    assert sorted(order.rows) == sorted(rows)


def test_nothing_to_shuffle():
    assert Order(4, None).rows is None
    rows = np.array([1, 2])
    assert Order(2, rows).rows is rows
    assert Order(2, rows).runs_ahead


def test_other_generators_are_left_to_numpy():
    random_state = np.random.RandomState(np.random.PCG64(0))
    order = Order(9, None, random_state, exclusive=True)
    assert order.generator is None
    assert not order.runs_ahead
    order.shuffle()
    expected = np.arange(9)
    np.random.RandomState(np.random.PCG64(0)).shuffle(expected)
    np.testing.assert_array_equal(order.rows, expected)
