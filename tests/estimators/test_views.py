"""What the network is shown, and where it lies."""

import numpy as np
import pytest

from openpose_keras.core.errors import ImageError
from openpose_keras.estimators.recipes import RECIPES, InputSpec, Recipe
from openpose_keras.estimators.views import make_views, region_box
from openpose_keras.geometry import Frame

FRAMES = [
    Frame((46, 46), (8.0, 3.5), (8.0, 3.5)),
    Frame((30, 50), (-0.7, 90.25), (0.7, -12.5)),
    Frame((1, 1), (3.0, 5.0), (2.0, -5.0)),
]
WHOLE = Recipe(region="whole", scaling="input")


def noise(*size, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


@pytest.mark.parametrize("frame", FRAMES)
def test_points_make_the_round_trip(frame):
    xy = np.random.default_rng(0).uniform(-50, 50, (9, 2))
    np.testing.assert_allclose(frame.invert_points(frame.apply_points(xy)), xy, atol=1e-9)


@pytest.mark.parametrize("frame", FRAMES)
def test_the_box_is_what_the_outermost_edges_enclose(frame):
    height, width = frame.output_size
    edges = frame.invert_points([[-0.5, -0.5], [width - 0.5, height - 0.5]]) + 0.5
    x, y, w, h = frame.box
    np.testing.assert_allclose(edges.min(axis=0), (x, y))
    np.testing.assert_allclose(edges.max(axis=0), (x + w, y + h))


@pytest.mark.parametrize("frame", FRAMES)
def test_flipping_keeps_the_box_and_turns_the_columns(frame):
    flipped = frame.flip()
    assert flipped.mirrored != frame.mirrored
    np.testing.assert_allclose(flipped.box, frame.box)
    columns = np.arange(frame.output_size[1])
    there = frame.invert_points(np.stack([columns, 0 * columns], axis=1))
    back = flipped.invert_points(np.stack([columns[::-1], 0 * columns], axis=1))
    np.testing.assert_allclose(there, back)


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("stride", [1, 4, 8])
def test_a_cell_lies_in_the_middle_of_its_pixels(frame, stride):
    cells = frame.cells(stride)
    pixels = np.arange(stride) + 3 * stride
    middle = frame.invert_points(np.stack([pixels, pixels], axis=1)).mean(axis=0)
    np.testing.assert_allclose(cells.invert_points([[3, 3]])[0], middle)
    assert cells.output_size == tuple(-(-side // stride) for side in frame.output_size)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("recipe", [Recipe(antialias=False), WHOLE], ids=["crop", "whole"])
def test_a_view_is_the_image_where_its_frame_says(flip, recipe):
    image = np.repeat(np.repeat(noise(12, 12), 10, axis=0), 10, axis=1)
    spec = InputSpec(box_size=160, stride=8)
    box = region_box(image, (20, 30, 80, 80), recipe)
    [[view]] = make_views(image, box, recipe, spec, mirrored=flip)
    assert view.image.shape == (160, 160, 3) and view.frame.mirrored is flip
    rows, columns = np.mgrid[5:160:10, 5:160:10].reshape(2, -1)
    at = view.frame.invert_points(np.stack([columns, rows], axis=1)) % 10
    clear = ((at > 0.5) & (at < 8.5)).all(axis=1)  # not on the edge of a patch
    x, y = view.frame.invert_points(np.stack([columns, rows], axis=1))[clear].round().astype(int).T
    assert clear.sum() > 100
    shown = view.image[rows[clear], columns[clear]].astype(int)
    assert np.abs(shown - image[y, x]).max() <= 1


def test_scales_of_a_box_grow_about_its_centre():
    recipe = Recipe(scales=(0.5, 1.0, 2.0))
    views = make_views(noise(200, 200), (80, 70, 40, 40), recipe, InputSpec())
    boxes = [view.frame.box for [view] in views]
    np.testing.assert_allclose(boxes, [(90, 80, 20, 20), (80, 70, 40, 40), (60, 50, 80, 80)])


def test_openpose_boxes_of_several_scales_have_even_sides():
    recipe = Recipe(convention="openpose", scales=(0.9, 1.0, 1.1))
    views = make_views(noise(200, 200), (50, 50, 51.3, 51.3), recipe, InputSpec())
    np.testing.assert_allclose([view.frame.box[2] for [view] in views], [46, 50, 56])


def test_scales_of_the_input_are_whole_multiples():
    recipe = Recipe(scales=(0.01, 0.65, 1.0), scaling="input")
    spec = InputSpec(box_size=160, stride=4, multiple=32)
    views = make_views(noise(200, 200), (50, 50, 80, 80), recipe, spec)
    assert [view.image.shape[0] for [view] in views] == [32, 96, 160]
    for [view] in views:
        np.testing.assert_allclose(view.frame.box, (50, 50, 80, 80))


@pytest.mark.parametrize(("sides", "views"), [("both", 2), ("right", 1)])
def test_two_views_only_for_a_network_that_knows_both_sides(sides, views):
    recipe = Recipe(average_views=True)
    [shown] = make_views(noise(90, 90), (0, 0, 90, 90), recipe, InputSpec(sides=sides))
    assert len(shown) == views
    if views == 2:
        difference = np.abs(shown[0].image[:, ::-1].astype(int) - shown[1].image)
        assert difference.max() <= 255 / 32 + 1  # OpenCV's warp rounds places to 1/32 of a pixel


@pytest.mark.parametrize(("name", "size"), [("seed", (276, 368)), ("pytorch_openpose", (368, 491))])
def test_whole_images_are_scaled_by_the_side_that_the_recipe_says(name, size):
    recipe = RECIPES[name]
    views = make_views(noise(480, 640), (0, 0, 640, 480), recipe, InputSpec())
    [view] = views[recipe.scales.index(1.0)]
    assert view.frame.output_size == size
    if name == "seed":
        assert view.image.shape[:2] == size and not view.padded
    else:
        assert view.image.shape[:2] == (368, 496) and view.padded
        np.testing.assert_array_equal(view.image[:, 491:], 128)


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((0, 0, 40, 30), (0, 0, 40, 30)),
        ((-5, -5, 100, 100), (0, 0, 40, 30)),
        ((3.4, 2.6, 10, 10), (3, 3, 10, 10)),
        ((38.6, 28.6, 9, 9), (39, 29, 1, 1)),
    ],
)
def test_a_whole_region_is_the_pixels_in_the_box(box, expected):
    assert region_box(np.zeros((30, 40, 3)), box, WHOLE) == expected


def test_a_region_without_pixels_is_refused():
    with pytest.raises(ImageError, match="no pixel"):
        region_box(np.zeros((30, 40, 3)), (40, 0, 10, 10), WHOLE)


@pytest.mark.parametrize("size", [(2, 4000), (4000, 2), (40, 60_000)])
def test_a_whole_image_too_narrow_for_its_scale_is_refused(size):
    for fit in ("height", "width"):
        recipe = Recipe(region="whole", scaling="input", fit=fit)
        if (fit == "width") == (size[0] < size[1]) and min(size) > 2:
            continue
        with pytest.raises(ImageError, match="too narrow"):
            make_views(np.zeros((*size, 3), np.uint8), (0, 0, *size[::-1]), recipe, InputSpec())
