"""From the maps of all views of a region to its keypoints.

The maps are merged in one frame, peaks are found there, and the frame maps them to the image.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import chain

import numpy as np

from openpose_keras.core.arrays import FloatArray
from openpose_keras.engines.maps import Maps
from openpose_keras.estimators.recipes import DecodeRecipe, WholeImageRecipe
from openpose_keras.estimators.views import View
from openpose_keras.geometry import Frame
from openpose_keras.geometry.resampling import sample_maps
from openpose_keras.heatmaps.merging import merge, pick_best
from openpose_keras.heatmaps.peaks import (
    argmax_peaks,
    blob_peaks,
    gaussian_prior,
    local_maxima,
    subpixel_peaks,
)
from openpose_keras.heatmaps.resize import foreground, upsample_stride

Decoder = Callable[[FloatArray, DecodeRecipe], FloatArray]
"""(h, w, K) maps without the background -> (K, 3): x, y, score; (nan, nan, 0) where missing."""

_EDGE = 1e-6  # of a pixel: tolerance for rounding at the edges of a frame


def decode_one_each(maps: np.ndarray, recipe: DecodeRecipe | WholeImageRecipe) -> FloatArray:
    """Decode maps of one hand, one face or one body: each keypoint is the peak of its own map.

    Args:
        maps: (h, w, K), without the background.
        recipe: Specifies the kind of peak, the blur and the threshold below which a keypoint is
            missing.

    Returns:
        (K, 3): x, y, score in the maps' frame; (nan, nan, 0) where missing.

    Example:
        >>> decode_one_each(np.zeros((8, 8, 1)), DecodeRecipe(peak="argmax")).tolist()
        [[nan, nan, 0.0]]
    """
    peak, sigma, threshold = recipe.peak, recipe.sigma, recipe.threshold
    if threshold is not None and peak == "blob":
        return blob_peaks(maps, sigma=sigma, threshold=threshold)
    if threshold is not None and peak == "local_maxima":
        missing = np.array([[np.nan, np.nan, 0.0]])
        planes = np.moveaxis(maps, -1, 0)
        maxima = (local_maxima(plane, sigma=sigma, threshold=threshold) for plane in planes)
        return np.stack([np.concatenate([each, missing])[0] for each in maxima])
    peaks = argmax_peaks(maps) if peak == "argmax" else subpixel_peaks(maps, blur=sigma)
    if threshold is not None:
        peaks[peaks[:, 2] <= threshold] = np.nan, np.nan, 0.0
    return peaks


def decode_keypoints(
    scales: Sequence[Sequence[View]],
    maps: Mapping[View, Maps],
    recipe: DecodeRecipe,
    stride: int,
    decoder: Decoder = decode_one_each,
) -> tuple[FloatArray, list[View]]:
    """Find the keypoints of one region from the maps of all its views.

    Args:
        scales: The views, one list per scale.
        maps: The network's output for each view.
        recipe: How to merge maps and find peaks.
        stride: Input pixels per cell.
        decoder: The function that turns merged maps into keypoints.

    Returns:
        (K, 3) x, y, score in the coordinates that the views' frames map to (the image's), (nan,
        nan, 0) where missing; and the views in whose merged maps the keypoints were found: those of
        the best scale, or all.
    """
    groups = scales if recipe.merge == "best" else [list(chain.from_iterable(scales))]
    results = []
    for views in groups:
        heatmaps = [maps[view]["keypoints"] for view in views]
        merged, frame = merge_views(views, heatmaps, stride, recipe.frame, recipe.upsampling)
        peaks = _decode(
            foreground(merged), frame, {each: maps[each] for each in views}, recipe, decoder
        )
        peaks[:, :2] = frame.invert_points(peaks[:, :2])
        results.append(peaks)
    best = pick_best([peaks[:, 2] for peaks in results])
    return results[best], list(groups[best])


def _decode(
    maps: FloatArray,
    frame: Frame,
    answers: Mapping[View, Maps],
    recipe: DecodeRecipe,
    decoder: Decoder,
) -> FloatArray:
    """Find peaks in merged maps, guided by the network's points if it returns any."""
    if recipe.prior is None or any("points" not in each for each in answers.values()):
        return decoder(maps, recipe)
    points = frame.apply_points(mean_points(answers))
    return join_points(maps, points, recipe, decoder, spread=recipe.prior)


