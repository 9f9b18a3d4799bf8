"""Rotations as (3, 3) matrices, chains of joints, and linear blend skinning of vertices.

Loops over all joints or vertices are compiled with numba.
"""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numba import njit
from numpy.typing import ArrayLike

Array: TypeAlias = np.ndarray  # short, for kernels, which take many
Vector = Sequence[float] | np.ndarray
_IDENTITY = np.eye(3)


def unit(vector: Vector) -> np.ndarray:
    """Return a vector of length one."""
    return np.asarray(np.asarray(vector) / np.linalg.norm(vector))


def rotation(axis: Vector, angle: ArrayLike) -> np.ndarray:
    """Return the rotations about an axis by one or more angles (right-hand rule).

    Args:
        axis: (3,) of any length above 0.
        angle: (...) radians.

    Returns:
        (..., 3, 3).

    Example:
        >>> rotation((0, 0, 1), np.pi / 2).round(6) @ (1, 0, 0)
        array([0., 1., 0.])
    """
    x, y, z = axis
    cross = _cross_matrix(axis) / (x * x + y * y + z * z) ** 0.5
    sine, versine = np.sin(angle)[..., None, None], 1 - np.cos(angle)[..., None, None]
    return np.asarray(_IDENTITY + sine * cross + versine * (cross @ cross))


def rotation_of_quaternion(quaternion: Vector) -> np.ndarray:
    """Return the (3, 3) rotation of a quaternion (x, y, z, w) of any length above 0."""
    *axis, w = unit(quaternion)
    cross = _cross_matrix(axis)
    return np.asarray(_IDENTITY + 2 * (w * cross + cross @ cross))


def _cross_matrix(axis: Vector) -> np.ndarray:
    """Return the matrix whose product with a vector is the cross product of axis and vector."""
    x, y, z = axis
    return np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])


@njit(cache=True, nogil=True)
def chain(parents: Array, local: Array, offsets: Array) -> tuple[Array, Array]:
    """Multiply local rotations and add offsets along the tree, parents first.

    Args:
        parents: (j,) int32, -1 for the root.
        local: (j, 3, 3) rotations relative to the parent.
        offsets: (j, 3) translations from the parent.

    Returns:
        (j, 3, 3) rotations and (j, 3) origins in the model's frame.
    """
    rotations, origins = np.empty_like(local), np.empty_like(offsets)
    for joint in range(parents.shape[0]):
        parent = parents[joint]
        if parent < 0:
            rotations[joint], origins[joint] = local[joint], offsets[joint]
            continue
        for a in range(3):
            origins[joint, a] = origins[parent, a]
            for b in range(3):
                origins[joint, a] += rotations[parent, a, b] * offsets[joint, b]
                total = 0.0
                for c in range(3):
                    total += rotations[parent, a, c] * local[joint, c, b]
                rotations[joint, a, b] = total
    return rotations, origins


@njit(inline="always")
def _mix(matrices: Array, joints: Array, weights: Array, matrix: Array) -> None:
    """Write the weighted mean of the matrices of some joints."""
    matrix[:] = 0
    for k in range(joints.shape[0]):
        weight, joint = weights[k], joints[k]
        if weight > 0:
            for a in range(3):
                for b in range(4):
                    matrix[a, b] += weight * matrices[joint, a, b]


@njit(cache=True, nogil=True)
def blend(
    matrices: Array, joint_ids: Array, weights: Array, vertices: Array, directions: Array
) -> tuple[Array, Array]:
    """Move vertices and rotate directions by the weighted mean of their joints' matrices.

    Args:
        matrices: (j, 3, 4) float32.
        joint_ids: (n, k) int32 joints of each vertex.
        weights: (n, k) float32, whose sums are 1.
        vertices: (n, 3) float32.
        directions: (n, d, 3) float32.

    Returns:
        (n, 3) vertices and (n, d, 3) unit directions, float32.
    """
    moved, rotated = np.empty_like(vertices), np.empty_like(directions)
    matrix = np.empty((3, 4), np.float32)
    for n in range(vertices.shape[0]):
        _mix(matrices, joint_ids[n], weights[n], matrix)
        for a in range(3):
            moved[n, a] = matrix[a, 3]
            for b in range(3):
                moved[n, a] += matrix[a, b] * vertices[n, b]
        for d in range(directions.shape[1]):
            norm = np.float32(1e-24)
            for a in range(3):
                total = np.float32(0)
                for b in range(3):
                    total += matrix[a, b] * directions[n, d, b]
                rotated[n, d, a] = total
                norm += total * total
            for a in range(3):
                rotated[n, d, a] /= np.sqrt(norm)
    return moved, rotated


@njit(cache=True, nogil=True)
def vertex_normals(vertices: Array, triangles: Array) -> Array:
    """Return the unit normals of vertices: the mean of their triangles', weighted by area.

    Args:
        vertices: (n, 3) float32.
        triangles: (t, 3) int32.

    Returns:
        (n, 3) float32; zero for vertices without triangles.
    """
    normals = np.zeros_like(vertices)
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ux, uy, uz = vertices[b, 0], vertices[b, 1], vertices[b, 2]
        vx, vy, vz = vertices[c, 0], vertices[c, 1], vertices[c, 2]
        x, y, z = vertices[a, 0], vertices[a, 1], vertices[a, 2]
        ux, uy, uz, vx, vy, vz = ux - x, uy - y, uz - z, vx - x, vy - y, vz - z
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for corner in (a, b, c):
            normals[corner, 0] += nx
            normals[corner, 1] += ny
            normals[corner, 2] += nz
    for n in range(vertices.shape[0]):
        norm = np.float32(1e-24)
        for k in range(3):
            norm += normals[n, k] * normals[n, k]
        for k in range(3):
            normals[n, k] /= np.sqrt(norm)
    return normals


@njit(cache=True, nogil=True)
def add_offsets(vertices: Array, indices: Array, offsets: Array, strength: float) -> None:
    """Move some vertices of an array in place.

    Args:
        vertices: (n, 3) float32, changed in place.
        indices: (k,) int32.
        offsets: (k, 3) float32.
        strength: Factor of the offsets.
    """
    for k in range(indices.shape[0]):
        for a in range(3):
            vertices[indices[k], a] += np.float32(strength) * offsets[k, a]
