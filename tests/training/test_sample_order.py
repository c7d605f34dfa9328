"""The order of the examples, and the generator that shuffles it."""

import threading
from types import SimpleNamespace

import numpy as np
import pytest
from harness import shuffled_by_kernel
from numpy.testing import assert_array_equal
from sklearn.utils import shuffle

from shallownet.training.sample_order import EPOCH_DRAWS, KERNELS_PAY, Order

MANY = 10**6  # epochs


def state_of(random_state):
    state = random_state.get_state(legacy=False)
    return [*state.pop("state").values(), *state.values()]


def assert_same_state(random_state, expected):
    for ours, theirs in zip(state_of(random_state), state_of(expected), strict=True):
        assert_array_equal(ours, theirs)


class WithSimpleLock:
    """Draws as the RandomState of NumPy before 2.4, whose lock cannot be taken twice: it would be waited for for ever.

    What asks for the state or sets it does not take the lock; all else does.
    """

    def __init__(self, random_state):
        self._random_state, self._bit_generator = random_state, SimpleNamespace(lock=threading.Lock())
        self.get_state, self.set_state = random_state.get_state, random_state.set_state

    def __getattr__(self, name):
        assert not self._bit_generator.lock.locked(), f"{name} waits for a lock that its caller holds"
        return getattr(self._random_state, name)


def lent(n, random_state, **options):
    order = Order(n, None, random_state, **options)
    order.lend(MANY)
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


def test_others_draw_other_numbers_meanwhile():
    random_state = np.random.RandomState(7)
    random_state.standard_normal()
    order, another = lent(50, random_state), lent(50, random_state)
    assert not np.array_equal(order.generator, another.generator)
    drawn, elsewhere = random_state.randint(2**31, size=4), random_state.standard_normal()
    shuffled_by_kernel(order.rows, order.generator)
    shuffled_by_kernel(another.rows, another.generator)
    assert not np.array_equal(order.rows, another.rows)
    order.give_back()
    another.give_back()
    after = random_state.randint(2**31, size=4)
    assert not set(drawn) & set(after)
    assert not set(drawn) & set(np.random.RandomState(7).randint(2**31, size=2000))
    assert elsewhere != random_state.standard_normal()


def test_nothing_draws_while_the_lock_is_held():
    random_state, expected_state = WithSimpleLock(np.random.RandomState(7)), np.random.RandomState(7)
    order, expected = lent(50, random_state), lent(50, expected_state)
    assert_array_equal(order.generator, expected.generator)
    assert_same_state(random_state, expected_state)
    order.give_back()
    assert_same_state(random_state, np.random.RandomState(7))


@pytest.mark.parametrize("draw", ["randint", "standard_normal"])
def test_a_state_that_others_have_drawn_from_is_left_to_them(draw):
    random_state = np.random.RandomState(7)
    order = lent(50, random_state)
    {"randint": lambda: random_state.randint(9), "standard_normal": random_state.standard_normal}[draw]()
    before = random_state.get_state(legacy=False)
    order.give_back()
    expected = np.random.RandomState()
    expected.set_state(before)
    assert_same_state(random_state, expected)


def test_it_is_given_back_once():
    random_state = np.random.RandomState(7)
    order = lent(50, random_state)
    order.give_back()
    random_state.randint(9)
    order.give_back()
    expected = np.random.RandomState(7)
    expected.randint(9)
    assert_same_state(random_state, expected)


def test_few_draws_in_few_epochs_are_left_to_numpy():
    order = Order(10, None, np.random.RandomState(0))
    epochs = -(-KERNELS_PAY // (EPOCH_DRAWS + 10))
    order.lend(epochs - 1)
    assert order.generator is None
    assert not order.runs_ahead
    order.lend(epochs)
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
    order.lend(MANY)
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
