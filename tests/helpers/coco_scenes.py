"""Random labelled and found people, with ties and edge cases, and pycocotools' figures of them."""

import contextlib
import io

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from openpose_keras.core.keypoints import Body
from openpose_keras.core.skeletons import COCO_17
from openpose_keras.io.coco_people import LabelledPerson

FIGURES = ("ap", "ap50", "ap75", "ap_medium", "ap_large")
FIGURES += ("ar", "ar50", "ar75", "ar_medium", "ar_large")
AREAS = (0.0, 5.0, 32.0**2, 50.0**2, 96.0**2, 200.0**2)


def labelled_person(rng, skeleton=COCO_17):
    """One person; some are crowds, some have no keypoints, no area or a box without a size."""
    count = len(skeleton)
    visibility = rng.integers(0, 3, count) * (rng.random() < 0.8)
    xy = rng.uniform(0, 300, 2) + rng.uniform(0, 150, (count, 2))
    box = (
        *rng.uniform(0, 300, 2).round(1),
        *(rng.uniform(0, 200, 2).round(1) * rng.integers(0, 2)),
    )
    area = rng.choice(AREAS) if rng.random() < 0.5 else rng.uniform(500, 30000)
    crowd = bool(rng.random() < 0.15)
    return LabelledPerson(xy.round(1), visibility, tuple(box), area, crowd, skeleton=skeleton)


def found_person(rng, labelled):
    """One found person, at a labelled one, near it or anywhere; scores are often equal."""
    count = len(COCO_17)
    xy = rng.uniform(0, 450, (count, 2))
    if labelled and rng.random() < 0.8:
        near = labelled[rng.integers(len(labelled))].xy
        noise = rng.choice([0, 1, 4, 15]) * rng.standard_normal((count, 2))
        xy = np.where(np.isnan(near), xy, near + noise)
    xy[rng.random(count) < 0.2] = np.nan
    xy[0] = 7.0  # at least one keypoint
    return Body(
        xy,
        np.isfinite(xy[:, 0]) * 0.5,
        skeleton=COCO_17,
        person_score=float(rng.integers(1, 6) / 8 if rng.random() < 0.7 else rng.random()),
    )


def scene(seed, most=6):
    """Found and labelled people of a few images; in one more are found than count."""
    rng = np.random.default_rng(seed)
    images = int(rng.integers(1, most))
    labelled = [[labelled_person(rng) for _ in range(rng.integers(0, 5))] for _ in range(images)]
    found = [
        [found_person(rng, people) for _ in range(rng.choice([0, 1, 3, 6, 25]))]
        for people in labelled
    ]
    found[0].append(found_person(rng, labelled[0]))
    found[0] += found[0][-1:]  # twice the same
    return found, labelled


def table(xy, third, missing=0.0):
    """x, y and a third number of each keypoint in one list."""
    known = np.isfinite(xy).all(axis=1)
    rows = np.where(known[:, None], np.column_stack([xy, third]), (missing, missing, 0))
    return rows.ravel().tolist()


def dataset(labelled):
    """COCO's data of labelled people."""
    annotations = [
        {
            "id": 0,
            "image_id": image,
            "category_id": 1,
            "keypoints": table(person.xy, person.visibility),
            "num_keypoints": int((person.visibility > 0).sum()),
            "bbox": list(person.box),
            "area": person.area,
            "iscrowd": int(person.crowd),
        }
        for image, people in enumerate(labelled, start=1)
        for person in people
    ]
    for number, annotation in enumerate(annotations, start=1):
        annotation["id"] = number
    images = [
        {"id": number, "file_name": f"{number}.jpg"} for number in range(1, len(labelled) + 1)
    ]
    category = {"id": 1, "name": "person", "keypoints": list(COCO_17.keypoints)}
    return {"images": images, "annotations": annotations, "categories": [category]}


def results(found):
    """COCO's results of found people, in full precision."""
    return [
        {
            "image_id": image,
            "category_id": 1,
            "keypoints": table(body.xy, np.ones(len(body.xy)), -1.0),
            "score": body.person_score,
        }
        for image, people in enumerate(found, start=1)
        for body in people
    ]


def pycocotools_evaluation(labels, entries, sigmas=None):
    """pycocotools' evaluation; labels and results are data or paths."""
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(None if isinstance(labels, dict) else str(labels))
        if isinstance(labels, dict):
            coco.dataset = labels
            coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(entries), "keypoints")
        if sigmas is not None:
            evaluation.params.kpt_oks_sigmas = np.asarray(sigmas)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation


def pycocotools_figures(labels, entries, sigmas=None):
    """Its ten figures by our names; NaN where it writes -1."""
    stats = pycocotools_evaluation(labels, entries, sigmas).stats
    return dict(zip(FIGURES, np.where(stats < 0, np.nan, stats), strict=True))
