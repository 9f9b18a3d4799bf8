"""Contacts of a hand: objects that it holds, and a second hand.

All hands are built as right hands in the model's frame (fingers along -z, thumb +y, palm -x).
Fingers close around an object until they touch it. A `Contact` transforms the second hand into a
left hand, or keeps it a right hand if two people shake hands, and `place` moves it towards the
first hand until they touch.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from openpose_keras.training.synthesis.kinematics import rotation, unit
from openpose_keras.training.synthesis.meshes import (
    ball_profile,
    box,
    cylinder_profile,
    lathe,
    tapered_profile,
)
from openpose_keras.training.synthesis.poses import (
    Pose,
    along_bones,
    joint_rotations,
    posed_keypoints,
    sample_pose,
    settle,
)
from openpose_keras.training.synthesis.raster import Mesh
from openpose_keras.training.synthesis.rig import Rig

FINGER_RADIUS = 0.0082  # metres
_CLOSED = np.radians((88, 105, 65))
_STEPS = 14
# Least and greatest radius in metres that the hand closes around, by the object's shape.
_RADII = {
    "handle": (0.008, 0.022),
    "cup": (0.026, 0.042),
    "ball": (0.016, 0.045),
    "box": (0.012, 0.042),
    "phone": (0.028, 0.038),
}
_SHAPE_PROBABILITIES = (0.42, 0.2, 0.13, 0.12, 0.13)
# Thumbs (degrees, as in `poses.THUMB_POSES`) from wrapped around an object to far from it.
_THUMB_PATH = np.radians(
    [[20, 50, 30, 40, 45], [18, 60, 40, 12, 14], [-6, 30, 20, 8, 8], [-24, 0, 0, 0, -5]]
)
_PIVOT = np.array([-0.01, 0.0, -0.075])  # the middle of a hand, about which the second is turned
_CELL = 0.006  # metres of the grid on which two surfaces are compared
_SQUASH = 0.0015  # metres by which skin gives way where hands touch


class Held(NamedTuple):
    """A hand that holds an object.

    Args:
        pose: The pose of the closed hand; its grip is the object's radius in metres.
        meshes: The object in the model's frame.
        centre: (3,) centre of the object within the hand.
        axis: (3,) unit direction along the object, towards the thumb's side.
    """

    pose: Pose
    meshes: list[Mesh]
    centre: np.ndarray
    axis: np.ndarray


def hold(rig: Rig, scales: np.ndarray, rng: np.random.Generator) -> tuple[Pose, list[Mesh]]:
    """Draw a hand that holds an object, in the fist or between thumb and finger.

    Args:
        rig: The hand.
        scales: (j, 3) scales of the hand's shape, see `poses.joint_scales`.
        rng: The random generator.

    Returns:
        The pose of the hand, and the object in the model's frame.
    """
    if rng.random() < 0.2:
        pose = settle(rig, sample_pose(rng, "pinch"), scales)
        joints = rig.forward(joint_rotations(rig, pose), scales)[1]
        return pose, [pinched_object(rig, joints, rng)]
    held = grasp_object(rig, sample_pose(rng, "grip"), scales, rng)
    return held.pose, held.meshes


def grasp_object(
    rig: Rig, pose: Pose, scales: np.ndarray, rng: np.random.Generator, *, shape: str | None = None
) -> Held:
    """Put an object into the palm and close the hand around it.

    Args:
        rig: The hand.
        pose: The initial pose.
        scales: (j, 3) scales of the hand's shape, see `poses.joint_scales`.
        rng: The random generator.
        shape: A key of `_RADII`; None draws the shape.

    Returns:
        The closed hand and the object.
    """
    shape = shape or str(rng.choice(list(_RADII), p=_SHAPE_PROBABILITIES))
    radius = rng.uniform(*_RADII[shape])
    pose = replace(pose, grip=radius)
    origins = rig.forward(np.eye(3), scales)[1]
    centre = origins[rig.fingers[1:, 0]].mean(0) + np.array(
        [-radius - 0.016 * scales[0, 0], 0, rng.uniform(-0.004, 0.014)]
    )
    axis = unit((rng.normal(0, 0.12), 1.0, rng.normal(0, 0.25)))
    if shape == "ball":
        centre[1] += rng.uniform(0, 0.012)
        ball = lathe(ball_profile(radius), axis, centre)
        return Held(close_around(rig, pose, scales, centre, None), [ball], centre, axis)
    closed = close_around(rig, pose, scales, centre, axis)
    if shape == "handle":
        meshes = _handle(radius, axis, centre, rng)
    elif shape == "cup":
        meshes = [_cup(radius, axis, centre, rng)]
    else:
        side = unit(np.cross(axis, (0, 0, 1.0)))
        thickness = 0.75 * radius if shape == "box" else rng.uniform(0.003, 0.008)
        half = np.array([thickness, rng.uniform(0.05, 0.14), radius * 0.85])
        axes = np.stack([side, axis, np.cross(side, axis)], axis=1)
        meshes = [box(half, axes, centre + axis * rng.uniform(-0.03, 0.03))]
    return Held(closed, meshes, centre, axis)


def _handle(
    radius: float, axis: np.ndarray, centre: np.ndarray, rng: np.random.Generator
) -> list[Mesh]:
    """Build a stick or pole, a bat, or a handle with a racket's, hammer's or knife's head."""
    if rng.random() < 0.15:
        axis = -axis
    below, above = rng.uniform(0.05, 0.15), rng.uniform(0.08, 0.5)
    kind = rng.choice(["stick", "bat", "racket", "hammer", "blade"], p=(0.4, 0.2, 0.15, 0.1, 0.15))
    if kind == "stick":
        below *= rng.choice([1.0, 4.0])
    end, thick = above, radius
    if kind == "bat":
        end, thick = above + 0.35, radius * rng.uniform(1.4, 2.4)
    steps = [(radius, -below), (radius, above * 0.5), (thick, end - 0.01), (thick * 0.7, end)]
    meshes = [lathe(tapered_profile(steps), axis, centre)]
    across = unit(np.cross(axis, rng.normal(size=3)))
    axes = np.stack([across, axis, np.cross(across, axis)], axis=1)
    if kind == "racket":
        size = rng.uniform(0.06, 0.13)
        disc = cylinder_profile(size, rng.uniform(0.004, 0.01))
        meshes.append(lathe(disc, across, centre + axis * (end + 0.9 * size)))
    elif kind == "hammer":
        half = np.array([0.05, 0.018, 0.018]) * rng.uniform(0.7, 1.6)
        meshes.append(box(half, axes, centre + axis * end))
    elif kind == "blade":
        half = np.array([rng.uniform(0.008, 0.03), rng.uniform(0.04, 0.12), 0.0015])
        meshes.append(box(half, axes, centre + axis * (end + half[1] * 0.9)))
    return meshes


