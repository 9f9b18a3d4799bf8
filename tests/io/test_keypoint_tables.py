"""Tables for pandas; those of videos are tested with the command."""

import sys

import numpy as np
import pytest

from openpose_keras import to_dataframe
from openpose_keras.core.keypoints import Body, Hand, Person
from openpose_keras.core.skeletons import BODY_25, HAND


def hand(side, missing=8):
    xy, scores = np.random.default_rng(0).uniform(1, 60, (21, 2)), np.ones(21)
    xy[missing], scores[missing] = np.nan, 0
    return Hand(xy, scores, side=side)


def test_a_row_is_a_keypoint_of_a_hand():
    hands = [hand("left"), hand(None)]
    table = to_dataframe(hands)
    assert list(table.columns) == ["person", "part", "keypoint", "x", "y", "score"]
    assert table.person.tolist() == [0] * 21 + [1] * 21
    assert table.part.tolist() == ["left_hand"] * 21 + ["hand"] * 21
    assert table.keypoint.tolist() == list(HAND.keypoints) * 2
    np.testing.assert_array_equal(table[["x", "y"]][:21], hands[0].xy)
    assert table.score[8] == 0


def test_people_have_their_parts_and_the_number_that_follows_them():
    body = Body(np.ones((25, 2)), np.ones(25), skeleton=BODY_25)
    table = to_dataframe([Person(body, right_hand=hand("right"), id=0), Person(body, id=7)])
    counts = table.groupby(["person", "part"], sort=False).size().to_dict()
    assert counts == {(0, "body"): 25, (0, "right_hand"): 21, (7, "body"): 25}


def test_nobody_is_an_empty_table_and_one_hand_is_refused():
    assert to_dataframe([]).shape == (0, 6)
    with pytest.raises(TypeError, match=r"one Hand: write \[...\]"):
        to_dataframe(hand("left"))


def test_without_pandas_a_line_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        to_dataframe([])
