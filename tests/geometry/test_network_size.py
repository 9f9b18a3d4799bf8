import numpy as np
import pytest

from openpose_keras.geometry.network_size import (
    factor_to_image,
    fit_factor,
    network_sizes,
    scale_keypoints,
)
from openpose_keras.geometry.transforms import Fit


@pytest.mark.parametrize(
    ("image", "resolution", "options", "expected"),
    [
        ((720, 1280), (368, None), {}, [(368, 656)]),
        ((400, 1600), (368, None), {}, [(368, 656)]),  # at most 16:9
        ((400, 1600), (368, None), {"widest": 0}, [(368, 1472)]),
        ((1600, 400), (None, 368), {}, [(208, 368)]),  # 9/16 of 368 is 207
        ((1000, 20), (368, None), {}, [(368, 16)]),  # where OpenPose has 0
        ((20, 1000), (None, 368), {}, [(16, 368)]),
        ((600, 400), (176, 320), {"scales": 3}, [(176, 320), (128, 240), (80, 160)]),
        ((600, 400), (16, 16), {"scales": 2, "gap": 0.5}, [(16, 16), (1, 1)]),
    ],
)
def test_sizes_follow_the_image_within_their_limit(image, resolution, options, expected):
    assert network_sizes(image, resolution, **options) == expected


@pytest.mark.parametrize(
    ("resolution", "options", "message"),
    [
        ((None, None), {}, "a height or a width"),
        ((100, None), {}, "multiples of 16"),
        ((368, 0), {}, "multiples of 16"),
        ((368, None), {"scales": 5}, "all are above 0, got 5 with a gap of 0.25"),
        ((368, None), {"scales": 0}, "all are above 0"),
    ],
)
def test_sizes_that_no_network_has_are_refused(resolution, options, message):
    with pytest.raises(ValueError, match=message):
        network_sizes((480, 640), resolution, **options)


def test_an_image_fits_from_its_first_pixel_to_its_last():
    assert fit_factor((101, 201), (51, 81)) == 0.4
    assert fit_factor((1, 1), (16, 16)) > 0
    # 201 pixels take 80.4, rounded 80 of the input: the way back is 200 / 79.
    assert factor_to_image((101, 201), (51, 81)) == pytest.approx(200 / 79)


def test_fit_keeps_pixel_0_and_leaves_the_rest_black():
    image = np.full((101, 201, 3), 200, np.uint8)
    fit = Fit((101, 201), (64, 81))
    shown = fit.apply_image(image)
    assert shown.shape == (64, 81, 3)
    assert (shown[:41] == 200).all()
    assert not shown[42:].any()
    points = np.array([[0.0, 0.0], [200.0, 100.0]])
    np.testing.assert_allclose(fit.apply_points(points), [[0, 0], [80, 40]])
    np.testing.assert_allclose(fit.invert_points(fit.apply_points(points)), points)


def test_an_image_of_the_input_size_is_copied():
    image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    shown = Fit((4, 4), (4, 4)).apply_image(image)
    np.testing.assert_array_equal(shown, image)
    assert shown is not image


@pytest.mark.parametrize(
    ("scale", "expected"),
    [
        (0, (50, 30)),
        (1, (25, 15)),
        (2, (150, 90)),
        (3, (0.5, 0.75)),
        (4, (0, 0.5)),
        (5, (0.5, 0.3)),
        (6, (0, -0.4)),
    ],
)
def test_keypoints_have_seven_scales(scale, expected):
    keypoints = np.array([[50, 30, 0.9], [0, 0, 0]])
    options = {"image_to_output": 3, "network_to_image": 2}
    scaled = scale_keypoints(keypoints, scale, (41, 101), **options)
    np.testing.assert_allclose(scaled[0], (*expected, 0.9), atol=1e-6)
    np.testing.assert_allclose(scaled[1], (-1, -1, 0) if scale in (4, 6) else (0, 0, 0))
    assert keypoints[0, 0] == 50


def test_a_scale_that_openpose_lacks_is_refused():
    with pytest.raises(ValueError, match="from 0 to 6, got 7"):
        scale_keypoints([[0, 0, 0]], 7, (9, 9))
