import json
import math

import numpy as np
import pytest
from scipy import stats

from openpose_keras.core.errors import DataError, OpenPoseKerasError
from openpose_keras.core.keypoints import Hand
from openpose_keras.core.skeletons import HAND
from openpose_keras.evaluation import (
    auc,
    bootstrap_interval,
    epe,
    evaluate,
    evaluate_search,
    joint_pck,
    match_boxes,
    pck,
)
from openpose_keras.io.coco import LabelledHand, LabelledImage

THRESHOLDS = (0.02, 0.1, 0.3)


def noisy_hands(count=7, seed=0):
    """Predictions, labels and boxes with some missing and some unlabelled keypoints."""
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0, 100, (count, 21, 2))
    xy = truth + rng.normal(0, 8, truth.shape)
    xy[rng.random((count, 21)) < 0.1] = np.nan
    truth[rng.random((count, 21)) < 0.2] = np.nan
    boxes = np.column_stack([rng.uniform(0, 9, (count, 2)), rng.uniform(50, 120, (count, 2))])
    return xy, truth, boxes


def plain_distances(xy, truth, boxes):
    """Oracle: (hand, keypoint) to distance in box units, inf where missing, only if labelled."""
    distances = {}
    for hand in range(len(truth)):
        side = max(boxes[hand][2], boxes[hand][3])
        for joint in range(21):
            (x, y), (true_x, true_y) = xy[hand][joint], truth[hand][joint]
            if not (math.isnan(true_x) or math.isnan(true_y)):
                missing = math.isnan(x) or math.isnan(y)
                distance = math.inf if missing else math.hypot(x - true_x, y - true_y) / side
                distances[hand, joint] = distance
    return distances


def test_pck_agrees_with_plain_loops():
    xy, truth, boxes = noisy_hands()
    distances = plain_distances(xy, truth, boxes)
    expected = [sum(d < t for d in distances.values()) / len(distances) for t in THRESHOLDS]
    np.testing.assert_allclose(pck(xy, truth, boxes, THRESHOLDS), expected)


def test_joint_pck_agrees_with_plain_loops():
    xy, truth, boxes = noisy_hands()
    distances = plain_distances(xy, truth, boxes)
    values = joint_pck(xy, truth, boxes, THRESHOLDS)
    for joint in range(21):
        of_joint = [d for (_, j), d in distances.items() if j == joint]
        expected = [sum(d < t for d in of_joint) / len(of_joint) for t in THRESHOLDS]
        np.testing.assert_allclose(values[:, joint], expected)


def test_auc_is_the_area_under_pck_found_by_fine_steps():
    xy, truth, boxes = noisy_hands()
    steps = (np.arange(20000) + 0.5) / 20000 * 0.25
    assert auc(xy, truth, boxes, limit=0.25) == pytest.approx(
        pck(xy, truth, boxes, steps).mean(), abs=1e-5
    )


def test_epe_agrees_with_plain_loops_over_found_keypoints():
    xy, truth, _ = noisy_hands()
    units = plain_distances(xy, truth, np.ones((len(xy), 4)))
    found = [distance for distance in units.values() if math.isfinite(distance)]
    assert epe(xy, truth) == pytest.approx(sum(found) / len(found))


def test_perfect_prediction_scores_one_and_nothing_found_scores_zero():
    _, truth, boxes = noisy_hands()
    perfect = np.nan_to_num(truth)
    assert pck(perfect, truth, boxes).tolist() == [1, 1, 1]
    assert auc(perfect, truth, boxes) == 1
    assert epe(perfect, truth) == 0
    nothing = np.full_like(truth, np.nan)
    assert pck(nothing, truth, boxes).tolist() == [0, 0, 0]
    assert auc(nothing, truth, boxes) == 0
    assert math.isnan(epe(nothing, truth))


def test_missing_counts_as_wrong_and_unlabelled_is_ignored():
    truth = np.zeros((1, 21, 2))
    truth[0, 10:] = np.nan
    xy = np.zeros((1, 21, 2))
    xy[0, 0] = np.nan
    xy[0, 15] = 1e6  # far off, but nobody knows where it should be
    assert pck(xy, truth, [[0, 0, 10, 10]], [0.1])[0] == pytest.approx(9 / 10)
    by_joint = joint_pck(xy, truth, [[0, 0, 10, 10]], [0.1])[0]
    assert by_joint[0] == 0
    assert np.isnan(by_joint[10:]).all()


def test_unit_is_the_longer_side_and_a_distance_at_the_threshold_is_out():
    truth, xy = np.zeros((1, 21, 2)), np.zeros((1, 21, 2))
    xy[..., 0] = 16
    assert pck(xy, truth, [[0, 0, 64, 128]], [0.125, 0.1251]).tolist() == [0, 1]
    assert pck(xy, truth, [[0, 0, 128, 64]], [0.125, 0.1251]).tolist() == [0, 1]


