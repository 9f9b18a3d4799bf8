"""Meshes in the rig's model frame (metres): solids, forearm, sleeve, cuff, bracelet and rings."""

from dataclasses import dataclass

import numpy as np

from openpose_keras.training.synthesis.raster import Mesh
from openpose_keras.training.synthesis.rig import Rig
from openpose_keras.training.synthesis.rotations import rotation

_SEGMENTS = 20
_BEND_LENGTH = 0.045  # metres of forearm over which the wrist's bend is spread


@dataclass(frozen=True, eq=False)
class Arm:
    """The line along which a forearm leaves the wrist.

    Args:
        loop: (k, 3) points around the wrist's cut, in order.
        wrist: (3,) the wrist's angles, see `articulation.Pose`.
        growth: (2,) fractions by which the forearm is thicker and wider 20 cm from the wrist.
    """

    loop: np.ndarray
    wrist: np.ndarray
    growth: np.ndarray

    def rings(self, distances: np.ndarray, scale: float | np.ndarray = 1.0) -> np.ndarray:
        """Return outlines along the arm.

        Args:
            distances: (r,) metres from the wrist, negative towards the hand.
            scale: One factor, or (r,) factors, of the arm's own thickness.

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
        along = self._rotations(_smooth(steps / _BEND_LENGTH))[:, :, 2] * steps[1]
        path = np.concatenate([np.zeros((1, 3)), np.cumsum(along[1:], axis=0)])
        path = np.stack([np.interp(beyond, steps, path[:, k]) for k in range(3)], axis=1)
        path += np.maximum(beyond - _BEND_LENGTH, 0)[:, None] * along[-1] / steps[1]
        path[:, 2] += np.minimum(distances, 0)
        rotated = self._rotations(_smooth(beyond / _BEND_LENGTH))
        rings: np.ndarray = (middle + path)[:, None] + offsets @ rotated.transpose(0, 2, 1)
        return rings

    @property
    def direction(self) -> np.ndarray:
        """(3,) unit vector from the wrist along the forearm."""
        near, far = self.rings(np.array([0.0, 0.12])).mean(1)
        direction: np.ndarray = (far - near) / np.linalg.norm(far - near)
        return direction

    def _rotations(self, fractions: np.ndarray) -> np.ndarray:
        """Return (r, 3, 3) fractions of the wrist's rotation."""
        bend, aside, twist = (angle * fractions for angle in self.wrist)
        both = rotation((0, 1, 0), bend) @ rotation((1, 0, 0), aside)
        result: np.ndarray = both @ rotation((0, 0, 1), twist)
        return result


def lathe(profile: np.ndarray, axis: np.ndarray, centre: np.ndarray) -> Mesh:
    """Build a closed solid of revolution: cylinder, ball, bottle, cup.

    Args:
        profile: (k, 2) radius and position along the axis, metres, from one end to the other.
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


def box(half: np.ndarray, axes: np.ndarray, centre: np.ndarray) -> Mesh:
    """Build a box.

    Args:
        half: (3,) half of its sides in metres.
        axes: (3, 3) rotation; its columns are the box's axes.
        centre: (3,) middle of the box.

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
        triangles += [
            [4 * face, 4 * face + 1, 4 * face + 2],
            [4 * face, 4 * face + 2, 4 * face + 3],
        ]
    frame = np.zeros((24, 3, 3), np.float32)
    frame[:, 0] = np.array(normals) @ axes.T
    vertices = np.array(points) @ axes.T + centre
    return Mesh(
        vertices.astype(np.float32), frame, np.array(uv, np.float32), np.array(triangles, np.int32)
    )


def tube(rings: np.ndarray, uv: np.ndarray) -> Mesh:
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
    return Mesh(
        vertices.astype(np.float32),
        frame,
        np.asarray(uv, np.float32),
        np.ascontiguousarray(triangles, np.int32),
    )


def forearm(rig: Rig, hand: Mesh, arm: Arm, length: float) -> Mesh:
    """Build the bare forearm as a continuation of the hand's mesh.

    Args:
        rig: The hand.
        hand: Its skinned mesh.
        arm: The line to follow.
        length: Metres from the wrist to the rounded end.

    Returns:
        The forearm with the hand's surface. Its texture coordinates are those of the wrist's cut,
        so that its colour fits the hand.
    """
    steps = np.array([0, 0.004, 0.01, 0.018, 0.028, 0.04, 0.06, 0.09, 0.13, 0.18, 0.24, 0.32])
    steps = np.append(steps[steps < length - 0.01], length)
    taper = np.append(np.ones(len(steps)), (0.8, 0.4))
    rings = arm.rings(np.append(steps, (length + 0.012, length + 0.018)), taper)
    count = len(rig.wrist_loop)
    mesh = tube(rings, np.tile(rig.uv[rig.wrist_loop], (len(rings), 1)))
    mesh.frame[:count, 0] = hand.frame[rig.wrist_loop, 0]
    return hand._replace(
        vertices=mesh.vertices, frame=mesh.frame, uv=mesh.uv, triangles=mesh.triangles
    )


def sleeve(
    arm: Arm,
    start: float,
    end: float,
    scale: float,
    rng: np.random.Generator,
    *,
    folds: float = 0.05,
) -> Mesh:
    """Build a sleeve or cuff around a forearm.

    Args:
        arm: The line to follow.
        start: Metres from the wrist where it begins; a negative start reaches over the hand.
        end: Metres from the wrist where it ends.
        scale: Its width as a multiple of the arm's.
        rng: The random generator, for the folds.
        folds: Relative depth of the folds.

    Returns:
        The sleeve, open at both ends.
    """
    steps = np.linspace(start, end, max(3, int((end - start) / 0.02)))
    around = np.linspace(0, 2 * np.pi, len(arm.loop), endpoint=False)
    phases, along, lobes = rng.uniform(0, 2 * np.pi, 4), rng.uniform(20, 140, 4), (1, 2, 3, 5)
    angles = np.multiply.outer(steps, along)[:, None] + np.outer(around, lobes) + phases
    waves = np.sin(angles).sum(2)
    rings = arm.rings(steps, max(scale, 1.04 + 2 * folds))  # the deepest fold clears the arm
    middle = rings.mean(1, keepdims=True)
    rings = middle + (rings - middle) * (1 + folds / 2 * waves[:, :, None])
    u = np.tile(np.arange(len(around)) / len(around), len(steps))
    v = np.repeat((steps - start) / 0.25, len(around))
    return tube(rings, np.stack([u, v], axis=1))


def finger_ring(centre: np.ndarray, axes: np.ndarray, radius: float, width: float) -> Mesh:
    """Build a ring around a finger.

    Args:
        centre: (3,) centre of the ring.
        axes: (3, 3) frame whose y axis runs along the finger.
        radius: Radius in metres.
        width: Length along the finger in metres.

    Returns:
        The ring.
    """
    around = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    circle = np.stack([np.cos(around), np.zeros(16), -np.sin(around)], axis=1)
    rings = [
        (circle * radius * size + (0, y * width, 0)) @ axes.T + centre
        for y, size in ((-0.5, 0.97), (-0.3, 1.0), (0.3, 1.0), (0.5, 0.97))
    ]
    uv = np.stack([np.tile(around / 7, 4), np.repeat(np.arange(4) / 3, 16)], axis=1)
    return tube(np.stack(rings), uv)


def _smooth(values: np.ndarray) -> np.ndarray:
    """Return the smoothstep of values clipped to [0, 1]."""
    values = np.clip(values, 0.0, 1.0)
    smooth: np.ndarray = values * values * (3 - 2 * values)
    return smooth
