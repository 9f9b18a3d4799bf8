"""From an image to whole people: bodies first, then the faces and hands that belong to them.

The steps are public, so that each can be replaced: `bodies`, `add_faces`, `add_hands`. So are the
functions that derive their boxes, see `body_boxes`.
"""

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np

from openpose_keras.core.arrays import FloatArray
from openpose_keras.core.boxes import keypoint_extent
from openpose_keras.core.checks import check_limits
from openpose_keras.core.keypoints import SIDES, Hand, Keypoints, Person, Side, keypoint_table
from openpose_keras.core.skeletons import BODY_25, HAND, Skeleton
from openpose_keras.estimators.base import Estimator, Mappable
from openpose_keras.estimators.body import BodyEstimator
from openpose_keras.estimators.body_boxes import (
    HandTracks,
    face_boxes,
    hand_angles,
    hand_boxes,
    visible_boxes,
)
from openpose_keras.estimators.face import FaceEstimator
from openpose_keras.estimators.hand import HandEstimator
from openpose_keras.estimators.recipes import AnyRecipe, BodyRecipe, recipe_by_part
from openpose_keras.estimators.search import Search, same_hand
from openpose_keras.io.images import ImageLike, as_image
from openpose_keras.networks.presets import PARTS, EngineName, Part, check_parts, get_presets

_LARGEST_HAND = 0.5  # of the longer side of a body
_MOST = 0.6  # fraction of a body's keypoints from which its size is known
_SURE = 0.95  # probability above which the side of a hand is kept


