"""Photos of hands whose keypoints are known, to mix with rendered hands.

Either those of ardamavi/Sign-Language-Digits-Dataset at 4b09433e (Apache-2.0), one hand each,
100x100 pixels, labelled by a teacher network; or your own, of a label file. Where the ground is
plain the hand can be cut out and put before another one; else it keeps its own ground.
"""

import io
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from openpose_keras.core._opencv import cv2
from openpose_keras.core.errors import TrainingError
from openpose_keras.core.skeletons import HAND
from openpose_keras.training.target_heatmaps import hand_size

CutOut = tuple[np.ndarray, np.ndarray]

MIN_PRESENCE = 0.9
MAX_CHANGE_ON_RERUN = 0.03
_FIRST_NUMBER, _PHOTOS_A_PERSON = 1118, 10  # IMG_1118 .. IMG_1127: the first person's ten signs
_SMALL = 128  # GrabCut works on a small photo twice as large, for a softer edge
_MAX_DETAIL = 10.0  # of a plain ground, in grey values; those of the teacher's photos have below 8


@dataclass(frozen=True, eq=False)
class LabelledPhoto:
    """A photo of one hand.

    Attributes:
        image: (h, w, 3) uint8 RGB, about a hand's box.
        xy: (21, 2) float32 keypoints in pixels of the photo; NaN where unlabelled.
        person: a number that photos of one person share; in a label file, hands of one picture.
        file: its name in the archive or in the label file.
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
        photos: what `load_photos` or `labelled.load_labelled` gave.
        share: of the persons, for validation; it is one of them at least.
        seed: of the draw.

    Returns:
        Photos for training, photos for validation.

    Raises:
        TrainingError: They show fewer than two people, or are of fewer than two pictures.
    """
    people = np.unique([photo.person for photo in photos])
    if len(people) < 2:
        raise TrainingError(
            "expected photos of at least two people, or two labelled pictures, so that one can be "
            f"held back; got {len(people)}"
        )
    # A neighbouring number may be the same person's second round, so that whole runs are drawn.
    runs = np.array_split(people, max(min(len(people), 7), len(people) // 8))
    drawn = np.random.default_rng(seed).permutation(len(runs))[: max(1, round(share * len(runs)))]
    held = {int(person) for index in drawn for person in runs[index]}
    return (
        [photo for photo in photos if photo.person not in held],
        [photo for photo in photos if photo.person in held],
    )


def cut_out(photo: LabelledPhoto) -> CutOut | None:
    """Cut the hand and its arm out of a plain ground.

    Args:
        photo: one of `load_photos` or `labelled.load_labelled`.

    Returns:
        (h, w, 4) uint8, RGB not multiplied by alpha, of twice a small photo's size, and the
        keypoints in it; None where the cut fails, or the ground is not plain enough to trust it.
    """
    scale = 2 if max(photo.image.shape) <= _SMALL else 1
    image = cv2.resize(photo.image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    xy = (photo.xy + 0.5) * scale - 0.5
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
    if not 0.05 < hand.mean() < 0.6 or _detail(image, hand) > _MAX_DETAIL:
        return None
    # One pixel inwards, so that no rim of the old ground comes along.
    alpha = cv2.GaussianBlur(cv2.erode(hand, np.ones((3, 3), np.uint8)) * 255, (0, 0), 1.0)
    return np.dstack([image, alpha]), xy


def opaque(photo: LabelledPhoto) -> np.ndarray:
    """Give the whole photo as (h, w, 4) uint8, alpha 255 everywhere."""
    return np.dstack([photo.image, np.full(photo.image.shape[:2], 255, np.uint8)])


def _detail(image: np.ndarray, hand: np.ndarray) -> float:
    """Measure how much there is to see on the ground: its deviation from its own blurred self."""
    ground = (cv2.dilate(hand, np.ones((9, 9), np.uint8)) == 0).astype(np.float32)
    if not ground.any():
        return np.inf
    seen = image * ground[..., None]
    fine, coarse = (
        cv2.GaussianBlur(seen, (0, 0), sigma)
        / np.maximum(cv2.GaussianBlur(ground, (0, 0), sigma), 1e-3)[..., None]
        for sigma in (1.0, 10.0)
    )
    return float(np.sqrt(np.mean((fine - coarse)[ground > 0] ** 2)))


def _seed_mask(shape: tuple[int, int], xy: np.ndarray) -> np.ndarray:
    """Say where the hand surely is (its bones), may be (round them, the arm), and where not."""
    known = np.isfinite(xy).all(axis=1)
    points = np.round(np.where(known[:, None], xy, 0)).astype(np.int32)
    bones = [points[list(edge)] for edge in HAND.edge_indices if known[list(edge)].all()]
    width = max(3, int(0.05 * hand_size(xy)))
    near = np.zeros(shape, np.uint8)
    cv2.fillConvexPoly(near, cv2.convexHull(points[known]), 1)
    near = cv2.dilate(near, np.ones((6 * width,) * 2)) > 0
    mask = np.where(near, np.uint8(cv2.GC_PR_BGD), np.uint8(cv2.GC_BGD))
    if known[[0, 9]].all():  # the arm leaves the hand opposite the middle finger
        away = 2 * points[0] - points[9]
        cv2.line(mask, points[0].tolist(), away.tolist(), int(cv2.GC_PR_FGD), 8 * width)
    for first, second in bones:
        cv2.line(mask, first.tolist(), second.tolist(), int(cv2.GC_PR_FGD), 3 * width)
    palm = [index for index in (0, 5, 9, 13, 17) if known[index]]
    if len(palm) > 2:
        cv2.fillConvexPoly(mask, points[palm], int(cv2.GC_FGD))
    for first, second in bones:
        cv2.line(mask, first.tolist(), second.tolist(), int(cv2.GC_FGD), width)
    return mask
