"""Find hands with the hand network itself, coarse to fine: no body network is needed.

The whole image is looked at in a few sizes. Where heatmaps have mass, a box is drawn round the
keypoints of each blob; the network looks into the box, which is drawn anew round what it finds,
until the box settles or the rounds are over. Boxes whose keypoints stay weak are dropped, and of
two on one hand the better stays.

The two functions that the search calls are the caller's: it knows neither network nor recipe.
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
    square_box,
)

HeatmapsOf = Callable[[np.ndarray], np.ndarray]
"""(1, h, w, 3) uint8 RGB, h and w multiples of 32 -> (1, h / stride, w / stride, 22)."""

PeaksIn = Callable[[list[Box]], np.ndarray]
"""n square boxes -> (n, 21, 3): x, y in the image's pixels and score; NaN and 0 where missing."""

_FEWEST_MAXIMA = 4  # maxima that make a blob a candidate
_LEAST_INSIDE = 0.25  # share of a box, or of the image, that must lie in the other
_SETTLED = 0.9  # IoU of a box with the one drawn anew
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
    mass: float = 0.15
    factor: float = BOX_MARGIN
    rounds: int = 3
    candidates: int = 16
    threshold: float = 0.45
    overlap: float = 0.4


@dataclass(frozen=True)
class Candidate:
    """A box where a hand may be.

    Attributes:
        box: (x, y, width, height) in pixels of the image, square.
        score: mean of what was seen there: of a blob's maxima, later of the keypoints.
        settled: whether the last look into it left it where it was.
    """

    box: Box
    score: float
    settled: bool = False


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
    found: list[Candidate] = []
    for side in search.sides:
        small, scale = _shrink(image, round(side * box_size))
        maps = heatmaps_of(small[None])[0]
        stride = small.shape[0] / maps.shape[0]
        for cells, strength in blobs(maps[..., :-1], search.mass, most=search.candidates):
            box = box_from_points((cells + 0.5) * stride / scale - 0.5, search.factor)
            found.append(Candidate(box, strength))
    height, width = image.shape[:2]
    hands = _settle(found, peaks_in, search, frame=(0.0, 0.0, float(width), float(height)))
    return [(hand.box, hand.score) for hand in hands if hand.score >= search.threshold]


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


def blobs(maps: np.ndarray, mass: float, *, most: int = 16) -> list[tuple[np.ndarray, float]]:
    """Cluster the mass of heatmaps: where may hands be?

    Cells above the threshold that touch, or nearly touch, make a blob. Hands side by side may share
    a blob, so that blobs above twice the threshold, which touch only where hands do, count too.

    Args:
        maps: (h, w, 21) without the background.
        mass: the threshold.
        most: how many blobs of each threshold are looked at, those with the most mass.

    Returns:
        For each blob the cells (n, 2), x and y, of the maxima of its maps, and their mean value.
    """
    best = maps.max(-1)
    found = []
    for threshold, reach in ((mass, 5), (2 * mass, 1)):
        cells = cv2.dilate((best > threshold).astype(np.uint8), np.ones((reach, reach), np.uint8))
        count, labels, stats, _ = cv2.connectedComponentsWithStats(cells, connectivity=8)
        masses = np.bincount(labels.ravel(), best.ravel(), minlength=count)
        masses[0] = -np.inf  # label 0 is what lies between the blobs
        for label in np.argsort(-masses)[: min(most, count - 1)]:
            left, top, width, height, _ = stats[label]
            window = np.s_[top : top + height, left : left + width]
            inside = np.where((labels[window] == label)[..., None], maps[window], -1.0)
            points, values = _maxima(inside, mass)
            if len(points) >= _FEWEST_MAXIMA:
                found.append((points + np.array([left, top]), float(values.mean())))
    return found


def _maxima(maps: np.ndarray, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Give the cells (n, 2) and the values (n,) of the maps' maxima that are above a threshold."""
    flat = maps.reshape(-1, maps.shape[-1])
    best = flat.argmax(0)
    values = flat[best, np.arange(len(best))]
    y, x = np.divmod(best, maps.shape[1])
    clear = values > threshold
    return np.stack([x, y], axis=1)[clear], values[clear]


def _settle(
    found: list[Candidate], peaks_in: PeaksIn, search: Search, *, frame: Box
) -> list[Candidate]:
    """Look into each box, draw it anew round what is there, and keep the best box of each hand."""
    inside = [hand for hand in found if box_cover(hand.box, frame) >= _LEAST_INSIDE]
    hands = _distinct(inside, box_iou, _SAME_CANDIDATE)[: search.candidates]
    for _ in range(search.rounds):
        moving = [hand.box for hand in hands if not hand.settled]
        if not moving:
            break
        drawn = [
            _draw_anew(box, peaks, search)
            for box, peaks in zip(moving, peaks_in(moving), strict=True)
            if (peaks[:, 2] > search.mass).sum() >= _FEWEST_CLEAR
        ]
        hands = [hand for hand in hands if hand.settled] + drawn
        hands = [hand for hand in hands if box_cover(hand.box, frame) >= _LEAST_INSIDE]
        hands = _distinct(hands, partial(_cover, factor=search.factor), search.overlap)
    return hands


def _draw_anew(box: Box, peaks: np.ndarray, search: Search) -> Candidate:
    """Draw the box round the clear keypoints; say whether it is still the same."""
    anew = box_from_points(peaks[peaks[:, 2] > search.mass, :2], search.factor)
    score = float(np.maximum(peaks[:, 2], 0).mean())
    return Candidate(anew, score, settled=box_iou(box, anew) > _SETTLED)


def _cover(box: Box, other: Box, *, factor: float) -> float:
    """Tell how much of the smaller hand two boxes share, without the room round the hands."""
    return box_cover(square_box(box, 1 / factor), square_box(other, 1 / factor))


def _distinct(
    hands: list[Candidate], measure: Callable[[Box, Box], float], limit: float
) -> list[Candidate]:
    """Sort by score, and keep those that share no more than the limit with a better one."""
    kept: list[Candidate] = []
    for hand in sorted(hands, key=lambda hand: -hand.score):
        if all(measure(hand.box, other.box) <= limit for other in kept):
            kept.append(hand)
    return kept
