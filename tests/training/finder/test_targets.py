"""Targets of the finder of hands, and the loss that rewards them."""

import numpy as np
import pytest
from keras import ops

from openpose_keras.estimators.palms import palm_anchors
from openpose_keras.training.finder.targets import (
    MOST_HANDS,
    PALM_KEYPOINTS,
    cut_off,
    finder_loss,
    pack_targets,
    palm_values,
)
from tests.helpers.training_fakes import open_hand

# TensorFlow's own modules use what Python and NumPy have deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow.*")
SIZE = 96
ANCHORS = palm_anchors(SIZE, SIZE)
NO_BOXES = np.zeros((0, 5))


def answer(hands=(), logit=-20.0):
    """Return an answer (1, a, 19) whose every anchor tells the nearest of the hands."""
    values = np.zeros((len(ANCHORS), 9, 2))
    if hands:
        targets = np.array([palm_values(xy) for xy in hands])
        away = np.abs(ANCHORS[:, None] - targets[:, 0]).max(axis=-1)
        values = targets[away.argmin(axis=1)] - ANCHORS[:, None]
        values[:, 1] += ANCHORS
    table = np.column_stack([values.reshape(-1, 18), np.full(len(ANCHORS), logit)])
    return table[None].astype(np.float32)


def loss(hands, boxes, given):
    truth = pack_targets(hands, np.asarray(boxes, np.float64).reshape(-1, 5), size=SIZE)
    return float(ops.convert_to_numpy(finder_loss(SIZE)(truth[None], given))[0])


def slopes(hands, boxes, xy):
    """Return by how much the loss grows with the score of the nearest anchor of each kind (8,)."""
    index, first = np.arange(len(ANCHORS)), 2 * (SIZE // 8) ** 2
    kinds = np.where(index < first, index % 2, 2 + (index - first) % 6)
    result = []
    for kind in range(8):
        those = np.flatnonzero(kinds == kind)
        near = those[np.abs(ANCHORS[those] - xy).max(axis=1).argmin()]
        given = [answer(hands, 0.0), answer(hands, 0.0)]
        given[0][0, near, 18], given[1][0, near, 18] = -1, 1
        result.append(loss(hands, boxes, given[1]) - loss(hands, boxes, given[0]))
    return np.array(result)


def test_a_palm_is_the_square_around_its_keypoints_and_the_hand_is_measured_upright():
    xy = open_hand((40, 50), 60)
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    upright, turned = palm_values(xy), palm_values(xy @ turn.T)
    np.testing.assert_allclose(turned[[0, 2, 3, 8]], upright[[0, 2, 3, 8]] @ turn.T, atol=0.3)
    assert turned[1] == pytest.approx(upright[1], rel=0.02)
    low, high = xy[PALM_KEYPOINTS].min(axis=0), xy[PALM_KEYPOINTS].max(axis=0)
    np.testing.assert_allclose(upright[0], (low + high) / 2)
    assert upright[1, 0] == pytest.approx((high - low).max())
    assert upright[1, 1] == pytest.approx(60, rel=0.05)


def test_a_hand_is_cut_off_where_its_palm_is_or_too_small():
    inside, outside = open_hand((50, 50), 40), open_hand((50, 200), 40)
    at_edge, tiny = open_hand((50, 96), 60), open_hand((20, 20), 6)
    kept, doubtful = cut_off([inside, outside, at_edge, tiny], (96, 96))
    assert [xy is inside for xy in kept] == [True]
    np.testing.assert_allclose(doubtful[:, 2:].max(axis=1), [60, 6], rtol=1e-5)


def test_the_right_answer_costs_next_to_nothing_and_a_worse_one_more():
    hands = [open_hand((30, 40), 40), open_hand((70, 60), 26)]
    truth = pack_targets(hands, NO_BOXES, size=SIZE)
    assert (truth[:MOST_HANDS, 0] > 0).sum() == 2
    right = answer(hands)
    blind = loss(hands, [], right)
    assert blind > 5  # every score is low
    # Anchors that should answer are those whose score lowers the loss.
    costs = []
    for shift in (0.0, 3.0, 9.0):
        moved = right.copy()
        moved[..., :2] += shift
        costs.append(loss(hands, [], moved) - blind)
    assert costs[0] == 0
    assert 0 < costs[1] < costs[2]


def test_an_image_without_hands_costs_what_it_scores():
    assert loss([], [], answer(logit=-20.0)) < 1e-6
    assert loss([], [], answer(logit=0.0)) > 1


def test_scores_are_wanted_at_palms_and_nowhere_else():
    hands = [open_hand((48, 50), 44)]
    at_palm = slopes(hands, [], palm_values(hands[0])[0])
    assert at_palm.min() < -0.01
    assert at_palm[7] > 1e-4  # it answers for much larger palms
    assert (slopes(hands, [], (8.0, 8.0)) > 1e-4).all()


def test_doubtful_boxes_cost_nothing_and_what_looks_like_a_hand_costs_more():
    hands, box, middle = [open_hand((24, 26), 30)], [60.0, 60.0, 30.0, 30.0], (75.0, 75.0)
    plain = slopes(hands, [], middle)
    np.testing.assert_allclose(slopes(hands, [[*box, 1.0]], middle), 0, atol=1e-5)
    assert (slopes(hands, [[*box, 2.0]], middle) > 2 * plain).all()
