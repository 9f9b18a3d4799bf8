"""Two hands that touch: how the second one is turned, and how near it comes to the first.

Both hands are built as right hands in the model's frame (fingers along -z, thumb +y, palm -x). A
`Contact` turns the second one, which makes a left hand of it unless two people shake hands, and
`place` pushes it towards the first until they touch.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from openpose_keras.training.synthesis.articulation import Pose, settle
from openpose_keras.training.synthesis.grasp import grasp_object
from openpose_keras.training.synthesis.kinematics import rotation, unit
from openpose_keras.training.synthesis.poses import sample_pose
from openpose_keras.training.synthesis.raster import Mesh
from openpose_keras.training.synthesis.rig import Rig

_PIVOT = np.array([-0.01, 0.0, -0.075])  # the middle of a hand, about which the second is turned
_CELL = 0.006  # metres of the grid on which two surfaces are compared
_SQUASH = 0.0015  # metres by which skin gives way where hands touch


class Contact(NamedTuple):
    """How a second hand touches the first.

    Args:
        name: The kind of contact.
        poses: The poses of the first and the second hand.
        linear: (3, 3) from the second hand's own frame to the first's; a reflection makes a left
            hand of it.
        offset: (3,) metres, added afterwards.
        direction: (3,) unit vector from the first hand to the second.
        gap: Metres between the palms; None to push the hands together until any parts touch; NaN to
            leave the second hand where it is.
        held: What both hold.
    """

    name: str
    poses: tuple[Pose, Pose]
    linear: np.ndarray
    offset: np.ndarray
    direction: np.ndarray
    gap: float | None = None
    held: tuple[Mesh, ...] = ()


def sample_contact(rig: Rig, scales: np.ndarray, rng: np.random.Generator) -> Contact:
    """Draw a way in which two hands touch, and their poses.

    Args:
        rig: The hands' rig.
        scales: (j, 3) of their shape, see `articulation.joint_scales`.
        rng: The random generator.
    """
    draw = _DRAWS[int(rng.choice(len(_DRAWS), p=(0.34, 0.24, 0.14, 0.1, 0.18)))]
    contact = draw(rig, scales, rng)
    toward = (contact.direction, -contact.linear.T @ contact.direction)
    first, second = (_bend_away(*each, rng) for each in zip(contact.poses, toward, strict=True))
    if not contact.held:
        first, second = settle(rig, first, scales), settle(rig, second, scales)
    return contact._replace(poses=(first, second))


def place(contact: Contact, rig: Rig, first: Mesh, second: Mesh) -> np.ndarray:
    """Return the (3,) offset that belongs to `contact.linear` for the second hand's parts.

    Args:
        contact: How the hands touch.
        rig: The hands' rig.
        first: The first hand.
        second: The second hand, in its own frame.
    """
    points = first.vertices, second.vertices @ contact.linear.T + contact.offset
    distance = -_SQUASH
    if contact.gap is not None:
        if np.isnan(contact.gap):
            return contact.offset
        palm = np.isin(rig.joint_ids[:, 0], _palm_joints(rig))
        points, distance = (points[0][palm], points[1][palm]), contact.gap
    return contact.offset + contact.direction * (distance + _overlap(*points, contact.direction))


def _palm_joints(rig: Rig) -> list[int]:
    """Return the joints that move the palm."""
    names = rig.names
    return [index for index, name in enumerate(names) if name in ("Palm", "Wrist")] + [
        index for index, name in enumerate(names) if name.endswith("Metacarpal")
    ]


def _overlap(first: np.ndarray, second: np.ndarray, direction: np.ndarray) -> float:
    """Return how far the second points have to move along a direction to clear the first."""
    side = unit(np.cross(direction, np.eye(3)[np.argmin(np.abs(direction))]))
    basis = np.stack([side, np.cross(direction, side)], axis=1)
    cells = [np.round(points @ basis / _CELL).astype(int) for points in (first, second)]
    low = np.minimum(cells[0].min(0), cells[1].min(0))
    shape = np.maximum(cells[0].max(0), cells[1].max(0)) - low + 1
    tops, bottoms = np.full(shape, -np.inf), np.full(shape, np.inf)
    np.maximum.at(tops, tuple((cells[0] - low).T), first @ direction)
    np.minimum.at(bottoms, tuple((cells[1] - low).T), second @ direction)
    both = np.isfinite(tops) & np.isfinite(bottoms)
    return float(np.quantile((tops - bottoms)[both], 0.98)) if both.any() else 0.0


def _bend_away(pose: Pose, toward: np.ndarray, rng: np.random.Generator) -> Pose:
    """Bend the wrist so that the forearm leaves the other hand's side."""
    angles = np.array([-32, 20, 0]) * [toward[0], toward[1], 0] * rng.uniform(0.3, 1.3)
    wrist = pose.wrist * 0.5 + np.radians(angles)
    return replace(pose, wrist=np.clip(wrist, *np.radians([(-65, -28, -30), (60, 22, 30)])))


def _reflection(normal: np.ndarray) -> np.ndarray:
    """Return the (3, 3) reflection across a plane through the origin."""
    return np.asarray(np.eye(3) - 2 * np.outer(normal, normal))


