import math

import numpy as np
import pytest
from keras import ops

from openpose_keras.heatmaps import peaks
from openpose_keras.training.hands.targets import gaussian_heatmaps, hand_size
from tests.helpers.training_fakes import open_hand

# TensorFlow's own modules use what Python and NumPy have deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow.*")
SIZE, STRIDE = 96, 4
NO_HAND = np.full((21, 2), np.nan)


def draw(*hands, size=SIZE, stride=STRIDE):
    """Return the heatmaps (h, h, 22) of one input with these hands."""
    maps = gaussian_heatmaps(np.stack(hands)[None], cells=size // stride, stride=stride)
    return ops.convert_to_numpy(maps)[0]


def test_heatmaps_agree_with_a_plain_loop():
    hands = [open_hand((40, 50), 60), open_hand((70.3, 20.6), 25)]
    found = draw(*hands)
    for row, column, index in np.random.default_rng(0).integers(0, (24, 24, 21), (300, 3)):
        values = []
        for xy in hands:
            sigma = min(max(0.06 * float(np.ptp(xy, axis=0).max()), 0.9 * STRIDE), 1.9 * STRIDE)
            dx, dy = STRIDE * column + 1.5 - xy[index, 0], STRIDE * row + 1.5 - xy[index, 1]
            values.append(math.exp(-(dx * dx + dy * dy) / (2 * sigma * sigma)))
        assert found[row, column, index] == pytest.approx(max(values), abs=1e-6)


def test_background_is_one_minus_the_greatest_keypoint_map():
    maps = draw(open_hand((48, 48), 50), open_hand((20, 70), 30))
    np.testing.assert_allclose(maps[..., 21], 1 - maps[..., :21].max(-1), atol=1e-7)
    assert maps.min() >= 0
    assert maps.max() <= 1


def test_without_a_hand_all_is_background():
    maps = draw(NO_HAND, NO_HAND, size=64, stride=8)
    assert (maps.shape, maps.dtype) == ((8, 8, 22), np.float32)
    assert (maps == np.eye(22)[21]).all()


def test_each_input_has_the_heatmaps_of_its_own_hands():
    first, second = open_hand((40, 50), 60), open_hand((70, 20), 25)
    inputs = np.stack([[first, NO_HAND], [second, first], [NO_HAND, NO_HAND]])
    found = ops.convert_to_numpy(gaussian_heatmaps(inputs, cells=24, stride=STRIDE))
    for maps, hands in zip(found, ([first], [second, first], [NO_HAND]), strict=True):
        np.testing.assert_allclose(maps, draw(*hands), atol=1e-6)


@pytest.mark.parametrize("stride", [4, 8])
def test_subpixel_peaks_are_the_keypoints(stride):
    rng = np.random.default_rng(2)
    for _ in range(10):
        xy = open_hand(rng.uniform(44, 52, 2), rng.uniform(40, 60))
        found = peaks.subpixel_peaks(draw(xy, stride=stride)[..., :21], blur=0)
        found = peaks.to_input_frame(found, stride)
        np.testing.assert_allclose(found[:, :2], xy, atol=0.02 * stride)


def test_width_follows_the_hand_between_its_bounds():
    cells = []
    for size in (1, 0.9 * 4 / 0.06, 90, 1.9 * 4 / 0.06, 900):
        xy = open_hand((0, 0), size)
        xy += np.array([45.5, 45.5]) - xy[0]  # the wrist at the centre of cell 11
        next_to_it = draw(xy)[11, 12, 0]
        cells.append(math.sqrt(-1 / (2 * math.log(next_to_it))))
    np.testing.assert_allclose(cells, [0.9, 0.9, 0.06 * 90 / 4, 1.9, 1.9], rtol=1e-3)


def test_keypoints_outside_are_visible_only_if_they_are_near():
    xy = open_hand((48, 48), 40)
    xy[3], xy[7] = (-500, 40), (-4, 49.5)
    maps = draw(xy)
    assert maps[..., 3].max() == 0
    assert np.unravel_index(maps[..., 7].argmax(), (24, 24)) == (12, 0)
    assert 0 < maps[..., 7].max() < 1


@pytest.mark.parametrize("hole", [np.nan, (np.nan, 40.0)])
def test_a_missing_keypoint_is_left_out_alone(hole):
    xy = open_hand((48, 48), 60)
    middle = 9  # no extreme of the hand, so that its size stays
    holed = xy.copy()
    holed[middle] = hole
    whole, maps = draw(xy), draw(holed)
    others = [index for index in range(21) if index != middle]
    assert (maps[..., middle] == 0).all()
    np.testing.assert_array_equal(maps[..., others], whole[..., others])
    assert np.isfinite(maps).all()


def test_hand_size_is_the_longer_side():
    assert hand_size(np.array([(1, 2), (4, 10), (3, 3)])) == 8
    assert hand_size(np.array([(1, 2), (np.nan, 50), (9, 3)])) == 8
    assert hand_size(np.full((3, 2), np.nan)) == 0
