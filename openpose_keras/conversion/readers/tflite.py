"""Weights in tflite files, in the order of execution, and MediaPipe's names in them.

The flatbuffer is read with the PyPI package `tflite`; nothing is executed.
"""

import struct
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from openpose_keras.conversion.layouts import Layers
from openpose_keras.core.errors import WeightsError

# The heads that have names in the tflite files. All other layers follow one another, in the files
# as in our networks, while a head may stand anywhere behind its input.
HEADS = {
    "classifier_palm_8_NO_PRUNING": "logits8",
    "classifier_palm_16_NO_PRUNING": "logits16",
    "regressor_palm_8_NO_PRUNING": "palms8",
    "regressor_palm_16_NO_PRUNING": "palms16",
    "classificator_8": "logits8",
    "classificator_16": "logits16",
    "regressor_8": "faces8",
    "regressor_16": "faces16",
    "conv_eyes_contours_and_brows": "contour",
    "conv_iris": "iris",
    "conv_handflag": "presence",
    "conv_handedness": "right",
    "conv_landmarks": "points",
    "conv_world_landmarks": "world",
}


def _kernel(stored: np.ndarray) -> np.ndarray:
    """Convert a kernel (out, h, w, in), or depthwise (1, h, w, channels), to Keras's layout."""
    return stored.transpose(1, 2, 3, 0)


# What an operator's first constant is in Keras's layout; a bias may follow it.
_LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "CONV_2D": _kernel,
    "DEPTHWISE_CONV_2D": _kernel,
    "FULLY_CONNECTED": np.transpose,
    "PRELU": np.asarray,
}


def read_tflite(path: Path) -> Layers:
    """Read the weights of all convolutions, dense layers and PReLUs of a tflite file.

    Args:
        path: The file, with float16 or float32 weights.

    Returns:
        The arrays of each operator by the name of its first array in the file, in the order of
        execution, in float32 and in Keras's layouts.

    Raises:
        WeightsError: The file is damaged.
        ImportError: The package `tflite` is not installed.
    """
    try:
        import tflite  # noqa: F401 - its absence is not damage
    except ImportError as error:
        raise ImportError(f"reading {path} needs tflite: pip install tflite ({error})") from error
    try:
        return _read(path.read_bytes())
    except (struct.error, AttributeError, IndexError, TypeError, ValueError) as error:
        raise WeightsError(
            f"expected a whole tflite model, but {path} is damaged ({error}): get the file again"
        ) from error


def _read(data: bytes) -> Layers:
    """Iterate over the operators; a weight may be behind a DEQUANTIZE from float16."""
    import tflite

    model = tflite.Model.GetRootAs(data, 0)
    graph = model.Subgraphs(0)
    layers = {}
    stored = {}
    for index in range(graph.OperatorsLength()):
        operator = graph.Operators(index)
        code = model.OperatorCodes(operator.OpcodeIndex()).DeprecatedBuiltinCode()
        kind = tflite.opcode2name(code)
        if kind == "DEQUANTIZE":
            stored[operator.Outputs(0)] = operator.Inputs(0)
        elif kind in _LAYOUTS:
            inputs = operator.InputsAsNumpy()[1:]
            first, *bias = (_tensor(model, graph, stored.get(each, each)) for each in inputs)
            name = graph.Tensors(inputs[0]).Name().decode()
            layers[name] = (_LAYOUTS[kind](first), *bias)
    return layers


def _tensor(model: Any, graph: Any, index: int) -> np.ndarray:  # noqa: ANN401 - tflite is untyped
    """Return one constant tensor as float32."""
    import tflite

    tensor = graph.Tensors(index)
    dtype = np.float16 if tensor.Type() == tflite.TensorType.FLOAT16 else np.float32
    values: np.ndarray = model.Buffers(tensor.Buffer()).DataAsNumpy().view(dtype)
    return values.reshape(tensor.ShapeAsNumpy()).astype(np.float32)


def name_layers(layers: Layers, names: Iterable[str]) -> Layers:
    """Rename the layers of a tflite file to the names of a network's layers.

    Args:
        layers: The layers from `readers.tflite.read_tflite`, in the order of execution.
        names: Names of the network's layers with weights, in its order.

    Returns:
        The same arrays. Heads are matched by name, and the other layers in order. Additional layers
        of the file keep their own names.
    """
    heads = {
        name: ours for name in layers for theirs, ours in HEADS.items() if theirs in name.split("/")
    }
    # A file without any of these names, face_landmark.tflite, has its heads in order too.
    others = iter(name for name in names if not heads or name not in HEADS.values())
    return {heads.get(name) or next(others, name): arrays for name, arrays in layers.items()}
