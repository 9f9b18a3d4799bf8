import numpy as np
import pytest

from openpose_keras.core.keypoints import Hand
from openpose_keras.viz.contact_sheet import contact_sheet
from tests.helpers.training_fakes import open_hand

GREY = np.full((80, 80, 3), 120, np.uint8)


def hand_without(*missing):
    xy = open_hand((40, 40), 50)
    xy[list(missing)] = np.nan
    return Hand(xy, np.isfinite(xy).all(axis=1).astype(float))


def test_skeletons_are_drawn_on_every_other_image_without_missing_keypoints():
    hand = hand_without(0, 4, 20)
    drawn = contact_sheet([(GREY, [hand])] * 4, columns=2, every=2)
    assert drawn.shape == (160, 160, 3)
    left, right = drawn[:, :80], drawn[:, 80:]
    assert (left == 120).all()
    x, y = np.round(hand.xy[8]).astype(int)
    assert (right[y, x] != 120).any()


def test_last_row_is_filled_with_grey():
    drawn = contact_sheet([(GREY, [])] * 3, columns=2)
    assert drawn.shape == (160, 160, 3)
    assert (drawn[80:, 80:] == 128).all()


def test_contact_sheet_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one image"):
        contact_sheet([])
