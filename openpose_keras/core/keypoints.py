"""The results of an estimation: keypoints of a hand, a face or a person.

They are frozen, and their arrays are read-only. A keypoint is missing when its `xy` is (NaN, NaN)
and its score 0. Scores are the values of the heatmaps at the peaks. They are not probabilities:
they may lie below 0 or above 1.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from os import PathLike
from typing import Any, Literal, Self

import numpy as np

from openpose_keras.core.boxes import Box, check_box
from openpose_keras.core.checks import brief
from openpose_keras.core.skeletons import FACE, HAND, Skeleton
from openpose_keras.core.svg import drawn_line

Side = Literal["left", "right"]
SIDES: tuple[Side, Side] = ("left", "right")
PERSON_PARTS = ("body", "face", "left_hand", "right_hand")


@dataclass(frozen=True, eq=False, repr=False)
class Keypoints:
    """The keypoints of one skeleton in the frame of the image.

    Two instances are equal only if they are the same object.

    Args:
        xy: (K, 2) pixels (x, y) in the skeleton's order; float32 or float64 as given, copied.
        scores: (K,) values of the heatmaps at the peaks.
        box: (x, y, width, height) in pixels of the region that was searched, or None.
        skeleton: Names and edges of the keypoints.

    Raises:
        ValueError: A shape does not fit, a value is infinite, a missing keypoint has a score, or
            the box is not valid.

    Example:
        >>> points = Keypoints(np.full((21, 2), 7.0), np.full(21, 0.5), skeleton=HAND)
        >>> points["index_tip"]
        (7.0, 7.0, 0.5)
    """

    xy: np.ndarray
    scores: np.ndarray
    box: Box | None = None
    skeleton: Skeleton = field(kw_only=True)

    def __post_init__(self) -> None:
        """Check the fields and take read-only copies of the arrays."""
        count = len(self.skeleton)
        xy = _frozen(self.xy, (count, 2), f"xy of the {self.skeleton.name}")
        scores = _frozen(self.scores, (count,), f"scores of the {self.skeleton.name}")
        _check_missing(xy, scores, self.skeleton)
        object.__setattr__(self, "xy", xy)
        object.__setattr__(self, "scores", scores)
        if self.box is not None:
            object.__setattr__(self, "box", check_box(self.box))

    @property
    def found(self) -> np.ndarray:
        """(K,) bool: True where the keypoint is not missing."""
        found: np.ndarray = np.isfinite(self.xy).all(axis=-1)
        return found

    @property
    def score(self) -> float:
        """The mean score of all keypoints; a missing one counts as 0."""
        return float(self.scores.mean(dtype=np.float64))

    def __iter__(self) -> Iterator[tuple[str, float, float, float]]:
        """Yield (name, x, y, score) of each keypoint in the skeleton's order, as rows of a table.

        Example:
            >>> hand = Hand(np.full((21, 2), 7.0), np.ones(21))
            >>> [name for name, x, y, score in hand if "tip" in name][:2]
            ['thumb_tip', 'index_tip']
        """
        for name in self.skeleton.keypoints:
            yield (name, *self[name])

    def __getitem__(self, name: str) -> tuple[float, float, float]:
        """Return (x, y, score) of a keypoint by its name; (nan, nan, 0.0) where it is missing.

        Raises:
            ValueError: The skeleton has no keypoint of this name.
        """
        index = self.skeleton.index(name)
        x, y = self.xy[index]
        return float(x), float(y), float(self.scores[index])

    def __len__(self) -> int:
        """Return the number of keypoints, found or missing."""
        return len(self.skeleton)

    def __contains__(self, name: object) -> bool:
        """Return whether the skeleton has a keypoint of this name."""
        return name in self.skeleton.keypoints

    def to_dict(self) -> dict[str, tuple[float, float, float]]:
        """Return (x, y, score) of each keypoint by its name, in the skeleton's order.

        Example:
            >>> Hand(np.full((21, 2), 7.0), np.ones(21)).to_dict()["index_tip"]
            (7.0, 7.0, 1.0)
        """
        return {name: self[name] for name in self.skeleton.keypoints}

    def with_keypoint(self, name: str, xy: tuple[float, float] | None, score: float = 1.0) -> Self:
        """Return a copy with one keypoint moved, for example to correct a label.

        Args:
            name: Name of the keypoint.
            xy: (x, y) in pixels of the image; None if it is missing.
            score: Its new score; 0 if it is missing.

        Raises:
            ValueError: The skeleton has no keypoint of this name, or `xy` is not (x, y), both
                finite.

        Example:
            >>> hand = Hand(np.full((21, 2), 7.0), np.full(21, 0.5))
            >>> hand.with_keypoint("index_tip", (9, 8))["index_tip"]
            (9.0, 8.0, 1.0)
        """
        index, places, scores = self.skeleton.index(name), self.xy.copy(), self.scores.copy()
        if xy is not None and len(xy) != 2:
            raise ValueError(f"expected (x, y) or None for {name}, got {len(xy)} numbers")
        places[index] = np.nan if xy is None else xy
        scores[index] = 0.0 if xy is None else score
        return replace(self, xy=places, scores=scores)

    def __repr__(self) -> str:
        """Return one line without the arrays."""
        box = None if self.box is None else tuple(round(number, 1) for number in self.box)
        found = f"{int(self.found.sum())}/{len(self.skeleton)}"
        facts = f"score={self.score:.3f}, found={found}, box={box}"
        return f"{type(self).__name__}({', '.join([*self._own_facts(), facts])})"

    def _repr_html_(self) -> str:
        """Return the HTML that a notebook shows: the skeleton and the line."""
        return drawn_line(repr(self), [(self.xy, self.scores, self.skeleton)])

    def _own_facts(self) -> list[str]:
        """Return the facts that a subclass puts first in its line."""
        return []

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and unpickle through the constructor, so that the arrays stay read-only."""
        values = {each.name: getattr(self, each.name) for each in fields(self) if each.init}
        return _construct, (type(self), values)


