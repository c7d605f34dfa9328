"""Learning from a stream: a hundred calls of ``partial_fit`` with so many rows each; prints the seconds of one."""

import sys
from time import perf_counter

import numpy as np
from sklearn.datasets import load_digits

from programs.contenders import classifier

CALLS = 100


def main(name, rows):
    X, y = load_digits(return_X_y=True)
    X, classes = X / 16, np.unique(y)
    model = classifier(name, random_state=0).partial_fit(X[:200], y[:200], classes=classes)
    rows = np.random.default_rng(0).integers(len(X), size=(CALLS, int(rows)))
    start = perf_counter()
    for some in rows:
        model.partial_fit(X[some], y[some])
    print((perf_counter() - start) / CALLS, model.score(X, y))


if __name__ == "__main__":
    main(*sys.argv[1:])
