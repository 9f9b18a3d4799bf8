"""Read and write label files of hands: COCO's JSON with 21 keypoints per hand.

Files of this package and of other projects are read. Three kinds of annotation are known, and a
file may mix them:

- `bbox` and `keypoints` (63 numbers, flat or as 21 triples), as in MMPose's versions of OneHand10K,
  FreiHAND, CMU Panoptic HandDB and RHD (docs/en/dataset_zoo/2d_hand_keypoint.md of MMPose).
- `lefthand_kpts`, `lefthand_box`, `lefthand_valid` and the same for `righthand`, as in
  COCO-WholeBody.
- Others, such as bodies of 17 keypoints or boxes alone. They are skipped.

The order of the keypoints is taken from the names in the annotation's category, if it has names.
RHD is the exception: MMPose's file names the keypoints from base to tip but lists them from tip to
base. Such a file is recognised by its `info`.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from openpose_keras.core.arrays import FloatArray, IntArray
from openpose_keras.core.boxes import Box, BoxLike, check_box, keypoint_extent
from openpose_keras.core.errors import DataError
from openpose_keras.core.files import require_writable, write_json
from openpose_keras.core.keypoints import SIDES, Hand, Side, refuse_one
from openpose_keras.core.skeletons import HAND
from openpose_keras.io.coco_file import (
    Json,
    box_entry,
    category,
    entry_of,
    image_entry,
    image_ids,
    image_paths,
    is_crowd,
    load_labels,
    next_id,
    require_images,
    warn_of_unlisted,
)
from openpose_keras.io.images import Pixels

ORDERS = {
    "openpose": np.arange(len(HAND)),
    "rhd": np.array([0, *(4 * finger + joint for finger in range(5) for joint in (4, 3, 2, 1))]),
}
BOXES = ("file", "keypoints")
_FINGERS = ("thumb", "index|fore", "middle", "ring", "little|pinky")
_THUMB, _FINGER = ("cmc", "mcp", "ip", "tip"), ("mcp", "pip", "dip", "tip")
# Possible names of a keypoint: joints are counted from base to tip, or named.
_NAMES = ["wrist|root"] + [
    rf"({finger}).*({number}|[^a-z]{joint})$"
    for finger in _FINGERS
    for number, joint in enumerate(_THUMB if finger == "thumb" else _FINGER, start=1)
]


@dataclass(frozen=True, eq=False)
class LabelledHand:
    """One hand whose keypoints are known.

    Args:
        xy: (21, 2) pixels in the order of `skeletons.HAND`; NaN where a keypoint is not labelled,
            and everywhere if only the box is known. A read-only float64 copy is kept.
        box: (x, y, width, height) in pixels. It is the unit of PCK, and the crop is centred on it.
        side: "left", "right" or None where the file does not say.
    """

    xy: FloatArray
    box: Box
    side: Side | None = None

    def __post_init__(self) -> None:
        """Check the shapes and keep a read-only copy."""
        xy = np.array(self.xy, dtype=np.float64)
        if xy.shape != (len(HAND), 2):
            raise ValueError(f"expected ({len(HAND)}, 2) keypoints of a hand, got {xy.shape}")
        if self.side not in (*SIDES, None):
            raise ValueError(f'expected the side "left", "right" or None, got {self.side!r}')
        xy[~np.isfinite(xy).all(axis=-1)] = np.nan
        xy.setflags(write=False)
        object.__setattr__(self, "xy", xy)
        object.__setattr__(self, "box", check_box(self.box))

    @classmethod
    def from_keypoints(cls, xy: FloatArray, side: Side | None = None) -> "LabelledHand":
        """Return a hand whose box is the smallest one around its labelled keypoints."""
        return cls(xy, keypoints_box(xy), side)


@dataclass(frozen=True, eq=False)
class LabelledImage:
    """An image with all its labelled hands.

    Args:
        image: A path, or (H, W, 3) uint8 RGB.
        hands: The hands in it; an image without hands has an empty tuple.
        crowds: Boxes (x, y, width, height) that may contain more hands: COCO's crowds.
    """

    image: Path | Pixels
    hands: tuple[LabelledHand, ...]
    crowds: tuple[Box, ...] = ()


def keypoints_box(xy: ArrayLike) -> Box:
    """Return the smallest box (x, y, width, height) around the keypoints that are not NaN.

    Args:
        xy: (k, 2) pixels.

    Returns:
        The box from the smallest to the largest coordinate. Its sides are at least one pixel long,
        so that a single keypoint has a box too. By the convention of `core.boxes`, x is the
        coordinate of the first pixel inside the box, half a pixel to the right of its edge.

    Raises:
        ValueError: All keypoints are NaN.

    Example:
        >>> keypoints_box([[10, 20], [30, 25], [np.nan, np.nan]])
        (10.5, 20.5, 20.0, 5.0)
    """
    middle, extent = keypoint_extent(np.asarray(xy, dtype=np.float64))
    if np.isnan(middle).any():
        raise ValueError("a box around keypoints needs at least one keypoint that is not NaN")
    size = np.maximum(extent, 1.0)
    x, y = middle - (size - 1) / 2
    return float(x), float(y), float(size[0]), float(size[1])


def read_labels(
    path: str | Path,
    images: str | Path | None = None,
    *,
    order: str = "auto",
    boxes: str = "file",
    limit: int | None = None,
) -> list[LabelledImage]:
    """Read the labelled hands of a label file.

    Args:
        path: The JSON file.
        images: The folder to which the `file_name` entries are relative. Defaults to the label
            file's own folder, as in the files of `write_labels`.
        order: Order of the keypoints: "openpose" (base to tip of each finger), "rhd" (tip to base),
            or "auto", which uses the keypoint names and the description in the file.
        boxes: "file" takes the box of each annotation, which is wider than the keypoints in many
            files; an annotation without a box gets the smallest box around its keypoints.
            "keypoints" always takes the smallest box around the labelled keypoints.
        limit: The maximum number of images to read, from the beginning of the file.

    Returns:
        One entry per image, in the order of the file, including images without hands. Hands that
        are marked as not valid are left out, as are hands with neither a labelled keypoint nor a
        box. Crowds keep only their box. A keypoint of visibility 0 is NaN. Coordinates are not
        shifted: an integer is the centre of a pixel.

    Raises:
        DataError: The file is not a JSON label file, the names of its keypoints are unknown, or
            images are missing from the folder.
        FileNotFoundError: The label file does not exist.
    """
    for name, value, choices in (("order", order, ("auto", *ORDERS)), ("boxes", boxes, BOXES)):
        if value not in choices:
            raise ValueError(f"expected {name} to be one of {', '.join(choices)}, got {value!r}")
    path, data = Path(path), load_labels(path)
    paths = image_paths(path, data, images)
    hands, crowds = _read_hands(path, data, order, boxes == "file"), _read_crowds(path, data)
    warn_of_unlisted(path, "hands", hands, paths)
    chosen = list(paths.items())[:limit]
    require_images(path, list(zip(data["images"], paths.values(), strict=True))[:limit])
    return [
        LabelledImage(image, tuple(hands.get(number, ())), tuple(crowds.get(number, ())))
        for number, image in chosen
    ]


def write_labels(
    path: str | Path,
    hands: Mapping[str | Path, Sequence[Hand | LabelledHand]],
    *,
    crowds: Mapping[str | Path, Sequence[BoxLike]] | None = None,
    description: str = "openpose_keras",
    force: bool = False,
) -> None:
    """Write the labelled hands of some images as a new label file.

    Args:
        path: The label file. Its folder must exist.
        hands: A mapping from the path of each image to the hands in it, in pixels of the image as
            `read_image` returns it. A missing keypoint (NaN) counts as not labelled. Images without
            hands are written too. A `Hand` without any keypoint is left out. The box of a `Hand` is
            the region that was searched, so the smallest box around its keypoints is written
            instead. A `LabelledHand` keeps its box.
        crowds: A mapping from the path of an image to the boxes that may contain more hands. They
            are written as COCO's crowds.
        description: The description to store in the file.
        force: Whether to replace an existing file.

    Raises:
        FileExistsError: The file exists, and `force` is not set.
        FileNotFoundError: The folder does not exist.
        ImageError: An image can't be read.

    Example:
        write_labels("photos/labels.json", {"photos/1.jpg": estimator(read_image("photos/1.jpg"))})
    """
    require_writable(path, force=force)
    data: Json = {"info": {"description": description}, "images": [], "annotations": []}
    data["categories"] = [category(1, "hand", HAND)]
    for number, (image, found) in enumerate(hands.items(), start=1):
        data["images"].append(image_entry(Path(image), Path(path), number))
        data["annotations"] += _annotations(found, number, 1, len(data["annotations"]) + 1)
        for box in (crowds or {}).get(image, ()):
            about = {"id": len(data["annotations"]) + 1, "image_id": number, "category_id": 1}
            data["annotations"].append(about | {"iscrowd": 1} | _bbox(check_box(box)))
    write_json(path, data, force=force)


def add_labels(path: str | Path, image: str | Path, hands: Sequence[Hand | LabelledHand]) -> None:
    """Write the labelled hands of one image to a label file, replacing its previous hands.

    Everything else in the file is kept. If the file does not exist, it is created.

    Args:
        path: The label file. Its folder must exist.
        image: The image's path.
        hands: All hands in the image, as for `write_labels`.

    Raises:
        DataError: The file is not a label file, or it stores hands with another order of keypoints
            or as parts of whole bodies.
        FileNotFoundError: The folder does not exist.
        ImageError: The image can't be read.

    Example:
        add_labels("photos/labels.json", "photos/2.jpg", [corrected_hand])
    """
    path, image = Path(path), Path(image)
    if not path.exists():
        write_labels(path, {image: hands})
        return
    with entry_of(path, "an entry"):
        data = _with_hands(load_labels(path), path, image, hands)
    write_json(path, data, force=True)


def has_labels(path: str | Path, image: str | Path) -> bool:
    """Return whether a label file has an entry for an image.

    Args:
        path: The label file.
        image: The image's path.

    Raises:
        DataError: The file is not a label file.
        FileNotFoundError: The label file does not exist.
    """
    return bool(image_ids(load_labels(path), Path(path), Path(image)))


def _orders(data: Json, order: str = "auto") -> Mapping[str, IntArray]:
    """Map each category's id, as text, to the positions of the 21 keypoints in its lists."""
    if order != "auto":
        return defaultdict(lambda: ORDERS[order])
    about = str(data.get("info")).lower()
    usual = ORDERS["rhd" if "rhd" in about or "rendered hand" in about else "openpose"]
    orders = {
        str(each.get("id")): _order_by_names(tuple(each.get("keypoints") or ()), usual)
        for each in data["categories"]
    }
    # An annotation may leave out its category where there is only one.
    other = next(iter(orders.values())) if len(orders) == 1 else usual
    return defaultdict(lambda: other, orders)