class WholeBodyEstimator(Mappable):
    """Estimates whole people in an image: bodies, faces and hands, or some of these.

    Args:
        body: Finds the bodies; None for images of hands only, which are then searched for.
        face: Finds the keypoints of the bodies' faces; None for no faces.
        hand: Finds the keypoints of the hands; None for no hands.
        search_hands: Whether hands are also searched for in images with bodies, as a body whose
            wrist is not found gives no box for its hand. None: only if `hand` searches with a
            detector. OpenPose does not search.

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
        search_hands: bool | None = None,
    ) -> None:
        """Keep the parts."""
        if isinstance(body, str):
            raise TypeError(
                f"expected a BodyEstimator, got {body!r}: WholeBodyEstimator.from_preset(name) "
                "loads a set of presets"
            )
        if body is None and (face is not None or hand is None):
            raise ValueError("expected an estimator of bodies, or of hands alone, got neither")
        self.body = body
        self.face = face
        self.hand = hand
        has_detector = hand is not None and not isinstance(hand.search, Search)
        self.search_hands = has_detector if search_hands is None else search_hands

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
        weights: Mapping[str, str | os.PathLike[str]] | None = None,
        recipe: str | AnyRecipe | BodyRecipe | None = None,
        dtype: str | None = None,
        engine: EngineName = "auto",
        search_hands: bool | None = None,
    ) -> Self:
        """Load the networks of a set of presets with their weights.

        Args:
            name: A key of `presets.PRESET_SETS`, or comma-separated names of `presets.PRESETS`,
                such as "body_25,hand_lite".
            parts: The parts to estimate, as for `--parts`: "body,face,hands", some of these, or a
                list of them; None for all that the set finds. Faces need bodies. Without bodies,
                hands are searched for.
            weights: Files of your own by part, such as {"hand": "tuned.weights.h5"}; the other
                parts have their presets' weights.
            recipe: The name of a recipe, for the parts that have one of this name; or a recipe of
                your own, for the parts that take its kind. Other parts have their own default, as
                all parts do with None.
            dtype: Data type of the computation; None for "float32". With the engine "auto", any
                other selects Keras.
            engine: The engine that runs the networks: one of `presets.ENGINES`, see
                `engines.load_engine`.
            search_hands: As for the constructor.

        Returns:
            The estimator.

        Raises:
            ValueError: There is no such preset, dtype, engine or part, the set lacks a part, no
                part has such a recipe, or weights are for none of the parts.
            WeightsError: Weights are missing or damaged.
        """
        presets = get_presets(name)
        wanted = tuple(presets) if parts is None else check_parts(parts)
        if not presets.keys() >= set(wanted):
            known, got = ", ".join(presets), ", ".join(wanted)
            raise ValueError(f"expected parts among {known} with {name!r}, got {got}")
        chosen = {part: presets[part].name for part in wanted}
        own: dict[str, Any] = dict(weights or {})
        if not own.keys() <= set(wanted):
            raise ValueError(
                f"expected weights by part, of {', '.join(wanted)}, got those of {', '.join(own)}"
            )
        recipes = recipe_by_part(recipe, chosen)
        kinds: dict[Part, type[Estimator]] = {
            "body": BodyEstimator,
            "face": FaceEstimator,
            "hand": HandEstimator,
        }
        estimators: dict[str, Any] = {
            part: kinds[part].from_preset(
                preset, weights=own.get(part), recipe=recipes[part], dtype=dtype, engine=engine
            )
            for part, preset in chosen.items()
        }
        return cls(**estimators, search_hands=search_hands)

    def __call__(
        self,
        image: ImageLike,
        *,
        max_people: int | None = None,
        min_presence: float = 0.5,
        tracks: HandTracks | None = None,
    ) -> list[Person]:
        """Estimate the people of one image.

        Args:
            image: (H, W, 3) uint8 RGB, a file, or whatever else `as_image` takes.
            max_people: Maximum number of bodies; None for all.
            min_presence: Minimum presence of a hand or a face that is reported, if the network
                predicts it.
            tracks: The hands of earlier frames of a video; None for a single image.

        Returns:
            The people in OpenPose's order. Hands are searched for without a body in the image,
            without an estimator of bodies, or with `search_hands`. A hand that belongs to no body
            is a person of its own, after the others; it is a right hand if its side is unknown.

        Raises:
            ImageError: The array is not an image.
            TypeError: The tracks are not `HandTracks`.
            ValueError: A limit is not valid.
            NetworkError: A network's output is not finite maps of its skeleton.
        """
        check_limits(min_presence, max_people, name="max_people")
        image = as_image(image)
        people = self.bodies(image, max_people=max_people)
        if self.face:
            people = self.add_faces(image, people, min_presence=min_presence)
        bodies_found = bool(people)
        if self.hand and (self.search_hands or not bodies_found):
            people = self.add_searched_hands(image, people, min_presence=min_presence)
        if self.hand and bodies_found:
            people = self.add_hands(image, people, min_presence=min_presence, tracks=tracks)
        return people

    def bodies(self, image: np.ndarray, *, max_people: int | None = None) -> list[Person]:
        """Return the people of an image (H, W, 3) uint8 RGB, with their bodies alone."""
        if self.body is None:
            return []
        return [Person(body) for body in self.body(image, max_people=max_people)]

    def add_faces(
        self, image: np.ndarray, people: Sequence[Person], *, min_presence: float = 0.5
    ) -> list[Person]:
        """Return people with the faces that are found in boxes derived from their bodies.

        Args:
            image: (H, W, 3) uint8 RGB.
            people: The people. Their bodies have one skeleton; those without one are unchanged.
            min_presence: As for a call.
        """
        if self.face is None:
            raise ValueError("expected an estimator of faces, got none: give face=FaceEstimator")
        owners, bodies, skeleton = _bodies(people)
        boxes = face_boxes(bodies, skeleton)
        seen = visible_boxes(boxes, image.shape).tolist()
        added = list(people)
        faces = self.face(image, boxes[seen], min_presence=min_presence)
        for row, face in zip(seen, faces, strict=True):
            if face.found.any():
                added[owners[row]] = replace(added[owners[row]], face=face)
        return added

    def add_hands(
        self,
        image: np.ndarray,
        people: Sequence[Person],
        *,
        min_presence: float = 0.5,
        tracks: HandTracks | None = None,
    ) -> list[Person]:
        """Return people with the hands that are found in boxes derived from their arms.

        Existing hands are kept, and no hand is added a second time.

        Args:
            image: (H, W, 3) uint8 RGB.
            people: The people. Their bodies have one skeleton; those without one are unchanged.
            min_presence: As for a call; the hand at the end of an arm may be hidden.
            tracks: As for a call.
        """
        if self.hand is None:
            raise ValueError("expected an estimator of hands, got none: give hand=HandEstimator")
        if not isinstance(tracks, HandTracks | None):
            raise TypeError(f"expected HandTracks() or None, got {type(tracks).__name__}")
        owners, bodies, skeleton = _bodies(people)
        places: list[tuple[int, Side]] = []
        boxes: list[list[float]] = []
        angles: list[float] = []
        for side in SIDES:
            each, turns = hand_boxes(bodies, skeleton, side), hand_angles(bodies, skeleton, side)
            each = each if tracks is None else getattr(tracks, side).blend(each)
            for row in visible_boxes(each, image.shape).tolist():
                if getattr(people[owners[row]], f"{side}_hand") is None:
                    places.append((owners[row], side))
                    boxes.append(each[row].tolist())
                    angles.append(float(turns[row]))
        sides = [side for _, side in places]
        hands = self.hand(image, boxes, sides, angles=angles) if boxes else []
        added = list(people)
        for (index, side), hand in zip(places, hands, strict=True):
            there = hand.presence is None or hand.presence >= min_presence
            judged = hand.presence is not None  # OpenPose's own hands are kept as in OpenPose
            wrong = judged and is_oversized(hand, people[index].body)
            if there and hand.found.any() and not wrong and not _is_known(hand, people):
                added[index] = _with_hand(added[index], side, hand)
        return added

    def add_searched_hands(
        self, image: np.ndarray, people: Sequence[Person], *, min_presence: float = 0.5
    ) -> list[Person]:
        """Return people with the additional hands that a search of the whole image finds.

        Args:
            image: (H, W, 3) uint8 RGB.
            people: With or without bodies and hands.
            min_presence: As for a call.
        """
        if self.hand is None:
            raise ValueError("expected an estimator of hands, got none: give hand=HandEstimator")
        return attach_hands(people, self.hand(image, min_presence=min_presence))


def attach_hands(people: Sequence[Person], hands: Iterable[Hand]) -> list[Person]:
    """Return people with hands that were found independently of their arms.

    A hand that a person already has is not added again. A hand within its own size of a wrist that
    lacks a hand is assigned to the body of this wrist; unless the probability of its side is above
    0.95, it takes the side of the wrist. Any other hand becomes a person of its own.

    Args:
        people: With or without bodies and hands.
        hands: The hands to add.
    """
    added = list(people)
    for hand in hands:
        if _is_known(hand, added):
            continue
        owner, side = _owner(added, hand) or (len(added), hand.side or "right")
        if owner == len(added):
            added.append(Person())
        added[owner] = _with_hand(added[owner], side, replace(hand, side=side))
    return added


def is_oversized(hand: Hand, body: Keypoints | None) -> bool:
    """Return whether a hand is too large for a body, such as a whole person taken for a hand.

    A hand is about a tenth as long as its person. A hand that is nearer to the camera looks larger,
    but not half as large as a body of which most keypoints are found.

    Args:
        hand: The hand at the end of an arm of the body.
        body: The body; None for a hand without one, which may have any size.

    Example:
        >>> corners = np.array([[0.0, 0.0], [10.0, 100.0]])
        >>> body = Keypoints(np.resize(corners, (25, 2)), np.ones(25), skeleton=BODY_25)
        >>> [is_oversized(Hand(np.resize(corners * scale, (21, 2)), np.ones(21)), body)
        ...  for scale in (0.2, 0.7)]
        [False, True]
    """
    if body is None or body.found.mean() < _MOST:
        return False
    sizes = [keypoint_extent(each.xy[each.found])[1].max() for each in (hand, body)]
    return bool(sizes[0] > _LARGEST_HAND * sizes[1])


def _is_known(hand: Hand, people: Sequence[Person]) -> bool:
    """Return whether one of the people already has this hand."""
    return any(same_hand(known.xy, hand.xy) for person in people for known in person.hands)


def _owner(people: Sequence[Person], hand: Hand) -> tuple[int, Side] | None:
    """Return the person and the side of a near wrist that lacks a hand, or None.

    The nearest wrist of the hand's own side is taken. If the hand is not sure of its side and no
    such wrist is near, one of the other side is taken.
    """
    is_sure = hand.right is not None and abs(hand.right - 0.5) > _SURE - 0.5
    middle, size = hand.xy[HAND.index("wrist")], keypoint_extent(hand.xy)[1].max()
    near: dict[tuple[int, Side], tuple[bool, float]] = {}
    for index, person in enumerate(people):
        for side in SIDES:
            has_hand = getattr(person, f"{side}_hand") is not None
            if person.body is None or has_hand or (is_sure and side != hand.side):
                continue
            wrist = person.body.xy[person.body.skeleton.index(f"{side}_wrist")]
            distance = float(np.linalg.norm(wrist - middle))
            if distance <= size:
                near[index, side] = side != hand.side, distance
    return min(near, key=near.__getitem__) if near else None


def _with_hand(person: Person, side: Side, hand: Hand) -> Person:
    """Return a person with a hand."""
    if side == "left":
        return replace(person, left_hand=hand)
    return replace(person, right_hand=hand)


def _bodies(people: Sequence[Person]) -> tuple[list[int], FloatArray, Skeleton]:
    """Return which people have a body, these bodies as (n, K, 3), and their skeleton."""
    found = {index: person.body for index, person in enumerate(people) if person.body is not None}
    skeleton = next((body.skeleton for body in found.values()), BODY_25)
    tables = [keypoint_table(body) for body in found.values()]
    return list(found), np.reshape(tables, (-1, len(skeleton), 3)), skeleton
