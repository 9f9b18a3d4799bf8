"""A second network's reading of hands that a first one found: presence, side, better keypoints.

    first, second = (HandEstimator.from_preset(name) for name in ("hand_lite", "mediapipe_hand"))
    hands = read_again(image, first, second)

Heatmaps tell a keypoint's position finely, but each keypoint is found on its own map. Points that a
network finds together are coarser and keep the shape of a hand. Where the two agree their mean is
the best of both, elsewhere the points are.
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
    """Return a function that finds hands as an estimator does, for the `search` of another one.

    Args:
        estimator: Its keypoints go with the regions.

    Returns:
        A function of an image (H, W, 3) uint8 RGB that returns the regions of its hands.
    """

    def find(image: np.ndarray) -> list[Region]:
        """Return the hands' regions and keypoints."""
        return [Region(each.region.box, peaks=each.peaks) for each in estimator.estimate(image)]

    return find


def join_keypoints(points: np.ndarray, peaks: np.ndarray, *, radius: float = 0.2) -> FloatArray:
    """Join the keypoints that two networks found of one hand.

    Args:
        points: (K, 2) of the network that keeps the shape of a hand.
        peaks: (K, 2) of the one that is finer; NaN where missing.
        radius: Distance up to which the two agree, in longer sides of the extent of `points`.

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
    """Find hands with one network and let another one judge and read them.

    Args:
        image: (H, W, 3) uint8 RGB.
        first: Finds the hands, for example the preset "hand_lite".
        second: Tells presence and side of each on the crop turned upright, as the preset
            "mediapipe_hand" does.
        radius: As for `join_keypoints`.
        min_presence: As for a call of `second`.
        max_hands: The same.

    Returns:
        The hands, greatest presence first, with the keypoints of both.
    """
    second = copy.copy(second)
    second.search = search_by(first)
    hands = []
    for each in second.estimate(image, min_presence=min_presence, max_hands=max_hands):
        peaks = each.peaks if each.region.peaks is None else each.region.peaks
        xy = join_keypoints(each.peaks[:, :2], peaks[:, :2], radius=radius)
        hands.append(replace(each.hand, xy=xy))
    return hands
