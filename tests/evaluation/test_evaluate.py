from dataclasses import replace

import numpy as np
import pytest

from openpose_keras.core.errors import DataError, OpenPoseKerasError
from openpose_keras.core.keypoints import Hand
from openpose_keras.core.skeletons import HAND
from openpose_keras.evaluation import auc, epe, evaluate, evaluate_search, joint_pck, pck
from openpose_keras.io.coco import LabelledHand, LabelledImage

THRESHOLDS = (0.02, 0.1, 0.3)
NOTHING = Hand(xy=np.full((21, 2), np.nan), scores=np.zeros(21))


def labelled_image(seed=0, count=2):
    rng = np.random.default_rng(seed)
    hands = tuple(
        LabelledHand.from_keypoints(rng.uniform(50, 150, (21, 2)), side="left")
        for _ in range(count)
    )
    return LabelledImage(np.zeros((200, 200, 3), np.uint8), hands)


def oracle(samples, noise=6.0, missing=0.1):
    """Return an estimator that knows the labels, and puts noise on them."""
    labels = {id(sample.image): sample.hands for sample in samples}
    rng = np.random.default_rng(0)

    def estimator(image, boxes=None, sides=None):
        hands = []
        for hand in labels[id(image)]:
            xy, lost = hand.xy + rng.normal(0, noise, (21, 2)), rng.random(21) < missing
            xy[lost] = np.nan
            hands.append(Hand(xy=xy, scores=np.where(lost, 0, 0.5), side="right"))
        return hands

    return estimator


def test_report_agrees_with_the_pure_metrics():
    samples = [labelled_image(seed, count=seed % 4) for seed in range(8)]
    report = evaluate(oracle(samples), samples, thresholds=THRESHOLDS, progress=False)
    again = oracle(samples)
    xy = np.stack([hand.xy for sample in samples for hand in again(sample.image)])
    truth = np.stack([hand.xy for sample in samples for hand in sample.hands])
    boxes = [hand.box for sample in samples for hand in sample.hands]
    assert (report.images, report.hands, report.keypoints) == (6, 12, 252)  # two without a hand
    assert report.missing == np.isnan(xy[..., 0]).sum()
    values = [report.pck[threshold].value for threshold in THRESHOLDS]
    np.testing.assert_allclose(values, pck(xy, truth, boxes, THRESHOLDS))
    assert report.auc.value == pytest.approx(auc(xy, truth, boxes))
    assert report.epe_px.value == pytest.approx(epe(xy, truth))
    by_joint = joint_pck(xy, truth, boxes, THRESHOLDS)
    assert list(report.joints) == list(HAND.keypoints)
    for index, joint in enumerate(report.joints.values()):
        assert list(joint.pck.values()) == by_joint[:, index].tolist()
        assert joint.epe_px == pytest.approx(epe(xy[:, [index]], truth[:, [index]]))
    for figure in (*report.pck.values(), report.auc, report.epe_px):
        assert figure.low < figure.value < figure.high


def test_crop_is_square_about_the_labelled_box_and_gives_no_side_away():
    samples, calls = [labelled_image()], []

    def estimator(image, boxes, sides):
        calls.append((boxes, sides))
        return [NOTHING] * len(boxes)

    evaluate(estimator, samples, crop_factor=2.0, progress=False)
    evaluate(estimator, samples, use_sides=True, progress=False)
    (boxes, sides), (_, known_sides) = calls
    assert (sides, known_sides) == (None, ["left", "left"])
    for (left, top, side, height), hand in zip(boxes, samples[0].hands, strict=True):
        x, y, width, tall = hand.box
        assert side == height == pytest.approx(2 * max(width, tall), abs=1)
        assert left + side / 2 == pytest.approx(x + width / 2, abs=1)
        assert top + side / 2 == pytest.approx(y + tall / 2, abs=1)


@pytest.mark.parametrize("samples", [[], [labelled_image(count=0)]])
def test_without_a_labelled_hand_there_is_nothing_to_measure(samples):
    with pytest.raises(DataError, match="no labelled hand"):
        evaluate(oracle(samples), samples, progress=False)


def test_hands_without_a_keypoint_are_skipped_in_crops_and_count_in_a_search():
    sample = labelled_image(count=1)
    boxed = LabelledHand(np.full((21, 2), np.nan), sample.hands[0].box)
    both = replace(sample, hands=(boxed, *sample.hands))
    estimator = oracle([sample], missing=0.0)
    assert evaluate(estimator, [both], progress=False).hands == 1
    assert evaluate_search(estimator, [both], progress=False).hands == 2


def test_estimator_that_gives_too_few_hands_is_told_so():
    with pytest.raises(OpenPoseKerasError, match="a hand a box, 2, got 0"):
        evaluate(lambda image, boxes, sides: [], [labelled_image()], progress=False)


