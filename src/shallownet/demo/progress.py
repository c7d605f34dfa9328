"""A progress bar for the epochs of a fit, in a terminal.

Both networks, if verbose, print the same line for each epoch. During the fit the bar replaces standard output, reads
those lines and draws itself on standard error.
"""

import io
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from time import perf_counter
from typing import TextIO

EPOCH = re.compile(r"Iteration (\d+), loss = (\S+)")
REDRAW_SECONDS = 0.1
CELLS = 20


class EpochBar(io.TextIOBase):
    """A text stream that shows the epochs that are written to it as a progress bar."""

    def __init__(self, label: str, max_iter: int, terminal: TextIO):
        self._label, self._max_iter, self._terminal = label, max_iter, terminal
        self._start = perf_counter()
        self._drawn = -REDRAW_SECONDS
        self._show(f"{label} ...")  # during compilation and the first epoch

    def write(self, text: str) -> int:
        """Draw the epoch that a line reports; ignore any other text."""
        epoch = EPOCH.match(text)
        if epoch and perf_counter() - self._drawn >= REDRAW_SECONDS:
            self._draw(int(epoch[1]), epoch[2])
        return len(text)

    def clear(self) -> None:
        """Remove the bar from the terminal."""
        self._terminal.write("\r\x1b[K")
        self._terminal.flush()

    def _draw(self, epoch: int, loss: str) -> None:
        self._drawn = perf_counter()
        full = CELLS * min(epoch, self._max_iter) // self._max_iter
        bar = "#" * full + "." * (CELLS - full)
        seconds = self._drawn - self._start
        self._show(f"{self._label} [{bar}] {epoch}/{self._max_iter}, loss {loss}, {seconds:.1f} s")

    def _show(self, line: str) -> None:
        width = shutil.get_terminal_size().columns - 1  # a full line would wrap, and its first part would stay
        self._terminal.write("\r\x1b[K" + line[:width])
        self._terminal.flush()


@contextmanager
def epoch_bar(label: str, max_iter: int) -> Iterator[bool]:
    """Show a bar during the block if standard error is a terminal; yield whether the fit must be verbose for it."""
    if not sys.stderr.isatty():
        yield False
        return
    bar = EpochBar(label, max_iter, sys.stderr)
    try:
        with redirect_stdout(bar):
            yield True
    finally:
        bar.clear()
