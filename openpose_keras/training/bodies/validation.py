"""How well a body network in training finds people, by COCO's measure, in samples of its size."""

from collections.abc import Sequence

import numpy as np

from openpose_keras.core._opencv import cv2
from openpose_keras.core.boxes import keypoint_extent
from openpose_keras.core.skeletons import COCO_17, Skeleton
from openpose_keras.estimators.body import BodyEstimator
from openpose_keras.evaluation.people import evaluate_people
from openpose_keras.io.coco_people import LabelledPerson
from openpose_keras.io.coco_results import people_to_coco
from openpose_keras.training.bodies.data import BodySample

_AREA = 0.53  # of the rectangle around its keypoints that a person covers: xtcocotools' estimate


def validate(estimator: BodyEstimator, samples: Sequence[BodySample]) -> dict[str, float]:
    """Measure an estimator as `openpose-keras evaluate` does: by COCO's precision and recall.

    Args:
        estimator: Of a body network. Only those of its keypoints that COCO has are measured.
        samples: Images and their people, who have the keypoints of the network.

    Returns:
        `ap`, `ap50` and `ar` of `evaluation.OksReport`; NaN where nobody is labelled. Who is found
        where people have no labels is neither right nor wrong, as in COCO's crowds.
    """
    found = [people_to_coco(estimator(sample.image)) for sample in samples]
    report = evaluate_people(found, [coco_labels(sample, estimator.skeleton) for sample in samples])
    return {"ap": report.ap, "ap50": report.ap50, "ar": report.ar}


def coco_labels(sample: BodySample, skeleton: Skeleton) -> list[LabelledPerson]:
    """Return the people of a sample as COCO would label them.

    Args:
        sample: The sample.
        skeleton: Of its people.

    Returns:
        Who has a keypoint in the image, with COCO's 17 keypoints; one outside the image is not
        labelled. Then a crowd for each connected region of people without labels.
    """
    height, width = sample.image.shape[:2]
    labels, nowhere = [], np.zeros((len(COCO_17), 2))
    for number, xy in enumerate(sample.people):
        inside = ((xy >= -0.5) & (xy < (width - 0.5, height - 0.5))).all(axis=1)  # NaN is not
        if inside.any():
            middle, (x, y) = keypoint_extent(xy[inside])
            area = _AREA * x * y if sample.areas is None else sample.areas[number]
            box = (*(middle - np.array([x, y]) / 2), x, y)
            person = LabelledPerson(xy, 2.0 * inside, box, area, skeleton=skeleton)
            labels.append(person.converted(COCO_17))
    _, _, regions, _ = cv2.connectedComponentsWithStats(sample.unlabelled.astype(np.uint8))
    return labels + [
        LabelledPerson(nowhere, np.zeros(len(COCO_17)), tuple(box), area, crowd=True)
        for *box, area in regions[1:].tolist()  # the first is the rest of the image
    ]
