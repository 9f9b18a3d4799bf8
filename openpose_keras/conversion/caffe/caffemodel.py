"""Caffe's weight files, .caffemodel: bytes to arrays and back, without Caffe.

The reader takes what versions of Caffe since 2013 have written: `layer` and the older `layers`,
packed floats and doubles, shapes as a list or as num, channels, height and width. A blob keeps
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
from openpose_keras.conversion.caffe.wire import check_fields
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
        The network with its blobs, read-only float32 arrays.

    Raises:
        WeightsError: The file is missing, damaged, or not a .caffemodel.
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
        check_fields(data)
        net = message_class("NetParameter").FromString(data)
        del data  # protobuf has copied it
        network = CaffeNetwork(tuple(_read_layers(net)), net.name, read_inputs(net))
    except (DecodeError, WeightsError) as error:
        raise WeightsError(f"{path} is not a .caffemodel, or damaged: {error}") from error
    if not any(layer.blobs for layer in network.layers):
        raise WeightsError(
            f"{path} holds no weights of a Caffe network: expected a .caffemodel, got "
            f"{size} bytes with {len(network.layers)} layers and no blob"
        )
    return network


def _read_layers(net: Message) -> Iterator[CaffeLayer]:
    """Read the layers of either format."""
    if len(net.layer) and len(net.layers):
        raise WeightsError("it has layers of the newer and of the older format")
    for layer in net.layer or net.layers:
        yield read_layer(layer, tuple(map(_read_blob, layer.blobs)))


def read_layer(layer: Message, blobs: tuple[np.ndarray, ...] = ()) -> CaffeLayer:
    """Convert a LayerParameter or V1LayerParameter into plain data.

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
    """Return the name of the field of a layer's message that holds its options.

    Args:
        layer: A LayerParameter or V1LayerParameter.

    Returns:
        "convolution_param" for a convolution, and so on; None if its type has no options.
    """
    name = f"{_type_name(layer).lower()}_param"
    return name if name in layer.DESCRIPTOR.fields_by_name else None


def _type_name(layer: Message) -> str:
    """Return a layer's type in the newer spelling."""
    kind = layer.DESCRIPTOR.fields_by_name["type"]
    if kind.type != kind.TYPE_ENUM:
        return str(layer.type)
    old: str = kind.enum_type.values_by_number[layer.type].name
    return _SPELLINGS.get(old, old.title().replace("_", ""))


def _read_blob(blob: Message) -> np.ndarray:
    """Read a blob as a float32 array; doubles win over floats, as in Caffe."""
    shape = _blob_shape(blob)
    chunks, kind = (blob.double_data, "<f8") if blob.double_data else (blob.data, "<f4")
    data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
    if len(data) % np.dtype(kind).itemsize:
        raise WeightsError(f"a blob's {len(data)} bytes are not a whole number of {kind[1:]}")
    numbers = np.frombuffer(data, kind)
    if math.prod(shape) != numbers.size or not numbers.size:
        raise WeightsError(f"a blob of shape {shape[:8]} has {numbers.size} numbers")
    with np.errstate(over="ignore"):  # of doubles
        numbers = numbers.astype(np.float32, copy=False).reshape(shape)
    numbers.flags.writeable = False
    return numbers


def _blob_shape(blob: Message) -> tuple[int, ...]:
    """Read a blob's shape, in either of the two ways to write it."""
    if blob.HasField("shape"):
        shape = tuple(blob.shape.dim[: _LARGEST_RANK + 1])
    elif any(map(blob.HasField, _OLD_DIMENSIONS)):
        shape = tuple(getattr(blob, name) for name in _OLD_DIMENSIONS)
    else:
        shape = ()
    if len(shape) > _LARGEST_RANK or any(side < 1 for side in shape):
        raise WeightsError(f"a blob has the shape {shape[:8]}")
    return shape


def read_inputs(net: Message) -> dict[str, tuple[int, ...]]:
    """Return the inputs that a NetParameter declares, in any of the three ways.

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
        network: What to write; such a file does not hold the inputs.
        force: Whether a file that exists may be replaced.

    Raises:
        FileExistsError: The file exists, and `force` is not set.
        WeightsError: A blob holds what a float32 can't.
    """
    net_class = message_class("NetParameter")
    with atomic_write(path, force=force) as temporary, temporary.open("wb") as file:
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
        message: An empty one.
        layer: What it shall hold.
    """
    message.name, message.type = layer.name, layer.type
    message.bottom.extend(layer.bottoms)
    message.top.extend(layer.tops)
    for name, value in layer.options.items():
        options = getattr(message, str(option_field(message)))
        if isinstance(getattr(options, name), Sequence):
            getattr(options, name).extend(value if isinstance(value, tuple) else (value,))
        else:
            setattr(options, name, value)


def _fill_blob(message: Message, array: np.ndarray, layer: str) -> None:
    """Fill a BlobProto."""
    with np.errstate(over="ignore"):
        numbers = np.ascontiguousarray(array, "<f4")
    if not np.isfinite(numbers).all():
        raise WeightsError(f"the layer {layer} holds NaN, infinity or more than a float32 can")
    message.shape.dim.extend(numbers.shape)
    message.data.append(numbers.tobytes())
