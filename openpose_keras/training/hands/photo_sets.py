"""Labelled photos of hands, and of people with hands, for training: six sets from GitHub.

A folder contains one tar file per set, whose members are `SET/NNNN.jpg`, and `labels.json`: the
hands that MediaPipe's networks detected and estimated, ten times each. There are no manual labels,
so only hands on which the ten estimates agree are trusted. All other detections are kept apart, so
that training neither rewards nor punishes a hand there. `photo_set_tables` lists corrections from a
visual inspection.
"""

import json
import tarfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from openpose_keras.core.boxes import Box, box_iou, check_box, keypoint_extent
from openpose_keras.io.images import decode_image
from openpose_keras.training.hands.photo_set_tables import (
    GROUPS,
    HELD_OUT,
    MARKED,
    MISREAD,
    NOT_HANDS,
)

MIN_PRESENCE, MAX_SPREAD = 0.8, 0.04  # of a hand that is trusted
MIN_SIDE = 20  # pixels of its keypoints' extent
MAX_OUTSIDE = 5  # of its keypoints that lie outside the photo
_CLEAR_SIDE = 0.15  # distance of `right` from 0.5
_MAX_OVERLAP = 0.5  # of two hands' boxes: above it, both are one hand

# Photos of another size are mosaics and plots (gesture_homes), and another signer before a dark
# background, of unclear origin (signers).
_SIZES = {"gesture_homes": (224, 224), "signers": (480, 269)}
# Hands that each photo shows; where fewer were found, the photo is left out. The first photos of
# lab_gestures show a whole body each, whose hands are small and often missed.
_SHOWN = {"asl_letters": 1, "counting_one_man": 1, "gesture_homes": 1}
_WHOLE_BODIES = "lab_gestures/0000.jpg", "lab_gestures/0551.jpg"


class PhotoHand(NamedTuple):
    """A hand in a photo with a trusted label.

    Args:
        xy: (21, 2) float32 keypoints in pixels of the photo.
        right: 1.0 for a right hand, 0.0 for a left one, NaN if unknown.
    """

    xy: np.ndarray
    right: float


class MarkedPhoto(NamedTuple):
    """A photo whose hands were marked manually.

    Args:
        data: The content of the image file.
        hands: For each hand, its box (x, y, width, height) and whether it is a right one, NaN if
            unknown.
        crowds: Boxes that may contain more hands.
    """

    data: bytes
    hands: tuple[tuple[Box, float], ...]
    crowds: tuple[Box, ...]


class TrainingPhoto(NamedTuple):
    """A whole photo with its known hands.

    Args:
        file: The name of the photo, "SET/NNNN.jpg".
        group: An identifier that photos of one person or home have in common.
        data: The content of the image file.
        hands: The trusted hands.
        doubtful: (n, 4) float32 boxes (x, y, width, height) that may contain a hand.
        not_hands: (n, 4) float32 boxes of objects that a network mistakes for hands.
    """

    file: str
    group: str
    data: bytes
    hands: tuple[PhotoHand, ...]
    doubtful: np.ndarray
    not_hands: np.ndarray

    def image(self) -> np.ndarray:
        """Return the photo as (h, w, 3) uint8 RGB."""
        return decode_image(self.data)


def load_photo_sets(folder: str | Path) -> list[TrainingPhoto]:
    """Load photos of the labelled sets.

    Args:
        folder: Folder with `labels.json` and one tar file per set, `SET.tar`. Sets whose file is
            missing are left out, and so are photos that are missing from their file.

    Returns:
        The photos in the order of `labels.json`, including those without a hand.

    Raises:
        FileNotFoundError: There is no `labels.json`.
    """
    folder = Path(folder)
    labels = json.loads((folder / "labels.json").read_text(encoding="utf8"))["photos"]
    files = _files(folder)
    groups = _numbered(GROUPS)
    not_hands, misread = _indices(NOT_HANDS), _indices(MISREAD)
    photos = []
    for label in labels:
        name, found = label["file"], label["hands"]
        set_name = name.split("/")[0]
        size = (label["width"], label["height"])
        if name not in files or _SIZES.get(set_name, size) != size:
            continue
        wrong = [found[index] for index in not_hands.get(name, ())]
        rest = _distinct([hand for hand in found if hand not in wrong])
        unreadable = [found[index] for index in misread.get(name, ())]
        trusted = [hand for hand in rest if _is_trusted(hand, size) and hand not in unreadable]
        doubtful = [hand for hand in rest if hand not in trusted]
        least = 2 if _WHOLE_BODIES[0] <= name <= _WHOLE_BODIES[1] else _SHOWN.get(set_name, 0)
        if len(rest) >= least:
            group = groups.get(name, set_name)
            hands = _hands(trusted)
            photo = TrainingPhoto(name, group, files[name], hands, _boxes(doubtful), _boxes(wrong))
            photos.append(photo)
    return photos


