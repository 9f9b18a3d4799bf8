"""The samples of face_lite: crops about labelled faces, and crops without a face."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from openpose_keras.core.boxes import Box, box_from_points, box_iou, keypoint_extent, square_box
from openpose_keras.core.errors import TrainingError
from openpose_keras.core.skeletons import FACE
from openpose_keras.evaluation.faces import eye_distance
from openpose_keras.geometry import RotatedCrop
from openpose_keras.io.coco_people import LabelledPeople, LabelledPerson, read_people_labels
from openpose_keras.io.images import read_image
from openpose_keras.training.augment import augment_photometric
from openpose_keras.training.backgrounds import HELD_OUT_STEP, load_backgrounds
from openpose_keras.training.config import TrainConfig
from openpose_keras.training.hands.compose import add_occluder
from openpose_keras.training.label_sets import LABELS

NO_FACE = 0.15  # fraction of the samples
_MARGINS = (1.25, 2.4)  # side of a crop, in longer sides of the keypoints' extent
_OFF_CENTRE = 0.06  # standard deviation of the middle of a crop, of its side
_ROLLS = (15.0, 50.0)  # standard deviations in degrees, of most crops and of some
_ROLLED_FAR = 0.15  # fraction of the crops
_OCCLUDED = 0.2
_SIDES = (0.12, 0.7)  # of a crop without a face, of the photo's shorter side


class FaceSample(NamedTuple):
    """A network input and the face at its centre, if there is one.

    Args:
        image: (size, size, 3) uint8 RGB.
        xy: (70, 2) keypoints in pixels of the image, which may lie outside it; NaN for no face.
        presence: 1.0, or 0.0 for no face.
        unit: The distance in space between the outer corners of the eyes, in pixels; NaN for no
            face.
    """

    image: np.ndarray
    xy: np.ndarray
    presence: float
    unit: float


FaceSource = Callable[[np.random.Generator], FaceSample]
"""A function that draws a sample of the network's input size."""


class FaceSets(NamedTuple):
    """Labelled images, see `write_faces`.

    Args:
        heads: Images of rendered heads.
        photos: Photos with or without faces.
        backgrounds: (h, w, 3) uint8 RGB images for the surface of occluders. May be empty.
    """

    heads: list[LabelledPeople]
    photos: list[LabelledPeople]
    backgrounds: list[np.ndarray]


def load_face_sets(config: TrainConfig) -> tuple[FaceSets, FaceSets]:
    """Read the sets of a run, and hold out every eighth image for validation.

    Args:
        config: The configuration. Its `assets` contains folders whose names begin with "heads" and
            with "photos".

    Raises:
        TrainingError: The configuration names no assets, or they contain no heads or no photos of
            faces.
        DataError: A label file is not valid, or an image of it is missing.
    """
    backgrounds = load_backgrounds(config.backgrounds) if config.backgrounds else []
    heads, photos = (_read_sets(config.assets, kind) for kind in ("heads", "photos"))
    held_out = FaceSets(heads[::HELD_OUT_STEP], photos[::HELD_OUT_STEP], [])
    del heads[::HELD_OUT_STEP], photos[::HELD_OUT_STEP]
    return FaceSets(heads, photos, backgrounds), held_out


def _read_sets(assets: str | None, kind: str) -> list[LabelledPeople]:
    """Return the images of all sets of a kind."""
    images: list[LabelledPeople] = []
    for path in sorted(Path(assets or "").glob(f"{kind}*/{LABELS}")) if assets else ():
        images += read_people_labels(path, path.parent, skeleton=FACE)
    if not any(_faces(image) for image in images):
        raise TrainingError(
            f"expected faces in {assets}/{kind}*/{LABELS}, got none: write them with "
            "`openpose-keras render heads` and `openpose-keras render face_photos`"
        )
    return images


def _faces(image: LabelledPeople) -> list[LabelledPerson]:
    """Return the faces of an image with trusted keypoints."""
    return [face for face in image.people if not face.crowd]


