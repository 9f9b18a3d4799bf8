"""Recognise the kind of a weight file by its content, and read it."""

import os
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np

from openpose_keras.conversion.layouts import Layers, to_caffe_names
from openpose_keras.conversion.readers import npy, torch_files
from openpose_keras.conversion.readers.hdf5 import ARCHIVED_WEIGHTS, read_hdf5
from openpose_keras.conversion.readers.openvino import read_openvino
from openpose_keras.conversion.readers.tflite import read_tflite
from openpose_keras.core.errors import WeightsError
from openpose_keras.io.weight_record import ChannelOrder, open_archive, read_record

KINDS = {
    "caffemodel": "a .caffemodel of Caffe",
    "keras2": "an HDF5 file of Keras 2",
    "keras3": "a .weights.h5 of Keras 3",
    "keras": "a .keras file of Keras 3",
    "pth": "a .pth of PyTorch",
    "npy": "a folder of W_name.npy and b_name.npy",
    "tflite": "a .tflite of MediaPipe",
    "openvino": "an .xml of OpenVINO with its .bin",
}
_READERS = {
    "caffemodel": npy.read_caffe_layers,
    "pth": torch_files.read_pth,
    "npy": npy.read_folder,
    "tflite": read_tflite,
    "openvino": read_openvino,
}
# What the files of a kind begin with; those of Caffe with the field of a name, layers or an input.
_STARTS = {
    "hdf5": (b"\x89HDF\r\n\x1a\n",),
    "zip": (b"PK\x03\x04",),
    "pth": (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"),
    "caffemodel": (b"\x0a", b"\x12", b"\x1a", b"\xa2\x06"),
}
_OPENVINO = re.compile(rb"(<\?xml[^>]*>\s*)?<net\s")
_OTHERS = {
    (b"<",): "a web page: the server sent a message instead of the file",
    (b"version https://git-lfs",): "a pointer of Git LFS: fetch the file with git lfs pull",
    (b"name:", b"input:"): "a .prototxt: the weights are in the .caffemodel",
}


@dataclass(frozen=True, eq=False)
class WeightFile:
    """The weights of a file.

    Args:
        path: The file, or folder.
        kind: A key of `KINDS`.
        layers: A mapping from the name of each layer to its arrays, float32, in Keras's layout: a
            convolution has a kernel (h, w, in, out) and a bias (out,).
        channel_order: The channel order of the input of a network with these weights.
        record: The record that this package stored with the file, if any.
    """

    path: Path
    kind: str
    layers: Layers
    channel_order: ChannelOrder
    record: Mapping[str, object] | None = None


def read_weights(path: str | os.PathLike[str]) -> WeightFile:
    """Read a weight file of any known kind.

    Args:
        path: The file, or a folder of .npy files.

    Returns:
        The weights. Files of Caffe, and those of Keras 2, PyTorch and OpenVINO, which were
        converted from Caffe's, expect BGR input. A file of Keras 3 expects the order in its record
        or, without a record, RGB, like `networks` and MediaPipe's files.

    Raises:
        WeightsError: The file is missing, damaged, or of no known kind.
        ImportError: The file requires torch or tflite, which is not installed.
    """
    path = Path(path)
    kind = _detect_kind(path)
    if kind == "hdf5":
        kind, layers, record = read_hdf5(path)
        layers = to_caffe_names(layers)
    else:
        layers = _READERS[kind](path)
        record = read_record(path) if kind == "caffemodel" else None
    if not layers:
        raise WeightsError(f"{path} is {KINDS[kind]}, but it holds no weights")
    layers = {name: _check(path, name, arrays) for name, arrays in layers.items()}
    order = (record or {}).get("channel_order")
    if order not in ("rgb", "bgr"):
        order = "rgb" if kind in ("keras3", "keras", "tflite") else "bgr"
    return WeightFile(path, kind, layers, cast(ChannelOrder, order), record)


def _detect_kind(path: Path) -> str:
    """Return a key of `_READERS`, or "hdf5", by the first bytes of a file."""
    try:
        if path.is_dir():
            return "npy"
        with path.open("rb") as file:
            start = file.read(64)
        if start[4:8] == b"TFL3":
            return "tflite"
        text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
        if _OPENVINO.match(text):
            return "openvino"
        for starts, what in _OTHERS.items():
            if text.startswith(starts):
                raise WeightsError(f"{path} is not a weight file but {what}")
        for kind, starts in _STARTS.items():
            if start.startswith(starts):
                return _detect_zip(path) if kind == "zip" else kind
    except OSError as error:
        raise WeightsError(f"{path} can't be read: {error.strerror or error}") from error
    what = "empty" if not start else f"unknown: it begins with {start[:8].hex(' ')}"
    mend = "; of OpenVINO's two files name the .xml" if path.suffix == ".bin" else ""
    raise WeightsError(f"{path} is {what}; expected {', '.join(KINDS.values())}{mend}")


def _detect_zip(path: Path) -> str:
    """Return "hdf5" for a .keras file and "pth" for a zip file of PyTorch."""
    try:
        with open_archive(path) as archive:
            names = archive.namelist()
    except (ValueError, zipfile.BadZipFile, NotImplementedError) as error:
        raise WeightsError(f"{path} is damaged: {error}") from error
    if ARCHIVED_WEIGHTS in names:
        return "hdf5"
    if any(name.endswith("data.pkl") for name in names):
        return "pth"
    raise WeightsError(f"{path} is a zip file, but neither Keras's nor PyTorch's")


def _check(path: Path, name: str, arrays: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
    """Return a layer's arrays as finite float32."""
    for array in arrays:
        if not array.size or array.dtype.kind != "f" or not np.isfinite(array).all():
            raise WeightsError(f"{path}: expected finite numbers in the layer {name!r}")
    return tuple(array.astype(np.float32, copy=False) for array in arrays)