def _about_pivot(linear: np.ndarray) -> np.ndarray:
    """Return the offset with which a rotation or reflection leaves the hand's middle in place."""
    return np.asarray(_PIVOT - linear @ _PIVOT)


def _mirrored(rig: Rig, scales: np.ndarray, rng: np.random.Generator) -> Contact:
    """Palm to palm, thumbs or little fingers side by side: praying, clapping, steepled, cupped."""
    palms = rng.random() < 0.7
    turn = np.radians(rng.normal(0, 12) + (0 if palms else rng.choice([-90, 90])))
    normal = np.array([-np.cos(turn), -np.sin(turn), 0])
    tilt = rotation(np.cross(normal, (0, 0, 1)), np.radians(rng.normal(0, 10)))
    normal = tilt @ normal
    linear = _reflection(normal)
    crossed = palms and rng.random() < 0.3
    spin = rng.uniform(25, 100) if crossed else rng.normal(0, 6)
    linear = rotation(normal, np.radians(spin * rng.choice([-1, 1]))) @ linear
    names = ["flat", "loose", "loose", "fist", "claw", "table", "free"]
    first, second = (sample_pose(rng, str(name)) for name in rng.choice(names, 2))
    if not crossed and rng.random() < 0.6:
        first = second = sample_pose(rng, str(rng.choice(["flat", "flat", "loose", "claw"])))
    offset = _about_pivot(linear) + rng.normal(0, 0.006, 3)
    return Contact("mirrored", (first, second), linear, offset, normal)


def _stacked(rig: Rig, scales: np.ndarray, rng: np.random.Generator) -> Contact:
    """One hand's palm on the back of the other, or its back in the other's palm."""
    spin = rng.uniform(-130, -20) if rng.random() < 0.8 else rng.uniform(-180, 180)
    linear = rotation((1, 0, 0), np.radians(spin)) @ np.diag([1.0, -1, 1])
    direction = np.array([rng.choice([-1.0, 1.0]), 0, 0])
    under, over = str(rng.choice(["flat", "loose", "fist", "fist"])), "loose"
    names = (under, over) if direction[0] > 0 else (over, under)
    first, second = (sample_pose(rng, name) for name in names)
    offset = _about_pivot(linear) + rng.normal(0, 1, 3) * (0, 0.015, 0.022)
    return Contact("stacked", (first, second), linear, offset, direction)


def _laced(rig: Rig, scales: np.ndarray, rng: np.random.Generator) -> Contact:
    """Clasped hands, the fingers of each between those of the other."""
    normal = unit((-1, rng.normal(0, 0.1), rng.normal(-0.1, 0.1)))
    linear = _reflection(normal)
    bends = np.radians(rng.uniform((30, 45, 15), (58, 75, 40)) + rng.normal(0, 4, (4, 3)))
    pose = replace(
        sample_pose(rng, "loose"), bends=bends, spreads=np.radians([5.0, 2, -2, -5]), name="laced"
    )
    offset = _about_pivot(linear) + np.array([0, 0.0105 * rng.choice([-1, 1]), 0])
    return Contact("laced", (pose, pose), linear, offset, normal, gap=rng.uniform(-0.002, 0.012))


def _shaken(rig: Rig, scales: np.ndarray, rng: np.random.Generator) -> Contact:
    """Two people's hands of one side shake, palm to palm."""
    tilt = rotation(rng.normal(size=3), np.radians(rng.normal(0, 8)))
    linear = tilt @ rotation((1, 0, 0), np.radians(rng.normal(8, 8))) @ np.diag([-1.0, 1, -1])
    bends = np.radians(rng.uniform((10, 15, 8), (35, 45, 25)) + rng.normal(0, 3, (4, 3)))
    poses = [replace(sample_pose(rng, "loose"), bends=bends, name="shaken") for _ in range(2)]
    offset = _about_pivot(linear) + rng.normal(0, 0.006, 3) + (0, 0, rng.uniform(0, 0.04))
    palms = np.array([-1.0, 0, 0])
    return Contact(
        "shaken", (poses[0], poses[1]), linear, offset, palms, gap=rng.uniform(-2, 4) / 1e3
    )


def _gripped(rig: Rig, scales: np.ndarray, rng: np.random.Generator) -> Contact:
    """Both hands around one handle, one above the other."""
    held = grasp_object(rig, sample_pose(rng, "grip"), scales, rng, shape="handle")
    normal = rotation(held.axis, np.radians(rng.normal(0, 40))) @ unit(
        np.cross(held.axis, (0, 0, 1.0))
    )
    linear, pose = _reflection(normal), replace(held.pose, name="gripped", grip=0.0)
    apart = held.axis * rng.uniform(0.088, 0.12) * rng.choice([-1, 1])
    offset = held.centre - linear @ held.centre + apart
    return Contact("gripped", (pose, pose), linear, offset, unit(apart), np.nan, tuple(held.meshes))


_DRAWS: tuple[Callable[[Rig, np.ndarray, np.random.Generator], Contact], ...]
_DRAWS = (_mirrored, _stacked, _laced, _shaken, _gripped)
