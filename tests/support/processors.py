"""Fits that must have the same bits on every processor; run as a program, it does them and prints their digests.

    python processors.py float64

All that makes a difference to the kernels is met: each activation with each kind of y, dense and sparse X, the
solvers and their options in turn, and layers of one number to several panels.
"""

import hashlib
import json
import sys
import warnings
from itertools import product

import llvmlite.binding
import numpy as np
from scipy import sparse

import shallownet
from shallownet import ShallowNetClassifier
from shallownet.kernels.activations import ACTIVATIONS
from shallownet.simd.vectors import WIDE

HERE = llvmlite.binding.get_host_cpu_features()
AVX2 = "sse3 ssse3 sse4.1 sse4.2 popcnt avx avx2 fma f16c bmi bmi2 lzcnt movbe".split()

SOLVERS = [
    {"solver": "adam"},
    {"solver": "sgd", "learning_rate": "cosine", "learning_rate_init": 0.1},
    {"solver": "adam", "beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3, "alpha": 0.1},
    {"solver": "sgd", "nesterovs_momentum": False, "learning_rate": "invscaling", "learning_rate_init": 0.5},
    {"solver": "sgd", "momentum": 0.0, "learning_rate": "adaptive", "tol": 0.5, "n_iter_no_change": 1},
]
OPTIONS = [
    {},
    {"batch_size": 64, "dropout": 0.4},
    {"batch_size": 7, "init": "he_normal", "label_smoothing": 0.1},
    {"batch_size": 400, "init": "small_normal", "shuffle": False},
    {"early_stopping": True, "n_iter_no_change": 2, "batch_size": 150},
    {"batch_size": "full", "alpha": 1.0},
]
# rows, features, hidden units
SHAPES = [(300, 5, 8), (450, 30, 50), (90, 1, 1), (300, 70, 100), (260, 13, 3), (130, 150, 37), (220, 300, 20)]
KINDS = ["binary", "multiclass", "multilabel"]


def numba_for(name, features):
    """Return the environment of a process that compiles for a processor."""
    return {"NUMBA_CPU_NAME": name, "NUMBA_CPU_FEATURES": ",".join(f"+{feature}" for feature in features)}


def data(case, kind, shape, dtype):
    """Return X, y and the weights of the examples."""
    n, features, _ = shape
    draw = np.random.RandomState(case)
    X = draw.uniform(-2, 2, (n, features)).astype(dtype)
    scores = X[:, :1] * np.linspace(-1, 1, 4) + draw.uniform(-1, 1, (n, 4))
    y = {"binary": scores[:, 0] > 0, "multiclass": scores.argmax(axis=1), "multilabel": (scores > 0.3).astype(int)}
    return X, y[kind], draw.uniform(0, 2, n) if case % 3 == 0 else None


def cases():
    """Yield a number, the kind of y, whether X is sparse, the shape and the parameters of each fit."""
    for case, (activation, kind, is_sparse) in enumerate(product(ACTIVATIONS, KINDS, (False, True))):
        for again in range(2):
            number = 2 * case + again
            shape = SHAPES[number % len(SHAPES)]
            parameters = {
                "hidden_layer_sizes": shape[2],
                "activation": activation,
                "max_iter": 4,
                "random_state": number,
                **SOLVERS[number % len(SOLVERS)],
                **OPTIONS[number // 3 % len(OPTIONS)],
            }
            if kind != "multilabel" and number % 4 == 0:
                parameters["class_weight"] = "balanced"
            yield number, kind, is_sparse, shape, parameters


def digest(arrays):
    return hashlib.sha256(b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)).hexdigest()[:16]


def results(dtype):
    """Return for each fit the digests of the weights, the losses and the predictions."""
    found = {}
    for number, kind, is_sparse, shape, parameters in cases():
        X, y, sample_weight = data(number, kind, shape, dtype)
        X = sparse.csr_array(np.where(X > 0.5, X, 0)) if is_sparse else X
        model = ShallowNetClassifier(**parameters).fit(X, y, sample_weight=sample_weight)
        name = f"{number} {kind} {'sparse' if is_sparse else 'dense'} {parameters}"
        found[name] = {
            "weights": digest([*model.coefs_, *model.intercepts_]),
            "losses": digest([np.array(model.loss_curve_)]),
            "predictions": digest([model.predict_proba(X), model.predict(X), model.hidden_activations(X)]),
        }
    return found


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    report = {dtype: results(dtype) for dtype in sys.argv[1:]}
    print(json.dumps({"file": shallownet.__file__, "wide": WIDE, **report}))  # noqa: T201
