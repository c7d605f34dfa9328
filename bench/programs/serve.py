"""A service: load a pickle, and answer so many requests of so many rows each, all checks included.

Prints the seconds of one request, on average over the second half of them, as the process has been at work by then. Of
a single request it prints the seconds with the loading of the model, and so its imports, before it.
"""

import pickle
import sys
from pathlib import Path
from time import perf_counter


def path_of(folder, name, kind):
    return Path(folder) / f"{name}, {kind}.pickle"


def main(name, kind, rows, requests, folder):
    rows, requests = int(rows), int(requests)
    X, y = (data[:rows] for data in pickle.loads(path_of(folder, "requests", kind).read_bytes()))
    start = perf_counter()
    model = pickle.loads(path_of(folder, name, kind).read_bytes())
    for i in range(requests):
        if i == requests // 2 > 0:
            start = perf_counter()
        probabilities = model.predict_proba(X)
    seconds = (perf_counter() - start) / (requests - requests // 2)
    print(seconds, (model.classes_[probabilities.argmax(axis=1)] == y).mean())


if __name__ == "__main__":
    main(*sys.argv[1:])
