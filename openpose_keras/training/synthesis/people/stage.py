"""A scene: the positions of people, the objects around them, and the camera.

The world frame has x to the right, y up and z towards the camera's side, in metres. On the floor y
= 0.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from openpose_keras.core.skeletons import BODY_25
from openpose_keras.training.synthesis import meshes as shapes
from openpose_keras.training.synthesis.kinematics import rotation
from openpose_keras.training.synthesis.materials import sample_surface
from openpose_keras.training.synthesis.people.person import Person
from openpose_keras.training.synthesis.people.poses import SEATED
from openpose_keras.training.synthesis.raster import Camera, Mesh

NOBODY = -1
_LARGE_VIEW = 1.5  # metres
_SHORTEST_FOCAL = 0.65  # of the image's longer side: a wider angle would distort people
_X, _Y, _Z = np.eye(3)
# Probability, which keypoints have to be in the image (None: all), metres of distance, and how much
# larger than their extent the image is.
_VIEWS: tuple[tuple[float, tuple[str, ...] | None, tuple[float, float], tuple[float, float]], ...]
_VIEWS = (
    (0.3, None, (2.0, 10.0), (1.0, 1.7)),
    (0.14, None, (3.0, 12.0), (1.7, 3.2)),
    (0.18, ("nose", "neck", "mid_hip", "left_knee", "right_knee"), (1.6, 6.0), (1.1, 1.6)),
    (0.2, ("nose", "neck", "mid_hip", "left_elbow", "right_elbow"), (1.2, 5.0), (1.1, 1.7)),
    (0.12, ("nose", "neck", "left_shoulder", "right_shoulder"), (0.9, 3.5), (1.3, 2.6)),
    (0.06, ("mid_hip", "left_knee", "right_knee", "left_ankle", "right_ankle"), (1.5, 5.0),
     (1.1, 1.6)),
)  # fmt: skip


class Stage(NamedTuple):
    """A scene in the camera's frame.

    Args:
        meshes: All meshes.
        owners: (m,) int16, the person to whom each mesh belongs, or NOBODY.
        keypoints: (p, 25, 3) keypoints of the bodies.
        hands: (p, 2, 21, 3) keypoints of the hands.
        faces: (p, 3, 3) axes of the heads, see `Person.face`.
        heights: (p,) heights in metres.
        lens: The camera, in pixels of the image.
        catcher: Index of a floor on which only shadows are visible, or None.
    """

    meshes: list[Mesh]
    owners: np.ndarray
    keypoints: np.ndarray
    hands: np.ndarray
    faces: np.ndarray
    heights: np.ndarray
    lens: Camera
    catcher: int | None


def build_stage(
    people: Sequence[Person],
    rng: np.random.Generator,
    photos: Sequence[np.ndarray],
    size: tuple[int, int],
) -> Stage:
    """Place people in a scene and draw a view of them.

    Args:
        people: The people. The camera looks at the first one.
        rng: The random generator.
        photos: (h, w, 3) uint8 RGB images for the surfaces of objects. May be empty.
        size: (height, width) of the image in pixels.
    """
    probabilities = [view[0] for view in _VIEWS]
    _, names, distances, margins = _VIEWS[rng.choice(len(_VIEWS), p=probabilities)]
    distance = float(np.exp(rng.uniform(*np.log(distances))))
    places = _places(len(people), distance, rng)
    placed = [_stand(person, place) for person, place in zip(people, places, strict=True)]
    everyone = names is None and rng.random() < 0.7
    wanted = [BODY_25.index(name) for name in names or BODY_25.keypoints]
    shown = np.concatenate([p.keypoints[wanted] for p in (placed if everyone else placed[:1])])
    middle = (shown.min(0) + shown.max(0)) / 2
    turn, eye = _look_at(middle, distance, rng)
    things = [_seat(p, rng, photos) for p in placed if p.family in SEATED and rng.random() < 0.85]
    largest = float(np.clip(np.ptp(shown, axis=0).max() / _LARGE_VIEW, 0.2, 1))
    things += _things(placed, eye, largest, rng, photos)
    offset, catcher = -turn @ eye, None
    meshes, owners = [], []
    for number, person in enumerate(placed):
        linear, shift = turn @ person.stand[0], turn @ person.stand[1] + offset
        meshes += [shapes.moved(mesh, linear.astype(np.float32), shift) for mesh in person.meshes]
        owners += [number] * len(person.meshes)
    if rng.random() < 0.65:
        things.append(sample_surface(_floor(), rng, photos))
        catcher = len(meshes) + len(things) - 1 if rng.random() < 0.65 else None
    meshes += [shapes.moved(mesh, turn.astype(np.float32), offset) for mesh in things]
    owners += [NOBODY] * len(things)
    points = (shown @ turn.T + offset).astype(float)
    return Stage(
        meshes,
        np.array(owners, np.int16),
        np.array([p.keypoints @ turn.T + offset for p in placed]),
        np.array([p.hands @ turn.T + offset for p in placed]),
        np.array([turn @ p.face for p in placed]),
        np.array([p.height for p in placed]),
        _frame(points, size, float(rng.uniform(*margins)), rng),
        catcher,
    )


def _places(
    count: int, distance: float, rng: np.random.Generator
) -> list[tuple[float, float, float]]:
    """Draw x, z and the angle of each person, who faces the camera's side at 0."""
    kind = rng.choice(["row", "queue", "spread"], p=(0.45, 0.25, 0.3))
    facing = rng.choice([0.0, np.pi, rng.uniform(0, 2 * np.pi)], p=(0.5, 0.2, 0.3))
    wide, result = rng.uniform(0.4, 1.1), []
    for number in range(count):
        steps = (number + 1) // 2 * (1 if number % 2 else -1)  # 0, 1, -1, 2, -2, ...
        if kind == "row":
            place = steps * wide + rng.normal(0, 0.1), rng.normal(0, 0.25)
        elif kind == "queue":
            place = rng.normal(0, 0.35), steps * rng.uniform(0.5, 1.2)
        else:
            place = rng.normal(0, 0.35 * distance), rng.uniform(-1, 2) * distance
        if number == 0:
            place = 0.0, 0.0
        angle = facing + rng.normal(0, 0.5)
        if rng.random() < 0.3:
            angle = rng.uniform(0, 2 * np.pi)
        result.append((place[0], min(-place[1], 0.4 * distance), angle))
    return result


