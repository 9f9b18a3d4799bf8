"""From the heatmaps of all views of a hand to its peaks in the image: the way back.

Maps come as the network gave them, (h, w, 22) per view. They are merged in the frame that the
recipe names, peaks are found there, and `views.Frame` takes them to the image.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from openpose_keras.core.arrays import FloatArray
from openpose_keras.core.keypoints import Hand
from openpose_keras.estimators.recipes import Recipe
from openpose_keras.estimators.views import View
from openpose_keras.geometry import Frame
from openpose_keras.geometry.resampling import sample_maps
from openpose_keras.heatmaps.merging import merged_planes, pick_best
from openpose_keras.heatmaps.peaks import argmax_peaks, blob_peaks, local_maxima, subpixel_peaks
from openpose_keras.heatmaps.resize import foreground, resize_from_network, upsample_stride

Scales = Sequence[Sequence[View]]
ScaleMaps = Sequence[Sequence[np.ndarray]]
_EDGE = 1e-6  # of a pixel: what rounding may put outside


def find_peaks(maps: np.ndarray, recipe: Recipe) -> FloatArray:
    """Find one peak a map as a recipe has it.

    Args:
        maps: (h, w, K), without the background.
        recipe: Says which peaks, and what counts as missing.

    Returns:
        (K, 3): x, y, score in the maps' frame; (nan, nan, 0) where missing.

    Example:
        >>> find_peaks(np.zeros((8, 8, 1)), Recipe()).tolist()
        [[nan, nan, 0.0]]
    """
    if recipe.peak == "blob":
        return blob_peaks(maps, sigma=recipe.sigma, threshold=recipe.threshold)
    if recipe.peak == "local_maxima":
        missing = np.array([[np.nan, np.nan, 0.0]])
        planes = np.moveaxis(maps, -1, 0)
        options = {"sigma": recipe.sigma, "threshold": recipe.threshold}
        return np.stack([np.concatenate([local_maxima(p, **options), missing])[0] for p in planes])
    if recipe.peak == "argmax":
        peaks = argmax_peaks(maps)
    else:
        peaks = subpixel_peaks(maps, blur=recipe.sigma)
    if recipe.threshold is not None:
        peaks[peaks[:, 2] <= recipe.threshold] = np.nan, np.nan, 0.0
    return peaks


def read_peaks(scales: Scales, maps: ScaleMaps, recipe: Recipe, stride: int) -> FloatArray:
    """Find the keypoints of one hand in the image from the maps of all its views.

    With the frame "image" one keypoint is merged at a time. The peak of memory is then about four
    planes of the region's size, 16 bytes a pixel, whatever the number of keypoints and scales.

    Args:
        scales: The views, as `views.make_views` gives them.
        maps: The network's answers (h, w, 22), nested in the same way.
        recipe: How to merge, and which peaks.
        stride: Input pixels per cell.

    Returns:
        (21, 3): x, y in image pixels, and score; (nan, nan, 0) where missing.
    """
    find = partial(find_peaks, recipe=recipe)
    results = []
    for views, answers in _groups(scales, maps, recipe):
        if recipe.frame == "image":
            frame = views[0].region
            # `map` lets go of a plane before it asks for the next.
            peaks = np.concatenate(list(map(find, _planes(views, answers, recipe, stride))))
        else:
            merged, frame = merge_views(views, answers, recipe, stride)
            peaks = find(foreground(merged))
        peaks[:, :2] = frame.invert_points(peaks[:, :2])
        results.append(peaks)
    return results[pick_best([peaks[:, 2] for peaks in results])]


def read_maps(
    scales: Scales, maps: ScaleMaps, recipe: Recipe, stride: int, *, frame: str | None = None
) -> tuple[FloatArray, Frame]:
    """Merge the maps of all views of one hand into one array, to look at or to store.

    Args:
        scales: The views, as `views.make_views` gives them.
        maps: The network's answers (h, w, 22), nested in the same way.
        recipe: How to merge.
        stride: Input pixels per cell.
        frame: "heatmap", "input" or "image", where the recipe's own is not wanted; "image" takes 88
            bytes for each pixel of the image under the maps.

    Returns:
        (H, W, 22) float32, never mirrored, and its frame in the image.
    """
    if frame == "image" and recipe.region == "crop":
        merged, cells = read_maps(scales, maps, recipe, stride, frame="heatmap")
        x, y, width, height = cells.window
        return cells.invert_heatmaps(merged), Frame((height, width), (1.0, x), (1.0, y))
    recipe = replace(recipe, frame=frame or recipe.frame)
    groups = list(_groups(scales, maps, recipe))
    if len(groups) > 1:
        best = replace(recipe, frame="heatmap") if recipe.frame == "image" else recipe
        scores = [read_peaks([views], [answers], best, stride)[:, 2] for views, answers in groups]
        groups = [groups[pick_best(scores)]]
    views, answers = groups[0]
    if recipe.frame == "image":
        merged = np.concatenate(list(_planes(views, answers, recipe, stride, skip=0)), axis=-1)
        place = views[0].region
    else:
        merged, place = merge_views(views, answers, recipe, stride)
    return (merged[:, ::-1], place.flip()) if place.mirrored else (merged, place)


def merge_views(
    views: Sequence[View], maps: Sequence[np.ndarray], recipe: Recipe, stride: int
) -> tuple[FloatArray, Frame]:
    """Average the maps of views in one frame: the first view's own, or one that holds them all.

    Where only some of the views reach, only they count.

    Args:
        views: Of one hand.
        maps: (h, w, C) for each.
        recipe: Says the frame, "heatmap" or "input", and the interpolation.
        stride: Input pixels per cell.

    Returns:
        (H, W, C) and its frame in the image.
    """
    enlarged = recipe.frame == "input"
    if len(views) == 1:
        frame = views[0].frame if enlarged else views[0].frame.cells(stride)
        merged = maps[0]
        if enlarged:
            merged = upsample_stride(merged, stride, interpolation=recipe.upsampling)
        height, width = frame.output_size
        return merged[:height, :width], frame
    frame = _common_frame([view.frame for view in views], 1 if enlarged else stride)
    total: FloatArray = np.zeros((*frame.output_size, maps[0].shape[-1]), np.float32)
    weight = np.zeros((*frame.output_size, 1), np.float32)
    for view, answer in zip(views, maps, strict=True):
        (columns, inside_x), (rows, inside_y) = _places(frame, view.frame)
        cells = ((places - (stride - 1) / 2) / stride for places in (rows, columns))
        inside = np.outer(inside_y, inside_x)[..., None]
        total += inside * sample_maps(answer, *cells, recipe.upsampling)
        weight += inside
    return total / np.maximum(weight, 1), frame


def pick_side(hands: Sequence[Hand]) -> Hand:
    """Give the hand whose side fits best, with the scores of all sides that were tried.

    Args:
        hands: One estimate per side; a single one comes back as it is.

    Returns:
        The hand with the best mean score of all keypoints, a missing one counting 0; the first in a
        tie.
    """
    if len(hands) == 1:
        return hands[0]
    scores = {hand.side: float(hand.scores.mean()) for hand in hands}
    return replace(max(hands, key=lambda hand: scores[hand.side]), side_scores=scores)


def _groups(
    scales: Scales, maps: ScaleMaps, recipe: Recipe
) -> Iterator[tuple[list[View], list[np.ndarray]]]:
    """Give the views and maps that are averaged: each scale's own for "best", else all."""
    if recipe.merge == "best":
        yield from ((list(views), list(each)) for views, each in zip(scales, maps, strict=True))
    else:
        yield [view for views in scales for view in views], [each for some in maps for each in some]


