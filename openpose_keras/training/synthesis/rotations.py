"""Rotations as (3, 3) matrices."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

Axis = Sequence[float] | np.ndarray
_IDENTITY = np.eye(3)


def rotation(axis: Axis, angle: ArrayLike) -> np.ndarray:
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
    rotation: np.ndarray = _IDENTITY + sine * cross + versine * (cross @ cross)
    return rotation


def rotation_of_quaternion(quaternion: Axis) -> np.ndarray:
    """Return the (3, 3) rotation of a quaternion (x, y, z, w) of any length above 0."""
    *axis, w = np.asarray(quaternion) / np.linalg.norm(quaternion)
    cross = _cross_matrix(axis)
    rotation: np.ndarray = _IDENTITY + 2 * (w * cross + cross @ cross)
    return rotation


def _cross_matrix(axis: Axis) -> np.ndarray:
    """Return the matrix whose product with a vector is the cross product of axis and vector."""
    x, y, z = axis
    return np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
