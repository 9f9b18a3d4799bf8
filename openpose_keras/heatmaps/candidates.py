"""Candidates for the keypoints of people: all peaks of each map, as OpenPose finds them.

OpenPose finds peaks by non-maximum suppression in maps upsampled to the network's input
(src/openpose/net/nmsBase.cpp). A peak is (x, y, score) in the pixels of the maps, where x and y are
the centroid of its neighbourhood. No function writes into its arguments.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from openpose_keras.core._opencv import cv2
from openpose_keras.core.arrays import FloatArray, IntArray, check_maps, group_slices
from openpose_keras.geometry.axis_aligned import Size
from openpose_keras.geometry.resampling import axis_weights

MOST_PEAKS = 127
"""Maximum number of peaks per map: OpenPose keeps the first in row-major order, not the highest."""

_RADIUS = 3  # of the window whose centroid a peak is
_SIDE = 2 * _RADIUS + 1
_CELLS = 3  # to either side of a cell, from which its neighbourhood is upsampled
_BELOW = 0.7  # of the threshold; around a cell below this nothing is above the threshold
_NEARLY = np.float32(1.05)  # by which a neighbour may exceed a cell that is examined
_STEPS = np.arange(-_RADIUS, _RADIUS + 1)
_MOMENTS = np.column_stack(  # of a window: its sum, and along x and y
    [np.ones(_SIDE**2), np.tile(_STEPS, _SIDE), np.repeat(_STEPS, _SIDE)]
).astype(np.float32)
_SQUARE = np.ones((3, 3), np.uint8)


def openpose_candidates(
    maps: ArrayLike, *, threshold: float = 0.05, offset: float = 0.0
) -> list[FloatArray]:
    """Return the peaks of each map above a threshold, in row-major order.

    A pixel is a peak if it is higher than its eight neighbours; of two equal neighbours, neither
    is a peak. In the second row or column from the border, a peak may equal its neighbours, and
    pixels outside the map count as the threshold. The outermost pixels can be peaks only at the
    ends of these rows and columns.

    Args:
        maps: (h, w, K) heatmaps of the keypoints, without the background.
        threshold: Values must be above it.
        offset: Added to x and y. OpenPose adds half a pixel of the image
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
    steps = _STEPS.astype(np.float32)
    weights = np.maximum(windows, np.float32(0))
    total = _sum_in_order(weights)
    columns, rows = (cells.astype(np.float32)[:, None, None] for cells in (x, y))
    middles = [
        _sum_in_order(places * weights) / total + np.float32(offset)
        for places in (columns + steps, rows + steps[:, None])
    ]
    peaks = np.column_stack([*middles, windows[:, _RADIUS, _RADIUS]])
    return [peaks[each] for each in group_slices(channels, values.shape[2])]


def refined_candidates(
    maps: ArrayLike,
    *,
    stride: int,
    threshold: float = 0.05,
    offset: float = 0.0,
    scales: Sequence[ArrayLike] = (),
) -> list[FloatArray]:
    """Return nearly the peaks of `openpose_candidates`, without upsampling whole maps.

    Only the neighbourhoods of cells that are nearly maxima are upsampled, cubically as in OpenPose:
    the cell's own pixels, and a quarter of a cell on each side. None of the four cells next to such
    a cell exceeds it by more than 5 %. A pixel that is higher than its eight neighbours is a peak;
    of two equal pixels, the first one is. A peak on the slope of another can therefore be missed.

    Args:
        maps: (h, w, K) heatmaps of the keypoints on the network's cells, without the background.
        stride: Input pixels per cell.
        threshold: Values of the upsampled maps must be above it.
        offset: Added to x and y.
        scales: The maps of several inputs, (h', w', K) at their own resolutions, the first at that
            of `maps`, which are their mean. The neighbourhood of a cell is upsampled from each of
            them and averaged, as in OpenPose.

    Returns:
        For each map (n, 3) float32 as from `openpose_candidates`, in pixels of the input. At most
        `MOST_PEAKS`.

    Raises:
        ValueError: The maps are empty, not three-dimensional, or hold NaN.

    Example:
        >>> y, x = np.mgrid[:20, :20] * 8 + 3.5
        >>> maps = np.exp(-((x - 70.2) ** 2 + (y - 63.9) ** 2) / 98)[..., None]
        >>> refined_candidates(maps, stride=8)[0][:, :2].round(1).tolist()
        [[70.0, 64.0]]
    """
    values = check_maps(np.ascontiguousarray(maps, np.float32), finite=True)
    height, width, count = values.shape
    parts = [np.ascontiguousarray(check_maps(each), np.float32) for each in scales] or [values]
    shapes = [each.shape for each in parts]
    if shapes[0] != values.shape or any(shape[2] != count for shape in shapes):
        raise ValueError(
            f"expected scales of {count} maps, the first of the shape {values.shape}, got {shapes}"
        )
    padded = _pad(values)
    cells = _high_cells(padded, np.float32(_BELOW * threshold))
    if not len(cells[0]):
        return [np.empty((0, 3), np.float32) for _ in range(count)]
    patches = _surroundings(_pad(parts[0]) if scales else padded, cells, stride)
    for other in parts[1:]:
        patches += _resized_surroundings(other, cells, stride, (height, width))
    if parts[1:]:
        patches /= np.float32(len(parts))
    rows, columns, number = _maxima(patches, np.float32(threshold))
    size, reach = (stride * height, stride * width), stride // 4 + _RADIUS
    channels = cells[2][number]
    y, x = stride * cells[0][number] - reach + rows, stride * cells[1][number] - reach + columns
    inside = np.flatnonzero((y > 0) & (y < size[0] - 1) & (x > 0) & (x < size[1] - 1))
    pixels = (channels * size[0] + y) * size[1] + x
    kept = inside[np.unique(pixels[inside], return_index=True)[1]]  # in the order of OpenPose
    kept = kept[_first_of_each(channels[kept])]
    windows = _around(patches, rows[kept], columns[kept], number[kept], _RADIUS)
    windows = windows.reshape(-1, _SIDE, _SIDE)
    peaks = _centroids(windows, y[kept], x[kept], size)
    peaks[:, :2] += np.float32(offset)
    return [peaks[each] for each in group_slices(channels[kept], count)]


