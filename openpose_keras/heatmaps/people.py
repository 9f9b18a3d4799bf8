"""People: candidates joined by limbs, grouped as in OpenPose's two programs.

Each step can be called on its own, or replaced, for example by your own function that finds peaks
and returns (n, 3) x, y, score for each keypoint. `heatmaps.connectors` has the step that groups
peaks; `join_pieces` and `complete_people` follow it, and go beyond OpenPose.

    >>> from openpose_keras.core.skeletons import Skeleton
    >>> from openpose_keras.heatmaps.connectors import connect_openpose
    >>> names, colors = ("elbow", "wrist"), ((255, 0, 0), (0, 255, 0))
    >>> arm = Skeleton("arm", names, (names,), colors, limbs=(names,), fields=(0,))
    >>> maps = np.zeros((20, 40, 5), np.float32)  # elbow, wrist, background, field's x and y
    >>> maps[10, 5, 0], maps[10, 30, 1], maps[..., 3] = 0.9, 0.8, 1
    >>> limits = Thresholds(keypoints=2)
    >>> peaks = openpose_candidates(maps[..., :2], threshold=limits.peak)  # or your own
    >>> limbs = limb_scores(maps[..., 3:], peaks, arm, threshold=limits.sample)
    >>> people = likely_people(connect_openpose(peaks, limbs, arm), arm, limits)
    >>> keypoints, scores = person_keypoints(people, peaks, arm)
    >>> keypoints[0, :, :2].tolist(), round(float(scores[0]), 3)
    ([[5.0, 10.0], [30.0, 10.0]], 0.9)

`find_people` is this chain.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from openpose_keras.core.arrays import FloatArray, IntArray
from openpose_keras.core.checks import check_whole
from openpose_keras.core.skeletons import Skeleton
from openpose_keras.heatmaps.candidates import openpose_candidates, refined_candidates
from openpose_keras.heatmaps.connectors import CONNECTORS, MISSING, People, ranked_pairs
from openpose_keras.heatmaps.part_affinity import Limbs, limb_scores

_SHOWN = 0.05  # score above which a keypoint counts for the area of a person
_MOST_BESIDE_FEET = 4  # keypoints of a person with feet that is dropped
_LONGEST = 1.3  # length of a weak limb, in longest limbs of its person
_LONGEST_OF_FEET = 0.7  # the same for limbs that end at a toe or a heel


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """Thresholds for peaks, limbs and people.

    Args:
        peak: A peak's value must be above it.
        sample: A sample of a field must be above it to agree with a limb.
        fraction: More than this fraction of a limb's samples must agree.
        keypoints: The minimum number of keypoints of a person.
        score: The minimum score of a person, per keypoint.
        feet: Whether feet count as keypoints of a person.
        reach: Maximum distance of the two peaks of a keypoint at which two pieces of a person are
            joined, see `join_pieces`; 0 joins none, as OpenPose does.
        weak: More than this fraction of a weak limb's samples must point along it, however weakly,
            see `complete_people`; 0 completes nobody, as OpenPose does.
    """

    peak: float = 0.05
    sample: float = 0.05
    fraction: float = 0.95
    keypoints: int = 3
    score: float = 0.4
    feet: bool = False
    reach: float = 0.0
    weak: float = 0.0

    @classmethod
    def of_openpose(
        cls, skeleton: Skeleton, *, maximize_positives: bool = False, peak: float | None = None
    ) -> "Thresholds":
        """Return OpenPose's own thresholds (src/openpose/pose/poseParameters.cpp).

        Args:
            skeleton: The network's skeleton; MPI's has other thresholds for samples and peaks.
            maximize_positives: Whether to find more keypoints, and more false positives.
            peak: Another threshold for peaks: 0.3 for the MPI network of four stages.
        """
        is_mpi = skeleton.name == "body_mpi"
        if peak is None:
            peak = 0.6 if is_mpi else 0.02 if maximize_positives else 0.05
        sample = 0.01 if is_mpi or maximize_positives else 0.05
        if not maximize_positives:
            return cls(peak=peak, sample=sample)
        return cls(peak=peak, sample=sample, fraction=0.75, keypoints=2, score=0.05, feet=True)


def find_people(
    maps: ArrayLike,
    skeleton: Skeleton,
    *,
    connector: str = "openpose",
    thresholds: Thresholds | None = None,
    offset: float = 0.0,
    stride: int = 1,
    scales: Sequence[ArrayLike] = (),
) -> tuple[FloatArray, FloatArray]:
    """Find the people in the maps of a body network.

    Args:
        maps: (h, w, K + 1 + 2 L): keypoints, background, part affinity fields.
        skeleton: Defines keypoints and limbs.
        connector: A key of `CONNECTORS`.
        thresholds: Thresholds for peaks, limbs and people; None for OpenPose's own.
        offset: Added to x and y.
        stride: Pixels per cell of the maps. With 1, the maps have been upsampled to the network's
            input, and everything is as in OpenPose. Otherwise they are the network's own, and
            nearly the same people are found in less time, see `refined_candidates`.
        scales: With a stride above 1, the heatmaps of the keypoints of several inputs, (h', w', K),
            whose mean on the cells of the first is in `maps`. With them, peaks are closer to
            OpenPose's.

    Returns:
        Keypoints (n, K, 3) float32 x, y, score in pixels, a missing one (nan, nan, 0); and the
        people's scores (n,) between 0 and about 1, see `person_keypoints`.

    Raises:
        ValueError: The maps are not those of the skeleton, or there is no such connector.
    """
    maps = np.asarray(maps)
    count = len(skeleton)
    if maps.ndim != 3 or maps.shape[2] != count + 1 + 2 * len(skeleton.limbs):
        raise ValueError(
            f"expected maps (h, w, {count + 1 + 2 * len(skeleton.limbs)}) of {skeleton.name}, got "
            f"shape {maps.shape}"
        )
    if connector not in CONNECTORS:
        raise ValueError(f"expected a connector among {', '.join(CONNECTORS)}, got {connector!r}")
    limits = thresholds or Thresholds.of_openpose(skeleton)
    refined = partial(refined_candidates, stride=stride, scales=scales)
    look = openpose_candidates if stride == 1 else refined
    candidates = look(maps[..., :count], threshold=limits.peak, offset=offset)
    scores_of = partial(
        limb_scores,
        maps[..., count + 1 :],
        candidates,
        skeleton,
        short_score=limits.peak + 1e-6,
        stride=stride,
    )
    limbs = scores_of(threshold=limits.sample, fraction=limits.fraction)
    people = CONNECTORS[connector](candidates, limbs, skeleton)
    people = join_pieces(people, candidates, limits.reach)
    people = likely_people(people, skeleton, limits)
    if limits.weak and len(people.members):
        limbs = scores_of(threshold=0.0, fraction=limits.weak)
        people = complete_people(people, candidates, limbs, skeleton)
    return person_keypoints(people, candidates, skeleton)


def best_people(keypoints: ArrayLike, scores: ArrayLike, most: int) -> IntArray:
    """Return the indices of the best people, as OpenPose's `number_people_max` keeps them.

    People are ranked by their score times the square root of the area of the keypoints with scores
    above 0.05. In a tie at the limit, the first are kept (src/openpose/core/keepTopNPeople.cpp).

    Args:
        keypoints: (n, K, 3) x, y, score in pixels of the image; a missing one has the score 0.
        scores: (n,) scores of the people.
        most: The maximum number of people to keep.

    Returns:
        (m,) indices in ascending order.

    Raises:
        ValueError: `most` is not a positive whole number.

    Example:
        >>> keypoints = np.array([[[0, 0, 1], [9, 9, 1]], [[0, 0, 1], [4, 4, 1]]])
        >>> best_people(keypoints, [0.5, 0.6], 1).tolist()
        [0]
    """
    most = check_whole(most, "the number of people to keep")
    points = np.asarray(keypoints, np.float32)
    shown = points[..., 2:] > np.float32(_SHOWN)
    low = np.where(shown, points[..., :2], np.inf).min(axis=1, initial=np.inf)
    high = np.where(shown, points[..., :2], -np.inf).max(axis=1, initial=-np.inf)
    sides = np.where(shown.any(axis=1), high - low, 0)
    values = np.asarray(scores, np.float32) * np.sqrt(sides.prod(axis=1))
    if len(values) <= most:
        return np.arange(len(values))
    limit = np.sort(values)[-most]
    equal = np.flatnonzero(values == limit)[: most - int((values > limit).sum())]
    return np.sort(np.concatenate([np.flatnonzero(values > limit), equal]))


def join_pieces(people: People, candidates: Sequence[FloatArray], reach: float) -> People:
    """Join pieces of people that share one keypoint, whose two peaks are close together.

    If a network is not sure of a keypoint, its map has two peaks, and each may start a person: for
    example trunk and arms with one mid-hip, and the legs with the other. OpenPose does not join
    them.

    Args:
        people: All people.
        candidates: For each keypoint (n, 3) x, y, score.
        reach: The maximum distance of the two peaks, as a fraction of the longer side of the
            extent of both pieces. Pieces with the smallest distance are joined first.

    Returns:
        The people. A joined person takes the place of the first of its pieces, and keeps the peak
        with the better score.

    Example:
        >>> hip = np.array([[0, 50, 0.6], [4, 50, 0.5]])
        >>> candidates = [np.array([[0, 0, 0.9]]), hip, np.array([[0, 99, 0.9]])]
        >>> halves = People(np.array([[0, 0, MISSING], [MISSING, 1, 0]]), [2, 2], [2.0, 2.0])
        >>> join_pieces(halves, candidates, 0.25).members.tolist()
        [[0, 0, 0]]
    """
    members, counts = np.array(people.members), np.array(people.counts)
    scores = np.array(people.scores)
    points = _points(people, candidates)
    while pair := _nearest_pieces(points[..., :2], reach):
        kept, gone = pair
        shared = (members[[kept, gone]] != MISSING).all(axis=0)
        scores[kept] += scores[gone] - points[[kept, gone], shared, 2].min()
        counts[kept] += counts[gone] - 1
        better = points[gone, :, 2] > points[kept, :, 2]
        members[kept, better], points[kept, better] = members[gone, better], points[gone, better]
        members, points = np.delete(members, gone, axis=0), np.delete(points, gone, axis=0)
        counts, scores = np.delete(counts, gone), np.delete(scores, gone)
    return People(members, counts, scores)


def _nearest_pieces(xy: FloatArray, reach: float) -> tuple[int, int] | None:
    """Return the two rows of (n, K, 2) to join first, in ascending order, or None.

    See `join_pieces`.
    """
    known = np.isfinite(xy[..., 0])
    first, second = np.nonzero(np.triu(known.astype(int) @ known.T == 1, 1))
    if not (reach and len(first)):
        return None
    shared = (known[first] & known[second]).argmax(axis=1)
    apart = np.linalg.norm(xy[first, shared] - xy[second, shared], axis=1)
    both = np.concatenate([xy[first], xy[second]], axis=1)
    extent = (np.nanmax(both, axis=1) - np.nanmin(both, axis=1)).max(axis=1)
    ratios = apart / np.maximum(extent, 1)
    best = ratios.argmin()
    return (int(first[best]), int(second[best])) if ratios[best] <= reach else None


def complete_people(
    people: People, candidates: Sequence[FloatArray], limbs: Sequence[Limbs], skeleton: Skeleton
) -> People:
    """Add missing keypoints to people by limbs that are too weak to start a person.

    This is hysteresis thresholding, as in Canny's edge detector: a weak limb cannot start a person
    or join two people, but it can lead from an accepted person to the next keypoint.

    Args:
        people: The people that are kept, see `likely_people`.
        candidates: For each keypoint (n, 3) x, y, score.
        limbs: The pairs that may be joined, for each limb of the skeleton, including weak pairs.
        skeleton: Defines keypoints and limbs.

    Returns:
        The same people. Limbs between a candidate of a person and a free candidate are added, the
        best first; each added keypoint may lead to others. A limb must not be much longer than the
        longest limb of its person, and a limb of a foot not longer than 0.7 times the longest.

    Example:
        >>> from openpose_keras.core.skeletons import Skeleton
        >>> names, colors = ("hip", "knee", "ankle"), ((255, 0, 0),) * 3
        >>> bones = ("hip", "knee"), ("knee", "ankle")
        >>> leg = Skeleton("leg", names, bones, colors, limbs=bones, fields=(0, 2))
        >>> candidates = [np.array([[0, y, 0.5]]) for y in (0, 40, 80)]
        >>> weak = [Limbs(np.array([[0, 0]]), np.array([0.1], np.float32))] * 2
        >>> thigh = People(np.array([[0, 0, MISSING]]), np.array([2]), np.array([1.5]))
        >>> complete_people(thigh, candidates, weak, leg).members.tolist()
        [[0, 0, 0]]
    """
    heights = [np.asarray(peaks, np.float32)[:, 2] for peaks in candidates]
    members, counts = np.array(people.members), np.array(people.counts)
    scores = np.array(people.scores)
    owners = [dict(zip(each.tolist(), range(len(each)), strict=True)) for each in members.T]
    for owner in owners:
        owner.pop(MISSING, None)
    starts, stops = np.array(skeleton.limb_indices).T
    points = _points(people, candidates)[..., :2]
    lengths = np.linalg.norm(points[:, starts] - points[:, stops], axis=-1)
    longest = np.nan_to_num(lengths).max(axis=1, initial=0.0)
    feet = set(_feet(skeleton))
    pairs, taken = list(ranked_pairs(heights, limbs, skeleton)), True
    while taken:
        taken = False
        for start, a, end, b, score in pairs:
            ends = [(owners[start].get(a), end, b), (owners[end].get(b), start, a)]
            known = [each for each in ends if each[0] is not None]
            if len(known) != 1:
                continue
            [(row, keypoint, index)] = known
            length = math.dist(candidates[start][a][:2], candidates[end][b][:2])
            limit = _LONGEST if feet.isdisjoint((start, end)) else _LONGEST_OF_FEET
            if members[row, keypoint] == MISSING and length <= limit * longest[row]:
                members[row, keypoint], owners[keypoint][index], taken = index, row, True
                longest[row] = max(longest[row], length)
                counts[row] += 1
                scores[row] += heights[keypoint][index] + score
    return People(members, counts, scores)


def _feet(skeleton: Skeleton) -> list[int]:
    """Return the indices of the foot keypoints."""
    names = enumerate(skeleton.keypoints)
    return [index for index, name in names if name.endswith(("toe", "heel"))]


def likely_people(people: People, skeleton: Skeleton, thresholds: Thresholds) -> People:
    """Drop people with too few keypoints or too low a score.

    Feet are not counted, and people with feet and little else are dropped too, unless nobody would
    be left.

    Args:
        people: All people.
        skeleton: Defines the feet.
        thresholds: The minimum number of keypoints, and the minimum score.

    Returns:
        The people that are kept, in the same order.
    """
    shown = (people.members[:, _feet(skeleton)] != MISSING).sum(axis=1)
    kept = _are_likely(people, people.counts, thresholds)
    if not thresholds.feet:
        counts = people.counts - shown
        without = _are_likely(people, counts, thresholds)
        without &= (shown == 0) | (counts > _MOST_BESIDE_FEET)
        kept = without if without.any() else kept
    return People(people.members[kept], people.counts[kept], people.scores[kept])


def _are_likely(people: People, counts: IntArray, thresholds: Thresholds) -> np.ndarray:
    """Return which people have enough keypoints, and a score per keypoint that is high enough."""
    ratio = people.scores / np.maximum(counts, 1).astype(np.float32)
    likely: np.ndarray = (counts >= thresholds.keypoints) & (ratio >= np.float32(thresholds.score))
    return likely


def person_keypoints(
    people: People, candidates: Sequence[FloatArray], skeleton: Skeleton
) -> tuple[FloatArray, FloatArray]:
    """Return the keypoints and scores of people.

    Args:
        people: Indices into the candidates.
        candidates: For each keypoint (n, 3) x, y, score.
        skeleton: Defines keypoints and limbs.

    Returns:
        (n, K, 3) float32: x, y, score, a missing keypoint (nan, nan, 0); and (n,) float32: each
        person's score divided by the number of keypoints and limbs of the skeleton, as in OpenPose.
    """
    share = np.float32(1 / (len(skeleton) + len(skeleton.limbs)))
    return _points(people, candidates), people.scores * share


def _points(people: People, candidates: Sequence[FloatArray]) -> FloatArray:
    """Return the keypoints (n, K, 3) float32 of people; a missing one is (nan, nan, 0)."""
    missing = np.array([[np.nan, np.nan, 0]], np.float32)
    rows = [
        np.concatenate([np.asarray(peaks, np.float32), missing])[members]
        for peaks, members in zip(candidates, people.members.T, strict=True)
    ]
    return np.stack(rows, axis=1)
