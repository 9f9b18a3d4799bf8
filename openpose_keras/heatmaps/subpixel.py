"""Blurs, and refinement of peaks to a fraction of a cell: the computations behind `peaks`."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from openpose_keras.core._opencv import cv2
from openpose_keras.core.arrays import FloatArray, IntArray, check_maps
from openpose_keras.geometry.resampling import axis_weights

# A neighbour below this fraction of the peak says nothing about a Gaussian: its logarithm is noise.
_LOG_FLOOR = 1e-3
_PATCH_RADIUS = 3  # a 7x7 patch: one cell to either side, and the reach of the cubic kernel
_FACTOR = 8  # by which a map is upsampled to find a cubic peak


def blur_5x5(maps: ArrayLike, sigma: float) -> FloatArray:
    """Blur maps with a Gaussian of 5x5 cells, the border reflected.

    Args:
        maps: (h, w, K).
        sigma: Standard deviation in cells; 0 for no blur.

    Returns:
        (h, w, K).

    Example:
        >>> blur_5x5(np.ones((6, 6, 21)), 1.1).shape
        (6, 6, 21)
    """
    array = check_maps(maps)
    if not sigma:
        return array
    smooth = cv2.GaussianBlur(array, (5, 5), sigma, borderType=cv2.BORDER_REFLECT)
    return np.asarray(smooth, array.dtype).reshape(array.shape)


def gaussian_blur(plane: ArrayLike, sigma: float) -> FloatArray:
    """Blur one map as `scipy.ndimage.gaussian_filter` does, cut at 4 sigma, the border reflected.

    Args:
        plane: (h, w).
        sigma: Standard deviation in cells, above 0.

    Returns:
        (h, w), a new array.

    Raises:
        ValueError: Sigma is not above 0.

    Example:
        >>> gaussian_blur(np.ones((5, 4)), 3.0).round(6).min().item()
        1.0
    """
    if not sigma > 0:
        raise ValueError(f"expected a sigma above 0, got {sigma}")
    side = 2 * int(4 * sigma + 0.5) + 1
    plane = np.asarray(plane)
    smooth = cv2.GaussianBlur(plane, (side, side), sigma, borderType=cv2.BORDER_REFLECT)
    return np.asarray(smooth, plane.dtype)


def refine_peaks(maps: ArrayLike, peaks: ArrayLike, *, method: str = "log_quadratic") -> FloatArray:
    """Move peaks from the centres of cells to the maxima between them, by at most one cell.

    "log_quadratic" fits a quadratic to the logarithm of the 3x3 neighbourhood, which is exact for
    any Gaussian, also a rotated one. "cubic" finds the maximum of the maps upsampled eight times
    by `cv2.INTER_CUBIC`, within a cell of the peak; the score is the value there.

    Args:
        maps: (h, w, K) heatmaps.
        peaks: (K, 3), one peak (x, y, score) per map, as from `argmax_peaks`.
        method: "log_quadratic" or "cubic".

    Returns:
        (K, 3) float64: x, y, score; missing peaks stay missing. At the map's border
        "log_quadratic" does not change the coordinate across the border.

    Raises:
        ValueError: Shapes do not fit, a peak is outside, the maps hold NaN, or the method is
            unknown.

    Example:
        >>> maps = np.zeros((8, 8, 1))
        >>> maps[4, 4:6] = 0.5
        >>> refine_peaks(maps, [[4, 4, 0.5]])[0, :2].round(6).tolist()
        [4.5, 4.0]
    """
    values = check_maps(maps, finite=True)
    if method not in _METHODS:
        raise ValueError(f"method is one of {sorted(_METHODS)}, got {method!r}")
    refined = np.array(peaks, dtype=np.float64)
    height, width, count = values.shape
    if refined.shape != (count, 3):
        raise ValueError(f"expected one peak a map, ({count}, 3), got shape {refined.shape}")
    found = np.flatnonzero(np.isfinite(refined[:, :2]).all(axis=1))
    cells = np.rint(refined[found, :2]).astype(int)
    if ((cells < 0) | (cells >= (width, height))).any():
        raise ValueError(f"a peak lies outside its map of {width} x {height} cells")
    refined[found] = _METHODS[method](values, found, cells, refined[found, 2])
    return refined


def _log_quadratic(
    maps: FloatArray, channels: IntArray, cells: IntArray, scores: FloatArray
) -> FloatArray:
    """Take a Newton step on the logarithm around each cell; keep the scores."""
    patches = _patches(maps, channels, cells, radius=1)
    top = patches[:, 1, 1]
    floor = np.where(top > 0, top, 1.0) * _LOG_FLOOR
    logs = np.log(np.maximum(patches, floor[:, None, None]))
    before = np.stack([logs[:, 1, 0], logs[:, 0, 1]], axis=1)
    after = np.stack([logs[:, 1, 2], logs[:, 2, 1]], axis=1)
    bend = after - 2 * logs[:, 1, 1, None] + before
    # A peak moves along an axis if the map falls off on both sides, and both are on the map.
    inner = (cells > 0) & (cells < (maps.shape[1] - 1, maps.shape[0] - 1))
    free = inner & (bend < 0) & (top > 0)[:, None]
    slope = np.where(free, (after - before) / 2, 0.0)
    bend = np.where(free, bend, -1.0)
    twist = (logs[:, 2, 2] - logs[:, 2, 0] - logs[:, 0, 2] + logs[:, 0, 0]) / 4
    twist = np.where(free.all(axis=1) & (bend.prod(axis=1) > twist**2), twist, 0.0)
    determinant = bend.prod(axis=1) - twist**2
    step = (twist[:, None] * slope[:, ::-1] - bend[:, ::-1] * slope) / determinant[:, None]
    return np.column_stack([cells + np.clip(step, -1.0, 1.0), scores])


def _cubic(
    maps: FloatArray, channels: IntArray, cells: IntArray, _scores: FloatArray
) -> FloatArray:
    """Upsample the neighbourhood of each cell, and return the maximum and its value."""
    offsets, weights = _cubic_grid()
    enlarged = weights @ _patches(maps, channels, cells, radius=_PATCH_RADIUS) @ weights.T
    xy = cells[:, :, None] + offsets  # (n, 2, positions along an axis)
    ends = np.array([[maps.shape[1]], [maps.shape[0]]]) - 0.5
    outside = (xy < -0.5) | (xy > ends)
    enlarged[outside[:, 1, :, None] | outside[:, 0, None, :]] = -np.inf
    best = enlarged.reshape(len(cells), offsets.size**2).argmax(axis=1)
    row, column = np.divmod(best, offsets.size)
    each = np.arange(len(cells))
    return np.column_stack([xy[each, 0, column], xy[each, 1, row], enlarged[each, row, column]])


@lru_cache(maxsize=1)
def _cubic_grid() -> tuple[FloatArray, FloatArray]:
    """Return the upsampled positions within a cell of a patch's centre, and their weights."""
    offsets = (np.arange(-_FACTOR, 2 * _FACTOR) + 0.5) / _FACTOR - 0.5
    offsets = offsets[np.abs(offsets) < 1]
    return offsets, axis_weights(_PATCH_RADIUS + offsets, 2 * _PATCH_RADIUS + 1, "cubic")


def _patches(maps: FloatArray, channels: IntArray, cells: IntArray, radius: int) -> FloatArray:
    """Return the neighbourhoods (n, 2 r + 1, 2 r + 1) of cells (n, 2); the edge repeats."""
    around = np.arange(-radius, radius + 1)
    x = np.clip(cells[:, :1] + around, 0, maps.shape[1] - 1)
    y = np.clip(cells[:, 1:] + around, 0, maps.shape[0] - 1)
    patches: FloatArray = maps[y[:, :, None], x[:, None, :], channels[:, None, None]]
    return patches.astype(np.float64)


_METHODS: dict[str, Callable[[FloatArray, IntArray, IntArray, FloatArray], FloatArray]] = {
    "log_quadratic": _log_quadratic,
    "cubic": _cubic,
}
