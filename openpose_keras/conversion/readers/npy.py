"""Read weights in Caffe's layout from a .caffemodel or a folder of .npy files."""

from pathlib import Path

import numpy as np

from openpose_keras.conversion.caffe.caffemodel import read_caffemodel
from openpose_keras.conversion.layouts import Layers, pair_arrays, to_keras_layout
from openpose_keras.core.errors import WeightsError


def read_caffe_layers(path: Path) -> Layers:
    """Read the layers of a .caffemodel that have weights.

    Args:
        path: The file.

    Returns:
        A mapping from names to arrays in Keras's layout.

    Raises:
        WeightsError: The file is damaged, or has two layers with the same name.
    """
    layers: Layers = {}
    for layer in read_caffemodel(path).layers:
        if layer.blobs and layer.name in layers:
            raise WeightsError(f"{path} has two layers of the name {layer.name!r}")
        if layer.blobs:
            layers[layer.name] = to_keras_layout(layer.blobs)
    return layers


def read_folder(path: Path) -> Layers:
    """Read a folder of W_name.npy and b_name.npy in Caffe's layout.

    Args:
        path: The folder; other files in it are ignored.

    Returns:
        A mapping from names to (kernel, bias) in Keras's layout.

    Raises:
        WeightsError: A file is damaged, or one of a pair is missing.
    """
    arrays = {}
    for letter, part in (("W", "weight"), ("b", "bias")):
        for file in path.glob(f"{letter}_*.npy"):
            arrays[f"{file.stem[2:]}.{part}"] = _read_array(file)
    return pair_arrays(path, arrays)


def _read_array(path: Path) -> np.ndarray:
    """Read a .npy file, mapped so that a header with more data than the file is detected."""
    try:
        return np.array(np.load(path, mmap_mode="r", allow_pickle=False))
    except (OSError, ValueError, TypeError, OverflowError, SyntaxError, MemoryError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise WeightsError(f"{path} is not a .npy file, or damaged: {reason}") from error
