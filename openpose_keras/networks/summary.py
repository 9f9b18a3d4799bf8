"""Size, receptive field and cost of each layer of a network, from its structure alone.

For example:

    from openpose_keras import networks
    from openpose_keras.networks.summary import layer_table
    print(layer_table(networks.hand(), (368, 368)))
"""

import math
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from openpose_keras.core.arrays import IntArray

if TYPE_CHECKING:
    import keras

Size = tuple[int, int]

_PIXELS = 4096  # of the input on which receptive fields are traced, larger than any of them
_MERGES = ("Add", "Concatenate")
_POINTWISE = ("Activation", "BatchNormalization", "PReLU", "ReLU", "Rescaling", "Pad")
_WHOLE = ("GlobalAveragePooling2D", "Reshape", "Dense")  # their outputs are not maps
_WINDOWS = ("Conv2D", "DepthwiseConv2D", "MaxPooling2D", "AveragePooling2D")


@dataclass(frozen=True)
class LayerFacts:
    """One layer of a network, for one size of input.

    Args:
        name: Name of the layer.
        kernel: (height, width) of its window in cells of its own input; (1, 1) if it has none.
        output_shape: (h, w, channels), or that of an output without height and width.
        receptive_field: Number of input pixels from the first to the last that can change a cell,
            for the cell with the most, in an input of 4096 pixels; the greater of height and width.
            For an output without height and width, the longer side of the input.
        multiply_adds: Multiply-adds of its convolution or matrix for one input, without biases; 0
            for any other layer.
        parameters: Number of its weights, trainable or not.
    """

    name: str
    kernel: Size
    output_shape: tuple[int, ...]
    receptive_field: int
    multiply_adds: int
    parameters: int


