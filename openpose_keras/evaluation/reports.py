"""What an evaluation found: values with intervals, as a table and as plain data."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from openpose_keras.evaluation.metrics import AUC_LIMIT, bootstrap_interval

Plain = dict[str, float | None]


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % bootstrap interval.

    Args:
        value: The value that was measured.
        low: Lower end of the interval.
        high: Upper end of the interval.
    """

    value: float
    low: float
    high: float

    @classmethod
    def of_ratio(cls, sums: ArrayLike, counts: ArrayLike) -> "Interval":
        """Return sum(sums) / sum(counts) with its interval; the arrays hold one entry an image."""
        total = float(np.sum(counts))
        value = float(np.sum(sums)) / total if total else float("nan")
        return cls(value, *bootstrap_interval(sums, counts))

    def to_dict(self) -> Plain:
        """Return plain data for JSON; NaN becomes None."""
        return {name: _number(getattr(self, name)) for name in ("value", "low", "high")}


@dataclass(frozen=True)
class JointFigures:
    """What was measured on one of the 21 keypoints.

    Args:
        pck: Threshold (part of the box's longer side) to the fraction of labels below it.
        epe: Mean distance in pixels where the keypoint is not missing.
    """

    pck: Mapping[float, float]
    epe: float


@dataclass(frozen=True)
class Report:
    """What `evaluate` measured. Printing it shows a table.

    Args:
        images: Images with at least one labelled hand.
        hands: Labelled hands.
        keypoints: Labelled keypoints.
        missing: Labelled keypoints that the estimator left out; they count as wrong.
        pck: Threshold (part of the box's longer side) to the fraction below it.
        auc: Area under the PCK curve up to a threshold of 0.2, divided by 0.2.
        epe: Mean distance in pixels of the keypoints that are not missing.
        joints: Name of the keypoint to what was measured on it.
    """

    images: int
    hands: int
    keypoints: int
    missing: int
    pck: Mapping[float, Interval]
    auc: Interval
    epe: Interval
    joints: Mapping[str, JointFigures]

    def to_dict(self) -> dict[str, object]:
        """Return plain data for JSON: thresholds become text, NaN becomes None."""
        return {
            "images": self.images,
            "hands": self.hands,
            "keypoints": self.keypoints,
            "missing": self.missing,
            "pck": {f"{threshold:g}": value.to_dict() for threshold, value in self.pck.items()},
            "auc": {"limit": AUC_LIMIT, **self.auc.to_dict()},
            "epe_px": self.epe.to_dict(),
            "joints": {
                name: {
                    "pck": {f"{key:g}": _number(value) for key, value in joint.pck.items()},
                    "epe_px": _number(joint.epe),
                }
                for name, joint in self.joints.items()
            },
        }

    def __str__(self) -> str:
        """Return the table."""
        rows = [(f"PCK@{threshold:g}", value, 3) for threshold, value in self.pck.items()]
        rows += [(f"AUC to {AUC_LIMIT:g}", self.auc, 3), ("EPE, pixels", self.epe, 2)]
        lines = [
            f"{self.hands} hands in {self.images} images, {self.keypoints} labelled keypoints, "
            f"{self.missing} of them missing",
            *_table(rows),
            "",
            f"{'keypoint':<12}" + "".join(f"{f'PCK@{t:g}':>10}" for t in self.pck) + f"{'EPE':>10}",
        ]
        for name, joint in self.joints.items():
            values = "".join(f"{value:>10.3f}" for value in joint.pck.values())
            lines.append(f"{name:<12}{values}{joint.epe:>10.2f}")
        return "\n".join(lines)


@dataclass(frozen=True)
class SearchReport:
    """What `evaluate_search` measured. Printing it shows a table.

    Args:
        images: Images searched.
        hands: Labelled hands in them.
        iou: The least overlap of a found hand with a labelled one.
        recall: The fraction of the labelled hands that were found.
        false_hands: Hands found where none is labelled, for each image.
    """

    images: int
    hands: int
    iou: float
    recall: Interval
    false_hands: Interval

    def to_dict(self) -> dict[str, object]:
        """Return plain data for JSON; NaN becomes None."""
        return {
            "images": self.images,
            "hands": self.hands,
            "iou": self.iou,
            "recall": self.recall.to_dict(),
            "false_hands_per_image": self.false_hands.to_dict(),
        }

    def __str__(self) -> str:
        """Return the table."""
        rows = [(f"recall, IoU {self.iou:g}", self.recall, 3)]
        rows.append(("false hands an image", self.false_hands, 3))
        return "\n".join([f"{self.hands} hands in {self.images} images", *_table(rows)])


def _table(rows: Iterable[tuple[str, Interval, int]]) -> list[str]:
    """Return a line for each value: its name, itself, its interval."""
    lines = [f"{'':<22}{'value':>8}   95 % interval over images"]
    for name, figure, digits in rows:
        interval = f"{figure.low:.{digits}f} .. {figure.high:.{digits}f}"
        lines.append(f"{name:<22}{figure.value:>8.{digits}f}   {interval}")
    return lines


def _number(value: float) -> float | None:
    """Return the number, or None for NaN, which JSON does not have."""
    return None if np.isnan(value) else float(value)
