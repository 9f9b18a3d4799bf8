"""Caffe's weight files, .caffemodel: bytes to arrays and back, without Caffe.

Read is what versions of Caffe since 2013 have written: `layer` and the older `layers`, packed and
unpacked numbers, doubles, shapes as a list or as num, channels, height and width. A blob keeps
Caffe's layout: a convolution has a kernel (out, in, h, w) and a bias (out,).
"""

import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from google.protobuf.message import DecodeError, Message

from openpose_keras.conversion.caffe.messages import message_class
from openpose_keras.conversion.caffe.network import CaffeLayer, CaffeNetwork
from openpose_keras.conversion.caffe.wire import Chunks, split_numbers
from openpose_keras.core.errors import WeightsError
from openpose_keras.core.files import atomic_write

LARGEST_FILE = 2**31 - 1  # protobuf's own limit
_LARGEST_RANK = 32  # Caffe's own limit
_OLD_DIMENSIONS = ("num", "channels", "height", "width")
# How the newer format spells the types of the older one, where capitals don't tell.
_SPELLINGS = {
    "ABSVAL": "AbsVal",
    "ARGMAX": "ArgMax",
    "BNLL": "BNLL",
    "HDF5_DATA": "HDF5Data",
    "HDF5_OUTPUT": "HDF5Output",
    "LRN": "LRN",
    "MVN": "MVN",
    "RELU": "ReLU",
    "SOFTMAX_LOSS": "SoftmaxWithLoss",
    "TANH": "TanH",
}


def read_caffemodel(path: str | os.PathLike[str]) -> CaffeNetwork:
    """Read a .caffemodel.

    Args:
        path: The file.

    Returns:
        The network with its blobs: read-only views of the file's bytes, or float32 copies where
        the file has it otherwise.

    Raises:
        WeightsError: The file is missing, damaged, or no .caffemodel.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        if size > LARGEST_FILE:
            raise WeightsError(f"{path} has {size} bytes: a .caffemodel has at most {LARGEST_FILE}")
        data = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"{path} can't be read: {error.strerror or error}") from error
    try:
        rest, numbers = split_numbers(data)
        net = message_class("NetParameter").FromString(rest)
        network = CaffeNetwork(tuple(_read_layers(net, numbers)), net.name, read_inputs(net))
    except (DecodeError, WeightsError) as error:
        raise WeightsError(f"{path} is no .caffemodel, or damaged: {error}") from error
    if not any(layer.blobs for layer in network.layers):
        raise WeightsError(
            f"{path} holds no weights of a Caffe network: expected a .caffemodel, found "
            f"{size} bytes with {len(network.layers)} layers and no blob"
        )
    return network


def _read_layers(net: Message, numbers: list[Chunks]) -> Iterator[CaffeLayer]:
    """Read the layers of either format."""
    if len(net.layer) and len(net.layers):
        raise WeightsError("it has layers of the newer and of the older format")
    following = iter(numbers)
    for layer in net.layer or net.layers:
        yield read_layer(layer, tuple(_read_blob(blob, next(following)) for blob in layer.blobs))


def read_layer(layer: Message, blobs: tuple[np.ndarray, ...] = ()) -> CaffeLayer:
    """Give a LayerParameter or V1LayerParameter as plain data.

    Args:
        layer: The message.
        blobs: Its weights.

    Returns:
        The layer.
    """
    name = option_field(layer)
    options = {}
    for option, value in getattr(layer, name).ListFields() if name else ():
        if option.type == option.TYPE_MESSAGE:
            continue
        values = tuple(value) if isinstance(value, Sequence) else (value,)
        options[option.name] = values[0] if len(values) == 1 else values
    return CaffeLayer(
        layer.name, _type_name(layer), tuple(layer.bottom), tuple(layer.top), options, blobs
    )


def option_field(layer: Message) -> str | None:
    """Name the field of a layer's message that holds its options.

    Args:
        layer: A LayerParameter or V1LayerParameter.

    Returns:
        "convolution_param" for a convolution, and so on; None if there are none for its type.
    """
    name = f"{_type_name(layer).lower()}_param"
    return name if name in layer.DESCRIPTOR.fields_by_name else None


def _type_name(layer: Message) -> str:
    """Give a layer's type, spelled the new way."""
    kind = layer.DESCRIPTOR.fields_by_name["type"]
    if kind.type != kind.TYPE_ENUM:
        return layer.type
    old = kind.enum_type.values_by_number[layer.type].name
    return _SPELLINGS.get(old, old.title().replace("_", ""))