def join_points(
    maps: FloatArray,
    points: np.ndarray,
    recipe: DecodeRecipe,
    decoder: Decoder = decode_one_each,
    *,
    spread: float = 0.1,
) -> FloatArray:
    """Find peaks near given points: the points give rough positions, which the maps refine.

    Each map is multiplied by a Gaussian centred on its point before its peak is located. The score
    is therefore high only where the map has a high peak near the point. For a keypoint that the
    decoder misses, the point itself is returned.

    Args:
        maps: (h, w, K), without the background.
        points: (K, 2) x, y in the maps' frame.
        recipe: As for the decoder.
        decoder: The function that turns maps into keypoints.
        spread: Standard deviation of the Gaussian, relative to the longer side of the hand.

    Returns:
        (K, 3): x, y, score in the maps' frame.
    """
    joined = np.maximum(maps, 0) * gaussian_prior(points, maps.shape[:2], spread=spread)
    peaks = decoder(joined, recipe)
    missing = ~np.isfinite(peaks[:, 0])
    peaks[missing] = np.column_stack([points, joined.max(axis=(0, 1))])[missing]
    return peaks


def mean_points(answers: Mapping[View, Maps]) -> FloatArray:
    """Return the mean (K, 2) of the points found in the views of a region, in the image."""
    found = [
        # The network's origin is the edge of the first pixel, a frame's is its centre.
        view.frame.invert_points(maps["points"][:, :2].astype(np.float64) - 0.5)
        for view, maps in answers.items()
    ]
    mean: FloatArray = np.mean(found, axis=0)
    return mean


def decode_points(answers: Mapping[View, Maps]) -> FloatArray:
    """Return the mean of the points that a network finds in the views of one region.

    Args:
        answers: The maps of each view, with `points` and, if the network predicts it, `presence`.

    Returns:
        (K, 3) x, y in the coordinates that the views' frames map to. The score of each keypoint is
        the mean presence, or 1.
    """
    xy = mean_points(answers)
    score = np.mean([maps.get("presence", 1.0) for maps in answers.values()])
    return np.column_stack([xy, np.full(len(xy), score)])


def merge_views(
    views: Sequence[View],
    maps: Sequence[np.ndarray],
    stride: int,
    frame: str = "heatmap",
    upsampling: str = "cubic",
) -> tuple[FloatArray, Frame]:
    """Average the heatmaps of views in one frame: that of a single view, or one around them all.

    Args:
        views: The views of one region.
        maps: (h, w, C) for each.
        stride: Input pixels per cell.
        frame: The resolution, "heatmap" or "input".
        upsampling: "cubic" or "linear".

    Returns:
        (H, W, C) and its frame. Each cell averages only the views that cover it.
    """
    enlarged = frame == "input"
    if len(views) == 1:
        target = views[0].frame if enlarged else views[0].frame.cells(stride)
        merged = upsample_stride(maps[0], stride, interpolation=upsampling) if enlarged else maps[0]
        height, width = target.output_size
        return merged[:height, :width], target
    target = _common_frame([view.frame for view in views], 1 if enlarged else stride)
    samples, coverage = [], []
    for view, answer in zip(views, maps, strict=True):
        (columns, inside_x), (rows, inside_y) = _positions(target, view.frame)
        rows, columns = ((each - (stride - 1) / 2) / stride for each in (rows, columns))
        samples.append(sample_maps(answer, rows, columns, upsampling))
        coverage.append(np.outer(inside_y, inside_x))
    return merge(samples, weights=coverage), target


def _common_frame(frames: Sequence[Frame], pixels: int) -> Frame:
    """Return a frame that encloses all frames; its step is the finest step times `pixels`."""
    axes, counts = [], []
    for index in (0, 1):
        finest = min((frame.axes[index][0] for frame in frames), key=abs) * pixels
        low = min(frame.box[index] for frame in frames)
        high = max(frame.box[index] + frame.box[2 + index] for frame in frames)
        count = max(math.ceil((high - low) / abs(finest) - _EDGE), 1)
        step = math.copysign(finest, frames[0].axes[index][0])
        axes.append((step, (low + high - 1) / 2 - step * (count - 1) / 2))
        counts.append(count)
    return Frame((counts[1], counts[0]), *axes)


def _positions(frame: Frame, other: Frame) -> list[tuple[FloatArray, np.ndarray]]:
    """Return the positions of a frame in another along x and y, and which are inside it."""
    along = []
    for axis, other_axis, counts in zip(frame.axes, other.axes, (1, 0), strict=True):
        image = axis[1] + axis[0] * np.arange(frame.output_size[counts])
        positions = (image - other_axis[1]) / other_axis[0]
        reach = other.output_size[counts] - 0.5 + _EDGE
        along.append((positions, (positions >= -0.5 - _EDGE) & (positions <= reach)))
    return along
