"""Bounding boxes of hands and faces, derived from body keypoints and tracked over frames.

A box is (x, y, width, height) in pixels, is square, and may reach outside the image. The rules are
those of src/openpose/hand/handDetector.cpp and src/openpose/face/faceDetector.cpp. In a video, the
box derived from a body is blended with the box of a hand found there in an earlier frame. Hands are
matched by position only and have no identity.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from openpose_keras.core.arrays import FloatArray, IntArray
from openpose_keras.core.keypoints import Hand, Person, Side, keypoint_table
from openpose_keras.core.skeletons import Skeleton
from openpose_keras.estimators.views import direction_angle
from openpose_keras.geometry.axis_aligned import Size

_ARM_SCORE, _FACE_SCORE = 0.03, 0.25  # scores above which a keypoint counts
_KEYPOINT_SCORE = 0.25  # score above which a keypoint counts for the box of a hand
_HAND_SCORE = 0.66667  # mean score above which a hand is remembered
_PRESENCE = 0.5  # presence from which a hand is remembered, if the network predicts it
_BEYOND = 0.33  # distance of the hand's centre beyond the wrist, in lengths of the forearm


def hand_boxes(bodies: ArrayLike, skeleton: Skeleton, side: Side) -> FloatArray:
    """Return the box of one hand of each body.

    Args:
        bodies: (n, K, 3) x, y, score in pixels.
        skeleton: One of the bodies of `skeletons`.
        side: "left" or "right".

    Returns:
        (n, 4) float32, NaN where wrist, elbow or shoulder is missing; see `visible_boxes`.

    Example:
        >>> from openpose_keras.core.skeletons import BODY_25
        >>> body = np.zeros((1, 25, 3))
        >>> for y, name in enumerate(("right_shoulder", "right_elbow", "right_wrist")):
        ...     body[0, BODY_25.index(name)] = 50, 100 * y, 1
        >>> hand_boxes(body, BODY_25, "right").tolist()
        [[-25.0, 158.0, 150.0, 150.0]]
    """
    wrist, elbow, shoulder = (
        _points(bodies, skeleton, f"{side}_{joint}", _ARM_SCORE)
        for joint in ("wrist", "elbow", "shoulder")
    )
    forearm, upper_arm = _distance(wrist, elbow), _distance(elbow, shoulder)
    middle = wrist + np.float32(_BEYOND) * (wrist - elbow)
    return _squares(middle, np.float32(1.5) * np.maximum(forearm, np.float32(0.9) * upper_arm))


def hand_angles(bodies: ArrayLike, skeleton: Skeleton, side: Side) -> FloatArray:
    """Return the angle that turns one hand of each body upright, its forearm pointing straight up.

    Args:
        bodies: (n, K, 3) x, y, score in pixels.
        skeleton: One of the bodies of `skeletons`.
        side: "left" or "right".

    Returns:
        (n,) radians, as from `views.direction_angle`; NaN where wrist or elbow is missing.

    Example:
        >>> from openpose_keras.core.skeletons import BODY_25
        >>> body = np.zeros((1, 25, 3))
        >>> body[0, [BODY_25.index(f"right_{name}") for name in ("elbow", "wrist")]] = (9, 9, 1)
        >>> body[0, BODY_25.index("right_wrist"), 1] = 4
        >>> hand_angles(body, BODY_25, "right").round(3).tolist()
        [0.0]
    """
    wrist, elbow = (
        _points(bodies, skeleton, f"{side}_{joint}", _ARM_SCORE) for joint in ("wrist", "elbow")
    )
    return np.array([direction_angle(*each) for each in wrist - elbow])


def face_boxes(bodies: ArrayLike, skeleton: Skeleton) -> FloatArray:
    """Return the box of the face of each body.

    It is the mean of up to three boxes: around neck and nose, around both eyes, and around both
    ears. In a profile, where only one side shows both eye and ear, the first box is around these
    and the nose instead. MPI's body has only the top of the head, and the box is around that.

    Args:
        bodies: (n, K, 3) x, y, score in pixels.
        skeleton: One of the bodies of `skeletons`.

    Returns:
        (n, 4) float32, NaN where too few keypoints were found for a box; see `visible_boxes`.

    Example:
        >>> from openpose_keras.core.skeletons import BODY_COCO
        >>> body = np.zeros((1, 18, 3))
        >>> body[0, 14:16] = (40, 60, 1), (60, 60, 1)  # the eyes
        >>> face_boxes(body, BODY_COCO).tolist()
        [[20.0, 30.0, 60.0, 60.0]]
    """
    neck = _points(bodies, skeleton, "neck", _FACE_SCORE)
    if "head" in skeleton.keypoints:
        head = _points(bodies, skeleton, "head", _FACE_SCORE)
        return _squares(head, np.float32(1.33) * _distance(neck, head))
    nose = _points(bodies, skeleton, "nose", _FACE_SCORE)
    eyes, ears = (
        [_points(bodies, skeleton, f"{side}_{part}", _FACE_SCORE) for side in ("left", "right")]
        for part in ("eye", "ear")
    )
    squares = [_front_or_profile(neck, nose, eyes, ears)]
    for (left, right), factor in ((eyes, 3), (ears, 2)):
        middle = (left + right) / 2
        squares.append(np.column_stack([middle, factor * _distance(left, right)]))
    known = np.stack(squares)
    there = np.isfinite(known.sum(axis=2))
    total = np.where(there[..., None], known, 0).sum(axis=0, dtype=np.float32)
    count = there.sum(axis=0).astype(np.float32)
    mean = np.where(count > 0, total.T / np.maximum(count, 1), np.nan).T
    return _squares(mean[:, :2], mean[:, 2])


@dataclass(frozen=True, eq=False)
class TrackedHands:
    """Where the hands of one side were in an earlier frame.

    Args:
        boxes: (n, 4) float32 x, y, width, height.
        frame: Number of that frame; -1 before the first one. OpenPose starts at 0 and therefore
            never remembers frame 0.

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
    frame: int = -1

    def update(
        self, hands: ArrayLike, frame: int, presence: Sequence[float | None] | None = None
    ) -> "TrackedHands":
        """Return the tracked hands after a frame.

        A hand is remembered if its presence is at least 0.5. Where the presence is unknown,
        OpenPose's rule applies: its mean score must be above 0.66667.

        Args:
            hands: (n, 21, 3) x, y, score of the hands in the frame; a missing keypoint has the
                score 0.
            frame: Number of the frame. A frame that is not later than the last one changes nothing.
            presence: The probability that each hand is there, or None where it is unknown.
        """
        if frame <= self.frame:
            return self
        points = np.asarray(hands, np.float32).reshape(-1, 21, 3)
        shown = points[..., 2:] > np.float32(_KEYPOINT_SCORE)
        low = np.where(shown, points[..., :2], np.inf).min(axis=1)
        high = np.where(shown, points[..., :2], -np.inf).max(axis=1)
        high_scores = points[..., 2].mean(axis=1, dtype=np.float32) > np.float32(_HAND_SCORE)
        told = np.array([None] * len(points) if presence is None else presence, np.float64)
        sure = np.where(np.isnan(told), high_scores, told >= _PRESENCE)
        kept = sure & (high > low).all(axis=1)
        boxes = np.hstack([low, high - low])[kept].astype(np.float32)
        return TrackedHands(boxes, frame)

    def blend(self, boxes: ArrayLike) -> FloatArray:
        """Return boxes, each blended with the earlier box that it overlaps most.

        Args:
            boxes: (n, 4) x, y, width, height, NaN where there is none.

        Returns:
            (n, 4) float32. A blended box is square; a box that overlaps no other is unchanged.
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
        >>> for frame, people in enumerate([[], []]):
        ...     tracks = tracks.update(people, frame)
        >>> tracks.left.frame
        1
    """

    left: TrackedHands = field(default_factory=TrackedHands)
    right: TrackedHands = field(default_factory=TrackedHands)

    def update(self, people: Sequence[Person], frame: int) -> "HandTracks":
        """Return the tracked hands after a frame.

        Args:
            people: The people in the frame.
            frame: Number of the frame, from 0.
        """
        left = [person.left_hand for person in people if person.left_hand is not None]
        right = [person.right_hand for person in people if person.right_hand is not None]
        return HandTracks(_updated(self.left, left, frame), _updated(self.right, right, frame))


