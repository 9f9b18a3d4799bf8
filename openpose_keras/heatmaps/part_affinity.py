"""Limbs: pairs of candidates that a part affinity field joins.

A part affinity field holds, at each pixel of a limb, the unit vector along it. The score of a pair
of candidates measures how well the field between them agrees with the direction from one to the
other (src/openpose/net/bodyPartConnectorBase.cpp of OpenPose, getScoreAB).
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from openpose_keras.core._opencv import cv2
from openpose_keras.core.arrays import FloatArray, IntArray, check_maps, group_slices
from openpose_keras.core.skeletons import Skeleton

_LEAST_SAMPLES, _MOST_SAMPLES = 5, 25
_NEAR = 150  # a limb is short if its length is below the square root of the maps' area over this
_EPSILON = 1e-6
_FEW_LINES = 150  # up to this number, it is faster to sample all lines fully than to preselect
_KERNEL = 2  # cells that a cubic kernel reaches to either side
_LONGEST = 32766  # pixels along a side that `cv2.remap` can produce

_Reader = Callable[[IntArray, IntArray, IntArray], tuple[FloatArray, FloatArray]]


class Limbs(NamedTuple):
    """The pairs of candidates of one limb that may be joined.

    Args:
        pairs: (n, 2) indices into the candidates of the limb's first and second keypoint.
        scores: (n,) float32, all above 0.
    """

    pairs: IntArray
    scores: FloatArray


def limb_scores(
    fields: ArrayLike,
    candidates: Sequence[FloatArray],
    skeleton: Skeleton,
    *,
    threshold: float = 0.05,
    fraction: float = 0.95,
    short_score: float = 0.05,
    stride: int = 1,
) -> list[Limbs]:
    """Return the scores of all pairs of candidates that the limbs of a skeleton may join.

    The field is sampled at 5 to 25 positions between the two, including the first. A pair is
    accepted if enough samples agree with its direction; its score is their mean.

    Args:
        fields: (h, w, 2 L) part affinity fields, in the network's order.
        candidates: For each keypoint (n, 3) x, y, score.
        skeleton: Defines the limbs and the channels of their fields.
        threshold: A sample agrees if the dot product of the field and the limb's direction is above
            it.
        fraction: More than this fraction of the samples must agree.
        short_score: Score of a pair that is not accepted, but whose two candidates nearly touch.
        stride: Pixels of the candidates' frame per cell of the fields. With 1, the fields have been
            upsampled to that frame. Otherwise they are upsampled, also cubically, only where they
            are sampled.

    Returns:
        The pairs of each limb.

    Raises:
        ValueError: There are not two fields per limb, or not one list of candidates per keypoint.

    Example:
        >>> from openpose_keras.core.skeletons import Skeleton
        >>> names, colors = ("elbow", "wrist"), ((255, 0, 0), (0, 255, 0))
        >>> arm = Skeleton("arm", names, (names,), colors, limbs=(names,), fields=(0,))
        >>> fields = np.dstack([np.ones((20, 40)), np.zeros((20, 40))])
        >>> peaks = [np.array([[5, 10, 0.9]]), np.array([[30, 10, 0.8], [2, 10, 0.7]])]
        >>> limb_scores(fields, peaks, arm)[0].pairs.tolist()
        [[0, 0]]
    """
    maps = check_maps(fields).astype(np.float32, copy=False)
    if maps.shape[2] != 2 * len(skeleton.limbs) or len(candidates) != len(skeleton):
        raise ValueError(
            f"expected {2 * len(skeleton.limbs)} fields and candidates of {len(skeleton)} "
            f"keypoints for {skeleton.name}, got {maps.shape[2]} and {len(candidates)}"
        )
    numbers, pairs, lines = _all_pairs(candidates, skeleton)
    short = stride * math.sqrt(maps.shape[0] * maps.shape[1]) / _NEAR
    is_short = (lines.lengths < short) & (lines.lengths > _EPSILON)
    scores = np.where(is_short, np.float32(short_score), np.float32(0))
    accepted, means = _accept(maps, stride, lines, np.float32(threshold), np.float32(fraction))
    scores[accepted] = means
    likely = np.flatnonzero(scores > _EPSILON)
    kept, scores = np.stack([each[likely] for each in pairs], axis=1), scores[likely]
    limbs = group_slices(numbers[likely], len(skeleton.limbs))
    return [Limbs(kept[each], scores[each]) for each in limbs]


class _Lines(NamedTuple):
    """Lines between candidates, (n,) each: start, step, direction, length, samples, field."""

    x: np.ndarray
    y: np.ndarray
    step_x: np.ndarray
    step_y: np.ndarray
    across: np.ndarray
    down: np.ndarray
    lengths: np.ndarray
    counts: np.ndarray
    channels: np.ndarray

    @classmethod
    def between(
        cls, x: FloatArray, y: FloatArray, dx: FloatArray, dy: FloatArray, channels: IntArray
    ) -> "_Lines":
        """Return the lines from points x, y to x + dx, y + dy."""
        lengths = np.sqrt(dx * dx + dy * dy)
        counts = np.sqrt(5 * np.maximum(np.abs(dx), np.abs(dy))) + np.float32(0.5)
        counts = counts.clip(_LEAST_SAMPLES, _MOST_SAMPLES).astype(np.int32)
        parts, whole = counts.astype(np.float32), np.maximum(lengths, np.float32(_EPSILON))
        return cls(x, y, dx / parts, dy / parts, dx / whole, dy / whole, lengths, counts, channels)

    def pick(self, chosen: IntArray) -> "_Lines":
        """Return some of the lines."""
        return _Lines(*(each[chosen] for each in self))


def _all_pairs(
    candidates: Sequence[FloatArray], skeleton: Skeleton
) -> tuple[IntArray, tuple[IntArray, IntArray], _Lines]:
    """Return all pairs of candidates that a limb may join, limb by limb.

    Returns:
        (n,) numbers of the limbs, the indices (n,) of both candidates, and the lines between them.
    """
    points = [np.asarray(peaks, np.float32).reshape(-1, 3)[:, :2] for peaks in candidates]
    limbs = np.array(skeleton.limb_indices)
    lengths = np.array([len(each) for each in points])
    counts = lengths[limbs].prod(axis=1)
    numbers = np.repeat(np.arange(len(limbs)), counts)
    each = np.arange(len(numbers)) - np.repeat(counts.cumsum() - counts, counts)
    first, second = np.divmod(each, np.repeat(lengths[limbs[:, 1]], counts))
    before = (lengths.cumsum() - lengths)[limbs]
    start, end = (
        np.repeat(before[:, side], counts) + index for side, index in enumerate((first, second))
    )
    x, y = np.concatenate(points).T
    channels = np.repeat(skeleton.fields, counts)
    lines = _Lines.between(x[start], y[start], x[end] - x[start], y[end] - y[start], channels)
    return numbers, (first, second), lines


def _accept(
    maps: FloatArray, stride: int, lines: _Lines, threshold: np.float32, fraction: np.float32
) -> tuple[IntArray, FloatArray]:
    """Return the indices (m,) of lines on which enough samples agree, and their scores (m,)."""
    size = stride * maps.shape[0], stride * maps.shape[1]
    read = _read_pixels(maps) if stride == 1 else _read_cells(maps, stride)

    def sample(lines: _Lines, numbers: IntArray) -> FloatArray:
        """Return the field along lines at steps (k, n) or (k, 1): (k, n) float32."""
        steps = numbers.astype(np.float32)
        x = (lines.x + steps * lines.step_x + np.float32(0.5)).astype(np.int32)
        y = (lines.y + steps * lines.step_y + np.float32(0.5)).astype(np.int32)
        vectors = read(x.clip(0, size[1] - 1), y.clip(0, size[0] - 1), lines.channels)
        return lines.across * vectors[0] + lines.down * vectors[1]

    # Most of many lines miss the field at one of a few samples; only the others are sampled fully.
    hopeful, misses = np.arange(len(lines.x)), np.zeros(len(lines.x), np.float32)
    for eighths in ((2, 6), (1, 4, 7)) if len(hopeful) > _FEW_LINES else ():
        few = np.stack([lines.counts * each // 8 for each in eighths])
        misses += (sample(lines, few) <= threshold).sum(axis=0, dtype=np.float32)
        most = lines.counts.astype(np.float32)
        chosen = np.flatnonzero((most - misses) / most > fraction)
        hopeful, misses, lines = hopeful[chosen], misses[chosen], lines.pick(chosen)
    numbers = np.arange(_MOST_SAMPLES)[:, None]
    values = sample(lines, numbers)
    agrees = (values > threshold) & (numbers < lines.counts)
    total = np.where(agrees, values, np.float32(0)).cumsum(axis=0, dtype=np.float32)[-1]
    good = agrees.sum(axis=0, dtype=np.float32)
    accepted = good / lines.counts.astype(np.float32) > fraction
    return hopeful[accepted], total[accepted] / good[accepted]


def _read_pixels(maps: FloatArray) -> _Reader:
    """Return a function that reads the two fields (h, w, 2 L) of limbs at pixels x, y (k, n)."""
    return lambda x, y, channels: (maps[y, x, channels], maps[y, x, channels + 1])


def _read_cells(maps: FloatArray, stride: int) -> _Reader:
    """Return a function that reads fields at pixels as if they were upsampled cubically.

    The fields of all limbs are stacked vertically, each padded with its edge as far as the kernel
    reaches, so that one call of OpenCV samples them all. It rounds positions to 1/32 of a cell,
    which is exact for strides of 2, 4, 8 and 16.
    """
    height, width, count = maps.shape
    stack = np.empty((count // 2, height + 2 * _KERNEL, width, 2), np.float32)
    inner = stack.reshape(len(stack), -1, 2)[:, _KERNEL * width : -_KERNEL * width]
    cv2.transpose(maps.reshape(height * width, -1, 2), inner)
    stack[:, :_KERNEL] = stack[:, _KERNEL : _KERNEL + 1]
    stack[:, -_KERNEL:] = stack[:, -_KERNEL - 1 : -_KERNEL]
    image = stack.reshape(-1, width, 2)
    middle, factor = np.float32(0.5), np.float32(1 / stride)

    def read(x: IntArray, y: IntArray, channels: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return the two fields of limbs (n,) at pixels (k, n)."""
        tops = (channels // 2 * stack.shape[1] + _KERNEL).astype(np.float32)
        columns = (x.astype(np.float32) + middle) * factor - middle
        rows = (y.astype(np.float32) + middle) * factor - middle + tops
        vectors = np.empty((*x.shape, 2), np.float32)
        for start in range(0, x.shape[1], _LONGEST):
            part = np.s_[:, start : start + _LONGEST]
            vectors[part] = cv2.remap(
                image,
                columns[part],
                rows[part],
                cv2.INTER_CUBIC,
                borderMode=cv2.BORDER_REPLICATE,
            )
        return vectors[..., 0], vectors[..., 1]

    return read
