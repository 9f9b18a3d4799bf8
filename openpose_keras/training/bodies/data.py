"""Augmented samples of body networks: stick figures, labelled photos and photos for a teacher.

A source draws a sample of the network's input size with a random generator. Stick figures on noisy
backgrounds are labelled images for a first training, which are drawn very quickly. Their limbs have
the colours of the skeleton, so that a network can distinguish left from right, and a forearm from a
shin, in a small part of the image.

Data augmentation is applied to the image, the keypoints and the marks of people without labels. Its
ranges are those of CMU's trainer and of the Keras port (training/dataset.py of
keras_Realtime_Multi-Person_Pose_Estimation). Pixels outside the image are black, as in inference,
whereas they are grey in the reference.
"""

import cmath
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from openpose_keras.core._opencv import cv2
from openpose_keras.core.boxes import Box, keypoint_extent
from openpose_keras.core.errors import DataError
from openpose_keras.core.skeletons import BODY_MPI, Skeleton
from openpose_keras.estimators.body import BODY_NETWORKS
from openpose_keras.geometry.rotated_crop import RotatedCrop
from openpose_keras.io.coco_people import LabelledPeople, read_people_labels, unlabelled_mask
from openpose_keras.io.images import read_image
from openpose_keras.training.augment import add_noise, augment_photometric
from openpose_keras.training.backgrounds import image_files, sample_background
from openpose_keras.training.config import TrainConfig

_HELD_OUT = 7  # every so many photos one is for validation
_EMPTY = 0.1  # of the samples of labelled photos show nobody, where there are such photos
# Of each joint the one that it hangs on, where it lies from there in a person of height 1 who
# stands (the right side of a person seen from the front), and the spread of its angle in degrees.
_JOINTS: dict[str, tuple[str, float, float, float]] = {
    "head": ("neck", 0, -0.16, 8),
    "nose": ("neck", 0, -0.12, 8),
    "eye": ("nose", -0.03, -0.03, 5),
    "ear": ("nose", -0.07, -0.01, 5),
    "shoulder": ("neck", -0.1, 0.01, 6),
    "elbow": ("shoulder", -0.06, 0.17, 35),
    "wrist": ("elbow", -0.03, 0.16, 45),
    "chest": ("neck", 0, 0.19, 4),
    "mid_hip": ("neck", 0, 0.36, 4),
    "hip": ("neck", -0.07, 0.37, 4),
    "knee": ("hip", -0.03, 0.24, 15),
    "ankle": ("knee", -0.01, 0.23, 12),
    "heel": ("ankle", 0.02, 0.03, 5),
    "big_toe": ("ankle", -0.06, 0.05, 8),
    "small_toe": ("big_toe", -0.04, -0.01, 5),
}
_HEIGHTS = (0.4, 0.85)  # of the image's side
_THICKNESS = 0.035  # of a person's height
_TRIES = 20  # places for a person until there is one less
_SUBPIXEL = 4  # bits of OpenCV's coordinates
_PERSON = 0.6  # of the crop's side that a person takes, before it is scaled
_SCALES = (0.5, 1.1)
_MOST_DEGREES = 40.0
_AWAY = 40 / 368  # of the crop's side: how far its middle may lie from the person's along x or y
_MIRRORED = 0.5  # probability
_SHOWN = (0.5, 1.2)  # of the longer side of an image of which no person is known
_LEAST_EXTENT = 8.0  # pixels, so that a single keypoint is a person too


class BodySample(NamedTuple):
    """An image and the people in it.

    Args:
        image: (h, w, 3) uint8 RGB.
        people: (n, K, 2) keypoints in pixels of the image; NaN where there is no label.
        unlabelled: (h, w) bool, True where there are people without labels.
        known: (K,) bool, True for the keypoints that the labels contain; None for all of them.
        unsure: (n, K) bool, True if the labels do not determine whether a person's keypoint is
            visible, see `LabelledPerson.unsure`; None for all False. If it is False, NaN means that
            the keypoint is not visible.
        areas: (n,) areas of the people in square pixels, which scale the object keypoint
            similarity; None if they are unknown.
    """

    image: np.ndarray
    people: np.ndarray
    unlabelled: np.ndarray
    known: np.ndarray | None = None
    unsure: np.ndarray | None = None
    areas: np.ndarray | None = None


