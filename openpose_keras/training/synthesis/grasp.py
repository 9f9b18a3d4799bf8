"""Objects that a hand holds, and fingers that close around them."""

from dataclasses import replace

import numpy as np

from openpose_keras.training.synthesis.articulation import Pose, along_bones, posed_keypoints
from openpose_keras.training.synthesis.meshes import ball_profile, box, cylinder_profile, lathe
from openpose_keras.training.synthesis.raster import Mesh
from openpose_keras.training.synthesis.rig import Rig
from openpose_keras.training.synthesis.rotations import unit

FINGER_RADIUS = 0.0082  # metres
_CLOSED = np.radians((88, 105, 65))
_STEPS = 14
# Thumbs (degrees, as in `poses.THUMB_POSES`) from wrapped around an object to far from it.
_THUMB_PATH = np.radians(
    [[20, 50, 30, 40, 45], [18, 60, 40, 12, 14], [-6, 30, 20, 8, 8], [-24, 0, 0, 0, -5]]
)


def grasp_object(
    rig: Rig, pose: Pose, scales: np.ndarray, rng: np.random.Generator
) -> tuple[Pose, Mesh]:
    """Put a cylinder, ball or box into the palm and close the hand around it.

    Args:
        rig: The hand.
        pose: The pose to begin with; `pose.grip` is the object's radius in metres.
        scales: (j, 3) of the hand's shape, see `articulation.joint_scales`.
        rng: The random generator.

    Returns:
        The closed pose, and the object in the model's frame.
    """
    origins = rig.forward(np.eye(3), scales)[1]
    radius, palm = pose.grip, 0.016 * scales[0, 0]
    centre = origins[rig.fingers[1:, 0]].mean(0) + np.array(
        [-radius - palm, 0, rng.uniform(-0.004, 0.014)]
    )
    axis = unit((rng.normal(0, 0.12), 1.0, rng.normal(0, 0.25)))
    if rng.random() < 0.3:
        centre[1] += rng.uniform(0, 0.012)
        closed = close_around(rig, pose, scales, centre, None)
        return closed, lathe(ball_profile(radius), axis, centre)
    closed = close_around(rig, pose, scales, centre, axis)
    if rng.random() < 0.3:
        side = unit(np.cross(axis, (0, 0, 1.0)))
        half = np.array([radius * 0.75, rng.uniform(0.05, 0.14), radius * 0.75])
        return closed, box(half, np.stack([side, axis, np.cross(side, axis)], axis=1), centre)
    profile = cylinder_profile(radius, rng.uniform(0.05, 0.18))
    return closed, lathe(profile, axis, centre + axis * rng.uniform(-0.05, 0.05))


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
