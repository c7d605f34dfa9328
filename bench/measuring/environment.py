"""What a measurement depends on besides the code: processor, system, versions."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import llvmlite.binding

PACKAGES = ["numpy", "scipy", "scikit-learn", "numba", "torch", "jax", "jaxlib"]


def describe():
    """Return a dictionary that JSON can hold."""
    import shallownet

    versions = {"python": platform.python_version(), "shallownet": shallownet.__version__}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "cpu": f"{_cpu_model()} ({llvmlite.binding.get_host_cpu_name()}, {os.cpu_count()} CPUs)",
        "system": platform.platform(terse=True),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _commit(),
        "versions": versions,
    }


def _cpu_model():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor()


def _commit():
    """Return the short hash of the commit, with a + if the working tree differs from it, or None outside git."""
    command = ["git", "describe", "--always", "--exclude=*", "--abbrev=10", "--dirty=+"]
    try:
        answer = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.strip()
