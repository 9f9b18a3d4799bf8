"""Find what looks like a hand and is not one: the negative samples that teach most."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from openpose_keras.core._opencv import cv2
from openpose_keras.core.boxes import box_from_points, box_iou, square_box
from openpose_keras.core.files import write_json
from openpose_keras.estimators.palms import PalmSearch
from openpose_keras.training.hands.photo_sets import TrainingPhoto

_SEARCH = PalmSearch(threshold=0.1)  # less sure than a search for hands is
_HAND = 1 / 1.6  # of a region's side that a hand takes


def photo_without_hands(image: np.ndarray, name: str) -> TrainingPhoto:
    """Return an image (h, w, 3) uint8 RGB that shows no hand as a photo of a set."""
    none = np.zeros((0, 4), np.float32)
    data = cv2.imencode(".png", image[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()
    return TrainingPhoto(name, name, data, (), none, none)


def mark_misleading(photos: Sequence[TrainingPhoto], cache: Path) -> list[TrainingPhoto]:
    """Add what MediaPipe's palm detector takes for a hand by mistake to `not_hands` of photos.

    Args:
        photos: Photos whose hands are known.
        cache: JSON file of what the detector found before; photos that it lacks are searched, and
            added to it.

    Returns:
        The same photos. What the detector finds where a hand is or may be is not marked.
    """
    known = json.loads(cache.read_text(encoding="utf8")) if cache.exists() else {}
    keys = [hashlib.sha256(photo.data).hexdigest() for photo in photos]
    missing = {key: photo for key, photo in zip(keys, photos, strict=True) if key not in known}
    searched = tqdm(
        missing.items(), unit="photo", desc="what looks like a hand", disable=not missing
    )
    for key, photo in searched:
        boxes = [square_box(region.box, _HAND) for region in _SEARCH(photo.image())]
        known[key] = np.round(boxes, 1).tolist()
    if missing:
        cache.parent.mkdir(parents=True, exist_ok=True)
        write_json(cache, known, force=True)
    return [_with_boxes(photo, known[key]) for key, photo in zip(keys, photos, strict=True)]


def _with_boxes(photo: TrainingPhoto, found: list[list[float]]) -> TrainingPhoto:
    """Add the boxes to a photo's `not_hands` that lie clear of its hands."""
    hands = [box_from_points(hand.xy, 1.2) for hand in photo.hands] + [*map(tuple, photo.doubtful)]
    clear = [box for box in found if all(box_iou(box, hand) == 0 for hand in hands)]
    boxes = np.reshape(np.array(clear, np.float32), (-1, 4))
    return photo._replace(not_hands=np.concatenate([photo.not_hands, boxes]))
