"""Where scikit-learn has no callbacks, before 1.9, estimators do all but call them."""

import importlib
import pickle
import subprocess
import sys
import traceback

import pytest
from children import source_environment
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator
from sklearn.datasets import load_iris

from shallownet import ShallowNetClassifier
from shallownet.estimators import callbacks

X, Y = load_iris(return_X_y=True)


@pytest.fixture(params=["as installed", "without callbacks"])
def module(request, monkeypatch):
    """The module of callbacks with scikit-learn as it is, and where it has none."""
    if request.param == "as installed":
        yield callbacks
        return
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "sklearn.callback", None)
        patch.delitem(sys.modules, "shallownet.estimators.callbacks")
        yield importlib.import_module("shallownet.estimators.callbacks")


class Depth:
    """Both kinds of estimators, with a method that tells how deep it is called."""

    def depth(self, *arguments, **keywords):
        """Return the number of frames."""
        return len(traceback.extract_stack()), arguments, keywords


def test_methods_are_called_as_deep(module):
    class Estimator(Depth, module.CallbackSupportMixin, BaseEstimator):
        """An estimator."""

        decorated = module.with_callbacks(Depth.depth)

    estimator = Estimator()
    plain, deep = estimator.depth(1, k=2), estimator.decorated(1, k=2)
    assert deep[1:] == plain[1:] == ((1,), {"k": 2})
    assert deep[0] == plain[0] + 1
    assert Estimator.decorated.__doc__ == Depth.depth.__doc__
    assert Estimator.decorated.__name__ == "depth"


def test_callbacks_are_where_scikit_learn_has_them(module):
    has_them = hasattr(module.CallbackSupportMixin, "set_callbacks")
    if module is callbacks:
        assert has_them == (importlib.util.find_spec("sklearn.callback") is not None)
    else:
        assert not has_them


# Fits once more where scikit-learn has lost its callbacks, of which it makes use itself.
FIT = """
import pickle, sys
import sklearn.model_selection, sklearn.neural_network, sklearn.pipeline
sys.modules["sklearn.callback"] = None
from sklearn.base import clone
from sklearn.datasets import load_iris
from shallownet import ShallowNetClassifier
X, y = load_iris(return_X_y=True)
model = clone(ShallowNetClassifier(3, tol=0.1, random_state=0)).fit(X, y).partial_fit(X, y)
assert not hasattr(model, "set_callbacks")
sys.stdout.buffer.write(pickle.dumps(model))
"""


def test_a_fit_has_the_same_results():
    done = subprocess.run([sys.executable, "-c", FIT], env=source_environment(), capture_output=True, check=True)
    without = pickle.loads(done.stdout)
    model = ShallowNetClassifier(3, tol=0.1, random_state=0).fit(X, Y).partial_fit(X, Y)
    assert without.loss_curve_ == model.loss_curve_
    assert_array_equal(without.predict_proba(X), model.predict_proba(X))
