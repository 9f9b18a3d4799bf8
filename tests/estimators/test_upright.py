from dataclasses import replace

import numpy as np
import pytest

from openpose_keras.core.keypoints import Hand
from openpose_keras.estimators.hand import HandEstimator
from openpose_keras.estimators.recipes import RECIPES, InputSpec, Recipe
from openpose_keras.estimators.upright import inner_box, turn_back, turned_crop, upright_angle
from tests.helpers.fakes import DotNetwork, draw_dots, hand_layout

BOTH = InputSpec(box_size=160, stride=4, multiple=32, sides="both", upright=True)
RIGHT = InputSpec(upright=True)
BOX = (70.0, 30.0, 240.0, 240.0)


class Watching(DotNetwork):
    """Keeps what it is shown."""

    def __init__(self, spec):
        super().__init__(spec)
        self.seen = []

    def __call__(self, batch):
        self.seen += list(batch)
        return super().__call__(batch)


def scene(turn, left=False):
    """An image of one hand of dots, turned about the middle of the box, and where they are."""
    xy = (hand_layout(3) - 0.5) * 130
    if left:
        xy = xy * (-1, 1)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    xy = xy @ matrix.T + np.array(BOX[:2]) + (BOX[2] - 1) / 2
    return draw_dots(xy, (300, 400)), xy


@pytest.mark.parametrize("turn", [0.0, 0.9, 2.2, -1.6])
@pytest.mark.parametrize("spec", [BOTH, RIGHT], ids=["both", "right"])
def test_a_second_look_finds_the_same_dots_in_the_image(spec, turn):
    image, xy = scene(turn)
    [hand] = HandEstimator(DotNetwork(spec), spec=spec)(image, [BOX])
    np.testing.assert_allclose(hand.xy, xy, atol=0.25)
    assert hand.box == BOX


@pytest.mark.parametrize("scales", [(1.0,), (0.8, 1.0, 1.3)])
@pytest.mark.parametrize("scaling", ["box", "input"])
def test_scales_hold_for_a_second_look(scales, scaling):
    image, xy = scene(1.0)
    recipe = replace(RECIPES["refined"], scales=scales, scaling=scaling)
    [hand] = HandEstimator(DotNetwork(BOTH), spec=BOTH, recipe=recipe)(image, [BOX])
    np.testing.assert_allclose(hand.xy, xy, atol=0.3)


@pytest.mark.parametrize("left", [False, True])
def test_the_side_is_found_by_the_first_look_and_kept(left):
    image, xy = scene(0.7, left)
    [hand] = HandEstimator(DotNetwork(RIGHT), spec=RIGHT)(image, [BOX])
    assert hand.side == ("left" if left else "right")
    assert set(hand.side_scores) == {"left", "right"}
    np.testing.assert_allclose(hand.xy, xy, atol=0.3)


@pytest.mark.parametrize("turn", [0.4, 2.9, -2.0])
def test_the_last_look_shows_the_hand_upright(turn):
    image, _ = scene(turn)
    network = Watching(BOTH)
    recipe = replace(RECIPES["refined"], average_views=False)
    HandEstimator(network, spec=BOTH, recipe=recipe)(image, [BOX])
    first, last = (
        HandEstimator(DotNetwork(BOTH), spec=BOTH, recipe=Recipe(average_views=False))(
            np.uint8((picture + 0.5) * 255), "whole"
        )[0]
        for picture in network.seen
    )
    assert abs(np.sin(upright_angle(last.xy) / 2)) < 0.01
    assert abs(np.sin(upright_angle(first.xy) / 2)) > 0.05


def test_two_hands_take_two_runs_of_the_network():
    image, _ = scene(0.5)
    network = DotNetwork(BOTH)
    hands = HandEstimator(network, spec=BOTH)(image, [BOX, (60.0, 20.0, 260.0, 260.0)])
    assert len(hands) == 2
    assert [shape[0] for shape in network.calls] == [2, 4]  # once, then mirrored too


@pytest.mark.parametrize(
    ("recipe", "spec"),
    [
        (RECIPES["refined"], replace(BOTH, upright=False)),
        (replace(RECIPES["refined"], look_again=False), BOTH),
        (RECIPES["openpose"], BOTH),
    ],
)
def test_there_is_one_look_where_a_second_does_not_pay(recipe, spec):
    network = DotNetwork(spec)
    HandEstimator(network, spec=spec, recipe=recipe)(scene(1.0)[0], [BOX], "right")
    assert len(network.calls) == 1


def test_a_hand_that_is_not_found_is_looked_at_as_it_is():
    [hand] = HandEstimator(DotNetwork(BOTH), spec=BOTH)(np.zeros((200, 200, 3), np.uint8), [BOX])
    assert not hand.found.any()


def test_a_box_over_the_edge_can_be_turned():
    image, xy = scene(1.2)
    cut = np.ascontiguousarray(image[:, 110:])
    box = (BOX[0] - 110, *BOX[1:])
    [hand] = HandEstimator(DotNetwork(BOTH), spec=BOTH)(cut, [box])
    inside = hand.found & (xy[:, 0] > 122)
    assert inside.sum() > 10
    np.testing.assert_allclose(hand.xy[inside] + (110, 0), xy[inside], atol=0.5)


def test_the_crop_holds_all_scales_and_the_inner_box_is_the_hands():
    hand = Hand(np.zeros((21, 2)), np.ones(21), box=(10, 20, 80, 80))
    recipe = Recipe(scales=(0.5, 1.25))
    crop = turned_crop(hand, recipe, InputSpec(box_size=80))
    assert crop.size == 200 and crop.box == (0, 10, 100, 100)
    assert inner_box(crop.size, recipe) == (20, 20, 160, 160)


def test_turned_back_keypoints_keep_box_side_and_scores():
    first = Hand(np.zeros((21, 2)), np.ones(21), box=(10, 20, 80, 80), side="left")
    crop = turned_crop(first, Recipe(), InputSpec(box_size=160))
    found = Hand(np.full((21, 2), 79.5), np.full(21, 0.5))
    hand = turn_back(found, crop, first)
    np.testing.assert_allclose(hand.xy, [[49.5, 59.5]] * 21)
    assert hand.side == "left" and hand.box == first.box
    assert (hand.scores == 0.5).all()
