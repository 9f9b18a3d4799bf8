"""Heatmaps for drawing: one of them chosen, and brought to the pixels of the image."""

import math
from collections.abc import Sequence

import numpy as np

from openpose_keras.core.boxes import check_box
from openpose_keras.core.skeletons import Skeleton
from openpose_keras.geometry.resampling import sample_maps


def pick_map(maps: np.ndarray, index: int | str | None, skeleton: Skeleton) -> np.ndarray:
    """Give one map of several, or the greatest value over all keypoints.

    Args:
        maps: (h, w, k + 1) with the background last, (h, w, k) without it, or one map (h, w).
        index: A number, a keypoint's name, "background", or None for the greatest value.
        skeleton: Names of the k keypoints.

    Returns:
        (h, w).

    Raises:
        ValueError: The maps have another shape, or there is no such map.
    """
    count = len(skeleton)
    if maps.ndim == 2 and index is None:
        return maps
    if maps.ndim != 3 or maps.shape[-1] not in (count, count + 1) or 0 in maps.shape:
        raise ValueError(
            f"heatmaps must be (h, w, {count + 1}), or (h, w, {count}) without the background, not "
            f"{maps.shape}; a batch is drawn one by one: maps[0]"
        )
    if index is None:
        return maps[..., :count].max(axis=-1)
    names = (*skeleton.keypoints, "background")[: maps.shape[-1]]
    channel = names.index(index) if isinstance(index, str) and index in names else index
    if not isinstance(channel, (int, np.integer)) or not -len(names) <= channel < len(names):
        raise ValueError(
            f"there is no map {index!r}: give 0 to {len(names) - 1}, or one of {names}"
        )
    return maps[..., channel]


def to_image(
    heat: np.ndarray, size: tuple[int, int], box: Sequence[float] | None
) -> tuple[np.ndarray, tuple[slice, slice]]:
    """Bring a map to the pixels of the image that it covers.

    Args:
        heat: (h, w), finite.
        size: (height, width) of the image.
        box: (x, y, width, height) that the map covers, or None for the whole image.

    Returns:
        The map at the pixels whose centres the box covers, and their rows and columns. Empty where
        the box lies outside the image.

    Raises:
        ValueError: The box is not four finite numbers with a size above 0.
    """
    area = check_box((0, 0, *size[::-1]) if box is None else box)
    columns, places_x = _axis(area[0], area[2], size[1], heat.shape[1])
    rows, places_y = _axis(area[1], area[3], size[0], heat.shape[0])
    planes = heat[..., None].astype(np.float32)
    return sample_maps(planes, places_y, places_x, "linear")[..., 0], (rows, columns)


def _axis(start: float, length: float, limit: int, cells: int) -> tuple[slice, np.ndarray]:
    """Give the pixels of an axis that the box covers, and where they lie in cells of the map."""
    first = min(max(math.ceil(start - 0.5), 0), limit)
    last = min(max(math.ceil(start + length - 0.5), first), limit)
    return slice(first, last), (np.arange(first, last) - start + 0.5) * cells / length - 0.5
