"""Peaks of heatmaps: one per map or all of one map, to the cell or to a fraction of a cell.

Maps are channels last, (h, w, K), one per keypoint; `heatmaps.foreground` drops the background. A
peak is (x, y, score) in the maps' own frame, where an integer is the centre of a cell. A missing
peak is (nan, nan, 0). `to_input_frame` maps peaks to the pixels of the network's input.
`gaussian_prior` returns weights for heatmaps that favour the expected positions of peaks.

No function writes into its arguments, and maps with NaN or infinity raise an error.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from openpose_keras.core._opencv import cv2
from openpose_keras.core.arrays import FloatArray, IntArray, check_maps
from openpose_keras.core.boxes import keypoint_extent
from openpose_keras.heatmaps.subpixel import blur_5x5, gaussian_blur, refine_peaks

_MAX_SPLIT = 128  # channels that every version of OpenCV takes


def argmax_peaks(maps: ArrayLike) -> FloatArray:
    """Return the maximum of each map and its cell as OpenPose does, without a threshold.

    The first maximum in row-major order wins a tie (src/openpose/net/maximumBase.cpp of OpenPose).

    Args:
        maps: (h, w, K) heatmaps.

    Returns:
        (K, 3) float64: x, y, score. The score is the map's value; it may be below 0 or above 1.

    Raises:
        ValueError: The maps are empty, not three-dimensional, or hold NaN.

    Example:
        >>> maps = np.zeros((4, 5, 1))
        >>> maps[2, 3] = 0.9
        >>> argmax_peaks(maps).tolist()
        [[3.0, 2.0, 0.9]]
    """
    values = check_maps(maps, finite=True)
    cells = np.array([plane.argmax() for plane in _split(values)])
    y, x = np.divmod(cells, values.shape[1])
    return np.column_stack([x, y, values[y, x, np.arange(len(cells))]]).astype(np.float64)


def blob_peaks(maps: ArrayLike, *, sigma: float = 3.0, threshold: float = 0.05) -> FloatArray:
    """Return the maximum inside the blob with the largest sum, as pytorch-openpose does.

    Each map is blurred, and the cells above the threshold form 8-connected blobs. The blob
    whose unblurred values have the largest sum is kept, and the peak is the maximum of the
    unblurred map in it (src/hand.py of pytorch-openpose). The first in row-major order wins a tie.

    Args:
        maps: (h, w, K) heatmaps.
        sigma: Standard deviation of the Gaussian in cells.
        threshold: Blurred values must be above it.

    Returns:
        (K, 3) float64: x, y, score, or (nan, nan, 0) where nothing is above the threshold.

    Raises:
        ValueError: The maps are empty, not three-dimensional, or hold NaN.

    Example:
        >>> maps = np.zeros((32, 32, 2))
        >>> maps[10:13, 20:23, 0] = 1.0
        >>> blob_peaks(maps).tolist()
        [[20.0, 10.0, 1.0], [nan, nan, 0.0]]
    """
    planes = _split(check_maps(maps, finite=True))
    return np.stack([_blob_peak(plane, sigma, threshold) for plane in planes])


def _blob_peak(plane: FloatArray, sigma: float, threshold: float) -> FloatArray:
    """Return the peak of one map (h, w), see `blob_peaks`."""
    mask = (gaussian_blur(plane, sigma) > threshold).view(np.uint8)
    cells = np.flatnonzero(mask)
    if not len(cells):
        return np.array([np.nan, np.nan, 0.0])
    labels, values = _label(mask, 8).ravel()[cells], plane.ravel()[cells]
    heaviest = np.bincount(labels, weights=values)[1:].argmax() + 1
    inside = labels == heaviest
    best = values[inside].argmax()
    y, x = divmod(int(cells[inside][best]), plane.shape[1])
    return np.array([x, y, values[inside][best]], dtype=np.float64)


def local_maxima(plane: ArrayLike, *, sigma: float = 3.0, threshold: float = 0.1) -> FloatArray:
    """Return all local maxima of one map, strongest first, as mmittek's notebook finds them.

    The map is blurred, and a cell counts if it is above the threshold and none of its four
    neighbours is higher. On a plateau, the first cell counts; a constant map has no maximum.

    Args:
        plane: (h, w), one heatmap.
        sigma: Standard deviation of the Gaussian in cells; 0 for no blur.
        threshold: Blurred values must be above it.

    Returns:
        (n, 3) float64: x, y, score, by descending score; the score is the unblurred map's value.

    Raises:
        ValueError: The map is empty, not two-dimensional, or holds NaN.

    Example:
        >>> plane = np.zeros((9, 9))
        >>> plane[2, 3], plane[6, 7] = 0.5, 0.9
        >>> local_maxima(plane, sigma=0).tolist()
        [[7.0, 6.0, 0.9], [3.0, 2.0, 0.5]]
    """
    if np.ndim(plane) != 2:
        raise ValueError(f"expected one map (h, w), got shape {np.shape(plane)}: pass maps[..., k]")
    plane = np.ascontiguousarray(check_maps(np.asarray(plane)[..., None], finite=True)[..., 0])
    cells = _plateaus(gaussian_blur(plane, sigma) if sigma else plane, threshold)
    scores = plane.ravel()[cells].astype(np.float64)
    order = np.argsort(-scores, kind="stable")
    y, x = np.divmod(cells[order], plane.shape[1])
    return np.column_stack([x, y, scores[order]])


def _plateaus(plane: FloatArray, threshold: float) -> IntArray:
    """Return the first cell of each plateau above the threshold with only lower neighbours."""
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    level = (plane == cv2.dilate(plane, cross)) & (plane > threshold)
    # A level cell next to an equal cell that is not level is on a slope, as is its whole plateau.
    others = np.where(level, plane.dtype.type(-np.inf), plane)
    on_slope = level & (cv2.dilate(others, cross) >= plane)
    if level.all():  # nothing around is lower
        return np.empty(0, dtype=np.intp)
    labels = _label(level.view(np.uint8), 4)
    cells = np.flatnonzero(level)
    numbers, first = np.unique(labels.ravel()[cells], return_index=True)
    return cells[first[~np.isin(numbers, labels[on_slope])]]


def subpixel_peaks(
    maps: ArrayLike, *, method: str = "log_quadratic", blur: float = 1.1
) -> FloatArray:
    """Return the peak of each map to a fraction of a cell, by blur, argmax and refinement.

    On noisy Gaussian maps, the error is several times smaller than that of the argmax of upsampled
    maps, and the computation takes less time (tests/benchmarks/peaks.py prints both).

    Args:
        maps: (h, w, K) heatmaps at the network's own resolution.
        method: "log_quadratic" or "cubic", see `refine_peaks`.
        blur: Standard deviation in cells of a 5x5 Gaussian before the search; 0 for none.

    Returns:
        (K, 3) float64: x, y, score. The score is the unblurred map's value at the peak's cell.

    Raises:
        ValueError: The maps are empty, not three-dimensional, or hold NaN; the method is unknown.

    Example:
        >>> gaussian = np.exp(-((np.arange(16) - 6.3) ** 2) / 8)
        >>> subpixel_peaks(np.outer(gaussian, gaussian)[..., None], blur=0).round(3).tolist()
        [[6.3, 6.3, 0.978]]
    """
    values = check_maps(maps, finite=True)
    smooth = blur_5x5(values, blur)
    cells = argmax_peaks(smooth)
    peaks = refine_peaks(smooth, cells, method=method)
    x, y = cells[:, :2].astype(int).T
    peaks[:, 2] = values[y, x, np.arange(len(cells))]
    return peaks


def to_input_frame(peaks: ArrayLike, stride: int) -> FloatArray:
    """Map peaks from the network's output to its input: x * stride + (stride - 1) / 2.

    Args:
        peaks: (K, 3) in cells.
        stride: Input pixels per cell.

    Returns:
        (K, 3) in input pixels, with unchanged scores.

    Example:
        >>> to_input_frame([[2.0, 0.0, 0.9]], stride=8).tolist()
        [[19.5, 3.5, 0.9]]
    """
    moved = np.array(peaks, dtype=np.float64)
    moved[..., :2] = moved[..., :2] * stride + (stride - 1) / 2
    return moved


def _label(mask: NDArray[np.uint8], neighbours: int) -> IntArray:
    """Label the connected components of a mask in row-major order of their first cells."""
    # Wu's algorithm keeps this order, so that the first wins a tie; OpenCV's default one does not.
    labels = cv2.connectedComponentsWithAlgorithm(mask, neighbours, cv2.CV_32S, cv2.CCL_WU)[1]
    return np.asarray(labels, np.int32)


def _split(maps: FloatArray) -> Sequence[FloatArray]:
    """Return the maps (h, w), each contiguous; OpenCV is three times as fast as NumPy here."""
    if maps.shape[2] == 1 or maps.shape[2] > _MAX_SPLIT:
        return list(np.moveaxis(maps, 2, 0).copy())
    return [np.asarray(plane, maps.dtype) for plane in cv2.split(maps)]


def gaussian_prior(xy: ArrayLike, shape: tuple[int, int], *, spread: float = 0.1) -> FloatArray:
    """Return a Gaussian around each point, with a maximum of 1.

    Args:
        xy: (K, 2) points in cells of the maps.
        shape: Height and width of the maps.
        spread: Standard deviation, relative to the longer side of the points' extent.

    Returns:
        (h, w, K) float64, to multiply heatmaps by.

    Raises:
        ValueError: The spread is not above 0.

    Example:
        >>> prior = gaussian_prior([[0.0, 0.0], [4.0, 0.0]], (1, 5), spread=0.25)
        >>> prior[0, :, 0].round(3).tolist()
        [1.0, 0.607, 0.135, 0.011, 0.0]
    """
    if not spread > 0:
        raise ValueError(f"expected a spread above 0, got {spread}")
    points = np.asarray(xy, np.float64)
    sigma = spread * max(float(keypoint_extent(points)[1].max()), 1.0)
    across, down = (
        np.exp(-((np.arange(length)[:, None] - along) ** 2) / (2 * sigma**2))
        for length, along in zip(shape[::-1], points.T, strict=True)
    )
    product: FloatArray = down[:, None] * across
    return product
