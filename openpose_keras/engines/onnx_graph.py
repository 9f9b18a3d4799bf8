"""Write a Keras network as an ONNX graph: channels first inside, channels last at both ends.

The graph takes any number of images of any size that the network accepts. It is written layer by
layer from the Keras graph and does not depend on Keras's backend.
"""

import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from openpose_keras.core.errors import NetworkError
from openpose_keras.engines.files import data_sets, read_data_set

if TYPE_CHECKING:
    import keras
    import onnx


OPSET, IR_VERSION = 17, 8  # of 2022: what reads ONNX at all reads these
_TO_FIRST, _TO_LAST = [0, 3, 1, 2], [0, 2, 3, 1]  # permutations of four axes
_AXIS = {1: 2, 2: 3, 3: 1, -1: 1}  # of four axes with channels last, and the same with them first
_ACTIVATIONS = {"relu": "Relu", "elu": "Elu", "sigmoid": "Sigmoid"}


def to_onnx(model: "keras.Model", *, half: bool = False, **metadata: str) -> "onnx.ModelProto":
    """Convert a network of `networks` with its weights into an ONNX model.

    Args:
        model: A model with one input, (n, h, w, 3) float32. Its output is one array, which is named
            `keypoints`, or a dictionary of arrays.
        half: Whether to store weights as float16. The computation uses float32.
        **metadata: Texts to store in the model, by name.

    Returns:
        The model, with a variable batch size, and with variable height and width if the network has
        them.

    Raises:
        NetworkError: A type of layer is not supported, or the outputs are those of several stages.
        ImportError: The package `onnx` is not installed.
    """
    import onnx

    proto = _write(model, _Writer(weights=True, half=half))
    onnx.helper.set_model_props(proto, metadata)
    onnx.checker.check_model(proto)
    return proto


def to_graph(model: "keras.Model") -> "tuple[onnx.ModelProto, dict[str, dict[str, object]]]":
    """Convert a network of `networks` into an ONNX model without weights.

    Args:
        model: As for `to_onnx`.

    Returns:
        The model, and a mapping from the name of each weight to its location in the network's
        .weights.h5 file, for `engines.files.read_weights`.

    Raises:
        NetworkError, ImportError: As for `to_onnx`.
    """
    writer = _Writer(weights=False)
    proto = _write(model, writer)
    data = _stored_as(model)
    places: dict[str, dict[str, object]] = {
        name: {"data": data[id(variable)], "shape": list(variable.shape), "axes": axes}
        for name, (variable, axes) in writer.variables.items()
    }
    return proto, places


def _write(model: "keras.Model", writer: "_Writer") -> "onnx.ModelProto":
    """Write all layers of a model."""
    import onnx

    image = model.inputs[0]
    names = {id(image): writer.node("Transpose", [image.name], "input_first", perm=_TO_FIRST)}
    for operation in model.operations:
        if id(operation.output) not in names:
            sources = _sources(operation)
            names[id(operation.output)] = writer.write(operation, [names[id(x)] for x in sources])
    outputs = named_outputs(model)
    for name, tensor in outputs.items():
        last = len(tensor.shape) == 4
        kind, options = ("Transpose", {"perm": _TO_LAST}) if last else ("Identity", {})
        node = onnx.helper.make_node(kind, [names[id(tensor)]], [name], name, **options)
        writer.nodes.append(node)
    graph = onnx.helper.make_graph(
        writer.nodes,
        model.name,
        [_value(image.name, image.shape)],
        [_value(name, tensor.shape) for name, tensor in outputs.items()],
        writer.initializers,
    )
    return onnx.helper.make_model(
        graph,
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="openpose_keras",
    )


def named_outputs(model: "keras.Model") -> Mapping[str, "keras.KerasTensor"]:
    """Return the outputs of a model by name."""
    if isinstance(model.output, Mapping):
        return model.output
    if len(model.outputs) > 1:
        raise NetworkError(
            f"expected a network that returns maps by name, got {len(model.outputs)} outputs: "
            "build it without all_stages"
        )
    return {"keypoints": model.outputs[0]}


