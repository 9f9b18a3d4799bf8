import numpy as np
import pytest

from openpose_keras.core.keypoints import Hand, Person
from openpose_keras.estimators.smoothing import KeypointFilter, PeopleFilter
from tests.helpers.clips import LAYOUT

XY = 100 * LAYOUT


def test_jitter_of_a_still_hand_is_at_most_a_third():
    rng, smooth = np.random.default_rng(0), KeypointFilter()
    raw = XY + rng.normal(0, 0.01 * 100, (90, 21, 2))  # a hundredth of the hand's size
    smoothed = np.stack([smooth(xy, frame / 30) for frame, xy in enumerate(raw)])
    assert smoothed[15:].std(axis=0).mean() <= raw[15:].std(axis=0).mean() / 3
    assert np.abs(smoothed[-1] - XY).max() < 2


def test_a_fast_hand_is_hardly_held_up():
    smooth = KeypointFilter()
    for frame in range(30):  # three sizes a second
        xy = XY + np.array([300 * frame / 30, 0])
        lag = (xy - smooth(xy, frame / 30))[:, 0]
    assert 0 < lag.max() < 10


def test_more_strength_smooths_more():
    def moved(strength):
        smooth = KeypointFilter(strength)
        smooth(XY, 0.0)
        return np.abs(smooth(XY + 1, 1 / 30) - XY).max()

    assert moved(4.0) < moved(1.0) < moved(0.25) < 1


def test_a_missing_keypoint_begins_again():
    smooth, gone = KeypointFilter(), XY.copy()
    gone[3] = np.nan
    smooth(XY, 0.0)
    assert np.isnan(smooth(gone, 0.1)[3]).all()
    again = smooth(XY + 20, 0.2)
    np.testing.assert_array_equal(again[3], XY[3] + 20)
    assert np.abs(again[4] - XY[4] - 20).max() > 1


def test_a_keypoint_that_jumps_begins_again():
    smooth, far = KeypointFilter(4.0), XY.copy()
    far[3] += 0.6 * np.ptp(XY, axis=0).max()
    smooth(XY, 0.0)
    moved = smooth(far + 2, 1 / 30)
    np.testing.assert_array_equal(moved[3], far[3] + 2)
    assert np.abs(moved[4] - XY[4]).max() < 1.9


def test_people_are_smoothed_by_their_ids_and_scores_stay():
    def people(shift, *ids):
        hand = Hand(XY + shift, np.linspace(0.1, 1, 21))
        return [Person(right_hand=hand, id=each) for each in ids]

    smooth = PeopleFilter()
    first = smooth(people(0, 0, 1, None), 0.0)
    np.testing.assert_array_equal(first[0].right_hand.xy, XY)
    moved = smooth(people(9, 1, 2, None), 1 / 30)
    assert moved[0].right_hand.xy.max() < (XY + 9).max()  # 1 was there
    np.testing.assert_array_equal(moved[1].right_hand.xy, XY + 9)
    np.testing.assert_array_equal(moved[2].right_hand.xy, XY + 9)
    np.testing.assert_array_equal(moved[0].right_hand.scores, np.linspace(0.1, 1, 21))
    again = smooth(people(20, 0), 2 / 30)  # it was missing in between
    np.testing.assert_array_equal(again[0].right_hand.xy, XY + 20)


def test_strength_0_changes_nothing_and_less_is_refused():
    smooth, everyone = PeopleFilter(0), [Person(id=0)]
    assert smooth(everyone, 0.0) == everyone
    for strength in (-1, np.nan, np.inf):
        with pytest.raises(ValueError, match="strength"):
            PeopleFilter(strength)
