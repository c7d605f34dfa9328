"""The order of the examples, and the generator that shuffles it."""

import sys
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


def test_what_others_draw_meanwhile_is_never_drawn_again():
    random_state = np.random.RandomState(7)
    first, second = lent(50, random_state), lent(50, random_state)
    drawn = list(random_state.randint(2**31, size=4))
    for order in (first, second):
        shuffled_by_kernel(order.rows, order.generator)
        order.give_back()
        drawn += list(random_state.randint(2**31, size=4))
    assert_array_equal(drawn, np.random.RandomState(7).randint(2**31, size=12))


def test_of_two_fits_at_once_the_first_to_end_gives_the_state_back():
    random_state, expected_state, expected = np.random.RandomState(7), np.random.RandomState(7), np.arange(50)
    first, second = lent(50, random_state), lent(50, random_state)
    for order in (first, second):
        shuffled_by_kernel(order.rows, order.generator)
    expected_state.shuffle(expected)
    second.give_back()
    assert_same_state(random_state, expected_state)
    shuffled_by_kernel(first.rows, first.generator)
    first.give_back()
    assert_same_state(random_state, expected_state)


@pytest.fixture
def short_turns():
    """Let Python change threads as often as it can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_threads_that_share_a_random_state_do_not_corrupt_it(short_turns):
    random_state, drawn = np.random.RandomState(7), []

    def draw():
        for _ in range(50):
            drawn.extend(random_state.randint(2**31, size=100))

    threads = [threading.Thread(target=draw) for _ in range(3)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        order = lent(50, random_state)
        order.give_back()  # which leaves the state as it is, or what it was
    for thread in threads:
        thread.join()
    assert_array_equal(np.sort(drawn), np.sort(np.random.RandomState(7).randint(2**31, size=15_000)))


class Contended:
    """A RandomState from which another thread wants to draw just as its state has been read."""

    def __init__(self, random_state):
        self.set_state, self._bit_generator = random_state.set_state, random_state._bit_generator
        self._random_state, self.drawn, self.thread = random_state, [], None

    def get_state(self, legacy):
        state = self._random_state.get_state(legacy=legacy)
        self.thread = threading.Thread(target=lambda: self.drawn.append(self._random_state.randint(2**31)))
        self.thread.start()
        self.thread.join(0.2)
        return state


def test_nobody_draws_between_the_look_at_a_state_and_its_return():
    random_state, expected_state = np.random.RandomState(7), np.random.RandomState(7)
    order, contended = lent(50, random_state), Contended(random_state)
    shuffled_by_kernel(order.rows, order.generator)
    order._random_state = contended
    order.give_back()
    contended.thread.join()
    expected_state.shuffle(np.arange(50))
    assert contended.drawn == [expected_state.randint(2**31)]


class WithoutLock:
    """Draws as a RandomState of a NumPy that keeps its lock elsewhere."""

    def __init__(self, random_state):
        self.get_state, self.set_state = random_state.get_state, random_state.set_state


def test_without_a_lock_that_is_known_the_state_is_lent_all_the_same():
    random_state, expected_state, expected = np.random.RandomState(7), np.random.RandomState(7), np.arange(50)
    order = lent(50, WithoutLock(random_state))
    shuffled_by_kernel(order.rows, order.generator)
    order.give_back()
    expected_state.shuffle(expected)
    assert_array_equal(order.rows, expected)
    assert_same_state(random_state, expected_state)


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
