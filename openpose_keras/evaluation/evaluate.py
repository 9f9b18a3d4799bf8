"""Run an estimator on labelled images and report the distances from the labels."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np

from openpose_keras.core.arrays import IntArray
from openpose_keras.core.boxes import BOX_MARGIN, Box, box_cover, box_from_points, square_box
from openpose_keras.core.errors import DataError, OpenPoseKerasError
from openpose_keras.core.keypoints import Hand
from openpose_keras.core.progress import show_progress
from openpose_keras.core.skeletons import HAND
from openpose_keras.evaluation.metrics import (
    AUC_LIMIT,
    THRESHOLDS,
    area_below,
    box_distances,
    epe,
    joint_pck,
    match_boxes,
    pixel_distances,
)
from openpose_keras.evaluation.reports import (
    Calibration,
    Interval,
    JointFigures,
    Report,
    SearchReport,
)
from openpose_keras.io.coco import LabelledHand, LabelledImage
from openpose_keras.io.images import Pixels, read_image

Estimator = Callable[..., Sequence[Hand]]

KEPT = (0.25, 0.5, 0.75)  # fractions of the keypoints whose PCK tells what the scores are worth


def evaluate(
    estimator: Estimator,
    samples: Iterable[LabelledImage],
    *,
    crop_factor: float = BOX_MARGIN,
    thresholds: Sequence[float] = THRESHOLDS,
    use_sides: bool = False,
    progress: bool = True,
) -> Report:
    """Run an estimator on the crops of labelled hands and measure it.

    Args:
        estimator: A `HandEstimator`, or any callable `estimator(image, boxes=boxes, sides=sides)`
            that returns one `Hand` per box, in order.
        samples: Labelled images. Images without hands, and hands without keypoints, are skipped.
            One image is in memory at a time.
        crop_factor: Side of the crop in units of the labelled box's longer side.
        thresholds: Thresholds of PCK, as fractions of the box's longer side.
        use_sides: Whether to pass each hand's side to the estimator, if it is known.
        progress: Whether to show a progress bar on stderr.

    Returns:
        The report.

    Raises:
        DataError: There is no labelled hand.
    """
    found: list[Hand] = []
    labelled: list[LabelledHand] = []
    owners: list[int] = []
    bar = show_progress(samples, unit="image", shown=progress)
    with_keypoints = (
        replace(each, hands=tuple(hand for hand in each.hands if np.isfinite(hand.xy).any()))
        for each in bar
    )
    for number, sample in enumerate(sample for sample in with_keypoints if sample.hands):
        found += _run(estimator, sample, crop_factor, use_sides)
        labelled += sample.hands
        owners += [number] * len(sample.hands)
    if not owners:
        raise DataError("there is no labelled hand to measure on")
    return _report(found, labelled, np.array(owners), thresholds)


def _run(
    estimator: Estimator, sample: LabelledImage, crop_factor: float, use_sides: bool
) -> Sequence[Hand]:
    """Return the estimator's hands for one image's labelled boxes."""
    boxes = [square_box(hand.box, crop_factor) for hand in sample.hands]
    sides = [hand.side for hand in sample.hands] if use_sides else None
    hands = estimator(_image(sample), boxes=boxes, sides=sides)
    if len(hands) != len(boxes):
        raise OpenPoseKerasError(f"expected a hand a box, {len(boxes)}, got {len(hands)}")
    return hands


def _report(
    found: Sequence[Hand],
    hands: Sequence[LabelledHand],
    images: IntArray,
    thresholds: Sequence[float],
) -> Report:
    """Return the report for found and labelled hands; `images` (n,) is each hand's image number."""
    xy, truth = (np.stack([hand.xy for hand in each]) for each in (found, hands))
    boxes = np.array([hand.box for hand in hands])
    scores = np.stack([hand.scores for hand in found])
    pixels, units = pixel_distances(xy, truth), box_distances(xy, truth, boxes)
    labelled, present = ~np.isnan(pixels), np.isfinite(pixels)

    def ratio(values: np.ndarray, counted: np.ndarray) -> Interval:
        """Return the mean of the counted values, with an interval from resampled images."""
        sums = np.bincount(images, np.where(counted, values, 0.0).sum(axis=1))
        return Interval.of_ratio(sums, np.bincount(images, counted.sum(axis=1)))

    order = np.argsort(-scores.ravel(), kind="stable")
    rank = np.empty(scores.shape)
    rank.ravel()[order] = np.arange(order.size) / order.size
    by_joint = joint_pck(xy, truth, boxes, thresholds).T.tolist()
    joints = {
        name: JointFigures(
            pck=dict(zip(thresholds, by_joint[index], strict=True)),
            epe_px=epe(xy[:, [index]], truth[:, [index]]),
        )
        for index, name in enumerate(HAND.keypoints)
    }
    return Report(
        images=int(images.max()) + 1,
        hands=len(found),
        keypoints=int(labelled.sum()),
        missing=int(np.isinf(pixels).sum()),
        pck={threshold: ratio(units < threshold, labelled) for threshold in thresholds},
        auc=ratio(area_below(units, AUC_LIMIT), labelled),
        epe_px=ratio(pixels, present),
        joints=joints,
        sides=_sides(zip(found, hands, images.tolist(), strict=True)),
        kept={
            part: ratio(units < thresholds[min(1, len(thresholds) - 1)], labelled & (rank < part))
            for part in KEPT
        },
        right=_right(zip(found, hands, strict=True)),
    )


