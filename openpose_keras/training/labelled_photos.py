"""Your own photos, from a label file, as training wants them: one hand each, about its box."""

from pathlib import Path

import numpy as np

from openpose_keras.core._opencv import cv2
from openpose_keras.core.boxes import Box, box_from_points, box_iou
from openpose_keras.core.errors import TrainingError
from openpose_keras.io.coco import LabelledHand, keypoints_box, read_labels
from openpose_keras.io.images import read_image
from openpose_keras.training.photos import LabelledPhoto
from openpose_keras.training.target_heatmaps import hand_size

MIN_LABELLED = 11  # keypoints: of fewer one cannot tell how large the hand is
MIN_SIDE, MAX_SIDE = 24, 128  # pixels of a hand: below it is too coarse, above it is shrunk
_ROOM = (2.25, 1.8, 1.4)  # sides of a photo in sizes of its hand; the first leaves room to turn it


def load_labelled(path: str | Path) -> list[LabelledPhoto]:
    """Load the hands of a label file.

    A photo is cut about its hand, so narrow that it shows no other labelled hand where that is
    possible, and shrunk where the hand is larger than training shows it. Hands of fewer than 11
    labelled keypoints or below 24 pixels are left out.

    Args:
        path: what `io.coco.write_labels` writes, or another file that `io.coco.read_labels`
            reads, beside its pictures.

    Returns:
        One photo a hand; `person` is the picture's number in the file.

    Raises:
        DataError: It is no such file, or a picture is missing.
        TrainingError: No hand is left, or one lies outside its picture.
        FileNotFoundError: There is no such file.
    """
    found = []
    for number, sample in enumerate(read_labels(path)):
        usable = [hand for hand in sample.hands if _is_usable(hand)]
        image = read_image(sample.image) if usable else None
        for hand in usable:
            box = _box(hand, [other for other in sample.hands if other is not hand])
            part, xy = _cut(image, hand.xy, box)
            if not part.size:
                raise TrainingError(f"{path}: a hand lies outside of its picture {sample.image}")
            found.append(LabelledPhoto(part, xy, number, str(sample.image)))
    if not found:
        raise TrainingError(
            f"expected a hand of {MIN_LABELLED} labelled keypoints and {MIN_SIDE} pixels in {path}"
        )
    return found


def _is_usable(hand: LabelledHand) -> bool:
    """Tell whether a hand's size is known, and is enough."""
    labelled = np.isfinite(hand.xy).all(axis=1).sum()
    return labelled >= MIN_LABELLED and hand_size(hand.xy) >= MIN_SIDE


def _box(hand: LabelledHand, others: list[LabelledHand]) -> Box:
    """Give the widest box about a hand that shows no other, or the narrowest."""
    boxes = [box_from_points(hand.xy, room) for room in _ROOM]
    taken = [keypoints_box(other.xy) for other in others]
    free = [box for box in boxes if all(box_iou(box, other) == 0 for other in taken)]
    return (free or boxes[-1:])[0]


def _cut(image: np.ndarray, xy: np.ndarray, box: Box) -> tuple[np.ndarray, np.ndarray]:
    """Cut the part of an image that lies in a box, and shrink it where its hand is large."""
    x, y, width, height = box
    left, top = max(0, round(x)), max(0, round(y))
    part = image[top : max(0, round(y + height)), left : max(0, round(x + width))]
    xy = xy - (left, top)
    scale = MAX_SIDE / hand_size(xy)
    if part.size and scale < 1:
        before = np.array(part.shape[1::-1])
        size = np.maximum(1, np.round(before * scale)).astype(int)
        part = cv2.resize(part, size.tolist(), interpolation=cv2.INTER_AREA)
        xy = (xy + 0.5) * (size / before) - 0.5
    return part.copy(), xy.astype(np.float32)
