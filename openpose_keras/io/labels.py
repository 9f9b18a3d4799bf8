"""What is known of the hands in a picture."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from openpose_keras.core.boxes import Box, check_box
from openpose_keras.core.keypoints import SIDES
from openpose_keras.core.skeletons import HAND


@dataclass(frozen=True, eq=False)
class LabelledHand:
    """One hand whose keypoints are known.

    Attributes:
        xy: (21, 2) float64 pixels in the order of `skeletons.HAND`; NaN where unlabelled.
            Read-only.
        box: (x, y, width, height) in pixels: the unit of PCK, and the middle of the crop.
        side: "left", "right" or None where the file does not say.
    """

    xy: np.ndarray
    box: Box
    side: str | None = None

    def __post_init__(self) -> None:
        """Check the shapes and keep a read-only copy."""
        xy = np.array(self.xy, dtype=np.float64)
        if xy.shape != (len(HAND), 2):
            raise ValueError(f"a hand needs ({len(HAND)}, 2) keypoints, not {xy.shape}")
        xy[~np.isfinite(xy).all(axis=-1)] = np.nan
        xy.setflags(write=False)
        if self.side not in (*SIDES, None):
            raise ValueError(f'side must be "left", "right" or None, not {self.side!r}')
        object.__setattr__(self, "xy", xy)
        object.__setattr__(self, "box", check_box(self.box))

    @classmethod
    def from_keypoints(cls, xy: np.ndarray, side: str | None = None) -> "LabelledHand":
        """Make a hand whose box is the smallest one around its labelled keypoints."""
        return cls(xy, keypoints_box(xy), side)


@dataclass(frozen=True, eq=False)
class LabelledImage:
    """One image with all its labelled hands, which may be none.

    Attributes:
        image: A path, or (H, W, 3) uint8 RGB.
        hands: The hands in it.
    """

    image: Path | np.ndarray
    hands: tuple[LabelledHand, ...]


def keypoints_box(xy: np.ndarray) -> Box:
    """Give the smallest box (x, y, width, height) around the keypoints that are not NaN.

    Args:
        xy: (k, 2) pixels.

    Returns:
        The box from the least to the greatest coordinate; a side is at least one pixel, so that a
        lone keypoint has a box too. By the convention of `boxes` its x is that of the first pixel
        that it covers, half a pixel right of its edge.

    Raises:
        ValueError: There is no keypoint.

    Example:
        >>> keypoints_box(np.array([[10.0, 20.0], [30.0, 25.0], [np.nan, np.nan]]))
        (10.5, 20.5, 20.0, 5.0)
    """
    found = np.asarray(xy, dtype=np.float64)
    found = found[np.isfinite(found).all(axis=-1)]
    if not len(found):
        raise ValueError("a box around keypoints needs at least one keypoint that is not NaN")
    low, high = found.min(axis=0), found.max(axis=0)
    size = np.maximum(high - low, 1.0)
    x, y = (low + high) / 2 - (size - 1) / 2
    return float(x), float(y), float(size[0]), float(size[1])
