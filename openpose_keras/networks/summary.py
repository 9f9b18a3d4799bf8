"""Size, receptive field and cost of each layer of a network, from its structure alone.

from openpose_keras import networks
from openpose_keras.networks.summary import layer_table
print(layer_table(networks.hand(), (368, 368)))
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from openpose_keras.core.arrays import FloatArray, IntArray

if TYPE_CHECKING:
    import keras

Size = tuple[int, int]

_MERGES = ("Add", "Concatenate")
_POINTWISE = ("Activation", "BatchNormalization", "ReLU", "Rescaling")
_WINDOWS = ("Conv2D", "DepthwiseConv2D", "MaxPooling2D", "AveragePooling2D")


@dataclass(frozen=True)
class LayerFacts:
    """One layer of a network, for one size of input.

    Args:
        name: The layer's.
        kernel: (height, width) of its window in cells of its own input; (1, 1) if it has none.
        output_shape: (h, w, channels).
        receptive_field: Number of input pixels from the first to the last that can change a cell,
            for the cell with the most, in an input that is large enough; the greater of height
            and width.
        multiply_adds: Of its convolution for one input, without biases; 0 for any other layer.
        parameters: Number of its weights, trainable or not.
    """

    name: str
    kernel: Size
    output_shape: tuple[int, int, int]
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
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(f"there is no layer {name!r}; there are {[row.name for row in self.rows]}")

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


class _Reach(NamedTuple):
    """What cells see along one axis; the rule repeats every `len(first)` cells.

    Cell i sees the input pixels from step * i + first[i % n] to step * i + last[i % n].
    """

    step: float
    first: FloatArray
    last: FloatArray


def layer_table(model: "keras.Model", size: Size) -> LayerTable:
    """Describe each layer of one of our networks, or of one built from the same kinds of layers.

    Args:
        model: Of one input, channels last. Each layer is used once.
        size: (height, width) of the input in pixels, multiples of the network's strides.

    Returns:
        The table.

    Raises:
        ValueError: A layer is of a kind whose receptive field is not known here, or is used twice.
    """
    known: dict[int, tuple[tuple[int, int, int], list[_Reach]]] = {}  # by the id of the tensor
    rows = []
    for layer in model.layers:
        if type(layer).__name__ == "InputLayer":
            start = _Reach(1.0, np.zeros(1), np.zeros(1))
            known[id(layer.output)] = (*size, layer.output.shape[-1]), [start, start]
            continue
        inputs = layer.input if isinstance(layer.input, list | tuple) else [layer.input]
        if not all(id(tensor) in known for tensor in inputs):
            raise ValueError(
                f"expected each layer to be used once, not so those before {layer.name}"
            )
        shapes, reaches = zip(*(known[id(tensor)] for tensor in inputs), strict=True)
        along = [_reach(layer, [each[axis] for each in reaches], axis) for axis in (0, 1)]
        before = [(1, *shape) for shape in shapes]
        _, height, width, channels = layer.compute_output_shape(before if before[1:] else before[0])
        known[id(layer.output)] = (height, width, channels), along
        rows.append(
            LayerFacts(
                name=layer.name,
                kernel=_window(layer)[0],
                output_shape=(height, width, channels),
                receptive_field=max(int((each.last - each.first).max()) + 1 for each in along),
                multiply_adds=_multiply_adds(layer, height * width),
                parameters=layer.count_params(),
            )
        )
    if not all(id(tensor) in known for tensor in model.outputs):
        raise ValueError("expected each layer to be used once, not so the last one")
    return LayerTable(tuple(rows), size)


def _multiply_adds(layer: "keras.Layer", cells: int) -> int:
    """Count: every number of a kernel is used once per cell of the output."""
    if not type(layer).__name__.endswith("Conv2D"):
        return 0
    return int(math.prod(layer.weights[0].shape)) * cells


def _window(layer: "keras.Layer") -> tuple[Size, Size, Size]:
    """Return kernel, strides and dilation of a layer, each (along y, along x)."""
    if type(layer).__name__ not in _WINDOWS:
        return (1, 1), (1, 1), (1, 1)
    kernel = layer.pool_size if "Pooling" in type(layer).__name__ else layer.kernel_size
    return tuple(kernel), tuple(layer.strides), tuple(getattr(layer, "dilation_rate", (1, 1)))


def _reach(layer: "keras.Layer", before: Sequence[_Reach], axis: int) -> _Reach:
    """Return what the cells of a layer see along an axis, from what its inputs see."""
    kind = type(layer).__name__
    cells = np.arange(len(before[0].first))[:, None]
    if kind in _WINDOWS:
        kernel, stride, dilation = (sides[axis] for sides in _window(layer))
        extent = (kernel - 1) * dilation + 1
        start = -(max(extent - stride, 0) // 2) if layer.padding == "same" else 0
        taps = stride * cells + start + dilation * np.arange(kernel)
        return _union(before[0], taps, before[0].step * stride)
    if kind == "UpsampleBilinear2x":  # the cell that it is in, and the nearest next to that
        taps = np.concatenate(
            [cells + np.array([-1, 0]), cells + np.array([0, 1])], axis=1
        ).reshape(-1, 2)
        return _union(before[0], taps, before[0].step / 2)
    if kind not in (*_POINTWISE, *_MERGES):
        raise ValueError(f"the receptive field of {layer.name} is not known here: it is a {kind}")
    count = math.lcm(*(len(each.first) for each in before))
    return _Reach(
        before[0].step,
        np.min([np.resize(each.first, count) for each in before], axis=0),
        np.max([np.resize(each.last, count) for each in before], axis=0),
    )


def _union(before: _Reach, taps: IntArray, step: float) -> _Reach:
    """Return what cells see that take the cells `taps` (cells, taps) of their input."""
    period = len(before.first)
    start = before.step * taps - step * np.arange(len(taps))[:, None]
    first = (start + before.first[taps % period]).min(axis=1)
    return _Reach(step, first, (start + before.last[taps % period]).max(axis=1))
