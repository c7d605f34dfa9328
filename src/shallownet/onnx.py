"""ONNX: a fitted network as a file that other languages, browsers and databases can run.

``to_onnx`` exports a network alone. Importing this module also registers both estimators with skl2onnx, where that is
installed, so that it converts a Pipeline that ends in one::

    import shallownet.onnx
    import skl2onnx

    onnx_model = skl2onnx.to_onnx(pipeline, X[:1].astype("float32"), options={"zipmap": False})

- Without ``zipmap=False``, skl2onnx puts the probabilities into dictionaries, with an operator that does not take
  float64. The other value of 'zipmap', "columns", and the options 'nocl' and 'output_class_labels' mean what they mean
  for scikit-learn's classifiers. There are no raw scores.
- As with other estimators, the ONNX model computes in float64 if the example X is of float64, else in float32,
  whichever the network was trained in; and labels of bool and floats become integers.

All this needs onnx, which the extra of that name installs.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from ._version import __version__
from .estimators.base import BaseShallowNet
from .estimators.classifier import ShallowNetClassifier
from .estimators.regressor import ShallowNetRegressor
from .estimators.targets import SINGLE
from .kernels.activations import ACTIVATIONS, GELU, IDENTITY, LEAKY_RELU, LOGISTIC, RELU, SILU, SOFTPLUS, TANH
from .kernels.losses import OUTPUT_EXP, OUTPUT_IDENTITY, OUTPUT_LOGISTIC, OUTPUT_SOFTMAX, OUTPUTS, columns_of
from .training.inference import Weights

try:
    from onnx import ModelProto, TensorProto, helper, numpy_helper
except ImportError as error:
    raise ImportError("shallownet.onnx needs onnx: pip install 'shallownet[onnx]'") from error

__all__ = ["to_onnx"]

# Read by every runtime since 2022. Later versions define none of the operators below differently.
OPSET = 17
IR_VERSION = 8

INPUT = "X"  # within a Graph; whoever writes the graph gives it another name


# --- the graph of a network -----------------------------------------------------------------------------


class Node(NamedTuple):
    """An ONNX operator that is applied to tensors."""

    operator: str
    inputs: list[str]
    output: str
    attributes: dict[str, Any]


class Output(NamedTuple):
    """A result of a graph."""

    tensor: str
    dtype: np.dtype
    shape: list[int | None]  # None for the number of examples


class Graph:
    """Nodes in the order of computation, and their constants."""

    def __init__(self, dtype):
        self.dtype = np.dtype(dtype)
        self.nodes: list[Node] = []
        self.constants: dict[str, np.ndarray] = {}
        self.outputs: dict[str, Output] = {}

    def add(self, operator, *inputs, **attributes):
        """Add a node; return its output. An input is a tensor's name or a number."""
        names = [tensor if isinstance(tensor, str) else self._number(tensor) for tensor in inputs]
        output = f"{operator}_{len(self.nodes)}"
        self.nodes.append(Node(operator, names, output, attributes))
        return output

    def constant(self, name, array):
        """Add a constant; return its name."""
        self.constants[name] = array
        return name

    def weights(self, name, array):
        """Add weights in the dtype of the graph; return their name.

        Raises
        ------
        ValueError
            If one of them is too large for the dtype.
        """
        with np.errstate(over="ignore"):
            converted = np.ascontiguousarray(array, self.dtype)
        if not np.isfinite(converted).all():
            largest = array.flat[np.abs(array).argmax()]
            raise ValueError(f"The network has weights that {self.dtype} cannot hold, such as {largest}.")
        return self.constant(name, converted)

    def _number(self, value):
        return self.constant(f"constant_{len(self.constants)}", np.array(value, self.dtype))


# onnxruntime has no Softplus, LeakyRelu or Erf of float64 on the CPU, and LeakyRelu's slope is of float32 in any case.


def _leaky_relu(graph, z, slope):
    return graph.add("Where", graph.add("Less", z, 0), graph.add("Mul", z, slope), z)


def _gelu(graph, z, slope):
    """Return z (1 + erf(z / sqrt(2))) / 2, with erf in float32."""
    x = graph.add("Mul", z, np.sqrt(0.5))
    if graph.dtype == np.float64:
        erf = graph.add("Erf", graph.add("Cast", x, to=TensorProto.FLOAT))
        erf = graph.add("Cast", erf, to=TensorProto.DOUBLE)
    else:
        erf = graph.add("Erf", x)
    return graph.add("Mul", graph.add("Mul", z, 0.5), graph.add("Add", erf, 1))


