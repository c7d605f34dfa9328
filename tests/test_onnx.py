"""ONNX: what is exported is valid, and runtimes compute from it what the estimators predict."""

import importlib
import sys

import numpy as np
import onnx
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from onnx.reference import ReferenceEvaluator
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import shallownet.onnx
from shallownet import ShallowNetClassifier, ShallowNetRegressor, __version__
from shallownet.estimators.real_targets import LOSSES
from shallownet.kernels.activations import ACTIVATIONS
from shallownet.kernels.losses import OUTPUTS
from shallownet.onnx import ACTIVATION_GRAPHS, OUTPUT_GRAPHS, to_onnx

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RUNTIMES = pytest.mark.parametrize("runtime", ["reference", pytest.param("onnxruntime", marks=pytest.mark.long)])
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])

draw = np.random.RandomState(0)
X = draw.normal(size=(60, 4))
TWO, THREE = (X[:, 0] * X[:, 1] > 0).astype(int), np.digitize(X[:, 0] + X[:, 1] ** 2, [0.5, 1.5])
INDICATORS = (X[:, :3] + X[:, 1:] > 0).astype(int)
NUMBERS = np.column_stack([X[:, 0] * X[:, 1], X[:, 2] ** 2])
WORDS = np.array(["one", "two ", "\N{SNOWMAN} three"])

CLASSIFICATION = {
    "two int": TWO * 2 - 1,
    "two bool": TWO.astype(bool),
    "two str": WORDS[TWO],
    "two float": TWO * 2.0 - 1,
    "three int": THREE.astype(np.uint8),
    "three str": WORDS[THREE].astype(object),
    "three float": THREE.astype(np.float32),
    "multilabel": INDICATORS,
    "sparse multilabel": sparse.csr_array(INDICATORS),
    "one class": np.full(len(X), "only"),
}
REGRESSION = {"one output": NUMBERS[:, 0], "two outputs": NUMBERS, "poisson": np.abs(NUMBERS).round()}


def fitted(task="three int", activation="relu", dtype=np.float64, **parameters):
    parameters = {"activation": activation, "max_iter": 20, "learning_rate_init": 0.05, "random_state": 0, **parameters}
    if task in CLASSIFICATION:
        model, y = ShallowNetClassifier(5, negative_slope=0.2, **parameters), CLASSIFICATION[task]
    else:
        loss = "poisson" if task == "poisson" else "squared_error"
        model, y = ShallowNetRegressor(loss, 5, negative_slope=0.2, **parameters), REGRESSION[task]
    return model.fit(X.astype(dtype), y)


def run(exported, data, runtime="reference"):
    """Return the outputs of an exported model by their names."""
    onnx.checker.check_model(exported, full_check=True)
    inputs = {exported.graph.input[0].name: data}
    if runtime == "reference":
        results = ReferenceEvaluator(exported).run(None, inputs)
    else:
        session = pytest.importorskip("onnxruntime").InferenceSession(exported.SerializeToString())
        results = session.run(None, inputs)
    return dict(zip([output.name for output in exported.graph.output], results, strict=True))


def tolerance(activation, dtype):
    if dtype == np.float32:
        return 1e-6
    return 1e-7 if activation == "gelu" else 1e-12


def predicted(model, data):
    """Return what the outputs of an exported model are to be, by their names."""
    predictions = model.predict(data)
    if isinstance(model, ShallowNetRegressor):
        return {"variable": predictions.reshape(len(data), -1)}
    labels = predictions.toarray() if sparse.issparse(predictions) else predictions
    return {"label": labels, "probabilities": model.predict_proba(data)}


@RUNTIMES
@DTYPES
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("task", CLASSIFICATION | REGRESSION)
def test_outputs(task, activation, dtype, runtime):
    model, data = fitted(task, activation, dtype), X.astype(dtype)
    found, exact = run(to_onnx(model), data, runtime), predicted(model, data)
    assert list(found) == list(exact)
    *label, numbers = found
    assert found[numbers].dtype == dtype
    size = max(1, np.abs(exact[numbers]).max())
    assert_allclose(found[numbers], exact[numbers], rtol=0, atol=size * tolerance(activation, dtype))
    for name in label:
        assert_array_equal(found[name], exact[name])
        assert np.array(found[name].tolist()).dtype.kind == np.array(exact[name].tolist()).dtype.kind
        assert task == "one class" or len(np.unique(exact[name])) > 1


def test_every_activation_and_every_output_has_a_graph():
    assert set(ACTIVATION_GRAPHS) == set(ACTIVATIONS.values())
    assert set(OUTPUT_GRAPHS) == set(OUTPUTS.values())
    assert {loss.output for loss in LOSSES.values()} <= set(OUTPUTS)


@RUNTIMES
@DTYPES
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_large_inputs(activation, dtype, runtime):
    """Differences are at most those that the docstring of to_onnx names."""
    scales = np.logspace(-3, 5, len(X))[:, np.newaxis]
    data = (X * scales).astype(dtype)
    for task, output in (("three int", "probabilities"), ("two outputs", "variable")):
        model = fitted(task, activation, dtype)
        with np.errstate(over="ignore", invalid="ignore"):  # NumPy says so of infinite exponentials
            found = run(to_onnx(model), data, runtime)[output]
        exact = predicted(model, data)[output]
        (w1, w2), (b1, b2) = model.coefs_, model.intercepts_
        size = (np.abs(data) @ np.abs(w1) + np.abs(b1)) @ np.abs(w2) + np.abs(b2)
        most = tolerance(activation, dtype) * np.maximum(1, size.max(axis=1, keepdims=True))
        assert (np.abs(found - exact) <= most).all()


