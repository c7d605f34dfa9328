"""Pipelines that skl2onnx converts, computed by onnxruntime."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import shallownet.onnx  # noqa: F401
from shallownet import ShallowNetClassifier, ShallowNetRegressor

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

PARAMETERS = {"hidden_layer_sizes": 6, "max_iter": 30, "learning_rate_init": 0.05, "random_state": 0}
draw = np.random.RandomState(0)
X = draw.normal(size=(90, 3)) * [1, 10, 100] + [0, 5, 50]
CODES = np.digitize(X[:, 0] + X[:, 1] / 10, [0, 1])
LABELS = {
    "int": CODES - 1,
    "bool": CODES > 0,
    "str": np.array(["low", "medium", "high"])[CODES],
    "float": CODES * 1.0,
    "multilabel": np.column_stack([CODES > 0, CODES > 1, X[:, 2] > 50]).astype(int),
}


@pytest.fixture(scope="module")
def skl2onnx():
    return pytest.importorskip("skl2onnx")


def results(exported, inputs):
    session = pytest.importorskip("onnxruntime").InferenceSession(exported.SerializeToString())
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, inputs), strict=True))


def classifier(activation="gelu", **parameters):
    return ShallowNetClassifier(activation=activation, **PARAMETERS, **parameters)


def pipeline(kind, dtype=np.float32, activation="gelu"):
    return make_pipeline(StandardScaler(), classifier(activation)).fit(X.astype(dtype), LABELS[kind])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", ["gelu", "leaky_relu", "silu", "softplus"])
@pytest.mark.parametrize("kind", LABELS)
def test_labels_and_probabilities(kind, activation, dtype, skl2onnx):
    model, data = pipeline(kind, dtype, activation), X.astype(dtype)
    exported = skl2onnx.to_onnx(model, data[:1], options={"zipmap": False})
    found = results(exported, {"X": data})
    assert list(found) == ["label", "probabilities"]
    assert found["probabilities"].dtype == dtype
    precise = 1e-6 if dtype == np.float32 else 1e-7 if activation == "gelu" else 1e-12
    assert_allclose(found["probabilities"], model.predict_proba(data), rtol=0, atol=3 * precise)
    assert_array_equal(found["label"], model.predict(data))
    assert found["label"].dtype == (object if kind == "str" else np.int64)


@pytest.mark.parametrize("kind", LABELS)
def test_zipmap(kind, skl2onnx):
    """The default: a dictionary of each example's probabilities, or for "columns" an output for each class."""
    model, data = pipeline(kind), X.astype(np.float32)
    probabilities = model.predict_proba(data)
    found = results(skl2onnx.to_onnx(model, data[:1]), {"X": data})
    assert list(found) == ["output_label", "output_probability"]
    assert_array_equal(found["output_label"], model.predict(data))
    assert [list(row) for row in found["output_probability"]] == [list(model.classes_)] * len(X)
    assert_allclose([list(row.values()) for row in found["output_probability"]], probabilities, rtol=0, atol=3e-6)
    found = results(skl2onnx.to_onnx(model, data[:1], options={"zipmap": "columns"}), {"X": data})
    label, *columns = found
    assert_array_equal(found[label], model.predict(data))
    assert_allclose(np.column_stack([found[column] for column in columns]), probabilities, rtol=0, atol=3e-6)


def test_other_options(skl2onnx):
    model, data = pipeline("str"), X.astype(np.float32)
    options = {"nocl": True, "zipmap": False}
    found = results(skl2onnx.to_onnx(model, data[:1], options=options), {"X": data})
    assert_array_equal(model.classes_[found["label"]], model.predict(data))
    options = {"output_class_labels": True, "zipmap": False}
    found = results(skl2onnx.to_onnx(model, data[:1], options=options), {"X": data})
    assert_array_equal(found["class_labels"], model.classes_)
    with pytest.raises(NameError, match="Option 'raw_scores' not in "):
        skl2onnx.to_onnx(model, data[:1], options={ShallowNetClassifier: {"raw_scores": True}})


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "loss, n_outputs", [("squared_error", 1), ("squared_error", 2), ("poisson", 1), ("poisson", 2)]
)
def test_real_targets(loss, n_outputs, dtype, skl2onnx):
    data, y = X.astype(dtype), np.abs(X[:, :n_outputs]).squeeze()
    model = make_pipeline(StandardScaler(), ShallowNetRegressor(loss, **PARAMETERS)).fit(data, y)
    found = results(skl2onnx.to_onnx(model, data[:1]), {"X": data})
    assert list(found) == ["variable"]
    assert found["variable"].dtype == dtype
    exact = model.predict(data).reshape(len(X), n_outputs)
    precise = 3e-6 if dtype == np.float32 else 1e-12
    assert_allclose(found["variable"], exact, rtol=0, atol=np.abs(exact).max() * precise)


def test_numbers_and_categories(skl2onnx):
    frame = pd.DataFrame(X.astype(np.float32), columns=["a", "b", "W1"])
    frame["color"] = np.array(["red", "green", "blue"])[draw.randint(3, size=len(X))]
    columns = make_column_transformer(
        (StandardScaler(), ["a", "b", "W1"]), (OneHotEncoder(sparse_output=False), ["color"])
    )
    model = make_pipeline(columns, classifier()).fit(frame, LABELS["str"])
    exported = skl2onnx.to_onnx(model, frame[:1], options={"zipmap": False})
    found = results(exported, {name: frame[[name]].to_numpy() for name in frame})
    assert_allclose(found["probabilities"], model.predict_proba(frame), rtol=0, atol=3e-6)
    assert_array_equal(found["label"], model.predict(frame))


@pytest.mark.parametrize("kind", ["int", "bool", "str"])
def test_calibrated_classifiers(kind, skl2onnx):
    """Several networks in one graph."""
    data = X.astype(np.float32)
    model = make_pipeline(StandardScaler(), CalibratedClassifierCV(classifier(), cv=3)).fit(data, LABELS[kind])
    exported = skl2onnx.to_onnx(model, data[:1], options={"zipmap": False})
    found = results(exported, {"X": data})
    assert_allclose(found["probabilities"], model.predict_proba(data), rtol=0, atol=1e-5)
    assert_array_equal(found["label"], model.predict(data))


def test_a_search(skl2onnx):
    data = X.astype(np.float32)
    search = GridSearchCV(classifier(), {"alpha": [0.1, 1]}, cv=2).fit(data, LABELS["int"])
    found = results(skl2onnx.to_onnx(search, data[:1], options={"zipmap": False}), {"X": data})
    assert_allclose(list(found.values())[1], search.predict_proba(data), rtol=0, atol=3e-6)


@pytest.mark.parametrize("target_opset", [11, 13, 17, 21])
@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "gelu", "silu", "softplus"])
def test_opsets(activation, target_opset, skl2onnx):
    model, data = pipeline("int", activation=activation), X.astype(np.float32)
    exported = skl2onnx.to_onnx(model, data[:1], options={"zipmap": False}, target_opset=target_opset)
    assert max(opset.version for opset in exported.opset_import if not opset.domain) <= target_opset
    assert_array_equal(results(exported, {"X": data})["label"], model.predict(data))


def test_integers_as_input(skl2onnx):
    """A network without a step before it, as integers are what a scaler would turn into floats."""
    data = X.round().astype(np.int64)
    model = classifier("relu").fit(data, LABELS["str"])
    found = results(skl2onnx.to_onnx(model, data[:1], options={"zipmap": False}), {"X": data})
    assert_allclose(found["probabilities"], model.predict_proba(data), rtol=0, atol=1e-5)
