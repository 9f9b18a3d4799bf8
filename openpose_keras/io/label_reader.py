"""A reader of COCO-style JSON files with 21 keypoints a hand: our own label files and others'.

Three kinds of annotation are understood, also mixed in one file:

- `bbox` and `keypoints`, as OneHand10K, FreiHAND, CMU Panoptic HandDB and RHD are shared in
  MMPose's form (docs/en/dataset_zoo/2d_hand_keypoint.md of open-mmlab/mmpose); `keypoints` flat
  (63) or as (21, 3).
- `lefthand_box`, `lefthand_kpts`, `lefthand_valid` and the same for `righthand`, as COCO-WholeBody
  has them.
- Either with RHD's order, which runs from tip to base inside a finger.

**RHD.** The file of MMPose lists its keypoints in RHD's own order (wrist, then thumb tip to thumb
base, and so on), but its `categories` name them from base to tip like every other file's. So names
can't be trusted: with `order="auto"` a file is RHD's when its `info.description` says so, or when
its names really do run from `thumb4` to `thumb1`. Say `order="rhd"` or `order="openpose"` where a
file says nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from openpose_keras.core.errors import DataError
from openpose_keras.core.keypoints import SIDES
from openpose_keras.core.skeletons import HAND
from openpose_keras.io.coco import is_tip_first, load_labels
from openpose_keras.io.labels import LabelledHand, LabelledImage, keypoints_box

ORDERS = ("auto", "openpose", "rhd")
BOXES = ("file", "keypoints")


def read_samples(
    path: str | Path,
    images: str | Path | None = None,
    *,
    order: str = "auto",
    boxes: str = "file",
    limit: int | None = None,
) -> list[LabelledImage]:
    """Read the labelled hands of a COCO-style JSON file.

    Args:
        path: The JSON file, with the lists `images` and `annotations`.
        images: The folder that the file's `file_name` entries start from; None for the file's own
            folder, as in the files that `labels.write_labels` writes.
        order: Order of the keypoints inside a finger: "openpose" (base to tip), "rhd" (tip to
            base), or "auto" (see the module's text).
        boxes: "file" takes each annotation's box, which many files draw wider than the keypoints,
            and the keypoints' own box where it has none; "keypoints" always takes the smallest box
            around the labelled keypoints.
        limit: Stop after this many images of the file, in the file's order.

    Returns:
        One entry an image, in the file's order; also images without a hand, which tell a finder's
        false hands. Crowds, hands marked as not valid and hands without a labelled keypoint are
        left out. A keypoint of visibility 0 is NaN. Coordinates are taken as they are: an integer
        is a pixel's centre.

    Raises:
        DataError: The file is not such a JSON file, or images are not in the folder.
        FileNotFoundError: There is no such file.
    """
    _check_choice("order", order, ORDERS)
    _check_choice("boxes", boxes, BOXES)
    data = load_labels(path)
    tip_first = order == "rhd" or (order == "auto" and is_tip_first(data))
    hands: dict[object, list[LabelledHand]] = {}
    for number, annotation in enumerate(data["annotations"]):
        try:
            found = list(_annotation_hands(annotation, tip_first, boxes))
            hands.setdefault(annotation["image_id"], []).extend(found)
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"{path}: annotation {number} is not readable: {_say(error)}"
            ) from error
    folder = Path(path).parent if images is None else Path(images)
    return _gather(Path(path), data["images"][:limit], folder, hands)


def _gather(
    path: Path, entries: list[Mapping[str, object]], folder: Path, hands: dict[object, list]
) -> list[LabelledImage]:
    """Put images and hands together; make sure that no image is missing before a long run."""
    try:
        samples = [
            LabelledImage(folder / str(entry["file_name"]), tuple(hands.get(entry["id"], ())))
            for entry in entries
        ]
    except (KeyError, TypeError) as error:
        raise DataError(f"{path}: an image entry is not readable: {_say(error)}") from error
    lost = [sample.image for sample in samples if not sample.image.is_file()]
    if lost:
        raise DataError(
            f"{len(lost)} of {len(samples)} images of {path} are missing, the first is {lost[0]}: "
            "give the folder that the file names start from"
        )
    return samples


def _annotation_hands(
    annotation: Mapping[str, object], tip_first: bool, boxes: str
) -> Iterator[LabelledHand]:
    """Give the hands of one annotation: of a whole body two at most, else one at most."""
    if not isinstance(annotation, Mapping):
        raise TypeError(f"it must be an object, not {type(annotation).__name__}")
    if annotation.get("iscrowd"):
        return
    if "lefthand_kpts" in annotation or "righthand_kpts" in annotation:
        for side in SIDES:
            if annotation.get(f"{side}hand_valid"):
                points, box = annotation[f"{side}hand_kpts"], annotation.get(f"{side}hand_box")
                yield from _hand(points, box, side, tip_first, boxes)
    else:
        side = annotation.get("hand_type")
        side = side if side in SIDES else None
        yield from _hand(annotation["keypoints"], annotation.get("bbox"), side, tip_first, boxes)


def _hand(
    points: Sequence, box: Sequence[float] | None, side: str | None, tip_first: bool, boxes: str
) -> Iterator[LabelledHand]:
    """Give the hand, or nothing where no keypoint is labelled."""
    table = np.asarray(points, dtype=np.float64)
    if table.size != 3 * len(HAND):
        raise ValueError(f"expected {3 * len(HAND)} numbers x, y, visibility, not {table.size}")
    table = table.reshape(len(HAND), 3)
    if tip_first:
        # Wrist first, then each finger of four the other way round.
        table = np.concatenate([table[:1], table[1:].reshape(5, 4, 3)[:, ::-1].reshape(20, 3)])
    xy = np.where(table[:, 2:] > 0, table[:, :2], np.nan)
    if np.isnan(xy).all():
        return
    usable = boxes == "file" and box is not None and len(box) == 4 and min(box[2:]) > 0
    yield LabelledHand(xy, tuple(box) if usable else keypoints_box(xy), side)


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise unless the value is one of the choices."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, not {value!r}")


def _say(error: Exception) -> str:
    """Put an error into words: a KeyError only knows the key."""
    return f"it has no {error}" if isinstance(error, KeyError) else str(error)
