"""Kernels are linked into the entries that call them, and only these become machine code."""

import numpy as np

from shallownet.kernels import linking
from shallownet.kernels.compiling import entry, kernel


@kernel
def square(x):
    return x * x


@kernel
def sum_of_squares(a):
    total = 0.0
    for x in a:
        total += square(x)
    return total


@entry
def norm(a):
    return np.sqrt(sum_of_squares(a))


def machine_code_of(dispatcher):
    """Return whether a compiled function has machine code."""
    (overload,) = dispatcher.overloads.values()
    return not isinstance(overload.library, linking._Unlinked)


def test_kernels_have_no_machine_code_of_their_own():
    a = np.arange(5.0)
    assert norm(a) == np.sqrt(30.0)
    assert machine_code_of(norm)
    assert not machine_code_of(sum_of_squares)
    assert not machine_code_of(square)


def test_another_numba_compiles_as_it_would(monkeypatch):
    monkeypatch.setattr(linking, "_NEEDED", ("of another version",))
    assert "pipeline_class" not in linking.flags_of_kernels()
