"""Calls of the estimator with generated data, good and bad: what may come out of each, and what may not.

``python tests/support/fuzzing.py BEGIN END JOURNAL`` makes the cases of these seeds and prints how many calls they
made. A case is a model and some calls of its methods. The journal holds the seed at work, for when the process dies.
"""

import json
import pickle
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas
import polars
from scipy import sparse

from shallownet import ShallowNetClassifier, ShallowNetRegressor
from shallownet.kernels.activations import ACTIVATIONS

ALLOWED = ValueError, TypeError  # NotFittedError is a ValueError


def pick(random, choices):
    """Return one of the choices, which may be arrays."""
    return choices[random.integers(len(choices))]


# --- X --------------------------------------------------------------------------------------------------


def values(random, n, d):
    X = random.normal(size=(n, d))
    kind = random.integers(24)
    if kind == 0:
        X *= 1e300
    elif kind == 1:
        X *= 1e-310
    elif kind == 2:
        X[:] = 0
    elif kind == 3:
        X = np.round(X * 3)
    elif kind == 4 and X.size:
        X.flat[random.integers(X.size)] = pick(random, [np.nan, np.inf, -np.inf, 1e308, 5e-324])
    return X


def strided(X):
    return np.repeat(np.repeat(X, 2, axis=0), 3, axis=1)[::2, ::-3]


def unaligned(X):
    raw = np.zeros(X.nbytes + 1, np.uint8)
    view = raw[1:].view(X.dtype).reshape(X.shape) if X.size else X
    view[...] = X
    return view


def read_only(X):
    X = X.copy()
    X.flags.writeable = False
    return X


def memory_mapped(X):
    if not X.size:
        return X
    mapped = np.memmap(tempfile.TemporaryFile(), X.dtype, shape=X.shape)
    mapped[...] = X
    return mapped


def with_missing(X, missing):
    X = X.astype(object)
    if X.size:
        X.flat[0] = missing
    return X


def frame(X, dtype=None):
    X = pandas.DataFrame(np.nan_to_num(X, posinf=9, neginf=-9), columns=[f"f{i}" for i in range(X.shape[1])])
    return X if dtype is None else X.round().clip(-99, 99).astype(dtype)


def of_dtype(dtype):
    return lambda X: np.nan_to_num(X, posinf=9, neginf=-9).clip(-99, 99).astype(dtype)


DENSE = [
    *[lambda X: X, lambda X: X.astype(np.float32)] * 12,
    *[of_dtype(code) for code in ("f2", "g", "F", "D", "O", "?", "i1", "u8", "i8", ">f8", ">f4", ">i2", "U8", "S8")],
    lambda X: of_dtype(np.int64)(X).astype("M8[s]"),
    lambda X: of_dtype(np.int64)(X).view("m8[s]"),
    lambda X: np.ma.masked_greater(X, 0.5),
    lambda X: np.broadcast_to(X[:1], X.shape),
    lambda X: np.broadcast_to(X[:, :1].astype(np.float32), X.shape),
    lambda X: with_missing(X, None),
    lambda X: with_missing(X, "seven"),
    lambda X: with_missing(X, {}),
    lambda X: with_missing(X, [1, 2]),
    lambda X: with_missing(X, 10**400),
    lambda X: X.tolist(),
    lambda X: tuple(map(tuple, X)),
    lambda X: [*X.tolist(), [1.0]],
    lambda X: X[:, 0] if X.shape[1] else X,
    lambda X: X[None],
    lambda X: X.T,
    lambda X: np.float64(3),
    lambda X: None,
    lambda X: "data",
    lambda X: {"X": X},
    lambda X: iter(X),
    lambda X: X.astype([("a", "f8")]),
    np.asfortranarray,
    np.matrix,
    strided,
    unaligned,
    read_only,
    memory_mapped,
    frame,
    lambda X: frame(X, "Int64"),
    lambda X: frame(X, "Float32").mask(lambda F: F > 1),
    lambda X: frame(X > 0, "boolean"),
    lambda X: frame(X, "category"),
    lambda X: frame(X, "string"),
    lambda X: frame(X, pandas.SparseDtype("float", 0.0)),
    lambda X: frame(X).rename(columns=lambda name: int(name[1:])),
    lambda X: polars.DataFrame(np.ascontiguousarray(X)),
]

