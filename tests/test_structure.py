"""The rooms of the package: which may import which, how long they are, and what importing them does."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import shallownet

PACKAGE = Path(shallownet.__file__).parent
MOST_LINES = 350  # of a room, its docstrings aside

# From the lowest floor to the highest; a room imports only from floors below its own.
KERNEL_FLOORS = [
    {"folders", "garbage", "threads"},
    {"cache", "compiler_thread", "linking"},
    {"compiling"},
    {"lanes"},
    {"arithmetic", "memory"},
    {"blocks"},
    {"elementary"},
    {"activations", "layers", "loss", "updates"},
    {"panels", "plan"},
    {"coming", "direct", "randomness", "shuffling", "strip", "team"},
    {"examples"},
    {"head", "rows", "weights"},
    {"sparse"},
    {"prediction", "epoch"},
    {"sparse_epoch"},
]
FLOORS = [{f"kernels.{room}" for room in floor} for floor in KERNEL_FLOORS] + [
    {"_version", "_sparse_data"},
    {"_saving", "_pace", "_weights", "_workspace", "_labels", "_callbacks", "_order"},
    {"_network", "_parameters", "_validation"},
    {"_forward", "_training", "_lbfgs"},
    {"_fitting"},
    {"_classifier"},
    {"_warmup"},
    {"__init__", "plotting"},
    {"_main_csv"},
    {"_main_data", "_main_progress", "_main_pictures"},
    {"_main_job"},
    {"__main__"},
]
FLOOR_OF = {room: number for number, floor in enumerate(FLOORS) for room in floor}
OUTSIDE_OF_KERNELS = {"numpy", "numba", "llvmlite"} | sys.stdlib_module_names
COMPILERS = {"njit", "jit", "vectorize", "guvectorize", "cfunc", "stencil", "jitclass"}


def rooms():
    """Return the syntax tree of each module by its name without the package's."""
    paths = {path: ".".join(path.relative_to(PACKAGE).with_suffix("").parts) for path in PACKAGE.rglob("*.py")}
    return {name: ast.parse(path.read_text()) for path, name in sorted(paths.items()) if "datasets" not in name}


ROOMS = rooms()
NAMES = [name for name in ROOMS if name != "kernels.__init__"]


def imports(name):
    """Return (rooms of the package, packages outside) that a room imports, at its top or within a function."""
    inside, outside = set(), set()
    for node in ast.walk(ROOMS[name]):
        if isinstance(node, ast.Import):
            outside |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            outside.add(node.module)
        elif isinstance(node, ast.ImportFrom):
            base = name.split(".")[: -node.level]
            target = ".".join([*base, *(node.module or "").split(".")]).strip(".")
            modules = {f"{target}.{alias.name}".strip(".") for alias in node.names}
            inside |= {module if module in ROOMS else target or "__init__" for module in modules}
    inside |= {module.partition(".")[2] or "__init__" for module in outside if module.split(".")[0] == "shallownet"}
    return inside, {module.split(".")[0] for module in outside} - {"shallownet"}


def test_every_room_has_a_floor():
    assert set(NAMES) == set(FLOOR_OF)
    assert not ROOMS["kernels.__init__"].body


@pytest.mark.parametrize("name", NAMES)
def test_imports_point_downward(name):
    inside, _ = imports(name)
    upward = {room for room in inside if room != "datasets" and FLOOR_OF[room] >= FLOOR_OF[name]}
    assert not upward


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("kernels.")])
def test_kernels_know_only_each_other(name):
    inside, outside = imports(name)
    assert all(room.startswith("kernels.") for room in inside)
    assert outside <= OUTSIDE_OF_KERNELS


def test_course_of_a_fit_knows_neither_kernels_nor_labels():
    inside, _ = imports("_training")
    assert not inside


def test_initial_weights_and_pace_stand_alone():
    for name in ("_weights", "_pace", "_version"):
        assert not imports(name)[0]


@pytest.mark.parametrize("name", NAMES)
def test_one_room_compiles(name):
    if name == "kernels.compiling":
        return
    used = {node.id for node in ast.walk(ROOMS[name]) if isinstance(node, ast.Name)}
    used |= {node.attr for node in ast.walk(ROOMS[name]) if isinstance(node, ast.Attribute)}
    assert not used & COMPILERS


@pytest.mark.parametrize("name", NAMES)
def test_rooms_are_short(name):
    tree = ROOMS[name]
    documented = ast.Module, ast.ClassDef, ast.FunctionDef
    texts = [node.body[0] for node in ast.walk(tree) if isinstance(node, documented) and ast.get_docstring(node)]
    lines = max(node.end_lineno for node in ast.walk(tree) if hasattr(node, "end_lineno"))
    assert lines - sum(text.end_lineno - text.lineno + 1 for text in texts) <= MOST_LINES


def test_no_room_is_a_drawer():
    assert not [name for name in ROOMS if re.search(r"util|helper|misc|common", name)]


@pytest.mark.parametrize("name", NAMES)
def test_prints_are_meant(name):
    source = (PACKAGE / (name.replace(".", "/") + ".py")).read_text()
    lines = source.splitlines()
    calls = [node for node in ast.walk(ROOMS[name]) if isinstance(node, ast.Call)]
    printing = [call.lineno for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"]
    whole_room = re.search("^# ruff: noqa: T201", source, re.MULTILINE)
    assert whole_room or all("noqa: T201" in lines[number - 1] for number in printing)


IMPORT = """
import json, sys
from numba.core.dispatcher import Dispatcher
before = set(sys.modules)
import shallownet
import shallownet.kernels.epoch, shallownet.kernels.prediction
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
    assert not {"matplotlib", "polars", "torch", "jax"} & set(found["packages"])
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_public_names():
    assert sorted(shallownet.__all__) == ["ShallowNetClassifier", "__version__", "warmup"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", shallownet.__version__)
