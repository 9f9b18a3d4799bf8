from dataclasses import replace

import numpy as np
import pytest

from openpose_keras.estimators.upright import upright_angle
from openpose_keras.io.coco import LabelledImage
from openpose_keras.io.sample_hands import load_shipped_hands
from openpose_keras.training.robustness import occlude, portraits
from tests.helpers import ROOT

IMAGES = ROOT / "notebooks" / "images"


@pytest.fixture(scope="module")
def pairs():
    return load_shipped_hands("pairs", folder=IMAGES)


def test_each_row_gives_one_labelled_picture(pairs):
    samples = portraits(pairs, [3, 8, 9], size=80)
    assert len(samples) == 3
    for row, sample in zip([3, 8, 9], samples, strict=True):
        assert sample.image.shape == (80, 80, 3)
        assert sample.image.dtype == np.uint8
        [hand] = sample.hands
        assert hand.side == ("left" if pairs.left[row] else "right")
    assert len(portraits(pairs, size=16)) == 64


@pytest.mark.parametrize(("size", "share"), [(160, 0.625), (100, 0.3), (24, 0.5)])
def test_the_hand_has_its_share_and_lies_in_the_middle(pairs, size, share):
    for sample in portraits(pairs, range(0, 64, 9), size=size, share=share):
        xy = sample.hands[0].xy
        assert np.ptp(xy, axis=0).max() == pytest.approx(share * size, abs=0.02)
        np.testing.assert_allclose((xy.min(0) + xy.max(0)) / 2, (size - 1) / 2, atol=0.02)


@pytest.mark.parametrize("turn", [0.0, 30.0, -90.0, 180.0])
def test_turned_hands_point_where_they_should(pairs, turn):
    for sample in portraits(pairs, range(0, 64, 7), size=120, turn=turn):
        upright = -np.degrees(upright_angle(sample.hands[0].xy))
        assert np.cos(np.radians(upright - turn)) == pytest.approx(1, abs=1e-3)


def test_without_a_turn_hands_stay_as_they_came(pairs):
    [sample] = portraits(pairs, [5], size=384, share=0.45)
    np.testing.assert_allclose(sample.hands[0].xy, pairs.xy[5], atol=0.05)
    solid = pairs.rgba[5, ..., 3] == 255
    away = sample.image[solid].astype(int) - pairs.rgba[5][solid][:, :3]
    assert np.abs(away).mean() < 3


def test_bare_and_gloved_stand_before_one_ground(pairs):
    bare, gloved = portraits(pairs, [6, 7], size=96)
    np.testing.assert_array_equal(bare.hands[0].xy, gloved.hands[0].xy)
    np.testing.assert_array_equal(bare.image[:4, :4], gloved.image[:4, :4])
    assert (bare.image != gloved.image).mean() > 0.1
    [other] = portraits(pairs, [6], size=96, seed=1)
    assert (other.image[:4, :4] != bare.image[:4, :4]).any()


def test_the_same_seed_gives_the_same_pixels(pairs):
    first, again = (portraits(pairs, [2], size=64, turn=20.0) for _ in range(2))
    np.testing.assert_array_equal(first[0].image, again[0].image)
    for diameter in (0.2, 0.5):
        covered = [occlude(first[0], diameter, seed=4).image for _ in range(2)]
        np.testing.assert_array_equal(*covered)


def test_a_disc_covers_a_keypoint_and_grows_with_its_diameter(pairs):
    [sample] = portraits(pairs, [10], size=160)
    before = sample.image.copy()
    changed = []
    for diameter in (0.0, 0.1, 0.3, 0.6):
        covered = occlude(sample, diameter, seed=1)
        assert covered.hands is sample.hands
        changed.append((covered.image != before).any(-1))
    areas = [mask.sum() for mask in changed]
    assert areas[0] == 0
    for area, diameter in zip(areas[1:], (0.1, 0.3, 0.6), strict=True):
        soft = 100 * diameter + 3  # pixels across, with its soft edge
        assert area == pytest.approx(np.pi / 4 * soft**2, rel=0.2)
    assert (changed[2] & changed[1]).sum() > 0.9 * areas[1]
    column, row = np.round(sample.hands[0].xy).astype(int).T
    assert changed[1][row, column].any()
    np.testing.assert_array_equal(sample.image, before)


def test_a_picture_without_hands_stays_as_it_is(pairs):
    [sample] = portraits(pairs, [0], size=32)
    empty = LabelledImage(sample.image, ())
    np.testing.assert_array_equal(occlude(empty, 0.5).image, sample.image)


def test_pictures_of_any_shape_can_be_covered(pairs):
    [sample] = portraits(pairs, [0], size=64)
    wide = replace(sample, image=np.zeros((64, 90, 3), np.uint8))
    assert occlude(wide, 0.4).image.shape == (64, 90, 3)
