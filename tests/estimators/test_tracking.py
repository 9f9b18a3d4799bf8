import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from openpose_keras.core.keypoints import Body, Hand, Person
from openpose_keras.core.skeletons import BODY_25
from openpose_keras.estimators.tracking import Tracker, assign, keypoint_distance
from tests.helpers.clips import LAYOUT, SIDE, crossing

UNIT = (LAYOUT - 0.5) * SIDE


def hand(middle, side="right", noise=0.0, seed=0):
    jitter = np.random.default_rng(seed).normal(0, 1, (21, 2)) * noise
    return Hand(np.asarray(middle) + UNIT + jitter, np.ones(21), side=side)


def person(middle, **options):
    return Person(right_hand=hand(middle, **options))


def ids(people):
    return [each.id for each in people]


@pytest.mark.parametrize("shape", [(0, 0), (3, 0), (1, 4), (4, 4), (6, 3)])
def test_pairs_have_the_least_sum(shape):
    rng = np.random.default_rng(0)
    for _ in range(20):
        costs, most = rng.uniform(0, 1, shape), 0.6
        pairs = assign(costs, most)
        padded = np.full((sum(shape),) * 2, most)
        padded[: shape[0], : shape[1]] = np.where(costs <= most, costs, 9)
        padded[shape[0] :, shape[1] :] = 0
        least = padded[linear_sum_assignment(padded)].sum()
        unpaired = sum(shape) - 2 * len(pairs)
        assert sum(costs[pair] for pair in pairs) + most * unpaired == pytest.approx(least)


def test_as_many_pairs_as_possible_are_made():
    assert assign(np.array([[0.7, 0.3], [np.inf, 0.3]]), 0.8) == [(0, 0), (1, 1)]
    assert assign(np.full((2, 2), np.inf), 0.8) == []


@pytest.mark.parametrize("hidden", [(), range(17, 23)])
def test_two_hands_that_cross_keep_their_ids(hidden):
    """One of them is not found while the other one is in front of it; the order varies."""
    tracker, switches = Tracker(), 0
    for frame, (one, other) in enumerate(crossing()):
        people = [person(one, noise=1, seed=frame), person(other, noise=1, seed=frame + 99)]
        people = people[: 1 if frame in hidden else 2][:: (-1) ** frame]
        named = tracker.update(people, frame / 30)
        truth = ([0] if frame in hidden else [0, 1])[:: (-1) ** frame]
        switches += ids(named) != truth and frame > 0
    assert switches == 0


def test_an_id_ends_after_some_frames_and_is_not_used_again():
    for missing, expected in ((3, 0), (4, 1)):
        tracker = Tracker(max_unseen=3)
        tracker.update([person((50, 50))], 0.0)
        for frame in range(missing):
            assert tracker.update([], (frame + 1) / 30) == []
        assert ids(tracker.update([person((50, 50))], 0.5)) == [expected]


def test_a_hand_alone_keeps_its_id_and_velocity_when_its_side_changes():
    tracker, seen = Tracker(), []
    for frame in range(6):
        moved = hand((50 + 20 * frame, 50), side="left" if frame % 2 else "right")
        each = Person(left_hand=moved) if frame % 2 else Person(right_hand=moved)
        seen += ids(tracker.update([each], frame / 30))
    assert seen == [0] * 6
    [expected] = tracker.predict(6 / 30)
    np.testing.assert_allclose(expected.left_hand.xy.mean(0) - UNIT.mean(0), (170, 50), atol=1)


def test_a_person_keeps_the_id_when_the_body_is_lost_for_a_frame():
    xy = np.random.default_rng(0).uniform(0, 400, (25, 2))
    body = Body(xy, np.ones(25), skeleton=BODY_25)
    whole = Person(body, left_hand=hand((50, 50), side="left"))
    tracker = Tracker()
    frames = [whole], [replace(whole, body=None)], [whole]
    assert [ids(tracker.update(each, n / 30)) for n, each in enumerate(frames)] == [[0]] * 3


def test_a_body_that_stands_beside_is_another_person():
    xy = np.random.default_rng(0).uniform((0, 0), (200, 400), (25, 2))
    first, beside, moved = (
        Person(Body(xy + np.array([shift, 0]), np.ones(25), skeleton=BODY_25))
        for shift in (0, 200, 40)
    )
    assert [ids(Tracker().update([each], 0)) for each in (first, beside)] == [[0], [0]]
    for second, expected in ((beside, [1]), (moved, [0])):
        tracker = Tracker()
        tracker.update([first], 0.0)
        assert ids(tracker.update([second], 1 / 30)) == expected


def test_people_without_a_common_keypoint_are_infinitely_far():
    half = np.where(np.arange(21)[:, None] < 10, np.nan, UNIT)
    one = Person(right_hand=Hand(half, np.where(np.arange(21) < 10, 0.0, 1.0)))
    other = Person(right_hand=Hand(half[::-1], np.where(np.arange(21) > 10, 0.0, 1.0)))
    both = np.isfinite(half).all(1) & np.isfinite(half[::-1]).all(1)
    assert both.sum() == 1  # they share the middle one
    assert np.isfinite(keypoint_distance(one, other))
    assert keypoint_distance(one, Person()) == np.inf
    assert keypoint_distance(one, one) == 0


def test_the_time_of_a_frame_may_stand_still():
    tracker = Tracker()
    for _, seconds in itertools.product(range(2), (0.0, 0.0, 0.1)):
        assert ids(tracker.update([person((50, 50))], seconds)) == [0]
