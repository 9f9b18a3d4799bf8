"""Augmentation of images of people: turned, scaled, mirrored, cropped, with all that is known.

What the augmentation does to an image it does to the keypoints and to the marks of people without
labels. The ranges are those of CMU's trainer and of the Keras port (training/dataset.py of
keras_Realtime_Multi-Person_Pose_Estimation). Beyond the image all is black, as in inference, where
the reference has grey.
"""

from typing import NamedTuple

import numpy as np

from openpose_keras.core.boxes import Box, keypoint_extent
from openpose_keras.core.skeletons import Skeleton
from openpose_keras.geometry.rotated_crop import RotatedCrop

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
        known: (K,) bool, True for the keypoints that the labels know at all; None for all of them.
        unsure: (n, K) bool, True where the labels do not tell whether a person's keypoint can be
            seen, see `LabelledPerson.unsure`; None for nowhere. Elsewhere NaN says that it cannot.
        areas: (n,) square pixels of the people, the unit of the object keypoint similarity; None
            where nobody measured them.
    """

    image: np.ndarray
    people: np.ndarray
    unlabelled: np.ndarray
    known: np.ndarray | None = None
    unsure: np.ndarray | None = None
    areas: np.ndarray | None = None


def flip_people(sample: BodySample, skeleton: Skeleton) -> BodySample:
    """Return the mirror image; a left arm is a right one there.

    Args:
        sample: The sample; it stays as it is.
        skeleton: Of its people.
    """
    order = list(skeleton.mirror_indices)
    people = np.array([sample.image.shape[1] - 1, 0]) + sample.people[:, order] * np.array([-1, 1])
    image, unlabelled = sample.image[:, ::-1].copy(), sample.unlabelled[:, ::-1].copy()
    known = None if sample.known is None else sample.known[order]
    unsure = None if sample.unsure is None else sample.unsure[:, order]
    return BodySample(image, people, unlabelled, known, unsure, sample.areas)


def crop_people(sample: BodySample, box: Box, size: int, *, angle: float = 0.0) -> BodySample:
    """Return a square box of an image, rotated about its middle, at the size of a network's input.

    Args:
        sample: The sample; it stays as it is.
        box: (x, y, width, height) in pixels, square; it may reach outside the image.
        size: Side of the result in pixels.
        angle: Radians by which the content rotates, clockwise on the screen.

    Returns:
        A sample of (size, size) pixels. People may lie outside it.

    Raises:
        ValueError: The box, the size or the angle is not valid.
        ImageError: The box lies wholly outside the image.
    """
    crop = RotatedCrop(box, size, angle)
    marked = crop.apply_image(np.where(sample.unlabelled, 255, 0).astype(np.uint8)) > 127
    image, people = crop.apply_image(sample.image), crop.apply_points(sample.people)
    areas = None if sample.areas is None else sample.areas * (size / box[2]) ** 2
    return sample._replace(image=image, people=people, unlabelled=marked, areas=areas)


def augment_people(
    rng: np.random.Generator, sample: BodySample, skeleton: Skeleton, size: int
) -> BodySample:
    """Show the network one person at random, and whoever is around.

    The person takes 0.3 to 0.66 of the crop's side; the crop is rotated by up to 40 degrees and its
    middle lies up to 40 of 368 pixels off the person's; every other one is mirrored.

    Args:
        rng: The random generator.
        sample: The sample; it stays as it is. Without a labelled person a square of 0.5 to 1.2 of
            the longer side of the image is shown, about any of its pixels.
        skeleton: Of its people.
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
