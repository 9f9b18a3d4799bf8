"""Heatmaps brought from the network's resolution to other frames."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from openpose_keras.core._opencv import cv2
from openpose_keras.core.arrays import FloatArray

INTERPOLATIONS = {"linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC}


def as_maps(maps: ArrayLike, *, finite: bool = False) -> FloatArray:
    """Give maps as float32, or as float64 where they are; refuse what is no stack of maps.

    Args:
        maps: (h, w, C).
        finite: Whether to refuse NaN and infinity too.

    Returns:
        The maps, the same array where nothing had to change.

    Raises:
        ValueError: The shape is another one, or a value is not finite.
    """
    array = np.asarray(maps)
    if array.ndim != 3 or 0 in array.shape:
        raise ValueError(f"expected maps (h, w, channels), none of them 0, got shape {array.shape}")
    if array.dtype != np.float64:
        array = array.astype(np.float32, copy=False)
    if finite and not np.isfinite(array).all():
        raise ValueError("the maps hold NaN or infinity: check the network's weights and its input")
    return array


def foreground(maps: NDArray) -> NDArray:
    """Give the maps of the keypoints, without the background.

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
    """Enlarge maps to a size (or shrink them, without a filter against aliasing).

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
    if interpolation not in INTERPOLATIONS:
        raise ValueError(f"interpolation is 'linear' or 'cubic', got {interpolation!r}")
    if np.ndim(maps) == 4:
        return np.stack([upsample(each, size, interpolation=interpolation) for each in maps])
    maps = as_maps(maps)
    height, width = size
    if height < 1 or width < 1:
        raise ValueError(f"expected a size (height, width) of at least 1, got {size}")
    resized = cv2.resize(
        maps, (int(width), int(height)), interpolation=INTERPOLATIONS[interpolation]
    )
    return resized.reshape(height, width, maps.shape[2])


def upsample_stride(maps: ArrayLike, stride: int, *, interpolation: str = "cubic") -> FloatArray:
    """Enlarge maps from the network's output to its input.

    Args:
        maps: (h, w, C) or (n, h, w, C).
        stride: Input pixels per cell.
        interpolation: "cubic" or "linear".

    Returns:
        The maps with h * stride and w * stride for h and w.

    Example:
        >>> upsample_stride(np.ones((2, 46, 46, 22)), 8).shape
        (2, 368, 368, 22)
    """
    height, width = np.shape(maps)[-3:-1]
    return upsample(maps, (height * stride, width * stride), interpolation=interpolation)


def resize_from_network(
    maps: ArrayLike,
    size: tuple[int, int],
    *,
    stride: int,
    valid_size: tuple[int, int] | None = None,
    interpolation: str = "cubic",
) -> FloatArray:
    """Bring maps from the network's output to the image that was scaled and padded for it.

    Args:
        maps: (h, w, C).
        size: (height, width) of the image.
        stride: Input pixels per cell.
        valid_size: (height, width) of the input without its padding: the maps are enlarged by the
            stride, cut to it and then resized. By default nothing was padded, and one resize will
            do.
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
