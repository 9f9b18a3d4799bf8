"""Array types, and functions for arrays that several subpackages share."""

from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.floating]
IntArray = NDArray[np.integer]


def check_points(xy: ArrayLike) -> FloatArray:
    """Return points as float32 if they are float32, else as float64.

    Args:
        xy: (..., 2) positions (x, y) in pixels.

    Raises:
        ValueError: The shape is not (..., 2).
    """
    points = np.asarray(xy)
    if points.dtype != np.float32:
        points = points.astype(np.float64)
    if points.ndim == 0 or points.shape[-1] != 2:
        raise ValueError(f"expected points (..., 2), x and y in pixels, got shape {points.shape}")
    return points


def check_maps(maps: ArrayLike, *, finite: bool = False) -> FloatArray:
    """Return maps as float64 if they are float64, else as float32.

    Args:
        maps: (h, w, C).
        finite: Whether NaN and infinity raise an error.

    Returns:
        The maps; the same array if nothing had to change.

    Raises:
        ValueError: The shape is not (h, w, C), a side is 0, or a value is not finite.
    """
    array = np.asarray(maps)
    if array.ndim != 3 or 0 in array.shape:
        raise ValueError(
            f"expected maps (h, w, C) with no side of 0, got shape {array.shape}: pass the maps of "
            "one image, not of a batch"
        )
    if array.dtype != np.float64:
        array = array.astype(np.float32, copy=False)
    if finite and not np.isfinite(array).all():
        raise ValueError("the maps hold NaN or infinity: check the network's weights and its input")
    return array


def group_slices(groups: IntArray, count: int) -> list[slice]:
    """Return the slice of each group in rows that are sorted by group.

    Args:
        groups: (n,) number of each row's group, ascending.
        count: Number of groups.

    Returns:
        For each group the slice of its rows, which may be empty.

    Example:
        >>> rows = np.arange(4)
        >>> [rows[each].tolist() for each in group_slices(np.array([0, 0, 2, 2]), 3)]
        [[0, 1], [], [2, 3]]
    """
    ends = np.searchsorted(groups, np.arange(count + 1)).tolist()
    return [slice(first, last) for first, last in pairwise(ends)]
