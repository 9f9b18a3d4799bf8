"""The validation of body networks: its figures are those of pycocotools for the same people."""

import numpy as np
import pytest
from pycocotools import mask as masks

from openpose_keras.core.keypoints import Body
from openpose_keras.core.skeletons import BODY_25, BODY_MPI, COCO_17
from openpose_keras.io.coco_results import people_to_coco
from openpose_keras.training.bodies.data import BodySample, crop_people, flip_people
from openpose_keras.training.bodies.task import coco_labels, validate
from tests.helpers.coco_scenes import dataset, pycocotools_figures, results
from tests.helpers.people import standing

SIZE = 240
ONE = pytest.approx(1)


class Oracle:
    """An estimator that answers each image with given bodies."""

    def __init__(self, *answers, skeleton=BODY_25):
        self.answers, self.skeleton = iter(answers), skeleton

    def __call__(self, image):
        return next(self.answers)


def body(xy, score=0.5, skeleton=BODY_25):
    seen = np.isfinite(xy[:, 0]).astype(float)
    return Body(xy, seen, skeleton=skeleton, person_score=score)


def sample_of(*people, unlabelled=None, areas=None):
    image, mask = np.zeros((SIZE, SIZE, 3), np.uint8), np.zeros((SIZE, SIZE), bool)
    if unlabelled is not None:
        mask[unlabelled] = True
    return BodySample(image, np.reshape(people, (-1, 25, 2)), mask, areas=areas)


def scene(rng):
    """A sample with a crowd, and bodies at its people, in its crowd and anywhere."""
    people = [standing(BODY_25, rng.uniform(70, 170, 2), rng.uniform(60, 110)) for _ in range(3)]
    left, top, width, height = rng.integers((10, 10, 20, 20), (150, 150, 70, 70))
    sample = sample_of(
        *people,
        unlabelled=np.s_[top : top + height, left : left + width],
        areas=rng.uniform(900, 9000, 3),
    )
    sample.people[rng.random((3, 25)) < 0.2] = np.nan
    middles = rng.uniform((left, top), (left + width, top + height), (3, 2))
    others = [standing(BODY_25, each, 40) for each in [*middles, *rng.uniform(0, SIZE, (2, 2))]]
    found = [xy + rng.normal(0, rng.choice([1, 3, 9]), xy.shape) for xy in people] + others
    return sample, [body(xy, float(rng.random())) for xy in found]


def annotated(sample):
    """COCO's data of a sample, the crowd's box and area by pycocotools."""
    inside = np.isfinite(sample.people).all(axis=2) & (np.abs(sample.people - 119.5) <= 120).all(2)
    order = [source for (source,) in BODY_25.sources_of(COCO_17)]
    tables = np.dstack([np.where(inside[..., None], sample.people, 0), 2 * inside])[:, order]
    people = [
        {"keypoints": table.ravel().tolist(), "area": area, "iscrowd": 0, "bbox": [0, 0, 1, 1]}
        for table, area in zip(tables, sample.areas, strict=True)
    ]
    runs = masks.encode(np.asfortranarray(sample.unlabelled.astype(np.uint8)))
    crowd = {"keypoints": [0] * 51, "area": float(masks.area(runs)), "iscrowd": 1}
    entries = [*people, crowd | {"bbox": masks.toBbox(runs).tolist()}]
    for each in entries:
        each["num_keypoints"] = int(np.count_nonzero(each["keypoints"][2::3]))
    return entries


@pytest.mark.parametrize("seed", range(20))
def test_figures_are_those_of_pycocotools_with_the_crowds_in_its_labels(seed):
    rng = np.random.default_rng(seed)
    samples, answers = zip(*(scene(rng) for _ in range(3)), strict=True)
    labels = dataset([[] for _ in samples])
    for image, sample in enumerate(samples, start=1):
        labels["annotations"] += [each | {"image_id": image} for each in annotated(sample)]
    for number, each in enumerate(labels["annotations"], start=1):
        each |= {"id": number, "category_id": 1}
    expected = pycocotools_figures(labels, results([people_to_coco(each) for each in answers]))
    found = validate(Oracle(*answers), samples)
    assert found == pytest.approx({name: expected[name] for name in ("ap", "ap50", "ar")})


def test_who_is_found_in_a_crowd_is_not_wrong():
    person, other = (standing(BODY_25, (x, 120), 90) for x in (60, 190))
    found = [body(other + 1, 0.9), body(other, 0.8), body(person, 0.7)]
    crowd = np.s_[70:170, 165:215]
    assert validate(Oracle(found), [sample_of(person, unlabelled=crowd)])["ap"] == ONE
    assert validate(Oracle(found), [sample_of(person)])["ap"] == pytest.approx(1 / 3)


def test_a_person_counts_by_its_keypoints_in_the_image():
    inside, outside = standing(BODY_25, (120, 120), 90), standing(BODY_25, (-150, 120), 90)
    assert len(coco_labels(sample_of(inside, outside, np.full((25, 2), np.nan)), BODY_25)) == 1
    cut = standing(BODY_25, (0, 120), 90)
    (label,) = coco_labels(sample_of(cut), BODY_25)
    np.testing.assert_array_equal(label.labelled, label.xy[:, 0] >= -0.5)
    assert 0 < label.labelled.sum() < 17
    seen = body(np.where(cut[:, :1] >= -0.5, cut, np.nan))
    assert validate(Oracle([seen]), [sample_of(cut)]) == {"ap": ONE, "ap50": ONE, "ar": 1}


def test_keypoints_that_coco_lacks_are_not_measured():
    xy = standing(BODY_MPI, (120, 120), 90)
    moved = xy.copy()
    moved[[BODY_MPI.index(name) for name in ("head", "neck", "chest")]] += 50
    sample = sample_of()._replace(people=xy[None])
    answer = Oracle([body(moved, skeleton=BODY_MPI)], skeleton=BODY_MPI)
    assert validate(answer, [sample])["ap"] == ONE


def test_areas_follow_the_image():
    sample = sample_of(standing(BODY_25, (120, 120), 90), areas=np.array([1000.0]))
    shown = flip_people(crop_people(sample, (20, 20, 200, 200), 100, angle=0.5), BODY_25)
    assert shown.areas == 250


def test_without_labels_nothing_is_measured():
    assert np.isnan([*validate(Oracle([]), [sample_of()]).values()]).all()
