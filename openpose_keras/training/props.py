"""Simple meshes around the hand: forearm, sleeve, cuff, bracelets, rings and held objects.

All are built in the rig's model frame (metres) as `Part`s.
"""

from dataclasses import dataclass

import numpy as np

from openpose_keras.training.poses import Pose, joint_turns, rotation
from openpose_keras.training.rig import FINGERS, Rig

FINGER_RADIUS = 0.0082
_SEGMENTS = 20


@dataclass(frozen=True, eq=False)
class Part:
    """A mesh in the model's frame.

    Attributes:
        vertices: (n, 3) float32.
        frame: (n, 3, 3) float32, see `raster.Mesh`; tangents are zero where no bumps are wanted.
        uv: (n, 2) float32.
        triangles: (m, 3) int32.
    """

    vertices: np.ndarray
    frame: np.ndarray
    uv: np.ndarray
    triangles: np.ndarray


@dataclass(frozen=True, eq=False)
class Arm:
    """The line along which a forearm leaves the wrist.

    Attributes:
        loop: (k, 3) the wrist's cut, in order.
        turn: (3,) the wrist's angles, see `poses.Pose`.
        growth: (2,) how much thicker and wider the forearm is 20 cm from the wrist.
    """

    loop: np.ndarray
    turn: np.ndarray
    growth: np.ndarray

    def ring(self, distance: float, scale: float = 1.0) -> np.ndarray:
        """Return the (k, 3) outline at a distance from the wrist, grown by a factor."""
        middle = self.loop.mean(0)
        offsets = self.loop - middle
        offsets[:, 2] *= np.clip(1 - abs(distance) / 0.01, 0, 1)
        share = _smooth(max(distance, 0) / 0.2)
        offsets[:, :2] *= scale * (1 + share * self.growth)
        steps = np.linspace(0, max(distance, 0), 9)
        angles = [_smooth(step / 0.045) for step in steps]
        path = np.zeros(3)
        for here, after, angle in zip(steps, steps[1:], angles[1:], strict=False):
            path += self._turned(angle) @ (0, 0, after - here)
        path += (0, 0, min(distance, 0))
        return middle + path + offsets @ self._turned(angles[-1]).T

    def _turned(self, share: float) -> np.ndarray:
        """Return a share of the wrist's rotation."""
        bend, aside, twist = self.turn * share
        return rotation((0, 1, 0), bend) @ rotation((1, 0, 0), aside) @ rotation((0, 0, 1), twist)


def forearm(rig: Rig, vertices: np.ndarray, frame: np.ndarray, arm: Arm, length: float) -> Part:
    """Build the bare forearm as a continuation of the hand's mesh.

    Args:
        rig: the hand.
        vertices: (n, 3) skinned vertices of the hand.
        frame: (n, 3, 3) skinned frames of the hand.
        arm: the line to follow.
        length: metres from the wrist to the rounded end.

    Returns:
        The forearm; its texture coordinates are those of the wrist's cut, so its colour fits the hand.
    """
    steps = np.array([0, 0.004, 0.01, 0.018, 0.028, 0.04, 0.06, 0.09, 0.13, 0.18, 0.24, 0.32])
    steps = np.append(steps[steps < length - 0.01], length)
    rings = [arm.ring(step) for step in steps]
    rings += [arm.ring(length + 0.012, 0.8), arm.ring(length + 0.018, 0.4)]
    count = len(rig.wrist_loop)
    uv = np.tile(rig.uv[rig.wrist_loop], (len(rings), 1))
    part = tube(np.stack(rings), uv)
    part.frame[:count, 0] = frame[rig.wrist_loop, 0]
    part.frame[:, 1:] = 0
    return part


