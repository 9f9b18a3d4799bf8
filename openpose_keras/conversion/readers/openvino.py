"""Weights in OpenVINO's IR: a graph in an .xml file, with its constants in a .bin file.

Nothing is executed. The operations are those of OpenVINO's opset1.
"""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from openpose_keras.conversion.layouts import Layers
from openpose_keras.core.arrays import FloatArray
from openpose_keras.core.errors import WeightsError

_MOST = 1 << 20  # bytes of a graph; 58 convolutions with all that is around them need 435,000
_TYPES = {"f16": np.float16, "f32": np.float32, "i8": np.int8, "u8": np.uint8}
# The order of a kernel's axes (out, in, h, w) in Keras; a depthwise one has (channels, 1, h, w).
_AXES = {"Convolution": (2, 3, 1, 0), "GroupConvolution": (2, 3, 0, 1)}


def read_openvino(path: Path) -> Layers:
    """Read the weights of all convolutions of a network in OpenVINO's IR.

    8-bit weights are dequantised with their FakeQuantize operation. The preprocessing of the image
    in the graph, a x + b, is folded into the first convolution, so that it takes x / 256 - 0.5 like
    all networks here. This is exact if b is -128 a. For any other b it is not exact at the border,
    where the zeros of the padding represent another colour.

    Args:
        path: The .xml file. Every convolution must have a bias, and one group or be depthwise.

    Returns:
        Kernel and bias of each convolution by its name, with "_" for "/", in float32 and in Keras's
        layout.

    Raises:
        WeightsError: One of the two files is missing or damaged.
    """
    constants = path.with_suffix(".bin")
    if path.suffix != ".xml" or not constants.is_file():
        raise WeightsError(
            f"expected NAME.xml and NAME.bin side by side, but there is no {constants.name} for "
            f"{path}: get both files of the network"
        )
    try:
        with np.errstate(divide="raise", invalid="raise", over="raise"):
            return _read_layers(_parse(path), constants.read_bytes())
    except (ArithmeticError, LookupError, RecursionError, SyntaxError, ValueError) as error:
        raise WeightsError(
            f"expected a whole OpenVINO network, but {path} or its .bin is damaged ({error!r}): "
            "get both files again"
        ) from error


def _parse(path: Path) -> ElementTree.Element:
    """Return the graph, unless it is too long or defines entities, which could expand."""
    text = path.read_bytes()
    if len(text) > _MOST or b"<!DOCTYPE" in text:
        raise ValueError(f"a graph has at most {_MOST} bytes and no DOCTYPE")
    return ElementTree.fromstring(text)


def _read_layers(root: ElementTree.Element, data: bytes) -> Layers:
    """Return all convolutions; a valid file has no more numbers than bytes."""
    nodes = {node.attrib["id"]: node for node in root.iterfind("layers/layer")}
    inputs: dict[str, dict[int, str]] = defaultdict(dict)
    for edge in root.iterfind("edges/edge"):
        inputs[edge.attrib["to-layer"]][int(edge.attrib["to-port"])] = edge.attrib["from-layer"]
    graph = _Graph(nodes, inputs, data)
    biases = {inputs[key][0]: inputs[key][1] for key in nodes if graph.kind(key) == "Add"}
    layers: Layers = {}
    count = 0
    for key, node in nodes.items():
        if graph.kind(key) in _AXES:
            kernel, bias = graph.constant(inputs[key][1]), graph.constant(biases[key]).ravel()
            count += kernel.size
            if count > len(data):
                raise ValueError(f"more than {len(data)} weights in as many bytes")
            kernel = kernel.reshape(-1, *kernel.shape[-3:]).transpose(_AXES[graph.kind(key)])
            name = node.attrib["name"].removesuffix("/WithoutBiases").replace("/", "_")
            layers[name] = _fold(kernel, bias, graph.scaling(inputs[key][0]))
    return layers


def _fold(
    kernel: FloatArray, bias: FloatArray, scaling: tuple[FloatArray, FloatArray] | None
) -> tuple[FloatArray, FloatArray]:
    """Convert a convolution of a x + b to one of x / 256 - 0.5."""
    if scaling is None:
        return kernel, bias
    factor, offset = (each.reshape(-1, 1) for each in scaling)
    constant = kernel * (128 * factor + offset)
    return kernel * (256 * factor), bias + constant.sum(axis=(0, 1, 2))


@dataclass(frozen=True)
class _Graph:
    """A graph and its constants.

    Args:
        nodes: The operations by their ids, in order of execution.
        inputs: For each operation, the id of the input at each port.
        data: The .bin file.
    """

    nodes: dict[str, ElementTree.Element]
    inputs: dict[str, dict[int, str]]
    data: bytes

    def kind(self, key: str) -> str:
        """Return the type of an operation."""
        return self.nodes[key].attrib["type"]

    def data_of(self, key: str) -> dict[str, str]:
        """Return the settings of an operation."""
        (data,) = self.nodes[key].iter("data")
        return data.attrib

    def constant(self, key: str) -> FloatArray:
        """Return the result of an operation on constants, without applying a reshape."""
        kind = self.kind(key)
        if kind == "Const":
            return self._stored(key)
        if kind == "FakeQuantize":
            return self._quantised(key)
        if kind in ("Convert", "Reshape"):
            return self.constant(self.inputs[key][0])
        raise ValueError(f"a weight comes from the operation {kind!r}")

    def _stored(self, key: str) -> FloatArray:
        """Return a constant from the .bin file."""
        data = self.data_of(key)
        shape = [int(side) for side in data["shape"].split(",") if side]
        dtype = np.dtype(_TYPES[data["element_type"]])
        start, size = int(data["offset"]), int(data["size"])
        count = size // dtype.itemsize
        if min(start, count - 1, *shape) < 0 or start + size > len(self.data):
            raise ValueError(f"bytes {start} to {start + size} of {len(self.data)}")
        values = np.frombuffer(self.data, dtype, count, start)
        return values.reshape(shape).astype(np.float32)

    def _quantised(self, key: str) -> FloatArray:
        """Return a constant dequantised by a FakeQuantize to levels between two bounds."""
        ports = self.inputs[key]
        values, low, high, least, greatest = (self.constant(ports[port]) for port in range(5))
        steps = int(self.data_of(key)["levels"]) - 1
        level = np.round((values.clip(low, high) - low) / (high - low) * steps)
        result: FloatArray = level / np.float32(steps) * (greatest - least) + least
        if result.shape != values.shape:
            raise ValueError(f"weights of the shape {values.shape} become {result.shape}")
        return result

    def scaling(self, key: str) -> tuple[FloatArray, FloatArray] | None:
        """Return a and b if an operation computes a x + b of the image, otherwise None."""
        kind = self.kind(key)
        if kind == "Parameter":
            return np.ones(1, np.float32), np.zeros(1, np.float32)
        if kind not in ("Add", "FakeQuantize", "Multiply"):
            return None
        before = self.scaling(self.inputs[key][0])
        if before is None or kind == "FakeQuantize":
            return before
        (factor, offset), number = before, self.constant(self.inputs[key][1])
        return (
            (factor * number, offset * number) if kind == "Multiply" else (factor, offset + number)
        )
