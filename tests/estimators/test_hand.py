"""The whole path, with a network whose answers are known: dots in, Gaussian maps out (fakes.py).

The recipes of other programs are compared with references in test_recipe_references.py.
"""

from dataclasses import replace

import numpy as np
import pytest

from openpose_keras.core.errors import ImageError
from openpose_keras.estimators.hand import HandEstimator
from openpose_keras.estimators.recipes import RECIPES, InputSpec, Recipe, WholeImageRecipe
from tests.helpers.fakes import DotNetwork, draw_dots, hand_layout

RIGHT = InputSpec(box_size=368, stride=8, sides="right")
BOTH = InputSpec(box_size=160, stride=4, multiple=32, sides="both")
SIZE = (300, 400)
BOX = (90.0, 40.0, 230.0, 230.0)


def scene(seed=0, box=BOX, left=False, size=SIZE):
    """An image of one hand of dots inside the box, and where they are."""
    xy = hand_layout(seed)
    if left:
        xy = xy * (-1, 1) + (1, 0)
    xy = xy * np.array(box[2:]) * 0.9 + np.array(box[:2]) + np.array(box[2:]) * 0.05
    return draw_dots(xy, size), xy


def estimator(recipe="refined", spec=RIGHT, **options):
    network = DotNetwork(spec)
    return HandEstimator(network, recipe=recipe, spec=spec, **options), network


# -- the geometry, end to end ------------------------------------------------------------------


@pytest.mark.parametrize("spec", [RIGHT, BOTH], ids=["368", "160"])
@pytest.mark.parametrize("scales", [(1.0,), (1.0, 1.2), (0.9, 1.0, 1.3)])
@pytest.mark.parametrize("scaling", ["box", "input"])
def test_a_crop_finds_each_dot_to_a_tenth_of_a_pixel(spec, scales, scaling):
    image, xy = scene()
    recipe = replace(RECIPES["refined"], scales=scales, scaling=scaling)
    box = (BOX[0] - 30, BOX[1] - 20, 280.0, 280.0)
    [hand] = estimator(recipe, spec)[0](image, [box], "right")
    np.testing.assert_allclose(hand.xy, xy, atol=0.1)
    assert hand.box == box
    assert hand.side == "right"


@pytest.mark.parametrize("frame", ["heatmap", "input"])
@pytest.mark.parametrize("merge", ["mean", "best"])
@pytest.mark.parametrize("convention", ["half_pixel", "openpose"])
def test_every_frame_and_merge_of_a_crop_finds_the_dots(frame, merge, convention):
    image, xy = scene(1)
    recipe = Recipe(scales=(1.0, 1.1), frame=frame, merge=merge, convention=convention, sigma=1.0)
    [hand] = estimator(recipe)[0](image, [BOX], "right")
    np.testing.assert_allclose(hand.xy, xy, atol=0.6 if frame == "input" else 0.1)


@pytest.mark.parametrize("recipe", ["refined", "openpose"])
def test_a_left_hand_is_found_as_well_as_a_right_one(recipe):
    limit = 0.1 if recipe == "refined" else 1.0
    for left in (False, True):
        image, xy = scene(2, left=left)
        [hand] = estimator(recipe)[0](image, [BOX], "left" if left else "right")
        np.testing.assert_allclose(hand.xy, xy, atol=limit)
        assert hand.score > 0.8


@pytest.mark.parametrize("recipe", ["refined", "openpose"])
@pytest.mark.parametrize("left", [False, True])
def test_without_a_side_the_better_score_decides_and_both_are_told(recipe, left):
    image, xy = scene(3, left=left)
    [hand] = estimator(recipe)[0](image, [BOX])
    assert hand.side == ("left" if left else "right")
    np.testing.assert_allclose(hand.xy, xy, atol=1.0)
    scores = hand.side_scores
    assert set(scores) == {"left", "right"}
    assert scores[hand.side] == pytest.approx(hand.score)
    assert scores[hand.side] > 1.5 * min(scores.values())


def test_a_dead_heat_is_a_right_hand():
    dead = HandEstimator(lambda batch: np.zeros((len(batch), 46, 46, 22), np.float32))
    [hand] = dead(np.zeros((50, 50, 3), np.uint8), [(0, 0, 50)])
    assert hand.side == "right"
    assert hand.side_scores == {"right": 0.0, "left": 0.0}
    assert np.isnan(hand.xy).all()
    assert hand.score == 0


