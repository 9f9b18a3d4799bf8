"""From a video to people who keep their ids.

    from openpose_keras import HandEstimator, draw, video

    estimator = HandEstimator.from_preset("hand_lite")
    with video.write_video("drawn.mp4") as add:
        for frame, people in video.process("clip.mp4", estimator):
            add(draw(frame.image, people), frame.seconds)

Hands are searched for in the whole image only now and then. In between, the keypoints of the last
frame give their positions and rotations.
"""

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

import numpy as np

from openpose_keras.core.boxes import box_cover, box_from_points, whole_box
from openpose_keras.core.checks import check_whole
from openpose_keras.core.errors import VideoError
from openpose_keras.core.keypoints import Hand, Person
from openpose_keras.estimators.body import BodyEstimator
from openpose_keras.estimators.hand import HandEstimator, distinct_hands
from openpose_keras.estimators.recipes import WholeImageRecipe
from openpose_keras.estimators.search import LEAST_INSIDE, Search
from openpose_keras.estimators.smoothing import PeopleFilter
from openpose_keras.estimators.tracking import Tracker
from openpose_keras.estimators.views import Region
from openpose_keras.estimators.whole_body import WholeBodyEstimator, attach_hands
from openpose_keras.io.video import Source, VideoFrame, VideoReader, write_video

__all__ = [
    "Follower",
    "VideoFrame",
    "VideoReader",
    "follow_hands",
    "process",
    "read_ahead",
    "write_video",
]

_SIDE_INERTIA = 0.8  # of the probability of a right hand, from frame to frame

AnyEstimator = WholeBodyEstimator | BodyEstimator | HandEstimator
_Item = TypeVar("_Item")


def process(
    source: Source | Iterable[VideoFrame],
    estimator: AnyEstimator,
    *,
    search_every: int = 10,
    smooth: float = 0.0,
    min_presence: float = 0.5,
) -> Iterator[tuple[VideoFrame, list[Person]]]:
    """Estimate the people of a video, frame by frame.

    Args:
        source: A source for `VideoReader`, or frames. Frames are decoded in a separate thread, a
            few ahead.
        estimator: An estimator of people, bodies or hands.
        search_every: Interval in frames at which hands are searched for; 1 for each frame.
        smooth: Strength of the smoothing, see `smoothing`; 0 for none.
        min_presence: Minimum presence of a hand or a face that is reported.

    Yields:
        Each frame with its people, who have ids. With a `HandEstimator`, each hand is a person.

    Raises:
        VideoError: The source can't be opened, has no frame, or holds no `VideoFrame`.
    """
    frames: Iterable[VideoFrame]
    frames = VideoReader(source) if isinstance(source, str | os.PathLike | int) else source
    if not isinstance(frames, Iterable):
        raise VideoError(
            f"expected a file, a webcam's number or frames, got a {type(source).__name__}"
        )
    follower = Follower(estimator, search_every=search_every, min_presence=min_presence)
    smoothed = PeopleFilter(smooth)
    for frame in read_ahead(frames):
        if not isinstance(frame, VideoFrame):
            got = f"got a {type(frame).__name__}: VideoFrame(index, seconds, image)"
            raise VideoError(f"expected frames with their time, {got}")
        people = follower(frame.image, frame.seconds)
        yield frame, smoothed(people, frame.seconds)


def read_ahead(items: Iterable[_Item], count: int = 3) -> Iterator[_Item]:
    """Yield items that a thread makes, at most `count` ahead.

    Example:
        >>> list(read_ahead("abcde"))
        ['a', 'b', 'c', 'd', 'e']
    """
    iterator, end = iter(items), object()
    with ThreadPoolExecutor(1) as pool:
        ahead = deque(pool.submit(next, iterator, end) for _ in range(count))
        while (item := ahead.popleft().result()) is not end:
            ahead.append(pool.submit(next, iterator, end))
            yield item  # type: ignore[misc] # it is not the end


