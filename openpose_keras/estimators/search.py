"""Find hands with the hand network itself, coarse to fine; no body network is needed.

The whole image goes through the network in a few sizes. Where heatmaps are above a threshold, a box
is drawn around the peaks of each blob. The network then sees the box, which is redrawn around the
keypoints found in it, until it no longer moves or the iterations are used up. Boxes whose keypoints
have low scores are dropped, and of two boxes on one hand only the better one is kept.

The caller supplies the two functions that the search calls, which knows neither network nor recipe.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from openpose_keras.core._opencv import cv2
from openpose_keras.core.boxes import (
    BOX_MARGIN,
    Box,
    box_cover,
    box_from_points,
    box_iou,
    keypoint_extent,
    square_box,
)
from openpose_keras.geometry.resampling import halve

HeatmapsOf = Callable[[np.ndarray], np.ndarray]
"""(h, w, 3) uint8 RGB, h and w multiples of 32 -> (h / stride, w / stride, K + 1)."""

PeaksIn = Callable[[list[Box]], np.ndarray]
"""n square boxes -> (n, K, 3): x, y in the image's pixels and score; NaN and 0 where missing."""

_LEAST_MAXIMA = 4  # maxima that make a blob a candidate
LEAST_INSIDE = 0.25  # fraction of a box, or of the image, that must lie in the other
_CONVERGED_IOU = 0.9  # of a box with the redrawn one
_LEAST_CLEAR = 8  # keypoints above the threshold, for a box to be drawn around them
_SAME_CANDIDATE_IOU = 0.7  # of two candidates above which one is dropped
_SAME_HAND = 0.3  # mean distance of the keypoints, in longer sides of the hand's extent
_PART_SIZE, _PART_COVER = 0.6, 0.6  # of a part's longer side, and of its area, in the whole hand's
_UNIT = 32  # every network here takes sides that are multiples of it
_GREY = (128, 128, 128)


@dataclass(frozen=True, kw_only=True)
class Search:
    """The parameters of a search for hands.

    Args:
        image_sizes: Longer side of the image in each size, as a multiple of the network's box size.
            A hand is found best if it fills half of a box or a little less.
        heatmap_threshold: Heatmap value above which a cell belongs to a hand.
        margin: Side of a hand's box, as a multiple of the longer side of its keypoints' extent.
        max_iterations: Maximum number of times that a box is redrawn.
        candidates: Maximum number of boxes that go through the network.
        threshold: Minimum mean score of the keypoints of a hand, for a network that does not
            predict the presence.
        overlap: Two boxes, drawn tightly around their keypoints, show one hand or a part of it if
            they share more than this fraction of the smaller one.
    """

    image_sizes: tuple[float, ...] = (1.0, 1.75, 3.0)
    heatmap_threshold: float = 0.15
    margin: float = BOX_MARGIN
    max_iterations: int = 3
    candidates: int = 16
    threshold: float = 0.45
    overlap: float = 0.4


@dataclass(frozen=True, eq=False)
class Candidate:
    """A box where a hand may be.

    Args:
        box: (x, y, width, height) in pixels of the image, square.
        score: Mean value of a blob's maxima, later the mean score of the keypoints.
        peaks: (K, 3) x, y in pixels of the image and score; None before the first pass.
        converged: Whether the last pass left the box unchanged.
    """

    box: Box
    score: float
    peaks: np.ndarray | None = None
    converged: bool = False


def find_hands(
    image: np.ndarray,
    heatmaps_of: HeatmapsOf,
    peaks_in: PeaksIn,
    *,
    box_size: int,
    search: Search | None = None,
) -> list[Candidate]:
    """Find the hands of an image.

    Args:
        image: (H, W, 3) uint8 RGB.
        heatmaps_of: Returns the heatmaps of a whole image.
        peaks_in: Returns the keypoints in boxes of the image.
        box_size: Side in pixels of the network's box.
        search: Its parameters; the default finds hands from an eighth of the image upwards.

    Returns:
        The hands, best first, each with its square box, which may reach outside the image, its
        mean score, and the keypoints that the box was drawn around.
    """
    search = search or Search()
    found: list[Candidate] = []
    for size in search.image_sizes:
        small, scale = fit_image(image, round(size * box_size))
        maps = heatmaps_of(small)
        stride = small.shape[0] / maps.shape[0]
        blobs = find_blobs(maps[..., :-1], search.heatmap_threshold, most=search.candidates)
        for cells, strength in blobs:
            box = box_from_points((cells + 0.5) * stride / scale - 0.5, search.margin)
            found.append(Candidate(box, strength))
    height, width = image.shape[:2]
    hands = _converge(found, peaks_in, search, frame=(0.0, 0.0, float(width), float(height)))
    return [hand for hand in hands if hand.peaks is not None and hand.score >= search.threshold]


