"""Nothing but imports; prints their seconds."""

import sys
from importlib import import_module
from time import perf_counter

BOTH = "scikit-learn and Numba"  # what shallownet needs besides
MODULES = {"shallownet": ["shallownet"], "MLPClassifier": ["sklearn.neural_network"]}
MODULES[BOTH] = ["sklearn.neural_network", "numba"]


def main(name):
    start = perf_counter()
    for module in MODULES[name]:
        import_module(module)
    print(perf_counter() - start)


if __name__ == "__main__":
    main(*sys.argv[1:])
