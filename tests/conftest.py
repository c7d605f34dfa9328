"""Settings of the test run: they must be made before Numba is imported."""

import os
import signal

# Four threads on any machine, so that the tests of equal bits see more than one; two unless a test asks for more.
os.environ.setdefault("NUMBA_NUM_THREADS", "4")

import numba  # noqa: E402
from hypothesis import settings  # noqa: E402

numba.set_num_threads(min(2, numba.config.NUMBA_NUM_THREADS))

# A shell that starts the tests in the background lets them ignore an interrupt; some tests send themselves one.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples in every run, so that a failure is always one's own; HYPOTHESIS_PROFILE=random looks for others.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("random", deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))
