"""Read and write Caffe's weight files, .caffemodel, without Caffe.

The numbers of messages and fields are those of src/caffe/proto/caffe.proto of BVLC/caffe. The
reader supports the formats of all versions of Caffe since 2013: `layer` and the older `layers`,
packed floats and doubles, shapes as a list or as num, channels, height and width. A blob keeps
Caffe's layout: a convolution has a kernel (out, in, h, w) and a bias (out,). The layers' options
are written but not read, because a .prototxt has them too.
"""

import math
import os
from collections.abc import Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from openpose_keras.conversion.caffe.network import CaffeLayer, CaffeNetwork
from openpose_keras.conversion.caffe.wire import (
    Fields,
    read_fields,
    read_varints,
    write_field,
    write_varint,
)
from openpose_keras.core.errors import WeightsError
from openpose_keras.core.files import atomic_write

_MOST_LAYERS, _MOST_FIELDS = 1000, 100  # of a network, and of a layer; OpenPose's have fewer
_LARGEST_RANK = 32  # Caffe's own limit
_NAME, _OLD_LAYER, _LAYER = 1, 2, 100  # fields of a network
_LAYER_FIELDS = (1, 2, 3, 4, 7)  # name, type, bottom, top, blobs
_OLD_LAYER_FIELDS = (4, 5, 2, 3, 6)
_OLD_DIMENSIONS, _FLOATS, _SHAPE, _DOUBLES = (1, 2, 3, 4), 5, 7, 8  # fields of a blob
_SIDES = 1  # field of a shape
# Type -> the field with its options, and the fields in it.
_OPTIONS = {
    "Convolution": (106, {"num_output": 1, "pad": 3, "kernel_size": 4}),
    "Pooling": (121, {"pool": 1, "kernel_size": 2, "stride": 3}),
}
_POOL_METHODS = ("MAX", "AVE", "STOCHASTIC")
_OLD_TYPES = (
    "None Accuracy BNLL Concat Convolution Data Dropout EuclideanLoss Flatten HDF5Data HDF5Output "
    "Im2col ImageData InfogainLoss InnerProduct LRN MultinomialLogisticLoss Pooling ReLU Sigmoid "
    "Softmax SoftmaxWithLoss Split TanH WindowData Eltwise Power SigmoidCrossEntropyLoss HingeLoss "
    "MemoryData ArgMax Threshold DummyData Slice MVN AbsVal Silence ContrastiveLoss Exp "
    "Deconvolution"
)


def read_caffemodel(path: str | os.PathLike[str]) -> CaffeNetwork:
    """Read a .caffemodel.

    Args:
        path: The file.

    Returns:
        The network with its blobs, float32 arrays. Inputs and options are left out.

    Raises:
        WeightsError: The file is missing, damaged, or not a .caffemodel.
    """
    try:
        net = read_fields(memoryview(Path(path).read_bytes()), _MOST_LAYERS)
        layers = [_read_layer(data, _OLD_LAYER_FIELDS) for data in net[_OLD_LAYER]]
        layers += [_read_layer(data, _LAYER_FIELDS) for data in net[_LAYER]]
        network = CaffeNetwork(tuple(layers), _last_text(net[_NAME]))
    except OSError as error:
        raise WeightsError(f"{path} can't be read: {error.strerror or error}") from error
    except (ValueError, TypeError, IndexError) as error:  # TypeError: a number where bytes belong
        raise WeightsError(f"{path} is not a .caffemodel, or damaged: {error}") from error
    if not any(layer.blobs for layer in layers):
        raise WeightsError(f"{path}: expected a .caffemodel with weights, got {len(layers)} layers")
    return network


def _read_layer(data: memoryview, numbers: tuple[int, ...]) -> CaffeLayer:
    """Read a layer whose name, type, bottoms, tops and blobs have these numbers."""
    fields = read_fields(data, _MOST_FIELDS)
    name, kind, bottoms, tops, blobs = (fields[number] for number in numbers)
    old = kind and isinstance(kind[-1], int)
    return CaffeLayer(
        _last_text(name),
        _OLD_TYPES.split()[kind[-1]] if old else _last_text(kind),
        tuple(str(text, "utf-8") for text in bottoms),
        tuple(str(text, "utf-8") for text in tops),
        blobs=tuple(map(_read_blob, blobs)),
    )


def _last_text(values: list[Any]) -> str:
    """Return the text of a field, whose last value counts; empty without a value."""
    return str(values[-1], "utf-8") if values else ""


def _read_blob(data: memoryview) -> np.ndarray:
    """Read a blob as a float32 array; doubles take precedence over floats, as in Caffe."""
    fields = read_fields(data, _MOST_FIELDS)
    parts, kind = (fields[_DOUBLES], "<f8") if fields[_DOUBLES] else (fields[_FLOATS], "<f4")
    with np.errstate(over="ignore"):  # of doubles
        numbers = np.frombuffer(b"".join(parts), kind).astype(np.float32, copy=False)
    shape = _read_shape(fields)
    if len(shape) > _LARGEST_RANK or math.prod(shape) != numbers.size or not numbers.size:
        raise WeightsError(f"a blob of shape {shape[:8]} has {numbers.size} numbers")
    return numbers.reshape(shape)


def _read_shape(fields: Fields) -> tuple[int, ...]:
    """Read the shape of a blob in either of its two notations."""
    if not fields[_SHAPE]:
        return tuple(fields[number][-1] for number in _OLD_DIMENSIONS if fields[number])
    sides = read_fields(fields[_SHAPE][-1], _MOST_FIELDS)[_SIDES]
    return tuple(islice(chain.from_iterable(map(read_varints, sides)), _LARGEST_RANK + 1))


def write_caffemodel(
    path: str | os.PathLike[str], network: CaffeNetwork, *, force: bool = False
) -> None:
    """Write a .caffemodel that Caffe and OpenCV 4 read: `layer`, packed floats, shapes as lists.

    Args:
        path: The file.
        network: The network to write; the file does not contain the inputs.
        force: Whether to replace an existing file.

    Raises:
        FileExistsError: The file exists, and `force` is not set.
        WeightsError: A blob holds a value that float32 can't represent.
    """
    with atomic_write(path, force=force) as temporary, temporary.open("wb") as file:
        file.write(write_field(_NAME, network.name))
        for layer in network.layers:
            file.write(write_field(_LAYER, _write_layer(layer)))


def _write_layer(layer: CaffeLayer) -> bytes:
    """Encode a layer."""
    blobs = [_write_blob(array, layer.name) for array in layer.blobs]
    values: list[Sequence[str | bytes]]
    values = [[layer.name], [layer.type], layer.bottoms, layer.tops, blobs]
    parts = [
        write_field(number, value)
        for number, each in zip(_LAYER_FIELDS, values, strict=True)
        for value in each
    ]
    if layer.options:
        number, numbers = _OPTIONS[layer.type]
        options = [
            write_field(numbers[name], _POOL_METHODS.index(value) if name == "pool" else value)
            for name, value in layer.options.items()
        ]
        parts.append(write_field(number, b"".join(options)))
    return b"".join(parts)


def _write_blob(array: np.ndarray, layer: str) -> bytes:
    """Encode a blob."""
    with np.errstate(over="ignore"):
        numbers = np.ascontiguousarray(array, "<f4")
    if not np.isfinite(numbers).all():
        raise WeightsError(f"the layer {layer} holds NaN, infinity or more than a float32 can")
    shape = write_field(_SIDES, b"".join(map(write_varint, numbers.shape)))
    return write_field(_FLOATS, numbers.tobytes()) + write_field(_SHAPE, shape)
