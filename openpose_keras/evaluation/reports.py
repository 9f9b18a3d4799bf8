"""Results of evaluations: values with intervals, as a table and as plain data."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from openpose_keras.evaluation.metrics import AUC_LIMIT, bootstrap_interval

_FEW_IMAGES = 10  # below which a bootstrap gives much too narrow intervals
_BINS = 10


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % bootstrap interval.

    Args:
        value: The measured value.
        low: Lower end of the interval.
        high: Upper end of the interval.

    Example:
        >>> f"{Interval(0.281, 0.244, 0.32):.0%}"
        '28% (24% to 32%)'
    """

    value: float
    low: float
    high: float

    @classmethod
    def of_ratio(cls, sums: ArrayLike, counts: ArrayLike) -> "Interval":
        """Return sum(sums) / sum(counts) with its interval; the arrays hold one entry per image."""
        total = float(np.sum(counts))
        value = float(np.sum(sums)) / total if total else float("nan")
        return cls(value, *bootstrap_interval(sums, counts))

    def __format__(self, spec: str) -> str:
        """Format the value and, in brackets, the ends; the number format applies to all three."""
        if not spec:
            return str(self)
        return f"{self.value:{spec}} ({self.low:{spec}} to {self.high:{spec}})"


@dataclass(frozen=True)
class Calibration:
    """Calibration of probabilities: of those near 0.9, nine in ten should be right.

    Args:
        count: Number of measured probabilities.
        error: Expected calibration error (Guo et al., "On Calibration of Modern Neural Networks",
            2017): the mean distance of a bin's mean probability from the fraction that is right,
            weighted by the bins' counts; NaN if nothing was measured.
        bins: For each non-empty tenth of [0, 1]: the count, the mean and the fraction right.
    """

    count: int
    error: float
    bins: Sequence[tuple[int, float, float]]

    @classmethod
    def of(cls, pairs: Iterable[tuple[float, bool]]) -> "Calibration":
        """Compute the calibration of probabilities, each paired with whether it was right.

        Example:
            >>> Calibration.of([(0.9, True), (0.92, True), (0.2, False), (0.24, True)]).error
            0.185
        """
        values, right = np.array(list(pairs), float).reshape(-1, 2).T
        places = np.minimum((values * _BINS).astype(int), _BINS - 1)
        groups = [places == place for place in np.unique(places)]
        bins = [
            (int(group.sum()), float(values[group].mean()), float(right[group].mean()))
            for group in groups
        ]
        away = sum(count * abs(mean - truth) for count, mean, truth in bins)
        return cls(len(values), round(away / len(values), 6) if bins else float("nan"), bins)

    def lines(self, name: str) -> list[str]:
        """Return the reliability table as lines of text; empty if nothing was measured."""
        if not self.count:
            return []
        return [
            "",
            f"{name}: expected calibration error {self.error:.3f}, {self.count} hands",
            f"{'mean probability':<24}{'right':>8}{'count':>8}",
            *(f"{mean:<24.3f}{right:>8.3f}{count:>8}" for count, mean, right in self.bins),
        ]


@dataclass(frozen=True)
class JointFigures:
    """The results of one of the 21 keypoints.

    Args:
        pck: A mapping from thresholds (fractions of the box's longer side) to the fraction of
            labels within them.
        epe_px: Mean distance in pixels of the keypoint where it is not missing.
    """

    pck: Mapping[float, float]
    epe_px: float