def _softplus(graph, z, slope):
    """Return max(z, 0) + log(1 + exp(-abs(z))), where no exponential overflows."""
    power = graph.add("Exp", graph.add("Neg", graph.add("Abs", z)))
    return graph.add("Add", graph.add("Relu", z), graph.add("Log", graph.add("Add", power, 1)))


# By the codes of ``kernels.activations``: (graph, z1, slope for z < 0) -> a1.
ACTIVATION_GRAPHS = {
    IDENTITY: lambda graph, z, slope: z,
    LOGISTIC: lambda graph, z, slope: graph.add("Sigmoid", z),
    TANH: lambda graph, z, slope: graph.add("Tanh", z),
    RELU: lambda graph, z, slope: graph.add("Relu", z),
    LEAKY_RELU: _leaky_relu,
    GELU: _gelu,
    SILU: lambda graph, z, slope: graph.add("Mul", z, graph.add("Sigmoid", z)),
    SOFTPLUS: _softplus,
}

# By the codes of ``kernels.losses``: (graph, z2) -> a2.
OUTPUT_GRAPHS = {
    OUTPUT_LOGISTIC: lambda graph, z: graph.add("Sigmoid", z),
    OUTPUT_SOFTMAX: lambda graph, z: graph.add("Softmax", z, axis=1),
    OUTPUT_IDENTITY: lambda graph, z: z,
    OUTPUT_EXP: lambda graph, z: graph.add("Exp", z),
}


def network_graph(fitted, dtype, classes=None):
    """Return the Graph of a network.

    Parameters
    ----------
    fitted : dict
        Attributes of a fitted estimator.
    dtype : dtype or None
        Of the numbers in the graph; None is that of the network.
    classes : ndarray or None
        Labels in place of ``classes_``.
    """
    weights = Weights(fitted["coefs_"], fitted["intercepts_"])
    graph = Graph(weights.dtype if dtype is None else dtype)
    z1 = graph.add("Gemm", INPUT, graph.weights("W1", weights.w1), graph.weights("b1", weights.b1))
    a1 = ACTIVATION_GRAPHS[ACTIVATIONS[fitted["_activation"]]](graph, z1, fitted["_activation_slope"])
    z2 = graph.add("Gemm", a1, graph.weights("W2", weights.w2), graph.weights("b2", weights.b2))
    output, n_outputs = OUTPUTS[fitted["out_activation_"]], weights.w2.shape[1]
    a2 = OUTPUT_GRAPHS[output](graph, z2)
    if "classes_" not in fitted:
        graph.outputs["variable"] = Output(a2, graph.dtype, [None, n_outputs])
        return graph
    columns = columns_of(output, n_outputs)
    if columns > n_outputs:
        a2 = graph.add("Concat", graph.add("Sub", 1, a2), a2, axis=1)
    if fitted["_label_kind"] == SINGLE:
        # of the two columns of a single class, both lead to it
        labels = np.resize(writable_labels(fitted["classes_"] if classes is None else classes), columns)
        best = graph.add("ArgMax", a2, axis=1, keepdims=0)
        label = Output(graph.add("Gather", graph.constant("classes", labels), best, axis=0), labels.dtype, [None])
    else:
        indicators = graph.add("Cast", graph.add("Greater", a2, 0.5), to=TensorProto.INT64)
        label = Output(indicators, np.dtype(np.int64), [None, columns])
    graph.outputs = {"label": label, "probabilities": Output(a2, graph.dtype, [None, columns])}
    return graph


def writable_labels(classes):
    """Return classes in a dtype that ONNX has: int64, bool, float32, float64, or object if they are str.

    Raises
    ------
    ValueError
        If a class can be written in none of them.
    """
    real = np.float32 if classes.dtype.itemsize <= 4 else np.float64
    kinds = {"b": np.bool_, "i": np.int64, "u": np.int64, "f": real, "U": object, "T": object, "O": object}
    kind = kinds.get(classes.dtype.kind)
    labels = classes if kind is None else classes.astype(kind)
    for label, written in zip(classes, labels, strict=True):
        if kind is None or not (_is_text(written) if kind is object else label == written):
            raise ValueError(
                f"The class {label!r} is not a label that ONNX can hold: classes_ must all be str, bool, floats or"
                f" integers of 64 bits, got an array of dtype {classes.dtype}."
            )
    return labels


