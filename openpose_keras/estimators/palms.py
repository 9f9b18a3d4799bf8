"""Find hands with MediaPipe's palm detector: palms, and the upright region of the hand of each.

The detector sees the whole image and, for small hands, tiles of it. What it finds in all of them is
merged where it overlaps. Anchors, decoding and regions follow MediaPipe's graphs
(mediapipe/modules/palm_detection/palm_detection_cpu.pbtxt and
mediapipe/modules/hand_landmark/palm_detection_detection_to_roi.pbtxt).
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from openpose_keras.core.arrays import FloatArray
from openpose_keras.core.boxes import Box, box_cover, whole_box
from openpose_keras.engines import Engine, as_engine
from openpose_keras.estimators.search import LEAST_INSIDE
from openpose_keras.estimators.upright import direction_angle
from openpose_keras.estimators.views import Region
from openpose_keras.geometry import Crop, RotatedCrop
from openpose_keras.networks.mediapipe import PALM_ANCHORS, PALM_INPUT
from openpose_keras.networks.preprocessing import normalise_batch

CENTRE, SIZE, WRIST, MIDDLE_MCP = 0, 1, 2, 4
"""Rows of a palm (9, 2): x, y; width and height, which are equal; then the keypoints, of which
these two turn it."""


@dataclass(frozen=True, kw_only=True)
class PalmSearch:
    """Finds hands by their palms; called with an image it returns their regions, best first.

    Args:
        preset: Name of the palm detector's preset.
        tiles: Sides of the squares that the detector sees, as fractions of the image's longer side.
        overlap: Fraction of a tile that the next one shows too, at least.
        threshold: Score from which a palm counts.
        iou: Intersection over union above which two palms are merged.
        margin: Side of a hand's region, in longer sides of its palm.
        shift: How far the region's middle lies from the palm's towards the fingers, in heights of
            the palm.
        size: Side in pixels of the crop of a region.
    """

    preset: str = "mediapipe_palm"
    tiles: tuple[float, ...] = (1.0, 0.5)
    overlap: float = 0.4
    threshold: float = 0.5
    iou: float = 0.3
    margin: float = 2.6
    shift: float = 0.5
    size: int = 224

    def __call__(self, image: np.ndarray) -> list[Region]:
        """Return the regions of an image's hands (H, W, 3) uint8 RGB, each turned upright."""
        palms, _ = self.palms(image)
        return regions_inside(image, map(self.crop, palms))

    def palms(self, image: np.ndarray) -> tuple[FloatArray, FloatArray]:
        """Find the palms of an image.

        Args:
            image: (H, W, 3) uint8 RGB.

        Returns:
            (n, 9, 2) in pixels of the image, see `CENTRE`, and (n,) scores, best first.
        """
        crops = [
            Crop(box, PALM_INPUT, antialias=True)
            for fraction in self.tiles
            for box in tile_boxes(image.shape[1], image.shape[0], fraction, self.overlap)
        ]
        batch = normalise_batch(np.stack([crop.apply_image(image) for crop in crops]))
        outputs = detector_engine(self.preset)(batch)
        found: list[FloatArray] = []
        scores: list[FloatArray] = []
        size = (PALM_INPUT, PALM_INPUT)
        for crop, values, logits in zip(crops, outputs["palms"], outputs["logits"], strict=True):
            palms, confidence = decode_palms(values, logits, size, threshold=self.threshold)
            sizes = palms[:, SIZE] * crop.scale
            palms = crop.invert_points(palms)
            palms[:, SIZE] = sizes
            found.append(palms)
            scores.append(confidence)
        return merge_palms(np.concatenate(found), np.concatenate(scores), self.iou)

    def crop(self, palm: np.ndarray) -> RotatedCrop:
        """Return the upright crop of the hand of a palm (9, 2)."""
        towards = palm[MIDDLE_MCP] - palm[WRIST]
        away = self.shift * palm[SIZE, 1] / max(float(np.hypot(*towards)), 1e-6)
        side = self.margin * float(palm[SIZE].max())
        x, y = palm[CENTRE] + away * towards - (side - 1) / 2
        box = (float(x), float(y), side, side)
        return RotatedCrop(box, self.size, direction_angle(*towards))


def regions_inside(image: np.ndarray, crops: Iterable[RotatedCrop]) -> list[Region]:
    """Return the regions of those crops of which enough lies in an image (H, W, 3)."""
    frame = whole_box(image)
    inside = [crop for crop in crops if box_cover(crop.box, frame) >= LEAST_INSIDE]
    return [Region(crop.box, crop=crop) for crop in inside]


