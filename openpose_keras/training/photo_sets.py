"""Photos of hands, and of people with hands, for training: six sets from GitHub, labelled.

A folder holds a tar file a set, whose members are `SET/NNNN.jpg`, and `labels.json`: the hands that
MediaPipe's networks found and read, ten times each. Nobody labelled them by hand, so that only
hands on which the ten readings agree are trusted; what else was found is kept apart, so that
training neither rewards nor punishes a hand there. The tables below come from viewing all photos.
"""

import json
import tarfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from openpose_keras.core.boxes import Box, box_iou, check_box, keypoint_extent
from openpose_keras.io.images import decode_image

MIN_PRESENCE, MAX_SPREAD = 0.8, 0.04  # of a hand that is trusted
_CLEAR_SIDE = 0.15  # distance of `right` from 0.5
_MAX_OVERLAP = 0.5  # of two hands' boxes: above it, both are one hand

# Photos of another size are mosaics and plots (gesture_homes), and another signer before a dark
# background, of unclear origin (signers).
_SIZES = {"gesture_homes": (224, 224), "signers": (480, 269)}

# One home, person or background each; a photo in none of them belongs to the rest of its set.
_GROUPS = {
    "gesture_homes/books": "21-24 101-124 652-658",
    "gesture_homes/pink_sleeve": "25 125-135 659-661",
    "gesture_homes/dark_wood": "26-30 136-160 662-666",
    "gesture_homes/leaves": "31-35 161-193 667-682",
    "gesture_homes/plaid": "36-39 194-209 683",
    "gesture_homes/black_table": "40-43 210-237 684-690",
    "gesture_homes/oriental_carpet": "44-50 238-279 304-306 691-697 706-708",
    "gesture_homes/parlour": "51-52 280-294 301-303 698-701",
    "gesture_homes/black_carpet": "53-55 307-318 709-713",
    "gesture_homes/office": "56 319-327 714-716",
    "gesture_homes/orange_flowers": "57-58 328-349 717-724",
    "gesture_homes/cat": "59-61 350-371 725-735",
    "gesture_homes/purple_flowers": "62 372-378 736",
    "gesture_homes/keyboard": "379-381 737-738",
    "gesture_homes/chairs": "63-71 382-439 739-750",
    "gesture_homes/red_sofa": "72 440-443 751",
    "gesture_homes/stripes": "73-79 444-471 752-756",
    "gesture_homes/blue_curtain": "472-491 757-761",
    "gesture_homes/old_hand": "80 492-502 762-763",
    "gesture_homes/shop": "81 503-519 764-766",
    "gesture_homes/brick_wall": "82-83 523-538 768-774",
    "gesture_homes/gaming_laptop": "520-522 539-550 767 775-778",
    "gesture_homes/purple_wall": "84-86 551-565 779-781",
    "gesture_homes/plush": "87-90 566-585 782-784",
    "gesture_homes/kitchen": "91 586-599 785-790",
    "gesture_homes/wardrobe": "92 600-606 791",
    "gesture_homes/black_curtain": "93-98 607-631 792-798",
    "gesture_homes/tiles": "99-100 632-651 799-805",
    "lab_gestures/man_in_black": (
        "6 9 11 18 22 24 28 32-33 35 40-41 44-45 48 53 55 57 61-62 65 68 72 76-78 83 88 91 99 104 "
        "109-110 112 116 118 123-124 132-133 142 144 150-151 156-157 161 163-164 170-171 176 181 "
        "183 187-188 193 195 198-199 202-203 211-212 222 226-227 229 232 236 238-239 242 245-246 "
        "248 256 264 266 269-270 273 275-276 296 299-300 302-304 307 309 311 313-315 324 326 "
        "329-330 335 339-341 343 346 349 351 353 361 364 367 381 383 385-386 390-392 395 397 "
        "400-401 409 413 418-419 429-433 436 440-441 443-444 449-450 453-454 456 459 461 473-474 "
        "476 482 484-485 489-491 495 502-505 511 519 521 523 527 536 541 543 546 549 551 731-732 "
        "739 742 745 748 756 763 765 897-898 900-901 910-911 916-917 919-920 926 928 931 934"
    ),
    "asl_letters/panelled_door": (
        "21 28 35 42 266 271 291 304 307 317 338 372 375 378 401 406 419 447 450 453 473 477 491 "
        "496 499 507 514 518 523 531 539 546 632 656 659 677 691-692 699-701 710"
    ),
    "asl_letters/measured": "392 630",
}
_HELD_OUT = {
    "arms_raised",
    "asl_letters/measured",
    "asl_letters/panelled_door",
    "gesture_homes/black_carpet",
    "gesture_homes/black_curtain",
    "gesture_homes/black_table",
    "gesture_homes/books",
    "gesture_homes/cat",
    "gesture_homes/dark_wood",
    "gesture_homes/kitchen",
    "gesture_homes/leaves",
    "gesture_homes/old_hand",
    "gesture_homes/oriental_carpet",
    "gesture_homes/pink_sleeve",
    "gesture_homes/plaid",
    "gesture_homes/plush",
    "gesture_homes/red_sofa",
    "gesture_homes/shop",
    "gesture_homes/stripes",
    "lab_gestures/man_in_black",
    "signers",
}
# Detections that show something else than a hand: the number of the detection in the photo.
_NOT_HANDS = """
lab_gestures/0009:0 lab_gestures/0024:0 lab_gestures/0032:0 lab_gestures/0033:0
lab_gestures/0035:0 lab_gestures/0040:1 lab_gestures/0053:0 lab_gestures/0057:1
lab_gestures/0061:0 lab_gestures/0061:2 lab_gestures/0062:0 lab_gestures/0072:0
lab_gestures/0078:0 lab_gestures/0088:0 lab_gestures/0099:0 lab_gestures/0109:0
lab_gestures/0110:0 lab_gestures/0170:0 lab_gestures/0171:0 lab_gestures/0188:0
lab_gestures/0195:0 lab_gestures/0202:0 lab_gestures/0203:0 lab_gestures/0222:0
lab_gestures/0227:0 lab_gestures/0239:0 lab_gestures/0246:0 lab_gestures/0256:0
lab_gestures/0264:2 lab_gestures/0271:0 lab_gestures/0301:0 lab_gestures/0385:0
lab_gestures/0391:0 lab_gestures/0392:0 lab_gestures/0409:0 lab_gestures/0430:0
lab_gestures/0436:0 lab_gestures/0436:3 lab_gestures/0440:0 lab_gestures/0449:0
lab_gestures/0453:0 lab_gestures/0459:0 lab_gestures/0482:0 lab_gestures/0489:0
lab_gestures/0511:2 lab_gestures/0536:0 lab_gestures/0541:0 lab_gestures/0546:0
lab_gestures/0551:0 lab_gestures/0920:1
"""


