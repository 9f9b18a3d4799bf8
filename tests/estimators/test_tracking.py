import numpy as np

from openpose_keras.estimators.tracking import TrackedHands


def hand(x, y, width, height, score=1.0):
    """Return the keypoints (21, 3) of a hand that spans a box."""
    steps = np.linspace(0, 1, 21)
    return np.column_stack([x + width * steps, y + height * steps, np.full(21, score)])


def remembered(*hands):
    return TrackedHands().update(np.array(hands), frame=1)


def test_a_hand_that_was_found_well_is_remembered_by_its_box():
    found = remembered(hand(10, 20, 40, 60), hand(0, 0, 9, 9, score=0.66), hand(5, 5, 0, 9))
    np.testing.assert_allclose(found.boxes, [(10, 20, 40, 60)])


def test_keypoints_with_a_low_score_do_not_widen_the_box():
    one = hand(10, 20, 40, 60)
    one[0] = (-500, -500, 0.25)
    np.testing.assert_allclose(remembered(one).boxes, [(12, 23, 38, 57)])


def test_a_frame_counts_only_if_it_is_later():
    first = remembered(hand(10, 20, 40, 60))
    assert first.update([], frame=1) is first
    assert TrackedHands().update([hand(0, 0, 9, 9)], frame=0).boxes.shape == (0, 4)
    assert first.update([], frame=2).boxes.shape == (0, 4)


def test_a_box_is_blended_with_the_one_that_it_overlaps_most():
    tracked = remembered(hand(0, 0, 40, 40), hand(100, 0, 40, 40))
    blended = tracked.blend([(90, 0, 40, 40), (300, 300, 10, 10), (np.nan,) * 4])
    np.testing.assert_allclose(blended[0], (85, -10, 60, 60))
    np.testing.assert_allclose(blended[1], (300, 300, 10, 10))
    assert np.isnan(blended[2]).all()


def test_nothing_remembered_changes_nothing():
    boxes = np.array([(1, 2, 3, 3), (np.nan,) * 4], np.float32)
    np.testing.assert_array_equal(TrackedHands().blend(boxes), boxes)
    assert remembered(hand(0, 0, 9, 9)).blend(np.zeros((0, 4))).shape == (0, 4)
