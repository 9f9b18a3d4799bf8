"""Photos of hands whose keypoints a teacher network found, to mix with rendered hands.

The photos are ardamavi/Sign-Language-Digits-Dataset at 4b09433e (Apache-2.0): one hand, 100x100
pixels, plain ground. Their ground is plain, so that the hand can be cut out and put before another
one.
"""

import io
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from openpose_keras._opencv import cv2
from openpose_keras.skeletons import HAND
from openpose_keras.training.errors import TrainingError
from openpose_keras.training.targets import hand_size

CutOut = tuple[np.ndarray, np.ndarray]

MIN_PRESENCE = 0.9
MAX_CHANGE_ON_RERUN = 0.03
_FIRST_NUMBER, _PHOTOS_A_PERSON = 1118, 10  # IMG_1118 .. IMG_1127: the first person's ten signs
_CUT_SCALE = 2  # GrabCut works on the enlarged photo, for a softer edge


@dataclass(frozen=True, eq=False)
class LabelledPhoto:
    """A photo of one hand.

    Attributes:
        image: (100, 100, 3) uint8 RGB.
        xy: (21, 2) float32 keypoints in pixels of the photo, by the teacher.
        person: a number that photos of one person share.
        file: its name in the archive.
    """

    image: np.ndarray
    xy: np.ndarray
    person: int
    file: str


def load_photos(folder: str | Path) -> list[LabelledPhoto]:
    """Load the photos whose labels can be trusted.

    Args:
        folder: holds `photos.tar` and `labels.json`.

    Returns:
        Photos with a presence above 0.9 and a change on a second run below 0.03: about half.

    Raises:
        FileNotFoundError: One of the two files is missing.
    """
    folder = Path(folder)
    for name in ("photos.tar", "labels.json"):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"expected {name} in {folder}; found no such file")
    labels = json.loads((folder / "labels.json").read_text(encoding="utf8"))["photos"]
    photos = []
    with tarfile.open(folder / "photos.tar") as archive:
        for label in labels:
            if label["presence"] > MIN_PRESENCE and label["change_on_rerun"] < MAX_CHANGE_ON_RERUN:
                data = io.BytesIO(archive.extractfile(label["file"]).read()).getbuffer()
                image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
                xy = np.asarray(label["xy"], np.float32)
                photos.append(LabelledPhoto(image, xy, person_of(label["file"]), label["file"]))
    return photos


def person_of(file: str) -> int:
    """Tell whose hand a file shows: the camera's numbers run through ten signs a person."""
    return (int(Path(file).stem.rsplit("_", 1)[1]) - _FIRST_NUMBER) // _PHOTOS_A_PERSON


def split_by_person(
    photos: list[LabelledPhoto], *, share: float = 0.15, seed: int = 0
) -> tuple[list[LabelledPhoto], list[LabelledPhoto]]:
    """Split so that no person is on both sides.

    Args:
        photos: what `load_photos` gave.
        share: of the persons, for validation.
        seed: of the draw.

    Returns:
        Photos for training, photos for validation.

    Raises:
        TrainingError: They show fewer than two people.
    """
    people = np.unique([photo.person for photo in photos])
    if len(people) < 2:
        raise TrainingError(f"expected photos of at least two people to split, got {len(people)}")
    # A neighbouring number may be the same person's second round, so that whole runs are drawn.
    runs = np.array_split(people, max(2, len(people) // 8))
    drawn = np.random.default_rng(seed).permutation(len(runs))[: max(1, round(share * len(runs)))]
    held = {int(person) for index in drawn for person in runs[index]}
    return (
        [photo for photo in photos if photo.person not in held],
        [photo for photo in photos if photo.person in held],
    )


def cut_out(photo: LabelledPhoto) -> CutOut | None:
    """Cut the hand and its arm out of the plain ground.

    Args:
        photo: one of `load_photos`.

    Returns:
        (h, w, 4) uint8, RGB not multiplied by alpha, of twice the photo's size, and the keypoints
        in it; None where the cut fails.
    """
    image = cv2.resize(
        photo.image, None, fx=_CUT_SCALE, fy=_CUT_SCALE, interpolation=cv2.INTER_CUBIC
    )
    xy = (photo.xy + 0.5) * _CUT_SCALE - 0.5
    mask = _seed_mask(image.shape[:2], xy)
    models = np.zeros((2, 1, 65))
    cv2.setRNGSeed(0)
    cv2.grabCut(
        np.ascontiguousarray(image[..., ::-1]),
        mask,
        None,
        models[0],
        models[1],
        4,
        cv2.GC_INIT_WITH_MASK,
    )
    hand = ((mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD)).astype(np.uint8)
    hand = cv2.morphologyEx(hand, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    if not 0.05 < hand.mean() < 0.6:
        return None
    # One pixel inwards, so that no rim of the old ground comes along.
    alpha = cv2.GaussianBlur(cv2.erode(hand, np.ones((3, 3), np.uint8)) * 255, (0, 0), 1.0)
    return np.dstack([image, alpha]), xy


def opaque(photo: LabelledPhoto) -> np.ndarray:
    """Give the whole photo as (h, w, 4) uint8, alpha 255 everywhere."""
    return np.dstack([photo.image, np.full(photo.image.shape[:2], 255, np.uint8)])


def _seed_mask(shape: tuple[int, int], xy: np.ndarray) -> np.ndarray:
    """Say where the hand surely is (its bones), may be (round them, the arm), and where not."""
    points = np.round(xy).astype(np.int32)
    width = max(3, int(0.05 * hand_size(xy)))
    mask = np.full(shape, cv2.GC_BGD, np.uint8)
    cv2.fillConvexPoly(mask, cv2.convexHull(points), int(cv2.GC_PR_BGD))
    mask = np.where(
        cv2.dilate((mask != cv2.GC_BGD).astype(np.uint8), np.ones((6 * width,) * 2)) > 0, 2, 0
    )
    mask = np.ascontiguousarray(mask, np.uint8)
    away = points[0] + (points[0] - points[9])  # the arm leaves the hand opposite the middle finger
    cv2.line(mask, points[0].tolist(), away.tolist(), int(cv2.GC_PR_FGD), 8 * width)
    for first, second in HAND.edge_indices:
        cv2.line(
            mask, points[first].tolist(), points[second].tolist(), int(cv2.GC_PR_FGD), 3 * width
        )
    cv2.fillConvexPoly(mask, points[[0, 5, 9, 13, 17]], int(cv2.GC_FGD))
    for first, second in HAND.edge_indices:
        cv2.line(mask, points[first].tolist(), points[second].tolist(), int(cv2.GC_FGD), width)
    return mask
