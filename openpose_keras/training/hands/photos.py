"""Photos of hands with known keypoints, to mix with rendered hands.

They are the photos of ardamavi/Sign-Language-Digits-Dataset at 4b09433e (Apache-2.0), one hand
each, 100x100 pixels, labelled by MediaPipe's network; or your own, from a label file. If the
background is plain, the hand can be cut out and placed over another one.
"""

import json
import math
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from openpose_keras.core._opencv import cv2
from openpose_keras.core.boxes import box_from_points
from openpose_keras.core.errors import TrainingError
from openpose_keras.core.skeletons import HAND
from openpose_keras.io.coco import LabelledHand, read_labels
from openpose_keras.io.images import decode_image, read_image
from openpose_keras.training.hands.render_cache import DrawnHand
from openpose_keras.training.hands.targets import hand_size

MIN_PRESENCE = 0.9
MAX_CHANGE_ON_RERUN = 0.03
_FIRST_NUMBER, _PHOTOS_A_PERSON = 1118, 10  # IMG_1118 .. IMG_1127: the first person's ten signs
_HELD_OUT = 0.15  # of the people, for validation
_SMALL = 128  # GrabCut works on a small photo twice as large, for a softer edge
_MAX_DETAIL = 10.0  # of a plain background, in grey levels; the digits' photos have below 8

MIN_LABELLED = 11  # keypoints: fewer do not show how large the hand is
MIN_SIDE, MAX_SIDE = 24, 160  # pixels of a hand: a smaller one is too coarse, a larger is shrunk
_CROP_FACTOR = 3.2  # side of a photo in hand sizes: it covers the sample at any angle

_PALM = [
    HAND.index(name) for name in ("wrist", "index_mcp", "middle_mcp", "ring_mcp", "little_mcp")
]


@dataclass(frozen=True, eq=False)
class LabelledPhoto:
    """A photo of one hand.

    Args:
        image: (h, w, 3) uint8 RGB, cropped around a hand's box.
        xy: (21, 2) float32 keypoints in pixels of the photo; NaN where unlabelled.
        person: A number that photos of one person have in common. For a label file it is the number
            of the image.
        file: The name of the photo in the archive or in the label file.
        right: 1.0 for a right hand, 0.0 for a left one, NaN if unknown.
    """

    image: np.ndarray
    xy: np.ndarray
    person: int
    file: str
    right: float = math.nan


def load_photos(folder: str | Path) -> list[LabelledPhoto]:
    """Load the photos of sign-language digits with trusted labels.

    Args:
        folder: Folder with `photos.tar` and `labels.json`.

    Returns:
        Photos with a presence above 0.9 and a change in a second run below 0.03, which are about
        half of them.

    Raises:
        FileNotFoundError: One of the two files is missing.
    """
    folder = Path(folder)
    labels = json.loads((folder / "labels.json").read_text(encoding="utf8"))["photos"]
    photos = []
    with tarfile.open(folder / "photos.tar") as archive:
        for label in labels:
            if label["presence"] > MIN_PRESENCE and label["change_on_rerun"] < MAX_CHANGE_ON_RERUN:
                file = archive.extractfile(label["file"])
                image = decode_image(file.read() if file else b"")
                xy = np.asarray(label["xy"], np.float32)
                photos.append(LabelledPhoto(image, xy, person_of(label["file"]), label["file"]))
    return photos


def person_of(file: str) -> int:
    """Return the person in a file; the camera's numbers cover ten signs per person."""
    return (int(Path(file).stem.rsplit("_", 1)[1]) - _FIRST_NUMBER) // _PHOTOS_A_PERSON


