"""Heatmaps for drawing: one of them chosen, and brought to the pixels of the image."""

from collections.abc import Sequence

import numpy as np

from openpose_keras.geometry import Crop, Resize
from openpose_keras.skeletons import Skeleton


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
        heat: (h, w).
        size: (height, width) of the image.
        box: (x, y, side, side) that the map covers, or None for the whole image.

    Returns:
        The map at these pixels, and their rows and columns. Empty where the box lies outside.
    """
    height, width = size
    if box is None:
        frame = Resize(size, size)
        left, top, right, bottom = 0, 0, width, height
    else:
        frame = Crop(tuple(box), size=max(heat.shape))
        x, y, box_width, box_height = frame.window
        left, top = max(x, 0), max(y, 0)
        right, bottom = min(x + box_width, width), min(y + box_height, height)
    if right <= left or bottom <= top:
        return np.zeros((0, 0)), (slice(0), slice(0))
    window = (left, top, right - left, bottom - top)
    placed = frame.invert_heatmaps(heat[..., None], window=window)[..., 0]
    return placed, (slice(top, bottom), slice(left, right))
