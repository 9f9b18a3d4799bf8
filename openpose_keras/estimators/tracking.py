"""Tracking: the people of a frame are matched with those of earlier frames.

People are matched by the positions of their keypoints. Each tracked person is expected to move on
at constant velocity, so that two hands that cross keep their ids. This is the common scheme of
tracking by detection; Bewley et al., "Simple online and realtime tracking", 2016, use boxes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from openpose_keras.core.arrays import FloatArray
from openpose_keras.core.boxes import keypoint_extent
from openpose_keras.core.keypoints import Keypoints, Person

_INERTIA = 0.5  # of the velocity from frame to frame; its noise is that of the keypoints
_OTHER_SIDE = 0.2  # cost added if a hand is matched with one of the other side
_BODY = 2.5  # a body moves less than a hand relative to its size, and others are near


@dataclass(frozen=True, eq=False)
class Track:
    """One person who is followed.

    Args:
        person: The person as last seen, with the id.
        seconds: The time of that frame.
        velocities: (2,) pixels a second of each part, by its name.
        unseen: The number of frames for which the person has been missing.
    """

    person: Person
    seconds: float
    velocities: Mapping[str, FloatArray] = field(default_factory=dict)
    unseen: int = 0

    def at(self, seconds: float) -> Person:
        """Return the person at the position expected at a given time."""
        time = seconds - self.seconds
        moved: dict[str, Any] = {
            name: replace(part, xy=part.xy + time * self.velocities.get(name, 0.0), box=None)
            for name, part in self.person.parts.items()
        }
        return replace(self.person, **moved)

    def seen(self, person: Person, seconds: float) -> "Track":
        """Return the track after the person was seen again."""
        before, after = self.person.parts, person.parts
        velocities, time = self.velocities, seconds - self.seconds
        if len(before) == len(after) == 1:  # a hand alone may change its side
            before = dict(zip(after, before.values(), strict=True))
            velocities = dict(zip(after, velocities.values(), strict=False))
        new = {
            name: _mixed(velocities.get(name), _shift(before[name], part) / time)
            for name, part in after.items()
            if name in before and time > 0
        }
        return Track(person, seconds, new)


class Tracker:
    """Assigns ids to people that persist from frame to frame.

    Args:
        max_distance: Maximum mean distance of the keypoints of a person or a hand from their
            expected positions, relative to the size of the person or the hand.
        max_unseen: Number of frames for which a missing person is still tracked. After that the id
            ends, and is not used again.

    Example:
        >>> from openpose_keras.core.keypoints import Hand
        >>> def hand(x):
        ...     xy = 10.0 * np.indices((3, 7)).reshape(2, -1).T
        ...     return Person(right_hand=Hand(xy + (x, 0), np.ones(21)))
        >>> tracker = Tracker()
        >>> frames = [hand(0), hand(200)], [hand(190), hand(10)], [hand(20)]
        >>> for number, people in enumerate(frames):
        ...     print([person.id for person in tracker.update(people, number / 30)])
        [0, 1]
        [1, 0]
        [0]
    """

    def __init__(self, *, max_distance: float = 0.8, max_unseen: int = 15) -> None:
        """Start without people."""
        self.max_distance = max_distance
        self.max_unseen = max_unseen
        self.tracks: list[Track] = []
        self._next_id = 0

    def predict(self, seconds: float) -> list[Person]:
        """Return the tracked people at the positions expected at a given time."""
        return [track.at(seconds) for track in self.tracks]

    def update(self, people: Sequence[Person], seconds: float) -> list[Person]:
        """Return the people of the next frame with their ids.

        Args:
            people: The people in any order; their ids are ignored.
            seconds: The time of the frame.

        Returns:
            The same people in the same order.
        """
        expected = self.predict(seconds)
        costs = [[keypoint_distance(one, other) for other in people] for one in expected]
        pairs = assign(np.reshape(costs, (len(expected), len(people))), self.max_distance)
        known = {person: track for track, person in pairs}
        tracks, named = [], []
        for index, person in enumerate(people):
            track = self.tracks[known[index]] if index in known else None
            person = replace(person, id=track.person.id if track else self._new_id())
            tracks.append(track.seen(person, seconds) if track else Track(person, seconds))
            named.append(person)
        lost = [track for index, track in enumerate(self.tracks) if index not in dict(pairs)]
        waiting = [replace(track, unseen=track.unseen + 1) for track in lost]
        self.tracks = tracks + [track for track in waiting if track.unseen <= self.max_unseen]
        return named

    def _new_id(self) -> int:
        """Return an id that has not been used."""
        self._next_id += 1
        return self._next_id - 1


def keypoint_distance(one: Person, other: Person) -> float:
    """Return the distance between two people, relative to their size.

    Args:
        one: A person.
        other: Another person, who may have other parts.

    Returns:
        The mean distance of the keypoints that both have, divided by the longer side of their
        extent. If both have a body, it is that of the bodies, times two and a half; otherwise it is
        that of the nearest parts. Hands of different sides are compared too, as the side of a
        single hand may change. Infinity if they have no part in common.
    """
    if one.body is not None and other.body is not None:
        return _BODY * _distance(one.body, other.body)
    distances = [
        _distance(mine, its) + (_OTHER_SIDE if mine.side != its.side else 0.0)
        for mine in one.hands
        for its in other.hands
    ]
    if one.face is not None and other.face is not None:
        distances.append(_distance(one.face, other.face))
    return min(distances, default=np.inf)


def assign(costs: FloatArray, most: float) -> list[tuple[int, int]]:
    """Return the pairs of rows and columns with the least total cost.

    Args:
        costs: (m, n), finite or infinite.
        most: Maximum cost of a pair, and the cost of each row or column without a partner.

    Returns:
        Pairs in ascending order.

    Example:
        >>> assign(np.array([[0.1, 0.2], [0.15, 0.9]]), 0.5)
        [(0, 1), (1, 0)]
    """
    rows, columns = costs.shape
    square = np.full((rows + columns, rows + columns), float(most))
    square[:rows, :columns] = np.where(costs <= most, costs, 4 * most)  # worse than no partner
    square[rows:, columns:] = 0
    partners = _least_assignment(square)[:rows]
    return [(row, partner) for row, partner in enumerate(partners) if square[row, partner] < most]


def _least_assignment(costs: FloatArray) -> list[int]:
    """Return the column assigned to each row of costs (n, n) with the least total cost.

    This is the Hungarian method with shortest augmenting paths (Jonker and Volgenant, 1987). Rows
    and columns count from 1. Index 0 stands for the row to be assigned, where its path begins.
    """
    count = len(costs)
    row_price, column_price = np.zeros(count + 1), np.zeros(count + 1)
    row_of = np.zeros(count + 1, int)
    for row in range(1, count + 1):
        row_of[0], column = row, 0
        before, least = np.zeros(count + 1, int), np.full(count + 1, np.inf)
        done = np.zeros(count + 1, bool)
        while column == 0 or row_of[column]:
            done[column] = True
            here = row_of[column]
            reduced = np.append(np.inf, costs[here - 1] - row_price[here] - column_price[1:])
            nearer = ~done & (reduced < least)
            least[nearer], before[nearer] = reduced[nearer], column
            column = int(np.where(done, np.inf, least).argmin())
            step = least[column]
            row_price[row_of[done]] += step
            column_price[done] -= step
            least[~done] -= step
        while column:
            row_of[column], column = row_of[before[column]], before[column]
    return [int(column) for column in np.argsort(row_of[1:])]


def _distance(one: Keypoints, other: Keypoints) -> float:
    """Return the mean distance of keypoints in units of their size; infinity if they share none."""
    if one.skeleton is not other.skeleton:
        return np.inf
    both = one.found & other.found
    if not both.any():
        return np.inf
    size = max(*keypoint_extent(one.xy)[1], *keypoint_extent(other.xy)[1], 1.0)
    return float(np.linalg.norm(one.xy[both] - other.xy[both], axis=1).mean() / size)


def _shift(before: Keypoints, after: Keypoints) -> FloatArray:
    """Return how far keypoints have moved on average (2,); 0 where they share none."""
    if before.skeleton is not after.skeleton or not (before.found & after.found).any():
        return np.zeros(2)
    return np.asarray(np.nanmean(after.xy - before.xy, axis=0), np.float64)


def _mixed(before: FloatArray | None, now: FloatArray) -> FloatArray:
    """Return the weighted mean of the previous and the current velocity."""
    return now if before is None else _INERTIA * before + (1 - _INERTIA) * now
