"""Measurements in a process of their own."""

import os
import subprocess
import sys


def printed_numbers(script, *arguments, **environment):
    """Run a script of this folder with these arguments and variables; return the numbers that it prints."""
    command = [sys.executable, script, *map(str, arguments)]
    child = subprocess.run(command, env=os.environ | environment, stdout=subprocess.PIPE, text=True, check=True)
    return [float(number) for number in child.stdout.split()]
