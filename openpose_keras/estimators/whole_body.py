"""From an image to whole people: bodies first, then the faces and hands that hang on them.

The steps are public, so that one can be changed: `bodies`, `add_faces`, `add_hands`; and so are the
boxes that they look into, see `body_boxes`.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np

from openpose_keras.core.arrays import FloatArray
from openpose_keras.core.keypoints import SIDES, Hand, Person, Side, keypoint_table
from openpose_keras.core.skeletons import BODY_25, Skeleton
from openpose_keras.estimators.body import BodyEstimator
from openpose_keras.estimators.body_boxes import HandTracks, face_boxes, hand_boxes, visible_boxes
from openpose_keras.estimators.face import FaceEstimator
from openpose_keras.estimators.hand import HandEstimator
from openpose_keras.io.images import check_image
from openpose_keras.networks.presets import PARTS, check_parts, get_presets


class WholeBodyEstimator:
    """Estimates whole people in an image: bodies, faces and hands, or some of these.

    Args:
        body: Finds the bodies; None where the image has hands only, which are then searched for.
        face: Finds the keypoints of the bodies' faces; None for no faces.
        hand: Finds those of the hands; None for no hands.

    Raises:
        ValueError: There is neither a body nor a hand.

    Example:
        >>> def network(batch):
        ...     return np.ones((len(batch), 46, 46, 22), np.float32)
        >>> hands = HandEstimator(network, recipe="openpose", search=lambda image: [])
        >>> WholeBodyEstimator(hand=hands)(np.zeros((99, 99, 3), np.uint8))
        []
    """

    def __init__(
        self,
        body: BodyEstimator | None = None,
        *,
        face: FaceEstimator | None = None,
        hand: HandEstimator | None = None,
    ) -> None:
        """Keep the parts."""
        if body is None and (face is not None or hand is None):
            raise ValueError("expected an estimator of bodies, or of hands alone, got neither")
        self.body = body
        self.face = face
        self.hand = hand

    def __repr__(self) -> str:
        """Return one line: the estimators of the parts."""
        parts = ", ".join(f"{part}={getattr(self, part)!r}" for part in PARTS)
        return f"{type(self).__name__}({parts})"

    @classmethod
    def from_preset(
        cls,
        name: str,
        *,
        parts: str | Collection[str] | None = None,
        recipe: str | None = None,
        dtype: str | None = None,
        batch_size: int = 8,
    ) -> Self:
        """Build the networks of a set of presets with their weights.

        Args:
            name: A key of `presets.PRESET_SETS`, or names of `presets.PRESETS` with commas between,
                such as "body_25,hand_lite".
            parts: Those to estimate, as `--parts` has them: "body,face,hands", some of these or a
                list of them; None for all that the set finds. Faces need bodies; hands are searched
                for where there are none.
            recipe: The name of a recipe that all parts know; None for each part's own default.
            dtype: What the networks compute in; None for "float32".
            batch_size: The greatest number of images that go through a network at once.

        Returns:
            The estimator.

        Raises:
            ValueError: There is no such preset, recipe, dtype or part, or the set lacks a part.
            WeightsError: Weights are missing or damaged.
        """
        presets = get_presets(name)
        wanted = tuple(presets) if parts is None else check_parts(parts)
        if not presets.keys() >= set(wanted):
            known, got = ", ".join(presets), ", ".join(wanted)
            raise ValueError(f"expected parts among {known} with {name!r}, got {got}")
        chosen = {part: presets[part].name for part in wanted}
        options: dict[str, Any] = {"recipe": recipe, "dtype": dtype, "batch_size": batch_size}
        body, face, hand = (chosen.get(part) for part in PARTS)
        return cls(
            BodyEstimator.from_preset(body, **options) if body else None,
            face=FaceEstimator.from_preset(face, **options) if face else None,
            hand=HandEstimator.from_preset(hand, **options) if hand else None,
        )

    def __call__(
        self,
        image: np.ndarray,
        *,
        max_people: int | None = None,
        min_presence: float = 0.5,
        tracks: HandTracks | None = None,
    ) -> list[Person]:
        """Estimate the people of one image.

        Args:
            image: (H, W, 3) uint8 RGB.
            max_people: How many bodies are kept at most; None for all.
            min_presence: Presence from which a hand is reported, where the network tells it.
            tracks: Where the hands of earlier frames of a video were; None for a single image.

        Returns:
            The people in OpenPose's order. Without a body in the image, or without an estimator of
            bodies, hands are searched for, and each is a person of its own: a right hand where
            nobody knows the side.

        Raises:
            ImageError: The array is not an image.
            TypeError: The tracks are no `HandTracks`.
            NetworkError: A network's output is not finite maps of its skeleton.
        """
        image = check_image(image)
        people = self.bodies(image, max_people=max_people)
        if self.face:
            people = self.add_faces(image, people)
        if self.hand and people:
            return self.add_hands(image, people, min_presence=min_presence, tracks=tracks)
        if self.hand:
            hands = self.hand(image, min_presence=min_presence)
            return [_with_hand(Person(), hand.side or "right", hand) for hand in hands]
        return people

    def bodies(self, image: np.ndarray, *, max_people: int | None = None) -> list[Person]:
        """Return the people of an image (H, W, 3) uint8 RGB, with their bodies alone."""
        if self.body is None:
            return []
        return [Person(body) for body in self.body(image, max_people=max_people)]

    def add_faces(self, image: np.ndarray, people: Sequence[Person]) -> list[Person]:
        """Return people with their faces, where their bodies say where to look.

        Args:
            image: (H, W, 3) uint8 RGB.
            people: Each with a body of one skeleton.
        """
        if self.face is None:
            raise ValueError("expected an estimator of faces, got none: give face=FaceEstimator")
        boxes = face_boxes(*_bodies(people))
        seen = visible_boxes(boxes, image.shape).tolist()
        faces = dict(zip(seen, self.face(image, boxes[seen]), strict=True))
        return [
            replace(person, face=faces[index])
            if index in faces and faces[index].found.any()
            else person
            for index, person in enumerate(people)
        ]

    def add_hands(
        self,
        image: np.ndarray,
        people: Sequence[Person],
        *,
        min_presence: float = 0.5,
        tracks: HandTracks | None = None,
    ) -> list[Person]:
        """Return people with their hands, where their arms say where to look.

        Args:
            image: (H, W, 3) uint8 RGB.
            people: Each with a body of one skeleton.
            min_presence: As for a call: a hand that the arm promises may be hidden.
            tracks: As for a call.
        """
        if self.hand is None:
            raise ValueError("expected an estimator of hands, got none: give hand=HandEstimator")
        if not isinstance(tracks, HandTracks | None):
            raise TypeError(f"expected HandTracks() or None, got {type(tracks).__name__}")
        bodies, skeleton = _bodies(people)
        places: list[tuple[int, Side]] = []
        boxes: list[list[float]] = []
        for side in SIDES:
            each = hand_boxes(bodies, skeleton, side)
            each = each if tracks is None else getattr(tracks, side).blend(each)
            seen = visible_boxes(each, image.shape).tolist()
            places += [(index, side) for index in seen]
            boxes += each[seen].tolist()
        hands = self.hand(image, boxes, [side for _, side in places]) if boxes else []
        added = list(people)
        for (index, side), hand in zip(places, hands, strict=True):
            there = hand.presence is None or hand.presence >= min_presence
            if there and hand.found.any():
                added[index] = _with_hand(added[index], side, hand)
        return added


def _with_hand(person: Person, side: Side, hand: Hand) -> Person:
    """Return a person with a hand."""
    if side == "left":
        return replace(person, left_hand=hand)
    return replace(person, right_hand=hand)


def _bodies(people: Sequence[Person]) -> tuple[FloatArray, Skeleton]:
    """Return the bodies of people as (n, K, 3), and their skeleton."""
    bodies = [person.body for person in people if person.body is not None]
    if len(bodies) < len(people):
        raise ValueError(f"expected people with a body each, got {len(bodies)} of {len(people)}")
    skeleton = bodies[0].skeleton if bodies else BODY_25
    tables = [keypoint_table(body) for body in bodies]
    return np.reshape(tables, (-1, len(skeleton), 3)), skeleton