def load_marked_photos(folder: str | Path) -> list[MarkedPhoto]:
    """Load the photos whose hands were marked manually, all of which are held out from training.

    Args:
        folder: As for `load_photo_sets`; `labels.json` is not needed.

    Raises:
        FileNotFoundError: A photo is missing.
    """
    files = _files(Path(folder))
    photos = []
    for name, marks in MARKED.items():
        if name not in files:
            raise FileNotFoundError(f"expected the photo {name} in a tar file of {folder}")
        boxes = [
            (kind, check_box([*map(float, box)])) for kind, *box in map(str.split, marks.split(","))
        ]
        rights = {"l": 0.0, "r": 1.0, "u": np.nan}
        hands = tuple((box, rights[kind]) for kind, box in boxes if kind in rights)
        crowds = tuple(box for kind, box in boxes if kind == "c")
        photos.append(MarkedPhoto(files[name], hands, crowds))
    return photos


def split(photos: list[TrainingPhoto]) -> tuple[list[TrainingPhoto], list[TrainingPhoto]]:
    """Split photos into training and held-out photos with no person or home in common.

    Args:
        photos: The photos from `load_photo_sets`.
    """
    shown = [photo for photo in photos if photo.group not in HELD_OUT]
    return shown, [photo for photo in photos if photo.group in HELD_OUT]


def _files(folder: Path) -> dict[str, bytes]:
    """Map the name of each photo in a folder's archives to its content."""
    return {name: data for path in sorted(folder.glob("*.tar")) for name, data in _members(path)}


def _members(path: Path) -> list[tuple[str, bytes]]:
    """Return the name and the content of each file of an archive."""
    with tarfile.open(path) as archive:
        files = [(member.name, archive.extractfile(member)) for member in archive]
        return [(name, file.read()) for name, file in files if file]


def _numbered(table: dict[str, str]) -> dict[str, str]:
    """Map each file in a table of ranges of numbers to its group."""
    groups = {}
    for group, ranges in table.items():
        for numbers in ranges.split():
            first, _, last = numbers.partition("-")
            for number in range(int(first), int(last or first) + 1):
                groups[f"{group.split('/')[0]}/{number:04d}.jpg"] = group
    return groups


def _indices(table: dict[str, str]) -> dict[str, list[int]]:
    """Map each file in a table to the indices of its detections."""
    indices: dict[str, list[int]] = {}
    for set_name, entries in table.items():
        for entry in entries.split():
            number, index = entry.split(":")
            indices.setdefault(f"{set_name}/{int(number):04d}.jpg", []).append(int(index))
    return indices


def _hands(trusted: list[dict[str, Any]]) -> tuple[PhotoHand, ...]:
    """Return the trusted hands of a photo."""
    sides = _sides([hand["right"] for hand in trusted])
    return tuple(
        PhotoHand(np.asarray(hand["keypoints"], np.float32), side)
        for hand, side in zip(trusted, sides, strict=True)
    )


def _is_trusted(hand: dict[str, Any], size: tuple[int, int]) -> bool:
    """Return whether the estimates of a hand agree, and it is large enough and inside the photo."""
    xy = np.asarray(hand["keypoints"])
    outside = np.any((xy < -0.5) | (xy > np.array(size) - 0.5), axis=1)
    return bool(
        hand["presence"] > MIN_PRESENCE
        and hand["spread"] < MAX_SPREAD
        and np.ptp(xy, axis=0).max() >= MIN_SIDE
        and outside.sum() <= MAX_OUTSIDE
    )


def _distinct(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Remove estimates of a hand for which there is a more consistent one."""
    kept: list[dict[str, Any]] = []
    for hand in sorted(found, key=lambda hand: hand["spread"]):
        if all(box_iou(_box(hand), _box(other)) < _MAX_OVERLAP for other in kept):
            kept.append(hand)
    return kept


def _sides(right: list[float]) -> list[float]:
    """Return 1.0, 0.0 or NaN for each hand of a photo; two hands have different sides."""
    sides = [float(side > 0.5) if abs(side - 0.5) > _CLEAR_SIDE else np.nan for side in right]
    if len(sides) == 2:
        first, second = sides
        if first == second:
            return [np.nan, np.nan]
        if np.isnan(first):
            return [1 - second, second]
        if np.isnan(second):
            return [first, 1 - first]
    return sides


def _box(hand: dict[str, Any]) -> Box:
    """Return the box (x, y, width, height) of a hand's keypoints."""
    middle, size = keypoint_extent(hand["keypoints"])
    size = np.maximum(size, 1.0)
    return check_box([*(middle - size / 2), *size])


def _boxes(hands: list[dict[str, Any]]) -> np.ndarray:
    """Return the boxes of hands as (n, 4) float32."""
    return np.array([_box(hand) for hand in hands], np.float32).reshape(-1, 4)
