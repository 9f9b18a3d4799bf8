"""Targets of body networks: heatmaps and part affinity fields, and their weights in the loss.

The rules are those of CMU's trainer (oPDataTransformer.cpp of openpose_train: putGaussianMaps,
putVecMaps) and of the Keras port (training/label_maps.py of
keras_Realtime_Multi-Person_Pose_Estimation), which agree. Heatmaps and fields are aligned
differently with the input: the centre of cell g of a heatmap is input pixel stride * g + (stride -
1) / 2, whereas cell g of a field is at input pixel stride * g. OpenPose's weights were trained in
this way.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from openpose_keras.core._opencv import cv2
from openpose_keras.core.arrays import FloatArray, IntArray
from openpose_keras.core.boxes import keypoint_extent
from openpose_keras.core.skeletons import Skeleton
from openpose_keras.geometry.axis_aligned import Size, check_size
from openpose_keras.training.bodies.data import BodySample

SIGMA = 7.0  # input pixels
WIDTH = 1.0  # cells on either side of a limb
_LARGEST_EXPONENT = 4.6052  # ln 100: a Gaussian ends where it falls below 0.01
_BACKGROUND = 0.85  # where it is lower, a keypoint is labelled near by
_MARGIN = 0.3  # of a person's sides


def body_targets(
    people: ArrayLike, skeleton: Skeleton, size: Size, *, stride: int = 8
) -> tuple[FloatArray, FloatArray]:
    """Return the target heatmaps and part affinity fields of a network.

    Args:
        people: (n, K, 2) keypoints in input pixels; NaN where there is no label. They may lie
            outside the input.
        skeleton: The names of keypoints and limbs.
        size: (height, width) of the input in pixels.
        stride: Input pixels per cell.

    Returns:
        The results of `body_heatmaps` and `affinity_fields`.

    Raises:
        ValueError: The people are not (n, K, 2).

    Example:
        >>> from openpose_keras.core.skeletons import BODY_25
        >>> heatmaps, fields = body_targets(np.zeros((3, 25, 2)), BODY_25, (368, 656))
        >>> heatmaps.shape, fields.shape
        ((46, 82, 26), (46, 82, 52))
    """
    heatmaps = body_heatmaps(people, skeleton, size, stride=stride)
    return heatmaps, affinity_fields(people, skeleton, size, stride=stride)


def body_heatmaps(
    people: ArrayLike, skeleton: Skeleton, size: Size, *, stride: int = 8, sigma: float = SIGMA
) -> FloatArray:
    """Return a sum of Gaussians for each keypoint, at most 1, and the background.

    A Gaussian is truncated where its exponent exceeds 4.6052. The background is 1 minus the maximum
    of the other maps.

    Args:
        people: As for `body_targets`.
        skeleton: The names of the keypoints.
        size: (height, width) of the input in pixels.
        stride: Input pixels per cell.
        sigma: Standard deviation in input pixels.

    Returns:
        (h, w, K + 1) float32, where h and w are the sides of the input divided by the stride,
        rounded up.

    Raises:
        ValueError: The people are not (n, K, 2).
    """
    points = _check_people(people, skeleton)
    rows, columns = _cells(size, stride)
    persons, keypoints = np.nonzero(np.isfinite(points).all(axis=2))
    places = (points[persons, keypoints] - (stride - 1) / 2) / stride
    reach = math.sqrt(2 * _LARGEST_EXPONENT) * sigma / stride
    first = np.ceil(places - reach).clip(-2 * reach - 2, (columns, rows)).astype(int)
    x, y = (first[:, axis, None] + np.arange(int(2 * reach) + 1) for axis in (0, 1))
    exponents = np.square((x - places[:, :1]) * (stride / sigma))[:, None, :] / 2
    exponents = exponents + np.square((y - places[:, 1:]) * (stride / sigma))[:, :, None] / 2
    y, x, keypoints = np.broadcast_arrays(y[:, :, None], x[:, None, :], keypoints[:, None, None])
    shown = (exponents <= _LARGEST_EXPONENT) & (x >= 0) & (y >= 0) & (x < columns) & (y < rows)
    maps = np.zeros((rows, columns, len(skeleton) + 1))
    np.add.at(maps, (y[shown], x[shown], keypoints[shown]), np.exp(-exponents[shown]))
    maps = maps.clip(max=1)
    maps[..., -1] = 1 - maps.max(axis=2)
    return maps.astype(np.float32)


def affinity_fields(
    people: ArrayLike, skeleton: Skeleton, size: Size, *, stride: int = 8, width: float = WIDTH
) -> FloatArray:
    """Return the unit vector along each limb in the cells near it, 0 elsewhere.

    A cell is near a limb if it is at most `width` cells from the line through the two keypoints,
    and inside their bounding box enlarged by `width`, with edges rounded to whole cells and the
    right and lower edges excluded. Where limbs of several people overlap, the mean is taken.

    Args:
        people: As for `body_targets`.
        skeleton: The names of the limbs and the channels of their fields.
        size: (height, width) of the input in pixels.
        stride: Input pixels per cell.
        width: Maximum distance in cells; 1 in CMU's trainer.

    Returns:
        (h, w, 2 L) float32, where h and w are the sides of the input divided by the stride, rounded
        up.

    Raises:
        ValueError: The people are not (n, K, 2).
    """
    places = _check_people(people, skeleton) / stride
    shape = _cells(size, stride)
    ends = np.array(skeleton.limb_indices, int).reshape(-1, 2)
    starts, ends = places[:, ends[:, 0]].reshape(-1, 2), places[:, ends[:, 1]].reshape(-1, 2)
    fields = np.tile(np.array(skeleton.fields, int) // 2, len(places))
    lengths = np.hypot(*(ends - starts).T)
    known = np.flatnonzero(lengths >= 1e-8)  # which NaN is not
    starts, ends, fields = starts[known], ends[known], fields[known]
    along = (ends - starts) / lengths[known, None]
    limb, x, y = _windows(np.minimum(starts, ends) - width, np.maximum(starts, ends) + width, shape)
    away_x, away_y = x - starts[limb, 0], y - starts[limb, 1]
    near = np.abs(away_x * along[limb, 1] - away_y * along[limb, 0]) <= width
    limb, x, y = limb[near], x[near], y[near]
    channels = len(skeleton.limbs)
    cells = (y * shape[1] + x) * channels + fields[limb]
    total = shape[0] * shape[1] * channels
    counts = np.bincount(cells, minlength=total).clip(min=1)
    sums = [np.bincount(cells, along[limb, axis], minlength=total) for axis in (0, 1)]
    means = np.stack(sums, axis=1) / counts[:, None]
    return np.asarray(means.reshape(*shape, 2 * channels), np.float32)


def target_weights(
    sample: BodySample,
    targets: tuple[FloatArray, FloatArray],
    skeleton: Skeleton,
    *,
    stride: int = 8,
) -> tuple[FloatArray, FloatArray]:
    """Return the weight of each cell of the targets in the loss, between 0 and 1.

    The weights are those of `cell_weights`, modified by these rules of CMU's trainer
    (`maskPersonIfVisibleIsX`, `putGaussianMaps` and the code around them, in
    `oPDataTransformer.cpp` of openpose_caffe_train):

    - The heatmap of a keypoint that the labels do not contain, and the fields of its limbs, have
      the weight 0 everywhere: photos without labels of feet do not teach that there are no feet.
      The background counts if the labels contain any keypoint.
    - If the labels leave a keypoint of a person undetermined, its heatmap and fields, and the
      background, have the weight 0 in a box around the person. This is the extent of the labelled
      keypoints, at least half as wide as high and the reverse, enlarged by 0.3 of its sides at each
      edge.
    - Labelled cells have the full weight: the Gaussians in the heatmap of their keypoint, the limbs
      in their fields, and the background where it is below 0.85.

    Args:
        sample: The labels, in pixels of the network's input.
        targets: Heatmaps and fields of its people, from `body_targets`.
        skeleton: The names of keypoints and limbs.
        stride: Input pixels per cell.

    Returns:
        (h, w, K + 1) and (h, w, 2 L) float32, like the targets.
    """
    heatmaps, fields = targets
    cells = cell_weights(sample.unlabelled, stride)[..., None]
    known = np.ones(len(skeleton), bool) if sample.known is None else sample.known
    known = np.append(known, known.any())
    keypoints = cells * known.astype(np.float32)
    everyone = np.zeros(sample.people.shape[:2], bool) if sample.unsure is None else sample.unsure
    for xy, unsure in zip(sample.people, everyone, strict=True):
        if unsure.any() and np.isfinite(xy).any():
            box = _about(xy / stride, heatmaps.shape[:2])
            keypoints[box][..., np.append(unsure, True)] = 0
    limbs = np.zeros(fields.shape, np.float32)
    for (start, end), channel in zip(skeleton.limb_indices, skeleton.fields, strict=True):
        drawn = fields[..., channel : channel + 2].any(axis=-1)
        weights = np.minimum(keypoints[..., start], keypoints[..., end])
        limbs[..., channel : channel + 2] = np.where(drawn, 1, weights)[..., None]
    labelled = heatmaps > 0
    labelled[..., -1] = heatmaps[..., -1] < _BACKGROUND
    return np.where(labelled, np.float32(1), keypoints), limbs


def _about(xy: FloatArray, shape: Size) -> tuple[slice, slice]:
    """Return the rows and columns of the box around a person (K, 2) in cells (`getObjROI`)."""
    middle, size = keypoint_extent(xy)
    size = np.maximum(size, size[::-1] / 2)
    first = np.floor(middle - (0.5 + _MARGIN) * size + 0.5)
    last = first + np.floor((1 + 2 * _MARGIN) * size + 0.5)
    (left, top), (right, bottom) = (
        edge.clip(0, shape[::-1]).astype(int).tolist() for edge in (first, last)
    )
    return slice(top, bottom), slice(left, right)


def cell_weights(unlabelled: np.ndarray, stride: int = 8) -> FloatArray:
    """Return the weight of each cell in the loss, which is 0 where people have no labels.

    Args:
        unlabelled: (height, width) bool, True at the input pixels of people without labels.
        stride: Input pixels per cell.

    Returns:
        (h, w) float32, the fraction of the cell's pixels that are not marked.

    Example:
        >>> cell_weights(np.array([[True, True, False, False]]), stride=2).tolist()
        [[0.0, 1.0]]
    """
    rows, columns = _cells(unlabelled.shape, stride)
    low, right = (count * stride for count in (rows, columns))
    padding = ((0, low - unlabelled.shape[0]), (0, right - unlabelled.shape[1]))
    counted = np.pad(~unlabelled, padding, mode="edge").astype(np.float32)
    weights = cv2.resize(counted, (columns, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(weights, np.float32).reshape(rows, columns)


def _check_people(people: ArrayLike, skeleton: Skeleton) -> FloatArray:
    """Return people as float64, (n, K, 2); an empty list is allowed."""
    points = np.asarray(people, np.float64)
    points = points.reshape(0, len(skeleton), 2) if not points.size else points
    if points.ndim != 3 or points.shape[1:] != (len(skeleton), 2):
        raise ValueError(
            f"expected people (n, {len(skeleton)}, 2) of {skeleton.name}, got shape "
            f"{points.shape}: pass x and y of every keypoint, NaN where there is no label"
        )
    return points


def _cells(size: Size, stride: int) -> Size:
    """Return the numbers of rows and columns of the maps for an input size."""
    height, width = check_size(size, "size")
    return -(-height // stride), -(-width // stride)


def _windows(low: FloatArray, high: FloatArray, shape: Size) -> tuple[IntArray, IntArray, IntArray]:
    """Return, for every cell in boxes (n, 2), the number of its box, its x and its y."""
    limit = np.array(shape[::-1])
    first, last = (np.floor(edge + 0.5).clip(0, limit).astype(int) for edge in (low, high))
    sides = last - first
    counts = sides.prod(axis=1)
    box = np.repeat(np.arange(len(counts)), counts)
    number = np.arange(len(box)) - np.repeat(counts.cumsum() - counts, counts)
    x = first[box, 0] + number % sides[box, 0]
    y = first[box, 1] + number // sides[box, 0]
    return box, x, y
