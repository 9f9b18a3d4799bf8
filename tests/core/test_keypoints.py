import copy
import dataclasses
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openpose_keras.core.keypoints import Hand
from openpose_keras.estimators.upright import upright_angle


def make_hand(**changes):
    rng = np.random.default_rng(3)
    fields = {"xy": rng.uniform(0, 100, (21, 2)), "scores": rng.uniform(0.1, 1, 21)}
    return Hand(**(fields | changes))


def with_missing(*indices):
    hand = make_hand()
    xy, scores = hand.xy.copy(), hand.scores.copy()
    xy[list(indices)], scores[list(indices)] = np.nan, 0
    return make_hand(xy=xy, scores=scores)


def test_arrays_are_copies_and_read_only():
    xy, scores = np.ones((21, 2), np.float32), np.ones(21, np.float32)
    hand = Hand(xy, scores)
    xy[0], scores[0] = 7, 7
    assert hand.xy[0, 0] == 1 and hand.scores[0] == 1
    for array in (hand.xy, hand.scores):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_read_only_and_strided_input_is_taken():
    table = np.ones((21, 4))
    table.flags.writeable = False
    assert make_hand(xy=table[:, ::2], scores=table[:, 1]).score == 1


def test_a_hand_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        make_hand().side = "left"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_single_and_double_precision_are_kept(dtype):
    hand = make_hand(xy=np.ones((21, 2), dtype), scores=np.ones(21, dtype))
    assert hand.xy.dtype == hand.scores.dtype == dtype


@pytest.mark.parametrize("values", [np.ones((21, 2), np.int16), [[1, 1]] * 21])
def test_other_numbers_become_float64(values):
    assert make_hand(xy=values).xy.dtype == np.float64


def test_missing_keypoints_are_not_found_and_count_as_nothing_in_the_score():
    hand = with_missing(0, 20)
    assert hand.found.dtype == bool and list(np.flatnonzero(~hand.found)) == [0, 20]
    assert hand.score == pytest.approx(hand.scores[1:20].sum() / 21)


def test_a_hand_with_no_keypoint_has_score_zero():
    hand = with_missing(*range(21))
    assert hand.score == 0.0 and not hand.found.any()


def test_the_corner_pixel_and_the_score_zero_are_legal():
    hand = make_hand(xy=np.zeros((21, 2)), scores=np.zeros(21))
    assert hand.found.all() and hand.score == 0.0


def test_scores_below_zero_and_above_one_are_legal():
    assert make_hand(scores=np.linspace(-0.5, 1.5, 21)).score == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("index", "xy", "score"),
    [
        (0, (np.nan, np.nan), 0.3),
        (4, (np.nan, 5), 0),
        (8, (np.inf, 5), 0.5),
        (20, (5, 5), np.nan),
        (1, (5, 5), np.inf),
    ],
)
def test_half_missing_keypoints_are_refused(index, xy, score):
    hand = make_hand()
    all_xy, scores = hand.xy.copy(), hand.scores.copy()
    all_xy[index], scores[index] = xy, score
    with pytest.raises(ValueError, match="a found keypoint has finite"):
        Hand(all_xy, scores)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"xy": np.ones((20, 2))}, r"xy of a hand must have the shape \(21, 2\), not \(20, 2\)"),
        ({"xy": np.ones((21, 3))}, "xy of a hand"),
        ({"scores": np.ones((21, 1))}, r"scores of a hand must have the shape \(21,\)"),
        ({"scores": ["high"] * 21}, "must be numbers"),
        ({"scores": np.ones(21, bool)}, "must be numbers"),
        ({"side": "Left"}, "a side is 'left', 'right' or None"),
        ({"box": (0, 0, 10)}, "a box is four finite numbers"),
        ({"box": (0, 0, -1, 10)}, "a box is four finite numbers"),
        ({"side_scores": {"both": 1.0}}, "side_scores has the keys"),
    ],
)
def test_fields_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        make_hand(**changes)


def test_a_box_becomes_four_floats():
    box = make_hand(box=np.array([1, 2, 30, 30])).box
    assert box == (1.0, 2.0, 30.0, 30.0) and all(type(number) is float for number in box)


def test_side_scores_are_a_copy():
    scores = {"left": np.float32(0.25), "right": 0.5}
    hand = make_hand(side="right", side_scores=scores)
    scores["left"] = 9
    assert hand.side_scores == {"left": 0.25, "right": 0.5}


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda hand: pickle.loads(pickle.dumps(hand))])
def test_clones_are_equal_field_by_field_and_stay_read_only(clone):
    hand = make_hand(box=(0, 1, 2, 2), side="left", side_scores={"left": 0.5, "right": 0.1})
    again = clone(hand)
    np.testing.assert_array_equal(again.xy, hand.xy)
    np.testing.assert_array_equal(again.scores, hand.scores)
    assert (again.box, again.side, again.side_scores) == (hand.box, hand.side, hand.side_scores)
    assert not again.xy.flags.writeable


def test_replace_changes_one_field():
    hand = dataclasses.replace(make_hand(), side="left")
    assert hand.side == "left" and hand.box is None


def test_equality_is_identity():
    hand = make_hand()
    assert hand == hand and hand != make_hand() and len({hand, hand}) == 1


def test_the_text_is_one_short_line():
    text = repr(make_hand(side="left", box=(0.123456, 1, 30, 30)))
    assert "\n" not in text and "found=21/21" in text and "box=(0.1, 1.0, 30.0, 30.0)" in text


@given(st.floats(-np.pi, np.pi), st.integers(0, 99))
def test_the_upright_angle_puts_the_knuckles_above_the_wrist(turn, seed):
    xy = np.random.default_rng(seed).uniform(0, 10, (21, 2))
    xy[[5, 9, 13, 17]] += 40 * np.array([np.cos(turn), np.sin(turn)])
    angle = upright_angle(xy)
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turned = xy @ matrix.T
    across, up = turned[[5, 9, 13, 17]].mean(0) - turned[0]
    assert abs(across) < 1e-9
    assert up < 0


def test_missing_knuckles_do_not_count():
    xy = np.zeros((21, 2))
    xy[5], xy[[9, 13, 17]] = (0, 5), np.nan
    assert np.rad2deg(upright_angle(xy)) % 360 == pytest.approx(180)


@pytest.mark.parametrize("missing", [[0], [5, 9, 13, 17], []])
def test_a_hand_without_a_direction_is_not_turned(missing):
    xy = np.full((21, 2), 7.0)
    xy[missing] = np.nan
    assert upright_angle(xy) == 0
