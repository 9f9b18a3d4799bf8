"""Find hands by their palms, with MediaPipe's detector or hand_finder, which sees whole hands too.

`FaceSearch` finds faces with MediaPipe's other detector.

The detector sees the whole image in several sizes. A hand that it misses in one size is often found
in another, and a small hand in the largest. Overlapping detections are merged.

Anchors, decoding and regions follow MediaPipe's graphs
(mediapipe/modules/palm_detection/palm_detection_cpu.pbtxt and
mediapipe/modules/hand_landmark/palm_detection_detection_to_roi.pbtxt).
"""

import math
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import numpy as np

from openpose_keras.core.arrays import FloatArray
from openpose_keras.core.boxes import box_cover, whole_box
from openpose_keras.engines import Engine, as_engine, run_engine
from openpose_keras.engines.load import load_engine
from openpose_keras.estimators.search import LEAST_INSIDE, fit_image
from openpose_keras.estimators.views import Region, direction_angle
from openpose_keras.geometry import RotatedCrop
from openpose_keras.networks.mediapipe import PALM_ANCHORS
from openpose_keras.networks.preprocessing import normalise_batch
from openpose_keras.networks.presets import LEAST_SMALLEST, EngineName

CENTRE, SIZE, WRIST, MIDDLE_MCP = 0, 1, 2, 4
"""Rows of a palm (9, 2): the centre's x, y; width and height, which are equal; then the keypoints,
of which wrist and middle knuckle define the rotation."""
HAND_MIDDLE = 8  # the row of hand_finder's palms with the centre of the whole hand
_KNUCKLES = slice(MIDDLE_MCP - 1, MIDDLE_MCP + 3)

_LEAST_HAND = 32  # pixels of a hand in the largest input, along its longer side
_LEAST_SIDE = 128  # pixels of the smallest input, for the largest hands
_STEP = math.sqrt(2)  # ratio of the sides of successive inputs
_UNIT = 32  # the sides are multiples of it


@dataclass(frozen=True, kw_only=True)
class PalmSearch:
    """Finds hands by their palms; a call with an image returns their regions, best first.

    Args:
        preset: Name of the palm detector's preset.
        smallest: Longer side of the smallest hands to find, as a fraction of the image's. It
            determines the sizes of the inputs, and thus the time.
        sides: Longer sides of the inputs in pixels, multiples of 32; None for those that `smallest`
            requires. MediaPipe uses (192,).
        threshold: Minimum score of a palm.
        iou: Intersection over union above which two palms are merged.
        margin: Side of a hand's region, relative to the longer side of its palm.
        shift: Distance of the region's centre from the palm's towards the fingers, in heights of
            the palm.
        size: Side in pixels of the crop of a region.
        engine: The engine that runs the detector, see `engines.load_engine`.

    Raises:
        ValueError: `smallest` is not between 0.01 and 1, or a side is not a multiple of 32.

    Example:
        >>> PalmSearch().inputs, PalmSearch(smallest=1 / 6).inputs
        ((128, 192, 256, 384), (128, 192))
    """

    finds: ClassVar[str] = "palms"  # the detector's output

    preset: str = "mediapipe_palm"
    smallest: float = 1 / 12
    sides: tuple[int, ...] | None = None
    threshold: float = 0.5
    iou: float = 0.3
    margin: float = 2.8
    shift: float = 0.5
    size: int = 224
    engine: EngineName = "auto"

    def __post_init__(self) -> None:
        """Check the arguments that determine the inputs."""
        if not LEAST_SMALLEST <= self.smallest < 1:
            least = f"expected smallest between {LEAST_SMALLEST} and 1"
            raise ValueError(f"{least}, got {self.smallest!r}: crop the image for smaller hands")
        sides = (_UNIT,) if self.sides is None else self.sides
        if not sides or any(side < 1 or side % _UNIT for side in sides):
            raise ValueError(f"expected sides that are multiples of {_UNIT}, got {self.sides!r}")

    @property
    def inputs(self) -> tuple[int, ...]:
        """Longer sides of the detector's inputs in pixels, smallest first."""
        if self.sides is not None:
            return self.sides
        largest = max(_LEAST_HAND / self.smallest, _LEAST_SIDE)
        steps = range(int(math.log(largest / _LEAST_SIDE, _STEP) + 1e-9), -1, -1)
        return tuple(_UNIT * round(largest / _STEP**step / _UNIT) for step in steps)

    def __call__(self, image: np.ndarray) -> list[Region]:
        """Return the upright regions of the hands in an image (H, W, 3) uint8 RGB."""
        palms, _ = self.palms(image)
        frame = whole_box(image)
        crops = map(self.crop, palms)
        inside = [crop for crop in crops if box_cover(crop.box, frame) >= LEAST_INSIDE]
        return [Region(crop.box, crop=crop) for crop in inside]

    def palms(self, image: np.ndarray) -> tuple[FloatArray, FloatArray]:
        """Find the palms of an image.

        Args:
            image: (H, W, 3) uint8 RGB.

        Returns:
            (n, 9, 2) in pixels of the image, see `CENTRE`, and (n,) scores, best first.
        """
        found: list[FloatArray] = []
        scores: list[FloatArray] = []
        for side in self.inputs:
            view, scale = fit_image(image, side)
            engine = detector_engine(self.preset, self.engine)
            maps = run_engine(engine, normalise_batch(view[None]))
            output = maps[self.finds][0], maps["logits"][0]
            palms, confidence = decode_palms(*output, view.shape[:2], threshold=self.threshold)
            sizes = palms[:, SIZE] / scale.mean()
            palms = (palms + 0.5) / scale - 0.5
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


