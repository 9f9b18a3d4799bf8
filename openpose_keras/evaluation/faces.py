"""Measure the keypoints of faces in units of the eye distance, grouped by the turn of the head."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from openpose_keras.core.boxes import BOX_MARGIN, square_box
from openpose_keras.core.errors import DataError
from openpose_keras.core.keypoints import Face
from openpose_keras.core.progress import show_progress
from openpose_keras.core.skeletons import FACE
from openpose_keras.evaluation.reports import Interval, plain, table
from openpose_keras.io.coco_people import LabelledPeople, LabelledPerson
from openpose_keras.io.images import read_image

TURNS = {"up to 30 degrees": (0, 30), "30 to 75 degrees": (30, 75), "above 75 degrees": (75, 91)}
_CORNERS = [FACE.index("right_eye_1"), FACE.index("left_eye_4")]


@dataclass(frozen=True)
class FaceReport:
    """The result of `evaluate_faces`, which prints as a table.

    Args:
        images: Number of images with labelled faces.
        faces: Number of labelled faces.
        missing: Number of faces that the estimator did not find. The errors do not include them.
        errors: For all faces, and for each of `TURNS`, the mean distance of a keypoint from its
            label, in units of the distance in space between the outer corners of the eyes.
        counts: The number of faces in each of these groups.
    """

    images: int
    faces: int
    missing: int
    errors: Mapping[str, Interval]
    counts: Mapping[str, int]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON; NaN becomes None."""
        return plain(vars(self))

    def __str__(self) -> str:
        """Return the table."""
        rows = [(f"{name} ({self.counts[name]})", each, 4) for name, each in self.errors.items()]
        first = f"{self.faces} faces in {self.images} images, {self.missing} of them missing"
        return "\n".join(
            [first, "mean error in distances between the eyes", *table(rows, self.images)]
        )


def eye_distance(face: LabelledPerson) -> float:
    """Return the distance in space between the outer corners of the eyes, in pixels.

    Label files of faces store its square as the `area`.
    """
    return math.sqrt(face.area)


def turn_of(face: LabelledPerson) -> float:
    """Estimate how far a face is turned to a side, in degrees, from the apparent eye distance."""
    apparent = float(np.linalg.norm(np.subtract(*face.xy[_CORNERS])))
    return math.degrees(math.acos(min(apparent / max(eye_distance(face), 1e-6), 1.0)))


def evaluate_faces(
    estimator: Callable[..., Sequence[Face]],
    samples: Iterable[LabelledPeople],
    *,
    crop_factor: float = BOX_MARGIN,
    progress: bool = True,
) -> FaceReport:
    """Run an estimator on the crops of labelled faces and measure it.

    Args:
        estimator: A `FaceEstimator`, or any callable `estimator(image, boxes)` that returns one
            `Face` per box, in order.
        samples: Images with labels of `FACE`, as `openpose-keras render heads` writes them. Images
            without faces are skipped. One image is in memory at a time.
        crop_factor: Side of the crop in units of the labelled box's longer side.
        progress: Whether to show a progress bar on stderr.

    Raises:
        DataError: There is no labelled face.
    """
    rows: list[tuple[int, float, float]] = []
    images = 0
    for sample in show_progress(samples, unit="image", shown=progress):
        faces = [face for face in sample.people if not face.crowd and face.labelled.any()]
        if not faces:
            continue
        boxes = [square_box(face.box, crop_factor) for face in faces]
        for face, found in zip(faces, estimator(read_image(sample.image), boxes), strict=True):
            away = np.linalg.norm(found.xy - face.xy, axis=1) / eye_distance(face)
            known = np.isfinite(away)
            error = float(away[known].mean()) if known.any() else math.nan
            rows.append((images, error, turn_of(face)))
        images += 1
    if not rows:
        raise DataError("there is no labelled face to measure on")
    return _report(np.array(rows))


def _report(rows: np.ndarray) -> FaceReport:
    """Return the report for faces (n, 3): image number, error or NaN, turn."""
    owners, errors, turns = rows.T
    owners, found = owners.astype(int), np.isfinite(errors)
    parts = {"all": (0, 91)} | TURNS
    chosen = {name: (turns >= low) & (turns < high) for name, (low, high) in parts.items()}
    return FaceReport(
        images=int(owners.max()) + 1,
        faces=len(rows),
        missing=int((~found).sum()),
        errors={
            name: Interval.of_ratio(
                np.bincount(owners, np.where(found & part, errors, 0.0)),
                np.bincount(owners, found & part),
            )
            for name, part in chosen.items()
        },
        counts={name: int(part.sum()) for name, part in chosen.items()},
    )
