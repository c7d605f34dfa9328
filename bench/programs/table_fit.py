"""One fit of a classifier to a table with numbers and categories, as that of the other programs with such a table.

It prints the seconds of the fit, the share of wrong predictions for 10,000 more rows, and the megabytes by which the
peak of the process's memory exceeds what it had before the fit (-1 where the system does not say).
"""

import sys
import warnings
from time import perf_counter

import numpy as np

from measuring.memory import RESET, give_back, megabytes
from peers.tables import TABULAR
from programs.census import table

MORE = 10_000


def main(name, rows):
    warnings.simplefilter("ignore")
    rows = int(rows)
    X, y = table(rows + MORE)
    model = TABULAR[name](0)
    TABULAR[name](0).fit(X[:200], y[:200])  # imports and loads all that a fit needs
    give_back()
    if RESET.exists():
        RESET.write_text("5")  # the peak is what is in use now
        before = megabytes("VmRSS")
    start = perf_counter()
    model.fit(X[:rows], y[:rows])
    seconds = perf_counter() - start
    peak = megabytes("VmHWM") - before if RESET.exists() else -1
    print(seconds, np.mean(model.predict(X[rows:]) != y[rows:]), peak)


if __name__ == "__main__":
    main(*sys.argv[1:])
