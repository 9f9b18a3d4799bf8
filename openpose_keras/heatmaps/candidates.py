"""Candidates for the keypoints of people: all peaks of each map, as OpenPose finds them.

OpenPose looks for peaks in maps that were enlarged to the network's input
(src/openpose/net/nmsBase.cpp). A peak is (x, y, score) in the pixels of the maps; it lies in the
centroid of its surroundings. No function writes into its arguments.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from openpose_keras.core._opencv import cv2
from openpose_keras.core.arrays import FloatArray, IntArray, check_maps

MOST_PEAKS = 127
"""OpenPose keeps so many peaks of a map, the first in row-major order, not the highest."""

_RADIUS = 3  # of the window whose centroid a peak is: 7x7 pixels


def openpose_candidates(
    maps: ArrayLike, *, threshold: float = 0.05, offset: float = 0.0
) -> list[FloatArray]:
    """Return the peaks of each map above a threshold, in row-major order.

    A pixel is a peak if it is higher than its eight neighbours; of two equal neighbours neither is
    one. In the second rows and columns from the border it may equal them, and what lies outside
    counts as the threshold. The outermost pixels are peaks only where such a row or column ends.

    Args:
        maps: (h, w, K) heatmaps of the keypoints, without the background.
        threshold: Values must be above it.
        offset: Is added to x and y. OpenPose adds half a pixel of the image
            (src/openpose/pose/poseExtractorCaffe.cpp).

    Returns:
        For each map (n, 3) float32: x, y of the centroid of the positive values in 7x7 pixels, and
        the value of the pixel. At most `MOST_PEAKS`.

    Raises:
        ValueError: The maps are empty, not three-dimensional, or hold NaN.

    Example:
        >>> maps = np.zeros((9, 9, 2), np.float32)
        >>> maps[4, 5, 0] = 0.5
        >>> [peaks.tolist() for peaks in openpose_candidates(maps)]
        [[[5.0, 4.0, 0.5]], []]
    """
    values = check_maps(maps, finite=True).astype(np.float32, copy=False)
    channels, y, x = _peak_cells(values, np.float32(threshold))
    windows = _windows(values, channels, y, x, _RADIUS)
    steps = np.arange(-_RADIUS, _RADIUS + 1, dtype=np.float32)
    weights = np.maximum(windows, np.float32(0))
    total = _sum_in_order(weights)
    columns, rows = (cells.astype(np.float32)[:, None, None] for cells in (x, y))
    middles = [
        _sum_in_order(places * weights) / total + np.float32(offset)
        for places in (columns + steps, rows + steps[:, None])
    ]
    peaks = np.column_stack([*middles, windows[:, _RADIUS, _RADIUS]])
    return np.split(peaks, np.searchsorted(channels, np.arange(1, values.shape[2])))


def _planes(maps: FloatArray) -> Sequence[FloatArray]:
    """Return the maps (h, w), each contiguous; those that are stored one by one are not copied."""
    stored_apart = maps.strides[2] >= maps.strides[1]
    planes = np.moveaxis(maps, 2, 0) if stored_apart else cv2.split(maps)
    return [np.ascontiguousarray(plane) for plane in planes]


def _peak_cells(maps: FloatArray, threshold: np.float32) -> tuple[IntArray, IntArray, IntArray]:
    """Return channel, y and x of the peaks of maps (h, w, K), map by map in row-major order."""
    height, width, _ = maps.shape
    square = np.ones((3, 3), np.uint8)
    cells = [
        np.flatnonzero((plane >= cv2.dilate(plane, square)) & (plane > threshold))
        for plane in _planes(maps)
    ]
    channels = np.repeat(np.arange(len(cells)), [len(found) for found in cells])
    y, x = np.divmod(np.concatenate(cells), width)
    kept = (y == 1) | (y == height - 2) | (x == 1) | (x == width - 2)
    inside = (x >= 2) & (x <= width - 3) & (y >= 2) & (y <= height - 3)
    inside = np.flatnonzero(inside & ~kept)
    around = _windows(maps, channels[inside], y[inside], x[inside], 1)
    kept[inside] = (around == around[:, 1:2, 1:2]).sum(axis=(1, 2)) == 1
    channels, y, x = channels[kept], y[kept], x[kept]
    first = np.arange(len(channels)) - np.searchsorted(channels, channels) < MOST_PEAKS
    return channels[first], y[first], x[first]


def _windows(
    maps: FloatArray, channels: IntArray, y: IntArray, x: IntArray, radius: int
) -> FloatArray:
    """Return what is around n pixels of maps: (n, side, side), 0 outside the maps."""
    height, width, _ = maps.shape
    steps = np.arange(-radius, radius + 1)
    rows, columns = y[:, None, None] + steps[:, None], x[:, None, None] + steps
    outside = (rows < 0) | (rows >= height) | (columns < 0) | (columns >= width)
    values = maps[rows.clip(0, height - 1), columns.clip(0, width - 1), channels[:, None, None]]
    return np.where(outside, np.float32(0), values)


def _sum_in_order(values: FloatArray) -> FloatArray:
    """Add up (n, side, side) float32 one by one in row-major order, as a loop does."""
    rows = values.reshape(len(values), values.shape[1] * values.shape[2])
    total: FloatArray = rows.cumsum(axis=1, dtype=np.float32)[:, -1]
    return total
