"""The call tree in the docstring of the kernels is that of the program."""

import ast
import importlib
import inspect
import textwrap

import pytest

from shallownet import kernels


def edges():
    """Yield what the tree names, each with the name above it, None for a root."""
    above = []
    for line in kernels.__doc__.splitlines():
        name, depth = line.split(maxsplit=1)[:1], len(line) - len(line.lstrip())
        if not depth or not name or not name[0].startswith(("kernels.", "simd.", "training.")):
            continue
        above = [(other, at) for other, at in above if at < depth]
        yield name[0], above[-1][0] if above else None
        above.append((name[0], depth))


def found(name):
    """Return the function of a name such as kernels.step.copy_rows."""
    package, module, *path = name.split(".")
    value = importlib.import_module(f"shallownet.{package}.{module}")
    for attribute in path:
        value = getattr(value, attribute)
    value = value[0] if isinstance(value, tuple) else value  # serial and parallel kernels
    return getattr(value, "py_func", value)


def names_in(function):
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    nodes = list(ast.walk(tree))
    return {node.id for node in nodes if isinstance(node, ast.Name)} | {
        node.attr for node in nodes if isinstance(node, ast.Attribute)
    }


def test_the_tree_is_read():
    assert len(list(edges())) > 25


@pytest.mark.parametrize(("name", "caller"), sorted(set(edges()), key=str))
def test_what_the_tree_names_exists_and_is_called(name, caller):
    assert callable(found(name))
    if caller is None or not caller.endswith("train_epochs"):  # which chooses one of four kernels in another method
        assert caller is None or name.split(".")[-1] in names_in(found(caller))
