"""Convert a Keras network back to a Caffe network: layers, wiring and weights.

Caffe rounds the size of a pooling layer's output up. Keras rounds it up with padding="same", which
is supported, and down with padding="valid", which is refused.
"""

from typing import TYPE_CHECKING

from openpose_keras.conversion.caffe.network import CaffeLayer, CaffeNetwork
from openpose_keras.conversion.layouts import to_caffe_layout
from openpose_keras.core.errors import WeightsError
from openpose_keras.io.weight_record import ChannelOrder

if TYPE_CHECKING:
    import keras


def to_caffe(
    model: "keras.Model",
    *,
    size: tuple[int, int] = (368, 368),
    channel_order: ChannelOrder = "rgb",
) -> CaffeNetwork:
    """Convert a network to a Caffe network for BGR input.

    Args:
        model: A model with channels last that consists of convolutions (linear or ReLU), PReLU,
            pooling and concatenation.
        size: Height and width of the input to declare.
        channel_order: The channel order of the model's input. For "rgb", the input axis of the
            first convolution is reversed.

    Returns:
        The network, for `write_caffemodel` and `write_prototxt`. A layer's output has its name.
        Keypoints and part affinity fields become one output, net_output, as in OpenPose.

    Raises:
        WeightsError: Caffe has no such layer, or would compute a different result.
    """
    inputs = {_source(tensor): (1, 3, *size) for tensor in model.inputs}
    layers: list[CaffeLayer] = []
    for layer in model.layers:
        if layer.name not in inputs:
            swap = channel_order == "rgb" and _bottoms(layer) == tuple(inputs)
            layers += _translate(layer, swap)
    if isinstance(model.output, dict):
        maps = tuple(_source(model.output[name]) for name in ("keypoints", "affinity"))
        layers.append(CaffeLayer("net_output", "Concat", maps, ("net_output",)))
    return CaffeNetwork(tuple(layers), model.name, inputs)


def _source(tensor: "keras.KerasTensor") -> str:
    """Return the name of the layer whose output a tensor is."""
    name: str = tensor._keras_history.operation.name
    return name


def _bottoms(layer: "keras.Layer") -> tuple[str, ...]:
    """Return the names of the layers from which a layer takes its inputs, in order."""
    tensors = layer.input if isinstance(layer.input, list | tuple) else [layer.input]
    return tuple(map(_source, tensors))


def _translate(layer: "keras.Layer", swap: bool) -> list[CaffeLayer]:
    """Convert a Keras layer to the one or two equivalent Caffe layers."""
    options: dict[str, int | str]
    match type(layer).__name__:
        case "Conv2D":
            kind, side = "Convolution", layer.kernel_size[0]
            options = {"num_output": layer.filters, "pad": side // 2, "kernel_size": side}
            _expect(layer, kernel_size=(side | 1, side | 1), strides=(1, 1), dilation_rate=(1, 1))
            _expect(layer, groups=1, data_format="channels_last", use_bias=True)
            if side > 1:  # 1x1 needs no padding
                _expect(layer, padding="same")
        case "MaxPooling2D":
            kind, side = "Pooling", layer.pool_size[0]
            options = {"pool": "MAX", "kernel_size": side, "stride": side}
            _expect(layer, pool_size=(side, side), strides=(side, side), padding="same")
            _expect(layer, data_format="channels_last")
        case "PReLU":
            kind, options = "PReLU", {}
            _expect(layer, shared_axes=[1, 2])
        case "Concatenate":
            kind, options = "Concat", {}
            _expect(layer, axis=-1)
        case other:
            raise WeightsError(f"Caffe has no layer for {layer.name}, which is a {other}")
    blobs = to_caffe_layout(layer.get_weights())
    if swap and blobs:
        blobs = (blobs[0][:, ::-1], *blobs[1:])
    layers = [CaffeLayer(layer.name, kind, _bottoms(layer), (layer.name,), options, blobs)]
    activation = layer.activation.__name__ if kind == "Convolution" else "linear"
    if activation == "relu":
        layers.append(CaffeLayer(f"{layer.name}_re", "ReLU", (layer.name,), (layer.name,)))
    elif activation != "linear":
        raise WeightsError(f"{layer.name}: expected relu or linear, got {activation}")
    return layers


def _expect(layer: "keras.Layer", **options: object) -> None:
    """Refuse a layer with options for which Caffe would round or order differently."""
    for name, expected in options.items():
        found = getattr(layer, name)
        if found != expected:
            raise WeightsError(
                f"Caffe has no layer for {layer.name}: expected {name}={expected!r}, got {found!r}"
            )
