"""Stick people before noisy backgrounds: labelled images for a first training, drawn in no time.

Their limbs have the colours of the skeleton, so that a network may tell left from right, and a
forearm from a shin, by what it sees in a small part of the image.
"""

import cmath
import math

import numpy as np

from openpose_keras.core._opencv import cv2
from openpose_keras.core.boxes import keypoint_extent
from openpose_keras.core.skeletons import BODY_MPI, Skeleton
from openpose_keras.training.augment import add_noise
from openpose_keras.training.backgrounds import sample_background
from openpose_keras.training.bodies.augment import BodySample

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


def stick_people(
    rng: np.random.Generator, size: int, *, skeleton: Skeleton = BODY_MPI, most: int = 3
) -> BodySample:
    """Draw an image of people who hide one another only a little.

    Args:
        rng: The random generator. The same state leads to the same pixels.
        size: Side of the image in pixels.
        skeleton: One of the bodies.
        most: The greatest number of people; every number from 0 on is equally likely.
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
        rng: The random generator, which decides the pose.
        skeleton: One of the bodies.
        height: Height in pixels of the person when it stands upright.
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
    """Return the name of a joint of a side, or without one where the skeleton has no such side."""
    name = f"{side}_{joint}"
    return name if name in skeleton.keypoints else joint


def _meet(xy: np.ndarray, other: np.ndarray) -> bool:
    """Return whether the rectangles around two people meet."""
    (first, size), (second, other_size) = keypoint_extent(xy), keypoint_extent(other)
    return bool((np.abs(first - second) < (size + other_size) / 2).all())


def _draw(image: np.ndarray, xy: np.ndarray, skeleton: Skeleton) -> None:
    """Draw the limbs of a person into an image, each in the colour of its second keypoint."""
    thickness = max(2, round(_THICKNESS * float(keypoint_extent(xy)[1].max())))
    points = np.round(xy * 2**_SUBPIXEL).astype(int).tolist()
    for start, end in skeleton.edge_indices:
        color = skeleton.colors[end]
        cv2.line(image, points[start], points[end], color, thickness, cv2.LINE_AA, _SUBPIXEL)
