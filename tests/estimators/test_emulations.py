"""The programs that take the whole image as one hand; test_recipe_references has their results."""

import numpy as np
import pytest

from openpose_keras.core.errors import ImageError
from openpose_keras.estimators.emulations import whole_region, whole_views
from openpose_keras.estimators.recipes import RECIPES, InputSpec, WholeImageRecipe


@pytest.mark.parametrize(
    ("name", "size"), [("mmittek", (276, 368)), ("pytorch_openpose", (368, 491))]
)
def test_whole_images_are_scaled_by_the_side_that_the_recipe_says(name, size):
    recipe = RECIPES[name]
    views = whole_views(np.zeros((480, 640, 3), np.uint8), (0, 0, 640, 480), recipe, InputSpec())
    [view] = views[recipe.scales.index(1.0)]
    assert view.frame.output_size == size
    if name == "mmittek":
        assert view.image.shape[:2] == size
        assert view.valid_size is None
    else:
        assert view.image.shape[:2] == (368, 496)
        assert view.valid_size == size
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
    assert whole_region(np.zeros((30, 40, 3)), box) == expected


def test_a_region_without_pixels_is_refused():
    with pytest.raises(ImageError, match="no pixel"):
        whole_region(np.zeros((30, 40, 3)), (40, 0, 10, 10))


@pytest.mark.parametrize("size", [(2, 4000), (4000, 2), (40, 60_000)])
def test_a_whole_image_too_narrow_for_its_scale_is_refused(size):
    for fit in ("height", "width"):
        recipe = WholeImageRecipe(fit=fit)
        if (fit == "width") == (size[0] < size[1]) and min(size) > 2:
            continue
        with pytest.raises(ImageError, match="too narrow"):
            whole_views(np.zeros((*size, 3), np.uint8), (0, 0, *size[::-1]), recipe, InputSpec())
