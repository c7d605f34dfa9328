"""Save models of both networks with the same weights, and the rows of requests, as pickles in a folder.

There is one of each for arrays and one for DataFrames.
"""

import pickle
import sys
import warnings

import pandas as pd
from sklearn.datasets import load_digits

from programs.contenders import classifier
from programs.serve import path_of

NETWORKS = ("shallownet", "MLPClassifier")


def main(folder):
    warnings.simplefilter("ignore")
    X, y = load_digits(return_X_y=True)
    X = X / 16
    for kind, rows in {"array": X, "DataFrame": pd.DataFrame(X).add_prefix("pixel ")}.items():
        ours, theirs = models = [classifier(name, max_iter=20, random_state=0).fit(rows, y) for name in NETWORKS]
        theirs.coefs_, theirs.intercepts_ = ours.coefs_, ours.intercepts_
        for name, saved in zip((*NETWORKS, "requests"), (*models, (rows, y)), strict=True):
            path_of(folder, name, kind).write_bytes(pickle.dumps(saved))


if __name__ == "__main__":
    main(*sys.argv[1:])