@pytest.mark.parametrize("side", [None, "left", "right"])
def test_a_network_that_knows_both_sides_leaves_the_side_as_given(side):
    image, xy = scene(left=side == "left")
    made, network = estimator(RECIPES["refined"], BOTH)
    [hand] = made(image, [BOX], side)
    assert hand.side == side
    assert hand.side_scores is None
    assert network.calls == [(2, 160, 160, 3)]
    np.testing.assert_allclose(hand.xy, xy, atol=0.1)


@pytest.mark.parametrize("frame", ["heatmap", "input"])
def test_averaged_views_see_the_mirrored_picture_and_agree(frame):
    image, xy = scene(4)
    recipe = replace(RECIPES["refined"], scales=(1.0, 1.2), flip_average=True, frame=frame)
    made, network = estimator(recipe, BOTH)
    [hand] = made(image, [BOX])
    assert network.calls == [(4, 160, 160, 3)]
    np.testing.assert_allclose(hand.xy, xy, atol=0.1 if frame == "heatmap" else 1.0)


def test_averaged_views_cancel_what_only_one_view_sees():
    def network(batch):
        maps = np.zeros((len(batch), 40, 40, 22), np.float32)
        maps[:, 10, 5] = 0.8  # a fault of the network at a fixed place of its input
        maps[:, 20, 19:21] = 0.6  # in the middle: the same place in both views
        return maps

    image = np.zeros((160, 160, 3), np.uint8)
    for average, place in ((False, [21.5, 41.5]), (True, [79.5, 81.5])):
        recipe = Recipe(flip_average=average, sigma=0)
        [hand] = HandEstimator(network, recipe=recipe, spec=BOTH)(image, "whole")
        np.testing.assert_allclose(hand.xy[0], place, atol=0.1)


@pytest.mark.parametrize("recipe", ["refined", "openpose"])
def test_a_box_partly_outside_is_looked_at_and_what_is_outside_is_missing(recipe):
    box = (-90.0, -60.0, 260.0, 260.0)
    image, xy = scene(5, box=box)
    [hand] = estimator(recipe)[0](image, [box], "right")
    inside = ((xy > 12) & (xy < np.array(SIZE[::-1]) - 12)).all(axis=1)
    outside = (xy < -12).any(axis=1)
    assert inside.sum() > 5
    assert outside.sum() > 5
    np.testing.assert_allclose(hand.xy[inside], xy[inside], atol=1.0)
    if recipe == "refined":
        np.testing.assert_array_equal(hand.found[outside], False)
        np.testing.assert_array_equal(hand.scores[outside], 0)
    else:
        assert hand.found.all()
        assert (hand.scores[outside] < 0.01).all()


def test_a_finger_outside_the_box_is_found_by_the_larger_scale():
    image, xy = scene()
    box = (BOX[0] + 20, BOX[1] + 20, 190.0, 190.0)
    recipe = replace(RECIPES["refined"], scales=(1.0, 1.4))
    [hand] = estimator(recipe)[0](image, [box], "right")
    # The smaller scale sees some dots cut at its edge, and places them a little inside.
    np.testing.assert_allclose(hand.xy, xy, atol=1.0)


def trained_order(name):
    """The recipe of a name, with red and blue where the network has them."""
    recipe = RECIPES[name]
    whole = isinstance(recipe, WholeImageRecipe)
    return replace(recipe, channel_order="trained") if whole else recipe


@pytest.mark.parametrize("name", RECIPES)
def test_the_whole_image_can_be_one_hand(name):
    image, xy = scene(6)
    recipe = trained_order(name)
    [hand] = estimator(recipe)[0](image, "whole", "right")
    # The notebook squeezes its last cells, which reach over the edge, into the image.
    np.testing.assert_allclose(hand.xy, xy, atol=4 if recipe.name == "mmittek" else 1.5)


def test_a_box_of_a_whole_recipe_cuts_the_image():
    image, xy = scene(7)
    box = (60.2, 20.4, 300.0, 600.0)
    made, network = estimator(replace(RECIPES["pytorch_openpose"], scales=(1.0,)))
    [hand] = made(image, [box])
    assert hand.box == (60.0, 20.0, 300.0, 280.0)
    assert network.calls == [(1, 368, 400, 3)]
    np.testing.assert_allclose(hand.xy, xy, atol=1.0)


def test_a_box_that_is_not_square_becomes_the_square_about_its_centre():
    image, xy = scene()
    [hand] = estimator()[0](image, [(BOX[0], BOX[1] + 40, 230, 150)], "right")
    assert hand.box == BOX
    np.testing.assert_allclose(hand.xy, xy, atol=0.1)


