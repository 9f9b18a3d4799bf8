"""Simple meshes around the hand: forearm, sleeve, cuff, bracelets, rings and held objects.

All are built in the rig's model frame (metres) as `Part`s.
"""

from dataclasses import dataclass

import numpy as np

from openpose_keras.training.synthesis.articulation import rotations
from openpose_keras.training.synthesis.meshes import Part, tube
from openpose_keras.training.synthesis.rig import Rig

_BEND_LENGTH = 0.045  # metres of forearm over which the wrist's bend spreads


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

    @property
    def direction(self) -> np.ndarray:
        """(3,) unit vector from the wrist along the forearm."""
        near, far = self.rings(np.array([0.0, 0.12])).mean(1)
        return (far - near) / np.linalg.norm(far - near)

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
        The forearm; its texture coordinates are those of the wrist's cut, so that its colour
        fits the hand.
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
    arm: Arm,
    start: float,
    end: float,
    scale: float,
    rng: np.random.Generator,
    *,
    folds: float = 0.05,
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
    waves = np.sin(np.multiply.outer(steps, along)[:, None] + np.outer(around, lobes) + phases).sum(
        2
    )
    rings = arm.rings(steps, max(scale, 1.04 + 2 * folds))  # the deepest fold clears the arm
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


def _smooth(values: np.ndarray) -> np.ndarray:
    """Return the smoothstep of values clipped to [0, 1]."""
    values = np.clip(values, 0.0, 1.0)
    return values * values * (3 - 2 * values)