def _right(pairs: Iterable[tuple[Hand, LabelledHand]]) -> Calibration:
    """Return the calibration of the probability of a right hand, where the side is labelled."""
    return Calibration.of(
        (hand.right, labelled.side == "right")
        for hand, labelled in pairs
        if hand.right is not None and labelled.side
    )


def _sides(pairs: Iterable[tuple[Hand, LabelledHand, int]]) -> Interval:
    """Return the fraction of known sides that are right; each pair has its image's number."""
    known = [
        (hand.side == labelled.side, image)
        for hand, labelled, image in pairs
        if hand.side and labelled.side
    ]
    agrees, images = np.array(known or [(False, 0)], int).T
    return Interval.of_ratio(np.bincount(images, agrees), np.bincount(images) * bool(known))


def evaluate_search(
    estimator: Estimator,
    samples: Iterable[LabelledImage],
    *,
    iou: float = 0.5,
    large: float = 1 / 12,
    progress: bool = True,
) -> SearchReport:
    """Search whole images with an estimator, and count found, missed and false hands.

    The box of a labelled hand and the smallest box around the keypoints of a found hand are both
    extended to squares with the same centre. They are matched in the order of the scores, the best
    first, if they overlap enough. All visible hands should be labelled: a found hand without a
    label is a false one, unless half of it lies in a crowd's box, or half of that box in it.

    Args:
        estimator: A `HandEstimator`, or any callable `estimator(image)`.
        samples: Labelled images. Those without hands reveal false hands.
        iou: The minimum intersection over union of a match.
        large: The minimum longer side of large hands, whose recall is also reported, as a fraction
            of the image's longer side.
        progress: Whether to show a progress bar on stderr.

    Returns:
        The report.

    Raises:
        DataError: There is no image.
    """
    counts: list[tuple[int, ...]] = []
    found: list[tuple[Hand, LabelledHand, int]] = []
    judged: list[tuple[float, bool]] = []
    for sample in show_progress(samples, unit="image", shown=progress):
        image = _image(sample)
        least = large * max(image.shape[:2])
        hands = [hand for hand in estimator(image) if hand.found.any()]
        hands.sort(key=lambda hand: -hand.score)
        predicted = [box_from_points(hand.xy, factor=1.0) for hand in hands]
        truth = [square_box(hand.box) for hand in sample.hands]
        pairs = match_boxes(predicted, truth, iou=iou)
        others = [index for index in range(len(hands)) if index not in dict(pairs)]
        false = [index for index in others if not _is_in_crowd(predicted[index], sample.crowds)]
        for index, is_hand in [(one, True) for one, _ in pairs] + [(one, False) for one in false]:
            presence = hands[index].presence
            judged += [] if presence is None else [(presence, is_hand)]
        found += [(hands[one], sample.hands[other], len(counts)) for one, other in pairs]
        is_large = [box[2] >= least for box in truth]
        hits = sum(is_large[other] for _, other in pairs)
        counts.append((len(pairs), len(truth), len(false), hits, sum(is_large), 1))
    if not counts:
        raise DataError("there is no image to search")
    columns = np.array(counts).T
    hits, total, false, large_hits, large_total, images = columns
    return SearchReport(
        images=len(counts),
        hands=int(total.sum()),
        iou=iou,
        recall=Interval.of_ratio(hits, total),
        false_hands_per_image=Interval.of_ratio(false, images),
        precision=Interval.of_ratio(hits, hits + false),
        large=large,
        large_recall=Interval.of_ratio(large_hits, large_total),
        sides=_sides(found),
        presence=Calibration.of(judged),
        right=_right((hand, labelled) for hand, labelled, _ in found),
    )


def _is_in_crowd(box: Box, crowds: Sequence[Box]) -> bool:
    """Return whether a found hand may belong to a crowd."""
    return any(box_cover(box, square_box(crowd)) >= 0.5 for crowd in crowds)


def _image(sample: LabelledImage) -> Pixels:
    """Return the sample's image, which is read if it is a path."""
    return sample.image if isinstance(sample.image, np.ndarray) else read_image(sample.image)
