"""Find hands with the hand network itself, coarse to fine: no body network is needed.

The whole image is looked at in a few sizes. Where heatmaps have mass, a box is drawn round the
keypoints of each blob; the network looks into the box, which is drawn anew round what it finds,
until the box settles. Boxes whose keypoints stay weak are dropped, and of two on one hand the
better stays.

The two functions that the search calls are the caller's: it knows neither network nor recipe.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from openpose_keras._opencv import cv2
from openpose_keras.boxes import Box, box_cover, box_from_points, box_iou, square_box

HeatmapsOf = Callable[[np.ndarray], np.ndarray]
"""(1, h, w, 3) uint8 RGB, h and w multiples of 32 -> (1, h / stride, w / stride, 22)."""

PeaksIn = Callable[[list[Box]], np.ndarray]
"""n square boxes -> (n, 21, 3): x, y in the image's pixels and score; NaN and 0 where missing."""

_FEWEST_CLEAR = 8  # keypoints that must be clear before a box is drawn round them
_SAME_CANDIDATE = 0.7  # IoU of two candidates that need not both be looked into
_UNIT = 32  # every network here takes sides that are multiples of it


@dataclass(frozen=True, kw_only=True)
class Search:
    """How hands are looked for.

    Attributes:
        sides: longer side of the image at each look, in sides of the network's box; a hand is found
            best where it takes a half of a box or a little less.
        mass: heatmap value above which a cell belongs to a hand.
        factor: side of a hand's box, in longer sides of its keypoints' box.
        rounds: how often a box is drawn anew at the most.
        candidates: how many boxes are looked into at the most.
        threshold: mean score of the keypoints below which there is no hand.
        overlap: share of the smaller of two boxes, drawn tightly round their keypoints, above which
            they show one hand or a part of it.
    """

    sides: tuple[float, ...] = (1.0, 1.75, 3.0)
    mass: float = 0.25
    factor: float = 1.6
    rounds: int = 3
    candidates: int = 16
    threshold: float = 0.3
    overlap: float = 0.4


def find_boxes(
    image: np.ndarray,
    heatmaps_of: HeatmapsOf,
    peaks_in: PeaksIn,
    *,
    box_size: int,
    search: Search | None = None,
) -> list[tuple[Box, float]]:
    """Find the hands of an image.

    Args:
        image: (H, W, 3) uint8 RGB.
        heatmaps_of: looks at a whole picture.
        peaks_in: looks into boxes of the image.
        box_size: side in pixels of the network's box.
        search: how to look; the default finds hands from an eighth of the image upwards.

    Returns:
        (box, score) of each hand, best first; the box is square and may reach outside the image,
        the score is the mean over the 21 keypoints.
    """
    search = search or Search()
    boxes: list[Box] = []
    for side in search.sides:
        small, scale = _shrink(image, round(side * box_size))
        maps = heatmaps_of(small[None])[0]
        stride = small.shape[0] / maps.shape[0]
        boxes += [
            box_from_points(
                ((points * stride + (stride - 1) / 2) + 0.5) / scale - 0.5, search.factor
            )
            for points in candidate_points(maps[..., :-1], search.mass)
        ]
    settled = _settle(boxes, peaks_in, search)
    return [(box, score) for box, score in settled if score >= search.threshold]


def _shrink(image: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Bring the longer side to `side`, fill up to the unit; give the scales of x and y too."""
    height, width = image.shape[:2]
    factor = side / max(height, width)
    size = [max(1, round(length * factor)) for length in (width, height)]
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    small = cv2.resize(image, size, interpolation=way)
    below, right = (-length % _UNIT for length in small.shape[:2])
    padded = cv2.copyMakeBorder(
        small, 0, below, 0, right, cv2.BORDER_CONSTANT, value=(128, 128, 128)
    )
    return padded, np.array(size) / (width, height)


def candidate_points(maps: np.ndarray, mass: float) -> list[np.ndarray]:
    """Cluster the mass of heatmaps: where may hands be?

    Cells above the threshold that touch, or nearly touch, make a blob. Hands side by side may share
    a blob, so that blobs above twice the threshold, which touch only where hands do, are candidates
    too.

    Args:
        maps: (h, w, 21) without the background.
        mass: the threshold.

    Returns:
        For each candidate the cells (n, 2), x and y, of the maxima of its maps.
    """
    most = maps.max(-1)
    found = []
    for threshold, reach in ((mass, 5), (2 * mass, 1)):
        cells = cv2.dilate((most > threshold).astype(np.uint8), np.ones((reach, reach), np.uint8))
        count, labels = cv2.connectedComponents(cells, connectivity=8)
        for label in range(1, count):
            points = _maxima(np.where((labels == label)[..., None], maps, -1.0), mass)
            if len(points) >= 4:
                found.append(points)
    return found


def _maxima(maps: np.ndarray, threshold: float) -> np.ndarray:
    """Give the cells (n, 2) of the maps' maxima that are above a threshold."""
    flat = maps.reshape(-1, maps.shape[-1])
    best = flat.argmax(0)
    y, x = np.divmod(best, maps.shape[1])
    return np.stack([x, y], axis=1)[flat[best, np.arange(len(best))] > threshold]


def _settle(boxes: list[Box], peaks_in: PeaksIn, search: Search) -> list[tuple[Box, float]]:
    """Look into each box, draw it anew round what is there, and keep the best box of each hand."""
    scored = _distinct([(box, 0.0) for box in boxes], box_iou, _SAME_CANDIDATE)
    for _ in range(search.rounds):
        boxes = [box for box, _ in scored[: search.candidates]]
        scored = []
        for peaks in peaks_in(boxes) if boxes else ():
            clear = peaks[peaks[:, 2] > search.mass, :2]
            if len(clear) >= _FEWEST_CLEAR:
                box = box_from_points(clear, search.factor)
                scored.append((box, float(np.maximum(peaks[:, 2], 0).mean())))
        scored.sort(key=lambda pair: -pair[1])
        scored = _distinct(scored, partial(_cover, factor=search.factor), search.overlap)
    return scored


def _cover(box: Box, other: Box, *, factor: float) -> float:
    """Tell how much of the smaller hand two boxes share, without the room round the hands."""
    return box_cover(square_box(box, 1 / factor), square_box(other, 1 / factor))


def _distinct(
    scored: list[tuple[Box, float]], measure: Callable[[Box, Box], float], limit: float
) -> list[tuple[Box, float]]:
    """Keep the boxes that share no more than the limit with an earlier one."""
    kept: list[tuple[Box, float]] = []
    for box, score in scored:
        if all(measure(box, other) <= limit for other, _ in kept):
            kept.append((box, score))
    return kept
