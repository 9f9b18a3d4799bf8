"""Connectors group candidates into people by their limbs, as OpenPose's two programs do.

`connect_openpose` follows its CUDA and OpenCL programs, which nearly all users know: the limbs of
all pairs are taken in the order of their scores, and parts of one person are merged.
`connect_openpose_cpu` follows its CPU program, which works limb by limb and does not merge
(src/openpose/net/bodyPartConnectorBase.cpp). People are arrays of indices into the candidates.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from openpose_keras.core.arrays import FloatArray, IntArray
from openpose_keras.core.skeletons import Skeleton
from openpose_keras.heatmaps.part_affinity import Limbs

MISSING = -1
_PEAK_SHARE = np.float32(0.1)  # weight of the candidates' scores in the ranking of limbs


class People(NamedTuple):
    """People as groups of candidates.

    Args:
        members: (n, K) index of each keypoint's candidate, or `MISSING`.
        counts: (n,) number of keypoints as counted, which may differ from the actual number.
        scores: (n,) float32, the sum of the scores of candidates and limbs.
    """

    members: IntArray
    counts: IntArray
    scores: FloatArray


class _Person:
    """A person that is being assembled."""

    __slots__ = ("count", "members", "score")

    def __init__(self, members: dict[int, int], score: np.float32) -> None:
        """Start with one or two members: the candidate's index by keypoint."""
        self.members = members
        self.count = len(members)
        self.score = score

    def add(self, keypoint: int, index: int, score: np.float32) -> None:
        """Add a candidate; the score includes that of its limb."""
        self.members[keypoint] = index
        self.count += 1
        self.score += score


def _as_people(people: Sequence[_Person], size: int) -> People:
    """Return people as arrays."""
    members = np.full((len(people), size), MISSING)
    for row, each in zip(members, people, strict=True):
        row[list(each.members)] = list(each.members.values())
    return People(
        members,
        np.array([each.count for each in people], int),
        np.array([each.score for each in people], np.float32),
    )


def connect_openpose(
    candidates: Sequence[FloatArray], limbs: Sequence[Limbs], skeleton: Skeleton
) -> People:
    """Group candidates as OpenPose's CUDA program does, the best limbs overall first.

    Args:
        candidates: For each keypoint (n, 3) x, y, score.
        limbs: The pairs that may be joined, for each limb of the skeleton.
        skeleton: Defines keypoints and limbs.

    Returns:
        All people, in the order of their best limb.
    """
    heights = [np.asarray(peaks, np.float32)[:, 2] for peaks in candidates]
    owners: list[dict[int, _Person]] = [{} for _ in candidates]
    people: dict[_Person, int] = {}  # and the rank at which they were created
    ranked = ranked_pairs(heights, limbs, skeleton)
    for number, (start, a, end, b, score) in enumerate(ranked):
        one, other = owners[start].get(a), owners[end].get(b)
        if one is not None and other is not None:
            if one is other:
                one.score += score
            elif one.members.keys().isdisjoint(other.members):
                _merge(people, owners, one, other, score)
        elif one is not None:
            _take(one, owners, end, b, heights[end][b] + score)
        elif other is not None:
            _take(other, owners, start, a, heights[start][a] + score)
        else:
            height = heights[start][a] + heights[end][b] + score
            new = _Person({start: a, end: b}, height)
            people[new] = number
            owners[start][a] = owners[end][b] = new
    return _as_people(list(people), len(candidates))


def ranked_pairs(
    heights: Sequence[FloatArray], limbs: Sequence[Limbs], skeleton: Skeleton
) -> Iterator[tuple[int, int, int, int, np.float32]]:
    """Yield the pairs of all limbs, best first: (keypoint, candidate) of both ends, and score."""
    pairs, scores = (np.concatenate(rows) for rows in zip(*limbs, strict=True))
    numbers = np.repeat(np.arange(len(limbs)), [len(limb.scores) for limb in limbs])
    ends = np.array(skeleton.limb_indices)[numbers]
    places = np.cumsum([0, *map(len, heights)])[ends] + pairs
    shares = _PEAK_SHARE * np.concatenate(heights)[places]
    total = scores + shares[:, 0] + shares[:, 1]
    order = np.lexsort((*pairs.T[::-1], numbers, scores, total))[::-1]
    rows = np.stack([ends, pairs], axis=2)[order].reshape(-1, 4).tolist()
    for (start, a, end, b), score in zip(rows, scores[order], strict=True):
        yield start, a, end, b, score