def _cup(radius: float, axis: np.ndarray, centre: np.ndarray, rng: np.random.Generator) -> Mesh:
    """Build a cup, can or bottle."""
    below, above = rng.uniform(0.03, 0.09), rng.uniform(0.03, 0.09)
    steps = [(radius * rng.uniform(0.75, 1), -below), (radius * rng.uniform(1, 1.2), above)]
    if rng.random() < 0.4:  # a bottle's neck
        neck = radius * rng.uniform(0.3, 0.5)
        steps = [(radius, -below), (radius, above), (neck, above + 0.03), (neck, above + 0.07)]
    return lathe(tapered_profile(steps), axis, centre)


def pinched_object(rig: Rig, joints: np.ndarray, rng: np.random.Generator) -> Mesh:
    """Put a pen, card or small ball between the thumb and the nearest fingertip.

    Args:
        rig: The hand.
        joints: (j, 3) origins of the hand's joints in the model's frame.
        rng: The random generator.

    Returns:
        The object in the model's frame.
    """
    thumb, *tips = joints[rig.fingers[:, 3]]
    tip = min(tips, key=lambda tip: float(np.linalg.norm(tip - thumb)))
    middle, across = (tip + thumb) / 2, tip - thumb
    across /= np.linalg.norm(across) + 1e-9
    along = unit(np.cross(across, rng.normal(size=3)))
    kind = rng.choice(["pen", "card", "ball"], p=(0.5, 0.3, 0.2))
    if kind == "pen":
        profile = cylinder_profile(rng.uniform(0.003, 0.007), rng.uniform(0.05, 0.09))
        return lathe(profile, along, middle + along * rng.uniform(-0.04, 0.04))
    if kind == "card":
        half = np.array([rng.uniform(0.02, 0.07), 0.001, rng.uniform(0.02, 0.09)])
        axes = np.stack([along, across, np.cross(along, across)], axis=1)
        return box(half, axes, middle + along * half[0] * 0.85)
    return lathe(ball_profile(rng.uniform(0.005, 0.014)), along, middle)


