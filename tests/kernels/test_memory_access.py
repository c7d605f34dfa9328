"""Every access of the kernels to memory, checked where they run; and what Numba itself can check."""

import json
import subprocess
import sys

import numpy as np
import pytest
from children import SECONDS, SUPPORT, kill_family, source_environment, start
from processors import AVX2, HERE, numba_for

if sys.platform == "win32":
    pytest.skip("guards pages with POSIX", allow_module_level=True)

from guarded import CASES, NUMBERS, OWN_ARRAYS, learned

GUARDED = SUPPORT / "guarded.py"
VARIANTS = [f"{at_end} {wide}" for at_end in (True, False) for wide in (True, False)]

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """How a process ended with guarded buffers, what it wrote and what it learned: by the processor it compiled for."""
    folder = tmp_path_factory.mktemp("guarded")
    paths = {"this one": folder / "here.npz"}
    processes = {"this one": start(GUARDED, "cases", paths["this one"])}
    if all(HERE.get(feature) for feature in AVX2):
        paths["haswell"] = folder / "haswell.npz"
        processes["haswell"] = start(GUARDED, "serial-cases", paths["haswell"], **numba_for("haswell", AVX2))
    try:
        written = {name: "".join(process.communicate(timeout=SECONDS)) for name, process in processes.items()}
        ended = {name: process.returncode for name, process in processes.items()}
        return {name: (code, written[name], None if code else np.load(paths[name])) for name, code in ended.items()}
    finally:
        for process in processes.values():
            if process.poll() is None:
                kill_family(process)


@pytest.mark.parametrize("number", range(len(CASES)))
@pytest.mark.parametrize("processor", ["this one", "haswell"])
def test_no_access_out_of_bounds_and_the_same_bits(processor, number, outcomes):
    """A process that touches a guard ends; what it wrote ends with the case and where in Python it was."""
    if processor not in outcomes:
        pytest.skip(f"this processor does not run what is compiled for {processor}")
    code, written, found = outcomes[processor]
    assert code == 0, written
    expected = learned(*CASES[number])
    for variant in VARIANTS:
        np.testing.assert_array_equal(found[f"{number} {variant}"], expected, variant)


@pytest.fixture(scope="module")
def endings():
    process = start(GUARDED, "faults")
    try:
        out, err = process.communicate(timeout=SECONDS)
    finally:
        if process.poll() is None:
            kill_family(process)
    assert process.returncode == 0, err
    return json.loads(out)


def test_without_a_fault_all_processes_end_well(endings):
    assert set(endings["none"]) == {0}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_buffer_that_is_too_short_is_found(name, endings):
    """By one number, which some case uses."""
    assert min(endings[name]) < 0


@pytest.mark.skipif(sys.platform != "linux", reason="other systems zero memory otherwise than by memset")
@pytest.mark.parametrize("number", range(OWN_ARRAYS))
def test_an_array_of_a_kernel_that_is_too_short_is_found(number, endings):
    """By one register."""
    assert min(endings[f"own array {number}"]) < 0


@pytest.mark.parametrize("side", ["behind", "before"])
def test_each_piece_is_guarded_on_either_side(side, endings):
    assert max(endings[f"a byte {side} a piece"]) < 0


WITH_BOUNDSCHECK = """
import json, sys, warnings
import numpy as np
from numba.core import config
from guarded import CASES, learned
warnings.simplefilter("ignore")
assert config.BOUNDSCHECK
json.dump([learned(*case).tolist() for case in CASES], sys.stdout)
"""


@pytest.mark.long
def test_arrays_under_numbas_own_check(tmp_path):
    """NUMBA_BOUNDSCHECK checks what is indexed as an array (packing, outputs); pointers it does not know."""
    done = subprocess.run(
        [sys.executable, "-c", WITH_BOUNDSCHECK],
        capture_output=True,
        text=True,
        env=source_environment(NUMBA_BOUNDSCHECK="1", NUMBA_CACHE_DIR=str(tmp_path)),
    )
    assert done.returncode == 0, done.stderr
    for case, found in zip(CASES, json.loads(done.stdout), strict=True):
        np.testing.assert_array_equal(np.array(found, np.float64), learned(*case).astype(np.float64))
