"""Poses of MakeHuman's BVH files, as rotations of a body's bones by name."""

from collections.abc import Mapping

import numpy as np

from openpose_keras.training.synthesis.kinematics import rotation
from openpose_keras.training.synthesis.people.body import Node

_AXES = {"X": (1.0, 0, 0), "Y": (0, 1.0, 0), "Z": (0, 0, 1.0)}
_Z_UP = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])  # from BVH's frame, z up, to the model's


def read_bvh(path: Node) -> list[dict[str, np.ndarray]]:
    """Read the frames of a motion whose bones rest in the identity and whose z axis points up.

    Args:
        path: The `.bvh` file.

    Returns:
        For each frame (3, 3) rotations of the bones relative to their parents, by name, in the
        frame of `Body`; bones that do not turn are left out.

    Raises:
        ValueError: The file is not such a file.
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
    """Return a pose in which left and right are exchanged.

    Args:
        rotations: (3, 3) by the names of bones, which end in .L and .R.
    """
    flip, sides = np.diag([-1.0, 1, 1]), {".L": ".R", ".R": ".L"}
    return {
        name[:-2] + sides[name[-2:]] if name[-2:] in sides else name: flip @ matrix @ flip
        for name, matrix in rotations.items()
    }