def test_several_hands_of_several_sizes_come_in_order():
    boxes = [(20.0, 20.0, 200.0, 200.0), (420.0, 60.0, 320.0, 320.0), (260.0, 300.0, 150.0, 150.0)]
    sides = ["right", "left", None]
    image = np.zeros((480, 760, 3), np.uint8)
    truth = []
    for seed, (box, side) in enumerate(zip(boxes, sides, strict=True)):
        rendering, xy = scene(seed, box, side == "left", image.shape[:2])
        image = np.maximum(image, rendering)
        truth.append(xy)
    made, network = estimator(replace(RECIPES["refined"], scales=(1.0,)))
    for hand, xy, side in zip(
        made(image, boxes, sides), truth, ("right", "left", "right"), strict=True
    ):
        assert hand.side == side
        np.testing.assert_allclose(hand.xy, xy, atol=0.15)
    assert network.calls == [(4, 368, 368, 3)]


# -- what the network is given -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "recipe", "first"),
    [("rgb", "openpose", 0), ("bgr", "openpose", 2), ("rgb", "mmittek", 2), ("bgr", "mmittek", 0)],
)
def test_the_network_gets_the_channel_order_that_spec_and_recipe_say(order, recipe, first):
    seen = []

    def network(batch):
        seen.append(batch)
        return np.zeros((len(batch), 46, 46, 22), np.float32)

    image = np.zeros((64, 64, 3), np.uint8) + np.array([0, 100, 200], np.uint8)
    spec = InputSpec(channel_order=order)
    HandEstimator(network, recipe=recipe, spec=spec)(image, "whole", "right")
    expected = np.array([0, 100, 200])[[first, 1, 2 - first]] / 256 - 0.5
    assert seen[0].dtype == np.float32
    np.testing.assert_array_equal(seen[0][0, 30, 30], np.float32(expected))


def test_equal_sizes_share_batches_of_bounded_size():
    image, _ = scene()
    made, network = estimator(replace(RECIPES["refined"], scales=(1.0, 1.2)), batch_size=5)
    assert len(made(image, [BOX] * 3)) == 3  # three hands, two sides, two scales
    assert network.calls == [(5, 368, 368, 3), (5, 368, 368, 3), (2, 368, 368, 3)]


def test_scales_of_different_sizes_go_one_by_one():
    image, _ = scene()
    made, network = estimator("pytorch_openpose")
    made(image, "whole")
    sizes = [shape[1:3] for shape in network.calls]
    assert sizes == [(184, 248), (368, 496), (552, 736), (736, 984)]
    assert all(shape[0] == 1 for shape in network.calls)


def test_a_network_that_needs_multiples_gets_them_from_every_recipe():
    spec = InputSpec(box_size=160, stride=4, multiple=32, sides="both")
    image, _ = scene(size=(301, 403))
    for recipe in RECIPES.values():
        made, network = estimator(recipe, spec)
        made(image, "whole")
        assert all(not n % 32 for shape in network.calls for n in shape[1:3])


def test_no_boxes_no_hands_and_no_call():
    made, network = estimator()
    assert made(np.zeros((9, 9, 3), np.uint8), []) == []
    assert not network.calls


def test_the_image_and_the_network_output_are_not_written_to():
    image, _ = scene()
    image.flags.writeable = False

    def network(batch):
        maps = DotNetwork(RIGHT)(batch)
        maps.flags.writeable = False
        return maps

    for recipe in RECIPES:
        HandEstimator(network, recipe=recipe)(image, [BOX], "left")


# -- the steps ------------------------------------------------------------------------------------


def test_the_steps_one_by_one_are_the_call():
    image, _ = scene(left=True)
    made, _ = estimator()
    [region] = made.regions(image, [BOX], "left")
    scales = made.views(image, region)
    maps = made.run(view for views in scales for view in views)
    estimate = made.decode(region, scales, maps)
    [expected] = made(image, [BOX], "left")
    np.testing.assert_array_equal(estimate.peaks[:, :2], expected.xy)


@pytest.mark.parametrize("side", [None, "left"])
@pytest.mark.parametrize("recipe", ["refined", "openpose", "pytorch_openpose", "mmittek"])
@pytest.mark.parametrize("frame", ["heatmap", "input", "image"])
def test_heatmaps_come_merged_unmirrored_and_with_their_place(recipe, side, frame):
    image, xy = scene(left=side == "left")
    recipe = trained_order(recipe)
    recipe = replace(recipe, scales=recipe.scales[:2])
    maps, place = estimator(recipe)[0].heatmaps(image, BOX, side, frame=frame)
    assert maps.shape == (*place.output_size, 22)
    assert not place.mirrored
    rows, columns = np.divmod(maps[..., :21].reshape(-1, 21).argmax(axis=0), maps.shape[1])
    found = place.invert_points(np.stack([columns, rows], axis=1))
    step = abs(place.x_axis[0])
    # Enlarging linearly leaves the greatest cell's centre the maximum.
    linear = 3 if recipe.upsampling == "linear" or frame == "image" else 0
    np.testing.assert_allclose(found, xy, atol=0.6 * step + 0.7 + linear)
    x, y, width, height = place.box
    assert (xy > (x, y)).all()
    assert (xy < (x + width, y + height)).all()