class PhotoHand(NamedTuple):
    """A hand of a photo whose label can be trusted.

    Args:
        xy: (21, 2) float32 keypoints in pixels of the photo.
        right: 1.0 for a right hand, 0.0 for a left one, NaN if unknown.
    """

    xy: np.ndarray
    right: float


class TrainingPhoto(NamedTuple):
    """A whole photo, and what is known about the hands in it.

    Args:
        file: Its name, "SET/NNNN.jpg".
        group: What photos of one person or home have in common.
        data: The content of the image file.
        hands: The hands that can be trusted.
        doubtful: (n, 4) float32 boxes (x, y, width, height) where a hand may be.
        not_hands: (n, 4) float32 boxes of what looks like a hand to a network and is something
            else.
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
        folder: Has `labels.json` and a tar file a set, `SET.tar`. A set whose file is missing is
            left out, and so is a photo that its file lacks.

    Returns:
        The photos in the order of `labels.json`, those without a hand too.

    Raises:
        FileNotFoundError: There is no `labels.json`.
    """
    folder = Path(folder)
    labels = json.loads((folder / "labels.json").read_text(encoding="utf8"))["photos"]
    files = {name: data for path in sorted(folder.glob("*.tar")) for name, data in _members(path)}
    groups = _numbered(_GROUPS)
    not_hands = set(_NOT_HANDS.split())
    photos = []
    for label in labels:
        name = label["file"]
        set_name = name.split("/")[0]
        size = (label["width"], label["height"])
        if name in files and _SIZES.get(set_name, size) == size:
            group = groups.get(name, set_name)
            photos.append(_photo(name, group, files[name], label["hands"], not_hands))
    return photos


def split(photos: list[TrainingPhoto]) -> tuple[list[TrainingPhoto], list[TrainingPhoto]]:
    """Split photos into those for training and those held out, which share no person and no home.

    Args:
        photos: What `load_photo_sets` returned.
    """
    shown = [photo for photo in photos if photo.group not in _HELD_OUT]
    return shown, [photo for photo in photos if photo.group in _HELD_OUT]


def _members(path: Path) -> list[tuple[str, bytes]]:
    """Return the name and the content of each file of an archive."""
    with tarfile.open(path) as archive:
        files = [(member.name, archive.extractfile(member)) for member in archive]
        return [(name, file.read()) for name, file in files if file]


def _numbered(table: dict[str, str]) -> dict[str, str]:
    """Return the group of each file that a table of ranges of numbers names."""
    groups = {}
    for group, ranges in table.items():
        for numbers in ranges.split():
            first, _, last = numbers.partition("-")
            for number in range(int(first), int(last or first) + 1):
                groups[f"{group.split('/')[0]}/{number:04d}.jpg"] = group
    return groups


def _photo(
    name: str, group: str, data: bytes, found: list[dict[str, Any]], not_hands: set[str]
) -> TrainingPhoto:
    """Sort what was found in a photo into hands, doubtful boxes and what is something else."""
    key = name.removesuffix(".jpg")
    wrong = [hand for index, hand in enumerate(found) if f"{key}:{index}" in not_hands]
    readings = _distinct([hand for hand in found if hand not in wrong])
    trusted = [hand for hand in readings if _is_trusted(hand)]
    doubtful = [hand for hand in readings if not _is_trusted(hand)]
    sides = _sides([hand["right"] for hand in trusted])
    hands = tuple(
        PhotoHand(np.asarray(hand["keypoints"], np.float32), side)
        for hand, side in zip(trusted, sides, strict=True)
    )
    return TrainingPhoto(name, group, data, hands, _boxes(doubtful), _boxes(wrong))


def _is_trusted(reading: dict[str, Any]) -> bool:
    """Return whether the readings of a hand agree."""
    return bool(reading["presence"] > MIN_PRESENCE and reading["spread"] < MAX_SPREAD)


def _distinct(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the readings without those of a hand that a steadier one shows."""
    kept: list[dict[str, Any]] = []
    for hand in sorted(found, key=lambda hand: (not _is_trusted(hand), hand["spread"])):
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