@cache
def detector_engine(preset: str) -> Engine:
    """Load a detector once, by its preset's name."""
    from openpose_keras.networks.presets import load_network

    return as_engine(load_network(preset))


def tile_boxes(width: int, height: int, fraction: float, overlap: float) -> Iterator[Box]:
    """Yield squares that cover an image, row by row.

    Args:
        width: Of the image in pixels.
        height: The same.
        fraction: Side of a square, as a fraction of the longer side; 1 for one that holds it all.
        overlap: Fraction of a square that the next one covers too, at least.

    Example:
        >>> list(tile_boxes(60, 40, 1.0, 0.4))
        [(0.0, -10.0, 60.0, 60.0)]
        >>> [box[:2] for box in tile_boxes(60, 30, 0.5, 0.4)]
        [(0.0, 0.0), (15.0, 0.0), (30.0, 0.0)]
    """
    side = fraction * max(width, height)

    def starts(length: int) -> FloatArray:
        """Return where squares begin along an axis; one that is longer is centred."""
        room = length - side
        if room <= 0:
            return np.array([room / 2])
        return np.linspace(0, room, math.ceil(room / (side * (1 - overlap))) + 1)

    yield from ((float(x), float(y), side, side) for y in starts(height) for x in starts(width))


@cache
def palm_anchors(height: int, width: int) -> FloatArray:
    """Return the anchors (a, 2) of an input: x, y in its pixels, an integer is a pixel's centre.

    Example:
        >>> palm_anchors(192, 192).shape, palm_anchors(32, 64)[[0, 1, 2, -1]].tolist()
        ((2016, 2), [[3.5, 3.5], [3.5, 3.5], [11.5, 3.5], [55.5, 23.5]])
    """
    anchors = []
    for stride, count in PALM_ANCHORS.items():
        x, y = (
            stride * np.arange(length // stride) + (stride - 1) / 2 for length in (width, height)
        )
        grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
        anchors.append(grid.repeat(count, axis=0))
    return np.concatenate(anchors)


def decode_palms(
    palms: np.ndarray, logits: np.ndarray, size: tuple[int, int], *, threshold: float = 0.5
) -> tuple[FloatArray, FloatArray]:
    """Decode the palm detector's output for one image.

    Args:
        palms: (a, 18) offsets from the anchors in input pixels.
        logits: (a, 1) logits of the scores.
        size: Height and width of the input.
        threshold: The least score of a palm.

    Returns:
        (n, 9, 2) in input pixels, see `CENTRE`, and (n,) scores, in the anchors' order.
    """
    scores = 1 / (1 + np.exp(-np.clip(logits[:, 0].astype(np.float64), -100, 100)))
    kept = scores >= threshold
    values = palms[kept].reshape(-1, 9, 2).astype(np.float64)
    anchored = np.arange(9) != SIZE
    values[:, anchored] += palm_anchors(*size)[kept][:, None]
    return values, scores[kept]


def merge_palms(palms: np.ndarray, scores: np.ndarray, iou: float) -> tuple[FloatArray, FloatArray]:
    """Merge palms that overlap: non-maximum suppression that averages instead of dropping.

    Args:
        palms: (n, 9, 2), see `CENTRE`.
        scores: (n,), the weights of the average.
        iou: Intersection over union with the best palm above which others are merged into it.

    Returns:
        (m, 9, 2) and (m,), best first; a merged palm has the score of its best.
    """
    order = np.argsort(-scores, kind="stable")
    merged, best = [], []
    while len(order):
        first = order[0]
        same = _ious(palms[first], palms[order]) > iou
        same[0] = True
        group = order[same]
        merged.append(np.average(palms[group], axis=0, weights=scores[group]))
        best.append(scores[first])
        order = order[~same]
    return np.array(merged).reshape(-1, 9, 2), np.array(best)


def _ious(palm: np.ndarray, others: np.ndarray) -> FloatArray:
    """Return the intersection over union of the square around a palm with those of others."""
    sides = np.maximum(others[:, SIZE, :1], 0)
    side = np.maximum(palm[SIZE, :1], 0)
    low = np.maximum(palm[CENTRE] - side / 2, others[:, CENTRE] - sides / 2)
    high = np.minimum(palm[CENTRE] + side / 2, others[:, CENTRE] + sides / 2)
    shared = np.maximum(high - low, 0).prod(axis=1)
    union = side[0] ** 2 + sides[:, 0] ** 2 - shared
    ratio: FloatArray = shared / np.maximum(union, 1e-9)
    return ratio