def sleeve(
    arm: Arm, start: float, end: float, scale: float, rng: np.random.Generator, *, folds: float = 0.05
) -> Part:
    """Build a sleeve or cuff around a forearm.

    Args:
        arm: the line to follow.
        start: metres from the wrist where it begins; negative reaches over the hand.
        end: metres from the wrist where it ends.
        scale: how much wider than the arm.
        rng: source of the folds.
        folds: relative depth of the folds.

    Returns:
        The sleeve, open at both ends.
    """
    steps = np.linspace(start, end, max(3, int((end - start) / 0.02)))
    around = np.linspace(0, 2 * np.pi, len(arm.loop), endpoint=False)
    phases, along = rng.uniform(0, 2 * np.pi, 4), rng.uniform(20, 140, 4)
    rings = []
    for step in steps:
        wave = sum(np.sin(k * around + p + f * step) for k, p, f in zip((1, 2, 3, 5), phases, along, strict=True))
        ring = arm.ring(step, scale)
        middle = ring.mean(0)
        rings.append(middle + (ring - middle) * (1 + folds / 2 * wave[:, None]))
    u = np.tile(np.arange(len(around)) / len(around), len(steps))
    v = np.repeat((steps - start) / 0.25, len(around))
    return tube(np.stack(rings), np.stack([u, v], axis=1))


def finger_ring(origin: np.ndarray, rotation_: np.ndarray, radius: float, width: float) -> Part:
    """Build a ring around a finger.

    Args:
        origin: (3,) its centre.
        rotation_: (3, 3) frame whose y axis runs along the finger.
        radius: metres.
        width: metres along the finger.

    Returns:
        The ring.
    """
    around = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    circle = np.stack([np.cos(around), np.zeros(16), -np.sin(around)], axis=1)
    rings = [
        (circle * radius * size + (0, y * width, 0)) @ rotation_.T + origin
        for y, size in ((-0.5, 0.97), (-0.3, 1.0), (0.3, 1.0), (0.5, 0.97))
    ]
    uv = np.stack([np.tile(around / 7, 4), np.repeat(np.arange(4) / 3, 16)], axis=1)
    return tube(np.stack(rings), uv)


def lathe(profile: np.ndarray, axis: np.ndarray, centre: np.ndarray) -> Part:
    """Build a closed solid of revolution: cylinder, ball, bottle, cup.

    Args:
        profile: (k, 2) radius and place along the axis, metres, from one end to the other.
        axis: (3,) direction.
        centre: (3,) origin of the profile.

    Returns:
        The solid.
    """
    axis = axis / np.linalg.norm(axis)
    side = np.cross(axis, (1.0, 0, 0) if abs(axis[0]) < 0.8 else (0, 1.0, 0))
    side /= np.linalg.norm(side)
    around = np.linspace(0, 2 * np.pi, _SEGMENTS, endpoint=False)
    circle = np.cos(around)[:, None] * side + np.sin(around)[:, None] * np.cross(axis, side)
    rings = centre + profile[:, None, :1] * circle + profile[:, None, 1:] * axis
    v = np.repeat(np.linspace(0, 1, len(profile)), _SEGMENTS)
    u = np.tile(np.arange(_SEGMENTS) / _SEGMENTS, len(profile))
    return tube(rings, np.stack([u, v], axis=1))


def cylinder_profile(radius: float, half_length: float) -> np.ndarray:
    """Return the profile of a closed cylinder with slightly rounded edges."""
    edge = min(0.003, radius * 0.3)
    return np.array(
        [
            [1e-4, -half_length], [radius - edge, -half_length], [radius, -half_length + edge],
            [radius, half_length - edge], [radius - edge, half_length], [1e-4, half_length],
        ]
    )  # fmt: skip


