"""Metrics of keypoints as pure functions, which distinguish missing and unlabelled keypoints.

All functions follow one convention: `xy` (n, 21, 2) are predictions in pixels, NaN where a keypoint
is missing; `truth` (n, 21, 2) are labels, NaN where a keypoint is unlabelled; `boxes` (n, 4) are
the hands' (x, y, width, height). An unlabelled keypoint is ignored. A labelled keypoint that is
missing counts as wrong: its distance is infinite.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from openpose_keras.core.arrays import FloatArray
from openpose_keras.core.boxes import box_iou

THRESHOLDS = (0.05, 0.1, 0.2)
AUC_LIMIT = 0.2


def pixel_distances(xy: ArrayLike, truth: ArrayLike) -> FloatArray:
    """Return the distance of each keypoint from its label.

    Args:
        xy: (n, k, 2) predictions in pixels, NaN where missing.
        truth: (n, k, 2) labels in pixels, NaN where unlabelled.

    Returns:
        (n, k) float64 pixels; infinite where the prediction is missing, NaN where there is no
        label.

    Raises:
        ValueError: The shapes differ or are not (n, k, 2).
    """
    xy, truth = np.asarray(xy, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    if xy.ndim != 3 or xy.shape[-1] != 2 or xy.shape != truth.shape:
        raise ValueError(f"expected xy and truth (n, k, 2), got {xy.shape} and {truth.shape}")
    distances: FloatArray = np.linalg.norm(xy - truth, axis=-1)
    distances[np.isnan(xy).any(axis=-1)] = np.inf
    distances[np.isnan(truth).any(axis=-1)] = np.nan
    return distances


def box_distances(xy: ArrayLike, truth: ArrayLike, boxes: ArrayLike) -> FloatArray:
    """Return the distance of each keypoint from its label, in units of the box's longer side.

    The longer side of the hand's box is the unit that MMPose's hand benchmarks use for PCK.

    Args:
        xy: (n, k, 2) predictions in pixels, NaN where missing.
        truth: (n, k, 2) labels in pixels, NaN where unlabelled.
        boxes: (n, 4) boxes (x, y, width, height) in pixels.

    Returns:
        (n, k) float64; infinite where the prediction is missing, NaN where there is no label.

    Raises:
        ValueError: A shape does not fit, or a box has no size.
    """
    distances, boxes = pixel_distances(xy, truth), np.asarray(boxes, dtype=np.float64)
    if boxes.shape != (len(distances), 4):
        raise ValueError(f"expected boxes ({len(distances)}, 4), one a hand, got {boxes.shape}")
    sides = boxes[:, 2:].max(axis=1)
    wrong = boxes[~(np.isfinite(sides) & (sides > 0))]
    if len(wrong):
        raise ValueError(f"expected boxes (x, y, w, h) of a size above 0, got {wrong[0].tolist()}")
    units: FloatArray = distances / sides[:, None]
    return units


def pck(
    xy: ArrayLike, truth: ArrayLike, boxes: ArrayLike, thresholds: Sequence[float] = THRESHOLDS
) -> FloatArray:
    """Return the fraction of labelled keypoints within each threshold (PCK).

    All labelled keypoints have the same weight. (MMPose takes the mean over joints of each joint's
    fraction; the two agree if every joint is labelled equally often.)

    Args:
        xy: (n, k, 2) predictions in pixels, NaN where missing.
        truth: (n, k, 2) labels in pixels, NaN where unlabelled.
        boxes: (n, 4) boxes (x, y, width, height) in pixels.
        thresholds: Fractions of the box's longer side; a distance must be less than the threshold.

    Returns:
        (len(thresholds),) fractions in [0, 1]; NaN if no keypoint is labelled.

    Example:
        >>> truth = np.zeros((1, 21, 2))
        >>> xy = truth.copy()
        >>> xy[0, 0] = 15, 0  # 0.15 of a box of 100
        >>> xy[0, 1] = np.nan  # missing
        >>> pck(xy, truth, [[0, 0, 100, 80]], (0.1, 0.2)).round(3)
        array([0.905, 0.952])
    """
    return _fraction_below(box_distances(xy, truth, boxes), thresholds, axis=(0, 1))


def joint_pck(
    xy: ArrayLike, truth: ArrayLike, boxes: ArrayLike, thresholds: Sequence[float] = THRESHOLDS
) -> FloatArray:
    """Return `pck` of each keypoint: (len(thresholds), k), NaN for one that is never labelled."""
    return _fraction_below(box_distances(xy, truth, boxes), thresholds, axis=0)


def _fraction_below(
    distances: FloatArray, thresholds: Sequence[float], axis: int | tuple[int, ...]
) -> FloatArray:
    """Return the fraction of the labelled distances below each threshold, over one or more axes."""
    labelled = (~np.isnan(distances)).sum(axis=axis)
    below = np.stack([(distances < threshold).sum(axis=axis) for threshold in thresholds])
    return _ratio(below, labelled)


def auc(xy: ArrayLike, truth: ArrayLike, boxes: ArrayLike, *, limit: float = AUC_LIMIT) -> float:
    """Return the area under the PCK curve for thresholds from 0 to a limit, divided by the limit.

    The integral is exact: a keypoint at distance d adds max(0, 1 - d / limit). (MMPose instead
    samples 20 thresholds below 30 pixels, which do not depend on the size of the hand.)

    Args:
        xy: (n, k, 2) predictions in pixels, NaN where missing.
        truth: (n, k, 2) labels in pixels, NaN where unlabelled.
        boxes: (n, 4) boxes (x, y, width, height) in pixels.
        limit: The largest threshold, as a fraction of the box's longer side.

    Returns:
        The area in [0, 1]; NaN if no keypoint is labelled.

    Example:
        >>> xy, truth = np.full((1, 21, 2), 5.0), np.full((1, 21, 2), [5.0, 15.0])
        >>> auc(xy, truth, [[0, 0, 100, 100]], limit=0.2)
        0.5
    """
    areas = area_below(box_distances(xy, truth, boxes), limit)
    return float(_ratio(np.nansum(areas), (~np.isnan(areas)).sum()))


def area_below(distances: FloatArray, limit: float) -> FloatArray:
    """Return each keypoint's contribution to the area under PCK: 1 - d / limit, at least 0."""
    if not limit > 0:
        raise ValueError(f"expected a limit above 0, got {limit}")
    areas: FloatArray = np.clip(1.0 - distances / limit, 0.0, 1.0)
    return areas