def _order_by_names(names: tuple[object, ...], usual: IntArray) -> IntArray:
    """Return the positions of the 21 keypoints in a list, given the names in the list's order."""
    if names == HAND.keypoints:
        return ORDERS["openpose"]
    if usual is ORDERS["rhd"] or len(names) != len(HAND):
        return usual
    lower = [str(name).lower() for name in names]
    found = [[n for n, name in enumerate(lower) if re.search(part, name)] for part in _NAMES]
    if any(len(numbers) != 1 for numbers in found):
        raise ValueError(
            "expected names of 21 keypoints such as thumb1 or index_tip, each once, got "
            f"{', '.join(lower)}: rename them in the file, or state their order, openpose or "
            "rhd: `evaluate --order`, read_labels(path, order=...)"
        )
    return np.array(found)[:, 0]


def _read_hands(path: Path, data: Json, order: str, use_box: bool) -> dict[str, list[LabelledHand]]:
    """Map the id of each image, as text, to the hands of its annotations."""
    with entry_of(path, "a category"):
        orders = _orders(data, order)
    hands: defaultdict[str, list[LabelledHand]] = defaultdict(list)
    for number, annotation in enumerate(data["annotations"]):
        with entry_of(path, f"annotation {number}"):
            for hand in _hands(annotation, orders, use_box):
                hands[str(annotation["image_id"])].append(hand)
    if not hands and not all(map(is_crowd, data["annotations"])):
        raise DataError(
            f"{path}: expected 21 labelled keypoints a hand, 63 numbers; got no hand: people need "
            "a network of bodies, such as --preset body_25"
        )
    return hands


