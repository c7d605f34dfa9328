"""The packages of the project: which may import which, how long their modules are, and what importing them does."""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from source_tree import MODULES, PACKAGE, imports, package_of

import shallownet

ROOT = Path(__file__).parents[1]
MOST_LINES = 350  # of a module, its docstrings aside

# From the lowest to the highest; a module imports from its own package and from lower ones.
PACKAGES = "datasets jit simd kernels training estimators tabular plotting onnx dask demo".split()
DOORS = {"__init__": "tabular", "__main__": "demo", "_classifier": "estimators", "_version": "jit"}
COMPILED = {"jit", "simd", "kernels"}
OUTSIDE_OF_COMPILED = {"numpy", "numba", "llvmlite"} | sys.stdlib_module_names
COMPILERS = {"njit", "jit", "vectorize", "guvectorize", "cfunc", "stencil", "jitclass"}


def height(name):
    package = package_of(name)
    return PACKAGES.index(DOORS.get(package, package))


@pytest.mark.parametrize("name", MODULES)
def test_imports_point_down(name):
    inside, _ = imports(name)
    assert not {module for module in inside if height(module) > height(name)}


def test_no_imports_in_circles():
    """Within a package, too, modules have an order."""
    waiting = {name: {module for module in imports(name)[0] if module != name} for name in MODULES}
    while waiting:
        ready = {name for name, needed in waiting.items() if not needed & waiting.keys()}
        assert ready, f"these import each other in a circle: {sorted(waiting)}"
        waiting = {name: needed for name, needed in waiting.items() if name not in ready}


@pytest.mark.parametrize("name", [name for name in MODULES if package_of(name) in COMPILED])
def test_compiled_packages_know_no_estimators(name):
    assert imports(name)[1] <= OUTSIDE_OF_COMPILED


def test_the_door_has_nothing_but_names():
    kinds = {type(node) for node in MODULES["__init__"].body[1:]}
    assert kinds == {ast.ImportFrom, ast.Assign}


def test_a_distribution_holds_every_package():
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    folders = {path.parent.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py")} | {Path("datasets")}
    assert set(packages) == {".".join(["shallownet", *folder.parts]) for folder in folders}


def test_loop_of_a_fit_knows_neither_kernels_nor_labels():
    needed, found = ["training.loop"], set()
    while needed:
        inside, outside = imports(needed.pop())
        assert not outside & {"scipy", "numba"}
        needed += inside - found
        found |= inside
    assert {package_of(name) for name in found} == {"training"}


def test_initial_weights_and_thread_scheduler_stand_alone():
    for name in ("training.initialization", "training.thread_scheduler", "_version"):
        assert not imports(name)[0]


@pytest.mark.parametrize("name", MODULES)
def test_one_module_compiles(name):
    if name == "jit.compiling":
        return
    used = {node.id for node in ast.walk(MODULES[name]) if isinstance(node, ast.Name)}
    used |= {node.attr for node in ast.walk(MODULES[name]) if isinstance(node, ast.Attribute)}
    assert not used & COMPILERS


@pytest.mark.parametrize("name", MODULES)
def test_modules_are_short(name):
    tree = MODULES[name]
    documented = ast.Module, ast.ClassDef, ast.FunctionDef
    texts = [node.body[0] for node in ast.walk(tree) if isinstance(node, documented) and ast.get_docstring(node)]
    lines = max(node.end_lineno for node in ast.walk(tree) if hasattr(node, "end_lineno"))
    assert lines - sum(text.end_lineno - text.lineno + 1 for text in texts) <= MOST_LINES


def test_no_module_is_a_drawer():
    assert not [name for name in MODULES if re.search(r"util|helper|misc|common", name)]


@pytest.mark.parametrize("name", MODULES)
def test_prints_are_meant(name):
    source = (PACKAGE / (name.replace(".", "/") + ".py")).read_text()
    lines = source.splitlines()
    calls = [node for node in ast.walk(MODULES[name]) if isinstance(node, ast.Call)]
    printing = [call.lineno for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"]
    whole_module = re.search("^# ruff: noqa: T201", source, re.MULTILINE)
    assert whole_module or all("noqa: T201" in lines[number - 1] for number in printing)


IMPORT = """
import json, sys
from numba.core.dispatcher import Dispatcher
before = set(sys.modules)
import shallownet
import shallownet.kernels.train, shallownet.kernels.predict
modules = [module for name, module in sys.modules.items() if name.startswith("shallownet")]
kernels = {id(v): v for module in modules for v in vars(module).values() if isinstance(v, Dispatcher)}
numba = sys.modules["numba"]
print(json.dumps({
    "kernels": len(kernels),
    "compiled": [str(kernel) for kernel in kernels.values() if kernel.overloads],
    "threads": numba.np.ufunc.parallel._is_initialized,
    "packages": sorted({name.split(".")[0] for name in set(sys.modules) - before}),
}))
"""


def test_import_compiles_nothing_and_starts_nothing(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(PACKAGE.parent)}
    done = subprocess.run([sys.executable, "-c", IMPORT], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["kernels"] > 10
    assert found["compiled"] == []
    assert found["threads"] is False
    assert not {"matplotlib", "polars", "torch", "jax", "dask", "distributed"} & set(found["packages"])
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_public_names():
    networks = ["ShallowNetClassifier", "ShallowNetRegressor", "TabularNetClassifier", "TabularNetRegressor"]
    names = [*networks, "PiecewiseLinearEncoder", "SmoothClipScaler", "__version__", "warmup"]
    assert sorted(shallownet.__all__) == sorted(names)
    assert re.fullmatch(r"\d+\.\d+\.\d+", shallownet.__version__)
