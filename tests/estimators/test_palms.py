"""The palm detector's anchors, decoding and merging, and the detector that ships."""

import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openpose_keras.core.boxes import box_iou
from openpose_keras.estimators import palms
from openpose_keras.estimators.hand import HandEstimator
from openpose_keras.estimators.palms import (
    CENTRE,
    HAND_MIDDLE,
    MIDDLE_MCP,
    SIZE,
    WRIST,
    FaceSearch,
    HandFinder,
    PalmSearch,
    decode_palms,
    merge_palms,
    palm_anchors,
)
from openpose_keras.estimators.search import fit_image
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
    offsets, logits = np.zeros((2016, 18), np.float32), np.full((2016, 1), -200.0, np.float32)
    offsets[1500] = np.arange(18)
    logits[[3, 1500]] = [[-0.1], [2.0]]
    values, scores = decode_palms(offsets, logits, (192, 192), threshold=0.5)
    assert scores == pytest.approx([1 / (1 + math.exp(-2))])
    expected = np.arange(18.0).reshape(9, 2) + palm_anchors(192, 192)[1500]
    expected[SIZE] = 2, 3
    np.testing.assert_allclose(values, [expected])


@given(st.integers(0, 2**32 - 1), st.integers(0, 12))
def test_merging_agrees_with_a_plain_loop(seed, count):
    rng = np.random.default_rng(seed)
    some = np.array([palm(*rng.uniform(0, 40, 2), rng.uniform(5, 30)) for _ in range(count)])
    some, scores = some.reshape(-1, 9, 2), rng.random(count)
    left = sorted(range(count), key=lambda index: -scores[index])
    expected = []
    while left:
        boxes = {index: (*(some[index, 0] - some[index, 1] / 2), *some[index, 1]) for index in left}
        group = [index for index in left if box_iou(boxes[left[0]], boxes[index]) > 0.3]
        weights = scores[group] / scores[group].sum()
        expected.append(
            (sum(w * some[i] for w, i in zip(weights, group, strict=True)), scores[left[0]])
        )
        left = [index for index in left if index not in group]
    merged, best = merge_palms(some, scores, 0.3)
    assert len(merged) == len(expected)
    for found, score, (other, other_score) in zip(merged, best, expected, strict=True):
        np.testing.assert_allclose(found, other)
        assert score == other_score


def test_smaller_hands_need_larger_inputs_and_small_ones_beside_them():
    areas = []
    for smallest in (0.5, 1 / 8, 1 / 12, 1 / 20, 1 / 60):
        inputs = PalmSearch(smallest=smallest).inputs
        assert all(side % 32 == 0 for side in inputs)
        assert inputs[0] < 192
        assert np.all(np.array(inputs[1:]) <= 1.6 * np.array(inputs[:-1]))
        assert inputs[-1] * smallest >= 28 or inputs == (128,)
        areas.append(sum(side**2 for side in inputs))
    assert areas == sorted(areas)
    assert PalmSearch(sides=(192,)).inputs == (192,)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"smallest": 0}, "smallest between 0.01 and 1, got 0"),
        ({"smallest": 12}, "smallest between 0.01 and 1, got 12"),
        ({"sides": ()}, r"multiples of 32, got \(\)"),
        ({"sides": (192, 200)}, r"multiples of 32, got \(192, 200\)"),
    ],
)
def test_inputs_that_cannot_be_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        PalmSearch(**options)


