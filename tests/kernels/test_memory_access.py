"""Every access of the kernels to memory, checked on their Python source; and what Numba itself can check."""

import json
import subprocess
import sys

import numpy as np
import pytest
from children import SUPPORT, source_environment
from emulation import CASES, learned

EMULATION = SUPPORT / "emulation.py"

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def emulated(tmp_path_factory):
    path = tmp_path_factory.mktemp("emulation") / "found.npz"
    done = subprocess.run(
        [sys.executable, EMULATION, path], capture_output=True, text=True, env=source_environment(NUMBA_DISABLE_JIT="1")
    )
    assert done.returncode == 0, done.stderr
    return np.load(path)


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("number", range(len(CASES)))
def test_no_access_out_of_bounds_and_the_same_result(number, wide, emulated):
    """Lanes, threads and blocks of either width learn what the compiled kernels learn, but for fused roundings."""
    tolerance = 2e-4 if CASES[number][4] == "f4" else 1e-9
    np.testing.assert_allclose(emulated[f"{number} {wide}"], learned(*CASES[number]), tolerance, tolerance)


# A buffer of the workspace without its last number.
SHORTER = """
import sys
import numpy as np
import emulation
from shallownet.training import network as _network, buffers as _workspace

name = sys.argv[1]

def short(lay_out):
    def shortened(*arguments):
        workspace = lay_out(*arguments)
        workspace.buffers[name] = workspace.buffers[name][:-1]
        return workspace
    return shortened

_network.dense_workspace = short(_network.dense_workspace)
emulation.CASES[:] = [(50, 17, 3, 17, "f4", "plain", 1, {"batch_size": 48, "max_iter": 1})]
try:
    emulation.main(sys.argv[2])
except emulation.OutOfBounds:
    sys.exit(7)
"""


@pytest.mark.parametrize("name", ["gradient", "tail", "x", "a1", "d1", "z2", "losses", "tile_weight"])
def test_the_emulation_sees_a_buffer_that_is_too_short(name, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", SHORTER, name, tmp_path / "found.npz"],
        capture_output=True,
        text=True,
        env=source_environment(NUMBA_DISABLE_JIT="1"),
    )
    assert done.returncode == 7, done.stderr


WITH_BOUNDSCHECK = """
import json, sys, warnings
import numpy as np
from numba.core import config
from children import SUPPORT, source_environment
from emulation import CASES, learned
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
