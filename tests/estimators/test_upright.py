from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openpose_keras.core.skeletons import FACE
from openpose_keras.estimators.face import FaceEstimator
from openpose_keras.estimators.hand import HandEstimator
from openpose_keras.estimators.recipes import RECIPES, InputSpec, Recipe
from openpose_keras.estimators.views import inner_box, upright_angle, upright_crop
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
def test_a_upright_pass_finds_the_same_dots_in_the_image(spec, turn):
    image, xy = scene(turn)
    [hand] = HandEstimator(DotNetwork(spec), spec=spec)(image, [BOX])
    np.testing.assert_allclose(hand.xy, xy, atol=0.25)
    assert hand.box == BOX


@pytest.mark.parametrize("scales", [(1.0,), (0.8, 1.0, 1.3)])
@pytest.mark.parametrize("scaling", ["box", "input"])
def test_scales_hold_for_a_upright_pass(scales, scaling):
    image, xy = scene(1.0)
    recipe = replace(RECIPES["refined"], scales=scales, scaling=scaling)
    [hand] = HandEstimator(DotNetwork(BOTH), spec=BOTH, recipe=recipe)(image, [BOX])
    np.testing.assert_allclose(hand.xy, xy, atol=0.3)


@pytest.mark.parametrize("left", [False, True])
def test_the_side_is_found_by_the_last_pass(left):
    image, xy = scene(0.7, left)
    [hand] = HandEstimator(DotNetwork(RIGHT), spec=RIGHT)(image, [BOX])
    assert hand.side == ("left" if left else "right")
    assert set(hand.side_scores) == {"left", "right"}
    np.testing.assert_allclose(hand.xy, xy, atol=0.3)


@pytest.mark.parametrize("turn", [0.4, 2.9, -2.0])
def test_the_last_pass_shows_the_hand_upright(turn):
    image, _ = scene(turn)
    network = Watching(BOTH)
    recipe = replace(RECIPES["refined"], flip_average=False)
    HandEstimator(network, spec=BOTH, recipe=recipe)(image, [BOX])
    first, last = (
        HandEstimator(DotNetwork(BOTH), spec=BOTH, recipe=Recipe(flip_average=False))(
            np.uint8((image + 0.5) * 255), "whole"
        )[0]
        for image in network.seen
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
        (replace(RECIPES["refined"], upright_pass=False), BOTH),
        (RECIPES["openpose"], BOTH),
    ],
)
def test_there_is_one_pass_where_an_upright_pass_does_not_pay(recipe, spec):
    network = DotNetwork(spec)
    HandEstimator(network, spec=spec, recipe=recipe)(scene(1.0)[0], [BOX], "right")
    assert len(network.calls) == 1


def test_a_hand_that_is_not_found_is_shown_as_it_is():
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
    recipe = Recipe(scales=(0.5, 1.25))
    crop = upright_crop((10, 20, 80, 80), np.zeros((21, 2)), 0.0, recipe, InputSpec(box_size=80))
    assert crop.size == 200
    assert crop.box == (0, 10, 100, 100)
    assert inner_box(crop.size, recipe) == (20, 20, 160, 160)


@pytest.mark.parametrize("frame", ["heatmap", "input", "image"])
@pytest.mark.parametrize("spec", [BOTH, RIGHT], ids=["both", "right"])
def test_heatmaps_are_those_of_the_upright_pass_and_lie_in_the_image(spec, frame):
    image, xy = scene(1.1)
    [estimate] = HandEstimator(DotNetwork(spec), spec=spec).estimate(image, [BOX])
    maps, place = estimate.heatmaps(frame)
    assert maps.shape == (*place.output_size, 22)
    np.testing.assert_allclose(place.box, BOX, atol=1)
    rows, columns = np.divmod(maps[..., :21].reshape(-1, 21).argmax(axis=0), maps.shape[1])
    found = place.invert_points(np.stack([columns, rows], axis=1))
    np.testing.assert_allclose(found, xy, atol=5)


