"""Object keypoint similarity (OKS), and COCO's average precision and recall of keypoints.

The rules are those of https://cocodataset.org/#keypoints-eval, as computed by `COCOeval` of
pycocotools. For the parts of COCO-WholeBody they are those of `evaluation/` of
jin-s13/COCO-WholeBody.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from openpose_keras.core.arrays import FloatArray, IntArray

BoolArray = NDArray[np.bool_]

_THRESHOLDS = np.linspace(0.5, 0.95, 10)
_RECALLS = np.linspace(0, 1, 101)
_AREAS = {"": (0.0, 1e10), "_medium": (32.0**2, 96.0**2), "_large": (96.0**2, 1e10)}
ABSENT = -1.0
"""The x and y of a missing keypoint in OpenPose's results."""

# fmt: off
_THOUSANDTHS = {
    "body": (26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89),
    "foot": (68, 66, 66, 92, 94, 94),
    "face": (
        42, 43, 44, 43, 40, 35, 31, 25, 20, 23, 29, 32, 37, 38, 43, 41, 45,
        13, 12, 11, 11, 12, 12, 11, 11, 13, 15,
        9, 7, 7, 7, 12, 9, 8, 16,
        10, 17, 11, 9, 11, 9, 7, 13, 8, 11, 12, 10,
        34, 8, 8, 9, 8, 8, 7, 10, 8, 9, 9, 9, 7, 7, 8, 11, 8, 8, 8, 10, 8,
    ),
    "left_hand": (
        29, 22, 35, 37, 47, 26, 25, 24, 35, 18, 24, 22, 26, 17, 21, 21, 32, 20, 19, 22, 31,
    ),
}
# fmt: on
_THOUSANDTHS["right_hand"] = _THOUSANDTHS["left_hand"]
SIGMAS = {name: np.array(values) / 1000 for name, values in _THOUSANDTHS.items()}
"""The scatter of human labels of each keypoint, in units of the root of the area: for each part of
COCO-WholeBody, in its order, one value per keypoint."""


def oks(
    xy: ArrayLike,
    truth: ArrayLike,
    areas: ArrayLike,
    boxes: ArrayLike,
    *,
    sigmas: ArrayLike = SIGMAS["body"],
) -> FloatArray:
    """Return the object keypoint similarity of found and labelled people.

    It is the mean of exp(-d^2 / (2 area (2 sigma)^2)) over the labelled keypoints, where d is the
    distance from the label. For a person without labelled keypoints, d is the distance from the box
    enlarged to three times its width and height.

    Args:
        xy: (n, K, 2) found keypoints in pixels. A missing keypoint, NaN, is placed at (-1, -1), as
            in OpenPose's results.
        truth: (m, K, 2) labelled keypoints in pixels, NaN where not labelled.
        areas: (m,) areas of the labelled people in square pixels.
        boxes: (m, 4) boxes (x, y, width, height) of the labelled people, in pixels.
        sigmas: (K,) scatter of each keypoint, in units of the root of the area.

    Returns:
        (n, m) float64 in [0, 1].

    Raises:
        ValueError: The shapes do not fit.

    Example:
        >>> truth = np.full((1, 17, 2), 50.0)
        >>> xy = np.stack([truth[0], truth[0] + (0, 5)])
        >>> oks(xy, truth, [60 * 60], [[20, 20, 60, 60]]).round(3)
        array([[1.   ],
               [0.719]])
    """
    found, labels = np.array(xy, np.float64), np.asarray(truth, np.float64)
    scales, edges = np.asarray(areas, np.float64), np.asarray(boxes, np.float64).reshape(-1, 4)
    spread = (2 * np.asarray(sigmas, np.float64)) ** 2
    shape = (len(spread), 2)
    if found.shape[1:] != shape or labels.shape[1:] != shape:
        raise ValueError(
            f"expected xy and truth (n, {shape[0]}, 2), got {found.shape} and {labels.shape}"
        )
    if not len(labels) == len(scales) == len(edges):
        counts = f"{len(labels)}, {len(scales)} and {len(edges)}"
        raise ValueError(f"expected as many labelled people as areas and boxes, got {counts}")
    found[np.isnan(found).any(axis=-1)] = ABSENT
    similarity = np.empty((len(found), len(labels)))
    for number, (points, area, box) in enumerate(zip(labels, scales, edges, strict=True)):
        known = np.isfinite(points).all(axis=-1)
        if known.any():
            away = found - points
        else:
            low, high = box[:2] - box[2:], box[:2] + 2 * box[2:]
            away = np.maximum(0, low - found) + np.maximum(0, found - high)
            known[:] = True
        errors = (away**2).sum(axis=-1) / spread / (area + np.spacing(1)) / 2
        similarity[:, number] = np.exp(-errors[:, known]).sum(axis=1) / known.sum()
    return similarity


@dataclass(frozen=True, eq=False)
class Comparison:
    """The found and labelled people of one image.

    Args:
        similarity: (n, m) OKS. The found people are in descending order of their scores, at most
            20, since COCO counts no more per image.
        scores: (n,) scores of the found people.
        found_areas: (n,) areas of the found people in square pixels.
        areas: (m,) areas of the labelled people in square pixels.
        ignored: (m,) bool: True for crowds and people without labelled keypoints, which need not be
            found.
        crowds: (m,) bool: True for crowds, which several found people may match.
    """

    similarity: FloatArray
    scores: FloatArray
    found_areas: FloatArray
    areas: FloatArray
    ignored: BoolArray
    crowds: BoolArray


