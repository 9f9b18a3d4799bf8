"""The one door to weight files: what kind a file is, and its arrays."""

import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from openpose_keras.conversion.readers import hdf5, npy, torch_files
from openpose_keras.conversion.readers.probe import probe
from openpose_keras.core.errors import WeightsError
from openpose_keras.io._zip import open_archive
from openpose_keras.io.weight_record import read_record

ChannelOrder = Literal["rgb", "bgr"]

# Kind -> (its name in a sentence, its reader, what the network wants if no record says).
_KINDS = {
    "caffemodel": ("a .caffemodel of Caffe", npy.read_caffe_layers, "bgr"),
    "keras2": ("an HDF5 file of Keras 2", hdf5.read_keras2, "bgr"),
    "keras3": ("a .weights.h5 of Keras 3", hdf5.read_keras3, "rgb"),
    "keras": ("a .keras file of Keras 3", hdf5.read_keras_archive, "rgb"),
    "pth": ("a .pth of PyTorch", torch_files.read_pth, "bgr"),
    "npy": ("a folder of W_name.npy and b_name.npy", npy.read_folder, "bgr"),
}
KINDS = {kind: name for kind, (name, _, _) in _KINDS.items()}

_HDF5_START = b"\x89HDF\r\n\x1a\n"
_ZIP_START = b"PK\x03\x04"
_PICKLE_STARTS = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_CAFFE_STARTS = (b"\x0a", b"\x12", b"\x1a", b"\xa2\x06")  # name, layers, input, layer
_IMPOSTORS = {
    b"<": "a web page: the server sent a message instead of the file",
    b"version https://git-lfs": "a pointer of Git LFS: fetch the file itself with git lfs pull",
    b"name:": "a .prototxt, which describes a network: the weights are in the .caffemodel",
    b"input:": "a .prototxt, which describes a network: the weights are in the .caffemodel",
}


@dataclass(frozen=True, eq=False)
class WeightFile:
    """The weights of a file.

    Attributes:
        path: The file, or folder.
        kind: A key of `KINDS`.
        layers: Name of each layer to its arrays, float32, in Keras's layout: a convolution has a
            kernel (h, w, in, out) and a bias (out,).
        channel_order: What a network with these weights wants to see.
        record: What the package noted when it wrote the file, if it did.
    """

    path: Path
    kind: str
    layers: Mapping[str, tuple[np.ndarray, ...]]
    channel_order: ChannelOrder
    record: Mapping[str, object] | None = None


def read_weights(path: str | os.PathLike[str]) -> WeightFile:
    """Read a weight file of any known kind.

    Args:
        path: The file, or a folder of .npy files.

    Returns:
        Its weights. Files of Caffe, and of Keras 2 and PyTorch, which were made from Caffe's, want
        BGR. A file of Keras 3 wants what its record says; without one, RGB as `networks` has it.

    Raises:
        WeightsError: It is missing, damaged, or of no known kind.
        ImportError: It needs torch, which is not installed.
    """
    path = Path(path)
    kind = detect_kind(path)
    _, reader, order = _KINDS[kind]
    record = read_record(path) if kind in ("keras3", "keras", "caffemodel") else None
    if record and record.get("channel_order") in ("rgb", "bgr"):
        order = record["channel_order"]
    layers = {name: _check(path, name, blobs) for name, blobs in reader(path).items()}
    if not layers:
        raise WeightsError(f"{path} is {KINDS[kind]}, but it holds no weights")
    return WeightFile(path, kind, layers, order, record)


def detect_kind(path: str | os.PathLike[str]) -> str:
    """Tell what kind of weight file it is, from its content.

    Args:
        path: The file, or a folder.

    Returns:
        A key of `KINDS`. Of most kinds only the beginning is looked at; an HDF5 file is read whole,
        in a process of its own, because the HDF5 library may crash on a damaged one.

    Raises:
        WeightsError: It is missing, of no known kind, or an HDF5 file that is damaged.
    """
    path = Path(path)
    try:
        if path.is_dir():
            if any(path.glob("W_*.npy")):
                return "npy"
            raise WeightsError(f"the folder {path} holds no W_name.npy and b_name.npy")
        with open(path, "rb") as file:
            start = file.read(64)
    except OSError as error:
        raise WeightsError(f"{path} can't be read: {error.strerror or error}") from error
    if start.startswith(_HDF5_START):
        return probe(path)
    if start.startswith(_ZIP_START):
        return _detect_zip(path)
    if start.startswith(_PICKLE_STARTS):
        return "pth"
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for beginning, what in _IMPOSTORS.items():
        if text.startswith(beginning):
            raise WeightsError(f"{path} is no weight file but {what}")
    if start.startswith(_CAFFE_STARTS):
        return "caffemodel"
    what = "empty" if not start else f"unknown: it begins with {start[:8].hex(' ')}"
    raise WeightsError(f"{path} is {what}; expected {', '.join(KINDS.values())}")


def _detect_zip(path: Path) -> str:
    """Tell a .keras file from one of PyTorch."""
    try:
        with open_archive(path) as archive:
            names = archive.namelist()
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
        raise WeightsError(f"{path} is damaged: {error}") from error
    if hdf5.ARCHIVED_WEIGHTS in names:
        return probe(path)
    if any(name.endswith("data.pkl") for name in names):
        return "pth"
    raise WeightsError(f"{path} is a zip file, but neither Keras's nor PyTorch's")


def _check(path: Path, name: str, blobs: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
    """Give a layer's arrays as finite float32."""
    for array in blobs:
        if array.dtype.kind != "f" or not np.isfinite(array).all():
            raise WeightsError(f"{path}: the layer {name!r} holds what is no finite float")
    return tuple(array.astype(np.float32, copy=False) for array in blobs)
