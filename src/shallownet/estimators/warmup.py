"""Compiling ahead of time: for a container image, or before the first request."""

from collections.abc import Sequence
from time import perf_counter

import numpy as np
from numpy.typing import DTypeLike
from scipy.sparse import csr_array

from ..jit.cache import places
from ..jit.compiling import KERNELS, PARALLEL
from ..jit.threads import startable
from .classifier import ShallowNetClassifier


def warmup(
    *,
    dtypes: Sequence[DTypeLike] = ("float32", "float64"),
    sparse: bool = False,
    parallel: bool = True,
    verbose: bool = False,
) -> None:
    """Compile everything that fit and predict use ahead of time, and store it in the cache on disk.

    Afterwards neither this process nor a later one with the same cache compiles anything, for classification or
    regression, whatever the parameters and shapes. The code is for the type of processor that compiled it.

    Parameters
    ----------
    dtypes : sequence of {'float32', 'float64'}, default=('float32', 'float64')
        Dtypes of X; anything but float32 is trained in float64.
    sparse : bool, default=False
        Whether to compile for sparse X, too.
    parallel : bool, default=True
        Whether to compile the copies that use threads. This starts Numba's threads in this process, and processes
        that are forked from it afterwards will use none; so call it in a process of its own, or in each worker.
    verbose : bool, default=False
        Whether to print what was compiled, what was already in the cache, and where it is stored.

    Raises
    ------
    ValueError
        If a dtype is neither float32 nor float64.

    Notes
    -----
    The code is kept in the folder that the environment variable NUMBA_CACHE_DIR names, else beside the installed
    sources, else in the user's cache folder. It takes some 5 MB for each state of the sources and the versions, of
    which the eight used last are kept; an edit, an upgrade or a downgrade never runs old code. Where no folder is
    writable, each process compiles, after one warning.

    As the files are code, they are read only from a folder that no other user can write to, except for root and the
    owner of the installed sources; a folder that is passed over is named in a warning. In a container image, compile as
    the last step, and let only root write to the result. Where a later step opens the image to a group, for instance
    by ``chmod -R g=u``, take that back for this folder (``chmod -R go-w``). Where that is impossible, name the folder
    in SHALLOWNET_TRUSTED_CACHE instead of NUMBA_CACHE_DIR, both here and at run time: it is then used no matter who can
    write to it, so do this only if everyone who can is to be trusted with what the program may do.

    Code is compiled in a thread that signals do not reach: signal handlers, finalizers and other threads may fit
    meanwhile, and wait. Ctrl-C returns the prompt at once; the thread finishes and keeps the code, and the process can
    end after that. If several processes begin at once, one compiles and the others wait, for a minute at most.

    Examples
    --------
    In a Dockerfile::

        ENV NUMBA_CACHE_DIR=/opt/compiled
        RUN python -c "import shallownet; shallownet.warmup()"
    """
    real = [np.dtype(dtype) for dtype in dtypes]
    for dtype in real:
        if dtype not in (np.float32, np.float64):
            raise ValueError(f"dtypes must be among 'float32' and 'float64', got {dtype.name!r}.")
    for dtype in real:
        for kind in ["dense", "sparse"] if sparse else ["dense"]:
            _report(verbose, f"{dtype.name}, {kind} X", _use_all, dtype, kind == "sparse")
    if parallel and startable():
        _report(verbose, "with threads", _compile_parallel)
    if verbose:
        _, folder = places()
        print(f"kept in {folder.path}" if folder else "not kept: no folder can be written")  # noqa: T201


warmup.__module__ = "shallownet"


def _use_all(dtype, sparse):
    """Call every method that calls kernels, on data that is as small as can be."""
    X, y = np.eye(2, dtype=dtype), [0, 1]
    X = csr_array(X) if sparse else X
    model = ShallowNetClassifier(1, random_state=0, n_jobs=1)
    for _ in range(2):  # the second goes on with the solver's state
        model.partial_fit(X, y, classes=y)
    model.predict_proba(X)
    model.hidden_activations(X)


def _compile_parallel():
    for serial, parallel in PARALLEL:
        for signature in serial.signatures:
            parallel.compile(signature)


def _report(verbose, what, do, *arguments):
    """Do something and print, if asked, what it compiled and loaded."""
    before, start = _counts(), perf_counter()
    do(*arguments)
    if verbose:
        compiled, loaded = _counts() - before
        print(  # noqa: T201
            f"{what}: {compiled} functions compiled and {loaded} loaded from the cache"
            f" in {perf_counter() - start:.1f} s",
            flush=True,
        )


def _counts():
    """Return how many signatures of all entries this process has compiled, and how many it has loaded."""
    statistics = [kernel.stats for kernel in KERNELS]
    return np.array(
        [sum(sum(getattr(s, name).values()) for s in statistics) for name in ("cache_misses", "cache_hits")]
    )