def epe(xy: ArrayLike, truth: ArrayLike) -> float:
    """Return the mean end-point error in pixels of labelled keypoints that are not missing.

    A missing keypoint has no end point and is left out of this mean. Read it together with `pck`.

    Args:
        xy: (n, k, 2) predictions in pixels, NaN where missing.
        truth: (n, k, 2) labels in pixels, NaN where unlabelled.

    Returns:
        The mean error in pixels; NaN if there is no such keypoint.
    """
    distances = pixel_distances(xy, truth)
    measured = distances[np.isfinite(distances)]
    return float(_ratio(measured.sum(), measured.size))


def bootstrap_interval(
    sums: ArrayLike,
    counts: ArrayLike,
    *,
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the percentile bootstrap interval of sum(sums) / sum(counts) over whole images.

    The errors of keypoints in one image are correlated, so images are resampled and not keypoints
    (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993).

    Args:
        sums: (n,) the contribution of each image to the numerator, for example its number of
            correct keypoints.
        counts: (n,) the contribution of each image to the denominator, for example its number of
            labelled keypoints.
        confidence: The fraction of the resamples that lies inside the interval.
        resamples: Number of times that n images are drawn with replacement.
        seed: Seed of the random draws.

    Returns:
        (low, high); both are NaN without images or with only zero counts.

    Raises:
        ValueError: The shapes differ, or the confidence is not between 0 and 1.
    """
    sums, counts = np.asarray(sums, dtype=np.float64), np.asarray(counts, dtype=np.float64)
    if sums.ndim != 1 or sums.shape != counts.shape:
        raise ValueError(f"expected sums and counts (n,), got {sums.shape} and {counts.shape}")
    if not 0 < confidence < 1 or resamples < 1:
        got = f"{confidence} and {resamples}"
        raise ValueError(f"expected 0 < confidence < 1 and at least 1 of the resamples, got {got}")
    if not counts.sum() > 0:
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    draws = []
    for _ in range(resamples):
        chosen = rng.integers(len(sums), size=len(sums))
        draws.append(_ratio(sums[chosen].sum(), counts[chosen].sum()))
    low, high = np.nanquantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def match_boxes(
    predicted: Sequence[Sequence[float]], truth: Sequence[Sequence[float]], *, iou: float = 0.5
) -> list[tuple[int, int]]:
    """Match predicted boxes to true ones, each at most once, as COCO's detection metric does.

    Args:
        predicted: Boxes (x, y, width, height) in descending order of confidence, in which they are
            matched.
        truth: The true boxes.
        iou: The minimum overlap (intersection over union) of a match.

    Returns:
        Pairs (index in predicted, index in truth), in the order of `predicted`.

    Example:
        >>> match_boxes([(0, 0, 10, 10), (0, 0, 9, 10)], [(0, 0, 10, 9)])
        [(0, 0)]
    """
    free, pairs = list(range(len(truth))), []
    for index, box in enumerate(predicted):
        overlaps = [box_iou(box, truth[other]) for other in free]
        if overlaps and max(overlaps) >= iou:
            pairs.append((index, free.pop(int(np.argmax(overlaps)))))
    return pairs


@np.errstate(invalid="ignore")
def _ratio(part: ArrayLike, whole: ArrayLike) -> FloatArray:
    """Divide two arrays; 0 / 0 is NaN without a warning."""
    ratio: FloatArray = np.divide(part, whole)
    return ratio
