"""What kernels know the address of stays where it is, and of sparse X and weights what was given is trained on."""

import ast
import gc
import mmap
import weakref

import numpy as np
import pytest
from children import finish, start
from scipy import sparse
from source_tree import MODULES

from shallownet import ShallowNetClassifier
from shallownet.kernels.memory import Memory

PARAMETERS = {"hidden_layer_sizes": 6, "max_iter": 5, "tol": 0.0, "n_iter_no_change": np.inf, "random_state": 0}


@pytest.fixture(autouse=True)
def quiet(recwarn):
    """Fits of few epochs do not converge."""


def grow(array):
    array.resize((1000, *array.shape[1:]), refcheck=False)


@pytest.mark.parametrize(
    "view", [lambda X: X, lambda X: X[3:, ::2], lambda X: X.T[1:]], ids=["array", "rows", "columns"]
)
def test_held_memory_does_not_move(view):
    X = np.zeros((10, 5))
    memory, taken = Memory(), view(X)
    assert memory.address(taken) == taken.__array_interface__["data"][0]
    del taken
    with pytest.raises(ValueError, match="resize"):
        grow(X)
    del memory
    grow(X)
    assert len(X) == 1000


def test_held_memory_is_not_freed():
    X = np.zeros(1000)
    alive, memory = weakref.ref(X), Memory()
    memory.address(X)
    del X
    gc.collect()
    assert alive() is not None
    del memory
    assert alive() is None


def test_a_held_file_is_not_closed(tmp_path):
    (tmp_path / "X").write_bytes(bytes(8000))
    with open(tmp_path / "X", "r+b") as file:
        mapped = mmap.mmap(file.fileno(), 0)
    memory = Memory()
    memory.address(np.ndarray(1000, buffer=mapped)[10:])
    with pytest.raises(BufferError):
        mapped.close()
    del memory
    mapped.close()


@pytest.mark.parametrize("name", MODULES)
def test_addresses_are_made_in_one_place(name):
    """So that none is without an owner."""
    used = {node.attr for node in ast.walk(MODULES[name]) if isinstance(node, ast.Attribute)}
    assert name == "kernels.memory" or not used & {
        "ctypes",
        "__array_interface__",
        "__array_struct__",
        "addressof",
    }


def csr():
    random = np.random.RandomState(0)
    n, each = 300, 5
    X = sparse.csr_matrix((random.randn(n * each), random.randint(0, 40, n * each), np.arange(n + 1) * each), (n, 40))
    X.data[::3] = 0.0
    return X, (random.rand(n) > 0.5) * 1


def tidied(X):
    X.eliminate_zeros()


def summed(X):
    X.sum_duplicates()


def replaced(X):
    X.data, X.indices, X.indptr = X.data[:0].copy(), X.indices[:0].copy(), X.indptr * 0


def overwritten(X):
    X.data[:], X.indices[:] = 7.0, 2**30


CHANGES = [tidied, summed, replaced, overwritten]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_sparse_X_that_is_changed_in_the_middle_of_a_fit(solver, change):
    X, y = csr()
    X_val, y_val = X[:50].copy(), y[:50]
    as_it_was, changed = X.copy(), []

    def scorer(model, X_val, y_val):
        if not changed:
            changed.append(change(X))
        return 0.0

    def fit(X, scoring):
        return ShallowNetClassifier(**PARAMETERS, solver=solver, scoring=scoring).fit(X, y, X_val=X_val, y_val=y_val)

    found, expected = fit(X, scorer), fit(as_it_was, lambda model, X_val, y_val: 0.0)
    np.testing.assert_array_equal(found.coefs_[0], expected.coefs_[0])
    assert found.loss_ == expected.loss_


def test_weights_that_are_changed_in_the_middle_of_a_fit():
    X, y = csr()
    weights = np.linspace(0.1, 3.0, len(y))
    as_they_were = weights.copy()

    def scorer(model, X_val, y_val):
        weights[:] = 0.0
        return 0.0

    def fit(weights, scoring):
        model = ShallowNetClassifier(**PARAMETERS, scoring=scoring)
        return model.fit(X.toarray(), y, weights, X_val=X[:50].toarray(), y_val=y[:50])

    found, expected = fit(weights, scorer), fit(as_they_were, lambda model, X_val, y_val: 0.0)
    assert not weights.any()
    assert found.loss_curve_ == expected.loss_curve_


def test_dense_X_does_not_move_in_the_middle_of_a_fit():
    X, y = csr()
    X = X.toarray().copy()
    refused = []

    def scorer(model, X_val, y_val):
        try:
            grow(X)
        except ValueError as error:
            refused.append(str(error))
        return 0.0

    ShallowNetClassifier(**PARAMETERS, scoring=scorer).fit(X, y, X_val=X[:50].copy(), y_val=y[:50])
    assert len(refused) == PARAMETERS["max_iter"]
    grow(X)


FREED = """
import json, warnings
import numpy as np
from scipy import sparse
import shallownet
warnings.simplefilter("ignore")
r = np.random.default_rng(0)
n, each, features = 100_000, 20, 3000
X = sparse.csr_matrix((np.ones(n * each), r.integers(0, features, n * each), np.arange(n + 1) * each), (n, features))
X.sum_duplicates()
X.data[:X.nnz * 3 // 4] = 0
y = r.integers(0, 2, n)

def scorer(model, X_val, y_val):
    X.eliminate_zeros()
    return 0.0

model = shallownet.ShallowNetClassifier(20, max_iter=2, random_state=0, scoring=scorer)
model.fit(X, y, X_val=X[:100].copy(), y_val=y[:100])
print(json.dumps({"file": shallownet.__file__, "losses": model.loss_curve_}))
"""


def test_memory_that_a_scorer_gives_back_to_the_system():
    assert len(finish(start(FREED))["losses"]) == 2
