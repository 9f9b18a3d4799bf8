"""The palm detector's anchors, decoding and merging, and the detector that ships."""

import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openpose_keras.core.boxes import box_iou
from openpose_keras.estimators.hand import HandEstimator
from openpose_keras.estimators.palms import (
    CENTRE,
    MIDDLE_MCP,
    SIZE,
    WRIST,
    PalmSearch,
    decode_palms,
    merge_palms,
    palm_anchors,
    tile_boxes,
)
from openpose_keras.io.images import read_image
from tests.helpers import ROOT

# TensorFlow's own modules use what Python and NumPy have deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow.*")


def palm(x=50.0, y=60.0, size=20.0, turn=0.0):
    """A palm whose wrist lies a size below its middle knuckle, turned clockwise."""
    up = np.array([math.sin(turn), -math.cos(turn)])
    values = np.tile([x, y], (9, 1))
    values[SIZE] = size
    values[WRIST] -= size / 2 * up
    values[MIDDLE_MCP] += size / 2 * up
    return values


@pytest.fixture(scope="module")
def preset():
    return HandEstimator.from_preset("mediapipe_hand")


def test_anchors_are_cell_centres_as_mediapipe_lists_them():
    expected = [
        ((column + 0.5) / cells, (row + 0.5) / cells)
        for cells, count in ((24, 2), (12, 6))
        for row in range(cells)
        for column in range(cells)
        for _ in range(count)
    ]
    # MediaPipe counts from the image's edges in fractions of its sides.
    np.testing.assert_allclose((palm_anchors(192, 192) + 0.5) / 192, expected)


def test_decoding_adds_the_anchor_to_positions_and_not_to_sizes():
    palms, logits = np.zeros((2016, 18), np.float32), np.full((2016, 1), -200.0, np.float32)
    palms[1500] = np.arange(18)
    logits[[3, 1500]] = [[-0.1], [2.0]]
    values, scores = decode_palms(palms, logits, (192, 192), threshold=0.5)
    assert scores == pytest.approx([1 / (1 + math.exp(-2))])
    expected = np.arange(18.0).reshape(9, 2) + palm_anchors(192, 192)[1500]
    expected[SIZE] = 2, 3
    np.testing.assert_allclose(values, [expected])


@given(st.integers(0, 2**32 - 1), st.integers(0, 12))
def test_merging_agrees_with_a_plain_loop(seed, count):
    rng = np.random.default_rng(seed)
    palms = np.array([palm(*rng.uniform(0, 40, 2), rng.uniform(5, 30)) for _ in range(count)])
    palms, scores = palms.reshape(-1, 9, 2), rng.random(count)
    left = sorted(range(count), key=lambda index: -scores[index])
    expected = []
    while left:
        boxes = {
            index: (*(palms[index, 0] - palms[index, 1] / 2), *palms[index, 1]) for index in left
        }
        group = [index for index in left if box_iou(boxes[left[0]], boxes[index]) > 0.3]
        weights = scores[group] / scores[group].sum()
        expected.append(
            (sum(w * palms[i] for w, i in zip(weights, group, strict=True)), scores[left[0]])
        )
        left = [index for index in left if index not in group]
    merged, best = merge_palms(palms, scores, 0.3)
    assert len(merged) == len(expected)
    for found, score, (other, other_score) in zip(merged, best, expected, strict=True):
        np.testing.assert_allclose(found, other)
        assert score == other_score


@given(st.integers(1, 900), st.integers(1, 900), st.sampled_from([1.0, 0.5, 0.25]))
def test_tiles_cover_the_image_and_each_other(width, height, fraction):
    boxes = list(tile_boxes(width, height, fraction, 0.4))
    side = boxes[0][2]
    assert side == pytest.approx(fraction * max(width, height))
    for axis, length in ((0, width), (1, height)):
        starts = sorted({box[axis] for box in boxes})
        assert starts[0] <= 0
        assert starts[-1] + side >= length - 1e-9
        assert np.all(np.diff(starts) <= 0.6 * side + 1e-9)


@pytest.mark.parametrize("turn", [0.0, 1.0, math.pi, -2.0])
def test_the_crop_of_a_palm_shows_it_upright_below_the_middle(turn):
    values = palm(turn=turn)
    crop = PalmSearch(margin=2.6, shift=0.5, size=100).crop(values)
    assert crop.box[2] == pytest.approx(2.6 * 20)
    wrist, knuckle, centre = crop.apply_points(values[[WRIST, MIDDLE_MCP, CENTRE]])
    assert wrist[0] == pytest.approx(knuckle[0]) == pytest.approx(centre[0]) == pytest.approx(49.5)
    assert wrist[1] > centre[1] > knuckle[1]
    assert centre[1] - 49.5 == pytest.approx(0.5 * 20 / crop.scale)


@pytest.mark.parametrize("quarter", range(4))
def test_the_preset_reads_the_hand_of_a_photo_however_it_is_turned(preset, quarter):
    photo = read_image(ROOT / "notebooks/images/open_hand.jpg")
    [hand] = preset(np.ascontiguousarray(np.rot90(photo, quarter)))
    assert hand.presence > 0.9
    assert hand.side == "right"
    xy, lengths = hand.xy, (photo.shape[1], photo.shape[0])
    for turn in range(quarter):  # np.rot90 takes (x, y) to (y, length - 1 - x)
        length = lengths[(quarter - 1 - turn) % 2]
        xy = np.column_stack([length - 1 - xy[:, 1], xy[:, 0]])
    [upright] = preset(photo)
    assert np.linalg.norm(xy - upright.xy, axis=1).mean() < 0.03 * np.ptp(upright.xy, axis=0).max()


def test_the_preset_finds_no_hand_in_grey(preset):
    assert preset(np.full((90, 120, 3), 128, np.uint8)) == []


def test_the_preset_survives_pickling_and_a_detector_is_no_estimator(preset):
    image = read_image(ROOT / "notebooks/images/open_hand.jpg")
    [hand] = pickle.loads(pickle.dumps(preset))(image)
    np.testing.assert_array_equal(hand.xy, preset(image)[0].xy)
    with pytest.raises(ValueError, match="detector 'mediapipe_palm'"):
        HandEstimator.from_preset("mediapipe_palm")