def ball_profile(radius: float) -> np.ndarray:
    """Return the profile of a ball."""
    angles = np.linspace(-np.pi / 2 + 1e-2, np.pi / 2 - 1e-2, 12)
    return radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def box(half: np.ndarray, axes: np.ndarray, centre: np.ndarray) -> Part:
    """Build a box.

    Args:
        half: (3,) half its sides in metres.
        axes: (3, 3) rotation, columns are the box's axes.
        centre: (3,) its middle.

    Returns:
        The box with flat faces.
    """
    points, normals, uv, triangles = [], [], [], []
    for face in range(6):
        normal = np.zeros(3)
        normal[face // 2] = 1 if face % 2 else -1
        side = np.roll(np.abs(normal), 1)
        other = np.cross(normal, side)
        for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
            points.append((normal + a * side + b * other) * half)
            normals.append(normal)
            uv.append(((a + 1) / 2, (b + 1) / 2))
        triangles += [[4 * face, 4 * face + 1, 4 * face + 2], [4 * face, 4 * face + 2, 4 * face + 3]]
    frame = np.zeros((24, 3, 3), np.float32)
    frame[:, 0] = np.array(normals) @ axes.T
    vertices = np.array(points) @ axes.T + centre
    return Part(
        vertices.astype(np.float32), frame, np.array(uv, np.float32), np.array(triangles, np.int32)
    )


def tube(rings: np.ndarray, uv: np.ndarray) -> Part:
    """Join rings of equal length into a surface, with smooth normals that point outwards.

    Args:
        rings: (r, k, 3).
        uv: (r k, 2).

    Returns:
        The surface, open at both ends.
    """
    count, size = rings.shape[:2]
    index = np.arange(count * size).reshape(count, size)
    a, b = index[:-1], np.roll(index, -1, axis=1)[:-1]
    c, d = np.roll(index, -1, axis=1)[1:], index[1:]
    triangles = np.stack([np.stack([a, b, c], -1), np.stack([a, c, d], -1)]).reshape(-1, 3)
    vertices = rings.reshape(-1, 3)
    normals = np.cross(
        np.roll(rings, -1, axis=1) - np.roll(rings, 1, axis=1), np.gradient(rings, axis=0)
    )
    outwards = ((rings - rings.mean(1, keepdims=True)) * normals).sum()
    if outwards < 0:
        normals, triangles = -normals, triangles[:, ::-1]
    normals = normals.reshape(-1, 3)
    frame = np.zeros((len(vertices), 3, 3), np.float32)
    frame[:, 0] = normals / (np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12)
    return Part(
        vertices.astype(np.float32),
        frame,
        np.asarray(uv, np.float32),
        np.ascontiguousarray(triangles, np.int32),
    )


def close_around(
    rig: Rig, pose: Pose, scales: np.ndarray, centre: np.ndarray, axis: np.ndarray | None
) -> np.ndarray:
    """Close the fingers joint by joint until they touch a cylinder or a ball.

    Args:
        rig: the hand.
        pose: where to begin; `pose.grip` is the object's radius.
        scales: (j, 3) of the hand's shape.
        centre: (3,) the object's middle in the model's frame.
        axis: (3,) unit direction of a cylinder, or None for a ball.

    Returns:
        (4, 3) bends of index .. little.
    """
    bends = np.radians(np.array([[-5.0, 5.0, 3.0]])).repeat(4, axis=0)
    joints = np.array(
        [[rig.names.index(f"{f}_{b}") for b in ("Proximal", "Intermediate", "Distal", "Tip")] for f in FINGERS[1:]]
    )
    moving = np.ones((4, 3), bool)
    limit = np.radians((88, 105, 65))
    for joint in range(3):
        for _ in range(16):
            trial = bends.copy()
            trial[:, joint] += np.where(moving[:, joint], limit[joint] / 14, 0)
            turns = joint_turns(rig, Pose(trial, pose.spreads, pose.thumb, pose.wrist))
            points = rig.forward(turns, scales)[1][joints]
            bone = points[:, joint + 1] - points[:, joint]
            samples = points[:, None, joint] + np.array([0.35, 0.7, 1.0])[:, None] * bone[:, None]
            away = samples - centre
            if axis is not None:
                away = away - (away @ axis)[..., None] * axis
            touches = np.linalg.norm(away, axis=2).min(1) < pose.grip + FINGER_RADIUS
            moving[:, joint] &= ~touches & (trial[:, joint] <= limit[joint])
            bends = np.where(moving[:, [joint]] & (np.arange(3) == joint), trial, bends)
            if not moving[:, joint].any():
                break
    return bends


def _smooth(value: float) -> float:
    """Return the smoothstep of a value clipped to [0, 1]."""
    value = min(max(value, 0.0), 1.0)
    return value * value * (3 - 2 * value)