def test_another_recipe_shares_the_network():
    made, network = estimator()
    other = made.with_recipe("openpose")
    assert other.network is network
    assert other.recipe.name == "openpose"
    assert made.recipe.name == "refined"


def test_without_boxes_hands_are_looked_for():
    image, xy = scene(13)
    [hand] = estimator()[0](image, sides="right")
    np.testing.assert_allclose(hand.xy, xy, atol=0.15)


# -- what is refused ------------------------------------------------------------------------------

IMAGE = np.zeros((60, 80, 3), np.uint8)


@pytest.mark.parametrize("image", [IMAGE[..., :2], IMAGE / 255, IMAGE[:0], "hand.jpg", None])
def test_what_is_no_image_is_refused(image):
    with pytest.raises(ImageError):
        estimator()[0](image, "whole")


@pytest.mark.parametrize("recipe", list(RECIPES))
@pytest.mark.parametrize("box", [(200, 0, 50, 50), (0, -80, 60, 60)])
def test_a_box_outside_the_image_is_refused(recipe, box):
    with pytest.raises(ImageError, match="box"):
        estimator(recipe)[0](IMAGE, [box])


@pytest.mark.parametrize(
    ("boxes", "sides", "message"),
    [
        ("whole", "both", "side"),
        ([(0, 0, 50)], ["left", "right"], "one side per box, got 2 for 1"),
        ([(0, 0, 50)], ["up"], "side"),
        (None, ["left"], "boxes"),
    ],
)
def test_wrong_sides_are_refused(boxes, sides, message):
    with pytest.raises(ValueError, match=message):
        estimator()[0](IMAGE, boxes, sides)


def test_a_wrong_estimator_is_refused():
    with pytest.raises(TypeError, match="network"):
        HandEstimator("hand_lite")
    with pytest.raises(ValueError, match="no recipe"):
        HandEstimator(DotNetwork(), recipe="best")
    with pytest.raises(ValueError, match="batch_size"):
        HandEstimator(DotNetwork(), batch_size=0)


@pytest.mark.parametrize("recipe", ["mmittek", "pytorch_openpose"])
def test_recipes_of_the_whole_image_do_not_search(recipe):
    image, _ = scene()
    spec = InputSpec(box_size=256, stride=4, multiple=32, sides="both")
    made, _ = estimator(recipe, spec)
    [hand] = made(image)
    assert hand.box == (0.0, 0.0, float(image.shape[1]), float(image.shape[0]))


def test_the_search_of_a_right_hand_network_sees_the_mirror_image_too():
    made, network = estimator("refined", InputSpec())
    made(np.zeros((120, 120, 3), np.uint8))
    assert sum(shape[0] for shape in network.calls) == 2 * len(made.search.image_sizes)


@pytest.mark.parametrize(("side", "found"), [(0.5, 0), (3.1, 0), (3.2, 21)])
def test_openpose_finds_nothing_in_a_box_of_ten_pixels(side, found):
    """Its side must be above 1 and its area above 10 (hand/handExtractorCaffe.cpp)."""

    def network(batch):
        return np.ones((len(batch), 46, 46, 22), np.float32)

    image = np.zeros((60, 80, 3), np.uint8)
    (hand,) = HandEstimator(network, recipe="openpose")(image, [(20, 20, side)], "right")
    assert hand.found.sum() == found
    (refined,) = HandEstimator(network, recipe="refined")(image, [(20, 20, side)], "right")
    assert refined.found.all()


# -- what is refused at the door ---------------------------------------------------------------


@pytest.mark.parametrize(
    "limits",
    [{"min_presence": 5}, {"min_presence": np.nan}, {"max_hands": -1}, {"max_hands": 1.5}],
)
def test_limits_that_make_no_sense_are_refused(limits):
    made, _ = estimator()
    [name] = limits
    with pytest.raises(ValueError, match=f"{name} must be a"):
        made(np.zeros((99, 99, 3), np.uint8), **limits)


def test_a_box_outside_the_image_is_named_as_it_was_given():
    made, _ = estimator(spec=BOTH)
    with pytest.raises(ImageError, match=r"the box \(1000, 1000, 50, 40\) lies wholly outside"):
        made(np.zeros((99, 99, 3), np.uint8), boxes=[(1000, 1000, 50, 40)])