def _planes(
    views: Sequence[View], maps: Sequence[np.ndarray], recipe: Recipe, stride: int, *, skip: int = 1
) -> Iterator[FloatArray]:
    """Give the maps, but for the last `skip`, merged at the region's resolution, one by one."""
    enlarge = [
        partial(_to_region, view=view, region=views[0].region, stride=stride, way=recipe.upsampling)
        for view in views
    ]
    kept = maps[0].shape[-1] - skip
    return merged_planes([each[..., :kept] for each in maps], enlarge)


def _to_region(
    plane: FloatArray, *, view: View, region: Frame, stride: int, way: str
) -> FloatArray:
    """Bring one map of a view to the region's pixels; flip it if only one of the two is flipped."""
    used = view.frame.output_size if view.padded else None
    picture = resize_from_network(
        plane, region.output_size, stride=stride, valid_size=used, interpolation=way
    )
    return picture if view.frame.mirrored == region.mirrored else picture[:, ::-1]


def _common_frame(frames: Sequence[Frame], pixels: int) -> Frame:
    """Give a frame that holds all frames, its step the finest one's times `pixels`."""
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


def _places(frame: Frame, other: Frame) -> list[tuple[FloatArray, FloatArray]]:
    """Give along x and y where a frame's places lie in another, and which of them are inside it."""
    along = []
    for axis, other_axis, counts in zip(frame.axes, other.axes, (1, 0), strict=True):
        image = axis[1] + axis[0] * np.arange(frame.output_size[counts])
        places = (image - other_axis[1]) / other_axis[0]
        reach = other.output_size[counts] - 0.5 + _EDGE
        along.append((places, (places >= -0.5 - _EDGE) & (places <= reach)))
    return along
