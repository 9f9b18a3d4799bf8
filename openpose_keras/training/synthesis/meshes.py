"""Surfaces of triangles: simple solids, and what a mesh's own topology tells."""

from dataclasses import dataclass

import numpy as np

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
        triangles += [
            [4 * face, 4 * face + 1, 4 * face + 2],
            [4 * face, 4 * face + 2, 4 * face + 3],
        ]
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


def tangents(
    vertices: np.ndarray, normals: np.ndarray, uv: np.ndarray, triangles: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return unit tangents along u and v at the vertices, orthogonal to the normals."""
    corners, texels = vertices[triangles].astype(float), uv[triangles].astype(float)
    edge1, edge2 = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    du1, dv1 = (texels[:, 1] - texels[:, 0]).T
    du2, dv2 = (texels[:, 2] - texels[:, 0]).T
    sign = np.sign(du1 * dv2 - du2 * dv1)[:, None]
    results = []
    for along in (
        dv2[:, None] * edge1 - dv1[:, None] * edge2,
        du1[:, None] * edge2 - du2[:, None] * edge1,
    ):
        total = np.zeros(vertices.shape)
        for corner in range(3):
            np.add.at(total, triangles[:, corner], along * sign)
        total -= normals * (total * normals).sum(1, keepdims=True)
        results.append(
            (total / (np.linalg.norm(total, axis=1, keepdims=True) + 1e-12)).astype(np.float32)
        )
    return results[0], results[1]


def largest_loop(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Return the longest chain of open edges; vertices at one place count as one."""
    _, group = np.unique(np.round(vertices, 6), axis=0, return_inverse=True)
    group = group.reshape(-1)
    member = np.zeros(group.max() + 1, int)
    member[group[triangles]] = triangles
    faces = group[triangles]
    edges = {
        (int(a), int(b)) for face in faces for a, b in zip(face, np.roll(face, -1), strict=True)
    }
    after = {b: a for a, b in edges if (b, a) not in edges}
    best: list[int] = []
    while after:
        start, here = next(iter(after.items()))
        loop = [start]
        del after[start]
        while here in after:
            loop.append(here)
            here = after.pop(here)
        best = max(best, loop, key=len)
    return member[best]
