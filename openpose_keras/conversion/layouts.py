"""Convert kernels between the layout of Caffe and PyTorch (OIHW) and that of Keras (HWIO)."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from openpose_keras.core.errors import WeightsError

Layers = dict[str, tuple[np.ndarray, ...]]  # name of a layer -> its arrays


def to_keras_layout(blobs: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
    """Convert a layer's arrays from the layout of Caffe and PyTorch to that of Keras.

    Args:
        blobs: Kernel (out, in, h, w) and bias (out,) or, as old versions of Caffe wrote it, (1, 1,
            1, out); or the slopes of a PReLU (channels,) alone.

    Returns:
        Kernel (h, w, in, out) and bias (out,), or slopes (1, 1, channels), as views of the same
        data. Any other array keeps its shape.

    Example:
        >>> kernel, bias = to_keras_layout([np.zeros((64, 3, 7, 5)), np.zeros((1, 1, 1, 64))])
        >>> kernel.shape, bias.shape
        ((7, 5, 3, 64), (64,))
    """
    if len(blobs) == 1 and blobs[0].ndim == 1:
        return (blobs[0].reshape(1, 1, -1),)
    first = [blob.transpose(2, 3, 1, 0) if blob.ndim == 4 else blob for blob in blobs[:1]]
    rest = [
        blob.reshape(-1) if blob.ndim == 4 and blob.shape[:3] == (1, 1, 1) else blob
        for blob in blobs[1:]
    ]
    return (*first, *rest)


def to_caffe_layout(arrays: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
    """Convert a layer's arrays from the layout of Keras to that of Caffe and PyTorch.

    Args:
        arrays: Kernel (h, w, in, out) and bias (out,), or slopes of a PReLU (1, 1, channels).

    Returns:
        Kernel (out, in, h, w) and bias (out,), or (channels,), as views of the same data.
    """
    if [array.ndim for array in arrays] == [3]:
        return (arrays[0].reshape(-1),)
    return tuple(array.transpose(3, 2, 0, 1) if array.ndim == 4 else array for array in arrays)


def to_caffe_names(layers: Layers) -> Layers:
    """Rename layers from the Keras port of the body networks to Caffe's names.

    The port (michalfaber/keras_Realtime_Multi-Person_Pose_Estimation, model/cmu_model.py) names the
    layers of the first stage like those of the others, Mconv1_stage1_L1. Caffe's network names them
    conv5_1_CPM_L1. All other names are the same.

    Args:
        layers: The layers of any network.

    Example:
        >>> list(to_caffe_names({"conv4_4_CPM": (), "Mconv1_stage1_L2": ()}))
        ['conv4_4_CPM', 'conv5_1_CPM_L2']
    """
    return {
        re.sub(r"^Mconv([1-5])_stage1_(L\d)$", r"conv5_\1_CPM_\2", name): arrays
        for name, arrays in layers.items()
    }


def pair_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> Layers:
    """Pair the kernel and the bias of each layer; the slopes of a PReLU stay alone.

    Args:
        path: The file from which the arrays were read, for messages.
        arrays: A mapping from names to arrays, in the layout of Caffe and PyTorch. Names have the
            form "conv1_1.weight" and "conv1_1.bias"; a prefix ("model1_0.conv1_1.weight") is
            removed.

    Returns:
        A mapping from names to (kernel, bias), or to (slopes,), in Keras's layout.

    Raises:
        WeightsError: A layer does not have exactly one weight and one bias.
    """
    pairs: dict[str, dict[str, np.ndarray]] = defaultdict(dict)
    for key, array in arrays.items():
        *_, name, part = ["", *key.split(".")]
        if part in pairs[name]:
            raise WeightsError(f"{path}: expected one {part} of the layer {name!r}, got two")
        pairs[name][part] = array
    for name, pair in pairs.items():
        expected = {"weight"} if "prelu" in name else {"weight", "bias"}
        if set(pair) != expected:
            parts = " and ".join(pair)
            raise WeightsError(
                f"{path}: expected {' and '.join(sorted(expected, reverse=True))} of {name!r}, got "
                f"{parts} only"
            )
    return {
        name: to_keras_layout([pair[part] for part in ("weight", "bias") if part in pair])
        for name, pair in pairs.items()
    }