def _stand(person: Person, place: tuple[float, float, float]) -> Person:
    """Move a person to (x, z) and rotate it; the meshes are transformed later, with the camera."""
    x, z, angle = place
    turn = rotation(_Y, angle)
    hip = turn @ person.keypoints[BODY_25.index("mid_hip")]
    offset = np.array([x - hip[0], 0, z - hip[2]])
    return person._replace(
        keypoints=person.keypoints @ turn.T + offset,
        hands=person.hands @ turn.T + offset,
        face=turn @ person.face,
        stand=(turn, offset),
    )


def _look_at(
    middle: np.ndarray, distance: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the camera's rotation from the world, and its position."""
    level, above, below = rng.normal(3, 7), rng.uniform(12, 60), rng.uniform(-35, -5)
    pitch = np.radians(rng.choice([level, above, below], p=(0.74, 0.17, 0.09)))
    lowest = np.arcsin(np.clip((0.12 - middle[1]) / distance, -1, 1))  # above the floor
    pitch = max(pitch, lowest)
    roll = np.radians(rng.normal(0, 18 if rng.random() < 0.1 else 2.5))
    yaw = rng.normal(0, 0.3)
    turn = rotation(_Z, roll) @ np.diag([1.0, -1, -1]) @ rotation(_X, pitch) @ rotation(_Y, yaw)
    return turn, middle - distance * (turn.T @ _Z)


def _frame(
    points: np.ndarray, size: tuple[int, int], margin: float, rng: np.random.Generator
) -> Camera:
    """Return the camera whose image is a given factor larger than the points' extent."""
    height, width = size
    slopes = points[:, :2] / np.maximum(points[:, 2:], 0.3)
    low, high = slopes.min(0), slopes.max(0)
    extent = np.maximum(high - low, 0.05)
    focal = float((np.array([width, height]) / (extent * margin)).min())
    focal = max(focal, _SHORTEST_FOCAL * max(size))
    free = np.array([width, height]) - focal * extent
    corner = free * rng.beta(2.5, 2.5, 2)
    x, y = corner - focal * low - 0.5
    return Camera(focal, (float(x), float(y)))


def _seat(person: Person, rng: np.random.Generator, photos: Sequence[np.ndarray]) -> Mesh:
    """Place a block under a sitting person."""
    hip = person.keypoints[BODY_25.index("mid_hip")]
    top = max(hip[1] - 0.055 * person.height, 0.04)
    half = np.array([rng.uniform(0.18, 0.6), top / 2, rng.uniform(0.18, 0.3)])
    turn = rotation(_Y, np.arctan2(person.face[0, 2], person.face[2, 2]) + rng.normal(0, 0.1))
    return sample_surface(shapes.box(half, turn, np.array([hip[0], top / 2, hip[2]])), rng, photos)


def _things(
    people: Sequence[Person],
    eye: np.ndarray,
    largest: float,
    rng: np.random.Generator,
    photos: Sequence[np.ndarray],
) -> list[Mesh]:
    """Draw objects in front of, between and behind people: tables, blocks, poles, balls.

    An object near the camera, or in a view of a small part of a body, is smaller: `largest` is 1
    for a view of a whole body.
    """
    result = []
    for _ in range(rng.choice(4, p=(0.5, 0.3, 0.15, 0.05))):
        person = people[int(rng.integers(len(people)))]
        point = person.keypoints[rng.integers(len(BODY_25))]
        near = rng.uniform(0.4, 1.25)
        place = eye + (point - eye) * near
        near *= largest
        turn = rotation(_Y, rng.uniform(0, np.pi))
        kind = rng.choice(["table", "block", "pole", "ball"], p=(0.4, 0.3, 0.2, 0.1))
        if kind == "table":
            half = rng.uniform((0.2, 0.015, 0.15), (0.8, 0.35, 0.5)) * near
            if place[1] - 2 * half[1] < 0:
                half[1] = max(place[1] / 2, 0.02)
            mesh = shapes.box(half, turn, place - half * (0, 1, 0))
        elif kind == "block":
            tilted = turn @ rotation(rng.normal(size=3), rng.uniform(0, 1.5))
            mesh = shapes.box(rng.uniform(0.03, 0.2, 3) * near, tilted, place)
        elif kind == "pole":
            profile = shapes.cylinder_profile(rng.uniform(0.015, 0.1) * near, rng.uniform(0.2, 2))
            mesh = shapes.lathe(profile, _Y + rng.normal(0, 0.2, 3), place)
        else:
            mesh = shapes.lathe(shapes.ball_profile(rng.uniform(0.04, 0.25) * near), _Y, place)
        result.append(sample_surface(mesh, rng, photos))
    return result


def _floor() -> Mesh:
    """Return the floor in tiles, so that tiles near the camera can be left out."""
    steps = np.linspace(-8, 8, 65)
    x, z = (each.ravel() for each in np.meshgrid(steps, steps))
    vertices = np.stack([x, np.zeros_like(x), z], axis=1).astype(np.float32)
    index = np.arange(len(x)).reshape(65, 65)
    a, b, c, d = (
        e.ravel() for e in (index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1])
    )
    triangles = np.concatenate([np.stack([a, d, c], axis=1), np.stack([a, c, b], axis=1)])
    frame = np.zeros((len(x), 3, 3), np.float32)
    frame[:, 0, 1] = 1
    uv = (vertices[:, [0, 2]] * 0.3).astype(np.float32)
    return Mesh(vertices, frame, uv, triangles.astype(np.int32), two_sided=True)