def close_around(
    rig: Rig, pose: Pose, scales: np.ndarray, centre: np.ndarray, axis: np.ndarray | None
) -> Pose:
    """Close the fingers joint by joint until they touch an object, and keep the thumb out of it.

    Args:
        rig: The hand.
        pose: The initial pose; `pose.grip` is the object's radius in metres.
        scales: (j, 3) scales of the hand's shape.
        centre: (3,) centre of the object in the model's frame.
        axis: (3,) unit direction of a cylinder, or None for a ball.

    Returns:
        The closed pose.
    """
    pose = replace(pose, bends=np.radians(np.array([[-5.0, 5.0, 3.0]])).repeat(4, axis=0))
    for joint in range(3):
        moving = np.ones(4, bool)
        for _ in range(_STEPS):
            bends = pose.bends.copy()
            bends[moving, joint] += _CLOSED[joint] / _STEPS
            trial = replace(pose, bends=bends)
            fingers = posed_keypoints(rig, trial, scales)[5:].reshape(4, 4, 3)
            room = _distances(fingers[:, joint : joint + 2], centre, axis) - pose.grip
            moving &= (room > FINGER_RADIUS) & (bends[:, joint] <= _CLOSED[joint])
            if not moving.any():
                break
            pose = replace(pose, bends=np.where(moving[:, None], bends, pose.bends))
    return replace(pose, thumb=_clear_thumb(rig, pose, scales, centre, axis))


def _clear_thumb(
    rig: Rig, pose: Pose, scales: np.ndarray, centre: np.ndarray, axis: np.ndarray | None
) -> np.ndarray:
    """Return the first thumb on its path away from the object that does not intersect it."""
    best, most = pose.thumb, -np.inf
    steps = range(len(_THUMB_PATH))
    for step in np.linspace(0, len(_THUMB_PATH) - 1, 13):
        thumb = np.array([np.interp(step, steps, row) for row in _THUMB_PATH.T])
        chain = posed_keypoints(rig, replace(pose, thumb=thumb), scales)[2:5]
        room = _distances(chain[None], centre, axis)[0] - pose.grip
        if room > FINGER_RADIUS:
            return thumb
        if room > most:
            best, most = thumb, room
    return best


def _distances(chains: np.ndarray, centre: np.ndarray, axis: np.ndarray | None) -> np.ndarray:
    """Return the distance of each chain (n, k, 3) of bones from a line or point, (n,) metres."""
    away = along_bones(chains, (0.35, 0.7, 1.0)) - centre
    if axis is not None:
        away = away - (away @ axis)[..., None] * axis
    return np.asarray(np.linalg.norm(away, axis=-1).min(1))


class Contact(NamedTuple):
    """The way in which a second hand touches the first.

    Args:
        name: The kind of contact.
        poses: The poses of the first and the second hand.
        linear: (3, 3) map from the second hand's own frame to that of the first; a reflection makes
            it a left hand.
        offset: (3,) offset in metres, added afterwards.
        direction: (3,) unit vector from the first hand to the second.
        gap: Metres between the palms. None pushes the hands together until any parts touch. NaN
            does not move the second hand.
        held: The object that both hold.
    """

    name: str
    poses: tuple[Pose, Pose]
    linear: np.ndarray
    offset: np.ndarray
    direction: np.ndarray
    gap: float | None = None
    held: tuple[Mesh, ...] = ()


def sample_contact(rig: Rig, scales: np.ndarray, rng: np.random.Generator) -> Contact:
    """Draw a kind of contact between two hands, and their poses.

    Args:
        rig: The hands' rig.
        scales: (j, 3) scales of their shape, see `poses.joint_scales`.
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
    """Return the (3,) offset to `contact.linear` for the second hand's parts.

    Args:
        contact: The contact of the hands.
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
    """Return how far the second points must move along a direction to be clear of the first."""
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
    """Bend the wrist so that the forearm points away from the other hand."""
    angles = np.array([-32, 20, 0]) * [toward[0], toward[1], 0] * rng.uniform(0.3, 1.3)
    wrist = pose.wrist * 0.5 + np.radians(angles)
    return replace(pose, wrist=np.clip(wrist, *np.radians([(-65, -28, -30), (60, 22, 30)])))


def _reflection(normal: np.ndarray) -> np.ndarray:
    """Return the (3, 3) reflection across a plane through the origin."""
    return np.asarray(np.eye(3) - 2 * np.outer(normal, normal))


def _about_pivot(linear: np.ndarray) -> np.ndarray:
    """Return the offset for which a rotation or reflection keeps the hand's centre in place."""
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
