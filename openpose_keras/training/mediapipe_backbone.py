"""Start hand_lite's backbone from MediaPipe's hand landmark network.

The file is hand_landmark_full.tflite (Apache-2.0, Google; npm package @mediapipe/hands
0.4.1675469240). Its first 45 convolutions are the stem and the blocks of `networks.LITE_BLOCKS` in
the same order, with normalisation folded in, so its weights go over in one loop. The flatbuffer is
read with the PyPI package `tflite`; nothing is executed.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from openpose_keras.core.errors import WeightsError

if TYPE_CHECKING:
    import keras

SOURCE = "hand_landmark_full.tflite of the npm package @mediapipe/hands 0.4.1675469240"


def read_convolutions(path: str | Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Read kernels and biases of all convolutions of a tflite file, in the order of execution.

    Args:
        path: The tflite file, float16 or float32 weights.

    Returns:
        Pairs (kernel, bias), float32, in Keras's layouts: (h, w, in, out) for a convolution,
        (h, w, channels, 1) for a depthwise convolution; bias (out,).

    Raises:
        WeightsError: The file is missing, is not a tflite model, or is damaged.
    """
    try:
        data = Path(path).read_bytes()
        if data[4:8] != b"TFL3":
            raise ValueError("it has no mark of tflite")
        return list(_convolutions(data))
    except (OSError, struct.error, AttributeError, IndexError, TypeError, ValueError) as error:
        raise WeightsError(f"expected {SOURCE} as {path}, got {error!r}: copy it again") from error


def _convolutions(data: bytes) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Walk the operators; a weight may stand behind a DEQUANTIZE from float16."""
    import tflite

    model = tflite.Model.GetRootAs(data, 0)
    graph = model.Subgraphs(0)
    operators = [graph.Operators(index) for index in range(graph.OperatorsLength())]
    sources = {}
    for operator in operators:
        code = model.OperatorCodes(operator.OpcodeIndex()).DeprecatedBuiltinCode()
        if code == tflite.BuiltinOperator.DEQUANTIZE:
            sources[operator.Outputs(0)] = operator.Inputs(0)
        if code in (tflite.BuiltinOperator.CONV_2D, tflite.BuiltinOperator.DEPTHWISE_CONV_2D):
            inputs = (operator.Inputs(slot) for slot in (1, 2))
            kernel, bias = (_tensor(model, graph, sources.get(each, each)) for each in inputs)
            # tflite stores (out, h, w, in), and (1, h, w, channels) where depthwise.
            yield kernel.transpose(1, 2, 3, 0), bias


def _tensor(model: Any, graph: Any, index: int) -> np.ndarray:  # noqa: ANN401 - tflite is untyped
    """Return one constant tensor as float32."""
    import tflite

    tensor = graph.Tensors(index)
    dtype = np.float16 if tensor.Type() == tflite.TensorType.FLOAT16 else np.float32
    values = model.Buffers(tensor.Buffer()).DataAsNumpy().view(dtype)
    return np.asarray(values.reshape(tensor.ShapeAsNumpy()), np.float32)


def backbone_layers(network: "keras.Model") -> list["keras.layers.Layer"]:
    """Return the layers of hand_lite that MediaPipe's network has too, in its order."""
    layers = [layer for layer in network.layers if layer.name.startswith(("stem", "block"))]
    return [layer for layer in layers if layer.weights]


def load_mediapipe_backbone(network: "keras.Model", path: str | Path) -> None:
    """Load MediaPipe's weights into the backbone of `networks.hand_lite()`, in place.

    Args:
        network: A network of `networks.hand_lite()`.
        path: The tflite file.

    Raises:
        WeightsError: The file is missing, damaged, or of another structure.
    """
    layers = backbone_layers(network)
    # The last two convolutions of the file widen its coarsest level for its own output.
    pairs = read_convolutions(path)[: len(layers)]
    expected = [tuple(layer.weights[0].shape) for layer in layers]
    found = [kernel.shape for kernel, _ in pairs]
    if expected != found:
        raise WeightsError(f"expected {SOURCE} as {path}, with kernels {expected}, got {found}")
    for layer, (kernel, bias) in zip(layers, pairs, strict=True):
        layer.set_weights([kernel, bias])
