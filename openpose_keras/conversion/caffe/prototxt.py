"""Caffe's network descriptions, .prototxt: text to layers and back, without Caffe."""

import os
from pathlib import Path

from google.protobuf import text_format

from openpose_keras.conversion.caffe.caffemodel import fill_layer, read_inputs, read_layer
from openpose_keras.conversion.caffe.messages import message_class
from openpose_keras.conversion.caffe.network import CaffeNetwork
from openpose_keras.core.errors import WeightsError
from openpose_keras.core.files import atomic_write

LARGEST_FILE = 400_000  # bytes; the longest of OpenPose's has 70,000
# Of what takes memory of its own, and 100 times that of its characters.
_MOST = {"{": 5_000, ":": 20_000, "\n": 20_000, ",": 20_000}


def read_prototxt(path: str | os.PathLike[str]) -> CaffeNetwork:
    """Read a .prototxt.

    Args:
        path: The file, of the newer format (`layer`) or the older (`layers`).

    Returns:
        The network without weights. Fields that are not declared here, as learning rates, are left
        out.

    Raises:
        WeightsError: The file is missing, damaged, or no .prototxt.
    """
    path = Path(path)
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise WeightsError(f"{path} has more than {LARGEST_FILE} bytes: that is no .prototxt")
        return parse_prototxt(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise WeightsError(f"{path} can't be read: {error.strerror or error}") from error
    except ValueError as error:
        raise WeightsError(f"{path} is no .prototxt, or damaged: {error}") from error


def parse_prototxt(text: str) -> CaffeNetwork:
    """Give the network that a .prototxt's text describes.

    Args:
        text: Its content.

    Returns:
        The network without weights.

    Raises:
        WeightsError: It is no description of a network with layers.

    Example:
        >>> network = parse_prototxt('layer { name: "pool1" type: "Pooling" top: "pool1" }')
        >>> network.layers[0].type
        'Pooling'
    """
    for mark, most in _MOST.items():
        if text.count(mark) > most:
            raise WeightsError(f"it has more than {most} times {mark!r}: that is no network")
    net = message_class("NetParameter", "numbers")()
    try:
        text_format.Parse(text, net, allow_unknown_field=True)
    except (text_format.ParseError, RecursionError, ValueError) as error:
        raise WeightsError(
            f"expected protobuf's text format: {' '.join(str(error).split())}"
        ) from (error)
    if len(net.layer) and len(net.layers):
        raise WeightsError("it has layers of the newer and of the older format")
    layers = tuple(read_layer(layer) for layer in net.layer or net.layers)
    if not layers:
        raise WeightsError("expected the layers of a network, found none")
    return CaffeNetwork(layers, net.name, read_inputs(net))


def format_prototxt(network: CaffeNetwork) -> str:
    """Give a network's description in the newer format.

    Args:
        network: Its weights are left out.

    Returns:
        The text of a .prototxt.
    """
    net = message_class("NetParameter", "numbers")(name=network.name)
    for name, shape in network.inputs.items():
        net.input.append(name)
        net.input_shape.add().dim.extend(shape)
    for layer in network.layers:
        if layer.type != "Input":  # it stands among the inputs
            fill_layer(net.layer.add(), layer)
    return text_format.MessageToString(net)


def write_prototxt(
    path: str | os.PathLike[str], network: CaffeNetwork, *, force: bool = False
) -> None:
    """Write a network's description, for Caffe or for OpenCV 4 beside a .caffemodel.

    Args:
        path: The file.
        network: Its weights are left out.
        force: Replace a file that is there.

    Raises:
        FileExistsError: The file is there, and `force` is not set.
    """
    with atomic_write(path, force=force) as temporary:
        temporary.write_text(format_prototxt(network), encoding="utf-8")