BodySource = Callable[[np.random.Generator], BodySample]
"""A function that draws a sample of the network's input size."""


class BodySources(NamedTuple):
    """The sources of the samples of a run.

    Args:
        training: Source of labelled samples for training.
        validation: Source of labelled samples for validation.
        taught: Source of photos for a teacher; None without a teacher.
        held_out: Number of photos held out for validation; None for drawn people.
    """

    training: BodySource
    validation: BodySource
    taught: BodySource | None = None
    held_out: int | None = None


def load_sources(config: TrainConfig) -> BodySources:
    """Create the sources of the samples of a run.

    Args:
        config: The configuration. Every seventh photo with people in its `labels` is held out.
            Photos without people are used for training.

    Raises:
        DataError: The label file is not valid, or contains fewer than two photos of people.
        FileNotFoundError: There are no photos for the teacher.
    """
    skeleton, _ = BODY_NETWORKS[config.network]
    if config.labels is None:
        source = drawn_source(skeleton, config.size)
        return BodySources(source, source)
    path = Path(config.labels)
    labelled = read_people_labels(path, path.parent, skeleton=None)
    photos = [each for each in labelled if each.people]
    if len(photos) < 2:
        raise DataError(f"{path}: expected two photos of people or more, got {len(photos)}")
    held_out = photos[::_HELD_OUT]
    rest = [each for number, each in enumerate(photos) if number % _HELD_OUT]
    print(f"trained on: {len(rest)} photos of people; held out: {len(held_out)}", flush=True)
    training, validation = (photo_source(some, skeleton, config.size) for some in (rest, held_out))
    empty = [each for each in labelled if not each.people]
    if empty:
        training = _mixture(training, photo_source(empty, skeleton, config.size), _EMPTY)
    files = image_files(config.photos) if config.photos else []
    taught = taught_source(files, skeleton, config.size) if files else None
    return BodySources(training, validation, taught, len(held_out))


def _mixture(source: BodySource, other: BodySource, fraction: float) -> BodySource:
    """Return a source that draws a fraction of its samples from another source."""
    return lambda rng: (other if rng.random() < fraction else source)(rng)


def drawn_source(skeleton: Skeleton, size: int) -> BodySource:
    """Return a source of drawn stick figures, see `stick_people`."""
    return lambda rng: stick_people(rng, size, skeleton=skeleton)


def photo_source(photos: Sequence[LabelledPeople], skeleton: Skeleton, size: int) -> BodySource:
    """Return a source of augmented labelled photos of any size, with equal probabilities.

    Args:
        photos: Photos from `io.coco_people.read_people_labels`. They are read when drawn.
        skeleton: The skeleton of the network.
        size: Side of a sample in pixels.
    """

    def draw(rng: np.random.Generator) -> BodySample:
        """Draw a sample."""
        photo = photos[int(rng.integers(len(photos)))]
        return augment_people(rng, read_sample(photo, skeleton), skeleton, size)

    return draw


def taught_source(files: Sequence[Path], skeleton: Skeleton, size: int) -> BodySource:
    """Return a source of photos without labels for a teacher, with equal probabilities.

    Args:
        files: The photos. They are read when drawn.
        skeleton: The skeleton of the network.
        size: Side of a sample in pixels.
    """

    def draw(rng: np.random.Generator) -> BodySample:
        """Draw a sample with photometric augmentation."""
        image = augment_photometric(rng, read_image(files[int(rng.integers(len(files)))]))
        nobody = np.empty((0, len(skeleton), 2))
        sample = BodySample(image, nobody, np.zeros(image.shape[:2], bool))
        return augment_people(rng, sample, skeleton, size)

    return draw


