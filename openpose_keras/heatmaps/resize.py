"""Heatmaps resampled from the network's resolution to other frames."""

import numpy as np
from numpy.typing import ArrayLike

from openpose_keras.core._opencv import cv2
from openpose_keras.core.arrays import FloatArray, check_maps
from openpose_keras.geometry.resampling import INTERPOLATIONS


def foreground(maps: FloatArray) -> FloatArray:
    """Return the maps of the keypoints, without the background.

    Args:
        maps: (..., C) with the background last.

    Returns:
        (..., C - 1), a view of `maps`.

    Example:
        >>> foreground(np.zeros((46, 46, 22))).shape
        (46, 46, 21)
    """
    return maps[..., :-1]


def upsample(maps: ArrayLike, size: tuple[int, int], *, interpolation: str = "cubic") -> FloatArray:
    """Resize maps, without antialiasing when they shrink.

    Args:
        maps: (h, w, C) or (n, h, w, C).
        size: (height, width) of the result.
        interpolation: "cubic" or "linear".

    Returns:
        The maps with h and w replaced, float32 (float64 if `maps` is).

    Raises:
        ValueError: The shape, the size or the interpolation is not one of these.

    Example:
        >>> upsample(np.ones((46, 46, 22)), (368, 368)).shape
        (368, 368, 22)
    """
    if interpolation not in ("cubic", "linear"):
        raise ValueError(f"interpolation is 'linear' or 'cubic', got {interpolation!r}")
    maps = np.asarray(maps)
    if maps.ndim == 4:
        return np.stack([upsample(each, size, interpolation=interpolation) for each in maps])
    maps = check_maps(maps)
    height, width = size
    if height < 1 or width < 1:
        raise ValueError(f"expected a size (height, width) of at least 1, got {size}")
    method = INTERPOLATIONS[interpolation]
    resized = cv2.resize(maps, (int(width), int(height)), interpolation=method)
    return np.asarray(resized, maps.dtype).reshape(height, width, maps.shape[2])


def upsample_stride(maps: ArrayLike, stride: int, *, interpolation: str = "cubic") -> FloatArray:
    """Upsample maps from the network's output to its input.

    Args:
        maps: (h, w, C) or (n, h, w, C).
        stride: Input pixels per cell.
        interpolation: "cubic" or "linear".

    Returns:
        The maps with height h * stride and width w * stride.

    Example:
        >>> upsample_stride(np.ones((2, 46, 46, 22)), 8).shape
        (2, 368, 368, 22)
    """
    height, width = np.shape(maps)[-3:-1]
    return upsample(maps, (height * stride, width * stride), interpolation=interpolation)


def upsample_apart(maps: ArrayLike, size: tuple[int, int]) -> FloatArray:
    """Upsample maps cubically, each into a contiguous block of memory.

    This is faster for many maps. Functions that process single maps, such as `openpose_candidates`,
    then need not copy them.

    Args:
        maps: (h, w, C).
        size: (height, width) of the result.

    Returns:
        (height, width, C), a view of an array (C, height, width).

    Example:
        >>> upsample_apart(np.ones((46, 82, 78)), (368, 656)).shape
        (368, 656, 78)
    """
    planes = np.ascontiguousarray(np.moveaxis(check_maps(maps), 2, 0))
    height, width = size
    enlarged = np.empty((len(planes), height, width), planes.dtype)
    for plane, target in zip(planes, enlarged, strict=True):
        cv2.resize(plane, (width, height), dst=target, interpolation=cv2.INTER_CUBIC)
    return np.moveaxis(enlarged, 0, 2)


def resize_from_network(
    maps: ArrayLike,
    size: tuple[int, int],
    *,
    stride: int,
    valid_size: tuple[int, int] | None = None,
    interpolation: str = "cubic",
) -> FloatArray:
    """Resize maps from the network's output to the image that was scaled and padded for it.

    Args:
        maps: (h, w, C).
        size: (height, width) of the image.
        stride: Input pixels per cell.
        valid_size: (height, width) of the input without padding. The maps are upsampled by the
            stride, cut to this size and then resized. By default there is no padding, and one
            resize is enough.
        interpolation: "cubic" or "linear".

    Returns:
        (height, width, C).

    Example:
        >>> maps = np.ones((46, 62, 1))
        >>> resize_from_network(maps, (480, 640), stride=8, valid_size=(368, 491)).shape
        (480, 640, 1)
    """
    if valid_size is None:
        return upsample(maps, size, interpolation=interpolation)
    enlarged = upsample_stride(maps, stride, interpolation=interpolation)
    return upsample(enlarged[: valid_size[0], : valid_size[1]], size, interpolation=interpolation)
