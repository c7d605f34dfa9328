"""The order of the examples, and the generator that shuffles it."""

import numpy as np
import pytest
from harness import shuffled_by_kernel
from numpy.testing import assert_array_equal
from sklearn.utils import shuffle

from shallownet._order import KERNELS_PAY, Order


def state_of(random_state):
    state = random_state.get_state(legacy=False)
    return [*state.pop("state").values(), *state.values()]


def assert_same_state(random_state, expected):
    for ours, theirs in zip(state_of(random_state), state_of(expected), strict=True):
        assert_array_equal(ours, theirs)


def lent(n, random_state, **options):
    order = Order(n, None, random_state, **options)
    order.lend(KERNELS_PAY)
    return order


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 31, 32, 33, 150, 1797, 4096, 70_001])
def test_kernel_draws_what_numpy_draws(n):
    random_state, expected_state = np.random.RandomState(7), np.random.RandomState(7)
    for each in (random_state, expected_state):
        each.uniform(size=5)  # begins within the words of the generator's key
        each.standard_normal()  # of which NumPy keeps a second one for later
    order = lent(n, random_state)
    assert order.runs_ahead
    expected = np.arange(n)
    for _ in range(3):
        expected_state.shuffle(expected)
        shuffled_by_kernel(order.rows, order.generator)
        assert_array_equal(order.rows, expected)
    order.give_back()
    assert_same_state(random_state, expected_state)
    assert random_state.standard_normal() == expected_state.standard_normal()


def test_a_private_random_state_is_left_alone():
    random_state = np.random.RandomState(7)
    order = lent(50, random_state, private=True)
    shuffled_by_kernel(order.rows, order.generator)
    order.give_back()
    assert_same_state(random_state, np.random.RandomState(7))


def test_what_another_thread_draws_meanwhile_is_not_drawn_again():
    random_state, expected = np.random.RandomState(7), np.random.RandomState(7)
    order = lent(50, random_state)
    for each in (random_state, expected):
        each.uniform(size=1000)
    shuffled_by_kernel(order.rows, order.generator)
    order.give_back()
    assert_same_state(random_state, expected)


def test_few_draws_are_left_to_numpy():
    order = Order(10, None, np.random.RandomState(0))
    order.lend(KERNELS_PAY // 10 - 1)
    assert order.generator is None
    assert not order.runs_ahead
    order.lend(KERNELS_PAY // 10)
    assert order.runs_ahead


def test_shuffles_as_scikit_learn_does():
    order, random_state = Order(40, None, np.random.RandomState(3)), np.random.RandomState(3)
    expected = np.arange(40)
    for _ in range(3):
        order.shuffle()
        expected = shuffle(expected, random_state=random_state)
        assert_array_equal(order.rows, expected)


def test_rows_are_copied_before_they_are_shuffled():
    rows = np.array([5, 3, 9, 11])
    order = Order(4, rows, np.random.RandomState(0))
    order.shuffle()
    assert_array_equal(rows, [5, 3, 9, 11])
    assert sorted(order.rows) == sorted(rows)


def test_nothing_to_shuffle():
    assert Order(4, None).rows is None
    rows = np.array([1, 2])
    order = Order(2, rows)
    order.lend(KERNELS_PAY)
    assert order.rows is rows
    assert order.generator is None
    assert order.runs_ahead


def test_other_generators_are_left_to_numpy():
    random_state = np.random.RandomState(np.random.PCG64(0))
    order = lent(9, random_state)
    assert order.generator is None
    assert not order.runs_ahead
    order.shuffle()
    expected = np.arange(9)
    np.random.RandomState(np.random.PCG64(0)).shuffle(expected)
    assert_array_equal(order.rows, expected)
