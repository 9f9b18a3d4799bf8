"""Convert a Keras network back into Caffe's: layers, wiring and weights.

Caffe rounds the size of a pooled array up. Keras rounds it up with padding="same", which is
converted, and down with padding="valid", which is refused.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from openpose_keras.conversion.caffe.network import CaffeLayer, CaffeNetwork
from openpose_keras.conversion.layouts import to_caffe_layout
from openpose_keras.core.errors import WeightsError
from openpose_keras.io.weight_record import ChannelOrder

if TYPE_CHECKING:
    import keras

_CONVOLUTION = {
    "strides": (1, 1),
    "dilation_rate": (1, 1),
    "groups": 1,
    "data_format": "channels_last",
}
_POOLING = {"padding": "same", "data_format": "channels_last"}


def to_caffe(
    model: "keras.Model",
    *,
    size: tuple[int, int] = (368, 368),
    channel_order: ChannelOrder = "rgb",
) -> CaffeNetwork:
    """Convert a network into Caffe's, for BGR.

    Args:
        model: Of convolutions (linear or ReLU), pools and concatenations, channels last.
        size: Height and width of the input to declare.
        channel_order: What the model takes. For "rgb", the first convolution's input axis is
            reversed.

    Returns:
        The network, for `write_caffemodel` and `write_prototxt`. A layer's output has its name.

    Raises:
        WeightsError: Caffe has no such layer, or would compute something else.
    """
    inputs = {_source(tensor): (1, 3, *size) for tensor in model.inputs}
    layers: list[CaffeLayer] = []
    for layer in model.layers:
        if layer.name not in inputs:
            swap = channel_order == "rgb" and _bottoms(layer) == tuple(inputs)
            layers += _translate(layer, swap)
    return CaffeNetwork(tuple(layers), model.name, inputs)


def _source(tensor: "keras.KerasTensor") -> str:
    """Return the name of the layer whose output a tensor is."""
    name: str = tensor._keras_history.operation.name
    return name


def _bottoms(layer: "keras.Layer") -> tuple[str, ...]:
    """Return the names of the layers that a layer takes its inputs from, in order."""
    tensors = layer.input if isinstance(layer.input, list | tuple) else [layer.input]
    return tuple(map(_source, tensors))


def _translate(layer: "keras.Layer", swap: bool) -> list[CaffeLayer]:
    """Convert a layer of Keras's into the one or two of Caffe's that compute the same."""
    translators = {"Conv2D": _convolution, "MaxPooling2D": _pooling, "Concatenate": _concatenation}
    kind = type(layer).__name__
    if kind not in translators:
        raise WeightsError(f"Caffe has no layer for {layer.name}, which is a {kind}")
    options = translators[kind](layer)
    blobs = to_caffe_layout(layer.get_weights())
    if swap and blobs:
        blobs = (blobs[0][:, ::-1], *blobs[1:])
    name = {"Conv2D": "Convolution", "MaxPooling2D": "Pooling", "Concatenate": "Concat"}[kind]
    layers = [CaffeLayer(layer.name, name, _bottoms(layer), (layer.name,), options, blobs)]
    if kind == "Conv2D" and layer.activation.__name__ == "relu":
        layers.append(CaffeLayer(f"{layer.name}_re", "ReLU", (layer.name,), (layer.name,)))
    return layers


def _convolution(layer: "keras.layers.Conv2D") -> dict[str, int]:
    """Return Caffe's options for a convolution."""
    height, width = layer.kernel_size
    padding = "same" if (height, width) != (1, 1) else layer.padding  # 1x1 needs none
    _expect(layer, _CONVOLUTION | {"padding": padding})
    if height != width or height % 2 == 0 or layer.activation.__name__ not in ("relu", "linear"):
        raise WeightsError(
            f"Caffe's layers can't do what {layer.name} does: expected a square kernel of an odd "
            f"side and relu or nothing after it, got {height}x{width} and "
            f"{layer.activation.__name__}"
        )
    options = {"num_output": layer.filters, "pad": height // 2, "kernel_size": height}
    return options if layer.use_bias else options | {"bias_term": 0}


def _pooling(layer: "keras.layers.MaxPooling2D") -> dict[str, int]:
    """Return Caffe's options for a pool whose windows don't overlap."""
    _expect(layer, _POOLING | {"strides": tuple(layer.pool_size)})
    height, width = layer.pool_size
    if height != width:
        raise WeightsError(f"{layer.name}: expected a square window, got {height}x{width}")
    return {"pool": 0, "kernel_size": height, "stride": height}


def _concatenation(layer: "keras.layers.Concatenate") -> dict[str, int]:
    """Return Caffe's options for a concatenation of channels."""
    if layer.axis not in (-1, 3):
        raise WeightsError(f"{layer.name}: expected the channels' axis, got {layer.axis}")
    return {}


def _expect(layer: "keras.Layer", options: Mapping[str, object]) -> None:
    """Refuse a layer with other options, for which Caffe would round or order differently."""
    for name, expected in options.items():
        found = getattr(layer, name)
        if (tuple(found) if isinstance(found, list | tuple) else found) != expected:
            raise WeightsError(
                f"Caffe has no layer for {layer.name}: expected {name}={expected!r}, got {found!r}"
            )
