"""Limbs: pairs of candidates that a part affinity field joins.

A part affinity field tells, at each pixel of a limb, the unit vector along it. The score of a pair
of candidates is how well the field between them agrees with the direction from one to the other
(src/openpose/net/bodyPartConnectorBase.cpp of OpenPose, getScoreAB).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from openpose_keras.core.arrays import FloatArray, IntArray, check_maps
from openpose_keras.core.skeletons import Skeleton

_LEAST_SAMPLES, _MOST_SAMPLES = 5, 25
_NEAR = 150  # a limb is short if it is below the square root of the maps' area over this
_EPSILON = 1e-6


class Limbs(NamedTuple):
    """The pairs of candidates of one limb that may be joined.

    Args:
        pairs: (n, 2) indices into the candidates of its first and of its second keypoint.
        scores: (n,) float32, all above 0.
    """

    pairs: IntArray
    scores: FloatArray


def limb_scores(
    fields: ArrayLike,
    candidates: Sequence[FloatArray],
    skeleton: Skeleton,
    *,
    threshold: float = 0.05,
    fraction: float = 0.95,
    short_score: float = 0.05,
) -> list[Limbs]:
    """Return the scores of all pairs of candidates that the limbs of a skeleton may join.

    The field is sampled at 5 to 25 places between the two, the first one included. A pair is
    accepted if enough samples agree; its score is their mean.

    Args:
        fields: (h, w, 2 L) part affinity fields in the candidates' frame, in the network's order.
        candidates: For each keypoint (n, 3) x, y, score.
        skeleton: Names the limbs and where their fields lie.
        threshold: A sample agrees if the field times the limb's direction is above it.
        fraction: More than this fraction of the samples must agree.
        short_score: Score of a pair that does not, if the two nearly touch.

    Returns:
        One for each limb.

    Raises:
        ValueError: There are not two fields a limb, or not one list of candidates a keypoint.

    Example:
        >>> from openpose_keras.core.skeletons import Skeleton
        >>> names, colors = ("elbow", "wrist"), ((255, 0, 0), (0, 255, 0))
        >>> arm = Skeleton("arm", names, (names,), colors, limbs=(names,), fields=(0,))
        >>> fields = np.dstack([np.ones((20, 40)), np.zeros((20, 40))])
        >>> peaks = [np.array([[5, 10, 0.9]]), np.array([[30, 10, 0.8], [2, 10, 0.7]])]
        >>> limb_scores(fields, peaks, arm)[0].pairs.tolist()
        [[0, 0]]
    """
    maps = check_maps(fields).astype(np.float32, copy=False)
    if maps.shape[2] != 2 * len(skeleton.limbs) or len(candidates) != len(skeleton):
        raise ValueError(
            f"expected {2 * len(skeleton.limbs)} fields and candidates of {len(skeleton)} "
            f"keypoints for {skeleton.name}, got {maps.shape[2]} and {len(candidates)}"
        )
    points = [np.asarray(peaks, np.float32).reshape(-1, 3)[:, :2] for peaks in candidates]
    pairs = [
        np.indices((len(points[start]), len(points[end]))).reshape(2, -1).T
        for start, end in skeleton.limb_indices
    ]
    numbers = np.repeat(np.arange(len(pairs)), [len(each) for each in pairs])
    joined = [*zip(skeleton.limb_indices, pairs, strict=True)]
    first, second = (
        np.concatenate([points[limb[end]][each[:, end]] for limb, each in joined]) for end in (0, 1)
    )
    lines = _Lines.between(first, second, np.array(skeleton.fields)[numbers])
    scores = _scores(maps, lines, np.float32(threshold), np.float32(fraction), short_score)
    likely = scores > _EPSILON
    ends = np.searchsorted(numbers[likely], np.arange(1, len(pairs)))
    kept = np.concatenate(pairs)[likely]
    return [*map(Limbs, np.split(kept, ends), np.split(scores[likely], ends))]


class _Lines(NamedTuple):
    """Lines between candidates, n each: where they begin, x and y of a step, and its number."""

    starts: FloatArray
    steps: FloatArray
    counts: IntArray
    directions: FloatArray
    lengths: FloatArray
    channels: IntArray

    @classmethod
    def between(cls, starts: FloatArray, ends: FloatArray, channels: IntArray) -> "_Lines":
        """Return the lines from points (n, 2) to points (n, 2)."""
        along = ends - starts
        lengths = np.sqrt((along * along).sum(axis=1))
        reach = np.abs(along).max(axis=1, initial=0)
        counts = np.sqrt(5 * reach) + np.float32(0.5)
        counts = counts.clip(_LEAST_SAMPLES, _MOST_SAMPLES).astype(np.int32)
        steps = along / counts[:, None].astype(np.float32)
        directions = along / np.maximum(lengths, np.float32(_EPSILON))[:, None]
        return cls(starts, steps, counts, directions, lengths, channels)

    def pick(self, chosen: np.ndarray) -> "_Lines":
        """Return some of the lines."""
        return _Lines(*(each[chosen] for each in self))

    def sample(self, maps: FloatArray, numbers: IntArray) -> FloatArray:
        """Return the field along the lines at steps (n, k): (n, k) float32."""
        height, width, _ = maps.shape
        x, y = (
            (start[:, None] + numbers.astype(np.float32) * step[:, None] + np.float32(0.5))
            .astype(np.int32)
            .clip(0, side - 1)
            for start, step, side in zip(self.starts.T, self.steps.T, (width, height), strict=True)
        )
        channel = self.channels[:, None]
        across, down = self.directions[:, :1], self.directions[:, 1:]
        values: FloatArray = across * maps[y, x, channel] + down * maps[y, x, channel + 1]
        return values


def _scores(
    maps: FloatArray,
    lines: _Lines,
    threshold: np.float32,
    fraction: np.float32,
    short_score: float,
) -> FloatArray:
    """Return the scores (n,) float32 of lines, 0 for what is no limb."""
    height, width, _ = maps.shape
    is_short = lines.lengths < math.sqrt(width * height) / _NEAR
    is_short &= lines.lengths > _EPSILON
    scores = np.where(is_short, np.float32(short_score), np.float32(0))
    # Most lines miss the field a quarter of the way from an end; only the others are sampled whole.
    few = np.column_stack([lines.counts // 4, 3 * lines.counts // 4])
    misses = (lines.sample(maps, few) <= threshold).sum(axis=1)
    most = lines.counts.astype(np.float32)
    hopeful = np.flatnonzero((most - misses.astype(np.float32)) / most > fraction)
    lines = lines.pick(hopeful)
    numbers = np.arange(_MOST_SAMPLES)[None].repeat(len(hopeful), axis=0)
    values = lines.sample(maps, numbers)
    agrees = (values > threshold) & (numbers < lines.counts[:, None])
    total = np.where(agrees, values, np.float32(0)).cumsum(axis=1, dtype=np.float32)[:, -1]
    good = agrees.sum(axis=1).astype(np.float32)
    accepted = good / lines.counts.astype(np.float32) > fraction
    scores[hopeful[accepted]] = total[accepted] / good[accepted]
    return scores
