"""A measured process without settings that hold a library back.

Environment variables left over in a shell can tie a contender to the kernels of an older processor or to one thread,
and nothing in its figures shows it. With OPENBLAS_CORETYPE=Haswell, for instance, NumPy's matrix products, and so
MLPClassifier, ran at half the speed of a Zen 5.

Imports nothing but the standard library: libraries read these variables when they are loaded.
"""

import os
import sys

PREFIXES = (
    *("OPENBLAS_", "GOTO_", "OMP_", "GOMP_", "KMP_", "MKL_", "BLIS_", "VECLIB_"),
    *("ATEN_", "ONEDNN_", "DNNL_", "XLA_", "NPY_DISABLE_", "NPY_ENABLE_"),
    *("NUMBA_NUM_", "NUMBA_CPU_", "NUMBA_THREADING_", "NUMBA_OPT", "NUMBA_DISABLE_"),
)
# bytecode that is not kept makes each process compile the sources again, which a user's process does once
NAMES = {"SHALLOWNET_PARALLEL", "PYTHONDONTWRITEBYTECODE"}


def settings(environment):
    """Return the names of the variables that may hold a library back."""
    return sorted(name for name in environment if name in NAMES or name.startswith(PREFIXES))


def without_settings(environment):
    """Return a copy of an environment without such variables."""
    return {name: environment[name] for name in environment.keys() - set(settings(environment))}


def restart_without_settings():
    """Start this program anew, in the same process, if there are such variables."""
    if found := settings(os.environ):
        print(f"not used: {', '.join(found)}", file=sys.stderr, flush=True)
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], without_settings(os.environ))


def remove_settings():
    """Remove such variables from the environment of this process, for libraries that are not loaded yet.

    Raises
    ------
    RuntimeError
        If NumPy has been loaded, and its BLAS may have been held back by one of them.
    """
    found = settings(os.environ)
    read = [name for name in found if name not in NAMES and not name.startswith("NUMBA_")]
    if read and "numpy" in sys.modules:
        raise RuntimeError(f"these settings hold NumPy back: start anew with env -u {' -u '.join(read)}")
    for name in found:
        del os.environ[name]
