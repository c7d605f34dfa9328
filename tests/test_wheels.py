"""Installed packages: upgrades, downgrades and versions side by side never run each other's compiled code."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from children import JOB, finish, start

ROOT = Path(__file__).parents[1]
FIXED = 315532800  # the time that a reproducible build gives to every file

pytestmark = pytest.mark.long


def pip(*arguments):
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(FIXED), "PYTHONPATH": ""}
    done = subprocess.run([sys.executable, "-m", "pip", *arguments], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def build(folder, version, derivative):
    """Return a wheel of the package with that version, and that text for 1 in the derivative of tanh."""
    tree = folder / "tree"
    for name in ("src", "datasets"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree / name)
    (tree / "src/shallownet/_version.py").write_text(f'"""The version."""\n\n__version__ = "{version}"\n')
    activations = tree / "src/shallownet/kernels/activations.py"
    source = activations.read_text()
    assert "1.0 - a" in source
    activations.write_text(source.replace("1.0 - a", f"{derivative} - a"))
    for path in tree.rglob("*"):
        os.utime(path, (FIXED, FIXED))
    pip("wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(tree))
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """Two versions, of which the second has another derivative; every file has the same size and time in both."""
    one, two = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("two")
    return build(one, "7.0.0", "1.0"), build(two, "7.0.1", "3.0")


class Installed:
    """A folder that a version is installed in."""

    def __init__(self, folder):
        self.folder = folder

    def install(self, wheel):
        options = ["--quiet", "--no-deps", "--no-index", "--no-compile", "--upgrade", "--target", str(self.folder)]
        pip("install", *options, str(wheel))
        for path in (self.folder / "shallownet").rglob("*.py"):
            os.utime(path, (FIXED, FIXED))
        return self

    def run(self, dtype="float32", before="", **environment):
        package = self.folder / "shallownet"
        settings = {"PYTHONDONTWRITEBYTECODE": "1", "NUMBA_CACHE_DIR": None, "XDG_CACHE_HOME": None, **environment}
        return finish(start(before + JOB, "fit", dtype, package=package, **settings), package)


def compiled_alone(report):
    return bool(report["compiled"]) and not report["hits"]


def loaded_alone(report):
    return bool(report["hits"]) and not report["compiled"]


def test_upgrade_and_downgrade_in_place(wheels, tmp_path):
    old, new = wheels
    site, shared = Installed(tmp_path / "site"), {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    first = site.install(old).run(**shared)
    assert first["version"] == "7.0.0"
    assert compiled_alone(first)
    second = site.install(new).run(**shared)
    assert second["version"] == "7.0.1"
    assert compiled_alone(second)
    assert second["result"] != first["result"]
    for wheel, before in ((old, first), (new, second)):
        again = site.install(wheel).run(**shared)
        assert loaded_alone(again)
        assert again["result"] == before["result"]


def test_two_versions_share_a_home(wheels, tmp_path):
    home = {"HOME": str(tmp_path / "home")}
    sites = [Installed(tmp_path / wheel.name).install(wheel) for wheel in wheels]
    for site in sites:
        (site.folder / "shallownet/jit/__pycache__").write_text("a file where a folder would have to be")
    first = [site.run(**home) for site in sites]
    assert all(map(compiled_alone, first))
    assert first[0]["result"] != first[1]["result"]
    later = [site.run(**home) for site in sites]
    assert all(map(loaded_alone, later))
    assert [report["result"] for report in later] == [report["result"] for report in first]
    assert list(Path(home["HOME"]).rglob("*.nbc"))
    assert not [report for report in first + later if report["warnings"]]


@pytest.fixture
def open_folder():
    """A folder that every user can look into."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become another user")
def test_image_made_by_root_and_used_by_another(wheels, open_folder):
    site = Installed(open_folder / "site").install(wheels[0])
    home = open_folder / "home"
    home.mkdir()
    nobody = 65534
    os.chown(home, nobody, nobody)
    become = f"""
import os, joblib, numba, sklearn.utils, shallownet, shallownet.training.network
os.setgid({nobody})
os.setuid({nobody})
"""
    of_root = site.run()
    assert compiled_alone(of_root)
    of_nobody = site.run(before=become, HOME=str(home))
    assert loaded_alone(of_nobody)
    assert of_nobody["result"] == of_root["result"]
    assert compiled_alone(site.run("float64", before=become, HOME=str(home)))
    assert loaded_alone(site.run("float64", before=become, HOME=str(home)))
    assert {path.stat().st_uid for path in home.rglob("*.nbc")} == {nobody}


@pytest.fixture
def small_disk(tmp_path):
    """A file system with room for less than one entry."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_full_disk(wheels, small_disk, tmp_path):
    report = Installed(tmp_path / "site").install(wheels[0]).run(NUMBA_CACHE_DIR=str(small_disk))
    assert report["compiled"]
    assert len(report["warnings"]) == 1
    assert "No space left" in report["warnings"][0]
    assert not list(small_disk.rglob("*.tmp"))
