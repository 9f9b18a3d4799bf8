"""Poses of whole bodies as rotations of bones by name, read from BVH files or random.

Random poses combine those of MakeHuman's BVH files with families of limb angles. Angles in this
module's tables are in degrees. Legs: thigh forwards, thigh outwards, outward twist of the thigh,
knee. Arms: direction of the upper arm (outwards, up, forwards), spread of that direction, bend of
the elbow, inward twist of the upper arm.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from openpose_keras.training.synthesis.kinematics import rotation, unit
from openpose_keras.training.synthesis.people.body import Body, Node

Rotations = dict[str, np.ndarray]
"""(3, 3) rotations of bones relative to their parents, by the bones' names."""

_X, _Y, _Z = np.eye(3)
_SIDES = {"L": 1.0, "R": -1.0}
_AXES = {"X": (1.0, 0, 0), "Y": (0, 1.0, 0), "Z": (0, 0, 1.0)}
_Z_UP = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])  # from BVH's frame, z up, to the model's


class _Arm(NamedTuple):
    """A family of arm poses."""

    weight: float
    direction: tuple[float, float, float]
    spread: float
    elbow: tuple[float, float]
    twist: tuple[float, float]


_ARMS = {
    "hanging": _Arm(0.34, (0.22, -1, 0.05), 0.12, (8, 50), (-20, 40)),
    "raised": _Arm(0.09, (0.45, 0.85, 0.15), 0.35, (5, 90), (-50, 50)),
    "sideways": _Arm(0.06, (1, 0, 0.1), 0.3, (0, 100), (-80, 60)),
    "forwards": _Arm(0.1, (0.15, -0.25, 1), 0.35, (0, 80), (-20, 60)),
    "akimbo": _Arm(0.07, (0.75, -0.75, -0.3), 0.1, (85, 115), (45, 80)),
    "before": _Arm(0.19, (0.3, -0.9, 0.3), 0.2, (70, 135), (-10, 75)),
    "behind": _Arm(0.04, (0.35, -0.9, -0.45), 0.15, (20, 70), (40, 80)),
    "at_head": _Arm(0.06, (0.6, 0.35, 0.4), 0.3, (100, 145), (-60, 20)),
    "anywhere": _Arm(0.05, (0.5, 0, 0.4), 1.2, (0, 140), (-80, 80)),
}

Angles = tuple[tuple[float, float], ...]
_STRAIGHT: Angles = ((-8, 10), (0, 9), (0, 20), (0, 10))
# Weight, one leg, the other leg, the spine's bend forwards.
_LEGS: dict[str, tuple[float, Angles, Angles, tuple[float, float]]] = {
    "standing": (0.3, _STRAIGHT, _STRAIGHT, (-6, 14)),
    "apart": (0.08, ((-8, 15), (8, 25), (0, 30), (0, 20)), ((-8, 15), (8, 25), (0, 30), (0, 20)),
              (-10, 30)),
    "walking": (0.17, ((10, 35), (0, 6), (0, 12), (2, 25)), ((-28, -5), (0, 6), (0, 12), (5, 45)),
                (-4, 14)),
    "running": (0.06, ((35, 80), (0, 8), (0, 10), (30, 95)), ((-35, -5), (0, 8), (0, 10), (5, 70)),
                (0, 25)),
    "sitting": (0.14, ((72, 98), (0, 22), (-5, 15), (55, 105)),
                ((72, 98), (0, 22), (-5, 15), (55, 105)), (-15, 25)),
    "on_floor": (0.04, ((80, 110), (5, 40), (0, 45), (5, 125)),
                 ((80, 110), (5, 40), (0, 45), (5, 125)), (0, 35)),
    "crouching": (0.05, ((85, 122), (3, 28), (0, 25), (100, 145)),
                  ((85, 122), (3, 28), (0, 25), (100, 145)), (5, 45)),
    "kneeling": (0.03, ((-5, 30), (2, 14), (0, 10), (85, 145)), ((-5, 30), (2, 14), (0, 10),
                 (85, 145)), (-8, 25)),
    "one_knee": (0.03, ((75, 95), (0, 15), (0, 15), (75, 100)), ((-12, 8), (0, 10), (0, 10),
                 (80, 110)), (0, 30)),
    "lunging": (0.04, ((40, 90), (0, 15), (0, 15), (35, 95)), ((-35, -10), (0, 12), (0, 20),
                (0, 30)), (-5, 35)),
    "kicking": (0.03, ((30, 100), (0, 50), (0, 30), (0, 60)), _STRAIGHT, (-15, 20)),
    "bending": (0.03, ((20, 70), (0, 12), (0, 15), (0, 40)), ((20, 70), (0, 12), (0, 15), (0, 40)),
                (15, 55)),
}  # fmt: skip
SEATED = ("sitting",)
_LYING = 0.05  # probability