@RUNTIMES
@pytest.mark.parametrize("task", ["two str", "three int", "multilabel", "one class"])
def test_ties(task, runtime):
    """Of equal probabilities the first class has the label, and one half is no label."""
    model = fitted(task)
    model.coefs_ = [np.zeros_like(coefs) for coefs in model.coefs_]
    model.intercepts_ = [np.zeros_like(intercepts) for intercepts in model.intercepts_]
    found = run(to_onnx(model), X, runtime)
    assert len(np.unique(found["probabilities"])) == 1
    assert_array_equal(found["label"], model.predict(X))


@RUNTIMES
def test_a_single_class_is_the_label_however_small_its_probability(runtime):
    model = fitted("one class")
    model.intercepts_[1] = np.array([50.0])
    found = run(to_onnx(model), X, runtime)
    assert found["probabilities"][:, 0].max() < 1e-9
    assert_array_equal(found["label"], model.predict(X))


@RUNTIMES
@pytest.mark.parametrize("trained, written", [(np.float64, np.float32), (np.float32, np.float64)])
@pytest.mark.parametrize("task, activation", [("two str", "gelu"), ("multilabel", "leaky_relu"), ("poisson", "silu")])
def test_another_dtype_than_that_of_the_fit(task, activation, trained, written, runtime):
    model, output = fitted(task, activation, trained), "variable" if task == "poisson" else "probabilities"
    found = run(to_onnx(model, dtype=written), X.astype(written), runtime)[output]
    assert found.dtype == written
    assert_allclose(found, predicted(model, X)[output], rtol=2e-6, atol=1e-6)


def test_what_a_file_says_of_itself():
    exported = to_onnx(fitted(), input_name="features")
    assert [(opset.domain, opset.version) for opset in exported.opset_import] == [("", 17)]
    assert exported.ir_version == 8
    assert (exported.producer_name, exported.producer_version) == ("shallownet", __version__)
    assert exported.graph.name == "ShallowNetClassifier"
    (features,) = exported.graph.input
    assert features.name == "features"
    assert [size.dim_value for size in features.type.tensor_type.shape.dim] == [0, 4]


def test_a_network_is_exported_as_it_was_fitted():
    """Whatever the parameters have become since."""
    model = fitted(activation="tanh").set_params(activation="relu", hidden_layer_sizes=3)
    assert_allclose(run(to_onnx(model), X)["probabilities"], model.predict_proba(X), rtol=0, atol=1e-12)


def test_a_file_is_small():
    """It has the weights, and less than a kilobyte beside them."""
    model = fitted(dtype=np.float32)
    weights = sum(array.nbytes for array in [*model.coefs_, *model.intercepts_])
    assert weights < len(to_onnx(model).SerializeToString()) < weights + 1000


@pytest.mark.parametrize(
    "classes, named",
    [
        (np.array(["a", 3, "c"], object), "3"),
        (np.array([b"a", b"b", b"c"]), "b'a'"),
        (np.array(["2020-01-01", "2020-01-02", "2020-01-03"], "M8[D]"), "2020-01-01"),
        (np.array([1, 2, 2**63], np.uint64), str(2**63)),
        (np.array(["a", "b", "\ud800"]), r"\\ud800"),
    ],
    ids=["objects", "bytes", "dates", "unsigned", "surrogate"],
)
def test_labels_that_onnx_does_not_have(classes, named):
    model = fitted()
    model.classes_ = classes
    with pytest.raises(ValueError, match=rf"The class .*{named}.* is not a label that ONNX can hold"):
        to_onnx(model)


@pytest.mark.parametrize("dtype", ["float16", "int64", ">f4", "real", float("nan"), complex])
def test_dtypes_that_are_not_supported(dtype):
    with pytest.raises(ValueError, match="dtype must be float32, float64 or None, got "):
        to_onnx(fitted(), dtype=dtype)


def test_a_dtype_that_is_too_narrow():
    model = fitted()
    model.coefs_[1][0, 0] = -1e39
    with pytest.raises(ValueError, match=r"has weights that float32 cannot hold, such as -1e\+39"):
        to_onnx(model, dtype="float32")


@pytest.mark.parametrize("name, match", [("", "not empty"), (3, "not empty"), ("W1", "another"), ("label", "another")])
def test_names_that_the_input_cannot_have(name, match):
    with pytest.raises(ValueError, match=f"input_name.*{match}"):
        to_onnx(fitted(), input_name=name)


def test_estimators_that_cannot_be_exported():
    with pytest.raises(NotFittedError):
        to_onnx(ShallowNetClassifier())
    with pytest.raises(TypeError, match="use skl2onnx.to_onnx for a Pipeline"):
        to_onnx(make_pipeline(StandardScaler(), ShallowNetClassifier()))


def imported_anew(monkeypatch):
    monkeypatch.delitem(sys.modules, "shallownet.onnx")
    monkeypatch.setattr(shallownet, "onnx", shallownet.onnx)  # restores it
    return importlib.import_module("shallownet.onnx")


def test_without_onnx(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"pip install 'shallownet\[onnx\]'"):
        imported_anew(monkeypatch)


@pytest.mark.parametrize("source", [None, "raise RuntimeError", "import sklearn.no_longer_there"])
def test_without_skl2onnx(source, monkeypatch, tmp_path):
    """It is not installed, or does not go with the packages that are."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "skl2onnx"]:
        monkeypatch.delitem(sys.modules, name)
    if source is None:
        monkeypatch.setitem(sys.modules, "skl2onnx", None)
    else:
        (tmp_path / "skl2onnx.py").write_text(source)
        monkeypatch.syspath_prepend(tmp_path)
    assert run(imported_anew(monkeypatch).to_onnx(fitted()), X).keys() == {"label", "probabilities"}
