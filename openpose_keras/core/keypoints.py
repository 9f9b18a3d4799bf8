"""The result of an estimation: one `Hand`, frozen, with NaN where a keypoint is missing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from openpose_keras.core.boxes import Box, check_box
from openpose_keras.core.skeletons import HAND

Side = Literal["left", "right"]
SIDES: tuple[Side, Side] = ("left", "right")


@dataclass(frozen=True, eq=False, repr=False)
class Hand:
    """The keypoints of one hand in the frame of the image.

    The arrays are copied and read-only. A keypoint is missing when its `xy` is (NaN, NaN) and its
    score 0. Two hands are equal only when they are the same object.

    Args:
        xy: (21, 2) pixels (x, y), in the order of `skeletons.HAND`; float32 or float64 as given.
        scores: (21,) values of the heatmaps at the peaks; no probabilities, they can be below 0 or
            above 1.
        box: (x, y, width, height) in pixels of the square region that was searched, or None.
        side: "left", "right", or None when unknown.
        side_scores: The mean score that each side was given when both were tried, or None.

    Raises:
        ValueError: A shape does not fit, a value is infinite, a missing keypoint has a score, or
            the box or a side is none.

    Example:
        >>> xy, scores = np.full((21, 2), 7.0), np.full(21, 0.5)
        >>> xy[3], scores[3] = np.nan, 0
        >>> hand = Hand(xy, scores, side="left")
        >>> hand
        Hand(side='left', score=0.476, found=20/21, box=None)
        >>> bool(hand.found[3])
        False
    """

    xy: np.ndarray
    scores: np.ndarray
    box: Box | None = None
    side: Side | None = None
    side_scores: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        """Check the fields and take read-only copies of the arrays."""
        xy = _frozen(self.xy, (len(HAND), 2), "xy")
        scores = _frozen(self.scores, (len(HAND),), "scores")
        _check_missing(xy, scores)
        object.__setattr__(self, "xy", xy)
        object.__setattr__(self, "scores", scores)
        if self.box is not None:
            object.__setattr__(self, "box", check_box(self.box))
        if self.side is not None and self.side not in SIDES:
            raise ValueError(f"a side is 'left', 'right' or None, not {self.side!r}")
        if self.side_scores is not None:
            object.__setattr__(self, "side_scores", _side_scores(self.side_scores))

    @property
    def found(self) -> np.ndarray:
        """(21,) bool: True where the keypoint is not missing."""
        return np.isfinite(self.xy).all(axis=-1)

    @property
    def score(self) -> float:
        """The mean score of all keypoints, a missing one counting 0; so it is in `side_scores`."""
        return float(self.scores.mean(dtype=np.float64))

    def __repr__(self) -> str:
        """Give one line; the arrays are left out."""
        box = None if self.box is None else tuple(round(number, 1) for number in self.box)
        found = f"{int(self.found.sum())}/{len(HAND)}"
        return f"Hand(side={self.side!r}, score={self.score:.3f}, found={found}, box={box})"

    def __reduce__(self) -> tuple[type["Hand"], tuple]:
        """Copy and unpickle through the constructor, so that the arrays stay read-only."""
        return type(self), (self.xy, self.scores, self.box, self.side, self.side_scores)


def _frozen(values: np.ndarray, shape: tuple[int, ...], name: str) -> np.ndarray:
    """Give a read-only float copy of the shape that is asked for."""
    array = np.asarray(values)
    if array.shape != shape:
        raise ValueError(f"{name} of a hand must have the shape {shape}, not {array.shape}")
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{name} of a hand must be numbers, not {array.dtype}")
    kept = array.dtype if array.dtype in (np.float32, np.float64) else np.float64
    array = np.array(array, dtype=kept, order="C")
    array.flags.writeable = False
    return array


def _check_missing(xy: np.ndarray, scores: np.ndarray) -> None:
    """Refuse keypoints that are neither found nor missing."""
    missing = np.isnan(xy).all(axis=-1)
    wrong = ~(np.isfinite(xy).all(axis=-1) | missing) | ~np.isfinite(scores)
    wrong |= missing & (scores != 0)
    if wrong.any():
        index = int(np.argmax(wrong))
        raise ValueError(
            "a found keypoint has finite x, y and score, a missing one NaN, NaN and score 0; "
            f"{HAND.keypoints[index]} has {xy[index, 0]}, {xy[index, 1]} and score {scores[index]}"
        )


def _side_scores(scores: Mapping[str, float]) -> dict[str, float]:
    """Give the scores of the sides as a dictionary of floats."""
    strange = sorted(set(scores) - set(SIDES))
    if strange:
        raise ValueError(f"side_scores has the keys 'left' and 'right', not {strange}")
    return {side: float(score) for side, score in scores.items()}
