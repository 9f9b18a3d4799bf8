import numpy as np
import pytest

from openpose_keras.core.errors import DataError
from openpose_keras.core.keypoints import Body
from openpose_keras.core.skeletons import (
    BODY_25,
    BODY_COCO,
    COCO_17,
    COCO_FEET,
    COCO_WHOLE_BODY,
)
from openpose_keras.estimators.body import BodyEstimator
from openpose_keras.estimators.recipes import BodyRecipe
from openpose_keras.evaluation import evaluate_bodies, evaluate_people
from openpose_keras.evaluation.oks import SIGMAS
from openpose_keras.io.coco_people import LabelledPeople, LabelledPerson
from openpose_keras.io.images import write_image
from tests.helpers.coco_scenes import dataset, labelled_person, pycocotools_figures, results, scene
from tests.helpers.people import IMAGE, DrawnNetwork

PARTS = dict(zip(SIGMAS, np.cumsum([0, *map(len, SIGMAS.values())]).tolist(), strict=False))


def assert_equal(report, figures):
    for name, value in figures.items():
        assert getattr(report, name) == pytest.approx(value, abs=1e-9, nan_ok=True), name


@pytest.mark.parametrize("seed", range(40))
def test_precision_and_recall_are_those_of_pycocotools(seed):
    found, labelled = scene(seed)
    expected = pycocotools_figures(dataset(labelled), results(found))
    assert_equal(evaluate_people(found, labelled), expected)


@pytest.mark.parametrize("turned", [False, True])
def test_of_equally_similar_people_pycocotools_takes_the_last(turned):
    xy = np.random.default_rng(0).uniform(100, 300, (17, 2))
    some = np.arange(17) < 1
    people = [LabelledPerson(xy, seen, (100, 100, 200, 200), 2e4) for seen in (some, np.ones(17))]
    poses = [xy, np.where(some[:, None], xy, xy + 500)]  # the second is like the first person only
    found = [
        [
            Body(pose, np.ones(17), skeleton=COCO_17, person_score=score)
            for pose, score in zip(poses, (0.9, 0.8), strict=True)
        ]
    ]
    labelled = [people[::-1] if turned else people]
    report = evaluate_people(found, labelled)
    assert_equal(report, pycocotools_figures(dataset(labelled), results(found)))
    assert report.ar == (0.5 if turned else 1)


def whole_scene(seed):
    """Found and labelled whole bodies in three images; of some the feet or hands are bare."""
    rng = np.random.default_rng(seed)
    labelled = [[labelled_person(rng, COCO_WHOLE_BODY) for _ in range(3)] for _ in range(3)]
    found = []
    for people in labelled:
        bodies = []
        for person in people:
            noise = rng.choice([0.5, 2, 8]) * rng.standard_normal(person.xy.shape)
            xy = np.where(np.isnan(person.xy), rng.uniform(0, 450, person.xy.shape), person.xy)
            score = float(rng.random())
            ones = np.ones(len(xy))
            body = Body(xy + noise, ones, skeleton=COCO_WHOLE_BODY, person_score=score)
            bodies.append(body)
        found.append([*bodies, *(stray(rng) for _ in range(4))])
    return found, labelled


def stray(rng):
    """A small body that nobody labelled, with feet, face and hands far from it."""
    xy = rng.uniform(600, 900, (133, 2))
    xy[:17] = rng.uniform(700, 750, (17, 2))
    score = float(rng.random())
    return Body(xy, np.ones(133), skeleton=COCO_WHOLE_BODY, person_score=score)