def read_sample(photo: LabelledPeople, skeleton: Skeleton) -> BodySample:
    """Convert a labelled photo to a sample with the keypoints of a network's skeleton.

    Args:
        photo: The photo and its people.
        skeleton: The skeleton of the network. Keypoints that the labels do not contain, such as the
            feet in COCO's 17, are ignored in the loss. So are the neck of a person with only one
            labelled shoulder, and the area of crowds; see `targets.target_weights`.
    """
    image = read_image(photo.image)
    people = [each for each in photo.people if not each.crowd and each.labelled.any()]
    xy = [each.converted(skeleton).xy for each in people]
    labels = photo.people[0].skeleton if photo.people else skeleton
    return BodySample(
        image,
        np.reshape(xy, (-1, len(skeleton), 2)),
        unlabelled_mask(photo.people, image.shape[:2]),
        np.array([bool(sources) for sources in labels.sources_of(skeleton)]),
        np.array([each.unsure(skeleton) for each in people], bool).reshape(-1, len(skeleton)),
        np.array([each.area for each in people]),
    )


def stick_people(
    rng: np.random.Generator, size: int, *, skeleton: Skeleton = BODY_MPI, most: int = 3
) -> BodySample:
    """Draw an image of stick figures with little occlusion.

    Args:
        rng: The random generator. The same state gives the same pixels.
        size: Side of the image in pixels.
        skeleton: One of the body skeletons.
        most: The maximum number of people. All numbers from 0 are equally likely.
    """
    people: list[np.ndarray] = []
    for _ in range(int(rng.integers(most + 1))):
        person = stick_person(rng, skeleton, size * rng.uniform(*_HEIGHTS))
        middle, extent = keypoint_extent(person)
        margin = (extent / 2).clip(max=(size - 1) / 2)
        for _ in range(_TRIES):
            xy = person + rng.uniform(margin, size - 1 - margin) - middle
            if not any(_meet(xy, other) for other in people):
                people.append(xy)
                break
    image = sample_background(rng, [], size)
    for xy in people:
        _draw(image, xy, skeleton)
    image = add_noise(image, rng.uniform(2, 14), rng)
    labels = np.reshape(people, (-1, len(skeleton), 2))
    return BodySample(image, labels, np.zeros((size, size), bool))


def stick_person(rng: np.random.Generator, skeleton: Skeleton, height: float) -> np.ndarray:
    """Return the keypoints (K, 2) of a person seen from the front, the neck at (0, 0).

    Args:
        rng: The random generator, which determines the pose.
        skeleton: One of the body skeletons.
        height: Height of the upright person in pixels.
    """
    places = {"neck": 0j}  # x + iy, as rotations are factors then
    for joint, (parent, x, y, spread) in _JOINTS.items():
        for side, sign in (("right", 1), ("left", -1)):
            away = height * complex(sign * x, y)
            turned = away * cmath.rect(1, math.radians(rng.normal(0, spread)))
            start = places[_own_name(parent, side, skeleton)]
            places[_own_name(joint, side, skeleton)] = start + turned
    xy = np.array([places[name] for name in skeleton.keypoints])
    return np.column_stack([xy.real, xy.imag])


def _own_name(joint: str, side: str, skeleton: Skeleton) -> str:
    """Return the name of a joint with its side, or without it if the skeleton has no such side."""
    name = f"{side}_{joint}"
    return name if name in skeleton.keypoints else joint


def _meet(xy: np.ndarray, other: np.ndarray) -> bool:
    """Return whether the bounding boxes of two people overlap."""
    (first, size), (second, other_size) = keypoint_extent(xy), keypoint_extent(other)
    return bool((np.abs(first - second) < (size + other_size) / 2).all())


