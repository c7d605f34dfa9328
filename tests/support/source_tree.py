"""The syntax trees of the package's modules, and what they import."""

import ast
from pathlib import Path

import shallownet

PACKAGE = Path(shallownet.__file__).parent


def _modules():
    paths = {path: ".".join(path.relative_to(PACKAGE).with_suffix("").parts) for path in PACKAGE.rglob("*.py")}
    return {name: ast.parse(path.read_text()) for path, name in sorted(paths.items())}


MODULES = _modules()  # by their names without the package's


def package_of(name):
    """Return the package within shallownet that a module is in; a module beside them is its own."""
    return name.partition(".")[0]


def imports(name):
    """Return (modules of the package, packages outside) that a module imports, at its top or within a function."""
    inside, outside = set(), set()
    for node in ast.walk(MODULES[name]):
        if isinstance(node, ast.Import):
            outside |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            outside.add(node.module)
        elif isinstance(node, ast.ImportFrom):
            base = name.split(".")[: -node.level]
            target = ".".join([*base, *(node.module or "").split(".")]).strip(".")
            modules = {f"{target}.{alias.name}".strip(".") for alias in node.names}
            inside |= {module if module in MODULES else target or "__init__" for module in modules}
    inside |= {module.partition(".")[2] or "__init__" for module in outside if module.split(".")[0] == "shallownet"}
    return inside, {module.split(".")[0] for module in outside} - {"shallownet"}