@dataclass(frozen=True)
class LayerTable:
    """The layers of a network in order, for one size of input. Print it to see the table.

    Args:
        rows: One for each layer except the input.
        size: (height, width) of the input in pixels.
    """

    rows: tuple[LayerFacts, ...]
    size: Size

    def __len__(self) -> int:
        """Return the number of layers."""
        return len(self.rows)

    def __iter__(self) -> Iterator[LayerFacts]:
        """Iterate over the layers."""
        return iter(self.rows)

    def __getitem__(self, name: str) -> LayerFacts:
        """Return the layer of this name, or raise KeyError."""
        return {row.name: row for row in self.rows}[name]

    @property
    def convolutions(self) -> "LayerTable":
        """The same table with the convolutions only."""
        return LayerTable(tuple(row for row in self.rows if row.multiply_adds), self.size)

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds of all layers, for one input."""
        return sum(row.multiply_adds for row in self.rows)

    @property
    def parameters(self) -> int:
        """Parameters of all layers."""
        return sum(row.parameters for row in self.rows)

    @property
    def receptive_field(self) -> int:
        """The greatest receptive field of all layers, in input pixels."""
        return max((row.receptive_field for row in self.rows), default=1)

    def __str__(self) -> str:
        """Return the table as text."""
        width = max(len("layer"), *(len(row.name) for row in self.rows))
        lines = [
            f"{'layer':<{width}}  {'kernel':<7}{'output':<14}{'sees':>6}{'multiply-adds':>17}"
            f"{'parameters':>13}"
        ]
        for row in self.rows:
            kernel, shape = ("x".join(map(str, sides)) for sides in (row.kernel, row.output_shape))
            lines.append(
                f"{row.name:<{width}}  {kernel:<7}{shape:<14}{row.receptive_field:>6}"
                f"{row.multiply_adds:>17,}{row.parameters:>13,}"
            )
        lines.append(
            f"{len(self)} layers, an input of {self.size[0]}x{self.size[1]}: "
            f"{self.multiply_adds:,} multiply-adds, {self.parameters:,} parameters"
        )
        return "\n".join(lines)


def layer_table(model: "keras.Model", size: Size) -> LayerTable:
    """Describe each layer of one of our networks, or of one built from the same kinds of layers.

    Args:
        model: A model with one input, channels last, that uses each layer once.
        size: (height, width) of the input in pixels, multiples of the network's strides.

    Returns:
        The table.

    Raises:
        ValueError: A layer is of a kind whose receptive field is not known here, or is used twice.
    """
    import keras

    shapes: dict[int, tuple[int, ...]] = {}  # by the id of the tensor
    reaches: dict[int, list[IntArray]] = {}  # along y and x
    rows = []
    for layer in model.operations:
        output = id(layer.output)
        if type(layer).__name__ == "InputLayer":
            shapes[output] = (*size, layer.output.shape[-1])
            reaches[output] = [np.tile(np.arange(_PIXELS), (2, 1))] * 2
            continue
        tensors = layer.input if isinstance(layer.input, list | tuple) else [layer.input]
        inputs = [id(tensor) for tensor in tensors]
        _require(shapes, inputs)
        along = [_reach(layer, [reaches[each][axis] for each in inputs], axis) for axis in (0, 1)]
        before = [keras.KerasTensor((1, *shapes[each])) for each in inputs]
        shape = layer.compute_output_spec(before if before[1:] else before[0]).shape[1:]
        shapes[output], reaches[output] = shape, along
        reach = max(int((last - first).max()) + 1 for first, last in along)
        rows.append(
            LayerFacts(
                name=layer.name,
                kernel=_window(layer)[0],
                output_shape=shape,
                receptive_field=reach if len(shape) == 3 else max(size),
                multiply_adds=_multiply_adds(layer, math.prod(shape[:-1])),
                parameters=layer.count_params() if isinstance(layer, keras.Layer) else 0,
            )
        )
    _require(shapes, [id(tensor) for tensor in model.outputs])
    return LayerTable(tuple(rows), size)


def _require(known: Container[int], tensors: Iterable[int]) -> None:
    """Raise an error if the ids of tensors are not those of the first outputs of layers."""
    if not all(each in known for each in tensors):
        raise ValueError("expected a model that uses each layer once")


def _multiply_adds(layer: "keras.Layer", cells: int) -> int:
    """Return the multiply-adds: each number of a kernel is used once per cell of the output."""
    if not type(layer).__name__.endswith(("Conv2D", "Dense")):
        return 0
    return int(math.prod(layer.weights[0].shape)) * cells


def _window(layer: "keras.Layer") -> tuple[Size, Size, Size]:
    """Return kernel, strides and dilation of a layer, each (along y, along x)."""
    if type(layer).__name__ not in _WINDOWS:
        return (1, 1), (1, 1), (1, 1)
    kernel = layer.pool_size if "Pooling" in type(layer).__name__ else layer.kernel_size
    return tuple(kernel), tuple(layer.strides), tuple(getattr(layer, "dilation_rate", (1, 1)))


def _reach(layer: "keras.Layer", before: Sequence[IntArray], axis: int) -> IntArray:
    """Return the first and the last pixel (2, cells) that each cell sees along an axis.

    Args:
        layer: The layer.
        before: The first and last pixels for each of its inputs.
        axis: 0 along y, 1 along x.
    """
    kind = type(layer).__name__
    if kind in _WHOLE:
        return np.array([[0], [_PIXELS - 1]])
    if kind not in (*_WINDOWS, *_POINTWISE, *_MERGES, "UpsampleBilinear2x", "ZeroPadding2D"):
        raise ValueError(f"the receptive field of {layer.name} is not known here: it is a {kind}")
    first, last = np.min(before, axis=0)[0], np.max(before, axis=0)[1]
    if kind == "UpsampleBilinear2x":  # the cell that contains it, and the nearest neighbour
        cells = np.arange(2 * len(first))
        taps = np.stack([cells // 2, cells // 2 + 2 * (cells % 2) - 1], axis=1)
    elif kind == "ZeroPadding2D":  # a border sees nothing; here it counts as the nearest cell
        ahead, behind = layer.padding[axis]
        taps = np.arange(-ahead, len(first) + behind)[:, None]
    else:
        kernel, stride, dilation = (sides[axis] for sides in _window(layer))
        extent = (kernel - 1) * dilation + 1
        padding = max(extent - stride, 0) // 2 if getattr(layer, "padding", "") == "same" else 0
        starts = np.arange(0, len(first), stride) - padding
        taps = starts[:, None] + dilation * np.arange(kernel)
    taps = taps.clip(0, len(first) - 1)
    return np.stack([first[taps].min(axis=1), last[taps].max(axis=1)])
