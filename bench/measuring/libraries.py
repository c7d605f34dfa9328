"""What each contender computes with: the library, its kernels and their vectors, and the number of threads."""

import platform
import sys
from pathlib import Path

import llvmlite.binding
from threadpoolctl import threadpool_info

from reporting.figures import OURS
from shallownet.simd.vectors import REGISTER_BYTES

# The names that OpenBLAS and BLIS have for their kernels for x86, by the bits of the vectors that these compute with.
# Processors before Haswell and Zen have no fused multiply-adds besides.
KERNELS = {
    128: "atom barcelona bobcat core2 dunnington katmai nano nehalem northwood opteron opteron_sse3 penryn prescott",
    256: "bulldozer excavator haswell piledriver sandybridge steamroller zen zen2 zen3",
    512: "cooperlake knl sapphirerapids skx skylakex zen4 zen5",
}
BITS = {name: bits for bits, names in KERNELS.items() for name in names.split()} | {"avx2": 256, "avx512": 512}
AVX512 = ("avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl")  # what OpenBLAS asks for
LIBRARIES = {"openblas": "OpenBLAS", "mkl": "MKL", "blis": "BLIS", "flexiblas": "FlexiBLAS"}


def cpu_bits():
    """Return the bits of this processor's vectors, None where it is not of x86."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return None
    features = llvmlite.binding.get_host_cpu_features()
    if all(features.get(name) for name in AVX512):
        return 512
    return 256 if features.get("avx2") and features.get("fma") else 128


def kernel_bits(kernel):
    """Return the bits of the vectors of a kernel of this name, None if it is not known."""
    return BITS.get(kernel.lower()) if kernel else None


def libraries(threads):
    """Return the library, kernel, bits and threads of each contender that has been loaded, by name.

    MLPClassifier computes with the BLAS of NumPy. The threads are those that a library may use now.
    """
    ours = _described("Numba", llvmlite.binding.get_host_cpu_name(), threads, 8 * REGISTER_BYTES)
    found = {OURS: ours} | {owner(info["filepath"]): _blas(info) for info in threadpool_info() if _is_blas(info)}
    if "torch" in sys.modules:
        found["torch"] = _torch(sys.modules["torch"])
    if "jax" in sys.modules:
        found["JAX"] = _described("XLA", None, threads)
    return found


def owner(path):
    """Return which contender uses a BLAS at this place; SciPy's and others' are named by their folder or file."""
    folders = [part.partition(".")[0] for part in Path(path).parts[:-1]]
    for folder, name in {"numpy": "MLPClassifier", "scipy": "SciPy", "torch": "torch"}.items():
        if folder in folders:
            return name
    return "MLPClassifier"  # a BLAS of the system, which NumPy is linked to


def _is_blas(info):
    return info["user_api"] == "blas"


def _blas(info):
    library = LIBRARIES.get(info["internal_api"], info["internal_api"])
    version = f" {info['version']}" if info.get("version") else ""
    return _described(library + version, info.get("architecture"), info["num_threads"])


def _torch(torch):
    return _described(
        "MKL" if torch.backends.mkl.is_available() else "its own BLAS",
        torch.backends.cpu.get_cpu_capability(),
        torch.get_num_threads(),
    )


def _described(library, kernel, threads, bits=None):
    return {"library": library, "kernel": kernel, "bits": bits or kernel_bits(kernel), "threads": threads}
