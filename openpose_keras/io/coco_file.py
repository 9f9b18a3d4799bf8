"""Helpers common to all of COCO's label files: their three lists, images, boxes and crowds."""

import os
import re
import warnings
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from openpose_keras.core.arrays import FloatArray
from openpose_keras.core.boxes import Box
from openpose_keras.core.errors import DataError, OpenPoseKerasError
from openpose_keras.core.files import read_json
from openpose_keras.core.skeletons import COCO_17, COCO_FEET, COCO_WHOLE_BODY, FACE, HAND, Skeleton
from openpose_keras.geometry.axis_aligned import Size
from openpose_keras.io.images import image_size, read_image

Json = dict[str, Any]

# The lists of numbers that make up a skeleton, in its order, each with its count of keypoints.
LISTS: dict[Skeleton, dict[str, int]] = {
    COCO_17: {"keypoints": len(COCO_17)},
    COCO_FEET: {"keypoints": len(COCO_FEET)},
    FACE: {"keypoints": len(FACE)},
    COCO_WHOLE_BODY: {
        "keypoints": len(COCO_17),
        "foot_kpts": len(COCO_FEET),
        "face_kpts": len(FACE) - 2,
        "lefthand_kpts": len(HAND),
        "righthand_kpts": len(HAND),
    },
}
_SIZES = 200  # images of a file whose size is compared


def load_json(path: str | Path) -> Any:  # noqa: ANN401 - JSON may hold anything
    """Return the content of a JSON file.

    Raises:
        DataError: The file is not JSON; the message names it.
        FileNotFoundError: The file does not exist.
    """
    try:
        return read_json(path)
    except ValueError as error:
        raise DataError(f"{path} is not a JSON file: {error}") from error


def load_labels(path: str | Path) -> Json:
    """Return the content of a label file, after checking that its three lists hold objects.

    Raises:
        DataError: The file is not COCO's JSON of labels; the message names it.
        FileNotFoundError: The file does not exist.
    """
    try:
        data = load_json(path)
    except DataError as error:
        raise DataError(f"expected COCO's JSON of labels: {error}") from error
    if not isinstance(data, dict):
        raise DataError(f"{path}: expected a JSON object, got {type(data).__name__}")
    lists = data | {"categories": data.get("categories") or []}
    for key in ("images", "annotations", "categories"):
        entries = lists.get(key)
        if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
            raise DataError(
                f'{path} has no list "{key}" of objects: expected COCO\'s JSON of labels'
            )
    return lists


@contextmanager
def entry_of(path: str | Path, name: str) -> Iterator[None]:
    """Add the names of the file and the entry to an error that the entry causes."""
    try:
        yield
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        if isinstance(error, OpenPoseKerasError):
            raise
        reason = f"it has no {error}" if isinstance(error, KeyError) else error
        raise DataError(f"{path}: {name} is not readable: {reason}") from error


def image_paths(path: Path, data: Json, images: str | Path | None) -> dict[str, Path]:
    """Map the id of each image of a label file, as text, to the image's path."""
    folder = path.parent if images is None else Path(images)
    with entry_of(path, "an image"):
        names = {str(entry["id"]): file_name(entry) for entry in data["images"]}
    if len(names) < len(data["images"]):
        raise DataError(f"{path}: expected one image an id, got several with the same id")
    ends = Counter(map(_last_part, names.values()))
    return {
        number: _place(folder, name, is_unique=ends[_last_part(name)] == 1)
        for number, name in names.items()
    }


def image_ids(data: Json, path: Path, image: Path) -> list[Any]:
    """Return the ids under which the content of a label file lists an image."""
    wanted, places = image.resolve(), image_paths(path, data, None)
    pairs = zip(data["images"], places.values(), strict=True)
    return [entry["id"] for entry, place in pairs if place.resolve() == wanted]


def _last_part(name: str) -> str:
    """Return a file's name without its folders, also in an address such as Label Studio's ?d=."""
    return re.split("[/=]", name)[-1]


def _place(folder: Path, name: str, *, is_unique: bool) -> Path:
    """Return an image's path: directly in the folder if its name has another machine's folders."""
    path, alone = folder / name, folder / _last_part(name)
    return alone if is_unique and alone.is_file() and not path.is_file() else path


