"""Simple meshes around the hand: forearm, sleeve, cuff, bracelets, rings and held objects.

All are built in the rig's model frame (metres) as `Part`s.
"""

from dataclasses import dataclass

import numpy as np

from openpose_keras.training.poses import Pose, joint_turns, rotations
from openpose_keras.training.rig import FINGERS, Rig

FINGER_RADIUS = 0.0082
_SEGMENTS = 20
_BEND_LENGTH = 0.045  # metres of forearm over which the wrist's bend spreads


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

    def rings(self, distances: np.ndarray, scale: float | np.ndarray = 1.0) -> np.ndarray:
        """Return outlines along the arm.

        Args:
            distances: (r,) metres from the wrist, negative towards the hand.
            scale: one factor or (r,) factors of the arm's own thickness.

        Returns:
            (r, k, 3) points.
        """
        middle = self.loop.mean(0)
        beyond = np.maximum(distances, 0)
        offsets = np.tile(self.loop - middle, (len(distances), 1, 1))
        offsets[:, :, 2] *= np.clip(1 - np.abs(distances) / 0.01, 0, 1)[:, None]
        growth = 1 + _smooth(beyond / 0.2)[:, None] * self.growth
        offsets[:, :, :2] *= (growth * np.broadcast_to(scale, len(distances))[:, None])[:, None]
        steps = np.linspace(0, _BEND_LENGTH, 10)
        along = self._turned(_smooth(steps / _BEND_LENGTH))[:, :, 2] * steps[1]
        path = np.concatenate([np.zeros((1, 3)), np.cumsum(along[1:], axis=0)])
        path = np.stack([np.interp(beyond, steps, path[:, k]) for k in range(3)], axis=1)
        path += np.maximum(beyond - _BEND_LENGTH, 0)[:, None] * along[-1] / steps[1]
        path[:, 2] += np.minimum(distances, 0)
        turned = self._turned(_smooth(beyond / _BEND_LENGTH))
        return (middle + path)[:, None] + offsets @ turned.transpose(0, 2, 1)

    def _turned(self, shares: np.ndarray) -> np.ndarray:
        """Return (r, 3, 3) shares of the wrist's rotation."""
        bend, aside, twist = self.turn
        turn = rotations((0, 1, 0), bend * shares) @ rotations((1, 0, 0), aside * shares)
        return turn @ rotations((0, 0, 1), twist * shares)


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
    taper = np.append(np.ones(len(steps)), (0.8, 0.4))
    rings = arm.rings(np.append(steps, (length + 0.012, length + 0.018)), taper)
    count = len(rig.wrist_loop)
    part = tube(rings, np.tile(rig.uv[rig.wrist_loop], (len(rings), 1)))
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
    phases, along, lobes = rng.uniform(0, 2 * np.pi, 4), rng.uniform(20, 140, 4), (1, 2, 3, 5)
    waves = np.sin(np.multiply.outer(steps, along)[:, None] + np.outer(around, lobes) + phases).sum(2)
    rings = arm.rings(steps, scale)
    middle = rings.mean(1, keepdims=True)
    rings = middle + (rings - middle) * (1 + folds / 2 * waves[:, :, None])
    u = np.tile(np.arange(len(around)) / len(around), len(steps))
    v = np.repeat((steps - start) / 0.25, len(around))
    return tube(rings, np.stack([u, v], axis=1))


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


def _smooth(values: np.ndarray) -> np.ndarray:
    """Return the smoothstep of values clipped to [0, 1]."""
    values = np.clip(values, 0.0, 1.0)
    return values * values * (3 - 2 * values)
