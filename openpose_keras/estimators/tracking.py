"""Boxes of hands followed over the frames of a video, as OpenPose follows them.

A box that the body gives is blended with the box of the hand that was found there before
(src/openpose/hand/handDetector.cpp). There is no identity: a hand is only a place.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from openpose_keras.core.arrays import FloatArray
from openpose_keras.core.keypoints import Person, keypoint_table

_KEYPOINT_SCORE = 0.25  # score above which a keypoint counts for the box of a hand
_HAND_SCORE = 0.66667  # mean score above which a hand is remembered


@dataclass(frozen=True, eq=False)
class TrackedHands:
    """Where the hands of one side were in an earlier frame.

    Args:
        boxes: (n, 4) float32 x, y, width, height.
        frame: Number of that frame. OpenPose starts at 0, so that frame 0 is never remembered.

    Example:
        >>> xy = 10.0 * np.indices((3, 7)).reshape(2, -1).T
        >>> hand = np.column_stack([xy, np.ones(21)])
        >>> tracked = TrackedHands().update([hand], frame=1)
        >>> tracked.boxes.tolist()
        [[0.0, 0.0, 20.0, 60.0]]
        >>> tracked.blend([[5, 5, 40, 40]]).tolist()
        [[-17.5, -7.5, 70.0, 70.0]]
    """

    boxes: FloatArray = field(default_factory=lambda: np.zeros((0, 4), np.float32))
    frame: int = 0

    def update(self, hands: ArrayLike, frame: int) -> "TrackedHands":
        """Return what is remembered after a frame.

        Args:
            hands: (n, 21, 3) x, y, score of the hands that were found; a missing keypoint has the
                score 0.
            frame: Its number. A frame that is not later than the last one changes nothing.
        """
        if frame <= self.frame:
            return self
        points = np.asarray(hands, np.float32).reshape(-1, 21, 3)
        shown = points[..., 2:] > np.float32(_KEYPOINT_SCORE)
        low = np.where(shown, points[..., :2], np.inf).min(axis=1)
        high = np.where(shown, points[..., :2], -np.inf).max(axis=1)
        sure = points[..., 2].mean(axis=1, dtype=np.float32) > np.float32(_HAND_SCORE)
        kept = sure & (high > low).all(axis=1)
        boxes = np.hstack([low, high - low])[kept].astype(np.float32)
        return TrackedHands(boxes, frame)

    def blend(self, boxes: ArrayLike) -> FloatArray:
        """Return boxes blended with those of before that they overlap most.

        Args:
            boxes: (n, 4) x, y, width, height, NaN where there is none.

        Returns:
            (n, 4) float32. A blended box is square; a box that overlaps none is as it was.
        """
        new = np.asarray(boxes, np.float32).reshape(-1, 4)
        if not len(self.boxes) or not len(new):
            return new
        overlaps = np.stack([_overlaps(box, self.boxes) for box in new])
        best = overlaps.argmax(axis=1)
        before = self.boxes[best]
        sides = (new[:, 2:] + before[:, 2:] / 2).max(axis=1, keepdims=True).repeat(2, axis=1)
        middles = (new[:, :2] + new[:, 2:] / 2 + before[:, :2] + before[:, 2:] / 2) / 2
        blended = np.hstack([middles - sides / 2, sides])
        return np.where(overlaps.max(axis=1, keepdims=True) > 0, blended, new)


@dataclass(frozen=True, eq=False)
class HandTracks:
    """Where the hands of all people were in an earlier frame of a video.

    Args:
        left: The left hands.
        right: The right hands.

    Example:
        >>> tracks = HandTracks()
        >>> for frame, people in enumerate([[], []], start=1):
        ...     tracks = tracks.update(people, frame)
        >>> tracks.left.frame
        2
    """

    left: TrackedHands = field(default_factory=TrackedHands)
    right: TrackedHands = field(default_factory=TrackedHands)

    def update(self, people: Sequence[Person], frame: int) -> "HandTracks":
        """Return what is remembered after a frame.

        Args:
            people: The people of the frame.
            frame: Its number, from 1 on.
        """
        left, right = (
            [keypoint_table(hand) for hand in hands if hand is not None]
            for hands in (
                [person.left_hand for person in people],
                [person.right_hand for person in people],
            )
        )
        return HandTracks(self.left.update(left, frame), self.right.update(right, frame))


def _overlaps(box: FloatArray, others: FloatArray) -> FloatArray:
    """Return how much of the smaller box lies in the other (n,), edges included; 0 for NaN."""
    low = np.maximum(box[:2], others[:, :2])
    high = np.minimum(box[:2] + box[2:], others[:, :2] + others[:, 2:])
    shared = (1 + high - low).prod(axis=1)
    area = np.minimum(box[2:].prod(), others[:, 2:].prod(axis=1))
    ratio = np.minimum(shared / np.maximum(area, np.float32(1e-9)), 1)
    return np.where(((high - low) >= 0).all(axis=1) & np.isfinite(box).all(), ratio, np.float32(0))