@dataclass(frozen=True, eq=False, repr=False)
class Hand(Keypoints):
    """The 21 keypoints of a hand, in the order of `skeletons.HAND`.

    Args:
        xy: (21, 2) pixels (x, y).
        scores: (21,) values of the heatmaps at the peaks.
        box: (x, y, width, height) in pixels of the square region that was searched, or None.
        side: "left", "right", or None when unknown.
        side_scores: The mean score of each side if both were tried, else None.
        presence: The probability that there is a hand at all, if the network predicts it.
        right: The probability that it is a right hand, if the network predicts it.

    Raises:
        ValueError: As for `Keypoints`, or a side is not valid.

    Example:
        >>> xy, scores = np.full((21, 2), 7.0), np.full(21, 0.5)
        >>> xy[3], scores[3] = np.nan, 0
        >>> hand = Hand(xy, scores, side="left")
        >>> hand
        Hand(side='left', score=0.476, found=20/21, box=None)
        >>> bool(hand.found[3])
        False
    """

    side: Side | None = None
    side_scores: Mapping[str, float] | None = None
    presence: float | None = None
    right: float | None = None
    skeleton: Skeleton = field(default=HAND, init=False, kw_only=True)

    def __post_init__(self) -> None:
        """Check the sides too."""
        super().__post_init__()
        if self.side is not None and self.side not in SIDES:
            raise ValueError(f"a side is 'left', 'right' or None, not {self.side!r}")
        if self.side_scores is not None:
            object.__setattr__(self, "side_scores", _side_scores(self.side_scores))

    def _own_facts(self) -> list[str]:
        """Return the side, and the presence if it is known."""
        return [f"side={self.side!r}", *_presence_fact(self.presence)]


def _presence_fact(presence: float | None) -> list[str]:
    """Return the presence for the line of a result, or nothing if it is unknown."""
    return [] if presence is None else [f"presence={presence:.3f}"]


@dataclass(frozen=True, eq=False, repr=False)
class Face(Keypoints):
    """The 70 keypoints of a face, in the order of `skeletons.FACE`.

    Args:
        presence: The probability that there is a face at all, if the network predicts it. The other
            arguments are those of `Keypoints`.
    """

    presence: float | None = None
    skeleton: Skeleton = field(default=FACE, init=False, kw_only=True)

    def _own_facts(self) -> list[str]:
        """Return the presence if it is known."""
        return _presence_fact(self.presence)


@dataclass(frozen=True, eq=False, repr=False)
class Body(Keypoints):
    """The keypoints of a body, in the order of one of the body skeletons.

    Args:
        person_score: OpenPose's score of the person, between 0 and about 1: the sum of the scores
            of keypoints and limbs divided by their number in the skeleton. The other arguments are
            those of `Keypoints`.
    """

    person_score: float | None = None


@dataclass(frozen=True, eq=False)
class Person:
    """One person: a body, and the face and hands that belong to it.

    A part is None if it was not found, or not searched for.

    Args:
        body: Keypoints of one of the body skeletons, or None.
        face: The face.
        left_hand: The person's left hand.
        right_hand: The person's right hand.
        id: OpenPose's `person_id`, the number of a person who is tracked over frames; or None.
    """

    body: Keypoints | None = None
    face: Face | None = None
    left_hand: Hand | None = None
    right_hand: Hand | None = None
    id: int | None = None

    @property
    def hands(self) -> list[Hand]:
        """The person's hands, the left one first; there are up to two."""
        return [hand for hand in (self.left_hand, self.right_hand) if hand is not None]

    @property
    def parts(self) -> dict[str, Keypoints]:
        """The parts of the person by name, among body, face, left_hand and right_hand."""
        every = {name: getattr(self, name) for name in PERSON_PARTS}
        return {name: part for name, part in every.items() if part is not None}

    def to_dict(self) -> dict[str, dict[str, tuple[float, float, float]]]:
        """Return (x, y, score) of each keypoint of each part of the person, by their names.

        Example:
            >>> Person(left_hand=Hand(np.full((21, 2), 7.0), np.ones(21))).to_dict().keys()
            dict_keys(['left_hand'])
        """
        return {name: part.to_dict() for name, part in self.parts.items()}

    def _repr_html_(self) -> str:
        """Return the HTML that a notebook shows: the skeletons, and the names of the parts."""
        drawn = [(each.xy, each.scores, each.skeleton) for each in self.parts.values()]
        return drawn_line(f"Person: {', '.join(self.parts) or 'nothing'}", drawn)