FORMATS = ["csr", "csr", "csr", "csc", "csc", "coo", "bsr", "lil", "dok", "dia"]


def numbers_of(X):
    """Return the arrays of indices that a sparse matrix consists of, by name."""
    names = {"coo": ["row", "col"], "dia": ["offsets"], "lil": [], "dok": []}.get(X.format, ["indptr", "indices"])
    return {name: getattr(X, name) for name in names}


def damage(random, X):
    """Change the arrays of a sparse matrix so that some describe no matrix of its shape."""
    if X.format == "lil":
        rows = [row for row in X.rows if row]
        if rows:
            pick(random, [lambda: rows[0].append(3), lambda: rows[0].__setitem__(0, pick(random, [-9, 99]))])()
        return
    if X.format == "dok":
        dict.__setitem__(X._dict if hasattr(X, "_dict") else X, pick(random, [(0, 99), (-99, 0), (99, 99)]), 1.0)
        return
    arrays = numbers_of(X)
    name = pick(random, list(arrays))
    array = arrays[name].copy()
    wrong = pick(random, [-1, -(10**6), 99, 10**6, 2**31 - 1, -(2**31)])
    how = random.integers(6)
    if how == 0 and array.size:
        array[random.integers(array.size)] = wrong
    elif how == 1 and array.size:
        array[-1] = 0
    elif how == 2:
        array = array[:-1]
    elif how == 3:
        array = np.append(array, array[-1:])
    elif how == 4:
        array = random.permutation(array)
    else:
        array = array.astype(pick(random, [np.int64, np.float64, np.uint8, np.int8]))
    setattr(X, name, array)
    if random.random() < 0.2:
        X.data = X.data[: len(X.data) // 2]


def sparse_of(random, X):
    """Return a sparse matrix of X, sometimes of unusual arrays, sometimes damaged."""
    X = np.where(random.random(X.shape) < 0.6, 0.0, X).astype(pick(random, ["f8", "f4", "f8", "f4", "i8", "?", "D"]))
    form = pick(random, FORMATS)
    X = (sparse.csr_array if random.random() < 0.5 else sparse.csr_matrix)(X).asformat(form)
    if form in ("csr", "csc"):
        how = random.integers(6)
        if how == 0:
            X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
        elif how == 1 and X.nnz:
            X.indices = X.indices[::-1].copy()
        elif how == 2 and X.nnz:
            X.indices[:] = X.indices[0]  # duplicates
        elif how == 3 and X.nnz:
            X.data[: len(X.data) // 2] = 0  # explicit zeros
        elif how == 4:
            X.data = np.repeat(X.data, 2)[::2]
        elif how == 5:
            X.indices, X.data = np.append(X.indices, X.indices), np.append(X.data, X.data)
    if random.random() < 0.3:
        damage(random, X)
    return X


def data(random, n, d):
    if random.random() < 0.4:
        return random.normal(size=(n, d)).astype(pick(random, ["f4", "f8"]))
    X = values(random, n, d)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return sparse_of(random, X) if random.random() < 0.35 else pick(random, DENSE)(X)


# --- y and weights --------------------------------------------------------------------------------------


def codes(random, n, k):
    y = random.integers(0, k, n)
    y[: min(n, k)] = np.arange(min(n, k))
    return y


def words(names):
    return lambda y: np.array(names, dtype=object)[y % len(names)]


LABELS = [
    *[lambda y: y] * 30,
    *[lambda y: y % 2] * 12,
    *[lambda y: np.eye(4, dtype=int)[y % 4]] * 4,
    *[lambda y: np.eye(y.max() + 2, dtype=int)[y] if y.size else y] * 2,
    lambda y: sparse.csr_matrix(np.eye(4)[y % 4]),
    lambda y: sparse.csc_array(np.eye(4, dtype=int)[y % 4]),
    lambda y: np.zeros((len(y), 3), int),
    lambda y: np.column_stack([y, y]),
    lambda y: y[:, None],
    lambda y: y[1:],
    lambda y: y * 0,
    lambda y: y + 0.5,
    lambda y: y.astype(float),
    lambda y: np.where(y == 1, np.nan, y),
    lambda y: np.where(y == 1, np.inf, y),
    lambda y: y.astype(bool),
    lambda y: y.astype(complex),
    lambda y: y.astype("M8[D]"),
    lambda y: y.astype("U"),
    lambda y: y.astype("S"),
    lambda y: y.astype(">i2"),
    lambda y: y + 2**62,
    lambda y: y.astype(np.uint64) + 2**63,
    lambda y: np.arange(len(y)),
    lambda y: y.tolist(),
    lambda y: [[i] for i in y],
    lambda y: np.broadcast_to(y[:1], y.shape),
    lambda y: np.repeat(y, 2)[::2],
    lambda y: pandas.Series(y),
    lambda y: pandas.Series(y).astype("category"),
    lambda y: pandas.Series(y).astype("Int64").mask(pandas.Series(y) == 1),
    lambda y: pandas.Series(y).astype("string"),
    lambda y: polars.Series(y),
    lambda y: pandas.DataFrame(np.eye(4, dtype=int)[y % 4]),
    lambda y: np.ma.masked_equal(y, 1),
    lambda y: None,
    lambda y: "labels",
    lambda y: 3,
    lambda y: y[None],
    words(["a", "b", "c"]),
    words(["a", None, "c"]),
    words(["a", 2, 3.5]),
    words([np.nan, "b"]),
    words([(1,), (2, 3)]),
    words([True, "yes"]),
    words([10**30, 2]),
]

WEIGHTS = [
    *[lambda n, random: None] * 40,
    *[lambda n, random: random.random(n)] * 4,
    lambda n, random: random.random(n).astype(np.float32),
    lambda n, random: random.integers(0, 2, n),
    lambda n, random: random.integers(0, 2, n).astype(bool),
    lambda n, random: np.zeros(n),
    lambda n, random: -random.random(n),
    lambda n, random: np.full(n, np.nan),
    lambda n, random: np.full(n, np.inf),
    lambda n, random: np.full(n, 1e308),
    lambda n, random: np.full(n, 5e-324),
    lambda n, random: np.ones(n + 1),
    lambda n, random: np.ones((n, 1)),
    lambda n, random: np.broadcast_to(1.5, n),
    lambda n, random: unaligned(np.ones(n)),
    lambda n, random: np.repeat(random.random(n), 2)[::2],
    lambda n, random: [1.0] * n,
    lambda n, random: pandas.Series(np.ones(n)),
    lambda n, random: ["heavy"] * n,
    lambda n, random: np.ones(n, complex),
    lambda n, random: [None] * n,
    lambda n, random: 2.0,
    lambda n, random: 0,
    lambda n, random: "heavy",
    lambda n, random: sparse.csr_matrix(np.ones((1, n))),
]


# --- parameters -----------------------------------------------------------------------------------------

ODD = [
    None, True, False, 0, 1, -1, 2, 0.5, 1.0, -0.5, 1e-320, 1e308, -1e308, np.nan, np.inf, -np.inf, 10**30, -(10**30),
    10**400, "auto", "loss", "", "nonsense", b"relu", (), [], {}, (3,), [3], [[3]], (3, 3), (None,), {0: 1}, 3j,
    np.float32(0.25), np.float16(0.5), np.int8(3), np.uint64(2), np.bool_(True), np.longdouble("1e4000"),
    np.nextafter(np.longdouble(1), 0), Fraction(1, 3), Fraction(10**40 - 1, 10**40), np.array(0.5), np.array([3]),
    np.str_("tanh"), np.datetime64("2020-01-01"), object, len, np.random.RandomState(0), np.random.default_rng(0),
]  # fmt: skip

GOOD = {
    "activation": list(ACTIVATIONS),
    "solver": ["lbfgs", "sgd", "sgd", "adam", "adam", "adam"],
    "alpha": [0, 1e-4, 1, 1e300],
    "batch_size": ["auto", "full", 1, 7, 0.3, 1e-9, np.int64(5)],
    "learning_rate": ["constant", "invscaling", "adaptive", "cosine"],
    "learning_rate_init": [1e-3, 1.0, 1e-300, 1e300, 7],
    "power_t": [0, 0.5, 3, 1e308],
    "tol": [0, 1e-4, 1e300],
    "momentum": [0, 0.9, 1],
    "nesterovs_momentum": [True, False],
    "shuffle": [True, False, np.bool_(False)],
    "early_stopping": [False, False, True],
    "validation_fraction": [0.1, 0.5, 0.999, 0, 1e-9],
    "beta_1": [0, 0.9, 1 - 1e-16],
    "beta_2": [0, 0.999, 1 - 1e-16],
    "epsilon": [1e-8, 1e-320, 1e300],
    "n_iter_no_change": [1, 10, np.inf],
    "max_fun": [1, 15000],
    "init": ["glorot_uniform", "he_normal", "small_normal", "zeros", ((), ()), (1, 2), [[np.ones((3, 3))] * 2] * 2],
    "negative_slope": [0, 0.01, 1e300],
    "class_weight": [None, "balanced", {0: 2.0}, {0: 0}, {1: -1}, {0: np.nan}, {0: 1e308}, {0: 10**400}, {"a": 2}],
    "dropout": [0.0, 0.5, 1 - 1e-16],
    "label_smoothing": [0, 0.1, 1 - 1e-16],
    "scoring": [None, "loss", "accuracy", "roc_auc", lambda *a: np.nan, lambda *a: None, lambda *a: "good"],
    "n_jobs": [None, 1, 2, -1, 10**30],
    "warm_start": [False, True],
    "hidden_layer_sizes": [1, 3, (5,), np.array([17]), 40],
    "max_iter": [1, 2, 3],
    "random_state": [0, None, np.random.RandomState(3)],
}
OF_CLASSES = ("class_weight", "label_smoothing")
GOOD_FOR_NUMBERS = {name: values for name, values in GOOD.items() if name not in OF_CLASSES} | {
    "loss": ["squared_error", "poisson", "poisson", "absolute_error", "quantile", "huber"],
    "quantile": [0.1, 0.5, 1e-300, 1 - 1e-16],
    "delta": [1e-300, 1, 1e300],
    "scoring": [None, "loss", "r2", "neg_mean_absolute_error", "accuracy", lambda *a: np.nan, lambda *a: None],
}


def parameters(random, good):
    chosen = {"hidden_layer_sizes": 3, "max_iter": 2, "random_state": int(random.integers(9))}
    for name in random.choice(list(good), random.integers(6), replace=False):
        chosen[str(name)] = pick(random, good[name])
    if random.random() < 0.25:
        name = str(random.choice(list(good)))
        if name not in ("max_iter", "max_fun"):  # endless, if they are endless
            chosen[name] = pick(random, ODD)
    return chosen


# --- calls ----------------------------------------------------------------------------------------------


def arrays_of(thing):
    """Yield the arrays that an argument consists of."""
    if isinstance(thing, np.ndarray):
        yield thing
    elif sparse.issparse(thing):
        yield from numbers_of(thing).values()
        yield np.array([repr(thing.items())]) if thing.format == "dok" else thing.data
    elif isinstance(thing, pandas.DataFrame | pandas.Series):
        yield thing.to_numpy()
    elif isinstance(thing, list | tuple):
        yield np.array([repr(thing)])


def content(thing):
    """Return what must stay the same of an argument."""
    return [(a.shape, a.dtype.str, a.dtype.hasobject and repr(a.tolist()) or a.tobytes()) for a in arrays_of(thing)]


def state(model):
    return pickle.dumps({name: value for name, value in model.__getstate__().items() if name not in model.get_params()})


def finite(model):
    return all(np.isfinite(array).all() for array in (*model.coefs_, *model.intercepts_))


def check_result(method, model, result, weighted):
    """Check what a call has returned; a score with odd weights is scikit-learn's own affair."""
    if method in ("fit", "partial_fit"):
        assert result is model
        assert finite(model), "weights"
    elif not hasattr(model, "classes_"):
        assert method == "score" or np.isfinite(result).all(), "outputs"  # R2 of large numbers is not finite
    elif method in ("predict_proba", "hidden_activations") or (method == "score" and not weighted):
        assert np.isfinite(result).all(), "outputs"
    elif method == "predict" and not sparse.issparse(result) and result.ndim == 1:
        assert set(result.tolist()) <= set(model.classes_.tolist())


CLASSES = [
    *[[0, 1, 2], [0, 1]] * 2,
    None, range(4), np.arange(30), [], [0], ["a", "b", "c"], [None, 1], [0, 0, 1], 3, "ab", [np.nan, 1],
]  # fmt: skip


def arguments_of(method, random, n, d, first_y):
    X = data(random, n, d)
    if method in ("predict", "predict_proba", "predict_log_proba", "hidden_activations"):
        return {"X": X}
    y = first_y(codes(random, n, pick(random, [1, 2, 2, 3, 3, 3, 30])))
    arguments = {"X": X, "y": y, "sample_weight": pick(random, WEIGHTS)(n, random)}
    if method == "partial_fit" and random.random() < 0.5:
        return {"X": X, "y": codes(random, n, 3), "classes": [0, 1, 2]}
    if method == "partial_fit":
        arguments["classes"] = pick(random, CLASSES)
    if method == "fit" and random.random() < 0.15:
        arguments["X_val"], arguments["y_val"] = data(random, n, d), pick(random, LABELS)(codes(random, n, 3))
    return arguments


def call(model, method, arguments, counts):
    """Make one call, and check what comes out of it and what it leaves."""
    before, given = state(model), {name: content(value) for name, value in arguments.items()}
    counts["calls"] += 1
    counts[method] += 1
    try:
        bound = getattr(model, method)
    except AttributeError as error:
        lacking = method.startswith("predict_") and isinstance(model, ShallowNetRegressor)
        assert lacking or (method == "partial_fit" and model.solver not in ("adam", "sgd")), error
        return
    if isinstance(model, ShallowNetRegressor):
        arguments.pop("classes", None)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            result = bound(**arguments)
    except ALLOWED:
        counts["errors"] += 1
        assert state(model) == before, f"{method} failed and changed the model"
    else:
        counts[f"{method} done"] += 1
        check_result(method, model, result, arguments.get("sample_weight") is not None)
    for name, value in arguments.items():
        assert content(value) == given[name], f"{method} changed its {name}"


METHODS = [
    "fit", "fit", "fit", "partial_fit", "partial_fit", "predict", "predict_proba", "predict_log_proba", "score",
    "hidden_activations",
]  # fmt: skip


def case(seed, counts):
    """Make some calls of one model."""
    random = np.random.default_rng(seed)
    n, d = pick(random, [1, 2, 9, 30, 30, 30, 30, 53, 130]), pick(random, [1, 2, 5, 17, 17])
    if random.random() < 0.03:
        n, d = pick(random, [(0, 3), (3, 0), (0, 0), (1000, 2)])
    if seed % 4 == 3:
        model = ShallowNetRegressor(**parameters(random, GOOD_FOR_NUMBERS))
    else:
        model = ShallowNetClassifier(**parameters(random, GOOD))
    labels = pick(random, LABELS)
    if random.random() < 0.7:
        # a good fit to begin with, so that the calls after it have something to spoil
        X = random.normal(size=(max(n, 2), d)).astype(pick(random, ["f4", "f8"]))
        y = codes(random, len(X), pick(random, [2, 3]))
        call(model, "fit", {"X": X, "y": pick(random, [y, y, labels(y)])}, counts)
    for _ in range(4):
        other = pick(random, LABELS) if random.random() < 0.3 else labels
        features = d + 1 if random.random() < 0.05 else d
        method = pick(random, METHODS)
        call(model, method, arguments_of(method, random, n, features, other), counts)


def main(begin, end, journal):
    """Make the cases of these seeds; print how often each method was called and returned, and what went wrong."""
    counts, failures = Counter(), {}
    for seed in range(int(begin), int(end)):
        Path(journal).write_text(str(seed))
        np.random.seed(seed)
        try:
            case(seed, counts)
        except Exception:
            failures[seed] = traceback.format_exc(limit=-4)
    sys.stdout.write(json.dumps({"counts": counts, "failures": failures}))


if __name__ == "__main__":
    main(*sys.argv[1:])
