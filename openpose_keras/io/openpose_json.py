"""Read OpenPose's JSON files of all versions, and write version 1.3.

The format is that of OpenPose (src/openpose/filestream/fileStream.cpp and wPeopleJsonSaver.hpp of
CMU-Perceptual-Computing-Lab/openpose): one line, `{"version":1.3,"people":[...]}`. Each person has
`person_id`, and flat lists of x, y, score for body, face, left hand and right hand, in 2-D and in
3-D. The list of a detector that did not run is empty, or null in files of other programs. A missing
keypoint is 0, 0, 0. Files of version 1.0 and 1.1 lack the `_2d` in the names of their lists.
ControlNet's tools write such a file as a list of one frame, with `canvas_width` and
`canvas_height`. Some of them write fractions of the canvas instead of pixels. These files are read
too.

`write_people` and `read_people` handle whole people; the file is exactly what OpenPose writes.
`write_openpose` and `read_openpose` handle hands alone. Where the format leaves a choice, they
follow these rules:

- Each hand is a separate person entry. Without a body it is unknown which left and right hand
  belong together, and a wrong pair would be read as a fact.
- A hand whose side is None is written to the list of the right hand, because the format cannot
  express "unknown", and OpenPose treats a hand that is not mirrored for the network as a right one.
  When it is read again, its side is "right". Pass sides to the estimator if they matter.
- A keypoint is missing when all three of its numbers are 0. A keypoint found at the pixel (0, 0) is
  therefore kept, since its score is not 0.
- Numbers have eight significant digits.

OpenPose's files have no boxes, side probabilities or presences. If `options` are given, as by
`openpose-keras detect`, these values are stored in the member `FACTS` of the file, one object per
person, and are read from it. They are None for other files. `person_id` is a person's `id`; -1 is
read as None.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from openpose_keras.core.arrays import FloatArray
from openpose_keras.core.errors import FormatError
from openpose_keras.core.files import atomic_write, read_json, write_json
from openpose_keras.core.keypoints import (
    PERSON_PARTS,
    SIDES,
    Body,
    Face,
    Hand,
    Keypoints,
    Person,
    as_people,
    keypoint_table,
    refuse_one,
)
from openpose_keras.core.skeletons import BODY_25, BODY_COCO, BODY_MPI, FACE, HAND, Skeleton

VERSION = 1.3
OPTIONS, FACTS = "openpose_keras", "openpose_keras_facts"
_FACTS = ("box", "side", "presence", "right", "person_score")
PARTS = ("pose", "face", "hand_left", "hand_right")
_PARTS: dict[str, Callable[[Person], Keypoints | None]] = {
    "pose": lambda person: person.body,
    "face": lambda person: person.face,
    "hand_left": lambda person: person.left_hand,
    "hand_right": lambda person: person.right_hand,
}
_SKELETONS = {
    "pose": (BODY_25, BODY_COCO, BODY_MPI),
    "face": (FACE,),
    "hand_left": (HAND,),
    "hand_right": (HAND,),
}
KEYS = tuple(f"{part}_keypoints_{dimensions}" for dimensions in ("2d", "3d") for part in PARTS)


def to_openpose(hands: Sequence[Hand]) -> dict[str, Any]:
    """Return hands as the content of an OpenPose JSON file.

    Args:
        hands: The hands, in pixels of the image. The list may be empty.

    Returns:
        {"version": 1.3, "people": [...]}, with one person per hand. Numbers are finite floats with
        eight significant digits. OpenPose writes six, which is 0.05 pixel in an image wider than
        10,000.

    Example:
        >>> hand = Hand(xy=np.full((21, 2), 7.0), scores=np.full(21, 0.5), side="left")
        >>> person = to_openpose([hand])["people"][0]
        >>> person["hand_left_keypoints_2d"][:3], person["hand_right_keypoints_2d"]
        ([7.0, 7.0, 0.5], [])
    """
    refuse_one(hands, "hands")
    people = []
    for hand in hands:
        person: dict[str, list[float]] = {"person_id": [-1], **{key: [] for key in KEYS}}
        person[f"hand_{hand.side or 'right'}_keypoints_2d"] = _flatten(hand)
        people.append(person)
    return {"version": VERSION, "people": people}


def part_facts(part: Keypoints) -> dict[str, Any]:
    """Return the known fields of a part, other than its keypoints, by name.

    Args:
        part: A body, face or hand.

    Example:
        >>> part_facts(Hand(np.full((21, 2), 7.0), np.ones(21), side="left", presence=0.5))
        {'side': 'left', 'presence': 0.5}
    """
    known = {name: getattr(part, name, None) for name in _FACTS}
    return {name: value for name, value in known.items() if value is not None}


def _own_members(
    people: Iterable[Person | Keypoints], options: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return the members of a file that OpenPose does not write; empty without options."""
    if options is None:
        return {}
    facts = []
    for person in as_people(people):
        known = {name: part_facts(part) for name, part in person.parts.items()}
        for each in known.values():
            if "box" in each:
                each["box"] = [round(number, 2) for number in each["box"]]
        facts.append(known)
    return {OPTIONS: options, FACTS: facts}