def as_people(people: Iterable[Person | Keypoints]) -> list[Person]:
    """Return people as a list; a body, a face or a hand becomes a person with this part only.

    Args:
        people: People, or the results of the estimators of parts, see `as_person`.

    Raises:
        TypeError: `people` is a single result, or contains something else.

    Example:
        >>> as_people([Person()])
        [Person(body=None, face=None, left_hand=None, right_hand=None, id=None)]
    """
    refuse_one(people, "people")
    return [as_person(each) for each in people]


def as_person(found: Person | Keypoints) -> Person:
    """Return a result as a person; a single part becomes a person with this part only.

    Args:
        found: A person, or a body, a face or a hand. A hand of unknown side counts as a right one,
            as in OpenPose's JSON.

    Raises:
        TypeError: `found` is something else.
    """
    if isinstance(found, Person):
        return found
    if isinstance(found, Hand):
        return Person(left_hand=found) if found.side == "left" else Person(right_hand=found)
    if isinstance(found, Face):
        return Person(face=found)
    if isinstance(found, Body):
        return Person(found)
    raise TypeError(f"expected a person, body, face or hand, got {brief(found)}")


def refuse_one(results: object, name: str) -> None:
    """Raise TypeError if results are not a list of hands or people, as is expected."""
    if isinstance(results, str | PathLike):
        raise TypeError(f"expected a list of {name}, got {brief(results)}: a path comes first")
    if isinstance(results, Person | Keypoints):
        raise TypeError(f"expected a list of {name}, got one {type(results).__name__}: write [...]")
    if callable(results):
        kind = type(results).__name__
        raise TypeError(f"expected a list of {name}, got a {kind}: call it with the image first")
    if not isinstance(results, Iterable):
        raise TypeError(f"expected a list of {name}, got {brief(results)}: write [] for nobody")


def label_scores(xy: np.ndarray) -> np.ndarray:
    """Return the scores (K,) of labelled keypoints (K, 2): 1.0, or 0.0 where they are NaN."""
    return np.where(np.isfinite(xy).all(axis=1), 1.0, 0.0)


def keypoint_table(keypoints: Keypoints) -> np.ndarray:
    """Return (K, 3) x, y, score, with 0, 0, 0 where a keypoint is missing, as in OpenPose.

    Args:
        keypoints: Keypoints of any skeleton.

    Example:
        >>> keypoint_table(Hand(np.full((21, 2), np.nan), np.zeros(21)))[0].tolist()
        [0.0, 0.0, 0.0]
    """
    table = np.column_stack([keypoints.xy, keypoints.scores])
    return np.where(keypoints.found[:, None], table, 0)


def _construct(kind: type[Keypoints], values: Mapping[str, Any]) -> Keypoints:
    """Build keypoints from their fields, for copies and pickles."""
    return kind(**values)


def _frozen(values: np.ndarray, shape: tuple[int, ...], name: str) -> np.ndarray:
    """Return a read-only float copy of the expected shape."""
    array = np.asarray(values)
    if array.shape != shape:
        raise ValueError(f"{name} must have the shape {shape}, not {array.shape}")
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{name} must be numbers, not {array.dtype}")
    kept = array.dtype if array.dtype in (np.float32, np.float64) else np.float64
    array = np.array(array, dtype=kept, order="C")
    array.flags.writeable = False
    return array


def _check_missing(xy: np.ndarray, scores: np.ndarray, skeleton: Skeleton) -> None:
    """Raise an error for keypoints that are neither found nor missing."""
    missing = np.isnan(xy).all(axis=-1)
    wrong = ~(np.isfinite(xy).all(axis=-1) | missing) | ~np.isfinite(scores)
    wrong |= missing & (scores != 0)
    if wrong.any():
        index = int(np.argmax(wrong))
        raise ValueError(
            "a found keypoint has finite x, y and score, a missing one NaN, NaN and score 0; "
            f"{skeleton.keypoints[index]} has {xy[index, 0]}, {xy[index, 1]} and score "
            f"{scores[index]}"
        )


def _side_scores(scores: Mapping[str, float]) -> dict[str, float]:
    """Return the scores of the sides as a dictionary of floats."""
    strange = sorted(set(scores) - set(SIDES))
    if strange:
        raise ValueError(f"side_scores has the keys 'left' and 'right', not {strange}")
    return {side: float(score) for side, score in scores.items()}