class Follower:
    """Estimates the people of consecutive frames.

    Bodies and faces are estimated in each frame. Hands are tracked, see `follow_hands`. In every
    `search_every`-th frame, and whenever a tracked hand is lost, hands are searched for as in a
    single image.

    Args:
        estimator: An estimator of people, bodies or hands.
        search_every: See above; 1 for each frame.
        min_presence: Minimum presence of a hand or a face that is reported.
        tracker: The tracker that assigns ids; None for `Tracker()`.

    Raises:
        TypeError: `estimator` is not such an estimator.
        ValueError: `search_every` is below 1.
    """

    def __init__(
        self,
        estimator: AnyEstimator,
        *,
        search_every: int = 10,
        min_presence: float = 0.5,
        tracker: Tracker | None = None,
    ) -> None:
        """Begin before the first frame."""
        self.estimator = _of_people(estimator)
        self.search_every = check_whole(search_every, "search_every")
        self.min_presence = min_presence
        self.tracker = tracker or Tracker()
        self._until_search = 0  # frames
        self._hands = 0  # in the last frame

    def __call__(self, image: np.ndarray, seconds: float) -> list[Person]:
        """Estimate the people of the next frame.

        Args:
            image: (H, W, 3) uint8 RGB.
            seconds: The time of the frame.

        Returns:
            The people with their ids, in the order of the estimator.
        """
        people = self.estimator.bodies(image)
        if self.estimator.face:
            people = self.estimator.add_faces(image, people, min_presence=self.min_presence)
        if self.estimator.hand:
            people = self._add_hands(self.estimator.hand, image, people, seconds)
        return self.tracker.update(people, seconds)

    def _add_hands(
        self, hand: HandEstimator, image: np.ndarray, people: list[Person], seconds: float
    ) -> list[Person]:
        """Return people with the tracked hands, and those that a search finds."""
        known = [each for person in self.tracker.predict(seconds) for each in person.hands]
        found = follow_hands(hand, image, known, min_presence=self.min_presence)
        people = attach_hands(people, found)
        if self._until_search <= 0 or len(found) < self._hands:
            people = self._search(image, people)
            self._until_search = self.search_every
        self._until_search -= 1
        self._hands = sum(len(person.hands) for person in people)
        return people

    def _search(self, image: np.ndarray, people: list[Person]) -> list[Person]:
        """Return people with the hands that the estimator finds in a single image."""
        estimator, least = self.estimator, self.min_presence
        has_bodies = any(person.body is not None for person in people)
        if estimator.search_hands or not has_bodies:
            people = estimator.add_searched_hands(image, people, min_presence=least)
        if has_bodies:
            people = estimator.add_hands(image, people, min_presence=least)
        return people


def follow_hands(
    estimator: HandEstimator,
    image: np.ndarray,
    hands: Sequence[Hand],
    *,
    min_presence: float = 0.5,
) -> list[Hand]:
    """Estimate hands again whose approximate positions are known.

    Args:
        estimator: The estimator. One pass is enough, as the keypoints give the box and its angle.
        image: (H, W, 3) uint8 RGB.
        hands: The hands as they were in the last frame, or as they are expected in this one.
        min_presence: Minimum presence of a hand. If the network does not predict the presence, the
            mean score must reach the threshold of a `Search` instead.

    Returns:
        The hands that are still there, best first; none for a recipe of the whole image. If the
        network predicts the side, `right` is averaged with its previous value, so that a hand that
        is turned away for some frames keeps its side.
    """
    if isinstance(estimator.recipe, WholeImageRecipe):
        return []
    keeps_side = estimator.mirrors()  # or both sides would go through the network
    frame = whole_box(image)
    hands = [hand for hand in hands if box_cover(box_from_points(hand.xy), frame) >= LEAST_INSIDE]
    regions = [
        Region(
            box_from_points(hand.xy),
            hand.side if keeps_side else None,
            np.column_stack([hand.xy, hand.scores]),
        )
        for hand in hands
    ]
    if estimator.needs_upright_pass:
        regions = estimator.upright_regions(image, regions)
    search = estimator.search
    least = search.threshold if isinstance(search, Search) else Search.threshold
    before = dict(zip(estimator.estimate_regions(image, regions), hands, strict=True))
    estimates = [
        each
        for each in before
        if each.confidence >= (least if each.presence is None else min_presence)
    ]
    return [_with_side_of(each.hand, before[each]) for each in distinct_hands(estimates)]


def _with_side_of(hand: Hand, before: Hand) -> Hand:
    """Return a hand with its previous side, unless the network is sure of the other one."""
    if hand.right is None or before.right is None:
        return hand
    right = _SIDE_INERTIA * before.right + (1 - _SIDE_INERTIA) * hand.right
    return replace(hand, right=right, side="right" if right >= 0.5 else "left")


def _of_people(estimator: AnyEstimator) -> WholeBodyEstimator:
    """Return an estimator as one of people; one of bodies or hands is wrapped."""
    if isinstance(estimator, WholeBodyEstimator):
        return estimator
    if isinstance(estimator, HandEstimator):
        return WholeBodyEstimator(hand=estimator)
    if isinstance(estimator, BodyEstimator):
        return WholeBodyEstimator(estimator)
    raise TypeError(
        "expected a WholeBodyEstimator, BodyEstimator or HandEstimator, got "
        f"{type(estimator).__name__}"
    )
