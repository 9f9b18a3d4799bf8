"""Render one to six clothed people on a transparent background, with keypoints and masks.

Keypoints are labelled as COCO's annotators would label them: `label` determines which ones are
hidden, and which ones are not labelled at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from openpose_keras.core._opencv import cv2
from openpose_keras.core.skeletons import BODY_25
from openpose_keras.training.synthesis import shading
from openpose_keras.training.synthesis.people.assets import PeopleAssets
from openpose_keras.training.synthesis.people.person import sample_person
from openpose_keras.training.synthesis.people.stage import Stage, build_stage
from openpose_keras.training.synthesis.raster import Buffers, Camera, Mesh, project, rasterise

MOST_PEOPLE = 6
_COUNTS = (0.42, 0.24, 0.14, 0.1, 0.06, 0.04)  # probabilities of one to six people
_OVERSAMPLING = 2
_SCALE = shading.Scale(shadow_side=768, shadow_radius=3.0, crevices=(0.04, 0.14), farthest=2.5)
UNLABELLED, HIDDEN, VISIBLE = 0, 1, 2
# Metres of a body of 1.7 m that lie before a keypoint of its own limb.
_DEPTHS = {
    "nose": 0.03, "eye": 0.03, "ear": 0.04, "neck": 0.13, "shoulder": 0.11, "elbow": 0.08,
    "wrist": 0.06, "mid_hip": 0.19, "hip": 0.17, "knee": 0.1, "ankle": 0.08, "toe": 0.05,
    "heel": 0.05,
}  # fmt: skip
_FINGER_DEPTH = 0.03
# Directions in the head's frame (left, up, forwards) that a part of the face looks into, and the
# least cosine with the direction to the camera at which an annotator would still mark it.
_LOOKS = {
    "nose": ((0, 0, 1), -0.25),
    "left_eye": ((0.45, 0, 0.9), -0.15), "right_eye": ((-0.45, 0, 0.9), -0.15),
    "left_ear": ((1, 0, 0), -0.3), "right_ear": ((-1, 0, 0), -0.3),
}  # fmt: skip
_LEAST_FRACTION, _LEAST_PIXELS = 0.04, 40  # of a person, below which nobody would mark it
_FARTHEST = 0.12  # of a person's extent: nobody would mark what is farther from its visible parts
_ALONE = 128  # pixels of the longer side of a person who is drawn alone


class Labels(NamedTuple):
    """The labels of p people.

    Args:
        keypoints: (p, 25, 3) float32 x and y in pixels of the image, and the visibility: 0 outside
            the image or not to be marked, 1 hidden, 2 visible.
        hands: (p, 2, 21, 3) float32, the same for the left and the right hand.
        masks: (p, h, w) bool, the pixels in which the person is visible.
        fractions: (p,) float32, the visible fraction of the person's full silhouette, ignoring the
            image border and other objects.
    """

    keypoints: np.ndarray
    hands: np.ndarray
    masks: np.ndarray
    fractions: np.ndarray


@dataclass(frozen=True, eq=False)
class PeopleScene:
    """An image of people and objects around them, with labels.

    Args:
        rgba: (h, w, 4) uint8; RGB is not multiplied by alpha. Where only shadows on the floor are
            visible, it is black and partly transparent.
        labels: Keypoints, hands, masks and visible fractions of the people.
    """

    rgba: np.ndarray
    labels: Labels


def render_people(
    assets: PeopleAssets,
    rng: np.random.Generator,
    *,
    size: tuple[int, int] = (480, 480),
    people: int | None = None,
    photos: Sequence[np.ndarray] = (),
) -> PeopleScene:
    """Render a random scene. The same state of the generator gives the same pixels.

    Args:
        assets: The assets from `load_people_assets`.
        rng: The random generator.
        size: (height, width) of the image in pixels.
        people: Number of people, 1 to 6; None draws the number.
        photos: (h, w, 3) uint8 RGB images for the surfaces of objects, the floor and some clothes.
            Without any, these are plain or patterned.

    Raises:
        ValueError: The size or the number of people is not valid.
    """
    if min(size) < 1 or not (people is None or 1 <= people <= MOST_PEOPLE):
        raise ValueError(
            f"expected a size of 1 pixel or more and 1 to {MOST_PEOPLE} people or None, got {size} "
            f"and {people}"
        )
    count = people or 1 + int(rng.choice(MOST_PEOPLE, p=_COUNTS))
    cast = [sample_person(assets, rng, photos) for _ in range(count)]
    stage = build_stage(cast, rng, photos, size)
    rgba, buffers, lens = photograph(stage.meshes, stage.lens, rng, size, catcher=stage.catcher)
    return PeopleScene(rgba, label(stage, buffers, lens, _OVERSAMPLING))


def photograph(
    meshes: list[Mesh],
    lens: Camera,
    rng: np.random.Generator,
    size: tuple[int, int],
    *,
    scale: shading.Scale = _SCALE,
    catcher: int | None = None,
) -> tuple[np.ndarray, Buffers, Camera]:
    """Render meshes in the camera's frame.

    Args:
        meshes: The meshes.
        lens: The camera, in pixels of the image.
        rng: The random generator, for lamps and exposure.
        size: (height, width) of the image in pixels.
        scale: The length scales of the scene.
        catcher: See `Stage`.

    Returns:
        (h, w, 4) uint8, see `PeopleScene`; the oversampled buffers; and the camera in their pixels.
    """
    height, width = size
    shape = (height * _OVERSAMPLING, width * _OVERSAMPLING)
    fine = _finer(lens)
    buffers = rasterise(meshes, fine, shape)
    rgba = shading.light(
        meshes, buffers, fine, rng, oversampling=_OVERSAMPLING, scale=scale, catcher=catcher
    )
    return rgba, buffers, fine


def _finer(lens: Camera) -> Camera:
    """Return a camera in the pixels of the oversampled image."""
    x, y = ((np.array(lens.centre) + 0.5) * _OVERSAMPLING - 0.5).tolist()
    return Camera(lens.focal * _OVERSAMPLING, (x, y))


def label(stage: Stage, buffers: Buffers, lens: Camera, oversampling: int) -> Labels:
    """Label the people of a scene.

    Args:
        stage: The scene.
        buffers: The rasterised scene.
        lens: The camera in pixels of the buffers.
        oversampling: Number of buffer pixels along a side of a pixel of the image.
    """
    owner = np.where(buffers.mesh >= 0, stage.owners[buffers.mesh], -1)
    margins = np.array([_depth_of(name) for name in BODY_25.keypoints])
    keypoints = _mark(stage.keypoints, margins, stage, buffers, lens)
    keypoints[..., 2] *= _faces_camera(stage)
    hands = _mark(stage.hands, np.full(21, _FINGER_DEPTH), stage, buffers, lens)
    height, width = (side // oversampling for side in owner.shape)
    count = len(keypoints)
    masks, fractions = np.zeros((count, height, width), bool), np.zeros(count, np.float32)
    for person in range(count):
        seen = (owner == person).astype(np.float32)
        masks[person] = cv2.resize(seen, (width, height), interpolation=cv2.INTER_AREA) > 0.5
        whole = _area_alone(stage, person, lens)
        fractions[person] = min(seen.sum() / max(whole, 1.0), 1.0)
    for points in (keypoints, hands):
        points[..., :2] = (points[..., :2] + 0.5) / oversampling - 0.5
    for person, mask in enumerate(masks):
        reach = _FARTHEST * float(np.ptp(keypoints[person, :, :2], axis=0).max())
        if fractions[person] < _LEAST_FRACTION or mask.sum() < _LEAST_PIXELS:
            reach = -1.0
        away = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)
        for points in (keypoints[person], hands[person]):
            inside, row, column = _pixels(points[..., :2], mask.shape)
            points[..., 2] *= np.where(inside, away[row, column], 0.0) <= reach
    return Labels(keypoints, hands, masks, fractions)


def _pixels(xy: np.ndarray, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return which points (..., 2) lie inside an image, and the row and column of their pixels.

    Row and column of points outside are (0, 0).
    """
    height, width = shape
    half = np.array([width, height]) / 2
    inside = np.asarray((np.abs(xy - (half - 0.5)) <= half).all(axis=-1))
    column, row = np.moveaxis(np.where(inside[..., None], np.round(xy), 0).astype(int), -1, 0)
    return inside, row.clip(0, height - 1), column.clip(0, width - 1)


