"""Render close-ups of heads from any side, with the 70 keypoints of the face."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from openpose_keras.core.skeletons import FACE
from openpose_keras.training.synthesis.kinematics import rotation
from openpose_keras.training.synthesis.meshes import moved
from openpose_keras.training.synthesis.people.assets import PeopleAssets
from openpose_keras.training.synthesis.people.person import Person, sample_person
from openpose_keras.training.synthesis.people.render import photograph
from openpose_keras.training.synthesis.raster import Camera, project
from openpose_keras.training.synthesis.shading import Scale

MOST_TURNED = 90.0  # degrees
_LEVEL = 0.35  # fraction of the heads whose turn is drawn about 0
_MARGIN = 2.6  # side of the image, in longer sides of the keypoints' extent
_FACE_DEPTH = 0.14  # metres of the head itself that may lie before a point of the face
_LEAST_SEEN = 0.6  # fraction of the points before which nothing else lies
_DISTANCES = (0.5, 3.0)  # metres
_OUTER_CORNERS = [FACE.index("right_eye_1"), FACE.index("left_eye_4")]
_SCALE = Scale(shadow_side=512, shadow_radius=0.35, crevices=(0.01, 0.04), farthest=2.5)
_Z = np.array([0.0, 0.0, 1.0])


class Head(NamedTuple):
    """A rendered head.

    Args:
        rgba: (size, size, 4) uint8; RGB is not multiplied by alpha.
        xy: (70, 2) keypoints in pixels, in the order of `FACE`, including hidden ones.
        unit: The distance between the outer corners of the eyes, as if facing the camera, in
            pixels.
    """

    rgba: np.ndarray
    xy: np.ndarray
    unit: float


def render_head(
    assets: PeopleAssets,
    rng: np.random.Generator,
    *,
    size: int = 320,
    turn: float | None = None,
    photos: Sequence[np.ndarray] = (),
) -> Head:
    """Render the head of a random person whose face is not hidden by an arm.

    The same state of the generator gives the same pixels.

    Args:
        assets: The assets from `load_people_assets`.
        rng: The random generator.
        size: Side of the image in pixels.
        turn: Degrees by which the head is turned to its left, seen from the camera. None draws the
            angle, up to `MOST_TURNED` to both sides.
        photos: (h, w, 3) uint8 RGB images for the surfaces of some clothes. May be empty.
    """
    while True:
        person = sample_person(assets, rng, photos)
        if turn is None:
            level = rng.random() < _LEVEL
            angle = rng.normal(0, 15) if level else rng.uniform(-MOST_TURNED, MOST_TURNED)
        else:
            angle = turn
        head, seen = _render(person, float(np.clip(angle, -MOST_TURNED, MOST_TURNED)), rng, size)
        if seen >= _LEAST_SEEN:
            return head


def _render(person: Person, turn: float, rng: np.random.Generator, size: int) -> tuple[Head, float]:
    """Render a person's head; return it, and the fraction of its points not hidden by an arm."""
    to_camera, eye = _view(person, turn, rng)
    points = (person.face_points - eye) @ to_camera.T
    lens = _frame(points, size)
    linear, offset = to_camera.astype(np.float32), -to_camera @ eye
    skin, eyes, *others = person.meshes
    # The eyes come first: the map of shadows covers what is around the first mesh.
    meshes = [moved(mesh, linear, offset) for mesh in (eyes, skin, *others)]
    rgba, buffers, fine = photograph(meshes, lens, rng, (size, size), scale=_SCALE)
    column, row, inverse = project(points, fine).T
    before = buffers.inverse_depth[np.round(row).astype(int), np.round(column).astype(int)]
    seen = float((1 / np.maximum(before, 1e-6) > 1 / inverse - _FACE_DEPTH).mean())
    corners = points[_OUTER_CORNERS]
    unit = np.linalg.norm(corners[0] - corners[1]) * lens.focal / corners[:, 2].mean()
    return Head(rgba, project(points, lens)[:, :2], float(unit)), seen


def _view(person: Person, turn: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the rotation to the camera's frame, and the camera's position."""
    pitch, roll = rng.normal(0, (11, 10))
    across, up, forwards = np.radians(-turn), np.radians(pitch), np.radians(roll)
    head = person.face.T  # the head's axes, left, up and forwards, as rows
    around = rotation(np.array([0.0, 1, 0]), across)
    tilted = rotation(np.array([1.0, 0, 0]), up) @ around.T @ head
    turned = rotation(_Z, forwards) @ np.diag([1.0, -1, -1]) @ tilted
    distance = np.exp(rng.uniform(*np.log(_DISTANCES)))
    middle = person.face_points.mean(axis=0)
    return turned, middle - distance * (turned.T @ _Z)


def _frame(points: np.ndarray, size: int) -> Camera:
    """Return the camera whose square image is centred on the points."""
    slopes = points[:, :2] / points[:, 2:]
    low, high = slopes.min(0), slopes.max(0)
    focal = float(size / (_MARGIN * (high - low).max()))
    x, y = (size - 1) / 2 - focal * (low + high) / 2
    return Camera(focal, (float(x), float(y)))
