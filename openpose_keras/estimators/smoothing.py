"""Smoothing of keypoints over frames: the One Euro filter.

It follows Casiez, Roussel and Vogel, "1 Euro Filter: A Simple Speed-based Low-pass Filter for Noisy
Input in Interactive Systems", CHI 2012: a low-pass filter whose cutoff frequency rises with the
speed. Keypoints at rest lose their jitter, and fast keypoints do not lag behind. Speeds are
measured relative to the size of the hand, face or body, so that one strength suits all.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from openpose_keras.core.arrays import FloatArray
from openpose_keras.core.boxes import keypoint_extent
from openpose_keras.core.keypoints import Person

_CUTOFF = 0.8  # hertz, of a keypoint at rest, at strength 1
_SPEED_FACTOR = 2.0  # hertz per size a second: the paper's beta
_JUMP = 0.5  # sizes from one frame to the next, above which the filter restarts
_SPEED_CUTOFF = 1.0  # hertz, of the speed itself, as in the paper


class KeypointFilter:
    """Smooths the keypoints of one hand, face or body.

    Args:
        strength: The cutoff frequency at rest is divided by it.

    Raises:
        ValueError: The strength is not above 0.

    Example:
        >>> smooth, xy = KeypointFilter(), np.array([[0.0, 0.0], [100.0, 0.0]])
        >>> [smooth(xy + x, n / 30).round(2)[1, 0].item() for n, x in enumerate((0, 1))]
        [100.0, 100.17]
    """

    def __init__(self, strength: float = 1.0) -> None:
        """Start with a missing keypoint."""
        if not (math.isfinite(strength) and strength > 0):
            raise ValueError(f"expected a strength above 0, got {strength!r}")
        self.cutoff = _CUTOFF / strength
        self._seconds = -math.inf
        self._raw = self._xy = self._velocity = np.full((1, 2), np.nan)

    def __call__(self, xy: FloatArray, seconds: float) -> FloatArray:
        """Return the smoothed keypoints of the next frame.

        Args:
            xy: (K, 2) pixels; NaN where missing. A keypoint that was missing, or that jumps by more
                than half of the size, is not smoothed and restarts its filter.
            seconds: The time of the frame. If it is not later than that of the last frame, nothing
                is smoothed.

        Returns:
            (K, 2), NaN where missing.
        """
        xy = np.asarray(xy, np.float64)
        time = seconds - self._seconds
        was_there = np.isfinite(self._xy).all(axis=1, keepdims=True) & (0 < time < math.inf)
        size = max(*keypoint_extent(xy)[1], 1.0)
        with np.errstate(invalid="ignore"):
            jumps = np.linalg.norm(xy - self._raw, axis=1, keepdims=True) > _JUMP * size
            was_there = was_there & ~jumps
            velocity = np.where(was_there, (xy - self._raw) / time, 0.0)
            before = np.where(was_there & np.isfinite(self._velocity), self._velocity, 0.0)
            velocity = before + _weight(_SPEED_CUTOFF, time) * (velocity - before)
            speed = np.linalg.norm(velocity, axis=1, keepdims=True) / size
            weight = _weight(self.cutoff + _SPEED_FACTOR * speed, time)
            smoothed = np.where(was_there, self._xy + weight * (xy - self._xy), xy)
        self._seconds, self._raw, self._xy, self._velocity = seconds, xy, smoothed, velocity
        return smoothed


class PeopleFilter:
    """Smooths people who are tracked over frames, each part of a person separately.

    Args:
        strength: As for `KeypointFilter`; 0 for no smoothing.

    Raises:
        ValueError: The strength is below 0.
    """

    def __init__(self, strength: float = 1.0) -> None:
        """Start without people."""
        if strength != 0:
            KeypointFilter(strength)  # checks it
        self.strength = strength
        self._filters: dict[tuple[int, str], KeypointFilter] = {}

    def __call__(self, people: Sequence[Person], seconds: float) -> list[Person]:
        """Return the people of the next frame, smoothed.

        Args:
            people: The people. Those without an `id`, see `Tracker`, are returned unchanged.
            seconds: The time of the frame.

        Returns:
            The same people in the same order, with their scores.
        """
        if not self.strength:
            return list(people)
        before, self._filters = self._filters, {}
        return [self._smoothed(person, seconds, before) for person in people]

    def _smoothed(
        self, person: Person, seconds: float, before: dict[tuple[int, str], KeypointFilter]
    ) -> Person:
        """Return a person with the keypoints of each part smoothed; keep the filters."""
        if person.id is None:
            return person
        parts: dict[str, Any] = {}
        for name, part in person.parts.items():
            key = person.id, name
            self._filters[key] = before.get(key) or KeypointFilter(self.strength)
            parts[name] = replace(part, xy=self._filters[key](part.xy, seconds))
        return replace(person, **parts)


def _weight(cutoff: float | FloatArray, time: float) -> FloatArray:
    """Return the weight of a new value in a low-pass filter with a cutoff frequency in hertz."""
    if not 0 < time < math.inf:
        return np.ones(1)
    return np.asarray(1 / (1 + 1 / (2 * math.pi * cutoff * time)), np.float64)
