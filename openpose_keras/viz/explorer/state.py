"""What a user of the explorer has chosen and corrected, as frozen data."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import get_args

import numpy as np

from openpose_keras.core.boxes import Box, check_box
from openpose_keras.core.keypoints import SIDES, Side
from openpose_keras.core.skeletons import HAND
from openpose_keras.estimators.recipes import Peak
from openpose_keras.viz.drawing import THRESHOLD

OPACITY = 0.5  # so that the hand stays visible under the heatmap
CHANNELS = (*HAND.keypoints, "background")
PEAKS = get_args(Peak)
Point = tuple[float, float]


@dataclass(frozen=True)
class HandAnnotation:
    """One hand: where to search its keypoints, and which of them a person corrected.

    Args:
        box: (x, y, width, height) in pixels of the image.
        side: "left", "right", or None to leave it to the network.
        moved: Positions (x, y) in the image by the keypoint's index; None for a keypoint that is
            not visible. They stay when the box or anything else changes.

    Raises:
        ValueError: The box, the side, a keypoint or a position is not valid.
    """

    box: Box
    side: Side | None = None
    moved: Mapping[int, Point | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the fields."""
        object.__setattr__(self, "box", check_box(self.box))
        if self.side is not None and self.side not in SIDES:
            raise ValueError(f"expected 'left', 'right' or None for a side, got {self.side!r}")
        object.__setattr__(self, "moved", dict(self.moved))
        for index, point in self.moved.items():
            if index not in range(len(HAND)):
                raise ValueError(f"there is no keypoint {index!r}: use 0 to {len(HAND) - 1}")
            if point is not None and not (np.shape(point) == (2,) and np.isfinite(point).all()):
                raise ValueError(f"expected two finite numbers (x, y), got {point!r}")

    def move(self, index: int, point: Point | None) -> "HandAnnotation":
        """Return the hand with one keypoint moved, or marked as not visible (None)."""
        position = None if point is None else (float(point[0]), float(point[1]))
        return replace(self, moved={**self.moved, index: position})


@dataclass(frozen=True, kw_only=True)
class State:
    """What is shown, and how.

    Args:
        image: Index of the image.
        hand: Index of the hand in it.
        channel: Index of the heatmap that is shown, the last one is the background; None for all
            keypoints.
        stage: Of the network, from 1; None for the last.
        scales: Factors of the recipe; None for its own.
        scale: The one factor whose maps are shown; None for the merged maps.
        recipe: Name of the recipe.
        peak: How peaks are found; None for the recipe's own method.
        threshold: A keypoint is missing unless its score is above it.
        opacity: Of the heatmap, from 0 to 1.
        close: Whether the surroundings of the hand are shown and not the whole image.

    Raises:
        ValueError: The opacity, the threshold, the peak or the channel is not valid.
    """

    image: int = 0
    hand: int = 0
    channel: int | None = None
    stage: int | None = None
    scales: tuple[float, ...] | None = None
    scale: float | None = None
    recipe: str = "refined"
    peak: Peak | None = None
    threshold: float = THRESHOLD
    opacity: float = OPACITY
    close: bool = False

    def __post_init__(self) -> None:
        """Check what does not depend on the images and on the network."""
        if not 0 <= self.opacity <= 1:
            raise ValueError(f"expected an opacity from 0 to 1, got {self.opacity!r}")
        if not np.isfinite(self.threshold):
            raise ValueError(f"expected a finite threshold, got {self.threshold!r}")
        if self.peak is not None and self.peak not in PEAKS:
            raise ValueError(f"expected a peak of {', '.join(PEAKS)}, got {self.peak!r}")
        if self.channel is not None and self.channel not in range(len(CHANNELS)):
            raise ValueError(f"there is no channel {self.channel!r}: use 0 to {len(CHANNELS) - 1}")