def _updated(tracked: TrackedHands, hands: Sequence[Hand], frame: int) -> TrackedHands:
    """Return the tracked hands of one side after a frame."""
    tables = [keypoint_table(hand) for hand in hands]
    return tracked.update(tables, frame, [hand.presence for hand in hands])


def visible_boxes(boxes: ArrayLike, image_size: Size) -> IntArray:
    """Return the indices of boxes that are not NaN and overlap the image, as estimators require.

    Args:
        boxes: (n, 4) x, y, width, height, NaN where there is none, as `face_boxes` and `hand_boxes`
            return them.
        image_size: (height, width) of the image; its whole shape will do.

    Returns:
        (m,) indices in ascending order.

    Example:
        >>> boxes = np.array([[5, 5, 20, 20], [np.nan] * 4, [-30, 5, 20, 20]])
        >>> visible_boxes(boxes, (40, 60)).tolist()
        [0]
    """
    x, y, width, height = np.asarray(boxes).reshape(-1, 4).T
    inside = (x < image_size[1]) & (y < image_size[0]) & (x + width > 0) & (y + height > 0)
    return np.flatnonzero(inside & (width > 0) & (height > 0))


def _front_or_profile(
    neck: FloatArray, nose: FloatArray, eyes: Sequence[FloatArray], ears: Sequence[FloatArray]
) -> FloatArray:
    """Return the squares (n, 3), centre and side, of a frontal face or else of a profile."""
    length = _distance(neck, nose)
    front = np.column_stack([(neck + nose) / 2, 2 * length])
    seen = [
        (np.isfinite(eye[:, 0]), np.isfinite(ear[:, 0]))
        for eye, ear in zip(eyes, ears, strict=True)
    ]
    for number in (0, 1):
        (eye, ear), (other_eye, other_ear) = seen[number], seen[1 - number]
        lengths = _distance(nose, eyes[number]) + _distance(nose, ears[number]) + length
        middle = (eyes[number] + ears[number] + nose) / 3
        profile = np.column_stack([middle, np.float32(0.85) * lengths])
        front = np.where((eye & ear & ~other_eye & ~other_ear)[:, None], profile, front)
    return front


