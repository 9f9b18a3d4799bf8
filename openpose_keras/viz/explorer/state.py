"""What a user of the explorer has chosen and done, as frozen data."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from openpose_keras.core.boxes import Box, check_box
from openpose_keras.core.keypoints import SIDES, Side
from openpose_keras.core.skeletons import HAND
from openpose_keras.viz.drawing import THRESHOLD

OPACITY = 0.5  # so that the hand is still seen under the heatmap
BACKGROUND = len(HAND)
CHANNELS = (*HAND.keypoints, "background")
PEAKS = ("argmax", "subpixel", "blob", "local_maxima")
Point = tuple[float, float]


@dataclass(frozen=True)
class Mark:
    """One hand: where to look for it, and what was corrected by hand.

    Args:
        box: (x, y, width, height) in pixels of the image.
        side: "left", "right", or None to leave it to the network.
        moved: Places (x, y) in the image of keypoints by index; None for one that is not to be
            seen. They stay when the box or anything else changes.

    Raises:
        ValueError: The box, the side, a keypoint or a place is none.
    """

    box: Box
    side: Side | None = None
    moved: Mapping[int, Point | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the fields."""
        object.__setattr__(self, "box", check_box(self.box))
        if self.side is not None and self.side not in SIDES:
            raise ValueError(f"a side is 'left', 'right' or None, got {self.side!r}")
        object.__setattr__(self, "moved", dict(self.moved))
        for index, point in self.moved.items():
            if index not in range(len(HAND)):
                raise ValueError(f"there is no keypoint {index!r}: it is 0 to {len(HAND) - 1}")
            if point is not None and not (np.shape(point) == (2,) and np.isfinite(point).all()):
                raise ValueError(f"a place is two finite numbers (x, y), got {point!r}")

    def move(self, index: int, point: Point | None) -> "Mark":
        """Give the hand with one keypoint put elsewhere, or said to be not seen (None)."""
        place = None if point is None else (float(point[0]), float(point[1]))
        return replace(self, moved={**self.moved, index: place})


@dataclass(frozen=True, kw_only=True)
class State:
    """What is looked at, and how.

    Args:
        picture: Index of the picture.
        hand: Index of the hand in it.
        channel: Index of the heatmap that is shown, 21 for the background; None for all keypoints.
        stage: Of the network, from 1; None for the last.
        scales: Factors of the recipe; None for its own.
        scale: The one factor that is looked at; None for the merged maps.
        recipe: Name of the recipe.
        peak: How peaks are found; None for the recipe's own way.
        threshold: A keypoint is missing unless its score is above it.
        opacity: Of the heatmap, from 0 to 1.
        close: Whether the surroundings of the hand are shown and not the whole picture.

    Raises:
        ValueError: The opacity, the threshold, the peak or the channel is none.
    """

    picture: int = 0
    hand: int = 0
    channel: int | None = None
    stage: int | None = None
    scales: tuple[float, ...] | None = None
    scale: float | None = None
    recipe: str = "refined"
    peak: Literal["argmax", "subpixel", "blob", "local_maxima"] | None = None
    threshold: float = THRESHOLD
    opacity: float = OPACITY
    close: bool = False

    def __post_init__(self) -> None:
        """Check what does not depend on the pictures and on the network."""
        if not 0 <= self.opacity <= 1:
            raise ValueError(f"opacity is from 0 to 1, got {self.opacity!r}")
        if not np.isfinite(self.threshold):
            raise ValueError(f"threshold is a finite number, got {self.threshold!r}")
        if self.peak is not None and self.peak not in PEAKS:
            raise ValueError(f"a peak is one of {', '.join(PEAKS)}, got {self.peak!r}")
        if self.channel is not None and self.channel not in range(len(CHANNELS)):
            raise ValueError(f"a channel is 0 to {BACKGROUND} or None, got {self.channel!r}")
