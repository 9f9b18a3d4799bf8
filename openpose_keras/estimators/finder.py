"""Find hands with hand_finder: one pass over the whole image tells where each hand's crop lies.

The finder tells the middle of a hand, how long it is and which way it points, so that its crop
comes upright. A second, larger pass finds smaller hands.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from openpose_keras.core.arrays import FloatArray
from openpose_keras.estimators.palms import (
    MIDDLE_MCP,
    SIZE,
    WRIST,
    decode_palms,
    detector_engine,
    merge_palms,
    regions_inside,
)
from openpose_keras.estimators.search import fit_image
from openpose_keras.estimators.upright import direction_angle
from openpose_keras.estimators.views import Region
from openpose_keras.geometry import RotatedCrop
from openpose_keras.networks.preprocessing import normalise_batch

HAND_MIDDLE = 8  # row of a found palm (9, 2): the middle of the whole hand
_KNUCKLES = slice(MIDDLE_MCP - 1, MIDDLE_MCP + 3)
_LEAST_HAND = 28  # pixels of a hand in the finder's input, along its longer side
_LARGEST_FIRST = 384  # side up to which an input shows hands of any size
_UNIT = 32


@dataclass(frozen=True, kw_only=True)
class HandFinder:
    """Finds hands; called with an image it returns their regions, best first.

    Args:
        preset: Name of the finder's preset.
        smallest: Longer side of the smallest hands to be found, as a fraction of the image's. It
            decides how large the inputs are, and so the time.
        threshold: Score from which a palm counts.
        iou: Intersection over union above which two palms are merged.
        margin: Side of a hand's region, in longer sides of the hand.
        shift: How far the region's middle lies from the hand's towards the fingers, in the same.
        size: Side in pixels of the crop of a region.
        sides: Longer sides of the inputs in pixels, least first. It follows from `smallest`.

    Raises:
        ValueError: `smallest` is not between 0 and 1.

    Example:
        >>> HandFinder(smallest=1 / 12).sides, HandFinder(smallest=1 / 25).sides
        ((352,), (352, 704))
    """

    preset: str = "hand_finder"
    smallest: float = 1 / 12
    threshold: float = 0.4
    iou: float = 0.3
    margin: float = 1.8
    shift: float = 0.0
    size: int = 224
    sides: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Choose the inputs."""
        if not 0 < self.smallest < 1:
            raise ValueError(f"expected smallest between 0 and 1, got {self.smallest!r}")
        sides = [max(1.0, _LEAST_HAND / self.smallest / _UNIT)]
        while sides[0] > _LARGEST_FIRST / _UNIT:
            sides.insert(0, sides[0] / 2)
        object.__setattr__(self, "sides", tuple(_UNIT * math.ceil(side) for side in sides))

    def __call__(self, image: np.ndarray) -> list[Region]:
        """Return the regions of an image's hands (H, W, 3) uint8 RGB, each turned upright."""
        palms, _ = self.palms(image)
        return regions_inside(image, map(self.crop, palms))

    def palms(self, image: np.ndarray) -> tuple[FloatArray, FloatArray]:
        """Find the palms of an image, and what the finder tells of their hands.

        Args:
            image: (H, W, 3) uint8 RGB.

        Returns:
            (n, 9, 2) in pixels of the image: centre of the palm; sides of palm and hand; wrist,
            knuckles and thumb; the middle of the hand. And (n,) scores, best first.
        """
        found: list[FloatArray] = []
        scores: list[FloatArray] = []
        for side in self.sides:
            view, scale = fit_image(image, side)
            maps = detector_engine(self.preset)(normalise_batch(view[None]))
            output = maps["palms"][0], maps["logits"][0]
            palms, confidence = decode_palms(*output, view.shape[:2], threshold=self.threshold)
            sizes = palms[:, SIZE] / scale.mean()
            palms = (palms + 0.5) / scale - 0.5
            palms[:, SIZE] = sizes
            found.append(palms)
            scores.append(confidence)
        return merge_palms(np.concatenate(found), np.concatenate(scores), self.iou)

    def crop(self, palm: np.ndarray) -> RotatedCrop:
        """Return the upright crop of a hand that was found (9, 2)."""
        towards = palm[_KNUCKLES].mean(axis=0) - palm[WRIST]
        length = float(max(palm[SIZE, 1], 1.0))
        away = self.shift * length / max(float(np.hypot(*towards)), 1e-6)
        side = self.margin * length
        x, y = palm[HAND_MIDDLE] + away * towards - (side - 1) / 2
        return RotatedCrop((float(x), float(y), side, side), self.size, direction_angle(*towards))
