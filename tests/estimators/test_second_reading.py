"""A second network judges and reads what a first one found."""

import numpy as np

from openpose_keras.estimators.hand import HandEstimator
from openpose_keras.estimators.second_reading import join_keypoints, read_again
from openpose_keras.estimators.views import Region
from tests.estimators.test_points import BOX, SPEC, dot_points, scene


def shifted_points(offset):
    """A network of points that are off by pixels of its input."""

    def network(batch):
        maps = dot_points(batch)
        return maps | {"points": maps["points"] + [*offset, 0.0]}

    return network


def test_keypoints_are_the_mean_where_both_agree_and_the_points_elsewhere():
    points = np.random.default_rng(0).uniform(0, 100, (21, 2))
    peaks = points + 8.0
    peaks[3], peaks[4] = points[3] + 40.0, np.nan
    joined = join_keypoints(points, peaks)
    expected = points + 4.0
    expected[[3, 4]] = points[[3, 4]]
    np.testing.assert_allclose(joined, expected)


def test_the_second_network_drops_what_is_no_hand_and_adds_presence_and_side():
    image, xy = scene(0.4)
    empty = Region((0.0, 200.0, 90.0, 90.0))
    first = HandEstimator(
        shifted_points((0.0, 6.0)), spec=SPEC, search=lambda image: [Region(BOX), empty]
    )
    second = HandEstimator(dot_points, spec=SPEC, search=lambda image: [])
    [hand] = read_again(image, first, second)
    assert hand.presence > 0.9
    assert hand.side == "right"
    [alone] = first(image)
    np.testing.assert_allclose(hand.xy, (xy + alone.xy) / 2, atol=0.5)
    assert second(image) == []  # it still searches in its own way
    assert read_again(image, first, second, min_presence=0.99) == []