class BodyPose(NamedTuple):
    """A pose of a body.

    Args:
        rotations: (j, 3, 3) rotation of each bone relative to its parent.
        family: The family of the pose.
    """

    rotations: np.ndarray
    family: str


def sample_pose(
    body: Body,
    heads: np.ndarray,
    girth: float,
    motions: Sequence[Rotations],
    rng: np.random.Generator,
) -> BodyPose:
    """Draw a pose.

    Args:
        body: The base mesh.
        heads: (j, 3) starting points of the bones, see `Body.heads`.
        girth: Half of the torso's depth in metres, within which arms may not lie.
        motions: Poses of BVH files.
        rng: The random generator.
    """
    family, chosen = "motion", _legs_and_spine(rng)
    if motions and rng.random() < 0.3:
        turned = motions[int(rng.integers(len(motions)))]
        parts = mirrored(turned) if rng.random() < 0.5 else dict(turned)
        parts |= _varied(parts, rng)
    else:
        family, parts = chosen
    pose = _matrices(body, parts)
    for side in _SIDES:
        if family == "motion" and rng.random() < 0.6:
            continue
        for _ in range(8):
            for name, matrix in _arm(body, heads, side, rng).items():
                pose[body.bone(name)] = matrix
            if not _in_torso(body, heads, pose, side, girth):
                break
    for side in _SIDES:
        for name, matrix in _hand(body, heads, side, rng).items():
            pose[body.bone(name)] = matrix
    for name, matrix in _head(rng).items():
        pose[body.bone(name)] = pose[body.bone(name)] @ matrix
    pose[body.bone("root")] = _orientation(rng, family) @ pose[body.bone("root")]
    return BodyPose(pose, family)


