"""Linear blend skinning and the chain of joints, compiled with numba."""

import numpy as np
from numba import njit

from openpose_keras.training.synthesis.raster import Array


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
    """Write the weighted mean of some joints' matrices."""
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
        weights: (n, k) float32, sums are one.
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
        (n, 3) float32; zero where no triangle is.
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
    """Move some vertices of an array that the caller owns.

    Args:
        vertices: (n, 3) float32, changed.
        indices: (k,) int32.
        offsets: (k, 3) float32.
        strength: Factor of the offsets.
    """
    for k in range(indices.shape[0]):
        for a in range(3):
            vertices[indices[k], a] += np.float32(strength) * offsets[k, a]
