"""Meshes in the rig's model frame (metres): solids, forearm, sleeve, cuff, bracelet and rings."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from openpose_keras.training.synthesis.kinematics import rotation, unit
from openpose_keras.training.synthesis.raster import Mesh
from openpose_keras.training.synthesis.rig import Rig

_SEGMENTS = 20
_BEND_LENGTH = 0.045  # metres of forearm over which the wrist's bend is spread


@dataclass(frozen=True, eq=False)
class Arm:
    """The line along which a forearm leaves the wrist.

    Args:
        loop: (k, 3) points around the wrist's cut, in order.
        wrist: (3,) the wrist's angles, see `poses.Pose`.
        growth: (2,) fractions by which the forearm is thicker and wider at 20 cm from the wrist.
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
        return np.asarray((middle + path)[:, None] + offsets @ rotated.transpose(0, 2, 1))

    @property
    def direction(self) -> np.ndarray:
        """(3,) unit vector from the wrist along the forearm."""
        near, far = self.rings(np.array([0.0, 0.12])).mean(1)
        return unit(far - near)

    def _rotations(self, fractions: np.ndarray) -> np.ndarray:
        """Return (r, 3, 3) fractions of the wrist's rotation."""
        bend, aside, twist = (angle * fractions for angle in self.wrist)
        both = rotation((0, 1, 0), bend) @ rotation((1, 0, 0), aside)
        return np.asarray(both @ rotation((0, 0, 1), twist))


def moved(mesh: Mesh, linear: np.ndarray, offset: np.ndarray) -> Mesh:
    """Transform a mesh; a reflection also flips its triangles, so that they still face outwards.

    Args:
        mesh: The mesh.
        linear: (3, 3) rotation or reflection.
        offset: (3,) offset in metres, added afterwards.
    """
    step = -1 if np.linalg.det(linear) < 0 else 1
    return mesh._replace(
        vertices=(mesh.vertices @ linear.T + offset).astype(np.float32),
        frame=np.ascontiguousarray(mesh.frame @ linear.T, np.float32),
        triangles=np.ascontiguousarray(mesh.triangles[:, ::step]),
    )


def lathe(profile: np.ndarray, axis: np.ndarray, centre: np.ndarray) -> Mesh:
    """Build a closed solid of revolution: cylinder, ball, bottle, cup.

    Args:
        profile: (k, 2) radius and position along the axis, metres, from one end to the other.
        axis: (3,) direction.
        centre: (3,) origin of the profile.

    Returns:
        The solid.
    """
    axis = unit(axis)
    side = unit(np.cross(axis, (1.0, 0, 0) if abs(axis[0]) < 0.8 else (0, 1.0, 0)))
    around = np.linspace(0, 2 * np.pi, _SEGMENTS, endpoint=False)
    circle = np.cos(around)[:, None] * side + np.sin(around)[:, None] * np.cross(axis, side)
    rings = centre + profile[:, None, :1] * circle + profile[:, None, 1:] * axis
    return tube(rings, _grid(np.arange(_SEGMENTS) / _SEGMENTS, np.linspace(0, 1, len(profile))))


def cylinder_profile(radius: float, half_length: float) -> np.ndarray:
    """Return the profile of a closed cylinder with slightly rounded edges."""
    edge = min(0.003, radius * 0.3)
    end = np.array(
        [(1e-4, half_length), (radius - edge, half_length), (radius, half_length - edge)]
    )
    return np.concatenate([end * (1, -1), end[::-1]])


def tapered_profile(steps: Sequence[tuple[float, float]]) -> np.ndarray:
    """Return the profile of a closed solid through (radius, position along the axis) steps."""
    return np.array([(1e-4, steps[0][1]), *steps, (1e-4, steps[-1][1])])


def ball_profile(radius: float) -> np.ndarray:
    """Return the profile of a ball."""
    angles = np.linspace(-np.pi / 2 + 1e-2, np.pi / 2 - 1e-2, 12)
    return radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def box(half: np.ndarray, axes: np.ndarray, centre: np.ndarray) -> Mesh:
    """Build a box.

    Args:
        half: (3,) half of the box's sides in metres.
        axes: (3, 3) rotation; its columns are the box's axes.
        centre: (3,) centre of the box.

    Returns:
        The box with flat faces.
    """
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    normals = np.stack([-np.eye(3), np.eye(3)], axis=1).reshape(6, 1, 3)
    sides = np.roll(np.abs(normals), 1, axis=2)
    others = np.cross(normals, sides)
    points = (normals + corners[:, :1] * sides + corners[:, 1:] * others) * half
    triangles = 4 * np.arange(6)[:, None, None] + [(0, 1, 2), (0, 2, 3)]
    return _mesh(
        points.reshape(24, 3) @ axes.T + centre,
        normals.repeat(4, axis=1).reshape(24, 3) @ axes.T,
        np.tile((corners + 1) / 2, (6, 1)),
        triangles.reshape(12, 3),
    )


