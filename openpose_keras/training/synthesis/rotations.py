"""Unit vectors, and rotations as (3, 3) matrices."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

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