@dataclass(frozen=True, kw_only=True)
class HandFinder(PalmSearch):
    """Finds hands as `PalmSearch` does, by the palms of `networks.hand_finder`.

    Args:
        margin: Side of a hand's region, relative to the longer side of the hand.
        shift: Distance of the region's centre from the hand's towards the fingers, in the same
            unit. The other arguments are those of `PalmSearch`.
    """

    preset: str = "hand_finder"
    threshold: float = 0.4
    margin: float = 1.8
    shift: float = 0.0

    def crop(self, palm: np.ndarray) -> RotatedCrop:
        """Return the upright crop of a hand that was found (9, 2)."""
        towards = palm[_KNUCKLES].mean(axis=0) - palm[WRIST]
        length = float(max(palm[SIZE, 1], 1.0))
        away = self.shift * length / max(float(np.hypot(*towards)), 1e-6)
        side = self.margin * length
        x, y = palm[HAND_MIDDLE] + away * towards - (side - 1) / 2
        return RotatedCrop((float(x), float(y), side, side), self.size, direction_angle(*towards))


@dataclass(frozen=True, kw_only=True)
class FaceSearch(PalmSearch):
    """Finds faces as `PalmSearch` finds palms, and rotates their eyes level.

    Faces (n, 8, 2) take the place of palms: the centre's x, y; width and height; then right eye,
    left eye, nose, mouth, right ear, left ear. The other arguments are those of `PalmSearch`.

    Args:
        margin: Side of a face's region, relative to the longer side of the face.
    """

    finds: ClassVar[str] = "faces"

    preset: str = "mediapipe_face_detector"
    margin: float = 1.5
    size: int = 192

    def crop(self, palm: np.ndarray) -> RotatedCrop:
        """Return the upright crop of a face (8, 2)."""
        side = self.margin * float(palm[SIZE].max())
        x, y = palm[CENTRE] - (side - 1) / 2
        right_eye, left_eye = palm[2:4]
        box = (float(x), float(y), side, side)
        return RotatedCrop(box, self.size, level_angle(right_eye, left_eye))


def level_angle(right: np.ndarray, left: np.ndarray) -> float:
    """Return the radians that rotate a face so that its eyes, each (2,) x and y, are level.

    Example:
        >>> round(np.rad2deg(level_angle(np.array([0.0, 0.0]), np.array([3.0, -3.0]))))
        45
    """
    x, y = left - right
    return -math.atan2(y, x)


@cache
def detector_engine(preset: str, engine: EngineName = "auto") -> Engine:
    """Load a detector once, by its preset's name, see `load_engine`."""
    return as_engine(load_engine(preset, engine=engine))


@cache
def palm_anchors(height: int, width: int) -> FloatArray:
    """Return the anchors (a, 2) of an input: x, y in pixels, with integers at pixel centres.

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
        palms: (a, 2 r) offsets from the anchors in input pixels: 18 of a palm, 16 of a face.
        logits: (a, 1) logits of the scores.
        size: Height and width of the input.
        threshold: Minimum score of a palm.

    Returns:
        (n, r, 2) in input pixels, see `CENTRE`, and (n,) scores, in the anchors' order.
    """
    scores = 1 / (1 + np.exp(-np.clip(logits[:, 0].astype(np.float64), -100, 100)))
    kept = scores >= threshold
    rows = palms.shape[1] // 2
    values = palms[kept].reshape(-1, rows, 2).astype(np.float64)
    anchored = np.arange(rows) != SIZE
    values[:, anchored] += palm_anchors(*size)[kept][:, None]
    return values, scores[kept]


def merge_palms(palms: np.ndarray, scores: np.ndarray, iou: float) -> tuple[FloatArray, FloatArray]:
    """Merge palms that overlap: non-maximum suppression that averages instead of dropping.

    Args:
        palms: (n, r, 2), see `CENTRE`.
        scores: (n,), the weights of the average.
        iou: Intersection over union with the best palm above which others are merged into it.

    Returns:
        (m, r, 2) and (m,), best first; a merged palm has the best score of its group.
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
    return np.array(merged).reshape(-1, *palms.shape[1:]), np.array(best)


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