@pytest.mark.parametrize("shape", [(120, 300), (480, 320), (64, 64)])
def test_a_palm_is_found_where_the_network_sees_it(monkeypatch, shape):
    truth = palm(x=shape[1] * 0.6, y=shape[0] * 0.4)
    height, width = shape

    def engine(batch):
        """Answer at one anchor, in the frame of the input."""
        scale = fit_image(np.zeros((height, width, 3), np.uint8), max(batch.shape[1:3]))[1]
        anchors = palm_anchors(*batch.shape[1:3])
        logits = np.full((1, len(anchors), 1), -9.0, np.float32)
        logits[0, 7] = 3.0
        values = (truth + 0.5) * scale - 0.5 - anchors[7]
        values[SIZE] = truth[SIZE] * scale.mean()
        table = np.zeros((1, len(anchors), 18), np.float32)
        table[0, 7] = values.ravel()
        return {"palms": table, "logits": logits}

    monkeypatch.setattr(palms, "detector_engine", lambda preset, name: engine)
    search = PalmSearch(smallest=1 / 30)
    found, scores = search.palms(np.zeros((height, width, 3), np.uint8))
    np.testing.assert_allclose(found, [truth], atol=0.5)
    assert scores == pytest.approx([1 / (1 + math.exp(-3))])
    [region] = search(np.zeros((height, width, 3), np.uint8))
    assert region.crop.size == 224


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


def test_a_preset_with_a_detector_takes_the_size_of_the_smallest_hand():
    estimator = HandEstimator.from_preset("mediapipe_hand", smallest=0.2)
    assert estimator.search == PalmSearch(smallest=0.2)
    for search, name in ((None, "hand"), (PalmSearch(), "mediapipe_hand")):
        with pytest.raises(ValueError, match=r"of a search with a detector, got 0\.2"):
            HandEstimator.from_preset(name, smallest=0.2, search=search)


def test_the_preset_survives_pickling_and_a_detector_is_no_estimator(preset):
    image = read_image(ROOT / "notebooks/images/open_hand.jpg")
    [hand] = pickle.loads(pickle.dumps(preset))(image)
    np.testing.assert_array_equal(hand.xy, preset(image)[0].xy)
    with pytest.raises(ValueError, match="got 'mediapipe_palm'"):
        HandEstimator.from_preset("mediapipe_palm")


# --- whole hands


@pytest.mark.parametrize("turn", [0.0, 1.0, math.pi, -2.0])
def test_the_crop_shows_the_hand_upright_a_little_below_its_middle(turn):
    values = np.zeros((9, 2))
    values[2:7] = [(0, 20), (-8, 0), (-3, -2), (3, -2), (8, 0)]  # wrist and knuckles
    rotation = np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
    values = values @ rotation + (60, 50)
    values[SIZE] = 20, 45
    crop = HandFinder(margin=2.0, shift=0.1, size=100).crop(values)
    assert crop.box[2] == pytest.approx(90)
    wrist, middle = crop.apply_points(values[[WRIST, HAND_MIDDLE]])
    assert wrist[0] == pytest.approx(middle[0]) == pytest.approx(49.5)
    assert middle[1] - 49.5 == pytest.approx(0.1 * 45 / crop.scale)
    assert wrist[1] - middle[1] == pytest.approx(20 / crop.scale)


def test_the_eyes_of_a_face_are_level_in_its_crop():
    face = np.tile([50.0, 40.0], (8, 1))
    face[SIZE] = 20.0
    face[2:4] = (45, 42), (55, 36)  # right eye, left eye
    crop = FaceSearch().crop(face)
    right, left = crop.apply_points(face[2:4])
    assert right[1] == pytest.approx(left[1])
    assert right[0] < left[0]
    np.testing.assert_allclose(crop.apply_points(face[CENTRE]), (95.5, 95.5))
    assert crop.box[2] == 30.0


def test_faces_are_decoded_as_palms_are():
    values, logits = np.zeros((2016, 16)), np.full((2016, 1), -9.0)
    logits[5], values[5, 2:4], values[5, 4:6] = 9.0, 12.0, (-3.0, 1.0)
    faces, scores = decode_palms(values, logits, (192, 192))
    x, y = palm_anchors(192, 192)[5]
    assert faces.shape == (1, 8, 2)
    np.testing.assert_allclose(faces[0, :3], [(x, y), (12, 12), (x - 3, y + 1)])
    assert scores[0] > 0.99