@given(st.floats(-np.pi, np.pi), st.integers(0, 99))
def test_the_upright_angle_puts_the_knuckles_above_the_wrist(turn, seed):
    xy = np.random.default_rng(seed).uniform(0, 10, (21, 2))
    xy[[5, 9, 13, 17]] += 40 * np.array([np.cos(turn), np.sin(turn)])
    angle = upright_angle(xy)
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turned = xy @ matrix.T
    across, up = turned[[5, 9, 13, 17]].mean(0) - turned[0]
    assert abs(across) < 1e-9
    assert up < 0


def test_missing_knuckles_do_not_count():
    xy = np.zeros((21, 2))
    xy[5], xy[[9, 13, 17]] = (0, 5), np.nan
    assert np.rad2deg(upright_angle(xy)) % 360 == pytest.approx(180)


@pytest.mark.parametrize("missing", [[0], [5, 9, 13, 17], []])
def test_a_hand_without_a_direction_is_not_turned(missing):
    xy = np.full((21, 2), 7.0)
    xy[missing] = np.nan
    assert upright_angle(xy) == 0


# --- faces

FACE_SPEC = InputSpec(box_size=96, stride=4, sides=None, upright=True, upright_margin=1.5)
EYES_AND_MOUTH = {"top": (36, 45), "base": (48, 54)}  # outer corners of the eyes, of the mouth


class MapReader:
    """A network that reads from the colours where it looks, and answers with a face's points."""

    def __init__(self, xy, shape):
        self.xy, self.seen = xy, []
        rows, columns = np.indices(shape)
        red, green = columns * 255 / (shape[1] - 1), rows * 255 / (shape[0] - 1)
        self.image = np.stack([red, green, np.full(shape, 255)], axis=-1).round().astype(np.uint8)

    def __call__(self, batch):
        answers = []
        for image in batch:
            colors = np.rint((image + 0.5) * 256)
            y, x = np.nonzero(colors[..., 2] == 255)  # beyond the image all is black
            height, width = self.image.shape[:2]
            places = colors[y, x, :2] * (width - 1, height - 1) / 255
            terms = np.column_stack([places, np.ones(len(places))])
            to_input = np.linalg.lstsq(terms, np.column_stack([x, y]), rcond=None)[0]
            answers.append(np.column_stack([self.xy, np.ones(len(self.xy))]) @ to_input)
        self.seen += answers
        return {"points": np.array(answers, np.float32) + 0.5, "presence": np.ones(len(batch))}


@pytest.mark.parametrize("turn", [0.0, 0.6, -2.0])
def test_a_face_is_looked_at_again_with_its_eyes_above_its_mouth(turn):
    face = np.random.default_rng(0).uniform(-30, 30, (len(FACE), 2))
    face[[36, 45, 48, 54]] = (-20, -10), (20, -10), (-10, 20), (10, 20)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    network = MapReader(face @ matrix.T + (200, 150), (300, 400))
    [found] = FaceEstimator(network, spec=FACE_SPEC)(network.image, [(170, 100, 90, 90)])
    np.testing.assert_allclose(found.xy, network.xy, atol=1.0)
    first, last = network.seen
    assert abs(np.sin((upright_angle(first, **EYES_AND_MOUTH) + turn) / 2)) < 0.02
    assert abs(np.sin(upright_angle(last, **EYES_AND_MOUTH) / 2)) < 0.02
    middle = (last.min(axis=0) + last.max(axis=0)) / 2
    np.testing.assert_allclose(middle, 47.5, atol=1.0)
    assert np.ptp(last, axis=0).max() == pytest.approx(96 / 1.5, abs=1.0)
    FaceEstimator(network, spec=FACE_SPEC, recipe="openpose")(network.image, [(170, 100, 90, 90)])
    assert len(network.seen) == 3


def test_a_face_that_was_shown_nearly_upright_is_not_shown_again():
    face = np.random.default_rng(0).uniform(-30, 30, (len(FACE), 2))
    face[[36, 45, 48, 54]] = (-20, -10), (20, -10), (-10, 20), (10, 20)
    network = MapReader(np.add(face, (200, 150)), (300, 400))
    estimator = FaceEstimator(network, spec=FACE_SPEC)
    box = (155.5, 105.5, 90, 90)
    [found] = estimator(network.image, [box])
    assert found.box == box
    assert len(network.seen) == 1
    np.testing.assert_allclose(found.xy, network.xy, atol=1.0)