def _matrices(body: Body, parts: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return (j, 3, 3) rotations; bones that are not given have the identity."""
    pose = np.tile(np.eye(3), (len(body.bones), 1, 1))
    for name, matrix in parts.items():
        pose[body.bone(name)] = matrix
    return pose


def _varied(parts: Rotations, rng: np.random.Generator) -> Rotations:
    """Rotate the limbs of a pose slightly at random."""
    names = [n for n in parts if n.startswith(("upper", "lower", "spine", "neck", "head"))]
    return {
        name: parts[name] @ rotation(rng.normal(size=3), np.radians(rng.normal(0, 7)))
        for name in names
    }


def _orientation(rng: np.random.Generator, family: str) -> np.ndarray:
    """Draw the orientation of the body: leaning, or lying on its back, front or side."""
    lean = rotation(_X, np.radians(rng.normal(0, 4))) @ rotation(_Z, np.radians(rng.normal(0, 3)))
    if rng.random() > _LYING or family in SEATED:
        return np.asarray(lean)
    roll = np.radians(rng.choice([0, 180, 90, -90]) + rng.normal(0, 12))
    return np.asarray(rotation(_X, np.radians(-90 + rng.normal(0, 8))) @ rotation(_Y, roll))


def _legs_and_spine(rng: np.random.Generator) -> tuple[str, Rotations]:
    """Draw legs of a family, and the spine."""
    weights = np.array([weight for weight, *_ in _LEGS.values()])
    name = str(rng.choice(list(_LEGS), p=weights / weights.sum()))
    _, *legs, bend = _LEGS[name]
    if rng.random() < 0.5:
        legs.reverse()
    parts: Rotations = {}
    for (side, sign), leg in zip(_SIDES.items(), legs, strict=True):
        forwards, outwards, twist, knee = np.radians([rng.uniform(*span) for span in leg])
        thigh = rotation(_X, -forwards) @ rotation(_Z, sign * outwards)
        parts[f"upperleg01.{side}"] = thigh @ rotation(_Y, sign * twist)
        parts[f"lowerleg01.{side}"] = rotation(_X, knee)
        level = np.clip(forwards - knee, -0.5, 0.3) if name in ("standing", "apart") else 0.0
        parts[f"foot.{side}"] = rotation(_X, level + np.radians(rng.normal(0, 6)))
    forwards, aside, twist = np.radians([rng.uniform(*bend), *rng.normal(0, (5, 10))]) / 5
    spine = rotation(_X, forwards) @ rotation(_Z, aside) @ rotation(_Y, twist)
    return name, parts | {f"spine0{number}": spine for number in range(1, 6)}


def _head(rng: np.random.Generator) -> Rotations:
    """Draw a turn of the neck and the head, and the eyes' gaze."""
    down, aside, turn = np.radians(rng.normal((4, 0, 0), (13, 8, 24))) / 4
    part = rotation(_Y, turn) @ rotation(_X, down) @ rotation(_Z, aside)
    up, across = np.radians(rng.normal(0, (6, 10)))
    gaze = rotation(_X, up) @ rotation(_Y, across)
    neck = dict.fromkeys(("neck01", "neck02", "neck03", "head"), part)
    return neck | {f"eye.{side}": gaze for side in _SIDES}


def _arm(body: Body, heads: np.ndarray, side: str, rng: np.random.Generator) -> Rotations:
    """Draw an arm of a family."""
    weights = np.array([arm.weight for arm in _ARMS.values()])
    arm = list(_ARMS.values())[rng.choice(len(_ARMS), p=weights / weights.sum())]
    sign = _SIDES[side]
    direction = unit(np.array(arm.direction) + rng.normal(0, arm.spread, 3))
    direction[0] = max(direction[0], -0.25)
    elbow, twist = np.radians([rng.uniform(*arm.elbow), sign * rng.uniform(*arm.twist)])
    points = heads[[body.bone(f"{bone}.{side}") for bone in ("upperarm01", "lowerarm01", "wrist")]]
    upper, lower = (unit(each) for each in np.diff(points, axis=0))
    shrug = rotation(_Z, sign * np.clip(direction[1] + 0.3, 0, 1.1) * 0.4)
    target = shrug.T @ unit(direction * (sign, 1, 1))
    bend = elbow - np.arccos(np.clip(upper @ lower, -1, 1))
    turn = rotation(lower, np.radians(rng.uniform(-70, 60)) * sign / 2)
    flex = rotation(np.cross(lower, _Z), np.radians(rng.normal(0, 20)))
    return {
        f"clavicle.{side}": rotation(_Y, np.radians(rng.normal(0, 5))),
        f"shoulder01.{side}": shrug,
        f"upperarm01.{side}": between(upper, target) @ rotation(upper, twist / 2),
        f"upperarm02.{side}": rotation(upper, twist / 2),
        f"lowerarm01.{side}": rotation(np.cross(upper, lower), bend),
        f"lowerarm02.{side}": turn,
        f"wrist.{side}": turn @ flex,
    }


def between(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Return the smallest (3, 3) rotation of one unit vector onto another.

    Args:
        start: (3,) unit vector.
        end: (3,) unit vector.
    """
    axis = np.cross(start, end)
    sine, cosine = float(np.linalg.norm(axis)), float(start @ end)
    if sine < 1e-6:
        axis = np.cross(start, np.eye(3)[np.argmin(np.abs(start))])
    return rotation(axis, np.arctan2(sine, cosine))


def _in_torso(body: Body, heads: np.ndarray, pose: np.ndarray, side: str, girth: float) -> bool:
    """Return whether elbow, forearm or hand lies inside the torso, modelled as a capsule."""
    posed = body.pose(heads, pose).heads
    low, high = posed[body.bone("spine05")], posed[body.bone("neck01")]
    names = ("lowerarm01", "wrist", "finger3-1", "finger3-3")
    elbow, wrist, *fingers = posed[[body.bone(f"{name}.{side}") for name in names]]
    points = np.array([elbow, (elbow + wrist) / 2, wrist, *fingers])
    axis = high - low
    along = np.clip((points - low) @ axis / (axis @ axis), -0.1, 1.1)
    apart = np.linalg.norm(points - low - along[:, None] * axis, axis=1)
    return bool((apart < girth * 1.15 + 0.02).any())


def _hand(body: Body, heads: np.ndarray, side: str, rng: np.random.Generator) -> Rotations:
    """Draw how far the fingers are closed."""
    at = {
        (finger, joint): heads[body.bone(f"finger{finger}-{joint}.{side}")]
        for finger in range(1, 6)
        for joint in range(1, 4)
    }
    middle = np.cross(at[3, 2] - at[3, 1], at[3, 3] - at[3, 2])
    hinge = unit(at[2, 1] - at[5, 1])
    hinge = hinge * np.sign(hinge @ middle)
    closed, parts = rng.choice([rng.uniform(-0.1, 0.35), rng.uniform(0, 1)]), {}
    pointing = rng.random() < 0.15
    for finger in range(1, 6):
        curl = np.clip(closed + rng.normal(0, 0.12), -0.15, 1)
        if pointing and finger == 2:
            curl = 0.0
        axis, bends = hinge, np.array([75, 95, 60]) * curl - (12, 12, 8)
        if finger == 1:
            axis = unit(np.cross(at[1, 2] - at[1, 1], at[1, 3] - at[1, 2]))
            bends = np.array([15, 35, 45]) * curl
        for joint, bend in enumerate(np.radians(bends), start=1):
            parts[f"finger{finger}-{joint}.{side}"] = rotation(axis, bend)
    return parts


def read_bvh(path: Node) -> list[dict[str, np.ndarray]]:
    """Read the frames of a BVH file whose bones rest in the identity and whose z axis points up.

    Args:
        path: The `.bvh` file.

    Returns:
        For each frame, (3, 3) rotations of the bones relative to their parents, by name, in the
        frame of `Body`. Bones that do not rotate are left out.

    Raises:
        ValueError: The file is not a BVH file of this kind.
    """
    text = path.read_bytes().decode()
    hierarchy, found, motion = text.partition("MOTION")
    channels: list[tuple[str, list[str]]] = []
    name = ""
    for line in hierarchy.splitlines():
        word, *rest = line.split() or [""]
        if word in ("ROOT", "JOINT"):
            name = rest[0]
        elif word == "CHANNELS":
            channels.append((name, rest[1:]))
    width = sum(len(each) for _, each in channels)
    rows = motion.partition("Frame Time:")[2].splitlines()[1:]
    frames = np.array([row.split() for row in rows if row.strip()], float)
    if not found or not width or frames.ndim != 2 or frames.shape[1] != width:
        raise ValueError(f"expected frames of {width} numbers in {path.name}, got {frames.shape}")
    return [_rotations(frame, channels) for frame in frames]


def _rotations(frame: np.ndarray, channels: list[tuple[str, list[str]]]) -> dict[str, np.ndarray]:
    """Return the rotations of one frame."""
    result, start = {}, 0
    for name, kinds in channels:
        matrix, turns = np.eye(3), frame[start : start + len(kinds)]
        for kind, degrees in zip(kinds, turns, strict=True):
            if kind.endswith("rotation"):
                matrix = matrix @ rotation(_AXES[kind[0]], np.radians(degrees))
        if np.abs(matrix - np.eye(3)).max() > 1e-4:
            result[name] = _Z_UP @ matrix @ _Z_UP.T
        start += len(kinds)
    return result


def mirrored(rotations: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return a pose with left and right exchanged.

    Args:
        rotations: (3, 3) rotations by the names of bones, which end in .L and .R.
    """
    flip, sides = np.diag([-1.0, 1, 1]), {".L": ".R", ".R": ".L"}
    return {
        name[:-2] + sides[name[-2:]] if name[-2:] in sides else name: flip @ matrix @ flip
        for name, matrix in rotations.items()
    }
