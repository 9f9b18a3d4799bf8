import math

import numpy as np
import pytest
from scipy import stats

from openpose_keras.evaluation import auc, bootstrap_interval, epe, joint_pck, match_boxes, pck

THRESHOLDS = (0.02, 0.1, 0.3)
ZEROS = np.zeros((2, 21, 2))


@pytest.fixture
def hands():
    """Predictions, labels and boxes with some missing and some unlabelled keypoints."""
    rng = np.random.default_rng(0)
    truth = rng.uniform(0, 100, (7, 21, 2))
    xy = truth + rng.normal(0, 8, truth.shape)
    xy[rng.random((7, 21)) < 0.1] = np.nan
    truth[rng.random((7, 21)) < 0.2] = np.nan
    boxes = np.column_stack([rng.uniform(0, 9, (7, 2)), rng.uniform(50, 120, (7, 2))])
    return xy, truth, boxes


def plain_distances(xy, truth, boxes):
    """Oracle: (hand, keypoint) to distance in box units, inf where missing, only if labelled."""
    distances = {}
    for hand, joint in np.ndindex(truth.shape[:2]):
        (x, y), (true_x, true_y) = xy[hand][joint], truth[hand][joint]
        if not math.isnan(true_x):
            distance = math.inf if math.isnan(x) else math.hypot(x - true_x, y - true_y)
            distances[hand, joint] = distance / max(boxes[hand][2:])
    return distances


def test_pck_of_all_and_of_each_keypoint_agrees_with_plain_loops(hands):
    distances = plain_distances(*hands)
    expected = [sum(d < t for d in distances.values()) / len(distances) for t in THRESHOLDS]
    np.testing.assert_allclose(pck(*hands, THRESHOLDS), expected)
    values = joint_pck(*hands, THRESHOLDS)
    for joint in range(21):
        of_joint = [d for (_, j), d in distances.items() if j == joint]
        expected = [sum(d < t for d in of_joint) / len(of_joint) for t in THRESHOLDS]
        np.testing.assert_allclose(values[:, joint], expected)


def test_auc_is_the_area_under_pck_found_by_fine_steps(hands):
    steps = (np.arange(20000) + 0.5) / 20000 * 0.25
    assert auc(*hands, limit=0.25) == pytest.approx(pck(*hands, steps).mean(), abs=1e-5)


def test_epe_agrees_with_plain_loops_over_found_keypoints(hands):
    xy, truth, _ = hands
    found = [d for d in plain_distances(xy, truth, np.ones((7, 4))).values() if math.isfinite(d)]
    assert epe(xy, truth) == pytest.approx(sum(found) / len(found))


def test_perfect_prediction_scores_one_and_nothing_found_scores_zero(hands):
    _, truth, boxes = hands
    for xy, score in ((np.nan_to_num(truth), 1), (np.full_like(truth, np.nan), 0)):
        assert pck(xy, truth, boxes).tolist() == [score] * 3
        assert auc(xy, truth, boxes) == score
        assert epe(xy, truth) == 0 if score else math.isnan(epe(xy, truth))


def test_missing_counts_as_wrong_and_unlabelled_is_ignored():
    xy, truth = ZEROS[:1].copy(), ZEROS[:1].copy()
    truth[0, 10:] = np.nan
    xy[0, 0] = np.nan
    xy[0, 15] = 1e6  # far off, but nobody knows where it should be
    assert pck(xy, truth, [[0, 0, 10, 10]], [0.1])[0] == pytest.approx(9 / 10)
    by_joint = joint_pck(xy, truth, [[0, 0, 10, 10]], [0.1])[0]
    assert by_joint[0] == 0
    assert np.isnan(by_joint[10:]).all()


@pytest.mark.parametrize("box", [(0, 0, 64, 128), (0, 0, 128, 64)])
def test_unit_is_the_longer_side_and_a_distance_at_the_threshold_is_out(box):
    assert pck(np.add(ZEROS, (16, 0)), ZEROS, [box, box], [0.125, 0.1251]).tolist() == [0, 1]


def test_metrics_of_no_label_are_nan_without_a_warning():
    truth, boxes = np.full((2, 21, 2), np.nan), np.ones((2, 4))
    assert np.isnan(pck(truth, truth, boxes)).all()
    assert math.isnan(auc(truth, truth, boxes))
    assert np.isnan(pck(ZEROS[:0], ZEROS[:0], boxes[:0])).all()


@pytest.mark.parametrize(
    ("xy", "truth", "boxes", "message"),
    [
        (ZEROS, ZEROS[:1], np.ones((2, 4)), "xy and truth"),
        (ZEROS[0], ZEROS[0], np.ones((21, 4)), "xy and truth"),
        (ZEROS, ZEROS, np.ones((1, 4)), r"boxes \(2, 4\)"),
        (ZEROS, ZEROS, np.zeros((2, 4)), "a size above 0"),
        (ZEROS, ZEROS, np.full((2, 4), np.nan), "a size above 0"),
    ],
)
def test_wrong_shapes_and_empty_boxes_are_refused(xy, truth, boxes, message):
    with pytest.raises(ValueError, match=message):
        pck(xy, truth, boxes)


def test_bootstrap_interval_agrees_with_scipy():
    rng = np.random.default_rng(1)
    counts = rng.integers(5, 22, 60)
    sums = rng.binomial(counts, 0.7)
    expected = stats.bootstrap(
        (sums, counts),
        lambda a, b, axis: a.sum(axis=axis) / b.sum(axis=axis),
        paired=True,
        vectorized=True,
        n_resamples=9999,
        method="percentile",
        rng=np.random.default_rng(2),
    ).confidence_interval
    interval = bootstrap_interval(sums, counts, resamples=9999, seed=3)
    assert interval == pytest.approx(expected, abs=0.003)
    assert interval == bootstrap_interval(sums, counts, resamples=9999, seed=3)
    assert interval != bootstrap_interval(sums, counts, resamples=9999, seed=6)


@pytest.mark.parametrize(
    ("sums", "counts", "value"),
    [([3], [4], 0.75), ([0, 0, 0, 5], [0, 0, 0, 10], 0.5), ([], [], np.nan), ([0], [0], np.nan)],
)
def test_bootstrap_interval_of_one_labelled_image_is_its_value_and_of_none_nan(sums, counts, value):
    np.testing.assert_equal(bootstrap_interval(sums, counts), (value, value))


@pytest.mark.parametrize("options", [{"confidence": 1.0}, {"confidence": 0.0}, {"resamples": 0}])
def test_bootstrap_interval_refuses_senseless_options(options):
    with pytest.raises(ValueError, match="confidence"):
        bootstrap_interval([1], [1], **options)


def test_each_true_box_is_matched_once_and_the_first_prediction_chooses():
    truth = [(0, 0, 10, 10), (100, 100, 10, 10)]
    predicted = [(101, 100, 10, 10), (0, 0, 10, 9), (0, 0, 10, 10), (300, 0, 10, 10)]
    assert match_boxes(predicted, truth) == [(0, 1), (1, 0)]
    assert match_boxes([], truth) == match_boxes(predicted, []) == []