def _read_crowds(path: Path, data: Json) -> dict[str, list[Box]]:
    """Map the id of each image, as text, to the boxes of its crowds."""
    crowds: defaultdict[str, list[Box]] = defaultdict(list)
    for number, annotation in enumerate(data["annotations"]):
        with entry_of(path, f"annotation {number}"):
            box = annotation.get("bbox")
            if is_crowd(annotation) and np.size(box) == 4 and min(box[2:]) > 0:
                crowds[str(annotation["image_id"])].append(check_box(box))
    return crowds


def _hands(
    annotation: Json, orders: Mapping[str, IntArray], use_box: bool
) -> Iterator[LabelledHand]:
    """Yield the labelled hands of one annotation."""
    if is_crowd(annotation):
        return
    parts: list[list[Any]] = [
        [annotation.get(f"{side}hand_kpts"), annotation.get(f"{side}hand_box"), side]
        for side in SIDES
        if annotation.get(f"{side}hand_valid")
    ]
    parts.append([annotation.get(name) for name in ("keypoints", "bbox", "hand_type")])
    for points, box, side in parts:
        if np.size(points) != 3 * len(HAND):
            continue
        table = np.asarray(points, dtype=np.float64).reshape(-1, 3)
        xy = np.where(table[:, 2:] > 0, table[:, :2], np.nan)
        usable = use_box and np.size(box) == 4 and min(box[2:]) > 0
        if usable or not np.isnan(xy).all():
            xy = xy[orders[str(annotation.get("category_id"))]]
            known_side = side if side in SIDES else None
            yield LabelledHand(xy, box if usable else keypoints_box(xy), known_side)


