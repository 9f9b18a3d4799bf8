from dataclasses import replace

import numpy as np
import pytest

from openpose_keras.estimators.views import upright_angle
from openpose_keras.io.coco import LabelledImage
from openpose_keras.io.sample_hands import load_shipped_hands
from openpose_keras.training.hands.robustness import centered_hands, occlude
from tests.helpers import ROOT


@pytest.fixture(scope="module")
def pairs():
    return load_shipped_hands("pairs", folder=ROOT / "notebooks" / "images")


def test_each_row_leads_to_one_labelled_image(pairs):
    samples = centered_hands(pairs, [3, 8, 9], size=80)
    for row, sample in zip([3, 8, 9], samples, strict=True):
        assert sample.image.shape == (80, 80, 3)
        assert sample.image.dtype == np.uint8
        [hand] = sample.hands
        assert hand.side == ("left" if pairs.left[row] else "right")
    assert len(centered_hands(pairs, size=16)) == 64


@pytest.mark.parametrize(("size", "fraction"), [(160, 0.625), (100, 0.3), (24, 0.5)])
def test_a_hand_has_its_fraction_and_lies_in_the_middle(pairs, size, fraction):
    for sample in centered_hands(pairs, range(0, 64, 9), size=size, fraction=fraction):
        xy = sample.hands[0].xy
        assert np.ptp(xy, axis=0).max() == pytest.approx(fraction * size, abs=0.02)
        np.testing.assert_allclose((xy.min(0) + xy.max(0)) / 2, (size - 1) / 2, atol=0.02)


@pytest.mark.parametrize("angle", [0.0, 30.0, -90.0, 180.0])
def test_rotated_hands_point_where_they_should(pairs, angle):
    for sample in centered_hands(pairs, range(0, 64, 7), size=120, angle=angle):
        upright = -np.degrees(upright_angle(sample.hands[0].xy))
        assert np.cos(np.radians(upright - angle)) == pytest.approx(1, abs=1e-3)


def test_without_an_angle_hands_stay_as_they_came(pairs):
    [sample] = centered_hands(pairs, [5], size=384, fraction=0.45)
    np.testing.assert_allclose(sample.hands[0].xy, pairs.xy[5], atol=0.05)
    solid = pairs.rgba[5, ..., 3] == 255
    away = sample.image[solid].astype(int) - pairs.rgba[5][solid][:, :3]
    assert np.abs(away).mean() < 3


def test_bare_and_gloved_hands_have_one_background(pairs):
    bare, gloved = centered_hands(pairs, [6, 7], size=96)
    np.testing.assert_array_equal(bare.hands[0].xy, gloved.hands[0].xy)
    np.testing.assert_array_equal(bare.image[:4, :4], gloved.image[:4, :4])
    assert (bare.image != gloved.image).mean() > 0.1


def test_an_occluder_covers_a_keypoint_and_grows_with_its_diameter(pairs):
    [sample] = centered_hands(pairs, [10], size=160)
    sample.image.setflags(write=False)
    changed = {}
    for diameter in (0.0, 0.1, 0.3, 0.6):
        covered = occlude(sample, diameter, seed=1)
        assert covered.hands is sample.hands
        changed[diameter] = (covered.image != sample.image).any(-1)
        soft = 100 * diameter + 3 * (diameter > 0)  # pixels across, with its soft edge
        assert changed[diameter].sum() == pytest.approx(np.pi / 4 * soft**2, rel=0.2)
    assert (changed[0.3] & changed[0.1]).sum() > 0.9 * changed[0.1].sum()
    column, row = np.round(sample.hands[0].xy).astype(int).T
    assert changed[0.1][row, column].any()


def test_images_of_any_shape_and_without_hands_can_be_occluded(pairs):
    [sample] = centered_hands(pairs, [0], size=64)
    wide = replace(sample, image=np.zeros((64, 90, 3), np.uint8))
    assert occlude(wide, 0.4).image.shape == (64, 90, 3)
    empty = LabelledImage(sample.image, ())
    np.testing.assert_array_equal(occlude(empty, 0.5).image, sample.image)