def load_labelled_photos(path: str | Path) -> list[LabelledPhoto]:
    """Load the hands of a label file.

    Each photo is cropped around its hand, and shrunk if the hand is larger than in training
    samples. Hands with fewer than 11 labelled keypoints or smaller than 24 pixels are left out.

    Args:
        path: A file of `write_labels`, or another label file that `read_labels` supports.

    Returns:
        One photo per hand.

    Raises:
        DataError: The file is not a label file, or an image is missing.
        TrainingError: No hand is left, or one lies outside its image.
        FileNotFoundError: There is no such file.
    """
    photos = []
    for number, sample in enumerate(read_labels(path)):
        usable = [hand for hand in sample.hands if _is_usable(hand)]
        if not usable:
            continue
        image = sample.image if isinstance(sample.image, np.ndarray) else read_image(sample.image)
        for hand in usable:
            right = {"right": 1.0, "left": 0.0}.get(hand.side or "", math.nan)
            photos.append(crop_hand(image, hand.xy, right, str(sample.image), number))
    if not photos:
        raise TrainingError(
            f"expected a hand of {MIN_LABELLED} labelled keypoints and {MIN_SIDE} pixels in "
            f"{path}, got none: label more keypoints or larger hands"
        )
    return photos


def _is_usable(hand: LabelledHand) -> bool:
    """Return whether a hand's size is known and large enough."""
    labelled = np.isfinite(hand.xy).all(axis=1).sum()
    return bool(labelled >= MIN_LABELLED) and hand_size(hand.xy) >= MIN_SIDE


def crop_hand(
    image: np.ndarray, xy: np.ndarray, right: float, file: str, person: int = 0
) -> LabelledPhoto:
    """Crop a photo around a hand with a margin for rotation, and shrink it if it is large.

    Args:
        image: (h, w, 3) uint8 RGB.
        xy: (21, 2) keypoints in pixels of the image, or NaN.
        right: As `LabelledPhoto.right`.
        file: The file of the photo.
        person: As `LabelledPhoto.person`.

    Raises:
        TrainingError: The hand lies outside the image.
    """
    x, y, width, height = box_from_points(xy, _CROP_FACTOR)
    left, top = max(0, round(x)), max(0, round(y))
    crop = image[top : max(0, round(y + height)), left : max(0, round(x + width))]
    if not crop.size:
        raise TrainingError(
            f"expected hands inside their image, got one outside of {file}: correct its label"
        )
    xy = xy - (left, top)
    scale = MAX_SIDE / hand_size(xy)
    if scale < 1:
        before = np.array(crop.shape[1::-1])
        size = np.maximum(1, np.round(before * scale)).astype(int)
        crop = np.asarray(cv2.resize(crop, size.tolist(), interpolation=cv2.INTER_AREA))
        xy = (xy + 0.5) * (size / before) - 0.5
    return LabelledPhoto(crop.copy(), xy.astype(np.float32), person, file, right)


