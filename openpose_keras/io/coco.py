"""The label file: COCO's JSON with 21 keypoints a hand."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from openpose_keras.core.errors import DataError
from openpose_keras.core.files import require_writable, write_json
from openpose_keras.core.keypoints import Hand
from openpose_keras.core.skeletons import HAND
from openpose_keras.io.images import read_image
from openpose_keras.io.labels import LabelledHand, keypoints_box


def write_labels(
    path: str | Path,
    hands: Mapping[str | Path, Sequence[Hand | LabelledHand]],
    *,
    description: str = "openpose_keras",
    force: bool = False,
) -> None:
    """Write the labelled hands of some pictures as a new label file.

    Args:
        path: The label file. Its folder must exist.
        hands: For each picture's path the hands in it, in pixels of the picture as `read_image`
            gives it; a missing keypoint (NaN) counts as not labelled. A picture without hands
            keeps its place, for there is none to be found in it; a hand without any keypoint is
            left out. The box of a `Hand` is where it was searched for, so that the smallest box
            around its keypoints is written; a `LabelledHand` keeps its own.
        description: What the file says about itself.
        force: Replace a file that is there.

    Raises:
        FileExistsError: The file is there, and `force` is not set.
        FileNotFoundError: There is no such folder.
        ImageError: A picture can't be read.

    Example:
        write_labels("photos/labels.json", {"photos/1.jpg": estimator(read_image("photos/1.jpg"))})
    """
    require_writable(path, force=force)
    images, annotations = [], []
    for number, (image, found) in enumerate(hands.items()):
        images.append(_image_entry(Path(image), Path(path), number))
        annotations += _annotations(found, number, first=len(annotations))
    data = {
        "info": {"description": description},
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 1, "name": "hand", "keypoints": list(HAND.keypoints)}],
    }
    write_json(path, data, force=force)


def add_labels(path: str | Path, image: str | Path, hands: Sequence[Hand | LabelledHand]) -> None:
    """Put the labelled hands of one picture into a label file, in the place of those it had there.

    All else in the file stays as it is. A file that is not there yet is begun.

    Args:
        path: The label file. Its folder must exist.
        image: The picture's path.
        hands: All hands in it, as in `write_labels`.

    Raises:
        DataError: The file is no label file, or one whose hands are kept in another way: from tip
            to base, or by the person.
        FileNotFoundError: There is no such folder.
        ImageError: The picture can't be read.

    Example:
        add_labels("photos/labels.json", "photos/2.jpg", [corrected_hand])
    """
    path, image = Path(path), Path(image)
    if not path.exists():
        write_labels(path, {image: hands})
        return
    data = load_labels(path)
    by_person = any("lefthand_kpts" in annotation for annotation in data["annotations"])
    if is_tip_first(data) or by_person:
        raise DataError(
            f"{path} keeps hands in another way (from tip to base, or by the person); give the "
            "name of a new label file"
        )
    try:
        data = _exchanged(data, path, image, hands)
    except (KeyError, TypeError) as error:
        raise DataError(f"{path}: an entry is not readable: {error!r}") from error
    write_json(path, data, force=True)


def load_labels(path: str | Path) -> dict[str, object]:
    """Load a label file as it is, and check that its two lists are there.

    Args:
        path: The JSON file.

    Returns:
        Its content.

    Raises:
        DataError: It is no JSON file, or has no `images` or no `annotations`.
        FileNotFoundError: There is no such file.
    """
    try:
        data = json.loads(Path(path).read_bytes())
    except ValueError as error:
        raise DataError(f"{path} is not a JSON file: {error}") from error
    for key in ("images", "annotations"):
        if not isinstance(data, dict) or not isinstance(data.get(key), list):
            raise DataError(f'{path} has no list "{key}": expected a COCO-style file of labels')
    return data


def is_tip_first(data: Mapping[str, object]) -> bool:
    """Tell whether a file lists keypoints from tip to base, by its description or its names.

    Args:
        data: What `load_labels` gives.
    """
    categories = data.get("categories") or [{}]
    first = categories[0] if isinstance(categories, Sequence) else {}
    names = list(first.get("keypoints", ())) if isinstance(first, Mapping) else []
    if names == list(HAND.keypoints):  # our own
        return False
    info = data.get("info")
    description = str(info.get("description", "")) if isinstance(info, Mapping) else ""
    if "rhd" in description.lower() or "rendered hand" in description.lower():
        return True
    return names[1:3] == ["thumb4", "thumb3"]


def _exchanged(
    data: dict[str, object], path: Path, image: Path, hands: Sequence[Hand | LabelledHand]
) -> dict[str, object]:
    """Give a label file's content with one picture's hands exchanged; it is not written into."""
    wanted = image.resolve()
    known = [
        entry["id"]
        for entry in data["images"]
        if (path.parent / entry["file_name"]).resolve() == wanted
    ]
    number = known[0] if known else _next_id(data["images"])
    new = [] if known else [_image_entry(image, path, number)]
    kept = [each for each in data["annotations"] if each["image_id"] != number]
    added = _annotations(hands, number, first=_next_id(data["annotations"]))
    return data | {"images": [*data["images"], *new], "annotations": [*kept, *added]}


def _next_id(entries: Sequence[Mapping[str, object]]) -> int:
    """Give a number above all that are taken."""
    taken = [entry["id"] for entry in entries if isinstance(entry.get("id"), int)]
    return max(taken, default=-1) + 1


def _image_entry(image: Path, path: Path, number: int) -> dict[str, object]:
    """Say where a picture lies and how large it is."""
    height, width = read_image(image).shape[:2]
    try:
        name = Path(os.path.relpath(image.resolve(), path.resolve().parent)).as_posix()
    except ValueError:  # another drive
        name = image.resolve().as_posix()
    return {"id": number, "file_name": name, "height": height, "width": width}


def _annotations(
    hands: Sequence[Hand | LabelledHand], number: int, *, first: int
) -> list[dict[str, object]]:
    """Say what is known of one picture's hands."""
    known = [hand for hand in hands if np.isfinite(hand.xy).all(axis=-1).any()]
    entries = []
    for index, hand in enumerate(known, start=first):
        box = hand.box if isinstance(hand, LabelledHand) else keypoints_box(hand.xy)
        labelled = np.isfinite(hand.xy).all(axis=-1)
        xy = np.where(labelled[:, None], hand.xy, 0).round(2)
        entry = {
            "id": index,
            "image_id": number,
            "category_id": 1,
            "iscrowd": 0,
            "keypoints": np.column_stack([xy, 2 * labelled]).ravel().tolist(),
            "num_keypoints": int(labelled.sum()),
            "bbox": [round(float(value), 2) for value in box],
        }
        entries.append(entry | ({"hand_type": hand.side} if hand.side else {}))
    return entries
