"""Measurements in a separate process."""

import os
import subprocess
import sys
from pathlib import Path

from measuring.settings import without_settings

BENCH = Path(__file__).parents[1]


def printed_numbers(module, *arguments, **environment):
    """Run a module below bench/ with these arguments and variables; return the numbers that it prints."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    found = os.pathsep.join(filter(None, [str(BENCH), os.environ.get("PYTHONPATH")]))
    environment = without_settings(os.environ) | {"PYTHONPATH": found} | environment
    child = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return [float(number) for number in child.stdout.split()]