def _take(
    person: _Person,
    owners: list[dict[int, _Person]],
    keypoint: int,
    index: int,
    score: np.float32,
) -> None:
    """Add a candidate to a person that lacks this keypoint."""
    if keypoint not in person.members:
        person.add(keypoint, index, score)
        owners[keypoint][index] = person


def _merge(
    people: dict[_Person, int],
    owners: list[dict[int, _Person]],
    one: _Person,
    other: _Person,
    limb_score: np.float32,
) -> None:
    """Merge two people, who share no keypoint, into the one that was created first."""
    kept, gone = sorted((one, other), key=people.__getitem__)
    for keypoint, index in gone.members.items():
        owners[keypoint][index] = kept
    kept.members |= gone.members
    kept.count += gone.count
    kept.score += gone.score + limb_score
    del people[gone]


def connect_openpose_cpu(
    candidates: Sequence[FloatArray], limbs: Sequence[Limbs], skeleton: Skeleton
) -> People:
    """Group candidates as OpenPose's CPU program does, limb by limb, without merging people.

    Args:
        candidates: For each keypoint (n, 3) x, y, score.
        limbs: The pairs that may be joined, for each limb of the skeleton.
        skeleton: Defines keypoints and limbs.

    Returns:
        All people, in the order in which they were created.
    """
    heights = [np.asarray(peaks, np.float32)[:, 2] for peaks in candidates]
    size = len(candidates)
    people: list[_Person] = []
    for number, ((start, end), limb) in enumerate(zip(skeleton.limb_indices, limbs, strict=True)):
        counts = len(heights[start]), len(heights[end])
        if 0 in counts:
            keypoint = start if counts[0] else end
            people += _alone(people, keypoint, heights[keypoint], skeleton)
            continue
        joined = _best_pairs(limb, min(counts))
        if number == 0:
            for a, b, score in joined:
                height = heights[start][a] + heights[end][b] + score
                people.append(_Person({start: a, end: b}, height))
        elif skeleton.limbs[number] not in skeleton.edges:
            _share(people, start, end, joined)
        else:
            _extend(people, start, end, joined, heights)
    return _as_people(people, size)


def _best_pairs(limb: Limbs, most: int) -> list[tuple[int, int, np.float32]]:
    """Return disjoint pairs of candidates, best first; in a tie the greater index wins."""
    first, second = limb.pairs.T
    order = np.lexsort((second, first, limb.scores))[::-1]
    taken: tuple[set[int], set[int]] = (set(), set())
    kept: list[tuple[int, int, np.float32]] = []
    ranked = zip(first[order].tolist(), second[order].tolist(), limb.scores[order], strict=True)
    for a, b, score in ranked:
        if len(kept) == most:
            break
        if a not in taken[0] and b not in taken[1]:
            taken[0].add(a)
            taken[1].add(b)
            kept.append((a, b, score))
    return kept


def _alone(
    people: Sequence[_Person], keypoint: int, heights: FloatArray, skeleton: Skeleton
) -> list[_Person]:
    """Return a person for each candidate without a partner and, except for MPI, no person yet."""
    taken = {each.members.get(keypoint) for each in people if skeleton.name != "body_mpi"}
    free = [index for index in range(len(heights)) if index not in taken]
    return [_Person({keypoint: index}, heights[index]) for index in free]


def _share(
    people: Sequence[_Person], start: int, end: int, joined: list[tuple[int, int, np.float32]]
) -> None:
    """Complete pairs of ear and shoulder, which are not counted and do not start a person."""
    for a, b, _ in joined:
        for each in people:
            if each.members.get(start) == a and end not in each.members:
                each.members[end] = b
            elif each.members.get(end) == b and start not in each.members:
                each.members[start] = a


def _extend(
    people: list[_Person],
    start: int,
    end: int,
    joined: list[tuple[int, int, np.float32]],
    heights: Sequence[FloatArray],
) -> None:
    """Add the second candidate of each pair to the first person that has its first candidate."""
    for a, b, score in joined:
        person = next((each for each in people if each.members.get(start) == a), None)
        if person is None:
            height = heights[start][a] + heights[end][b] + score
            people.append(_Person({start: a, end: b}, height))
        else:
            person.add(end, b, heights[end][b] + score)


CONNECTORS = {"openpose": connect_openpose, "openpose_cpu": connect_openpose_cpu}
"""The functions that group candidates into people, by name."""
