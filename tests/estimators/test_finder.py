"""The finder's inputs, its crops, and that both follow the image's size."""

import math

import numpy as np
import pytest

from openpose_keras.estimators import finder
from openpose_keras.estimators.finder import HAND_MIDDLE, HandFinder
from openpose_keras.estimators.palms import SIZE, WRIST, palm_anchors
from openpose_keras.estimators.search import fit_image


def palm(turn=0.0, x=60.0, y=50.0, side=20.0, length=45.0):
    """A hand that points up, turned clockwise about its middle (x, y)."""
    values = np.zeros((9, 2))
    values[2:7] = [(0, 20), (-8, 0), (-3, -2), (3, -2), (8, 0)]  # wrist and knuckles
    rotation = np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
    values = values @ rotation + (x, y)
    values[SIZE] = side, length
    return values


@pytest.mark.parametrize("turn", [0.0, 1.0, math.pi, -2.0])
def test_the_crop_shows_the_hand_upright_a_little_below_its_middle(turn):
    values = palm(turn)
    crop = HandFinder(margin=2.0, shift=0.1, size=100).crop(values)
    assert crop.box[2] == pytest.approx(90)
    wrist, middle = crop.apply_points(values[[WRIST, HAND_MIDDLE]])
    assert wrist[0] == pytest.approx(middle[0]) == pytest.approx(49.5)
    assert middle[1] - 49.5 == pytest.approx(0.1 * 45 / crop.scale)
    assert wrist[1] - middle[1] == pytest.approx(20 / crop.scale)


def test_smaller_hands_need_larger_inputs_and_a_small_one_beside_them():
    areas = []
    for smallest in (0.5, 1 / 8, 1 / 12, 1 / 20, 1 / 60):
        sides = HandFinder(smallest=smallest).sides
        assert all(side % 32 == 0 for side in sides)
        assert sides[0] <= 384
        areas.append(sum(side**2 for side in sides))
    assert areas == sorted(areas)
    with pytest.raises(ValueError, match="smallest between 0 and 1"):
        HandFinder(smallest=0)


@pytest.mark.parametrize("shape", [(120, 300), (480, 320), (64, 64)])
def test_a_hand_is_found_where_the_network_sees_it(monkeypatch, shape):
    truth = palm(x=shape[1] * 0.6, y=shape[0] * 0.4)
    search = HandFinder(smallest=1 / 30)
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

    monkeypatch.setattr(finder, "detector_engine", lambda preset: engine)
    palms, scores = search.palms(np.zeros((height, width, 3), np.uint8))
    np.testing.assert_allclose(palms, [truth], atol=0.5)
    assert scores == pytest.approx([1 / (1 + math.exp(-3))])
    [region] = search(np.zeros((height, width, 3), np.uint8))
    assert region.crop.size == 224
