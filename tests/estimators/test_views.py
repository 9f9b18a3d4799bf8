"""What the network is shown, and where it lies."""

import numpy as np
import pytest

from openpose_keras.core.skeletons import FACE
from openpose_keras.estimators.face import FaceEstimator
from openpose_keras.estimators.recipes import InputSpec, Recipe, ViewRecipe
from openpose_keras.estimators.views import make_views


def noise(*size, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


@pytest.mark.parametrize("flip", [False, True])
def test_a_view_is_the_image_where_its_frame_says(flip):
    image = np.repeat(np.repeat(noise(12, 12), 10, axis=0), 10, axis=1)
    spec = InputSpec(box_size=160, stride=8)
    recipe = ViewRecipe(antialias=False)
    [[view]] = make_views(image, (20, 30, 80, 80), recipe, spec, mirrored=flip)
    assert view.image.shape == (160, 160, 3)
    assert view.frame.mirrored is flip
    rows, columns = np.mgrid[5:160:10, 5:160:10].reshape(2, -1)
    at = view.frame.invert_points(np.stack([columns, rows], axis=1)) % 10
    clear = ((at > 0.5) & (at < 8.5)).all(axis=1)  # not on the edge of a patch
    x, y = view.frame.invert_points(np.stack([columns, rows], axis=1))[clear].round().astype(int).T
    assert clear.sum() > 100
    shown = view.image[rows[clear], columns[clear]].astype(int)
    assert np.abs(shown - image[y, x]).max() <= 1


def test_scales_of_a_box_grow_about_its_centre():
    recipe = ViewRecipe(scales=(0.5, 1.0, 2.0))
    views = make_views(noise(200, 200), (80, 70, 40, 40), recipe, InputSpec())
    boxes = [view.frame.box for [view] in views]
    np.testing.assert_allclose(boxes, [(90, 80, 20, 20), (80, 70, 40, 40), (60, 50, 80, 80)])


def test_openpose_boxes_of_several_scales_have_even_sides():
    recipe = ViewRecipe(convention="openpose", scales=(0.9, 1.0, 1.1))
    views = make_views(noise(200, 200), (50, 50, 51.3, 51.3), recipe, InputSpec())
    np.testing.assert_allclose([view.frame.box[2] for [view] in views], [46, 50, 56])


def test_scales_of_the_input_are_whole_multiples():
    recipe = ViewRecipe(scales=(0.01, 0.65, 1.0), scaling="input")
    spec = InputSpec(box_size=160, stride=4, multiple=32)
    views = make_views(noise(200, 200), (50, 50, 80, 80), recipe, spec)
    assert [view.image.shape[0] for [view] in views] == [32, 96, 160]
    for [view] in views:
        np.testing.assert_allclose(view.frame.box, (50, 50, 80, 80))


@pytest.mark.parametrize(("sides", "views"), [("both", 2), ("right", 1)])
def test_two_views_only_for_a_network_that_knows_both_sides(sides, views):
    recipe = ViewRecipe(flip_average=True)
    [shown] = make_views(noise(90, 90), (0, 0, 90, 90), recipe, InputSpec(sides=sides))
    assert len(shown) == views
    if views == 2:
        difference = np.abs(shown[0].image[:, ::-1].astype(int) - shown[1].image)
        assert difference.max() <= 255 / 32 + 1  # OpenCV's warp rounds positions to 1/32 of a pixel


def test_a_face_and_its_mirror_image_agree_on_which_eye_is_which():
    """A network that takes the spot at the left of what it sees for the right pupil."""
    image = np.zeros((64, 64, 3), np.uint8)
    right, left = (20, 30), (41, 35)
    for x, y in (right, left):
        image[y, x] = 255
    names = "right_pupil", "left_pupil"
    pupils = [FACE.index(name) for name in names]

    def network(batch):
        maps = np.zeros((*batch.shape[:3], 71), np.float32)
        maps[:, :, :32, pupils[0]] = batch[:, :, :32, 0] + 0.5
        maps[:, :, 32:, pupils[1]] = batch[:, :, 32:, 0] + 0.5
        return maps

    spec = InputSpec(box_size=64, stride=1, sides="both")
    estimator = FaceEstimator(network, spec=spec, recipe=Recipe(flip_average=True))
    [look] = estimator.estimate(image)
    assert len(look.maps) == 2
    np.testing.assert_allclose(look.peaks[pupils, :2], [right, left], atol=0.1)
    np.testing.assert_allclose(look.peaks[pupils, 2], 1.0, atol=0.01)  # both views agree
