"""What a network is made of: size, reach and cost of each layer, counted and not measured.

    from openpose_keras import networks
    from openpose_keras.anatomy import layer_table
    print(layer_table(networks.hand(), (368, 368)))

The receptive field of a cell is the stretch of input pixels from the first to the last that can
change it. It is followed from layer to layer for each cell of a row, so that strides, branches and
enlargements come out exactly.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras

Size = tuple[int, int]
Reach = tuple[np.ndarray, np.ndarray]  # first and last input pixel that each cell of a row can see

_POINTWISE = ("Activation", "BatchNormalization", "Dropout", "ReLU", "Rescaling")
_MERGING = ("Add", "Concatenate")
_WINDOWS = ("Conv2D", "DepthwiseConv2D", "MaxPooling2D", "AveragePooling2D")


@dataclass(frozen=True)
class LayerFacts:
    """One layer of a network, for one size of input.

    Attributes:
        name: The layer's.
        kind: Its Keras class, for example "Conv2D".
        kernel: (height, width) of its window in cells of its own input; (1, 1) if it has none.
        output_shape: (h, w, channels).
        receptive_field: Side in input pixels of what the cell that sees most can see, were the
            input large enough; the greater of height and width.
        multiply_adds: Of its convolution for one input, without biases; 0 for any other layer.
        parameters: Numbers that it holds, trainable or not.
    """

    name: str
    kind: str
    kernel: Size
    output_shape: tuple[int, int, int]
    receptive_field: int
    multiply_adds: int
    parameters: int


@dataclass(frozen=True)
class LayerTable:
    """The layers of a network in order, for one size of input. Printing it gives a table.

    Attributes:
        rows: One a layer, but for the input.
        size: (height, width) of the input in pixels.
    """

    rows: tuple[LayerFacts, ...]
    size: Size

    def __len__(self) -> int:
        """Count the layers."""
        return len(self.rows)

    def __iter__(self) -> Iterator[LayerFacts]:
        """Go through the layers."""
        return iter(self.rows)

    def __getitem__(self, name: str) -> LayerFacts:
        """Give the layer of a name.

        Raises:
            KeyError: There is none.
        """
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(f"there is no layer {name!r}; there are {[row.name for row in self.rows]}")

    @property
    def convolutions(self) -> "LayerTable":
        """The same table with the layers that multiply, and no other."""
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
        """Give the table."""
        width = max([len("layer"), *(len(row.name) for row in self.rows)])
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
        model: Of one input, channels last. Each layer is used once.
        size: (height, width) of the input in pixels. Receptive fields do not depend on it, but
            stand for sizes that every stride of the network divides.

    Returns:
        The table.

    Raises:
        ValueError: A layer is of a kind whose reach is not known here, or is used twice.
    """
    shapes: dict[str, tuple[int, int, int]] = {}
    rows = []
    fields = _receptive_fields(model)
    for layer in model.layers:
        if type(layer).__name__ == "InputLayer":
            shapes[layer.name] = (*size, layer.output.shape[-1])
            continue
        before = [(1, *shapes[name]) for name in _sources(layer)]
        _, *shape = layer.compute_output_shape(before if len(before) > 1 else before[0])
        shapes[layer.name] = tuple(shape)
        rows.append(
            LayerFacts(
                name=layer.name,
                kind=type(layer).__name__,
                kernel=_window(layer)[0] if type(layer).__name__ in _WINDOWS else (1, 1),
                output_shape=shapes[layer.name],
                receptive_field=fields[layer.name],
                multiply_adds=_multiply_adds(layer, shapes[layer.name]),
                parameters=layer.count_params(),
            )
        )
    return LayerTable(tuple(rows), tuple(size))


def _sources(layer: "keras.Layer") -> list[str]:
    """Name the layers that a layer takes from, in order."""
    if len(layer._inbound_nodes) != 1:
        raise ValueError(f"expected each layer to be used once; {layer.name} is used more often")
    tensors = layer.input if isinstance(layer.input, list | tuple) else [layer.input]
    return [tensor._keras_history.operation.name for tensor in tensors]