def _read_facts(data: Mapping[str, Any], count: int) -> list[dict[str, dict[str, Any]]]:
    """Return the facts of each person, by part; empty if the file has no facts."""
    kept = set(_FACTS) - {"side"}  # which the list says
    try:
        facts = [
            {
                name: {fact: value for fact, value in part.items() if fact in kept}
                for name, part in person.items()
            }
            for person in data[FACTS]
        ]
    except (LookupError, TypeError, AttributeError):
        facts = []
    return facts if len(facts) == count else [{} for _ in range(count)]


def _flatten(hand: Hand) -> list[float]:
    """Return x, y, score of the 21 keypoints in one list; 0, 0, 0 where missing."""
    table = keypoint_table(hand).astype(np.float64)
    # Significant digits and not decimals: a small score must not become the 0 that means missing.
    return [float(f"{value:.8g}") + 0.0 for value in table.ravel().tolist()]


def from_openpose(data: Mapping[str, Any]) -> list[Hand]:
    """Return the hands in the content of an OpenPose JSON file.

    Args:
        data: The file's content, of any version. Bodies and faces are skipped.

    Returns:
        The hands in the order of the people, a person's left hand first. A list of only zeros,
        which OpenPose writes if no hand was found, is left out.

    Raises:
        FormatError: The content is not that of an OpenPose file, or the lists of its people have
            other names.
    """
    hands, everyone = [], list(_people_lists(data))
    units, facts = _units(data, everyone), _read_facts(data, len(everyone))
    for number, lists in enumerate(everyone):
        for side in SIDES:
            name = f"hand_{side}_keypoints"
            table = _table(lists.get(name), f"{name} of person {number}", len(HAND))
            fields = _fields(table * units)
            if fields:
                hands.append(Hand(*fields, side=side, **facts[number].get(f"{side}_hand", {})))
    return hands