def require_images(path: Path, entries: Sequence[tuple[Json, Path]]) -> None:
    """Raise an error if images of a label file are missing, and warn if their size differs.

    Args:
        path: The label file.
        entries: Each image's entry in the file, and its expected path. If there are many, only the
            sizes of the first ones are compared.
    """
    lost = [image for _, image in entries if not image.is_file()]
    if lost:
        folder = next((each for each in lost[0].parents if each.is_file()), None)
        got = f", {folder} is a file" if folder else ""
        raise DataError(
            f"{len(lost)} of {len(entries)} images of {path} are missing, the first is {lost[0]}: "
            f"pass the folder that the file names start from{got}"
        )
    other = []
    for entry, image in entries[:_SIZES]:
        told = entry.get("width"), entry.get("height")
        size = image_size(image) if all(told) else None
        if size and size not in (told, told[::-1]):  # not all apply the EXIF orientation
            other.append(f"{image} is {size[0]} x {size[1]} and not {told[0]} x {told[1]}")
    if other:
        warnings.warn(
            f"{path}: {len(other)} images are not as large as it says, the first, {other[0]}: "
            "scale the labels as the images were",
            stacklevel=3,
        )


def warn_of_unlisted(
    path: Path, what: str, owners: Mapping[str, object], ids: Collection[str]
) -> None:
    """Warn if annotations belong to images that the file does not list."""
    if unlisted := sorted(owners.keys() - set(ids)):
        about = f"the {what} of images that it does not list are left out: "
        warnings.warn(f"{path}: {about}{', '.join(unlisted[:3])}", stacklevel=3)


def is_crowd(annotation: Json) -> bool:
    """Return whether an annotation is a crowd: several objects that are not labelled one by one."""
    return bool(int(annotation.get("iscrowd") or 0))


def file_name(entry: Json) -> str:
    """Return an image's file name, in which Windows writes backslashes."""
    return str(entry["file_name"]).replace("\\", "/")


def next_id(entries: Sequence[Json]) -> int:
    """Return the next free id; ids start at 1, since pycocotools takes 0 for no match."""
    ids = [str(entry.get("id")) for entry in entries]
    return max((int(each) for each in ids if each.isdigit()), default=0) + 1


def category(number: int, name: str, skeleton: Skeleton) -> Json:
    """Return a category of objects with a skeleton."""
    edges = [[first + 1, second + 1] for first, second in skeleton.edge_indices]
    return {"id": number, "name": name, "keypoints": list(skeleton.keypoints), "skeleton": edges}


def image_entry(image: Path, path: Path, number: object, size: Size | None = None) -> Json:
    """Return an image's entry: its path and size; the image is read if no size is given."""
    height, width = size or read_image(image).shape[:2]
    try:
        name = Path(os.path.relpath(image.resolve(), path.resolve().parent)).as_posix()
    except ValueError:  # another drive
        name = image.resolve().as_posix()
    return {"id": number, "file_name": name, "height": height, "width": width}


def box_entry(box: Box) -> list[float]:
    """Return a box as a list for a label file."""
    return [round(float(value), 2) for value in box]


def known_skeleton(skeleton: Skeleton) -> Skeleton:
    """Return a skeleton of COCO's files; raise ValueError for any other one."""
    if skeleton not in LISTS:
        known = ", ".join(each.name for each in LISTS)
        raise ValueError(f"expected one of the skeletons {known}, got {skeleton.name}")
    return skeleton


def valid_key(name: str) -> str:
    """Return the name of the entry that states whether a list of keypoints is valid."""
    return name.replace("_kpts", "_valid")


def keypoint_table(entry: Json, skeleton: Skeleton) -> FloatArray:
    """Return x, y and the third number of all keypoints (K, 3); 0 in parts that are not valid."""
    tables = []
    for name, count in LISTS[skeleton].items():
        table = np.asarray(entry[name], np.float64)
        if table.size != 3 * count:
            lists = ", ".join(f"{key} of {3 * each}" for key, each in LISTS[skeleton].items())
            raise ValueError(
                f"expected {3 * count} numbers in {name}, got {table.size}: {skeleton.name} has "
                f"{lists}"
            )
        tables.append(table.reshape(count, 3) * bool(entry.get(valid_key(name), True)))
    table = np.concatenate(tables)
    if not np.isfinite(table).all():
        raise ValueError("expected finite numbers in the lists of keypoints")
    return table


def keypoint_lists(table: FloatArray, skeleton: Skeleton) -> dict[str, list[float]]:
    """Return a table (K, 3) as the flat lists of a skeleton; whole numbers become integers."""
    counts = LISTS[skeleton]
    parts = np.split(table, np.cumsum(list(counts.values()))[:-1])
    return {
        name: [int(number) if number.is_integer() else number for number in part.ravel().tolist()]
        for name, part in zip(counts, parts, strict=True)
    }
