"""Find hands with hand_finder, which tells where each hand's whole crop lies, not only its palm."""

from dataclasses import dataclass

import numpy as np

from openpose_keras.estimators.palms import MIDDLE_MCP, SIZE, WRIST, PalmSearch
from openpose_keras.estimators.upright import direction_angle
from openpose_keras.geometry import RotatedCrop

HAND_MIDDLE = 8  # row of a found palm (9, 2): the middle of the whole hand
_KNUCKLES = slice(MIDDLE_MCP - 1, MIDDLE_MCP + 3)


@dataclass(frozen=True, kw_only=True)
class HandFinder(PalmSearch):
    """Finds hands as `PalmSearch` does. Palms are those of `networks.hand_finder`.

    Args:
        margin: Side of a hand's region, in longer sides of the hand.
        shift: How far the region's middle lies from the hand's towards the fingers, in the same.
            The other arguments are those of `PalmSearch`.
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
