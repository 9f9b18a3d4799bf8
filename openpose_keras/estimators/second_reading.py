"""A second network's estimate of hands that a first one found: presence, side, keypoints.

    first, second = (HandEstimator.from_preset(name) for name in ("hand_lite", "mediapipe_hand"))
    hands = read_again(image, first, second)

Heatmaps give precise positions, but each keypoint is found on its own map. Points that a network
predicts together are coarser, but keep the shape of a hand. Where the two agree, their mean is
better than either; elsewhere the points are better.
"""

import copy
from dataclasses import replace

import numpy as np

from openpose_keras.core.arrays import FloatArray
from openpose_keras.core.boxes import keypoint_extent
from openpose_keras.core.keypoints import Hand
from openpose_keras.estimators.hand import HandEstimator, RegionSearch
from openpose_keras.estimators.views import Region


def search_by(estimator: HandEstimator) -> RegionSearch:
    """Return a function that finds hands with an estimator, as the `search` of another one.

    Args:
        estimator: The estimator. Its keypoints are returned with the regions.

    Returns:
        A function of an image (H, W, 3) uint8 RGB that returns the regions of its hands.
    """

    def find(image: np.ndarray) -> list[Region]:
        """Return the hands' regions and keypoints."""
        return [Region(each.region.box, peaks=each.peaks) for each in estimator.estimate(image)]

    return find


def join_keypoints(points: np.ndarray, peaks: np.ndarray, *, radius: float = 0.2) -> FloatArray:
    """Join the keypoints that two networks found for one hand.

    Args:
        points: (K, 2) from the network that keeps the shape of a hand.
        peaks: (K, 2) from the more precise network; NaN where missing.
        radius: Maximum distance at which the two agree, relative to the longer side of the extent
            of `points`.

    Returns:
        (K, 2): their mean where they agree, else `points`.

    Example:
        >>> points = np.array([[0.0, 0.0], [100.0, 0.0], [50.0, 50.0]])
        >>> join_keypoints(points, points + [[10.0, 0.0], [0.0, 40.0], [np.nan, np.nan]]).tolist()
        [[5.0, 0.0], [100.0, 0.0], [50.0, 50.0]]
    """
    _, size = keypoint_extent(points)
    near = np.linalg.norm(peaks - points, axis=-1) <= radius * size.max()
    return np.where(near[:, None], (points + peaks) / 2, points)


def read_again(
    image: np.ndarray,
    first: HandEstimator,
    second: HandEstimator,
    *,
    radius: float = 0.2,
    min_presence: float = 0.5,
    max_hands: int | None = None,
) -> list[Hand]:
    """Find hands with one network, and verify and estimate them again with another.

    Args:
        image: (H, W, 3) uint8 RGB.
        first: Finds the hands, for example the preset "hand_lite".
        second: Predicts presence and side of each hand on its upright crop, as the preset
            "mediapipe_hand" does.
        radius: As for `join_keypoints`.
        min_presence: As for a call of `second`.
        max_hands: As for a call of `second`.

    Returns:
        The hands, greatest presence first, with the joined keypoints of both.
    """
    second = copy.copy(second)
    second.search = search_by(first)
    hands = []
    for each in second.estimate(image, min_presence=min_presence, max_hands=max_hands):
        peaks = each.peaks if each.region.peaks is None else each.region.peaks
        xy = join_keypoints(each.peaks[:, :2], peaks[:, :2], radius=radius)
        hands.append(replace(each.hand, xy=xy))
    return hands