def tube(rings: np.ndarray, uv: np.ndarray) -> Mesh:
    """Join rings of equal length into a surface, with smooth normals that point outwards.

    Args:
        rings: (r, k, 3).
        uv: (r, k, 2) texture coordinates, or (k, 2) of each ring.

    Returns:
        The surface, open at both ends.
    """
    index = np.arange(rings[..., 0].size).reshape(rings.shape[:2])
    after = np.roll(index, -1, axis=1)
    a, b, c, d = index[:-1], after[:-1], after[1:], index[1:]
    triangles = np.moveaxis(np.array([(a, b, c), (a, c, d)]), 1, -1).reshape(-1, 3)
    around = np.roll(rings, -1, axis=1) - np.roll(rings, 1, axis=1)
    normals = np.cross(around, np.gradient(rings, axis=0))
    if ((rings - rings.mean(1, keepdims=True)) * normals).sum() < 0:
        normals, triangles = -normals, triangles[:, ::-1]
    normals = normals.reshape(-1, 3)
    normals = normals / (np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12)
    uv = np.broadcast_to(uv, (*rings.shape[:2], 2))
    return _mesh(rings.reshape(-1, 3), normals, uv.reshape(-1, 2), triangles)


def _mesh(vertices: np.ndarray, normals: np.ndarray, uv: np.ndarray, triangles: np.ndarray) -> Mesh:
    """Return a mesh without bumps."""
    frame = np.zeros((len(vertices), 3, 3), np.float32)
    frame[:, 0] = normals
    triangles = np.ascontiguousarray(triangles, np.int32)
    return Mesh(vertices.astype(np.float32), frame, uv.astype(np.float32), triangles)


def _grid(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Return texture coordinates (r, k, 2) of (k,) positions around and (r,) along a tube."""
    return np.stack(np.meshgrid(u, v), axis=-1)


def forearm(rig: Rig, hand: Mesh, arm: Arm, length: float) -> Mesh:
    """Build the bare forearm as a continuation of the hand's mesh.

    Args:
        rig: The hand.
        hand: Its skinned mesh.
        arm: The line to follow.
        length: Metres from the wrist to the rounded end.

    Returns:
        The forearm with the hand's surface. Its texture coordinates are those of the wrist's cut,
        so that its colour matches the hand.
    """
    steps = np.array([0, 0.004, 0.01, 0.018, 0.028, 0.04, 0.06, 0.09, 0.13, 0.18, 0.24, 0.32])
    steps = np.append(steps[steps < length - 0.01], length)
    taper = np.append(np.ones(len(steps)), (0.8, 0.4))
    rings = arm.rings(np.append(steps, (length + 0.012, length + 0.018)), taper)
    count = len(rig.wrist_loop)
    mesh = tube(rings, rig.uv[rig.wrist_loop])
    mesh.frame[:count, 0] = hand.frame[rig.wrist_loop, 0]
    return hand._replace(
        vertices=mesh.vertices, frame=mesh.frame, uv=mesh.uv, triangles=mesh.triangles
    )


def sleeve(
    arm: Arm, start: float, end: float, scale: float, folds: float, rng: np.random.Generator
) -> Mesh:
    """Build a sleeve or cuff around a forearm.

    Args:
        arm: The line to follow.
        start: Distance of its beginning from the wrist in metres; a negative value covers part of
            the hand.
        end: Distance of its end from the wrist in metres.
        scale: The width of the sleeve as a multiple of the arm's.
        folds: Relative depth of the folds.
        rng: The random generator, for the folds.

    Returns:
        The sleeve, open at both ends, whose inside is also visible.
    """
    steps = np.linspace(start, end, max(3, int((end - start) / 0.02)))
    around = np.linspace(0, 2 * np.pi, len(arm.loop), endpoint=False)
    phases, along, lobes = rng.uniform(0, 2 * np.pi, 4), rng.uniform(20, 140, 4), (1, 2, 3, 5)
    angles = np.multiply.outer(steps, along)[:, None] + np.outer(around, lobes) + phases
    waves = np.sin(angles).sum(2)
    rings = arm.rings(steps, max(scale, 1.04 + 2 * folds))  # the deepest fold clears the arm
    middle = rings.mean(1, keepdims=True)
    rings = middle + (rings - middle) * (1 + folds / 2 * waves[:, :, None])
    uv = _grid(np.arange(len(around)) / len(around), (steps - start) / 0.25)
    return tube(rings, uv)._replace(two_sided=True)


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
    return tube(np.stack(rings), _grid(around / 7, np.arange(4) / 3))._replace(two_sided=True)


def _smooth(values: np.ndarray) -> np.ndarray:
    """Return the smoothstep of values clipped to [0, 1]."""
    values = np.clip(values, 0.0, 1.0)
    return np.asarray(values * values * (3 - 2 * values))
