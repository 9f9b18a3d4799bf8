"""OpenPose's JSON files: version 1.3 is written, all versions are read.

The format is that of OpenPose (src/openpose/filestream/fileStream.cpp and wPeopleJsonSaver.hpp of
CMU-Perceptual-Computing-Lab/openpose): one line, `{"version":1.3,"people":[...]}`, each person with
`person_id`, and with flat lists x, y, score of body, face, left hand and right hand, in 2-D and in
3-D. A list of a detector that did not run is empty, or null in files of others. A missing keypoint
is 0, 0, 0. Files of version 1.0 and 1.1 lack the `_2d` in the names of their lists.

What we decide where the format leaves a choice:

- Each hand is a person entry of its own. Without a body nobody knows which left and right hand
  belong together, and a wrong pair would be read as a fact.
- A hand whose side is None goes into the right list: the file has no word for "unknown", and a hand
  that a network saw as it is, not mirrored, is a right one to OpenPose. Read back, its side is
  "right": pass sides to the estimator where they matter.
- A keypoint is missing when all three of its numbers are 0. So a keypoint found at the pixel (0, 0)
  survives: its score is not 0.
- Boxes and side scores are not in the file. They are None when read back.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from openpose_keras.core.arrays import FloatArray
from openpose_keras.core.errors import FormatError
from openpose_keras.core.files import write_json
from openpose_keras.core.keypoints import SIDES, Hand
from openpose_keras.core.skeletons import HAND

VERSION = 1.3
PARTS = ("pose", "face", "hand_left", "hand_right")
KEYS = tuple(f"{part}_keypoints_{dimensions}" for dimensions in ("2d", "3d") for part in PARTS)


def to_openpose(hands: Sequence[Hand]) -> dict[str, Any]:
    """Return hands as the content of an OpenPose JSON file.

    Args:
        hands: The hands, in pixels of the image; an empty list will do.

    Returns:
        {"version": 1.3, "people": [...]}, one person a hand. Numbers are finite floats of eight
        significant digits (OpenPose writes six, which is 0.05 pixel in an image wider than 10,000).

    Example:
        >>> hand = Hand(xy=np.full((21, 2), 7.0), scores=np.full(21, 0.5), side="left")
        >>> person = to_openpose([hand])["people"][0]
        >>> person["hand_left_keypoints_2d"][:3], person["hand_right_keypoints_2d"]
        ([7.0, 7.0, 0.5], [])
    """
    people = []
    for hand in hands:
        person: dict[str, list[float]] = {"person_id": [-1], **{key: [] for key in KEYS}}
        person[f"hand_{hand.side or 'right'}_keypoints_2d"] = _flatten(hand)
        people.append(person)
    return {"version": VERSION, "people": people}


def _flatten(hand: Hand) -> list[float]:
    """Return x, y, score of the 21 keypoints in one list; 0, 0, 0 where missing."""
    table = np.column_stack([hand.xy, hand.scores]).astype(np.float64)
    table[~np.isfinite(table).all(axis=1)] = 0.0
    # Significant digits and not decimals: a small score must not become the 0 that means missing.
    return [float(f"{value:.8g}") + 0.0 for value in table.ravel().tolist()]


def from_openpose(data: Mapping[str, Any]) -> list[Hand]:
    """Return the hands in the content of an OpenPose JSON file.

    Args:
        data: The file's content, of any version. Bodies and faces are skipped.

    Returns:
        The hands in the order of the people, a person's left hand first; `box` and `side_scores`
        are None. A list of zeros only is how OpenPose states that it saw no hand: it is left out.

    Raises:
        FormatError: The content is not that of such a file, or its people have lists of other
            names.
    """
    people = data.get("people") if isinstance(data, Mapping) else None
    if not isinstance(people, list):
        raise FormatError('expected OpenPose\'s JSON, an object with a list "people"')
    hands = []
    for number, person in enumerate(people):
        if not isinstance(person, Mapping):
            raise FormatError(f"person {number} must be an object, not {type(person).__name__}")
        lists = {key.removesuffix("_2d"): values for key, values in person.items()}
        if not any(f"{part}_keypoints" in lists for part in PARTS):
            got = ", ".join(map(str, person)) or "nothing"
            raise FormatError(
                f"person {number}: expected hand_left_keypoints_2d and so on, got {got}"
            )
        for side in SIDES:
            name = f"hand_{side}_keypoints"
            table = _table(lists.get(name), f"{name} of person {number}")
            found = np.asarray(table.any(axis=1))
            if found.any():
                xy = np.where(found[:, None], table[:, :2], np.nan)
                hands.append(Hand(xy=xy, scores=table[:, 2], side=side))
    return hands


def _table(values: object, where: str) -> FloatArray:
    """Return a flat list as (21, 3); all zeros for an empty list or None."""
    try:
        table = np.array(values or [0] * (3 * len(HAND)), np.float64).reshape(len(HAND), 3)
    except (TypeError, ValueError, OverflowError) as error:
        raise FormatError(f"{where} must be a list of 63 numbers: {error}") from error
    if not np.isfinite(table).all():
        raise FormatError(f"{where} must hold finite numbers only")
    return table


def write_openpose(path: str | Path, hands: Sequence[Hand], *, force: bool = False) -> None:
    """Write hands as an OpenPose JSON file; OpenPose names it `<image>_keypoints.json`.

    Args:
        path: The file. Its folder must exist.
        hands: The hands, in pixels of the image.
        force: Whether a file that exists is replaced.

    Raises:
        FileExistsError: The file exists, and `force` is not set.
    """
    write_json(path, to_openpose(hands), force=force)


def read_openpose(path: str | Path) -> list[Hand]:
    """Read the hands of an OpenPose JSON file.

    Args:
        path: The file.

    Returns:
        As `from_openpose`.

    Raises:
        FormatError: The file is not OpenPose's JSON; the message names the file.
        FileNotFoundError: The file does not exist.
    """
    try:
        return from_openpose(json.loads(Path(path).read_bytes()))
    except ValueError as error:
        what = "" if isinstance(error, FormatError) else "not a JSON file: "
        raise FormatError(f"{path}: {what}{error}") from error
