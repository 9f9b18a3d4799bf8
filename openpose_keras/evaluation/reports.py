"""What an evaluation found: figures with intervals, as a table and as plain data."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from openpose_keras.evaluation.metrics import AUC_LIMIT, bootstrap_interval


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float

    @classmethod
    def of_ratio(cls, sums: np.ndarray, counts: np.ndarray) -> "Estimate":
        """Give sum(sums) / sum(counts) with its interval; the arrays hold one entry an image."""
        total = float(np.sum(counts))
        value = float(np.sum(sums)) / total if total else float("nan")
        return cls(value, *bootstrap_interval(sums, counts))


@dataclass(frozen=True)
class Report:
    """What `evaluate` measured. Printing it gives a table.

    Attributes:
        images: Images with at least one labelled hand.
        hands: Labelled hands.
        keypoints: Labelled keypoints.
        missing: Labelled keypoints that the estimator left out; they count as wrong.
        pck: Threshold (part of the box's longer side) to fraction below.
        auc: Area under the PCK curve up to a threshold of 0.2, divided by 0.2.
        epe: Mean distance in pixels of the keypoints that are not missing.
        joints: Name of the keypoint to its figures: "pck" by threshold, and "epe".
    """

    images: int
    hands: int
    keypoints: int
    missing: int
    pck: Mapping[float, Estimate]
    auc: Estimate
    epe: Estimate
    joints: Mapping[str, Mapping[str, object]]

    def to_dict(self) -> dict[str, object]:
        """Give plain data for JSON: thresholds become text, NaN becomes None."""
        return {
            "images": self.images,
            "hands": self.hands,
            "keypoints": self.keypoints,
            "missing": self.missing,
            "pck": {f"{threshold:g}": _plain(value) for threshold, value in self.pck.items()},
            "auc": {"limit": AUC_LIMIT, **_plain(self.auc)},
            "epe_px": _plain(self.epe),
            "joints": {
                name: {
                    "pck": {f"{key:g}": _number(value) for key, value in joint["pck"].items()},
                    "epe_px": _number(joint["epe"]),
                }
                for name, joint in self.joints.items()
            },
        }

    def __str__(self) -> str:
        """Give the table."""
        rows = [(f"PCK@{threshold:g}", value, 3) for threshold, value in self.pck.items()]
        rows += [(f"AUC to {AUC_LIMIT:g}", self.auc, 3), ("EPE, pixels", self.epe, 2)]
        lines = [
            f"{self.hands} hands in {self.images} images, {self.keypoints} labelled keypoints, "
            f"{self.missing} of them missing",
            *_figures(rows),
            "",
            f"{'keypoint':<12}" + "".join(f"{f'PCK@{t:g}':>10}" for t in self.pck) + f"{'EPE':>10}",
        ]
        for name, joint in self.joints.items():
            values = "".join(f"{value:>10.3f}" for value in joint["pck"].values())
            lines.append(f"{name:<12}{values}{joint['epe']:>10.2f}")
        return "\n".join(lines)


@dataclass(frozen=True)
class FinderReport:
    """What `evaluate_finder` measured. Printing it gives a table.

    Attributes:
        images: Images searched.
        hands: Labelled hands in them.
        iou: The least overlap of a found hand with a labelled one.
        recall: The fraction of the labelled hands that were found.
        false_hands: Hands found where none is labelled, for each image.
    """

    images: int
    hands: int
    iou: float
    recall: Estimate
    false_hands: Estimate

    def to_dict(self) -> dict[str, object]:
        """Give plain data for JSON; NaN becomes None."""
        return {
            "images": self.images,
            "hands": self.hands,
            "iou": self.iou,
            "recall": _plain(self.recall),
            "false_hands_per_image": _plain(self.false_hands),
        }

    def __str__(self) -> str:
        """Give the table."""
        rows = [(f"recall, IoU {self.iou:g}", self.recall, 3)]
        rows.append(("false hands an image", self.false_hands, 3))
        return "\n".join([f"{self.hands} hands in {self.images} images", *_figures(rows)])


def _figures(rows: Iterable[tuple[str, Estimate, int]]) -> list[str]:
    """Give one line a figure: its name, its value, its interval."""
    lines = [f"{'':<22}{'value':>8}   95 % interval over images"]
    for name, figure, digits in rows:
        interval = f"{figure.low:.{digits}f} .. {figure.high:.{digits}f}"
        lines.append(f"{name:<22}{figure.value:>8.{digits}f}   {interval}")
    return lines


def _number(value: float) -> float | None:
    """Give the number, or None for NaN, which JSON does not have."""
    return None if np.isnan(value) else float(value)


def _plain(figure: Estimate) -> dict[str, float | None]:
    """Give an estimate as plain data."""
    return {name: _number(getattr(figure, name)) for name in ("value", "low", "high")}