def _depth_of(name: str) -> float:
    """Return the thickness of its own limb that may lie in front of a keypoint."""
    return next(depth for part, depth in _DEPTHS.items() if name.endswith(part))


def _mark(
    points: np.ndarray, margins: np.ndarray, stage: Stage, buffers: Buffers, lens: Camera
) -> np.ndarray:
    """Return pixels of the buffers and visibilities of points (p, ..., k, 3)."""
    result = np.empty(points.shape, np.float32)
    flat = points.reshape(-1, 3)
    pixels = project(np.maximum(flat, (-1e9, -1e9, 1e-3)), lens)[:, :2].astype(float)
    inside, row, column = _pixels(pixels, buffers.mesh.shape)
    depth = 1 / np.maximum(buffers.inverse_depth[row, column], 1e-6)
    shape = (len(points), *[1] * (points.ndim - 2))
    allowed = (stage.heights / 1.7).reshape(shape) * margins
    seen = depth.reshape(points.shape[:-1]) > points[..., 2] - allowed
    visibility = np.where(inside.reshape(seen.shape), np.where(seen, VISIBLE, HIDDEN), UNLABELLED)
    result[..., :2], result[..., 2] = pixels.reshape(*points.shape[:-1], 2), visibility
    result[..., 2] *= points[..., 2] > 0
    return result


def _faces_camera(stage: Stage) -> np.ndarray:
    """Return the keypoints that are not on the far side of the head, (p, 25) bool."""
    result = np.ones(stage.keypoints.shape[:2], bool)
    for name, (direction, least) in _LOOKS.items():
        index = BODY_25.index(name)
        looks = stage.faces @ (np.array(direction) / np.linalg.norm(direction))
        to_camera = -stage.keypoints[:, index]
        to_camera = to_camera / np.linalg.norm(to_camera, axis=1, keepdims=True)
        result[:, index] = (looks * to_camera).sum(1) > least
    return result


def _area_alone(stage: Stage, person: int, lens: Camera) -> float:
    """Return the number of buffer pixels that a person would cover without other objects."""
    meshes = [m for m, owner in zip(stage.meshes, stage.owners, strict=True) if owner == person]
    vertices = np.concatenate([mesh.vertices for mesh in meshes])
    slopes = vertices[:, :2] / np.maximum(vertices[:, 2:], 0.2)
    low, high = slopes.min(0), slopes.max(0)
    focal = float(_ALONE / max((high - low).max(), 1e-3))
    width, height = np.ceil(focal * (high - low)).astype(int) + 1
    x, y = -focal * low
    alone = rasterise(meshes, Camera(focal, (float(x), float(y))), (int(height), int(width)))
    return float((alone.mesh >= 0).sum()) * (lens.focal / focal) ** 2