def _people_lists(data: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the lists of each person by their names, without the _2d of newer versions."""
    people = data.get("people") if isinstance(data, Mapping) else None
    if not isinstance(people, list):
        raise FormatError('expected OpenPose\'s JSON, an object with a list "people"')
    for number, person in enumerate(people):
        if not isinstance(person, Mapping):
            raise FormatError(f"person {number} must be an object, not {type(person).__name__}")
        lists = {key.removesuffix("_2d"): values for key, values in person.items()}
        if not any(f"{part}_keypoints" in lists for part in PARTS):
            got = ", ".join(map(str, person)) or "nothing"
            raise FormatError(
                f"person {number}: expected hand_left_keypoints_2d and so on, got {got}"
            )
        yield lists


def _units(data: Mapping[str, Any], everyone: Sequence[Mapping[str, Any]]) -> FloatArray:
    """Return the factors of x, y and score: for fractions of ControlNet's canvas, the canvas size.

    Some of ControlNet's tools write fractions of the canvas, others pixels; the files do not state
    which.
    """
    canvas = [data.get(f"canvas_{side}") for side in ("width", "height")]
    lists = [each for lists in everyone for each in lists.values() if isinstance(each, list)]
    numbers = [each for numbers in lists for each in numbers if isinstance(each, int | float)]
    is_pixels = not all(canvas) or any(number > 1 for number in numbers)
    return np.ones(3) if is_pixels else np.array([*canvas, 1], np.float64)


def _table(values: object, where: str, size: int) -> FloatArray:
    """Reshape a flat list to (size, 3); an empty list or None gives zeros."""
    try:
        table = np.array(values or [0] * (3 * size), np.float64).reshape(size, 3)
    except (TypeError, ValueError, OverflowError) as error:
        raise FormatError(f"{where} must be a list of {3 * size} numbers: {error}") from error
    if not np.isfinite(table).all():
        raise FormatError(f"{where} must hold finite numbers only")
    return table


def write_openpose(
    path: str | Path,
    hands: Sequence[Hand],
    *,
    options: Mapping[str, Any] | None = None,
    force: bool = False,
) -> None:
    """Write hands as an OpenPose JSON file, which OpenPose names `<image>_keypoints.json`.

    Args:
        path: The file. Its folder must exist.
        hands: The hands, in pixels of the image.
        options: As for `write_people`.
        force: Whether to replace an existing file.

    Raises:
        FileExistsError: The file exists, and `force` is not set.
    """
    write_json(path, to_openpose(hands) | _own_members(hands, options), force=force)


def read_openpose(path: str | Path) -> list[Hand]:
    """Read the hands of an OpenPose JSON file.

    Args:
        path: The file.

    Returns:
        The hands, as from `from_openpose`.

    Raises:
        FormatError: The file is not OpenPose's JSON; the message names the file.
        FileNotFoundError: The file does not exist.
    """
    return _read(path, from_openpose)


def read_people(path: str | Path) -> list[Person]:
    """Read the people of an OpenPose JSON file.

    Args:
        path: The file.

    Returns:
        The people, as from `people_from_openpose`.

    Raises:
        FormatError: The file is not OpenPose's JSON; the message names the file.
        FileNotFoundError: The file does not exist.
    """
    return _read(path, people_from_openpose)


def _read(path: str | Path, convert: Callable[[Mapping[str, Any]], list[Any]]) -> list[Any]:
    """Read a file and convert its content; errors name the file."""
    try:
        data = read_json(path)
        if isinstance(data, list) and len(data) != 1:
            raise FormatError(
                'expected OpenPose\'s JSON, an object with a list "people", got a list of '
                f"{len(data)}: take [{convert.__name__}(frame) for frame in json.load(file)]"
            )
        return convert(data[0] if isinstance(data, list) else data)
    except ValueError as error:
        what = "" if isinstance(error, FormatError) else "not a JSON file: "
        raise FormatError(f"{path}: {what}{error}") from error


def write_people(
    path: str | Path,
    people: Iterable[Person | Body],
    *,
    candidates: Sequence[ArrayLike] | None = None,
    options: Mapping[str, Any] | None = None,
    force: bool = False,
) -> None:
    """Write people as an OpenPose JSON file, exactly as OpenPose does.

    Args:
        path: The file. Its folder must exist.
        people: The people, or only their bodies, in pixels of the image.
        candidates: As for `format_people`.
        options: The options with which the people were found, as plain data. They become the member
            `OPTIONS` of the file, and boxes and presences become the member `FACTS`. OpenPose's own
            files have neither.
        force: Whether to replace an existing file.

    Raises:
        FileExistsError: The file exists, and `force` is not set.
    """
    people = as_people(people)
    text = format_people(people, candidates=candidates)
    if own := _own_members(people, options):
        text = f"{text[:-1]},{json.dumps(own, separators=(',', ':'))[1:]}"
    with atomic_write(path, force=force) as temporary:
        temporary.write_text(text, encoding="utf-8")


def format_people(
    people: Iterable[Person | Body], *, candidates: Sequence[ArrayLike] | None = None
) -> str:
    """Format people as the text of an OpenPose JSON file.

    Numbers have six significant digits, as OpenPose prints a float32. A part that no person has is
    an empty list. If at least one person has it, it is all zeros for the others. Left and right
    hands count as one part.

    Args:
        people: The people, or only their bodies, in pixels of the image.
        candidates: For each keypoint of the body, (n, 3) x, y, score of all its peaks, including
            peaks that belong to no person: OpenPose's flag part_candidates.

    Returns:
        One line without a line break.

    Example:
        >>> format_people([])
        '{"version":1.3,"people":[]}'
    """
    everyone = as_people(people)
    parts = {
        name: next((keypoints for keypoints in map(part, everyone) if keypoints is not None), None)
        for name, part in _PARTS.items()
    }
    hands = parts["hand_left"] or parts["hand_right"]
    parts |= {"hand_left": hands, "hand_right": hands}
    texts = []
    for person in everyone:
        number = -1 if person.id is None and parts["pose"] is not None else person.id
        lists = {"person_id": "[]" if number is None else f"[{number}]"}
        for name, known in parts.items():
            size = 0 if known is None else len(known.skeleton)
            table = _table_of(_PARTS[name](person), size)
            lists[f"{name}_keypoints_2d"] = _numbers(table)
        lists |= {f"{name}_keypoints_3d": "[]" for name in parts}
        texts.append(_object(lists))
    whole = {"version": str(VERSION), "people": f"[{','.join(texts)}]"}
    if candidates is not None:
        peaks = {str(index): _numbers(np.asarray(each)) for index, each in enumerate(candidates)}
        whole["part_candidates"] = f"[{_object(peaks)}]"
    return _object(whole)


def _object(members: Mapping[str, str]) -> str:
    """Format a JSON object whose values are already JSON."""
    return "{" + ",".join(f'"{name}":{value}' for name, value in members.items()) + "}"


def _numbers(table: np.ndarray) -> str:
    """Format numbers as a JSON list, each as a C++ stream prints a float32."""
    values = np.asarray(table, np.float32).ravel().tolist()
    return f"[{','.join(f'{value:.6g}' for value in values)}]"


def _table_of(keypoints: Keypoints | None, size: int) -> FloatArray:
    """Return x, y, score (size, 3); 0, 0, 0 where missing."""
    return np.zeros((size, 3)) if keypoints is None else keypoint_table(keypoints)


def people_from_openpose(data: Mapping[str, Any]) -> list[Person]:
    """Return the people in the content of an OpenPose JSON file.

    Args:
        data: The file's content, of any version. The skeleton of a body is determined by its number
            of keypoints.

    Returns:
        The people in order, with their `id`. A part whose list is empty or contains only zeros is
        None.

    Raises:
        FormatError: As for `from_openpose`, or no skeleton has this number of keypoints.
    """
    people, everyone = [], list(_people_lists(data))
    units, facts = _units(data, everyone), _read_facts(data, len(everyone))
    for number, lists in enumerate(everyone):
        tables = {}
        for name, skeletons in _SKELETONS.items():
            values = lists.get(f"{name}_keypoints") or []
            where = f"{name}_keypoints of person {number}"
            if not isinstance(values, list):
                raise FormatError(f"{where} must be a list of numbers, got {values!r}"[:200])
            skeleton = next((each for each in skeletons if 3 * len(each) == len(values)), None)
            if values and skeleton is None:
                lengths = " or ".join(str(3 * len(each)) for each in skeletons)
                raise FormatError(f"{where} must be a list of {lengths} numbers, not {len(values)}")
            skeleton = skeleton or skeletons[0]
            tables[name] = skeleton, _table(values, where, len(skeleton)) * units
        people.append(_person(tables, _person_id(lists), facts[number]))
    return people


def _person_id(lists: Mapping[str, Any]) -> int | None:
    """Return the id of a tracked person; None if it is -1 or missing."""
    match lists.get("person_id"):
        case [int(number)] if number >= 0:
            return number
    return None


def _person(
    tables: Mapping[str, tuple[Skeleton, FloatArray]],
    number: int | None,
    facts: Mapping[str, Mapping[str, Any]],
) -> Person:
    """Build a person from the tables of its parts, its id and its other known fields."""
    fields = {name: _fields(table) for name, (_, table) in tables.items()}
    body, face, left, right = (fields[name] for name in _SKELETONS)
    known = {name: facts.get(name, {}) for name in PERSON_PARTS}
    return Person(
        body and Body(*body, skeleton=tables["pose"][0], **known["body"]),
        face and Face(*face, **known["face"]),
        left and Hand(*left, side="left", **known["left_hand"]),
        right and Hand(*right, side="right", **known["right_hand"]),
        number,
    )


def _fields(table: FloatArray) -> tuple[FloatArray, FloatArray] | None:
    """Return xy and scores of a table of x, y, score, or None if it contains only zeros."""
    found = np.asarray(table.any(axis=1))
    if not found.any():
        return None
    return np.where(found[:, None], table[:, :2], np.nan), table[:, 2]