def _pad(maps: FloatArray) -> FloatArray:
    """Return maps padded with their edges, as far as the neighbourhood of a cell reaches."""
    height, width, count = maps.shape
    padded = cv2.copyMakeBorder(maps, *(_CELLS,) * 4, cv2.BORDER_REPLICATE)
    shape = height + 2 * _CELLS, width + 2 * _CELLS, count
    return np.asarray(padded, np.float32).reshape(shape)


def _high_cells(padded: FloatArray, threshold: np.float32) -> tuple[IntArray, ...]:
    """Return y, x and channels of cells above a threshold that no neighbour exceeds by much.

    Cells whose neighbourhood is constant are left out, since it contains no peak.
    """
    _, width, count = padded.shape
    mask = padded[_CELLS:-_CELLS, _CELLS:-_CELLS] > threshold
    y, x, channels = _nonzero(mask)
    places = ((y + _CELLS) * width + x + _CELLS) * count + channels
    values = padded.ravel()
    middles = values.take(places)
    kept, level = np.ones(len(places), bool), np.ones(len(places), bool)
    for step in (-width * count, -count, count, width * count):
        beside = values.take(places + step)
        kept &= beside <= _NEARLY * middles
        level &= beside == middles
    level = np.flatnonzero(level)
    around = _around(padded, y[level] + _CELLS, x[level] + _CELLS, channels[level], _CELLS)
    kept[level] = (around != middles[level, None]).any(axis=1)
    return y[kept], x[kept], channels[kept]


def _around(
    maps: FloatArray, y: IntArray, x: IntArray, channels: IntArray, radius: int
) -> FloatArray:
    """Return the neighbourhoods of n cells, which must lie inside the maps: (n, side * side)."""
    _, width, count = maps.shape
    steps = np.arange(-radius, radius + 1) * count
    places = (y * width + x) * count + channels
    offsets = (steps[:, None] * width + steps).ravel()
    return np.asarray(maps.ravel().take(places[:, None] + offsets))


def _surroundings(padded: FloatArray, cells: tuple[IntArray, ...], stride: int) -> FloatArray:
    """Return the upsampled neighbourhoods of cells (y, x, channels).

    Args:
        padded: Maps from `_pad`.
        cells: y, x and channels (n,) of cells of the maps.
        stride: Input pixels per cell.

    Returns:
        (side, side, n) float32: the pixels of a cell, extended on each side by a quarter of a
        cell and a window's radius.
    """
    y, x, channels = cells
    weights = _enlarging(stride)
    patches = weights @ _around(padded, y + _CELLS, x + _CELLS, channels, _CELLS).T
    side = math.isqrt(len(weights))
    return np.asarray(patches.reshape(side, side, len(y)))


def _resized_surroundings(
    maps: FloatArray, cells: tuple[IntArray, ...], stride: int, shape: Size
) -> FloatArray:
    """Return `_surroundings` from maps of another resolution that cover the same input.

    Args:
        maps: (h', w', K).
        cells: y, x and channels (n,) of cells of the maps of `shape`.
        stride: Input pixels per cell of these maps.
        shape: (h, w) of these maps.
    """
    y, x, channels = cells
    (tops, down), (lefts, across) = (
        _resizing(size, own, stride) for size, own in zip(shape, maps.shape[:2], strict=True)
    )
    rows = (tops[y, None] + np.arange(down.shape[2]))[:, :, None]
    columns = (lefts[x, None] + np.arange(across.shape[2]))[:, None]
    around = maps[rows, columns, channels[:, None, None]]
    patches = down[y] @ around @ across[x].swapaxes(1, 2)
    return np.moveaxis(patches, 0, 2)