def _is_text(label):
    """Return whether a label is a str that can be encoded; half of a surrogate pair cannot."""
    return isinstance(label, str) and label.encode(errors="ignore").decode() == label


# --- export ---------------------------------------------------------------------------------------------


def to_onnx(
    model: ShallowNetClassifier | ShallowNetRegressor, *, input_name: str = "X", dtype: DTypeLike | None = None
) -> ModelProto:
    """Return a fitted network as an ONNX model.

    Parameters
    ----------
    model : ShallowNetClassifier or ShallowNetRegressor
        A fitted estimator. For a Pipeline use ``skl2onnx.to_onnx``; the docstring of this module says how.
    input_name : str, default='X'
        Name of the model's input, of shape (n_samples, n_features).
    dtype : {float32, float64} or None, default=None
        Type of the input and of all numbers within: None is that of the fit. Other languages mostly expect float32,
        which also halves the file.

    Returns
    -------
    onnx_model : onnx.ModelProto
        Write it to a file with ``onnx.save``. It has opset 17 and IR version 8. A classifier has two outputs, 'label'
        and 'probabilities', which are what ``predict`` and ``predict_proba`` return. Labels are of int64, bool, str or
        floats, as ``classes_`` are; for multilabel targets they are an indicator matrix of int64, also where y was
        sparse. A regressor has the output 'variable', of shape (n_samples, n_outputs).

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If it is another estimator.
    ValueError
        If ``input_name`` is empty or the name of another tensor, ``dtype`` is another one or too narrow for a weight,
        or a class is not a label that ONNX can hold, such as bytes, dates, or integers beyond 64 bits.

    Notes
    -----
    For inputs like those of the fit, probabilities differ from those of ``predict_proba`` by about 1e-6 or less in
    float32 and 1e-12 in float64, with the activation 'gelu' by 1e-7: runtimes lack its error function in float64.
    Predictions of a regressor differ by as much, relative to the largest of them. Labels are the same, except where
    two probabilities, or one and one half, are as close as that. Equal probabilities give the first class, as in
    ``predict``.

    Sums are rounded in another order, so differences grow with the numbers that are added. For any x whose outputs are
    finite, they are at most 1e-6, 1e-12 or 1e-7 times the larger of 1 and of the largest element of
    ``(abs(x) @ abs(W1) + abs(b1)) @ abs(W2) + abs(b2)``; for loss='poisson', relative to the prediction. Where
    ``predict`` raises an error because X has NaN or infinity, or numbers so large that the outputs are not finite, the
    ONNX model returns NaN, infinity or an arbitrary class. A probability below 1e-7 may be another one, or 0.

    References
    ----------
    The operators: https://onnx.ai/onnx/operators

    Examples
    --------
    >>> from onnx.reference import ReferenceEvaluator
    >>> from sklearn.datasets import load_iris
    >>> from shallownet import ShallowNetClassifier
    >>> from shallownet.onnx import to_onnx
    >>> X, y = load_iris(return_X_y=True)
    >>> model = ShallowNetClassifier(8, learning_rate_init=0.03, tol=1e-3, random_state=0).fit(X, y)
    >>> labels, probabilities = ReferenceEvaluator(to_onnx(model)).run(None, {"X": X})
    >>> bool((labels == model.predict(X)).all()), probabilities.shape
    (True, (150, 3))
    """
    if not isinstance(model, BaseShallowNet):
        raise TypeError(
            "model must be a ShallowNetClassifier or a ShallowNetRegressor; import shallownet.onnx and use"
            f" skl2onnx.to_onnx for a Pipeline that ends in one. Got {model!r}."
        )
    fitted = model._fitted()
    graph = network_graph(fitted, _checked_dtype(dtype))
    if not isinstance(input_name, str) or not input_name:
        raise ValueError(f"input_name must be a str that is not empty, got {input_name!r}.")
    if input_name in {*graph.constants, *graph.outputs, *(node.output for node in graph.nodes)}:
        raise ValueError(f"input_name={input_name!r} is the name of another tensor of the graph.")

    names = {INPUT: input_name} | {output.tensor: name for name, output in graph.outputs.items()}

    def named(tensor):
        return names.get(tensor, tensor)

    nodes = [
        helper.make_node(node.operator, [*map(named, node.inputs)], [named(node.output)], **node.attributes)
        for node in graph.nodes
    ]
    features = len(fitted["coefs_"][0])
    return helper.make_model(
        helper.make_graph(
            nodes,
            type(model).__name__,
            [_value_info(input_name, graph.dtype, [None, features])],
            [_value_info(name, output.dtype, output.shape) for name, output in graph.outputs.items()],
            [numpy_helper.from_array(array, name) for name, array in graph.constants.items()],
        ),
        producer_name="shallownet",
        producer_version=__version__,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )


def _checked_dtype(dtype):
    if dtype is None:
        return None
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = None
    if found not in (np.float32, np.float64):
        raise ValueError(f"dtype must be float32, float64 or None, got {dtype!r}.")
    return found


def _value_info(name, dtype, shape):
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(dtype), shape)


# --- skl2onnx -------------------------------------------------------------------------------------------


def _graph_of(operator):
    """Return the Graph of the estimator that skl2onnx is converting."""
    from skl2onnx.common.data_types import DoubleTensorType

    model = operator.raw_operator
    fitted, classes = model._fitted(), None
    if "classes_" in fitted:
        classes = fitted["classes_"]
        if operator.scope_inst.get_options(model, {"nocl": False})["nocl"]:
            classes = np.arange(len(classes))
        elif classes.dtype.kind in "bf":  # floats that scikit-learn takes for labels are whole numbers
            classes = classes.astype(np.int64)
    is_double = isinstance(operator.inputs[0].type, DoubleTensorType)
    return network_graph(fitted, np.float64 if is_double else np.float32, classes)


def _set_output_types(operator):
    """Set the types and shapes of the results of an estimator."""
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType, StringTensorType
    from skl2onnx.common.utils import check_input_and_output_numbers

    check_input_and_output_numbers(operator, input_count_range=1)
    types = {"float32": FloatTensorType, "float64": DoubleTensorType, "int64": Int64TensorType}
    samples = operator.inputs[0].get_first_dimension()
    for variable, output in zip(operator.outputs, _graph_of(operator).outputs.values(), strict=True):
        variable.set_type(types.get(output.dtype.name, StringTensorType)([samples, *output.shape[1:]]))


def _convert(scope, operator, container):
    """Add the nodes of an estimator to those of a Pipeline, under names that are not yet taken there."""
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

    graph = _graph_of(operator)
    variables = zip(graph.outputs.values(), operator.outputs, strict=True)
    names = {INPUT: operator.inputs[0].full_name} | {
        output.tensor: variable.full_name for output, variable in variables
    }
    for tensor in (*graph.constants, *(node.output for node in graph.nodes)):
        if tensor not in names:
            names[tensor] = scope.get_unique_variable_name(tensor)

    def add_node(operator_name, inputs, output, attributes):
        container.add_node(
            operator_name, inputs, [output], name=scope.get_unique_operator_name(operator_name), **attributes
        )

    real = helper.np_dtype_to_tensor_dtype(graph.dtype)
    if not isinstance(operator.inputs[0].type, (DoubleTensorType, FloatTensorType)):
        names[INPUT] = scope.get_unique_variable_name("cast_input")
        add_node("Cast", [operator.inputs[0].full_name], names[INPUT], {"to": real})
    for tensor, array in graph.constants.items():
        values = [text.encode() for text in array] if array.dtype == object else array.ravel()
        container.add_initializer(names[tensor], helper.np_dtype_to_tensor_dtype(array.dtype), array.shape, values)
    for node in graph.nodes:
        add_node(node.operator, [names[tensor] for tensor in node.inputs], names[node.output], node.attributes)


def _register():
    """Have skl2onnx convert both estimators."""
    from skl2onnx import update_registered_converter

    options = {"zipmap": [True, False, "columns"], "nocl": [True, False], "output_class_labels": [False, True]}
    update_registered_converter(
        ShallowNetClassifier, "ShallowNetClassifier", _set_output_types, _convert, options=options
    )
    update_registered_converter(ShallowNetRegressor, "ShallowNetRegressor", _set_output_types, _convert)


try:
    import skl2onnx  # noqa: F401  (it takes 0.3 s)
except Exception:  # it is not installed, or does not go with the other packages, as whoever imports it will see
    pass
else:
    _register()