def _read_blob(blob: Message, chunks: Chunks) -> np.ndarray:
    """Give a blob as a float32 array."""
    if blob.HasField("shape"):
        shape = tuple(blob.shape.dim[: _LARGEST_RANK + 1])
    else:
        shape = tuple(getattr(blob, name) for name in _OLD_DIMENSIONS if blob.HasField(name))
        if shape:
            shape = tuple(getattr(blob, name) for name in _OLD_DIMENSIONS)
    if len(shape) > _LARGEST_RANK or any(side < 1 for side in shape):
        raise WeightsError(f"a blob has the shape {shape[:8]}")
    count = sum(chunk.size for chunk in chunks)
    if math.prod(shape) != count or not chunks:
        raise WeightsError(f"a blob of shape {shape[:8]} has {count} numbers")
    numbers = chunks[0] if len(chunks) == 1 else np.concatenate(chunks)
    with np.errstate(over="ignore"):  # of doubles
        numbers = np.ascontiguousarray(numbers, np.float32).reshape(shape)
    numbers.flags.writeable = False
    return numbers


def read_inputs(net: Message) -> dict[str, tuple[int, ...]]:
    """Give the inputs that a NetParameter declares, in any of the three ways.

    Args:
        net: The message.

    Returns:
        Name to shape; the shape is empty where the file leaves it open.
    """
    shapes = [tuple(shape.dim) for shape in net.input_shape]
    if not shapes:
        shapes = [tuple(net.input_dim[i : i + 4]) for i in range(0, len(net.input_dim), 4)]
    shapes += [()] * (len(net.input) - len(shapes))
    inputs = dict(zip(net.input, shapes, strict=False))
    for layer in net.layer:
        if layer.type == "Input":
            shapes = [tuple(shape.dim) for shape in layer.input_param.shape]
            shapes += shapes[-1:] * (len(layer.top) - len(shapes)) or [()] * len(layer.top)
            inputs |= zip(layer.top, shapes, strict=False)
    return inputs


def write_caffemodel(
    path: str | os.PathLike[str], network: CaffeNetwork, *, force: bool = False
) -> None:
    """Write a .caffemodel that Caffe and OpenCV 4 read: `layer`, packed floats, shapes as lists.

    Args:
        path: The file.
        network: What to write; its inputs have no place in such a file.
        force: Replace a file that is there.

    Raises:
        FileExistsError: The file is there, and `force` is not set.
        WeightsError: A blob holds what a float32 can't.
    """
    net_class = message_class("NetParameter")
    with atomic_write(path, force=force) as temporary, open(temporary, "wb") as file:
        file.write(net_class(name=network.name).SerializeToString())
        for layer in network.layers:
            net = net_class()
            message = net.layer.add()
            fill_layer(message, layer)
            for array in layer.blobs:
                _fill_blob(message.blobs.add(), array, layer.name)
            file.write(net.SerializeToString())  # protobuf joins messages that follow each other


def fill_layer(message: Message, layer: CaffeLayer) -> None:
    """Fill a LayerParameter with all but the weights.

    Args:
        message: An empty one, of either dialect.
        layer: What to put in.
    """
    message.name, message.type = layer.name, layer.type
    message.bottom.extend(layer.bottoms)
    message.top.extend(layer.tops)
    for name, value in layer.options.items():
        options = getattr(message, option_field(message))
        if isinstance(getattr(options, name), Sequence):
            getattr(options, name).extend(value if isinstance(value, tuple) else (value,))
        else:
            setattr(options, name, value)


def _fill_blob(message: Message, array: np.ndarray, layer: str) -> None:
    """Fill a BlobProto of the "bytes" dialect."""
    with np.errstate(over="ignore"):
        numbers = np.ascontiguousarray(array, "<f4")
    if not np.isfinite(numbers).all():
        raise WeightsError(f"the layer {layer} holds NaN, infinity or more than a float32 can")
    message.shape.dim.extend(numbers.shape)
    message.data.append(numbers.tobytes())
