"""The memory that a call needs beside its input and output, measured in a separate process (Linux only).

Run as ``python -m measuring.memory`` it is that process: it makes the data, lets the kernels be loaded by a small call,
resets the peak of its memory, makes the call, and prints the megabytes by which the peak exceeds input and output.
"""

import ctypes
import gc
import sys
from pathlib import Path

from measuring.child import printed_numbers

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
MEGABYTE = 2**20


def beside(call, rows, features, threads):
    """Return the megabytes beside X of a call, "fit" or "predict", or None where the system does not say."""
    if not RESET.exists():
        return None
    (found,) = printed_numbers(__name__, call, rows, features, threads)
    return found


def main(call, rows, features, threads):
    import warnings

    import numpy as np

    from shallownet import ShallowNetClassifier

    warnings.simplefilter("ignore")
    rng = np.random.default_rng(0)
    X = rng.standard_normal((int(rows), int(features)), dtype=np.float32)
    y = rng.integers(10, size=len(X))
    model = ShallowNetClassifier(100, max_iter=3, batch_size="full", random_state=0, n_jobs=int(threads))
    model.fit(X[:1000], y[:1000])
    model.predict_proba(X[:1000])
    give_back()
    RESET.write_text("5")  # the peak is what is in use now
    before = megabytes("VmRSS")
    output = 0 if call == "fit" else model.predict_proba(X).nbytes / MEGABYTE
    if call == "fit":
        model.fit(X, y)
    print(max(0.0, megabytes("VmHWM") - before - output))


def give_back():
    """Return what was freed to the system, or else the call would use it uncounted."""
    library = ctypes.CDLL(None)
    if hasattr(library, "malloc_trim"):
        gc.collect()
        library.malloc_trim(0)


def megabytes(name):
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(name + ":"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
