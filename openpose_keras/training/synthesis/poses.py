"""Poses and proportions of hands: angles, a rig's joints, and random natural poses.

A natural pose is drawn from one of several families (flat, loose, fist, sign, claw, table, pinch,
grip, free), then each angle is varied. Angles in this module's tables are in degrees.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

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
# Angle towards the thumb at which a spread finger touches its neighbour.
_CLOSED_SPREAD = np.array([-13.0, -1.0, 6.0, 12.0])
# Thumb: bend across the palm, lift away from it, roll towards the fingers, bend of its two joints.
THUMB_POSES = {
    "open": (0, 0, 0, 8, 5),
    "out": (-18, -5, -5, -6, -18),
    "adducted": (34, 0, 5, 5, 5),
    "tucked": (44, 8, 10, 35, 30),
    "across": (42, 26, 30, 45, 45),
    "over": (16, 48, 27, 49, 56),
    "side": (-12, 8, 5, 35, 40),
    "oppose": (20, 36, 45, 18, 22),
    "relaxed": (16, 14, 12, 14, 18),
}
# Bends of knuckle, middle and end joint (degrees), by a word for a finger's state.
FINGER_POSES = {
    "straight": (0, 4, 2),
    "back": (-18, 2, 0),
    "relaxed": (22, 32, 18),
    "bent": (62, 12, 8),
    "hook": (6, 92, 55),
    "half": (42, 58, 34),
    "fist": (84, 96, 44),
    "table": (86, 6, 4),
}


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
        name: The family from which the pose was drawn.
        grip: Radius in metres of an object around which the fingers close, 0 for no object.
    """

    bends: np.ndarray
    spreads: np.ndarray
    thumb: np.ndarray
    wrist: np.ndarray
    name: str = "given"
    grip: float = 0.0


@dataclass(frozen=True, eq=False)
class Shape:
    """Proportions of a hand, as factors of the rig's own.

    Args:
        lengths: (5, 4) lengths of the bones of thumb .. little, from the metacarpal on.
        thickness: (5,) thickness of the fingers.
        palm: (3,) thickness, length and width of the palm.
    """

    lengths: np.ndarray
    thickness: np.ndarray
    palm: np.ndarray


def joint_rotations(rig: Rig, pose: Pose) -> np.ndarray:
    """Convert the angles of a pose to rotations of a rig's joints.

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
    """Convert a shape to scales of a rig's joints along their own axes.

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
    """Return points at f fractions along the bones of chains (n, k, 3): (n, (k - 1) f, 3)."""
    steps = np.array(fractions)[:, None] * np.diff(chains, axis=1)[:, :, None]
    return np.asarray((chains[:, :-1, None] + steps).reshape(len(chains), -1, 3))


