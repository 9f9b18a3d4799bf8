"""Targets of hand_finder from keypoints, and its loss.

A hand's target consists of the square around its palm (wrist, knuckles and two joints of the
thumb), its keypoints, and the centre and the longer side of the whole hand, rotated upright. As in
the palm detector from which the finder starts, each kind of anchor is responsible for a range of
palm sizes, and an anchor is positive if it lies near the palm's centre. Anchors that are slightly
farther away, belong to slightly smaller or larger palms, or lie in doubtful boxes, are ignored.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from openpose_keras.core.arrays import FloatArray
from openpose_keras.core.boxes import keypoint_extent
from openpose_keras.core.skeletons import HAND
from openpose_keras.estimators.palms import palm_anchors
from openpose_keras.estimators.views import upright_angle
from openpose_keras.networks.mediapipe import PALM_ANCHORS, PALM_VALUES

if TYPE_CHECKING:
    import keras

_NAMES = ("wrist", "index_mcp", "middle_mcp", "ring_mcp", "little_mcp", "thumb_cmc", "thumb_mcp")
PALM_KEYPOINTS = [HAND.index(name) for name in _NAMES]
MOST_HANDS, MOST_BOXES = 12, 24  # of a sample; further ones are left out
_LEAST_INSIDE = 5  # of the seven keypoints of a palm that is found
LEAST_PALM = 5.0  # pixels: the finder need not see smaller ones

# Palms in pixels that each kind of anchor answers for, those of stride 8 first. Measured on the
# anchors of the palm detector with a score above 0.5.
_RANGES = [(0, 30), (29, 52), (42, 64), (54, 80), (66, 96), (76, 110), (88, 130), (100, np.inf)]
_REACH, _LEAST_REACH = 0.27, 5.0  # from a palm's centre along x or y: in palms, and in pixels
_NEAR = 0.6  # palms: no wrong answer within this distance
_NEAR_SIZE = 1.6  # how far a palm may be out of a kind's range there
_SHARE = 4.0  # anchors of a hand that count in full; of more, all count less
_HARD = 3.0  # weight of anchors on what looks like a hand
_FAR = -1e4  # pixels: where hands and boxes lie that are missing


def palm_values(xy: np.ndarray) -> FloatArray:
    """Return the target (9, 2) of a hand, in pixels of its image.

    Args:
        xy: (21, 2) keypoints, without missing ones.

    Returns:
        The palm's centre; its side and that of the whole hand, upright; wrist, four knuckles, the
        thumb's first joint; the centre of the hand.

    Example:
        >>> xy = np.zeros((21, 2))
        >>> xy[5:21:4], xy[[8, 12, 16, 20]] = (0.0, -50.0), (0.0, -100.0)
        >>> palm_values(xy)[[0, 1, 8]].round(6).tolist()
        [[0.0, -25.0], [50.0, 100.0], [0.0, -50.0]]
    """
    centre, size = keypoint_extent(xy[PALM_KEYPOINTS])
    angle = upright_angle(xy)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle, length = keypoint_extent(xy @ rotation.T)
    sides = (size.max(), length.max())
    return np.vstack([centre, sides, xy[PALM_KEYPOINTS[:-1]], middle @ rotation])


def cut_off(
    hands: Sequence[np.ndarray], shape: tuple[int, int]
) -> tuple[list[np.ndarray], np.ndarray]:
    """Separate target hands from those that are cut off or too small.

    Args:
        hands: (21, 2) keypoints of each.
        shape: Width and height of the image.

    Returns:
        The hands whose palm lies in the image, and the boxes (n, 4) of other hands partly in the
        image.
    """
    limit = np.array(shape) - 0.5
    kept, doubtful = [], []
    for xy in hands:
        middle, extent = keypoint_extent(xy)
        if not (np.all(middle + extent / 2 > 0) and np.all(middle - extent / 2 < limit)):
            continue
        palm = xy[PALM_KEYPOINTS]
        inside = ((palm >= -0.5) & (palm <= limit)).all(axis=1)
        if inside.sum() >= _LEAST_INSIDE and np.ptp(palm, axis=0).max() >= LEAST_PALM:
            kept.append(xy)
        else:
            doubtful.append(np.concatenate([middle - extent / 2, extent]))
    return kept, np.reshape(doubtful, (-1, 4))


def pack_targets(hands: Sequence[np.ndarray], boxes: np.ndarray, *, size: int) -> FloatArray:
    """Pack the ground truth of a sample for the loss.

    Args:
        hands: (21, 2) keypoints of each hand, in pixels of the sample.
        boxes: (n, 5) x, y, width, height, and 1 for a doubtful box or 2 for an object that looks
            like a hand.
        size: Side of the sample.

    Returns:
        (MOST_HANDS + MOST_BOXES, 18) float32: rows of `palm_values`, then boxes (x, y of two
        corners, and the number). Unused rows of both are far away.
    """
    hands, doubtful = cut_off(hands, (size, size))
    truth = np.full((MOST_HANDS + MOST_BOXES, PALM_VALUES), _FAR, np.float32)
    truth[:MOST_HANDS, 2:4] = 1.0
    for row, xy in enumerate(hands[:MOST_HANDS]):
        truth[row] = palm_values(xy).ravel()
    every = np.concatenate([boxes, np.column_stack([doubtful, np.ones(len(doubtful))])])
    every = every[:MOST_BOXES]
    rows = truth[MOST_HANDS : MOST_HANDS + len(every)]
    rows[:, :2], rows[:, 2:4], rows[:, 4] = every[:, :2], every[:, :2] + every[:, 2:4], every[:, 4]
    return truth


def _anchor_table(size: int) -> tuple[FloatArray, FloatArray]:
    """Return the anchors (a, 2) of a square input, and the range of palm sizes (a, 2) of each."""
    ranges, first = [], 0
    for stride, count in PALM_ANCHORS.items():
        kinds = np.array(_RANGES[first : first + count], np.float32)
        ranges.append(np.tile(kinds, ((size // stride) ** 2, 1)))
        first += count
    return palm_anchors(size, size).astype(np.float32), np.concatenate(ranges)


Loss = Callable[["keras.KerasTensor", "keras.KerasTensor"], "keras.KerasTensor"]


def finder_loss(size: int) -> Loss:
    """Return the loss function of hand_finder for a square input.

    Args:
        size: Side of the input in pixels.

    Returns:
        A function of the truth (n, MOST_HANDS + MOST_BOXES, 18), see `pack_targets`, and of the
        network's output (n, a, 19), the 18 values of each anchor and its logit. It returns the loss
        (n,) of each sample.
    """
    from keras import ops

    table = _anchor_table(size)
    moving = np.ones((9, 1), np.float32)
    moving[1] = 0.0  # sizes do not count from the anchor

    def loss(truth: "keras.KerasTensor", answer: "keras.KerasTensor") -> "keras.KerasTensor":
        """Add the focal loss of the scores to the smooth L1 loss of the values."""
        anchors, ranges = (ops.convert_to_tensor(each) for each in table)
        weight, owner, negative = _assign(truth, anchors, ranges)
        hands = truth[:, :MOST_HANDS]
        target = ops.einsum("nha,nhv->nav", owner, hands)
        palm = ops.maximum(target[..., 2:3], 1.0)
        offsets = ops.reshape(anchors[:, None] * ops.convert_to_tensor(moving), (-1, PALM_VALUES))
        values = answer[..., :PALM_VALUES] + offsets
        error = ops.abs(values - target) / palm
        smooth = ops.where(error < 0.1, 5.0 * ops.square(error), error - 0.05)
        fit = ops.sum(weight * ops.mean(smooth, axis=-1), axis=-1)
        score = ops.sum(_focal(answer[..., PALM_VALUES], weight, negative), axis=-1)
        # The mean over the batch of hands, so that a sample of many hands counts for more.
        hands_of_batch = ops.maximum(ops.mean(ops.sum(weight, axis=-1)), 0.5)
        return (score + 2.0 * fit) / hands_of_batch

    return loss


def _focal(
    logit: "keras.KerasTensor", weight: "keras.KerasTensor", negative: "keras.KerasTensor"
) -> "keras.KerasTensor":
    """Return the focal loss (n, a) with the weights of positive and negative anchors."""
    from keras import ops

    probability = ops.sigmoid(logit)
    missed = weight * ops.square(1 - probability) * ops.softplus(-logit)
    return missed + 0.5 * negative * ops.square(probability) * ops.softplus(logit)


def _assign(
    truth: "keras.KerasTensor", anchors: "keras.KerasTensor", ranges: "keras.KerasTensor"
) -> tuple["keras.KerasTensor", "keras.KerasTensor", "keras.KerasTensor"]:
    """Assign targets to anchors.

    Returns:
        Weights (n, a) of positive anchors; their hand (n, hands, a), one or none per anchor; and
        weights (n, a) of negative anchors.
    """
    from keras import ops

    centre = truth[:, :MOST_HANDS, None, :2]
    palm = truth[:, :MOST_HANDS, None, 2]
    away = ops.max(ops.abs(centre - anchors), axis=-1)
    low, high = ranges[:, 0], ranges[:, 1]
    fits = ops.logical_and(palm >= low, palm <= high)
    reach = ops.maximum(_REACH * palm, _LEAST_REACH)
    answers = ops.logical_and(fits, away <= reach)
    relative = ops.where(answers, away / palm, 1e6)
    nearest = ops.logical_and(answers, relative <= ops.min(relative, axis=1, keepdims=True))
    owner = ops.cast(nearest, "float32")
    owner = owner / ops.maximum(ops.sum(owner, axis=1, keepdims=True), 1.0)
    of_hand = ops.sum(owner, axis=-1, keepdims=True)
    weight = ops.sum(owner * ops.minimum(1.0, _SHARE / ops.maximum(of_hand, 1.0)), axis=1)
    almost = ops.logical_and(palm >= low / _NEAR_SIZE, palm <= high * _NEAR_SIZE)
    near = ops.logical_and(almost, away <= _NEAR * palm + _LEAST_REACH)
    boxes = truth[:, MOST_HANDS:, None]
    inside = ops.logical_and(
        ops.all(anchors >= boxes[..., :2], axis=-1), ops.all(anchors <= boxes[..., 2:4], axis=-1)
    )
    doubtful = ops.any(ops.logical_and(inside, boxes[..., 4] == 1), axis=1)
    hard = ops.any(ops.logical_and(inside, boxes[..., 4] == 2), axis=1)
    free = ops.logical_or(ops.any(near, axis=1), doubtful)
    negative = ops.where(free, 0.0, ops.where(hard, _HARD, 1.0))
    return weight, owner, ops.where(weight > 0, 0.0, negative)