def at(x, y, score=0.5, size=40):
    """A hand that fills a square of `size` pixels from (x, y)."""
    corners = np.array([[x, y], [x + size, y + size]], dtype=float)
    return Hand(xy=np.resize(corners, (21, 2)), scores=np.full(21, score))


def test_search_report_counts_found_lost_and_false_hands():
    image = np.zeros((300, 300, 3), np.uint8)
    truth = [LabelledHand.from_keypoints(at(x, 10).xy) for x in (10, 100, 200)]
    samples = [LabelledImage(image, tuple(truth)), LabelledImage(image, ())]
    answers = iter([[at(12, 11), at(14, 9, 0.9), at(101, 10), at(250, 250)], [at(0, 0), NOTHING]])
    report = evaluate_search(lambda image: next(answers), samples, progress=False)
    assert (report.images, report.hands) == (2, 3)
    assert report.recall.value == pytest.approx(2 / 3)
    assert report.precision.value == pytest.approx(2 / 5)
    assert report.false_hands_per_image.value == pytest.approx(3 / 2)


def test_hands_that_are_large_for_their_image_have_a_recall_of_their_own():
    image = np.zeros((300, 300, 3), np.uint8)
    hands = [at(10, 10, size=100), at(150, 150, size=20)]
    truth = tuple(LabelledHand.from_keypoints(hand.xy) for hand in hands)
    sample = LabelledImage(image, truth)
    report = evaluate_search(lambda image: hands[:1], [sample], large=0.2, progress=False)
    assert (report.recall.value, report.large_recall.value) == (0.5, 1.0)


def test_sides_count_where_both_are_known():
    image = np.zeros((300, 300, 3), np.uint8)
    places, told, known = (10, 100, 200), ("left", "left", None), ("left", "right", "left")
    truth = tuple(
        replace(LabelledHand.from_keypoints(at(x, 10).xy), side=side)
        for x, side in zip(places, known, strict=True)
    )
    found = [replace(at(x, 10), side=side) for x, side in zip(places, told, strict=True)]
    sample = LabelledImage(image, truth)
    searched = evaluate_search(lambda image: found, [sample], progress=False)
    cropped = evaluate(lambda image, boxes, sides: found, [sample], progress=False)
    assert searched.sides.value == cropped.sides.value == 0.5


def test_probabilities_are_compared_with_what_is_labelled():
    image = np.zeros((300, 300, 3), np.uint8)
    truth = replace(LabelledHand.from_keypoints(at(10, 10).xy), side="left")
    crowd = LabelledHand.from_keypoints(at(100, 10).xy).box
    sample = LabelledImage(image, (truth,), (crowd,))
    found = [
        replace(at(10, 10), presence=0.95, right=0.25),
        replace(at(101, 10), presence=0.55, right=0.5),  # in a crowd: neither right nor wrong
        replace(at(250, 250), presence=0.35, right=0.5),
        at(200, 200),  # of a network that does not tell its presence
    ]
    searched = evaluate_search(lambda image: found, [sample], progress=False)
    assert [tuple(row) for row in searched.presence.bins] == [(1, 0.35, 0.0), (1, 0.95, 1.0)]
    assert searched.right.bins == [(1, 0.25, 0.0)]
    cropped = evaluate(lambda image, boxes, sides: found[:1], [sample], progress=False)
    assert cropped.right.bins == [(1, 0.25, 0.0)]


def test_the_keypoints_with_the_best_scores_are_told_apart():
    sample = labelled_image()
    hands = oracle([sample], noise=0.1, missing=0.0)(
        sample.image, boxes=[hand.box for hand in sample.hands], sides=None
    )
    moved = hands[1].xy + 500
    worse = replace(hands[1], xy=moved, scores=np.full(21, 0.1))
    good = replace(hands[0], scores=np.full(21, 0.9))
    report = evaluate(lambda image, boxes, sides: [good, worse], [sample], progress=False)
    assert report.kept[0.5].value == 1.0
    assert report.kept[0.75].value < 0.7


def test_hand_found_in_a_crowd_counts_neither_way():
    image = np.zeros((300, 300, 3), np.uint8)
    truth = (LabelledHand.from_keypoints(at(10, 10).xy),)
    crowd = LabelledHand.from_keypoints(at(200, 10).xy).box
    sample = LabelledImage(image, truth, (crowd,))
    found = [at(10, 10), at(201, 10), at(190, 12), at(250, 250)]
    report = evaluate_search(lambda image: found, [sample], progress=False)
    assert report.hands == 1
    assert report.recall.value == report.false_hands_per_image.value == 1


def test_search_without_an_image_is_refused():
    with pytest.raises(DataError, match="no image"):
        evaluate_search(lambda image: [], [], progress=False)