@pytest.mark.parametrize("part", [None, *SIGMAS])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_part_of_whole_bodies_is_measured_as_pycocotools_would_its_keypoints(part, seed):
    found, labelled = whole_scene(seed)
    first = PARTS.get(part, 0)
    kept = slice(first, None if part is None else first + len(SIGMAS[part]))
    labels, entries = dataset(labelled), results(found)
    for entry in labels["annotations"] + entries:
        rows = np.reshape(entry["keypoints"], (-1, 3))
        entry["keypoints"] = rows[kept].ravel().tolist()
        entry["num_keypoints"] = int((rows[kept, 2] > 0).sum())
        # COCO-WholeBody's own evaluation takes the area of a found person from its body alone.
        low, size = rows[:17, :2].min(axis=0), np.ptp(rows[:17, :2], axis=0)
        entry.setdefault("bbox", [*low.tolist(), *size.tolist()])
    sigmas = np.concatenate(list(SIGMAS.values())) if part is None else SIGMAS[part]
    report = evaluate_people(found, labelled, part=part)
    assert_equal(report, pycocotools_figures(labels, entries, sigmas))
    assert report.ap > 0


def test_feet_have_their_own_sigmas():
    xy = np.tile([[50.0, 60.0]], (6, 1))
    truth = LabelledPerson(xy, np.ones(6), (0, 0, 90, 90), 4000, skeleton=COCO_FEET)
    found = Body(xy + 4, np.ones(6), skeleton=COCO_FEET, person_score=1.0)
    errors = 32 / 2 / 4000 / (2 * SIGMAS["foot"]) ** 2
    passed = np.mean(np.exp(-errors)) >= np.linspace(0.5, 0.95, 10)
    assert evaluate_people([[found]], [[truth]]).ap == pytest.approx(passed.mean())


def test_a_body_without_a_score_counts_by_the_mean_of_its_keypoints():
    xy = np.tile([[50.0, 60.0]], (17, 1))
    truth = LabelledPerson(xy, np.ones(17), (0, 0, 90, 90), 4000)
    right = Body(xy, np.full(17, 0.6), skeleton=COCO_17)
    wrong = Body(xy + 90, np.full(17, 0.5), skeleton=COCO_17)
    assert evaluate_people([[wrong, right]], [[truth]]).ap == pytest.approx(1)


def body(skeleton):
    return Body(np.zeros((len(skeleton), 2)), np.ones(len(skeleton)), skeleton=skeleton)


@pytest.mark.parametrize(
    ("found", "labelled", "part", "message"),
    [
        ([[body(COCO_17)]], [[], []], None, "as many images and one skeleton, got 1 and 2"),
        ([[body(COCO_17), body(COCO_FEET)]], [[]], None, "coco_17, coco_feet"),
        ([[body(BODY_25)]], [[]], None, "COCO's skeleton"),
        ([[body(COCO_17)]], [[]], "face", r"a part of \['body'\], got face of coco_17"),
    ],
)
def test_people_that_can_not_be_compared_are_refused(found, labelled, part, message):
    with pytest.raises(ValueError, match=message):
        evaluate_people(found, labelled, part=part)


def test_an_estimator_is_measured_on_labelled_images(tmp_path):
    write_image(tmp_path / "a.png", IMAGE)
    network = DrawnNetwork(BODY_COCO)
    order = [source for (source,) in BODY_COCO.sources_of(COCO_17)]
    people = tuple(
        LabelledPerson(xy[order], np.full(17, 2), (*xy.min(axis=0), *np.ptp(xy, axis=0)), 9000)
        for xy in network.people
    )
    recipe = BodyRecipe(resolution=(176, None))
    estimator = BodyEstimator(network, skeleton=BODY_COCO, recipe=recipe)
    sample = LabelledPeople(tmp_path / "a.png", people, 1)
    report = evaluate_bodies(estimator, [sample], progress=False)
    assert (report.ap50, report.ar50) == (1, 1)
    assert report.ap > 0.5
    nobody = LabelledPeople(tmp_path / "a.png", (), 1)
    missed = evaluate_bodies(lambda image: [], [sample, nobody], progress=False)
    assert (missed.ap, missed.ar) == (0, 0)
    with pytest.raises(DataError, match="no labelled person"):
        evaluate_bodies(estimator, [nobody], progress=False)