def test_metrics_of_no_label_are_nan_without_a_warning():
    truth = np.full((2, 21, 2), np.nan)
    boxes = np.ones((2, 4))
    assert np.isnan(pck(truth, truth, boxes)).all()
    assert math.isnan(auc(truth, truth, boxes))
    assert np.isnan(pck(np.zeros((0, 21, 2)), np.zeros((0, 21, 2)), np.zeros((0, 4)))).all()


@pytest.mark.parametrize(
    ("xy", "truth", "boxes", "message"),
    [
        (np.zeros((2, 21, 2)), np.zeros((3, 21, 2)), np.ones((2, 4)), "must both be"),
        (np.zeros((21, 2)), np.zeros((21, 2)), np.ones((21, 4)), "must both be"),
        (np.zeros((2, 21, 2)), np.zeros((2, 21, 2)), np.ones((1, 4)), r"boxes must be \(2, 4\)"),
        (np.zeros((1, 21, 2)), np.zeros((1, 21, 2)), np.zeros((1, 4)), "has no size"),
        (np.zeros((1, 21, 2)), np.zeros((1, 21, 2)), np.full((1, 4), np.nan), "has no size"),
    ],
)
def test_wrong_shapes_and_empty_boxes_raise(xy, truth, boxes, message):
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
    low, high = bootstrap_interval(sums, counts, resamples=9999, seed=3)
    assert low == pytest.approx(expected.low, abs=0.003)
    assert high == pytest.approx(expected.high, abs=0.003)


def test_bootstrap_interval_is_seeded_and_holds_the_value():
    sums, counts = np.arange(10.0), np.full(10, 21.0)
    low, high = bootstrap_interval(sums, counts, seed=5)
    assert (low, high) == bootstrap_interval(sums, counts, seed=5)
    assert (low, high) != bootstrap_interval(sums, counts, seed=6)
    assert low < sums.sum() / counts.sum() < high


def test_bootstrap_interval_of_one_image_is_its_value_and_of_none_is_nan():
    assert bootstrap_interval([3], [4]) == (0.75, 0.75)
    assert all(math.isnan(bound) for bound in bootstrap_interval([], []))
    assert all(math.isnan(bound) for bound in bootstrap_interval([0, 0], [0, 0]))


def test_bootstrap_interval_survives_images_without_labels():
    low, high = bootstrap_interval([0, 0, 0, 5], [0, 0, 0, 10])
    assert low == high == 0.5


@pytest.mark.parametrize("options", [{"confidence": 1.0}, {"confidence": 0.0}, {"resamples": 0}])
def test_bootstrap_interval_refuses_senseless_options(options):
    with pytest.raises(ValueError, match="confidence"):
        bootstrap_interval([1], [1], **options)


def test_each_true_box_is_matched_once_and_the_first_prediction_chooses():
    truth = [(0, 0, 10, 10), (100, 100, 10, 10)]
    predicted = [(101, 100, 10, 10), (0, 0, 10, 9), (0, 0, 10, 10), (300, 0, 10, 10)]
    assert match_boxes(predicted, truth) == [(0, 1), (1, 0)]
    assert match_boxes([], truth) == match_boxes(predicted, []) == []


# --- running


def labelled_image(seed=0, count=2):
    rng = np.random.default_rng(seed)
    hands = tuple(
        LabelledHand.from_keypoints(rng.uniform(50, 150, (21, 2)), side="left")
        for _ in range(count)
    )
    return LabelledImage(np.zeros((200, 200, 3), np.uint8), hands)


class Oracle:
    """An estimator that knows the labels, puts noise on them and notes how it was called."""

    def __init__(self, samples, noise=0.0, missing=0.0):
        self.labels = {id(sample.image): sample.hands for sample in samples}
        self.rng = np.random.default_rng(0)
        self.noise, self.missing, self.calls = noise, missing, []

    def __call__(self, image, boxes=None, sides=None):
        self.calls.append((boxes, sides))
        hands = []
        for hand in self.labels[id(image)]:
            xy = hand.xy + self.rng.normal(0, self.noise, (21, 2))
            lost = self.rng.random(21) < self.missing
            xy[lost] = np.nan
            hands.append(Hand(xy=xy, scores=np.where(lost, 0, 0.5), side="right"))
        return hands