def _with_hands(data: Json, path: Path, image: Path, hands: Sequence[Hand | LabelledHand]) -> Json:
    """Return a copy of a label file's content with the hands of one image replaced."""
    images, annotations, categories = data["images"], data["annotations"], data["categories"]
    named = [each for each in categories if len(each.get("keypoints") or ()) == len(HAND)]
    hand_category = named[0] if named else category(next_id(categories), "hand", HAND)
    by_person = any(f"{side}hand_kpts" in each for each in annotations for side in SIDES)
    if by_person or (_orders(data)[str(hand_category["id"])] != ORDERS["openpose"]).any():
        raise DataError(
            f"{path} keeps hands in another order, or as parts of whole bodies: choose the name of "
            "a new label file"
        )
    listed = image_ids(data, path, image)
    image_id = listed[0] if listed else next_id(images)
    kept = [
        each
        for each in annotations
        if str(each["image_id"]) != str(image_id)
        or each.get("category_id") not in (None, hand_category["id"])
    ]
    return data | {
        "images": images if listed else [*images, image_entry(image, path, image_id)],
        "annotations": kept
        + _annotations(hands, image_id, hand_category["id"], next_id(annotations)),
        "categories": categories if named else [*categories, hand_category],
    }


def _annotations(
    hands: Sequence[Hand | LabelledHand], image_id: object, category_id: object, first: int
) -> list[Json]:
    """Return the annotations of one image's hands; their ids count from `first`."""
    refuse_one(hands, "hands")
    entries: list[Json] = []
    for hand in hands:
        if not isinstance(hand, Hand | LabelledHand):
            raise TypeError(
                f"expected hands, got a {type(hand).__name__}: of people pass each person's hands"
            )
        labelled = np.asarray(np.isfinite(hand.xy).all(axis=-1))
        if not (isinstance(hand, LabelledHand) or labelled.any()):
            continue
        box = hand.box if isinstance(hand, LabelledHand) else keypoints_box(hand.xy)
        xy = np.where(labelled[:, None], hand.xy, 0).round(2)
        entry = {
            "id": first + len(entries),
            "image_id": image_id,
            "category_id": category_id,
            "iscrowd": 0,
            "keypoints": np.column_stack([xy, 2 * labelled]).ravel().tolist(),
            "num_keypoints": int(labelled.sum()),
        }
        entries.append(entry | _bbox(box) | ({"hand_type": hand.side} if hand.side else {}))
    return entries


def _bbox(box: Box) -> Json:
    """Return the entries of an annotation that describe its box."""
    return {"bbox": box_entry(box), "area": round(float(box[2] * box[3]), 2)}
