import numpy as np
import pytest

from openpose_keras.core.keypoints import Hand, Person
from openpose_keras.core.skeletons import BODY_25, BODY_COCO, BODY_MPI
from openpose_keras.estimators.body_boxes import (
    HandTracks,
    TrackedHands,
    face_boxes,
    hand_boxes,
    visible_boxes,
)

BODIES = [BODY_25, BODY_COCO, BODY_MPI]


def body(skeleton, **places):
    """Return one body (1, K, 3) with keypoints at places (x, y) or (x, y, score)."""
    keypoints = np.zeros((1, len(skeleton), 3), np.float32)
    for name, place in places.items():
        keypoints[0, skeleton.index(name)] = (*place, 1.0)[:3]
    return keypoints


@pytest.mark.parametrize("skeleton", BODIES, ids=lambda each: each.name)
@pytest.mark.parametrize("side", ["left", "right"])
def test_a_hand_lies_a_third_of_the_forearm_beyond_the_wrist(skeleton, side):
    places = {"shoulder": (10, 10), "elbow": (10, 110), "wrist": (70, 190)}
    one = body(skeleton, **{f"{side}_{joint}": place for joint, place in places.items()})
    other = "left" if side == "right" else "right"
    x, y, width, height = hand_boxes(one, skeleton, side)[0]
    assert width == height == 150  # 1.5 times the forearm; the upper arm gives 0.9 times 150
    np.testing.assert_allclose((x + 75, y + 75), (70 + 0.33 * 60, 190 + 0.33 * 80), atol=1e-3)
    assert np.isnan(hand_boxes(one, skeleton, other)).all()


def test_a_long_upper_arm_makes_the_box_larger():
    places = {"right_shoulder": (0, 0), "right_elbow": (0, 200), "right_wrist": (0, 210)}
    assert hand_boxes(body(BODY_25, **places), BODY_25, "right")[0, 2] == 270


@pytest.mark.parametrize("joint", ["wrist", "elbow", "shoulder"])
def test_without_all_of_an_arm_there_is_no_hand(joint):
    places = {"shoulder": (0, 0), "elbow": (0, 50), "wrist": (0, 90)}
    places[joint] = (*places[joint], 0.03)  # must be above it
    one = body(BODY_COCO, **{f"left_{name}": place for name, place in places.items()})
    assert np.isnan(hand_boxes(one, BODY_COCO, "left")).all()


def test_a_face_is_the_mean_of_the_squares_that_are_known():
    neck_and_nose = {"neck": (50, 100), "nose": (50, 60)}
    eyes = {"left_eye": (60, 50), "right_eye": (40, 50)}
    front = face_boxes(body(BODY_25, **neck_and_nose), BODY_25)[0]
    np.testing.assert_allclose(front, (10, 40, 80, 80))
    from_eyes = face_boxes(body(BODY_25, **eyes), BODY_25)[0]
    np.testing.assert_allclose(from_eyes, (20, 20, 60, 60))
    both = face_boxes(body(BODY_25, **neck_and_nose, **eyes), BODY_25)[0]
    np.testing.assert_allclose(both, (15, 30, 70, 70))
    assert np.isnan(face_boxes(body(BODY_25, nose=(1, 1)), BODY_25)).all()


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_profile_is_drawn_about_nose_eye_and_ear(side):
    places = {"neck": (0, 100), "nose": (30, 60), f"{side}_eye": (15, 50), f"{side}_ear": (0, 55)}
    x, y, width, height = face_boxes(body(BODY_COCO, **places), BODY_COCO)[0]
    np.testing.assert_allclose((x + width / 2, y + height / 2), (15, 55), atol=1e-4)
    lengths = np.hypot(15, 10) + np.hypot(30, 5) + 50
    np.testing.assert_allclose((width, height), 0.85 * lengths, rtol=1e-5)


def test_the_top_of_an_mpi_head_is_the_middle_of_its_face():
    one = body(BODY_MPI, head=(50, 20), neck=(50, 60))
    np.testing.assert_allclose(face_boxes(one, BODY_MPI)[0], (23.4, -6.6, 53.2, 53.2), atol=1e-4)


@pytest.mark.parametrize("skeleton", BODIES, ids=lambda each: each.name)
def test_no_bodies_have_no_boxes(skeleton):
    none = np.zeros((0, len(skeleton), 3))
    assert hand_boxes(none, skeleton, "left").shape == face_boxes(none, skeleton).shape == (0, 4)


def test_boxes_that_an_estimator_takes_are_those_that_meet_the_image():
    beside = [(-20, 0, 20, 20), (60, 0, 20, 20), (0, -20, 20, 20), (0, 40, 20, 20)]
    boxes = [(np.nan,) * 4, (-19, 0, 20, 20), *beside, (59, 39, 20, 20), (5, 5, 0, 0)]
    assert visible_boxes(boxes, (40, 60, 3)).tolist() == [1, 6]
    assert visible_boxes(np.zeros((0, 4)), (40, 60)).tolist() == []


# --- over frames


def hand(x, y, width, height, score=1.0):
    """Return the keypoints (21, 3) of a hand that spans a box."""
    steps = np.linspace(0, 1, 21)
    return np.column_stack([x + width * steps, y + height * steps, np.full(21, score)])


def remembered(*hands):
    return TrackedHands().update(np.array(hands), frame=1)


def test_a_hand_that_was_found_well_is_remembered_by_its_box():
    found = remembered(hand(10, 20, 40, 60), hand(0, 0, 9, 9, score=0.66), hand(5, 5, 0, 9))
    np.testing.assert_allclose(found.boxes, [(10, 20, 40, 60)])


def test_a_network_that_knows_presence_says_which_hands_are_remembered():
    xy = hand(10, 20, 40, 60)[:, :2]
    hands = [
        Hand(xy + 100 * number, np.full(21, score), presence=presence)
        for number, (score, presence) in enumerate(
            [(0.3, 0.5), (0.9, 0.4), (0.6, None), (0.9, None)]
        )
    ]
    tracks = HandTracks().update([Person(left_hand=hand) for hand in hands], 0)
    assert tracks.left.boxes[:, 0].tolist() == [10, 310]
    assert (tracks.left.frame, len(tracks.right.boxes)) == (0, 0)


def test_keypoints_with_a_low_score_do_not_widen_the_box():
    one = hand(10, 20, 40, 60)
    one[0] = (-500, -500, 0.25)
    np.testing.assert_allclose(remembered(one).boxes, [(12, 23, 38, 57)])


def test_a_frame_counts_only_if_it_is_later():
    first = remembered(hand(10, 20, 40, 60))
    assert first.update([], frame=1) is first
    assert len(TrackedHands().update([hand(0, 0, 9, 9)], frame=0).boxes) == 1
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
