"""The targets of a body network: against plain loops, and through the grouping of people."""

import time

import numpy as np
import pytest

from openpose_keras.core.skeletons import BODY_25, BODY_COCO, BODY_MPI
from openpose_keras.estimators.body import BodyEstimator
from openpose_keras.heatmaps.connectors import CONNECTORS
from openpose_keras.heatmaps.people import find_people
from openpose_keras.heatmaps.resize import upsample_apart
from openpose_keras.training.bodies.data import BodySample
from openpose_keras.training.bodies.targets import (
    affinity_fields,
    body_heatmaps,
    body_targets,
    cell_weights,
    target_weights,
)
from tests.helpers.people import standing, targets_by_loops, weights_by_loops

each_skeleton = pytest.mark.parametrize(
    "skeleton", [BODY_25, BODY_COCO, BODY_MPI], ids=lambda each: each.name
)
SIZE = (368, 656)
EXACT = 3  # pixels


def crowd(rng, skeleton, count, size=SIZE, heights=(100, 350)):
    """Return people anywhere in an input and about it, a fifth of their keypoints missing."""
    middles = rng.uniform((0, 0), size[::-1], (count, 2))
    people = np.stack([standing(skeleton, each, rng.uniform(*heights)) for each in middles])
    people += rng.normal(0, 10, people.shape)
    people[rng.random(people.shape[:2]) < 0.2] = np.nan
    return people


def apart(rng, skeleton):
    """Return four people side by side, none cut off, and no limb shorter than a cell."""
    people = []
    for column in range(4):
        middle = 82 + 164 * column + rng.uniform(-8, 8), 190 + rng.uniform(-10, 10)
        people.append(standing(skeleton, middle, rng.uniform(200, 290)))
    people = np.stack(people)
    return people + rng.normal(0, 3, people.shape)


@each_skeleton
@pytest.mark.parametrize(("size", "stride"), [((96, 128), 8), ((51, 70), 4)])
def test_targets_agree_with_plain_loops(skeleton, size, stride):
    rng = np.random.default_rng(stride)
    people = crowd(rng, skeleton, 5, size, heights=(30, 110))
    people[0, 1] = people[0, 0]  # a limb of no length, and two Gaussians on one another
    people[1, :2] = people[0, :2] + 0.5
    people[2, 3] = (20.0, 36.0)  # edges of its limbs' boxes fall between two cells
    found = body_targets(people, skeleton, size, stride=stride)
    expected = targets_by_loops(people, skeleton, size, stride=stride)
    assert expected[0][..., :-1].max() == 1
    assert (np.hypot(expected[1][..., ::2], expected[1][..., 1::2]) < 0.99).any()
    for maps, truth in zip(found, expected, strict=True):
        assert maps.dtype == np.float32
        np.testing.assert_allclose(maps, truth, atol=1e-6)


def test_widths_of_peaks_and_limbs_are_the_caller_s():
    people = crowd(np.random.default_rng(3), BODY_MPI, 3, (64, 80), heights=(30, 70))
    heatmaps, fields = targets_by_loops(people, BODY_MPI, (64, 80), sigma=4.0, width=2.0)
    found = body_heatmaps(people, BODY_MPI, (64, 80), sigma=4.0)
    np.testing.assert_allclose(found, heatmaps, atol=1e-6)
    found = affinity_fields(people, BODY_MPI, (64, 80), width=2.0)
    np.testing.assert_allclose(found, fields, atol=1e-6)


@each_skeleton
@pytest.mark.parametrize("connector", CONNECTORS)
def test_people_who_hide_nobody_are_found_in_their_targets(skeleton, connector):
    for seed in range(5):
        people = apart(np.random.default_rng(seed), skeleton)
        maps = np.dstack(body_targets(people, skeleton, SIZE))
        found, _ = find_people(upsample_apart(maps, SIZE), skeleton, connector=connector)
        assert len(found) == len(people)
        for xy in people:
            away = np.linalg.norm(found[..., :2] - xy, axis=2).max(axis=1)
            assert np.nanmin(away) < EXACT  # all of its keypoints, in one person


