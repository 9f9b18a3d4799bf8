import numpy as np
import pytest

from openpose_keras.evaluation.oks import SIGMAS, Comparison, average_precision, oks
from tests.helpers.coco_scenes import dataset, pycocotools_evaluation, results, scene


@pytest.mark.parametrize("seed", range(10))
def test_similarity_is_that_of_pycocotools(seed):
    found, labelled = scene(seed)
    evaluation = pycocotools_evaluation(dataset(labelled), results(found))
    for image, (bodies, people) in enumerate(zip(found, labelled, strict=True), start=1):
        theirs = evaluation.ious[image, 1]
        if len(theirs):
            best = sorted(bodies, key=lambda body: -body.person_score)[:20]
            ours = oks(
                [body.xy for body in best],
                [person.xy for person in people],
                [person.area for person in people],
                [person.box for person in people],
            )
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)


def test_the_sigmas_of_bodies_are_those_of_pycocotools():
    theirs = pycocotools_evaluation(dataset([[]]), results(scene(0)[0][:1]))
    np.testing.assert_allclose(SIGMAS["body"], theirs.params.kpt_oks_sigmas, rtol=1e-12)


def test_similarity_of_nobody_is_empty():
    nobody = np.zeros((0, 17, 2))
    assert oks(nobody, nobody, [], []).shape == (0, 0)
    assert oks(np.zeros((3, 17, 2)), nobody, [], []).shape == (3, 0)


def test_the_arguments_stay_as_they_are():
    xy = np.full((1, 17, 2), np.nan)
    oks(xy, np.ones((1, 17, 2)), [9.0], [[0, 0, 3, 3]])
    assert np.isnan(xy).all()


@pytest.mark.parametrize(
    ("xy", "truth", "areas", "boxes", "message"),
    [
        ((1, 18, 2), (1, 17, 2), 1, 1, r"\(n, 17, 2\)"),
        ((1, 17, 2), (17, 2), 1, 1, r"\(n, 17, 2\)"),
        ((1, 17, 2), (2, 17, 2), 1, 2, "as many labelled people as areas"),
        ((1, 17, 2), (2, 17, 2), 2, 1, "as many labelled people as areas"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(xy, truth, areas, boxes, message):
    with pytest.raises(ValueError, match=message):
        oks(np.zeros(xy), np.zeros(truth), np.ones(areas), np.zeros((boxes, 4)))


def comparison(similarity, *, areas=1e4, ignored=(), crowds=(), scores=None):
    """A comparison in one image; everybody has the same area."""
    similarity = np.array(similarity, float)
    found, labelled = similarity.shape
    flags = [np.isin(np.arange(labelled), numbers) for numbers in ((*ignored, *crowds), crowds)]
    scores = -np.arange(found, dtype=float) if scores is None else np.array(scores)
    return Comparison(similarity, scores, np.full(found, areas), np.full(labelled, areas), *flags)


def test_one_person_found_twice_counts_once():
    once = average_precision([comparison([[1.0]])])
    twice = average_precision([comparison([[1.0], [1.0]])])
    first_wrong = average_precision([comparison([[0.0], [1.0]])])
    assert once.ap == twice.ap == pytest.approx(1)
    assert first_wrong.ap == pytest.approx(0.5)
    assert first_wrong.ar == 1


def test_a_crowd_is_matched_by_many_and_a_bare_person_by_one():
    finds = [[0.0, 1.0], [0.0, 1.0], [1.0, 0.0]]
    assert average_precision([comparison(finds, crowds=[1])]).ap == pytest.approx(1)
    assert average_precision([comparison(finds, ignored=[1])]).ap == pytest.approx(0.5)


def test_scores_are_compared_over_all_images():
    right, wrong = comparison([[1.0]], scores=[0.5]), comparison([[0.0]], scores=[0.9])
    assert average_precision([right, wrong]).ap == pytest.approx(0.5 * 51 / 101)


def test_without_labels_there_is_no_precision_and_without_finds_it_is_zero():
    assert np.isnan(list(vars(average_precision([])).values())).all()
    assert np.isnan(average_precision([comparison([[1.0]], crowds=[0])]).ap)
    report = average_precision([comparison(np.zeros((0, 1)))])
    assert (report.ap, report.ar) == (0, 0)
    assert np.isnan(report.ap_medium)


def test_a_report_prints_its_figures():
    lines = str(average_precision([comparison([[0.77]])])).splitlines()
    assert lines[0].split() == ["ap", "0.600"]
    assert lines[3].split() == ["ap_medium", "nan"]
    assert len(lines) == 10