@lru_cache
def _resizing(size: int, own: int, stride: int) -> tuple[IntArray, FloatArray]:
    """Return, for each cell of an axis, the cells of another axis around it, and their weights.

    Args:
        size: Number of cells, each of `stride` pixels.
        own: Number of cells of the other axis, which covers the same pixels.
        stride: Pixels per cell.

    Returns:
        (size,) the first cell of the other axis, and (size, pixels, others) float32, the weights
        that upsample its cells to the neighbourhood of a cell.
    """
    reach = stride // 4 + _RADIUS
    pixels = stride * np.arange(size)[:, None] + np.arange(-reach, stride + reach)
    positions = (pixels + 0.5) * own / (stride * size) - 0.5
    weights = axis_weights(positions.ravel(), own, "cubic").reshape(*pixels.shape, own)
    count = min(own, int(np.ptp(positions, axis=1).max()) + 5)
    first = (np.floor(positions[:, 0]).astype(int) - 1).clip(0, own - count)
    chosen = first[:, None, None] + np.arange(count)
    return first, np.take_along_axis(weights, chosen, axis=2)


@lru_cache
def _enlarging(stride: int) -> FloatArray:
    """Return the weights (pixels, cells) that upsample the neighbourhood of a cell.

    Both axes are upsampled at once: one product with all neighbourhoods takes less time than two.
    """
    reach = stride // 4 + _RADIUS
    positions = (np.arange(-reach, stride + reach) + 0.5) / stride - 0.5 + _CELLS
    weights = axis_weights(positions, 2 * _CELLS + 1, "cubic")
    return np.kron(weights, weights)


def _maxima(patches: FloatArray, threshold: np.float32) -> tuple[IntArray, ...]:
    """Return row, column and patch of the local maxima above the threshold.

    Pixels whose window would leave the patch are left out. Of equal neighbours, the first one is a
    maximum.
    """
    side = len(patches) - 2 * _RADIUS
    inner = patches[_RADIUS:-_RADIUS, _RADIUS:-_RADIUS]
    high = inner > threshold
    for y, x in ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)):
        top, left = _RADIUS + y, _RADIUS + x
        other = patches[top : top + side, left : left + side]
        high &= inner > other if (y, x) < (0, 0) else inner >= other
    rows, columns, number = _nonzero(high)
    return rows + _RADIUS, columns + _RADIUS, number


def _centroids(windows: FloatArray, y: IntArray, x: IntArray, size: Size) -> FloatArray:
    """Return peaks (n, 3) float32: the centroids of windows, and the values at their centres.

    Args:
        windows: (n, 7, 7) around the pixels.
        y: (n,) rows of the pixels.
        x: (n,) columns of the pixels.
        size: (height, width) of the maps; pixels outside do not count.
    """
    below, beside = (
        (each[:, None] + _STEPS >= 0) & (each[:, None] + _STEPS < side)
        for each, side in zip((y, x), size, strict=True)
    )
    weights = windows.clip(0) * (below[:, :, None] & beside[:, None, :])
    total, across, down = (weights.reshape(-1, _SIDE**2) @ _MOMENTS).T
    peaks = np.empty((len(windows), 3), np.float32)
    peaks[:, 0], peaks[:, 1] = x + across / total, y + down / total
    peaks[:, 2] = windows[:, _RADIUS, _RADIUS]
    return peaks


def _nonzero(mask: np.ndarray) -> tuple[IntArray, ...]:
    """Return the result of `np.nonzero` for three axes in a fifth of its time."""
    return np.unravel_index(np.flatnonzero(mask), mask.shape)


def _first_of_each(channels: IntArray) -> np.ndarray:
    """Return which peaks, sorted by channel, are among the first `MOST_PEAKS` of theirs."""
    within: np.ndarray = np.arange(len(channels)) - np.searchsorted(channels, channels)
    return within < MOST_PEAKS


def _planes(maps: FloatArray) -> Sequence[FloatArray]:
    """Return the maps (h, w), each contiguous; maps that already are contiguous are not copied."""
    stored_apart = maps.strides[2] >= maps.strides[1]
    planes = np.moveaxis(maps, 2, 0) if stored_apart else cv2.split(maps)
    return [np.ascontiguousarray(plane) for plane in planes]


def _peak_cells(maps: FloatArray, threshold: np.float32) -> tuple[IntArray, IntArray, IntArray]:
    """Return channel, y and x of the peaks of maps (h, w, K), map by map in row-major order."""
    height, width, _ = maps.shape
    cells = [
        np.flatnonzero((plane >= cv2.dilate(plane, _SQUARE)) & (plane > threshold))
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
    first = _first_of_each(channels)
    return channels[first], y[first], x[first]


def _windows(
    maps: FloatArray, channels: IntArray, y: IntArray, x: IntArray, radius: int
) -> FloatArray:
    """Return the windows around n pixels of maps: (n, side, side), 0 outside the maps."""
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