def _sources(operation: "keras.Operation") -> "list[keras.KerasTensor]":
    """Return the input tensors of an operation, in order."""
    tensors = operation.input
    return list(tensors) if isinstance(tensors, list | tuple) else [tensors]


def _value(name: str, shape: Sequence[int | None]) -> "onnx.ValueInfoProto":
    """Describe an input or output; a variable axis is named after the tensor and its number."""
    import onnx

    axes = ["n" if axis == 0 else side or f"{name}_{axis}" for axis, side in enumerate(shape)]
    return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, axes)


def _stored_as(model: "keras.Model") -> dict[int, str]:
    """Map the id of each variable to its data set in a .weights.h5 file.

    To find them, Keras writes such a file in which the values of each variable are its number.
    """
    import h5py
    import keras

    marked = keras.models.clone_model(model)
    marked.set_weights([np.full(each.shape, i, np.float32) for i, each in enumerate(model.weights)])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "marked.weights.h5"
        marked.save_weights(path)
        with h5py.File(path) as file:
            sets = data_sets(file["layers"])
            found = {int(read_data_set(each).flat[0]): name for name, each in sets.items()}
    return {id(each): found[i] for i, each in enumerate(model.weights)}


class _Writer:
    """The nodes and initializers of a graph that is being written."""

    def __init__(self, *, weights: bool, half: bool = False) -> None:
        """Begin with an empty graph."""
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.variables: dict[str, tuple[keras.Variable, list[int]]] = {}
        self.size = 0  # bytes of the variables, one behind the other
        self._weights = weights
        self._half = half

    def write(self, operation: "keras.Operation", inputs: list[str]) -> str:
        """Write one layer or operation, and return the name of its output."""
        kind = type(operation).__name__
        if kind not in _WRITERS:
            raise NetworkError(
                f"expected layers among {', '.join(sorted(_WRITERS))}, got {operation.name}, which "
                f"is a {kind}: run this network with Keras"
            )
        return _WRITERS[kind](self, operation, inputs)

    def node(self, kind: str, inputs: Sequence[str], output: str, **attributes: object) -> str:
        """Add a node with one output, and return the output's name; no network output has a "/"."""
        import onnx

        output = f"/{output}"
        self.nodes.append(onnx.helper.make_node(kind, inputs, [output], output, **attributes))
        return output

    def constant(self, name: str, values: object, dtype: Any = np.float32) -> str:  # noqa: ANN401
        """Add constants that are not weights, and return their name."""
        import onnx

        self.initializers.append(onnx.numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def variable(self, name: str, variable: "keras.Variable", axes: Sequence[int]) -> str:
        """Add a weight with reordered axes, and return its name."""
        import onnx

        if not self._weights:
            self.variables[name] = (variable, list(axes))
            shape = [variable.shape[axis] for axis in axes]
            empty = onnx.TensorProto(name=name, data_type=onnx.TensorProto.FLOAT, dims=shape)
            empty.data_location = onnx.TensorProto.EXTERNAL
            size = 4 * math.prod(shape)
            for key, value in (("location", "weights"), ("offset", self.size), ("length", size)):
                empty.external_data.add(key=key, value=str(value))
            self.size += size
            self.initializers.append(empty)
            return name
        values = np.ascontiguousarray(np.asarray(variable.numpy(), np.float32).transpose(axes))
        if not self._half:
            return self.constant(name, values)
        stored = self.constant(f"{name}_half", values, np.float16)
        return self.node("Cast", [stored], name, to=onnx.TensorProto.FLOAT)

    def activate(self, x: str, layer: "keras.Layer") -> str:
        """Apply the activation of a layer."""
        name = layer.activation.__name__
        if name == "linear":
            return x
        if name not in _ACTIVATIONS:
            raise NetworkError(
                f"expected an activation among linear, {', '.join(_ACTIVATIONS)}, got {name} of "
                f"{layer.name}: run this network with Keras"
            )
        return self.node(_ACTIVATIONS[name], [x], f"{layer.name}_{name}")


def _window(layer: Any, kernel: Sequence[int]) -> dict[str, object]:  # noqa: ANN401 - any layer
    """Return kernel shape, strides, dilations and padding of a convolution or pooling layer."""
    strides = list(layer.strides)
    dilations = list(getattr(layer, "dilation_rate", (1, 1)))
    options: dict[str, object] = {"kernel_shape": list(kernel), "strides": strides}
    if dilations != [1, 1]:
        options["dilations"] = dilations
    if layer.padding == "valid":
        return options
    if strides != [1, 1]:
        return options | {"auto_pad": "SAME_UPPER"}
    missing = [rate * (side - 1) for side, rate in zip(kernel, dilations, strict=True)]
    return options | {"pads": [each // 2 for each in missing] + [-(-each // 2) for each in missing]}


def _convolution(writer: _Writer, layer: Any, inputs: list[str]) -> str:  # noqa: ANN401
    """Write a convolution or a depthwise convolution."""
    alone = type(layer).__name__ == "DepthwiseConv2D"
    axes = [2, 3, 0, 1] if alone else [3, 2, 0, 1]
    if getattr(layer, "depth_multiplier", 1) != 1:
        raise NetworkError(f"{layer.name}: expected a depth_multiplier of 1")
    inputs = [*inputs, writer.variable(f"{layer.name}/kernel", layer.kernel, axes)]
    if layer.use_bias:
        inputs.append(writer.variable(f"{layer.name}/bias", layer.bias, [0]))
    group = layer.kernel.shape[2] if alone else layer.groups
    options = _window(layer, layer.kernel_size)
    return writer.activate(writer.node("Conv", inputs, layer.name, group=group, **options), layer)


def _pool(writer: _Writer, layer: Any, inputs: list[str]) -> str:  # noqa: ANN401
    """Write max pooling."""
    return writer.node("MaxPool", inputs, layer.name, **_window(layer, layer.pool_size))


def _dense(writer: _Writer, layer: Any, inputs: list[str]) -> str:  # noqa: ANN401
    """Write a fully connected layer."""
    kernel = writer.variable(f"{layer.name}/kernel", layer.kernel, [0, 1])
    bias = writer.variable(f"{layer.name}/bias", layer.bias, [0])
    return writer.activate(writer.node("Gemm", [*inputs, kernel, bias], f"{layer.name}_sum"), layer)


def _normalisation(writer: _Writer, layer: Any, inputs: list[str]) -> str:  # noqa: ANN401
    """Write batch normalisation with the statistics from training."""
    names = ("gamma", "beta", "moving_mean", "moving_variance")
    weights = [writer.variable(f"{layer.name}/{name}", getattr(layer, name), [0]) for name in names]
    kind, epsilon = "BatchNormalization", float(layer.epsilon)
    return writer.node(kind, [*inputs, *weights], layer.name, epsilon=epsilon)


def _prelu(writer: _Writer, layer: Any, inputs: list[str]) -> str:  # noqa: ANN401
    """Write a PReLU with one slope per channel, a x + (1 - a) max(x, 0).

    The products are depthwise convolutions, which engines implement for their own array layouts,
    unlike ONNX's PRelu.
    """
    name, channels = layer.name, layer.alpha.shape[-1]
    slope = writer.variable(f"{name}/alpha", layer.alpha, [2, 0, 1])
    slope = writer.node(
        "Unsqueeze", [slope, writer.constant(f"{name}/axis", [3], np.int64)], f"{name}_slope"
    )
    rest = writer.node("Sub", [writer.constant(f"{name}/one", 1.0), slope], f"{name}_rest")
    above = writer.node("Relu", inputs, f"{name}_above")
    options = {"group": channels, "kernel_shape": [1, 1]}
    above = writer.node("Conv", [above, rest], f"{name}_scaled", **options)
    below = writer.node("Conv", [*inputs, slope], f"{name}_sloped", **options)
    return writer.node("Add", [below, above], name)


def _relu(writer: _Writer, layer: Any, inputs: list[str]) -> str:  # noqa: ANN401
    """Write a ReLU, with an upper limit if it has one."""
    if layer.max_value is None:
        return writer.node("Relu", inputs, layer.name)
    limits = [
        writer.constant(f"{layer.name}/{name}", value)
        for name, value in (("min", 0.0), ("max", layer.max_value))
    ]
    return writer.node("Clip", [*inputs, *limits], layer.name)


def _rescaling(writer: _Writer, layer: Any, inputs: list[str]) -> str:  # noqa: ANN401
    """Write x * scale + offset."""
    scale = writer.constant(f"{layer.name}/scale", layer.scale)
    scaled = writer.node("Mul", [*inputs, scale], f"{layer.name}_scaled")
    offset = writer.constant(f"{layer.name}/offset", layer.offset)
    return writer.node("Add", [scaled, offset], layer.name)


def _padding(writer: _Writer, layer: Any, inputs: list[str]) -> str:  # noqa: ANN401
    """Write zero padding of the spatial axes or of the channels."""
    if type(layer).__name__ == "ZeroPadding2D":
        label, widths = layer.name, [(0, 0), *layer.padding, (0, 0)]
    else:  # no layer: Keras numbers these through all networks of the process
        label, widths = f"{inputs[0].strip('/')}_padded", list(layer.pad_width)
    ordered = [widths[axis] for axis in _TO_FIRST]
    pads = [begin for begin, _ in ordered] + [end for _, end in ordered]
    amounts = writer.constant(f"{label}/pads", pads, np.int64)
    return writer.node("Pad", [*inputs, amounts], label)


def _concatenation(writer: _Writer, layer: Any, inputs: list[str]) -> str:  # noqa: ANN401
    """Write a concatenation."""
    axis = _AXIS[layer.axis] if len(layer.output.shape) == 4 else layer.axis
    return writer.node("Concat", inputs, layer.name, axis=axis)


def _upsampling(writer: _Writer, layer: Any, inputs: list[str]) -> str:  # noqa: ANN401
    """Write bilinear upsampling by a factor of 2."""
    scales = writer.constant(f"{layer.name}/scales", [1, 1, 2, 2])
    mode = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    return writer.node("Resize", [*inputs, "", scales], layer.name, **mode)


def _mean(writer: _Writer, layer: Any, inputs: list[str]) -> str:  # noqa: ANN401
    """Write global average pooling over height and width."""
    mean = writer.node("GlobalAveragePool", inputs, f"{layer.name}_mean")
    return writer.node("Flatten", [mean], layer.name)


def _reshape(writer: _Writer, layer: Any, inputs: list[str]) -> str:  # noqa: ANN401
    """Write a reshape of an array with channels last."""
    if len(layer.input.shape) == 4:
        inputs = [writer.node("Transpose", inputs, f"{layer.name}_last", perm=_TO_LAST)]
    # One axis can be left open. Where it is not the batch, 0 keeps the batch as it is.
    batch = 0 if -1 in layer.target_shape else -1
    shape = writer.constant(f"{layer.name}/shape", [batch, *layer.target_shape], np.int64)
    return writer.node("Reshape", [*inputs, shape], layer.name)


def _activation(writer: _Writer, layer: Any, inputs: list[str]) -> str:  # noqa: ANN401
    """Write an activation layer."""
    return writer.activate(inputs[0], layer)


def _addition(writer: _Writer, layer: Any, inputs: list[str]) -> str:  # noqa: ANN401
    """Write a sum."""
    return writer.node("Add" if len(inputs) == 2 else "Sum", inputs, layer.name)


_WRITERS: dict[str, Callable[[_Writer, Any, list[str]], str]] = {
    "Activation": _activation,
    "Add": _addition,
    "BatchNormalization": _normalisation,
    "Concatenate": _concatenation,
    "Conv2D": _convolution,
    "Dense": _dense,
    "DepthwiseConv2D": _convolution,
    "GlobalAveragePooling2D": _mean,
    "MaxPooling2D": _pool,
    "PReLU": _prelu,
    "Pad": _padding,
    "ReLU": _relu,
    "Rescaling": _rescaling,
    "Reshape": _reshape,
    "UpsampleBilinear2x": _upsampling,
    "ZeroPadding2D": _padding,
}
