"""Kernels in Caffe's and PyTorch's layout (OIHW) and in Keras's (HWIO)."""

from collections.abc import Sequence

import numpy as np

Layers = dict[str, tuple[np.ndarray, ...]]  # name of a layer -> its arrays


def to_keras_layout(blobs: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
    """Convert a layer's arrays from the layout of Caffe and PyTorch into Keras's.

    Args:
        blobs: Kernel (out, in, h, w) and bias (out,) or, as old Caffe wrote it, (1, 1, 1, out).

    Returns:
        Kernel (h, w, in, out) and bias (out,), views of the same numbers. An array that is not a
        kernel keeps its shape.

    Example:
        >>> kernel, bias = to_keras_layout([np.zeros((64, 3, 7, 5)), np.zeros((1, 1, 1, 64))])
        >>> kernel.shape, bias.shape
        ((7, 5, 3, 64), (64,))
    """
    first = [blob.transpose(2, 3, 1, 0) if blob.ndim == 4 else blob for blob in blobs[:1]]
    rest = [
        blob.reshape(-1) if blob.ndim == 4 and blob.shape[:3] == (1, 1, 1) else blob
        for blob in blobs[1:]
    ]
    return (*first, *rest)


def to_caffe_layout(arrays: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
    """Convert a layer's arrays from Keras's layout into that of Caffe and PyTorch.

    Args:
        arrays: Kernel (h, w, in, out) and bias (out,).

    Returns:
        Kernel (out, in, h, w) and bias (out,), views of the same numbers.
    """
    return tuple(array.transpose(3, 2, 0, 1) if array.ndim == 4 else array for array in arrays)
