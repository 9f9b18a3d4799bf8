"""OpenPose's JSON files: version 1.3 is written, all versions are read.

The format is that of OpenPose (src/openpose/filestream/fileStream.cpp and wPeopleJsonSaver.hpp of
CMU-Perceptual-Computing-Lab/openpose): one line, `{"version":1.3,"people":[...]}`, each person with
`person_id`, and with flat lists x, y, score of body, face, left hand and right hand, in 2-D and in
3-D. A list of a detector that did not run is empty, or null in files of others. A missing keypoint
is 0, 0, 0. Files of version 1.0 and 1.1 lack the `_2d` in the names of their lists.

What we decide where the format leaves a choice:

- Each hand is a person entry of its own. Without a body nobody knows which left and right hand
  belong together, and a wrong pair would be read as a fact.
- A hand whose side is None goes where `unknown_side` states, by default into the right list: the
  file has no word for "unknown", and a hand that a network saw as it is, not mirrored, is a right
  one to OpenPose. Read back, its side is "right": pass sides to the estimator where they matter.
- A keypoint is missing when all three of its numbers are 0. So a keypoint found at the pixel (0, 0)
  survives: its score is not 0.
- Boxes and side scores are not in the file. They are None when read back.
"""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from openpose_keras.core.arrays import FloatArray
from openpose_keras.core.errors import FormatError
from openpose_keras.core.files import write_json
from openpose_keras.core.keypoints import SIDES, Hand
from openpose_keras.core.skeletons import HAND

VERSION = 1.3
PARTS = ("pose", "face", "hand_left", "hand_right")
KEYS = tuple(f"{part}_keypoints_{dimensions}" for dimensions in ("2d", "3d") for part in PARTS)


def to_openpose(hands: Sequence[Hand], *, unknown_side: str = "right") -> dict[str, Any]:
    """Return hands as the content of an OpenPose JSON file.

    Args:
        hands: The hands, in pixels of the image; an empty list will do.
        unknown_side: "left" or "right": the list for a hand whose side is None.

    Returns:
        {"version": 1.3, "people": [...]}, one person a hand. Numbers are finite floats of eight
        significant digits (OpenPose writes six, which is 0.05 pixel in an image wider than 10,000).

    Raises:
        ValueError: `unknown_side` is neither "left" nor "right".

    Example:
        >>> hand = Hand(xy=np.full((21, 2), 7.0), scores=np.full(21, 0.5), side="left")
        >>> person = to_openpose([hand])["people"][0]
        >>> person["hand_left_keypoints_2d"][:3], person["hand_right_keypoints_2d"]
        ([7.0, 7.0, 0.5], [])
    """
    if unknown_side not in SIDES:
        raise ValueError(f'expected unknown_side to be "left" or "right", got {unknown_side!r}')
    people = []
    for hand in hands:
        person: dict[str, list[float]] = {"person_id": [-1], **{key: [] for key in KEYS}}
        person[f"hand_{hand.side or unknown_side}_keypoints_2d"] = _flatten(hand)
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
        known = [key for key in person if key.removesuffix("_2d") + "_2d" in KEYS]
        if not known:
            raise FormatError(
                f"person {number}: expected lists such as hand_left_keypoints_2d, got "
                f"{', '.join(map(str, person)) or 'nothing'}"
            )
        for side in SIDES:
            key = next((each for each in known if each.startswith(f"hand_{side}")), "")
            table = _table(person.get(key), f"{key} of person {number}")
            found = np.asarray(table.astype(bool).any(axis=1))
            if found.any():
                xy = np.where(found[:, None], table[:, :2], np.nan)
                hands.append(Hand(xy=xy, scores=table[:, 2], side=side))
    return hands


def _table(values: object, where: str) -> FloatArray:
    """Return a flat list as (21, 3); all zeros for an empty list or None."""
    values, size = [] if values is None else values, 3 * len(HAND)
    if not isinstance(values, list) or len(values) not in (0, size):
        got = f"{len(values)} of them" if isinstance(values, list) else type(values).__name__
        raise FormatError(f"{where} must be a list of {size} numbers (or of none), not {got}")
    for value in values:
        if type(value) not in (int, float) or abs(value) > 1e300 or not math.isfinite(value):
            raise FormatError(f"{where} must hold finite numbers only, not {str(value)[:20]}")
    return np.array(values or [0.0] * size, dtype=np.float64).reshape(len(HAND), 3)


def write_openpose(
    path: str | Path, hands: Sequence[Hand], *, unknown_side: str = "right", force: bool = False
) -> None:
    """Write hands as an OpenPose JSON file; OpenPose names it `<image>_keypoints.json`.

    Args:
        path: The file. Its folder must exist.
        hands: The hands, in pixels of the image.
        unknown_side: "left" or "right": the list for a hand whose side is None.
        force: Whether a file that exists is replaced.

    Raises:
        FileExistsError: The file exists, and `force` is not set.
    """
    write_json(path, to_openpose(hands, unknown_side=unknown_side), force=force)


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
    frames = read_openpose_frames(path)
    if len(frames) != 1:
        raise FormatError(
            f"{path}: expected one frame, got {len(frames)}: read_openpose_frames reads them all"
        )
    return frames[0]


def read_openpose_frames(path: str | Path) -> list[list[Hand]]:
    """Read the hands of a JSON file that lists the contents of OpenPose files, a frame each.

    Editors of poses for ControlNet write such files.

    Args:
        path: The file. One that holds a single frame, as OpenPose writes it, is read too.

    Returns:
        For each frame what `from_openpose` returns.

    Raises:
        FormatError: The file is not OpenPose's JSON; the message names the file.
        FileNotFoundError: The file does not exist.
    """
    try:
        data = json.loads(Path(path).read_bytes(), parse_constant=_refuse_constant)
    except ValueError as error:
        raise FormatError(f"{path} is not a JSON file: {error}") from error
    try:
        return [from_openpose(frame) for frame in (data if isinstance(data, list) else [data])]
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from error


def _refuse_constant(name: str) -> NoReturn:
    """Refuse NaN and infinities, which Python's reader would take and JSON does not have."""
    raise ValueError(f"JSON has no {name}")
