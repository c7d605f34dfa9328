"""Fits at random whose threads are used in every call, more threads than CPUs: do they leave the bits of one thread?

    python stress.py FIRST COUNT

makes so many fits, from seed FIRST on, and reports as JSON. A fit that takes too long ends the process, after it has
told where its threads are.
"""

import faulthandler
import hashlib
import json
import os
import sys
import warnings

import numpy as np
from scipy import sparse

import shallownet
from shallownet import ShallowNetClassifier
from shallownet.kernels.activations import ACTIVATIONS

SECONDS = 300  # that a fit may take, with the compilation of its kernels on a busy machine


def problem(random):
    """Return data, parameters and weights of the kinds in which threads have most to tell each other."""
    n, features = int(random.integers(130, 1500)), int(random.integers(1, 9))
    X, y = random.normal(size=(n, features)), random.integers(0, random.integers(2, 4), n)
    X = X.astype(random.choice(["f4", "f8"]))
    layout = random.random()
    if layout < 0.2:
        X = sparse.csr_array(X * (X > -0.5))
    elif layout < 0.4:
        X = np.asfortranarray(X)
    elif layout < 0.5:
        X = X[::-1]
    parameters = {
        "hidden_layer_sizes": int(random.integers(1, 20)),
        "activation": str(random.choice(list(ACTIVATIONS))),
        "batch_size": int(random.choice([20, 128, 256, n])),
        "solver": str(random.choice(["adam", "sgd", "adam", "lbfgs"])),
        "max_iter": int(random.integers(3, 60)),
        "shuffle": bool(random.random() < 0.9),
        "tol": 0.0,
        "n_iter_no_change": 10**6,
        "random_state": int(random.integers(2**31)),
    }
    if parameters["solver"] != "lbfgs":
        parameters["dropout"] = float(random.choice([0.0, 0.3]))
    kind, weights = random.integers(4), random.uniform(0.1, 5.0, n)
    if kind == 0:
        weights = None
    elif kind == 1:  # most batches weigh nothing
        weights *= random.random(n) < 1.5 / parameters["batch_size"]
        weights[0] = 1.0
    elif kind == 2:
        parameters["class_weight"] = "balanced"
    elif random.random() < 0.3:
        y = random.integers(0, 2, (n, 3))  # labels
    return X, y, weights, parameters


def digest(X, y, weights, parameters, threads):
    """Return a digest of what a fit with so many threads leaves."""
    os.environ["SHALLOWNET_PARALLEL"] = "never" if threads == 1 else "always"
    model = ShallowNetClassifier(**parameters, n_jobs=threads).fit(X, y, weights)
    arrays = [*model.coefs_, *model.intercepts_, np.array(getattr(model, "loss_curve_", model.loss_))]
    arrays += [np.array([model.t_, model.n_iter_, model._steps]), model.predict_proba(X)]
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()


def main(first, count):
    warnings.simplefilter("ignore")
    shallownet.warmup(sparse=True)  # compiled before a fit has its seconds
    failed = []
    for seed in range(int(first), int(first) + int(count)):
        random = np.random.default_rng(seed)
        case, threads = problem(random), int(random.integers(2, 9))
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        if digest(*case, 1) != digest(*case, threads):
            failed.append([seed, threads, str(case[-1])])
    faulthandler.cancel_dump_traceback_later()
    print(json.dumps({"file": shallownet.__file__, "failed": failed, "fits": int(count)}))  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
