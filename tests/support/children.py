"""Real processes with the package, and copies of it that a test may edit."""

import json
import os
import shutil
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path

import shallownet

PACKAGE = Path(shallownet.__file__).parent
SUPPORT = Path(__file__).parent
SECONDS = 200  # that a process may take

# Trains, or only computes hidden activations, and prints what came of it and how it was compiled.
JOB = """
import json, sys, warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import numpy as np
    import shallownet
    from shallownet.jit.compiling import KERNELS
    random = np.random.RandomState(0)
    what, dtype = sys.argv[1], sys.argv[2]
    if what == "fit":
        X, y = random.randn(40, 3).astype(dtype), np.arange(40) % 2
        model = shallownet.ShallowNetClassifier(3, "tanh", max_iter=3, random_state=0, n_jobs=1).fit(X, y)
        result = [*model.loss_curve_, *model.predict_proba(X)[:, 1].tolist()]
    else:
        from shallownet.training.inference import hidden_activations
        X, w1, w2, b1, b2 = (random.randn(*shape).astype(dtype) for shape in [(5, 3), (3, 2), (2, 1), (2,), (1,)])
        result = hidden_activations(X, [w1, w2], [b1, b2], 0, 0.0, 1).tolist()
        assert np.allclose(result, X @ w1 + b1, atol=1e-5)
print(json.dumps({
    "file": shallownet.__file__,
    "version": shallownet.__version__,
    "result": result,
    "hits": sorted(entry.__name__ for entry in KERNELS if entry.stats.cache_hits),
    "compiled": sorted(entry.__name__ for entry in KERNELS if entry.stats.cache_misses),
    "warnings": [str(w.message) for w in caught if not issubclass(w.category, ResourceWarning)
                 and "hasn't converged" not in str(w.message)],
}))
"""


def source_environment(**variables):
    """Return the environment of a process that imports what this one can."""
    return {**os.environ, **variables, "PYTHONPATH": os.pathsep.join([*filter(None, sys.path), str(SUPPORT)])}


@cache
def is_installed(layer):
    """Return whether Numba can load a threading layer, which only a process of its own can tell."""
    ask = f"import numba; numba.config.THREADING_LAYER = {layer!r}; numba.get_num_threads()"
    return subprocess.run([sys.executable, "-c", ask], capture_output=True).returncode == 0


def start(job, *arguments, package=PACKAGE, stdin=False, **environment):
    """Start a Python process on a text or a file, with the package in that folder; it gets input if ``stdin``.

    None removes a variable of the environment.
    """
    program = [str(job)] if isinstance(job, Path) else ["-c", job]
    variables = {**os.environ, "PYTHONPATH": f"{package.parent}{os.pathsep}{SUPPORT}", **environment}
    return subprocess.Popen(
        [sys.executable, *program, *arguments],
        env={name: value for name, value in variables.items() if value is not None},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )


def finish(process, package=PACKAGE, seconds=SECONDS):
    """Return what a process of ``start`` printed in its last line; fail if it was killed, or wrote of an error."""
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        kill_family(process)
        out, err = process.communicate()
        raise AssertionError(f"the process hangs\n{out}{err}") from None
    assert process.returncode == 0, err
    report = json.loads(out.splitlines()[-1])
    assert Path(report["file"]).parent == package
    return {**report, "stderr": err}


def kill_family(process):
    """Kill a process of ``start`` and those that it started, which hold its output open."""
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()


class Copy:
    """A copy of the package with a cache of its own, unless it is given one."""

    def __init__(self, folder, cache=None):
        self.package = folder / "src" / "shallownet"
        self.cache = cache or folder / "cache"
        shutil.copytree(PACKAGE, self.package, ignore=shutil.ignore_patterns("__pycache__"))

    def start(self, what, dtype="float32", before="", **environment):
        """Start JOB."""
        # Python's own cache of bytecode looks at time and size of a file
        settings = {"NUMBA_CACHE_DIR": str(self.cache), "PYTHONDONTWRITEBYTECODE": "1", **environment}
        return start(before + JOB, what, dtype, package=self.package, **settings)

    def run(self, what, dtype="float32", before="", **environment):
        """Run JOB and return its report."""
        return finish(self.start(what, dtype, before, **environment), self.package)

    def edit(self, room, old, new):
        """Replace a text of the sources without a trace in the file's time and size."""
        path = self.package / room
        times, source = path.stat(), path.read_text()
        edited = source.replace(old, new)
        assert edited != source
        assert len(new) == len(old)
        path.write_text(edited)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        assert (path.stat().st_size, path.stat().st_mtime_ns) == (times.st_size, times.st_mtime_ns)

    def block(self):
        """Let there be no folder beside the sources; return the environment in which there is none elsewhere."""
        for folder in (self.package, self.package / "jit"):
            (folder / "__pycache__").write_text("a file where a folder would have to be")
        blocker = str(self.package / "__init__.py")
        return dict.fromkeys(["HOME", "XDG_CACHE_HOME", "LOCALAPPDATA"], blocker)