def training_source(sets: FaceSets, config: TrainConfig) -> FaceSource:
    """Return a source of all kinds of training samples.

    Args:
        sets: The sets for training, the first result of `load_face_sets`.
        config: The configuration. Its `photo_fraction` is the fraction of faces from photos.
    """
    heads, photos = (face_source(each, config.size) for each in (sets.heads, sets.photos))
    nobody = no_face_source(sets.photos, config.size)

    def draw(rng: np.random.Generator) -> FaceSample:
        """Draw a sample."""
        if rng.random() < NO_FACE:
            sample = nobody(rng)
        else:
            sample = (photos if rng.random() < config.photo_fraction else heads)(rng)
        image = sample.image
        if sample.presence and rng.random() < _OCCLUDED:
            canvas = add_occluder(rng, image.astype(np.float32), sample.xy, sets.backgrounds)
            image = np.clip(canvas, 0, 255).astype(np.uint8)
        return sample._replace(image=augment_photometric(rng, image))

    return draw


def face_source(images: Sequence[LabelledPeople], size: int) -> FaceSource:
    """Return a source of crops around faces with equal probabilities, half of them mirrored.

    Args:
        images: Labelled images. They are read when drawn.
        size: Side of a sample in pixels.
    """
    owned = [(image.image, face) for image in images for face in _faces(image)]

    def draw(rng: np.random.Generator) -> FaceSample:
        """Draw a sample."""
        path, face = owned[int(rng.integers(len(owned)))]
        middle, extent = keypoint_extent(face.xy)
        side = float(extent.max() * np.exp(rng.uniform(*np.log(_MARGINS))))
        x, y = middle + side * rng.normal(0, _OFF_CENTRE, 2).clip(-0.15, 0.15) - (side - 1) / 2
        roll = _ROLLS[int(rng.random() < _ROLLED_FAR)]
        crop = RotatedCrop((x, y, side, side), size, math.radians(rng.normal(0, roll)))
        image, xy = crop.apply_image(read_image(path)), crop.apply_points(face.xy)
        if rng.random() < 0.5:
            image = image[:, ::-1].copy()
            xy = np.array([size - 1, 0]) + xy[list(FACE.mirror_indices)] * (-1, 1)
        return FaceSample(image, xy, 1.0, eye_distance(face) * size / side)

    return draw


def no_face_source(images: Sequence[LabelledPeople], size: int) -> FaceSource:
    """Return a source of crops that contain no part of a face: hands, clothes, walls.

    Args:
        images: Labelled photos. They are read when drawn.
        size: Side of a sample in pixels.
    """

    def draw(rng: np.random.Generator) -> FaceSample:
        """Draw a sample."""
        while True:
            photo = images[int(rng.integers(len(images)))]
            image = read_image(photo.image)
            extent = np.array(image.shape[1::-1])
            side = float(np.exp(rng.uniform(*np.log(_SIDES))) * extent.min())
            box = (*rng.uniform(-0.1 * side, extent - 0.9 * side).tolist(), side, side)
            shown = square_box(box, math.sqrt(2))  # at any angle
            if all(box_iou(shown, _around(face)) == 0 for face in photo.people):
                crop = RotatedCrop(box, size, rng.uniform(-np.pi, np.pi))
                nowhere = np.full((len(FACE), 2), np.nan)
                return FaceSample(crop.apply_image(image), nowhere, 0.0, np.nan)

    return draw


def _around(face: LabelledPerson) -> Box:
    """Return the square box of a face or of a crowd."""
    return square_box(face.box) if face.crowd else box_from_points(face.xy, 1.0)


def validation_sets(sets: FaceSets, config: TrainConfig) -> dict[str, list[FaceSample]]:
    """Draw validation samples from held-out images, without photometric augmentation.

    Args:
        sets: The sets for validation, the second result of `load_face_sets`.
        config: The configuration, with the size, number and seed of the samples.

    Returns:
        "heads", "photos" and "negative".
    """
    sources = {
        "heads": face_source(sets.heads, config.size),
        "photos": face_source(sets.photos, config.size),
        "negative": no_face_source(sets.photos, config.size),
    }
    found = {}
    for name, source in sources.items():
        rng = np.random.default_rng(config.seed)
        found[name] = [source(rng) for _ in range(config.validation_samples)]
    return found
