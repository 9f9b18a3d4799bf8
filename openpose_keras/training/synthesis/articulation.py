"""From a hand's anatomical angles and proportions to rotations and scales of a rig's joints."""

from dataclasses import dataclass, replace

import numpy as np

from openpose_keras.training.synthesis.kinematics import rotation
from openpose_keras.training.synthesis.rig import Rig

# Rest pose of the rig: how far each joint of index .. little is bent already (degrees).
_REST_BEND = np.array(
    [[-13.8, 27.2, 15.4], [1.2, 15.9, 19.4], [-4.8, 18.6, 15.2], [0.7, 21.5, 12.3]]
)
BEND_LIMITS = np.radians([[-35.0, 100.0], [-8.0, 112.0], [-12.0, 85.0]])
THUMB_LIMITS = np.radians([[-30, 64], [-15, 62], [-10, 75], [-20, 65], [-30, 90]])
# The thumb's axes in its joints' frames, from the normal of its nail.
_THUMB_BEND_AXIS = np.array([-0.963, 0.0, 0.27])
_THUMB_LIFT_AXIS = np.array([0.27, 0.0, 0.963])


@dataclass(frozen=True, eq=False)
class Pose:
    """Angles of a hand in radians.

    Args:
        bends: (4, 3) index .. little by knuckle, middle and end joint; 0 is straight, positive
            closes.
        spreads: (4,) angle of each knuckle towards the thumb, relative to the rig's rest pose, in
            which the fingers are spread.
        thumb: (5,) bend across the palm, lift away from the palm, roll, and the bends of its two
            joints.
        wrist: (3,) forearm against hand: bend towards the palm, towards the thumb, and twist.
        name: The family that the pose was drawn from.
        grip: Radius in metres of an object that the fingers close around, 0 for no object.
    """

    bends: np.ndarray
    spreads: np.ndarray
    thumb: np.ndarray
    wrist: np.ndarray
    name: str = "given"
    grip: float = 0.0


@dataclass(frozen=True, eq=False)
class Shape:
    """Proportions of a hand: factors of the rig's own.

    Args:
        lengths: (5, 4) of the bones of thumb .. little, from the metacarpal on.
        thickness: (5,) of the fingers.
        palm: (3,) thickness, length and width of the palm.
    """

    lengths: np.ndarray
    thickness: np.ndarray
    palm: np.ndarray


def joint_rotations(rig: Rig, pose: Pose) -> np.ndarray:
    """Turn a pose's angles into rotations of a rig's joints.

    Args:
        rig: The hand.
        pose: The angles.

    Returns:
        (j, 3, 3) rotations for `Rig.skin`.
    """
    result = np.tile(np.eye(3), (len(rig.names), 1, 1))
    thumb, *fingers = rig.fingers[:, :3]
    result[fingers] = rotation((0, 0, 1), pose.bends - np.radians(_REST_BEND))
    knuckles = rig.fingers[1:, 0]
    result[knuckles] = rotation((1, 0, 0), pose.spreads) @ result[knuckles]
    bend, lift, roll = pose.thumb[:3]
    result[thumb] = rotation(_THUMB_BEND_AXIS, np.array([bend, *pose.thumb[3:]]))
    lifted = rotation(_THUMB_LIFT_AXIS, lift) @ result[thumb[0]]
    result[thumb[0]] = lifted @ rotation((0, 1, 0), -roll)
    return result


def joint_scales(rig: Rig, shape: Shape) -> np.ndarray:
    """Turn a shape into scales of a rig's joints along their own axes.

    Args:
        rig: The hand.
        shape: The proportions.

    Returns:
        (j, 3) scales for `Rig.skin`: across the finger, along it, across it.
    """
    scales = np.tile(shape.palm, (len(rig.names), 1))  # of the wrist and the fingers' metacarpals
    scales[rig.names.index("Palm")] = shape.palm[[0, 2, 1]]
    along, across = shape.lengths[:, [1, 2, 3, 3]], np.tile(shape.thickness, (4, 1)).T
    along[0, :2] = shape.lengths[0, :2]  # the thumb's chain begins with its metacarpal
    across[0, 0] = shape.palm[0]
    scales[rig.fingers] = np.stack([across, along, across], axis=-1)
    return scales


def posed_keypoints(rig: Rig, pose: Pose, scales: np.ndarray) -> np.ndarray:
    """Return the (21, 3) keypoints of a pose in the model's frame.

    Args:
        rig: The hand.
        pose: Its pose.
        scales: (j, 3) of its shape, see `joint_scales`.
    """
    _, origins = rig.forward(joint_rotations(rig, pose), scales)
    return np.asarray(origins[rig.keypoint_ids])


def along_bones(chains: np.ndarray, fractions: tuple[float, ...]) -> np.ndarray:
    """Return points at f fractions of the bones of chains (n, k, 3): (n, (k - 1) f, 3)."""
    steps = np.array(fractions)[:, None] * np.diff(chains, axis=1)[:, :, None]
    return np.asarray((chains[:, :-1, None] + steps).reshape(len(chains), -1, 3))


def settle(rig: Rig, pose: Pose, scales: np.ndarray) -> Pose:
    """Move joints step by step until no finger intersects the palm, its neighbour or the thumb.

    Args:
        rig: The hand.
        pose: The pose to begin with.
        scales: (j, 3) of the hand's shape, see `joint_scales`.

    Returns:
        The pose after at most twelve steps, even if parts still overlap. A pinch's thumb is not
        moved.
    """
    bends, spreads, thumb = pose.bends.copy(), pose.spreads.copy(), pose.thumb.copy()
    for _ in range(12):
        pose = replace(pose, bends=bends.copy(), spreads=spreads.copy(), thumb=thumb.copy())
        fingers, thumb_points, palm = _sample_bones(rig, pose, scales)
        deep = _in_palm(fingers, palm)
        bends[deep] -= np.radians((0, 4, 6))
        near = np.linalg.norm(fingers[:-1] - fingers[1:], axis=-1).min(-1) < 0.0105 * scales[8, 0]
        spreads[:-1][near] += np.radians(2.5)
        spreads[1:][near] -= np.radians(2.5)
        apart = np.linalg.norm(fingers[:, :, None] - thumb_points, axis=-1).min()
        blocked = apart < 0.0135 * scales[8, 0] and pose.name != "pinch"
        if blocked:
            thumb += np.radians((-2, 3, 0, -2, -2))
        if not (deep.any() or near.any() or blocked):
            break
    bends, thumb = np.clip(bends, *BEND_LIMITS.T), np.clip(thumb, *THUMB_LIMITS.T)
    return replace(pose, bends=bends, spreads=spreads, thumb=thumb)


def _sample_bones(rig: Rig, pose: Pose, scales: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Return points along the fingers (4, 9, 3) and the thumb (6, 3), and the palm's thickness."""
    keypoints = posed_keypoints(rig, pose, scales)
    fractions = (1 / 3, 2 / 3, 1.0)
    fingers = along_bones(keypoints[5:].reshape(4, 4, 3), fractions)
    return fingers, along_bones(keypoints[None, 2:5], fractions)[0], float(scales[0, 0])


def _in_palm(fingers: np.ndarray, thickness: float) -> np.ndarray:
    """Return which fingers' outer halves lie inside the palm, (4,) bool."""
    x, z = fingers[:, 4:, 0], fingers[:, 4:, 2]
    surface = -0.017 - 0.007 * np.clip((z + 0.06) / 0.02, 0, 1)
    return np.asarray(((z > -0.07) & (x > surface * thickness)).any(1))