def _draw(image: np.ndarray, xy: np.ndarray, skeleton: Skeleton) -> None:
    """Draw the limbs of a person on an image, each in the colour of its second keypoint."""
    thickness = max(2, round(_THICKNESS * float(keypoint_extent(xy)[1].max())))
    points = np.round(xy * 2**_SUBPIXEL).astype(int).tolist()
    for start, end in skeleton.edge_indices:
        color = skeleton.colors[end]
        cv2.line(image, points[start], points[end], color, thickness, cv2.LINE_AA, _SUBPIXEL)


def flip_people(sample: BodySample, skeleton: Skeleton) -> BodySample:
    """Return the mirror image, with left and right keypoints exchanged.

    Args:
        sample: The sample, which is not changed.
        skeleton: The skeleton of its people.
    """
    order = list(skeleton.mirror_indices)
    people = np.array([sample.image.shape[1] - 1, 0]) + sample.people[:, order] * np.array([-1, 1])
    image, unlabelled = sample.image[:, ::-1].copy(), sample.unlabelled[:, ::-1].copy()
    known = None if sample.known is None else sample.known[order]
    unsure = None if sample.unsure is None else sample.unsure[:, order]
    return BodySample(image, people, unlabelled, known, unsure, sample.areas)


def crop_people(sample: BodySample, box: Box, size: int, *, angle: float = 0.0) -> BodySample:
    """Crop a square box of an image, rotated about its centre, at the size of a network's input.

    Args:
        sample: The sample, which is not changed.
        box: (x, y, width, height) in pixels, square. It may extend outside the image.
        size: Side of the result in pixels.
        angle: Rotation of the content in radians, clockwise on the screen.

    Returns:
        A sample of (size, size) pixels. People may lie outside it.

    Raises:
        ValueError: The box, the size or the angle is not valid.
        ImageError: The box lies completely outside the image.
    """
    crop = RotatedCrop(box, size, angle)
    marked = crop.apply_image(np.where(sample.unlabelled, 255, 0).astype(np.uint8)) > 127
    image, people = crop.apply_image(sample.image), crop.apply_points(sample.people)
    areas = None if sample.areas is None else sample.areas * (size / box[2]) ** 2
    return sample._replace(image=image, people=people, unlabelled=marked, areas=areas)


def augment_people(
    rng: np.random.Generator, sample: BodySample, skeleton: Skeleton, size: int
) -> BodySample:
    """Augment a sample by a random crop around a random person.

    The size of the person is 0.3 to 0.66 of the crop's side. The crop is rotated by up to 40
    degrees, and its centre is up to 40 of 368 pixels from the person's. Half of the crops are
    mirrored.

    Args:
        rng: The random generator.
        sample: The sample, which is not changed. Without a labelled person, the crop is a square of
            0.5 to 1.2 of the longer side of the image, centred on any of its pixels.
        skeleton: The skeleton of its people.
        size: Side of the result in pixels.
    """
    labelled = np.flatnonzero(np.isfinite(sample.people).all(axis=2).any(axis=1))
    if len(labelled):
        middle, extent = keypoint_extent(sample.people[rng.choice(labelled)])
        side = max(float(extent.max()), _LEAST_EXTENT) / (_PERSON * rng.uniform(*_SCALES))
        middle = middle + rng.uniform(-_AWAY, _AWAY, 2) * side
    else:
        sides = np.array(sample.image.shape[1::-1])
        side = float(sides.max()) * rng.uniform(*_SHOWN)
        middle = rng.uniform(0, sides - 1)
    x, y = middle - (side - 1) / 2
    box = float(x), float(y), side, side
    angle = np.deg2rad(rng.uniform(-_MOST_DEGREES, _MOST_DEGREES))
    shown = crop_people(sample, box, size, angle=float(angle))
    return flip_people(shown, skeleton) if rng.random() < _MIRRORED else shown
