"""The crops of the finder's hands."""

import math

import numpy as np
import pytest

from openpose_keras.estimators.finder import HAND_MIDDLE, HandFinder
from openpose_keras.estimators.palms import SIZE, WRIST


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