def _points(bodies: ArrayLike, skeleton: Skeleton, name: str, threshold: float) -> FloatArray:
    """Return a keypoint of all bodies (n, 2) float32, NaN where its score is not high enough."""
    points = np.asarray(bodies, np.float32).reshape(-1, len(skeleton), 3)[:, skeleton.index(name)]
    return np.where(points[:, 2:] > np.float32(threshold), points[:, :2], np.float32(np.nan))


def _distance(one: FloatArray, other: FloatArray) -> FloatArray:
    """Return the distances (n,) between points."""
    difference = one - other
    distance: FloatArray = np.sqrt((difference * difference).sum(axis=1))
    return distance


def _squares(middle: FloatArray, side: FloatArray) -> FloatArray:
    """Return square boxes (n, 4) from centres (n, 2) and sides (n,)."""
    sides = np.column_stack([side, side])
    boxes = np.hstack([middle - sides / 2, sides]).astype(np.float32)
    known = np.isfinite(boxes.sum(axis=1))
    return np.where(known[:, None], boxes, np.float32(np.nan))


def _overlaps(box: FloatArray, others: FloatArray) -> FloatArray:
    """Return the fraction (n,) of the smaller box inside the other, edges included; 0 for NaN."""
    low = np.maximum(box[:2], others[:, :2])
    high = np.minimum(box[:2] + box[2:], others[:, :2] + others[:, 2:])
    shared = (1 + high - low).prod(axis=1)
    area = np.minimum(box[2:].prod(), others[:, 2:].prod(axis=1))
    ratio = np.minimum(shared / np.maximum(area, np.float32(1e-9)), 1)
    return np.where(((high - low) >= 0).all(axis=1) & np.isfinite(box).all(), ratio, np.float32(0))
