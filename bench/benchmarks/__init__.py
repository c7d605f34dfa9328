"""Benchmarks for airspeed velocity: how the library's speed, memory and accuracy change from commit to commit."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))  # the folder of ``measuring`` and ``parts``, which the benchmarks use

from measuring.settings import remove_settings  # noqa: E402

remove_settings()  # asv has loaded NumPy: those that its BLAS has read stop the run
