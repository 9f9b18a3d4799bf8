"""Objects that a hand holds, and fingers that close around them."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from openpose_keras.training.synthesis.articulation import (
    Pose,
    along_bones,
    joint_rotations,
    posed_keypoints,
    settle,
)
from openpose_keras.training.synthesis.kinematics import unit
from openpose_keras.training.synthesis.meshes import (
    ball_profile,
    box,
    cylinder_profile,
    lathe,
    tapered_profile,
)
from openpose_keras.training.synthesis.poses import sample_pose
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


class Held(NamedTuple):
    """A hand that holds an object.

    Args:
        pose: The pose of the closed hand; its grip is the object's radius in metres.
        meshes: The object in the model's frame.
        centre: (3,) middle of the object within the hand.
        axis: (3,) unit direction along the object, on the thumb's side.
    """

    pose: Pose
    meshes: list[Mesh]
    centre: np.ndarray
    axis: np.ndarray


def hold(rig: Rig, scales: np.ndarray, rng: np.random.Generator) -> tuple[Pose, list[Mesh]]:
    """Draw a hand that holds an object, in the fist or between thumb and finger.

    Args:
        rig: The hand.
        scales: (j, 3) of the hand's shape, see `articulation.joint_scales`.
        rng: The random generator.

    Returns:
        Its pose, and the object in the model's frame.
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
        pose: The pose to begin with.
        scales: (j, 3) of the hand's shape, see `articulation.joint_scales`.
        rng: The random generator.
        shape: A key of `_RADII`, or None to draw one.

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
        joints: (j, 3) origins of its joints in the model's frame.
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
        pose: The pose to begin with; `pose.grip` is the object's radius in metres.
        scales: (j, 3) of the hand's shape.
        centre: (3,) middle of the object in the model's frame.
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
    """Return how near each chain (n, k, 3) of bones comes to a line or point, (n,) metres."""
    away = along_bones(chains, (0.35, 0.7, 1.0)) - centre
    if axis is not None:
        away = away - (away @ axis)[..., None] * axis
    return np.asarray(np.linalg.norm(away, axis=-1).min(1))