def settle(rig: Rig, pose: Pose, scales: np.ndarray) -> Pose:
    """Move joints step by step until no finger intersects the palm, its neighbour or the thumb.

    Args:
        rig: The hand.
        pose: The initial pose.
        scales: (j, 3) scales of the hand's shape, see `joint_scales`.

    Returns:
        The pose after at most twelve steps, even if parts still overlap. The thumb of a pinch is
        not moved.
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
    """Return the fingers whose outer halves lie inside the palm, (4,) bool."""
    x, z = fingers[:, 4:, 0], fingers[:, 4:, 2]
    surface = -0.017 - 0.007 * np.clip((z + 0.06) / 0.02, 0, 1)
    return np.asarray(((z > -0.07) & (x > surface * thickness)).any(1))


def sample_pose(rng: np.random.Generator, name: str | None = None) -> Pose:
    """Draw a natural pose from a mixture of families.

    Args:
        rng: The random generator.
        name: The family; None draws the family. "grip", which needs an object, is never drawn.

    Returns:
        The pose; every angle lies within a joint's plausible range.

    Example:
        >>> sample_pose(np.random.default_rng(0)).bends.shape
        (4, 3)
    """
    if name is None:
        weights = np.array([family.weight for family in _FAMILIES.values()])
        name = str(rng.choice(list(_FAMILIES), p=weights / weights.sum()))
    bends, spreads, thumb = _FAMILIES[name].draw(rng)
    noise = _FAMILIES[name].noise
    shared = rng.normal(0, 0.6, 3) + rng.normal(0, 0.5, (4, 3))
    bends = np.radians(bends + noise * shared * (9.0, 9.0, 6.0))
    thumb = np.radians(thumb + noise * rng.normal(0, 6.0, 5))
    spreads = np.radians(spreads + noise * rng.normal(0, 2.0, 4))
    spreads *= np.clip(1.2 - bends[:, 0], 0.25, 1.0)
    bends, thumb = np.clip(bends, *BEND_LIMITS.T), np.clip(thumb, *THUMB_LIMITS.T)
    wrist = rng.normal(0, 1, 3) * np.radians((24.0, 10.0, 12.0))
    wrist = np.clip(wrist, *np.radians([(-65, -28, -30), (60, 22, 30)]))
    return Pose(bends, spreads, thumb, wrist, name)


def sample_shape(rng: np.random.Generator) -> Shape:
    """Draw the proportions of a hand.

    Args:
        rng: The random generator.

    Returns:
        The shape; factors stay within 0.8 to 1.25.
    """
    lengths = rng.normal(1, 0.05) + rng.normal(0, 0.03, (5, 1)) + rng.normal(0, 0.025, (5, 4))
    thickness = rng.normal(1.0, 0.08) + rng.normal(0, 0.025, 5)
    palm = 1 + rng.normal(0, 1, 3) * (0.08, 0.05, 0.06)
    return Shape(
        np.clip(lengths, 0.85, 1.15), np.clip(thickness, 0.8, 1.25), np.clip(palm, 0.82, 1.2)
    )


def _spread(rng: np.random.Generator, low: float = 0.0, high: float = 1.25) -> np.ndarray:
    """Draw spreads in degrees between closed (0) and the maximum (1.25)."""
    wide = rng.uniform(low, high) + rng.normal(0, 0.12, 4)
    spread = _CLOSED_SPREAD * (1 - wide)
    if rng.random() < 0.08:  # the Vulcan gap
        spread += np.array([4.0, 4.0, -4.0, -4.0])
    return spread


def _fingers(*states: str) -> np.ndarray:
    """Return bends in degrees for the named states of index .. little."""
    return np.array([FINGER_POSES[state] for state in states], float)


def _mix_thumb(rng: np.random.Generator, *names: str) -> np.ndarray:
    """Blend two of the named thumb poses, or of all if no name is given."""
    names = names or tuple(THUMB_POSES)
    first, second = (np.array(THUMB_POSES[n], float) for n in rng.choice(names, 2))
    return np.asarray(first + rng.beta(0.6, 0.6) * (second - first))


_Draw = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Bends (4, 3), spreads (4,) and thumb (5,) in degrees."""


def _flat(rng: np.random.Generator) -> _Draw:
    """Open hand, fingers together or apart."""
    bends = _fingers(*["back" if rng.random() < 0.25 else "straight"] * 4)
    return bends, _spread(rng), _mix_thumb(rng, "open", "out", "adducted", "relaxed", "tucked")


def _loose(rng: np.random.Generator) -> _Draw:
    """Relaxed hand: bends grow from index to little."""
    slope = np.linspace(rng.uniform(0.2, 1.0), rng.uniform(0.7, 1.6), 4)[:, None]
    bends = _fingers("relaxed") * slope * rng.uniform(0.5, 1.6, 3)
    return bends, _spread(rng, 0, 0.9), _mix_thumb(rng, "relaxed", "open", "adducted", "oppose")


def _fist(rng: np.random.Generator) -> _Draw:
    """Closed hand, tight or loose, thumb over, adducted or out."""
    bends = _fingers(*["fist"] * 4) * rng.uniform(0.75, 1.05)
    thumbs = [("over", "over"), ("side", "over"), ("side", "out"), ("tucked", "across")]
    thumb = _mix_thumb(rng, *rng.choice(thumbs, p=(0.45, 0.25, 0.2, 0.1)))
    return bends, _spread(rng, 0, 0.5), thumb


