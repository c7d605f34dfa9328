"""Types: everything public says them, and a type checker finds a user's mistakes."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import shallownet
import shallownet.dask
import shallownet.datasets
import shallownet.onnx
import shallownet.plotting
from shallownet import ShallowNetClassifier, TabularNetClassifier, TabularNetRegressor, datasets
from shallownet.datasets import textbook

PUBLIC = [
    *(vars(shallownet)[name] for name in shallownet.__all__ if callable(vars(shallownet)[name])),
    *(vars(shallownet.plotting)[name] for name in shallownet.plotting.__all__),
    shallownet.onnx.to_onnx,
    *(vars(shallownet.dask)[name] for name in shallownet.dask.__all__),
    *(vars(datasets)[name] for name in datasets.__all__ if callable(vars(datasets)[name])),
    *(textbook.gradient_descent, textbook.accuracy, textbook.table),
]


def functions(public):
    """Return the public functions of a class, or the function itself."""
    if not inspect.isclass(public):
        return [public]
    found = {
        name: inspect.unwrap(getattr(public, name))
        for base in public.__mro__
        if base.__module__.startswith("shallownet")
        for name in vars(base)
        if name[0] != "_" and callable(getattr(public, name, None))
    }
    return [public.__init__, *found.values()]


@pytest.mark.parametrize("public", PUBLIC, ids=lambda public: public.__name__)
def test_everything_public_is_annotated(public):
    for function in functions(public):
        signature = inspect.signature(function)
        missing = [
            name
            for name, parameter in signature.parameters.items()
            if name not in ("self", "cls") and parameter.annotation is parameter.empty
        ]
        assert not missing, function
        assert signature.return_annotation is not signature.empty, function


def test_every_described_attribute_is_annotated():
    ours = [ShallowNetClassifier, TabularNetClassifier, TabularNetRegressor]
    ours += [shallownet.SmoothClipScaler, shallownet.PiecewiseLinearEncoder]
    for public in [*ours, *(vars(shallownet.plotting)[name] for name in shallownet.plotting.__all__)]:
        text = inspect.cleandoc(public.__doc__).partition("Attributes\n---")[2]
        described = {
            name for names in re.findall(r"^(\w[\w, ]*_) : ", text, re.MULTILINE) for name in names.split(", ")
        }
        annotated = {name for base in public.__mro__ for name in inspect.get_annotations(base)}
        assert described
        assert described <= annotated


# What follows "# error:" is a part of what mypy says of the line; it says nothing of the others.
USER = """
import numpy as np
from shallownet import PiecewiseLinearEncoder, ShallowNetClassifier, TabularNetClassifier, warmup
from shallownet.datasets import planar_flower
from shallownet.datasets.textbook import gradient_descent
from shallownet.onnx import to_onnx
from shallownet.plotting import HiddenWeightsDisplay, LossCurveDisplay

X, y = planar_flower()
model = ShallowNetClassifier(10, "tanh", alpha=1, batch_size="full", class_weight={0: 1.0}, n_iter_no_change=np.inf)
model = ShallowNetClassifier((10,), init=([X, X], [y, y]), scoring="roc_auc", random_state=np.random.RandomState(0))
model.set_fit_request(X_val=True).fit(X, y, X_val=X, y_val=y).partial_fit(X, y, classes=[0, 1]).predict(X)
text: str = model.predict_proba(X)  # error: expression has type "ndarray
text = model.coefs_[0]  # error: expression has type "ndarray
text = gradient_descent(4).score(X, y)  # error: expression has type "float"
ShallowNetClassifier(hiden_layer_sizes=10)  # error: Unexpected keyword argument "hiden_layer_sizes"
ShallowNetClassifier(activation="rulu")  # error: incompatible type "Literal['rulu']"
ShallowNetClassifier(max_iter="200")  # error: incompatible type "str"
ShallowNetClassifier(10, "tanh", "adam")  # error: Too many positional arguments
model.fit(X, y, X_vall=X)  # error: Unexpected keyword argument "X_vall"
model.partial_fit(X, y, clases=[0, 1])  # error: Unexpected keyword argument "clases"
model.predict()  # error: Missing positional argument "X"
model.predict_proba(X, X)  # error: Too many arguments
model.hidden_activations(x=X)  # error: Unexpected keyword argument "x"
model.set_fit_request(X_vall=True)  # error: Unexpected keyword argument "X_vall"
table = TabularNetClassifier(4, categorical_features=["a"], class_weight="balanced").fit(X, y, sample_weight=y)
text = table.temperature_  # error: expression has type "float"
TabularNetClassifier(n_net=4)  # error: Unexpected keyword argument "n_net"
TabularNetClassifier(4, 256)  # error: Too many positional arguments
text = PiecewiseLinearEncoder(8).fit(X).transform(X)  # error: expression has type "ndarray
warmup(dtype=["float32"])  # error: Unexpected keyword argument "dtype"
planar_flower(100)  # error: Too many arguments
to_onnx(model, dtype="float32", input="X")  # error: Unexpected keyword argument "input"
to_onnx(X)  # error: Argument 1 to "to_onnx" has incompatible type
LossCurveDisplay.from_estimator(model, yscale="log").plot(seconds=1.5)
LossCurveDisplay.from_estimator(model, yscal="log")  # error: Unexpected keyword argument "yscal"
HiddenWeightsDisplay.from_estimator(model, image_shape=(8, 8), n_unit=4)  # error: Unexpected keyword argument "n_unit"
HiddenWeightsDisplay.from_estimator(model).plot(order="size")  # error: incompatible type "Literal['size']"
"""


def test_mypy_finds_the_mistakes_of_a_user(tmp_path):
    pytest.importorskip("mypy")
    if "site-packages" not in Path(shallownet.__file__).parts:
        pytest.skip("mypy does not find a package that is linked, not installed; .ci/run installs it")
    (tmp_path / "user.py").write_text(USER)
    (tmp_path / "mypy.ini").write_text("[mypy]\n[mypy-sklearn.*]\nignore_missing_imports = True\n")
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--show-absolute-path", "user.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    said = {int(line): text for line, text in re.findall(r"user\.py:(\d+): error: (.*)", done.stdout)}
    expected = {
        number: line.partition("# error: ")[2]
        for number, line in enumerate(USER.splitlines(), 1)
        if "# error: " in line
    }
    assert said.keys() == expected.keys(), done.stdout + done.stderr
    assert not [number for number, part in expected.items() if part not in said[number]], done.stdout