@dataclass(frozen=True)
class Report:
    """The result of `evaluate`, which prints as a table.

    Args:
        images: Number of images with at least one labelled hand.
        hands: Number of labelled hands.
        keypoints: Number of labelled keypoints.
        missing: Number of labelled keypoints that the estimator did not find; they count as wrong.
        pck: A mapping from thresholds (fractions of the box's longer side) to the fraction of
            keypoints within them.
        auc: Area under the PCK curve up to a threshold of 0.2, divided by 0.2.
        epe_px: Mean distance in pixels of the keypoints that are not missing.
        joints: A mapping from the name of each keypoint to its results.
        sides: The fraction of the known sides that the estimator determined correctly; NaN if it
            determines no side.
        kept: A mapping from fractions of the keypoints, those with the best scores, to the fraction
            of these within the second threshold of `pck`, if there are two.
        right: The calibration of the probability of a right hand, where the side is known.
    """

    images: int
    hands: int
    keypoints: int
    missing: int
    pck: Mapping[float, Interval]
    auc: Interval
    epe_px: Interval
    joints: Mapping[str, JointFigures]
    sides: Interval
    kept: Mapping[float, Interval]
    right: Calibration

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON: thresholds become text, NaN becomes None."""
        return plain({**vars(self), "auc": {"limit": AUC_LIMIT, **vars(self.auc)}})

    def __str__(self) -> str:
        """Return the table."""
        rows = [(f"PCK@{threshold:g}", value, 3) for threshold, value in self.pck.items()]
        rows += [(f"AUC to {AUC_LIMIT:g}", self.auc, 3), ("EPE, pixels", self.epe_px, 2)]
        rows += [("sides right", self.sides, 3)]
        second = list(self.pck)[min(1, len(self.pck) - 1)]
        rows += [(f"PCK@{second:g}, best {part:.0%}", each, 3) for part, each in self.kept.items()]
        values = {name: joint.pck[second] for name, joint in self.joints.items()}
        worst = sorted((name for name in values if values[name] >= 0), key=values.__getitem__)[:3]
        lines = [
            f"{self.hands} hands in {self.images} images, {self.keypoints} labelled keypoints, "
            f"{self.missing} of them missing",
            *table(rows, self.images),
            "",
            f"lowest PCK@{second:g}: {', '.join(f'{name} {values[name]:.3f}' for name in worst)}",
            f"{'keypoint':<12}" + "".join(f"{f'PCK@{t:g}':>10}" for t in self.pck) + f"{'EPE':>10}",
        ]
        for name, joint in self.joints.items():
            pck = "".join(f"{value:>10.3f}" for value in joint.pck.values())
            lines.append(f"{name:<12}{pck}{joint.epe_px:>10.2f}")
        return "\n".join(lines + self.right.lines("probability of a right hand"))


@dataclass(frozen=True)
class SearchReport:
    """The result of `evaluate_search`, which prints as a table.

    Args:
        images: Number of images searched.
        hands: Number of labelled hands in them.
        iou: The minimum overlap of a found hand with a labelled hand.
        recall: The fraction of the labelled hands that were found.
        false_hands_per_image: The number of found hands without a label, per image.
        precision: The fraction of the found hands that are labelled.
        large: The minimum longer side of a large hand, as a fraction of the image's longer side.
        large_recall: The fraction of the large hands that were found.
        sides: The fraction of correct sides among the found hands whose side is known.
        presence: The calibration of the probability of a hand, over all found hands. Set the
            estimator's `min_presence` to 0, so that it also reports unlikely hands.
        right: The calibration of the probability of a right hand, for found hands whose side is
            known.
    """

    images: int
    hands: int
    iou: float
    recall: Interval
    false_hands_per_image: Interval
    precision: Interval
    large: float
    large_recall: Interval
    sides: Interval
    presence: Calibration
    right: Calibration

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON; NaN becomes None."""
        return plain(vars(self))

    def __str__(self) -> str:
        """Return the table."""
        rows = [
            ("precision", self.precision, 3),
            (f"recall, IoU {self.iou:g}", self.recall, 3),
            (f"recall, {self.large:.1%} or more", self.large_recall, 3),
            ("false hands an image", self.false_hands_per_image, 3),
            ("sides right", self.sides, 3),
        ]
        lines = [f"{self.hands} hands in {self.images} images", *table(rows, self.images)]
        lines += self.presence.lines("probability of a hand")
        return "\n".join(lines + self.right.lines("probability of a right hand"))


def table(rows: Iterable[tuple[str, Interval, int]], images: int) -> list[str]:
    """Return one line per value: its name, its value and its interval over the images."""
    few = f"; over fewer than {_FEW_IMAGES} it says little" if images < _FEW_IMAGES else ""
    lines = [f"{'':<24}{'value':>8}   95 % interval over images{few}"]
    for name, figure, digits in rows:
        interval = f"{figure.low:.{digits}f} .. {figure.high:.{digits}f}"
        lines.append(f"{name:<24}{figure.value:>8.{digits}f}   {interval}")
    return lines


def plain(values: Mapping[Any, Any]) -> dict[str, Any]:
    """Convert values for JSON: dataclasses to dictionaries, thresholds to text, NaN to None."""
    data = {}
    for key, value in values.items():
        nested = vars(value) if is_dataclass(value) else value
        entry = plain(nested) if isinstance(nested, Mapping) else nested
        data[key if isinstance(key, str) else f"{key:g}"] = None if entry != entry else entry
    return data
