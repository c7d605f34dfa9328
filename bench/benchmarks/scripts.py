"""Whole scripts in processes of their own, from start to end, and the work in them."""

from pathlib import Path
from statistics import median

from parts.scripts import SCRIPTS, prepare, run
from reporting.figures import OURS


class Scripts:
    params = [list(SCRIPTS)]
    param_names = ["script"]
    timeout = 600
    number, repeat, warmup_time = 1, (1, 5, 30), 0

    def setup_cache(self):
        """Compile into a folder, and save the models there; asv removes it with the working directory of this call."""
        folder = Path("scripts").absolute()
        folder.mkdir()
        prepare(folder)
        return str(folder)

    def time_process(self, folder, script):
        run(SCRIPTS[script], OURS, folder)

    def track_work(self, folder, script):
        return median(run(SCRIPTS[script], OURS, folder)[1] for _ in range(3))

    track_work.unit = "seconds"