def split_by_person(
    photos: list[LabelledPhoto],
) -> tuple[list[LabelledPhoto], list[LabelledPhoto]]:
    """Split photos deterministically into two sets with no person in common.

    Args:
        photos: The photos from `load_photos` or `load_labelled_photos`.

    Returns:
        Photos for training, and photos of about every seventh person, but at least one, for
        validation.

    Raises:
        TrainingError: The photos show fewer than two people, or come from fewer than two images.
    """
    people = np.unique([photo.person for photo in photos])
    if len(people) < 2:
        raise TrainingError(
            f"expected photos of at least two people, or two labelled images, got {len(people)}: "
            "add some, so that a part can be held out"
        )
    # A neighbouring number may be the same person's second round, so that whole runs are drawn.
    runs = np.array_split(people, max(min(len(people), 7), len(people) // 8))
    count = max(1, round(_HELD_OUT * len(runs)))
    drawn = np.random.default_rng(0).permutation(len(runs))[:count]
    held_out = set(np.concatenate([runs[index] for index in drawn]))
    shown = [photo for photo in photos if photo.person not in held_out]
    return shown, [photo for photo in photos if photo.person in held_out]


def cut_out(photo: LabelledPhoto) -> DrawnHand | None:
    """Cut the hand and its arm out of a plain background.

    Args:
        photo: The photo.

    Returns:
        The hand, enlarged twofold if the photo is small. None if GrabCut finds no hand, or the
        background is not plain enough.
    """
    scale = 2 if max(photo.image.shape) <= _SMALL else 1
    image = cv2.resize(photo.image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    xy = (photo.xy + 0.5) * scale - 0.5
    mask = _initial_mask(image.shape[:2], xy)
    background, foreground = np.zeros((2, 1, 65))
    cv2.setRNGSeed(0)
    bgr = np.ascontiguousarray(image[..., ::-1])
    cv2.grabCut(bgr, mask, (0, 0, 0, 0), background, foreground, 4, cv2.GC_INIT_WITH_MASK)
    hand = ((mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD)).astype(np.uint8)
    hand = np.asarray(cv2.morphologyEx(hand, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)))
    if not 0.05 < hand.mean() < 0.6 or _background_detail(image, hand) > _MAX_DETAIL:
        return None
    # One pixel inwards, so that no edge of the old background remains.
    alpha = cv2.GaussianBlur(cv2.erode(hand, np.ones((3, 3), np.uint8)) * 255, (0, 0), 1.0)
    return _drawn(image, alpha, xy, photo.right)


def opaque(photo: LabelledPhoto) -> DrawnHand:
    """Return the hand with the whole photo, with alpha 255 everywhere."""
    alpha = np.full(photo.image.shape[:2], 255, np.uint8)
    return _drawn(photo.image, alpha, photo.xy, photo.right)


def _drawn(image: np.ndarray, alpha: np.ndarray, xy: np.ndarray, right: float) -> DrawnHand:
    """Return a hand with unknown depth."""
    xyz = np.column_stack([xy, np.full(len(xy), np.nan)]).astype(np.float32)
    return DrawnHand(np.dstack([image, alpha]), xyz, right)


def _background_detail(image: np.ndarray, hand: np.ndarray) -> float:
    """Return the standard deviation of the background minus its blurred version, in grey levels."""
    background = (cv2.dilate(hand, np.ones((9, 9), np.uint8)) == 0).astype(np.float32)
    if not background.any():
        return np.inf
    visible = image * background[..., None]
    fine, coarse = (
        cv2.GaussianBlur(visible, (0, 0), sigma)
        / np.maximum(cv2.GaussianBlur(background, (0, 0), sigma), 1e-3)[..., None]
        for sigma in (1.0, 10.0)
    )
    return float(np.sqrt(np.mean((fine - coarse)[background > 0] ** 2)))


def _initial_mask(shape: tuple[int, ...], xy: np.ndarray) -> np.ndarray:
    """Return GrabCut's mask: the bones are hand, their surroundings and the arm possibly."""
    known = np.isfinite(xy).all(axis=1)
    points = np.round(np.where(known[:, None], xy, 0)).astype(np.int32)
    bones = [points[list(edge)].tolist() for edge in HAND.edge_indices if known[list(edge)].all()]
    width = max(3, int(0.05 * hand_size(xy)))
    near = np.zeros(shape, np.uint8)
    cv2.fillConvexPoly(near, cv2.convexHull(points[known]), 1)
    near = np.asarray(cv2.dilate(near, np.ones((6 * width,) * 2)))
    mask = np.where(near > 0, np.uint8(cv2.GC_PR_BGD), np.uint8(cv2.GC_BGD))
    wrist, middle = _PALM[0], _PALM[2]
    if known[wrist] and known[middle]:  # the arm leaves the hand opposite the middle finger
        away = 2 * points[wrist] - points[middle]
        cv2.line(mask, points[wrist].tolist(), away.tolist(), int(cv2.GC_PR_FGD), 8 * width)
    for first, second in bones:
        cv2.line(mask, first, second, int(cv2.GC_PR_FGD), 3 * width)
    palm = [index for index in _PALM if known[index]]
    if len(palm) > 2:
        cv2.fillConvexPoly(mask, points[palm], int(cv2.GC_FGD))
    for first, second in bones:
        cv2.line(mask, first, second, int(cv2.GC_FGD), width)
    return mask