def _multiply_adds(layer: "keras.Layer", shape: Sequence[int]) -> int:
    """Count: every number of a kernel is used once per cell of the output."""
    if not type(layer).__name__.endswith("Conv2D"):
        return 0
    kernel = layer.weights[0]
    return int(np.prod(kernel.shape)) * shape[0] * shape[1]


def _window(layer: "keras.Layer") -> tuple[Size, Size, Size]:
    """Give kernel, strides and dilation of a layer with a window, each (along y, along x)."""
    kernel = layer.pool_size if "Pooling" in type(layer).__name__ else layer.kernel_size
    return tuple(kernel), tuple(layer.strides), tuple(getattr(layer, "dilation_rate", (1, 1)))


def _receptive_fields(model: "keras.Model") -> dict[str, int]:
    """Name each layer's receptive field: on ever longer rows, until no field feels the ends."""
    length = 512
    while True:
        along = [_follow(model, length, axis) for axis in (0, 1)]
        fields = {name: max(each[name] for each in along) for name in along[0]}
        if 2 * max(fields.values()) <= length:
            return fields
        length *= 2


def _follow(model: "keras.Model", length: int, axis: int) -> dict[str, int]:
    """Give the widest interval of each layer for a row, or a column, of `length` input pixels."""
    reaches: dict[str, Reach] = {}
    for layer in model.layers:
        if type(layer).__name__ == "InputLayer":
            reaches[layer.name] = np.arange(length), np.arange(length)
        else:
            before = [reaches[name] for name in _sources(layer)]
            reaches[layer.name] = _rule(layer)(layer, before, axis)
    return {name: int((last - first).max()) + 1 for name, (first, last) in reaches.items()}


def _rule(layer: "keras.Layer") -> Callable[["keras.Layer", list[Reach], int], Reach]:
    """Choose how a layer passes on what its input sees."""
    kind = type(layer).__name__
    if kind in _WINDOWS:
        return _through_window
    if kind == "UpsampleBilinear2x":
        return _through_double
    if kind in (*_POINTWISE, *_MERGING):
        return _through_merge
    raise ValueError(f"the reach of {layer.name} is not known here: it is a {kind}")


def _through_merge(layer: "keras.Layer", before: list[Reach], axis: int) -> Reach:
    """See what any of the inputs sees."""
    firsts, lasts = zip(*before, strict=True)
    return reduce(np.minimum, firsts), reduce(np.maximum, lasts)


def _through_window(layer: "keras.Layer", before: list[Reach], axis: int) -> Reach:
    """See what the cells of a window see; cells beyond the ends see nothing."""
    kernel, stride, dilation = (sides[axis] for sides in _window(layer))
    (first, last), extent = before[0], (kernel - 1) * dilation + 1
    if layer.padding == "same":
        count = -(-len(first) // stride)
        start = -(max((count - 1) * stride + extent - len(first), 0) // 2)
    else:
        count, start = (len(first) - extent) // stride + 1, 0
    cells = start + stride * np.arange(count)[:, None] + dilation * np.arange(kernel)
    inside = (cells >= 0) & (cells < len(first))
    cells = cells.clip(0, len(first) - 1)
    lowest, highest = np.iinfo(first.dtype).max, np.iinfo(first.dtype).min
    return (
        np.where(inside, first[cells], lowest).min(axis=1),
        np.where(inside, last[cells], highest).max(axis=1),
    )


def _through_double(layer: "keras.Layer", before: list[Reach], axis: int) -> Reach:
    """See what the nearest cell and the next one on the same side see."""
    [(first, last)] = before
    cells = np.repeat(np.arange(len(first)), 2)
    beside = (cells + np.tile([-1, 1], len(first))).clip(0, len(first) - 1)
    return np.minimum(first[cells], first[beside]), np.maximum(last[cells], last[beside])