@dataclass(frozen=True)
class OksReport:
    """Average precision (AP) and average recall (AR) as reported by COCO; NaN without labels.

    Args:
        ap: Mean precision over OKS thresholds from 0.5 to 0.95 and 101 recall levels.
        ap50: Mean precision at the threshold 0.5 only.
        ap75: Mean precision at the threshold 0.75 only.
        ap_medium: `ap` of people of 32^2 to 96^2 square pixels.
        ap_large: `ap` of people of 96^2 square pixels or more.
        ar: Mean of the maximum recall over the thresholds.
        ar50: Maximum recall at the threshold 0.5.
        ar75: Maximum recall at the threshold 0.75.
        ar_medium: `ar` of people of 32^2 to 96^2 square pixels.
        ar_large: `ar` of people of 96^2 square pixels or more.
    """

    ap: float
    ap50: float
    ap75: float
    ap_medium: float
    ap_large: float
    ar: float
    ar50: float
    ar75: float
    ar_medium: float
    ar_large: float

    def to_dict(self) -> dict[str, float | None]:
        """Return the values by name; None where there are no labels."""
        return {name: None if np.isnan(value) else value for name, value in vars(self).items()}

    def __str__(self) -> str:
        """Return one line per value."""
        return "\n".join(f"{name:<10}{value:>7.3f}" for name, value in vars(self).items())


def average_precision(comparisons: Sequence[Comparison]) -> OksReport:
    """Compute average precision and recall over images.

    Args:
        comparisons: One comparison per image, in the order of the images' ids as in pycocotools.
            The order decides between equal scores.

    Example:
        >>> one, no = np.ones(1), np.zeros(1, bool)
        >>> seen = Comparison(np.array([[0.77]]), one, 1e4 * one, 1e4 * one, no, no)
        >>> report = average_precision([seen])
        >>> round(report.ap, 3), round(report.ap75, 3), report.ap_medium
        (0.6, 1.0, nan)
    """
    figures: dict[str, float] = {}
    for name, (low, high) in _AREAS.items():
        precision, recall = _curves(comparisons, low, high)
        figures |= {f"ap{name}": float(precision.mean()), f"ar{name}": float(recall.mean())}
        if not name:
            figures |= {"ap50": float(precision[0].mean()), "ap75": float(precision[5].mean())}
            figures |= {"ar50": float(recall[0]), "ar75": float(recall[5])}
    return OksReport(**figures)


def _curves(
    comparisons: Sequence[Comparison], low: float, high: float
) -> tuple[FloatArray, FloatArray]:
    """Return precision (T, 101) and recall (T,) of people in a range of areas; NaN without any."""
    count, hits, misses = 0, [], []
    for each in comparisons:
        outside = each.ignored | (each.areas < low) | (each.areas > high)
        matches = _match(each.similarity, outside, each.crowds)
        off = (each.found_areas < low) | (each.found_areas > high)
        counted = ~np.append(outside, False)[matches]
        hits.append((matches >= 0) & counted)
        misses.append((matches < 0) & ~off)
        count += int((~outside).sum())
    steps = len(_THRESHOLDS)
    if not count:
        return np.full((steps, len(_RECALLS)), np.nan), np.full(steps, np.nan)
    order = np.argsort(-np.concatenate([each.scores for each in comparisons]), kind="stable")
    right = np.cumsum(np.concatenate(hits, axis=1)[:, order], axis=1)
    wrong = np.cumsum(np.concatenate(misses, axis=1)[:, order], axis=1)
    recall = right / count
    precision = right / (right + wrong + np.spacing(1))
    best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    best = np.column_stack([best, np.zeros(steps)])  # beyond the greatest recall
    curves = [
        values[np.searchsorted(at, _RECALLS)] for values, at in zip(best, recall, strict=True)
    ]
    return np.array(curves), recall[:, -1] if recall.size else np.zeros(steps)


def _match(similarity: FloatArray, ignored: BoolArray, crowds: BoolArray) -> IntArray:
    """Match found people to labelled ones at each threshold: (T, n) indices, -1 without a match.

    Found people are matched in the order of their scores, first with people who are not ignored,
    then with ignored ones. A crowd may be matched repeatedly. Of equally similar people the last is
    matched, as in pycocotools.
    """
    found, labelled = similarity.shape
    matches = np.full((len(_THRESHOLDS), found), -1)
    if not labelled:
        return matches
    free = np.ones((len(_THRESHOLDS), labelled), bool)
    least = np.minimum(_THRESHOLDS, 1 - 1e-10)[:, None]
    for number, row in enumerate(similarity):
        for group in (~ignored, ignored):
            values = np.where(free & group & (row >= least), row, -1)
            best = labelled - 1 - np.argmax(values[:, ::-1], axis=1)
            chosen = (matches[:, number] < 0) & (values.max(axis=1) >= 0)
            matches[chosen, number] = best[chosen]
            free[chosen, best[chosen]] = crowds[best[chosen]]
    return matches