def fit_image(image: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Resize an image to a network's input, and pad it with grey on the right and below.

    Args:
        image: (H, W, 3) uint8 RGB.
        side: The longer side of the result before it is padded to multiples of 32.

    Returns:
        (h, w, 3) uint8 RGB, and its pixels per pixel of the image, along x and y.
    """
    factor = side / max(image.shape[:2])
    width, height = (max(1, round(length * factor)) for length in image.shape[1::-1])
    interpolation = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    image, halved = halve(image, (width, height))
    small = cv2.resize(image, (width, height), interpolation=interpolation)
    below, right = -height % _UNIT, -width % _UNIT
    padded = cv2.copyMakeBorder(small, 0, below, 0, right, cv2.BORDER_CONSTANT, value=_GREY)
    return padded, np.array([width, height]) / image.shape[1::-1] / halved


def find_blobs(
    maps: np.ndarray, threshold: float, *, most: int = 16
) -> list[tuple[np.ndarray, float]]:
    """Find possible hands: connected cells above a threshold.

    Cells above the threshold that touch, or nearly touch, form a blob. Hands side by side may share
    a blob. Blobs above twice the threshold, which touch only where hands do, are therefore added.

    Args:
        maps: (h, w, K) without the background.
        threshold: Threshold for the greatest value of a cell.
        most: Maximum number of blobs per threshold; those with the greatest sums are returned.

    Returns:
        For each blob the cells (n, 2), x and y, of the maxima of its maps, and their mean value.
    """
    best = maps.max(-1)
    found = []
    for level, reach in ((threshold, 5), (2 * threshold, 1)):
        cells = cv2.dilate((best > level).astype(np.uint8), np.ones((reach, reach), np.uint8))
        count, labels, stats, _ = cv2.connectedComponentsWithStats(cells, connectivity=8)
        sums = np.bincount(labels.ravel(), best.ravel(), minlength=count)
        sums[0] = -np.inf  # label 0 is the background
        for label in np.argsort(-sums)[: min(most, count - 1)]:
            left, top, width, height, _ = stats[label]
            window = np.s_[top : top + height, left : left + width]
            inside = np.where((labels[window] == label)[..., None], maps[window], -1.0)
            points, values = _maxima(inside, threshold)
            if len(points) >= _LEAST_MAXIMA:
                found.append((points + np.array([left, top]), float(values.mean())))
    return found


def _maxima(maps: np.ndarray, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the cells (n, 2) and values (n,) of the maps' maxima that are above a threshold."""
    flat = maps.reshape(-1, maps.shape[-1])
    best = flat.argmax(0)
    values = flat[best, np.arange(len(best))]
    y, x = np.divmod(best, maps.shape[1])
    clear = values > threshold
    return np.stack([x, y], axis=1)[clear], values[clear]


def _converge(
    found: list[Candidate], peaks_in: PeaksIn, search: Search, *, frame: Box
) -> list[Candidate]:
    """Redraw each box around the keypoints in it, and keep the best box of each hand."""
    inside = [hand for hand in found if box_cover(hand.box, frame) >= LEAST_INSIDE]
    hands = _distinct(inside, box_iou, _SAME_CANDIDATE_IOU)[: search.candidates]
    for _ in range(search.max_iterations):
        moving = [hand.box for hand in hands if not hand.converged]
        if not moving:
            break
        drawn = [
            _draw_again(box, peaks, search)
            for box, peaks in zip(moving, peaks_in(moving), strict=True)
            if (peaks[:, 2] > search.heatmap_threshold).sum() >= _LEAST_CLEAR
        ]
        hands = [hand for hand in hands if hand.converged] + drawn
        hands = [hand for hand in hands if box_cover(hand.box, frame) >= LEAST_INSIDE]
        hands = _distinct(hands, partial(_tight_cover, margin=search.margin), search.overlap)
    return hands


def _draw_again(box: Box, peaks: np.ndarray, search: Search) -> Candidate:
    """Redraw the box around the clear keypoints, and check whether it has converged."""
    drawn = box_from_points(peaks[peaks[:, 2] > search.heatmap_threshold, :2], search.margin)
    score = float(np.maximum(peaks[:, 2], 0).mean())
    return Candidate(drawn, score, peaks, converged=box_iou(box, drawn) > _CONVERGED_IOU)


def _tight_cover(box: Box, other: Box, *, margin: float) -> float:
    """Return the fraction of the smaller box that two boxes share, without their margins."""
    return box_cover(square_box(box, 1 / margin), square_box(other, 1 / margin))


def _distinct(
    hands: list[Candidate], measure: Callable[[Box, Box], float], limit: float
) -> list[Candidate]:
    """Sort candidates by score, and drop those that overlap a better one beyond the limit."""
    kept: list[Candidate] = []
    for hand in sorted(hands, key=lambda hand: -hand.score):
        if all(measure(hand.box, other.box) <= limit for other in kept):
            kept.append(hand)
    return kept


def same_hand(xy: np.ndarray, other: np.ndarray) -> bool:
    """Return whether two sets of keypoints show one hand, or a hand and a part of it.

    Args:
        xy: (K, 2) keypoints of one hand; NaN where missing.
        other: (K, 2) keypoints of the other hand.

    Returns:
        True if the keypoints lie close together, relative to the size of the first hand, or if one
        hand lies within another that is much larger. Two hands that hold each other have about the
        same size.

    Example:
        >>> xy = np.random.default_rng(0).uniform(0, 100, (21, 2))
        >>> same_hand(xy, xy + 10), same_hand(xy, xy + 90), same_hand(xy, xy / 4 + 30)
        (True, False, True)
    """
    (middle, size), (other_middle, other_size) = (keypoint_extent(each) for each in (xy, other))
    if not np.isfinite([middle, other_middle]).all():
        return False
    length, other_length = max(*size, 1.0), max(*other_size, 1.0)
    distances = np.linalg.norm(xy - other, axis=1)
    known = distances[np.isfinite(distances)]
    if len(known) and known.mean() <= _SAME_HAND * length:
        return True
    box, other_box = (
        (*(middle - size / 2), *np.maximum(size, 1.0))
        for middle, size in ((middle, size), (other_middle, other_size))
    )
    ratio = min(length, other_length) / max(length, other_length)
    return bool(ratio < _PART_SIZE and box_cover(box, other_box) > _PART_COVER)
