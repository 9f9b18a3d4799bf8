"""Measure found people against labelled people, as COCO and COCO-WholeBody do.

To measure a result file against a label file:

    from openpose_keras.evaluation import evaluate_people
    from openpose_keras.io.coco_people import read_people_labels
    from openpose_keras.io.coco_results import read_results
    samples = read_people_labels("person_keypoints_val2017.json")
    found = read_results("results.json")
    labelled = [sample.people for sample in samples]
    print(evaluate_people([found.get(each.image_id, []) for each in samples], labelled))
"""

from collections.abc import Callable, Sequence

import numpy as np

from openpose_keras.core.arrays import FloatArray
from openpose_keras.core.errors import DataError
from openpose_keras.core.keypoints import Body, Person
from openpose_keras.core.progress import show_progress
from openpose_keras.core.skeletons import COCO_17, COCO_FEET, COCO_WHOLE_BODY, Skeleton
from openpose_keras.evaluation.oks import (
    ABSENT,
    SIGMAS,
    Comparison,
    OksReport,
    average_precision,
    oks,
)
from openpose_keras.io.coco_people import LabelledPeople, LabelledPerson
from openpose_keras.io.coco_results import people_to_coco
from openpose_keras.io.images import read_image

_MOST = 20  # people that count in an image, the best by their scores


def evaluate_people(
    found: Sequence[Sequence[Body]],
    labelled: Sequence[Sequence[LabelledPerson]],
    *,
    part: str | None = None,
) -> OksReport:
    """Compute COCO's average precision and recall of found people.

    Args:
        found: For each image, in the order of the images' ids, the found people with their
            `person_score`, as returned by `coco_results.to_coco` and `read_results`.
        labelled: The labelled people and crowds of the same images, with the same skeleton.
        part: The part of `COCO_WHOLE_BODY` to measure: "body", "foot", "face", "left_hand" or
            "right_hand". By default all keypoints are measured.

    Raises:
        ValueError: The numbers of images differ, a person has another skeleton, or the skeleton
            does not have this part.
    """
    everyone = [each for images in (found, labelled) for image in images for each in image]
    skeletons = {each.skeleton for each in everyone} or {COCO_17}
    if len(found) != len(labelled) or len(skeletons) > 1:
        names = ", ".join(sorted(each.name for each in skeletons))
        counts = f"{len(found)} and {len(labelled)}"
        raise ValueError(f"expected as many images and one skeleton, got {counts}, and {names}")
    skeleton = skeletons.pop()
    kept, sigmas = _part(skeleton, part)
    return average_precision(
        [
            _compare(*pair, (-1, len(skeleton), 2), kept, sigmas)
            for pair in zip(found, labelled, strict=True)
        ]
    )


def evaluate_bodies(
    estimator: Callable[[np.ndarray], Sequence[Person | Body]],
    samples: Sequence[LabelledPeople],
    *,
    skeleton: Skeleton = COCO_17,
    progress: bool = True,
) -> OksReport:
    """Run an estimator on labelled images and compute COCO's average precision and recall.

    Args:
        estimator: A `BodyEstimator` or `WholeBodyEstimator`, or any function of an image that
            returns its people.
        samples: Labelled images. One image is in memory at a time.
        skeleton: The skeleton of the labels, `COCO_17` or `COCO_WHOLE_BODY`.
        progress: Whether to show a progress bar on stderr.

    Raises:
        DataError: There is no labelled person.
    """
    if not any(person.labelled.any() for sample in samples for person in sample.people):
        raise DataError("there is no labelled person to measure on")
    found = [
        people_to_coco(estimator(read_image(sample.image)), skeleton)
        for sample in show_progress(samples, unit="image", shown=progress)
    ]
    return evaluate_people(found, [sample.people for sample in samples])


def _part(skeleton: Skeleton, part: str | None) -> tuple[slice, FloatArray]:
    """Return the keypoints of a skeleton that are measured, and their sigmas."""
    names = {COCO_17: ["body"], COCO_FEET: ["foot"], COCO_WHOLE_BODY: list(SIGMAS)}.get(skeleton)
    if names is None or part not in (None, *names):
        raise ValueError(
            f"expected COCO's skeleton, and a part of {names}, got {part} of {skeleton.name}"
        )
    if part is None:
        return slice(None), np.concatenate([SIGMAS[name] for name in names])
    start = sum(len(SIGMAS[name]) for name in names[: names.index(part)])
    return slice(start, start + len(SIGMAS[part])), SIGMAS[part]


def _compare(
    found: Sequence[Body],
    labelled: Sequence[LabelledPerson],
    shape: tuple[int, ...],
    kept: slice,
    sigmas: FloatArray,
) -> Comparison:
    """Compare the measured keypoints of one image."""
    scores = np.array([_score(body) for body in found])
    best = np.argsort(-scores, kind="stable")[:_MOST]
    xy = np.array([found[number].xy for number in best], np.float64).reshape(shape)
    truth = np.array([person.xy for person in labelled]).reshape(shape)[:, kept]
    areas = np.array([person.area for person in labelled])
    boxes = np.array([person.box for person in labelled])
    crowds = np.array([person.crowd for person in labelled], bool)
    # pycocotools' area of a found person is that of the rectangle around all of `keypoints`.
    corners = np.where(np.isnan(xy), ABSENT, xy)[:, : len(COCO_17)]
    return Comparison(
        oks(xy[:, kept], truth, areas, boxes, sigmas=sigmas),
        scores[best],
        np.ptp(corners, axis=1).prod(axis=1),
        areas,
        crowds | np.isnan(truth).any(axis=-1).all(axis=-1),
        crowds,
    )


def _score(body: Body) -> float:
    """Return the score of a person."""
    return body.score if body.person_score is None else body.person_score