def test_report_agrees_with_the_pure_metrics():
    samples = [labelled_image(seed, count=1 + seed % 3) for seed in range(6)]
    report = evaluate(Oracle(samples, 6, 0.1), samples, thresholds=THRESHOLDS, progress=False)
    again = Oracle(samples, 6, 0.1)
    xy = np.stack([hand.xy for sample in samples for hand in again(sample.image)])
    truth = np.stack([hand.xy for sample in samples for hand in sample.hands])
    boxes = [hand.box for sample in samples for hand in sample.hands]
    assert (report.images, report.hands, report.keypoints) == (6, 12, 252)
    assert report.missing == np.isnan(xy[..., 0]).sum()
    values = [report.pck[threshold].value for threshold in THRESHOLDS]
    np.testing.assert_allclose(values, pck(xy, truth, boxes, THRESHOLDS))
    assert report.auc.value == pytest.approx(auc(xy, truth, boxes))
    assert report.epe.value == pytest.approx(epe(xy, truth))
    by_joint = joint_pck(xy, truth, boxes, THRESHOLDS)
    assert list(report.joints) == list(HAND.keypoints)
    for index, joint in enumerate(report.joints.values()):
        np.testing.assert_allclose(list(joint.pck.values()), by_joint[:, index])
        assert joint.epe == pytest.approx(epe(xy[:, [index]], truth[:, [index]]))
    for figure in (*report.pck.values(), report.auc, report.epe):
        assert figure.low <= figure.value <= figure.high


def test_crop_is_square_about_the_labelled_box_and_gives_no_side_away():
    samples = [labelled_image()]
    estimator = Oracle(samples)
    evaluate(estimator, samples, crop_factor=2.0, progress=False)
    ((boxes, sides),) = estimator.calls
    assert sides is None
    for box, hand in zip(boxes, samples[0].hands, strict=True):
        x, y, width, height = hand.box
        assert box[2] == box[3] == pytest.approx(2 * max(width, height), abs=1)
        assert box[0] + box[2] / 2 == pytest.approx(x + width / 2, abs=1)
        assert box[1] + box[3] / 2 == pytest.approx(y + height / 2, abs=1)
    evaluate(estimator, samples, use_sides=True, progress=False)
    assert estimator.calls[1][1] == ["left", "left"]


def test_images_without_hands_are_not_measured():
    samples = [labelled_image(count=0), labelled_image(count=1)]
    assert evaluate(Oracle(samples), samples, progress=False).images == 1
    with pytest.raises(DataError, match="no labelled hand"):
        evaluate(Oracle(samples), samples[:1], progress=False)
    with pytest.raises(DataError, match="no labelled hand"):
        evaluate(Oracle(samples), [], progress=False)


def test_estimator_that_gives_too_few_hands_is_told_so():
    with pytest.raises(OpenPoseKerasError, match="got 0 hands for 2"):
        evaluate(lambda image, boxes, sides: [], [labelled_image()], progress=False)


def test_report_prints_a_table_and_gives_json_without_nan():
    sample = labelled_image(count=1)
    nothing = Hand(xy=np.full((21, 2), np.nan), scores=np.zeros(21))
    report = evaluate(lambda image, boxes, sides: [nothing], [sample], progress=False)
    data = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert data["pck"]["0.1"] == {"value": 0, "low": 0, "high": 0}
    assert data["epe_px"]["value"] is None
    assert data["joints"]["little_tip"]["pck"]["0.2"] == 0
    text = str(report)
    assert "PCK@0.05" in text
    assert "little_tip" in text
    assert "1 hands in 1 images, 21 labelled keypoints, 21 of them missing" in text


def at(x, y, score=0.5, size=40):
    """A hand that fills a square of `size` pixels from (x, y)."""
    corners = np.array([[x, y], [x + size, y + size]], dtype=float)
    return Hand(xy=np.resize(corners, (21, 2)), scores=np.full(21, score))


def test_search_report_counts_found_lost_and_false_hands():
    image = np.zeros((300, 300, 3), np.uint8)
    truth = [LabelledHand.from_keypoints(at(x, 10).xy) for x in (10, 100, 200)]
    samples = [LabelledImage(image, tuple(truth)), LabelledImage(image, ())]
    answers = iter([[at(12, 11), at(14, 9, 0.9), at(101, 10), at(250, 250)], [at(0, 0)]])
    report = evaluate_search(lambda image: next(answers), samples, progress=False)
    assert (report.images, report.hands) == (2, 3)
    assert report.recall.value == pytest.approx(2 / 3)
    assert report.false_hands.value == pytest.approx(3 / 2)
    data = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert data["recall"]["value"] == pytest.approx(2 / 3)
    assert "recall, IoU 0.5" in str(report)


def test_search_that_finds_nothing_has_recall_zero_and_no_false_hand():
    nothing = Hand(xy=np.full((21, 2), np.nan), scores=np.zeros(21))
    report = evaluate_search(lambda image: [nothing], [labelled_image()], progress=False)
    assert report.recall.value == report.false_hands.value == 0
    with pytest.raises(DataError, match="no image"):
        evaluate_search(lambda image: [], [], progress=False)