def test_the_estimator_finds_people_in_the_pixels_of_the_image():
    people = apart(np.random.default_rng(9), BODY_25)

    def network(batch):
        maps = body_targets(people, BODY_25, batch.shape[1:3])
        return dict(zip(("keypoints", "affinity"), (each[None] for each in maps), strict=True))

    bodies = BodyEstimator(network, skeleton=BODY_25)(np.zeros((*SIZE, 3), np.uint8))
    assert len(bodies) == len(people)
    found = np.stack([body.xy for body in bodies])
    for xy in people:
        assert np.linalg.norm(found - xy, axis=2).max(axis=1).min() < EXACT


@each_skeleton
def test_without_people_all_is_background(skeleton):
    for people in ([], np.full((2, len(skeleton), 2), np.nan), np.full((1, len(skeleton), 2), 9e9)):
        heatmaps, fields = body_targets(people, skeleton, (30, 40))
        assert (heatmaps == np.eye(len(skeleton) + 1)[-1]).all()
        assert fields.shape == (4, 5, 2 * len(skeleton.limbs))
        assert not fields.any()


def test_keypoints_of_another_skeleton_are_refused():
    with pytest.raises(ValueError, match=r"expected people \(n, 25, 2\) of body_25, got shape"):
        body_targets(np.zeros((2, 18, 2)), BODY_25, SIZE)


def test_a_cell_counts_by_the_pixels_in_it_that_are_labelled():
    rng = np.random.default_rng(0)
    unlabelled = rng.random((20, 27)) < 0.4
    unlabelled[8:16, :8] = True
    weights = cell_weights(unlabelled, 8)
    assert weights.shape == (3, 4)
    assert weights[1, 0] == 0
    for (row, column), weight in np.ndenumerate(weights[:2, :3]):
        cell = unlabelled[8 * row : 8 * row + 8, 8 * column : 8 * column + 8]
        assert weight == pytest.approx(1 - cell.mean(), abs=1e-6)
    assert (cell_weights(np.zeros((20, 27), bool), 8) == 1).all()


@each_skeleton
@pytest.mark.parametrize("seed", range(3))
def test_weights_agree_with_plain_loops(skeleton, seed):
    rng, size = np.random.default_rng(seed), (96, 136)
    people = crowd(rng, skeleton, 3, size, heights=(20, 90))
    known = rng.random(len(skeleton)) < 0.8
    people[:, ~known] = np.nan
    people[0, rng.random(len(skeleton)) < 0.5] = np.nan
    unsure = np.isnan(people[..., 0]) & (rng.random(people.shape[:2]) < 0.3)
    unsure[1] = False
    marked = np.zeros(size, bool)
    marked[10:50, 5:77] = True
    sample = BodySample(np.zeros((*size, 3), np.uint8), people, marked, known, unsure)
    targets = body_targets(people, skeleton, size)
    found = target_weights(sample, targets, skeleton)
    expected = weights_by_loops(people, known, unsure, cell_weights(marked), targets, skeleton)
    for weights, truth in zip(found, expected, strict=True):
        assert weights.dtype == np.float32
        np.testing.assert_array_equal(weights, truth.astype(np.float32))
        assert {0.0, 1.0} < set(np.unique(weights).tolist())


def test_what_is_known_of_everyone_counts_everywhere():
    people = apart(np.random.default_rng(0), BODY_25)
    sample = BodySample(np.zeros((*SIZE, 3), np.uint8), people, np.zeros(SIZE, bool))
    for weights in target_weights(sample, body_targets(people, BODY_25, SIZE), BODY_25):
        assert (weights == 1).all()


def test_targets_of_twenty_people_take_thirty_milliseconds_at_most():
    people = crowd(np.random.default_rng(0), BODY_25, 20)
    times = []
    for _ in range(7):
        start = time.perf_counter()
        body_targets(people, BODY_25, SIZE)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.03  # 12 ms on a core that was busy with something else too
