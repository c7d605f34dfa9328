"""Start: the import, and the first fit of a process, with an empty and with a filled cache of compiled code.

Each sample is a separate process. The second text of a pair runs before the clock starts.
"""

import subprocess
import sys
from pathlib import Path

IMPORTS = "import sklearn.neural_network, numba"

PREPARE = """
import atexit, os, shutil, tempfile, warnings
cache = {cache!r}
if cache is None:
    cache = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, cache, ignore_errors=True)
os.environ["NUMBA_CACHE_DIR"] = cache
import numba, sklearn.neural_network
from sklearn.datasets import load_digits
X, y = load_digits(return_X_y=True)
warnings.simplefilter("ignore")
"""

# twenty epochs, so that both copies of the kernel are needed, the serial and the parallel one
FIRST_FIT = """
from shallownet import ShallowNetClassifier
ShallowNetClassifier(max_iter=20, random_state=0).fit(X, y)
"""


class Import:
    def timeraw_import(self):
        return "import shallownet", IMPORTS


class EmptyCache:
    timeout = 300

    def timeraw_first_fit(self):
        return FIRST_FIT, PREPARE.format(cache=None)


class FilledCache:
    def setup_cache(self):
        """Fill a folder with compiled code; asv removes it with the working directory of this call."""
        cache = str(Path("compiled").absolute())
        code = PREPARE.format(cache=cache) + FIRST_FIT
        subprocess.run([sys.executable, "-c", code], check=True)
        return cache

    def timeraw_first_fit(self, cache):
        return FIRST_FIT, PREPARE.format(cache=cache)