def _sign(rng: np.random.Generator) -> _Draw:
    """Each finger straight or folded by itself: counting, pointing, V, horns, telephone."""
    folded = rng.choice(["fist", "fist", "half", "hook"])
    up = rng.random(4) < 0.5
    if rng.random() < 0.5:
        count = rng.integers(1, 4)
        up = np.arange(4) < count if rng.random() < 0.75 else np.arange(4) >= 4 - count
    bends = _fingers(*["straight" if straight else folded for straight in up])
    return bends, _spread(rng, 0.2, 1.4), _mix_thumb(rng)


def _claw(rng: np.random.Generator) -> _Draw:
    """Hooked or clawed fingers."""
    bends = _fingers(*[rng.choice(["hook", "half"])] * 4) * rng.uniform(0.4, 1.0, (1, 3))
    bends[:, 0] -= rng.uniform(0, 30)
    return bends, _spread(rng, 0.2, 1.3), _mix_thumb(rng, "open", "relaxed", "oppose", "out")


def _table(rng: np.random.Generator) -> _Draw:
    """Straight fingers bent at the knuckles: beak, duck, flat grip."""
    bends = _fingers(*["table"] * 4) * rng.uniform(0.35, 1.05)
    return bends, _spread(rng, 0, 0.6), _mix_thumb(rng, "oppose", "adducted", "relaxed", "open")


def _pinch(rng: np.random.Generator) -> _Draw:
    """Thumb's tip against one or two fingertips; the others between straight and folded."""
    finger = rng.choice(4, p=(0.55, 0.25, 0.1, 0.1))
    rest = _fingers(*[rng.choice(["straight", "relaxed", "half", "bent", "fist"])] * 4)
    bends = rest * np.linspace(rng.uniform(0.5, 1.2), rng.uniform(0.5, 1.2), 4)[:, None]
    touch, thumb, spread = PINCHES[finger]
    bends[finger] = touch
    if finger == 0 and rng.random() < 0.3:
        bends[1] = PINCHES[1][0]
    spreads = _spread(rng, 0, 1.1)
    spreads[finger] = spread
    return bends, spreads, np.array(thumb, float)


def _grip(rng: np.random.Generator) -> _Draw:
    """Open towards an object; `contact` closes the fingers around it."""
    bends = _fingers(*["half"] * 4)
    return bends, _spread(rng, 0, 0.7), _mix_thumb(rng, "oppose", "over", "across")


def _free(rng: np.random.Generator) -> _Draw:
    """Fingers drawn with correlated neighbours anywhere between straight and closed."""
    walk = rng.uniform(0, 1) + np.cumsum(rng.normal(0, 0.3, 4)) * rng.choice([-1, 1])
    walk = np.clip(walk, -0.1, 1.05)[:, None]
    middle = _fingers(rng.choice(["relaxed", "bent", "hook", "half"]))
    closed, straight = _fingers("fist"), _fingers("straight")
    bends = straight * (1 - walk) ** 2 + 2 * middle * walk * (1 - walk) + closed * walk**2
    return bends, _spread(rng), _mix_thumb(rng)


# Thumb's pad against that of index .. little: the finger's bends, the thumb, the knuckle's spread.
PINCHES = (
    ((49, 45, 9), (25, 30, 49, 10, -1), -12.0),
    ((59, 45, 7), (40, 36, 48, 11, -2), -11.0),
    ((55, 44, 7), (54, 49, 55, 8, 0), -2.0),
    ((62, 29, 5), (62, 60, 43, 16, -9), 11.0),
)


class _Family(NamedTuple):
    """A family of poses: its frequency, its function, and the variation of its angles."""

    weight: float
    draw: Callable[[np.random.Generator], _Draw]
    noise: float


_FAMILIES = {
    "flat": _Family(0.17, _flat, 0.9),
    "loose": _Family(0.17, _loose, 1.0),
    "fist": _Family(0.12, _fist, 0.7),
    "sign": _Family(0.2, _sign, 0.8),
    "claw": _Family(0.07, _claw, 1.0),
    "table": _Family(0.06, _table, 0.9),
    "pinch": _Family(0.09, _pinch, 0.35),
    "grip": _Family(0.0, _grip, 0.3),
    "free": _Family(0.12, _free, 1.2),
}
