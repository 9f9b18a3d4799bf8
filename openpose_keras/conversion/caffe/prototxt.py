"""Caffe's network descriptions, .prototxt: text to layers and back, without Caffe."""

import os
from pathlib import Path

from google.protobuf import text_format

from openpose_keras.conversion.caffe.caffemodel import fill_layer, read_inputs, read_layer
from openpose_keras.conversion.caffe.messages import message_class
from openpose_keras.conversion.caffe.network import CaffeNetwork
from openpose_keras.core.errors import WeightsError
from openpose_keras.core.files import atomic_write

LARGEST_FILE = 150_000  # bytes; the longest of OpenPose's has 70,000
_MOST_LAYERS = 2_000


def read_prototxt(path: str | os.PathLike[str]) -> CaffeNetwork:
    """Read a .prototxt.

    Args:
        path: The file, of the newer format (`layer`) or the older (`layers`).

    Returns:
        The network without weights. Fields that are not declared here, such as learning rates,
        are left out.

    Raises:
        WeightsError: The file is missing, damaged, or not a .prototxt.
    """
    path = Path(path)
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise WeightsError(f"{path} is not a .prototxt: it has more than {LARGEST_FILE} bytes")
        return parse_prototxt(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise WeightsError(f"{path} can't be read: {error.strerror or error}") from error
    except ValueError as error:
        raise WeightsError(f"{path} is not a .prototxt, or damaged: {error}") from error


def parse_prototxt(text: str) -> CaffeNetwork:
    """Parse a .prototxt's text.

    Args:
        text: Its content.

    Returns:
        The network without weights.

    Raises:
        WeightsError: The text does not describe a network with layers.

    Example:
        >>> network = parse_prototxt('layer { name: "pool1" type: "Pooling" top: "pool1" }')
        >>> network.layers[0].type
        'Pooling'
    """
    net = message_class("NetParameter")()
    try:
        text_format.Parse(text, net, allow_unknown_field=True)
    except (text_format.ParseError, RecursionError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise WeightsError(f"expected protobuf's text format: {reason}") from error
    if len(net.layer) and len(net.layers):
        raise WeightsError("it has layers of the newer and of the older format")
    number = len(net.layer) + len(net.layers)
    if not 0 < number <= _MOST_LAYERS:
        raise WeightsError(f"expected 1 to {_MOST_LAYERS} layers, got {number}")
    layers = tuple(read_layer(layer) for layer in net.layer or net.layers)
    return CaffeNetwork(layers, net.name, read_inputs(net))


def format_prototxt(network: CaffeNetwork) -> str:
    """Format a network's description in the newer format.

    Args:
        network: Its weights are left out.

    Returns:
        The text of a .prototxt.
    """
    net = message_class("NetParameter")(name=network.name)
    for name, shape in network.inputs.items():
        net.input.append(name)
        net.input_shape.add().dim.extend(shape)
    for layer in network.layers:
        if layer.type != "Input":  # it stands among the inputs
            fill_layer(net.layer.add(), layer)
    text: str = text_format.MessageToString(net)
    return text


def write_prototxt(
    path: str | os.PathLike[str], network: CaffeNetwork, *, force: bool = False
) -> None:
    """Write a network's description, for Caffe or for OpenCV 4 beside a .caffemodel.

    Args:
        path: The file.
        network: Its weights are left out.
        force: Whether a file that exists may be replaced.

    Raises:
        FileExistsError: The file exists, and `force` is not set.
    """
    with atomic_write(path, force=force) as temporary:
        temporary.write_text(format_prototxt(network), encoding="utf-8")
