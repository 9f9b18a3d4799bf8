"""Cropped images; what all transforms share is in test_axis_aligned.py."""

import tracemalloc

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openpose_keras.core.errors import ImageError
from openpose_keras.geometry.crop import Crop
from openpose_keras.geometry.resampling import sample_image

VARIANTS = [
    pytest.param({"mirror": mirror, "half_pixel": half, "antialias": antialias}, id=name)
    for mirror, half, antialias, name in [
        (False, True, False, "plain"),
        (True, True, False, "mirrored"),
        (False, False, False, "openpose"),
        (True, False, False, "openpose-mirrored"),
        (False, True, True, "antialias"),
        (True, True, True, "antialias-mirrored"),
        (True, False, True, "antialias-openpose-mirrored"),
    ]
]
BOXES = [
    pytest.param((40.3, 21.6, 60.0, 60.0), 100, id="grown"),
    pytest.param((10.3, 5.7, 150.5, 150.5), 100, id="shrunk a little"),
    pytest.param((-31.0, -17.5, 260.25, 260.25), 40, id="shrunk strongly"),
]


def ramps(height, width):
    """An image whose two channels are the x and the y of each pixel."""
    return np.dstack(np.meshgrid(np.arange(width), np.arange(height))).astype(np.float32)


def grid(size):
    """The centres (x, y) of all pixels of a crop."""
    return np.moveaxis(np.indices((size, size))[::-1], 0, -1)


def test_the_edges_of_the_box_are_the_edges_of_the_crop():
    box = np.array([[9.5, 19.5], [89.5, 99.5]])
    corners = np.array([[-0.5, -0.5], [31.5, 31.5]])
    crop = Crop((10, 20, 80, 80), 32)
    np.testing.assert_allclose(crop.apply_points(box), corners)
    mirrored = Crop((10, 20, 80, 80), 32, mirror=True)
    np.testing.assert_allclose(mirrored.apply_points(box), [[31.5, -0.5], [-0.5, 31.5]])


def test_openposes_convention_is_a_step_from_the_corner():
    scale = 80 / 368
    xy = np.array([[0, 0], [367, 367], [100.5, 7]])
    crop = Crop((10, 20, 80, 80), 368, half_pixel=False)
    np.testing.assert_allclose(crop.invert_points(xy), xy * scale + (10, 20))
    mirrored = Crop((10, 20, 80, 80), 368, mirror=True, half_pixel=False)
    np.testing.assert_allclose(mirrored.invert_points(xy), xy * (-scale, scale) + (90, 20))


@pytest.mark.backend("opencv4")  # OpenCV 5 counts in float32
@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("box", [(30, 20, 90, 90), (-20.5, 30.25, 101, 101), (3, 4, 7.3, 7.3)])
def test_openposes_crop_is_its_affine_warp(box, mirror):
    image = np.random.default_rng(1).integers(0, 256, (100, 120, 3), np.uint8)
    x, y, width, _ = box
    scale = width / 368
    to_image = np.array([[scale, 0, x], [0, scale, y]])
    if mirror:
        to_image[0] = -scale, 0, x + width
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    expected = cv2.warpAffine(image, to_image, (368, 368), flags=flags)
    actual = Crop(box, 368, mirror=mirror, half_pixel=False).apply_image(image)
    np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(("box", "size"), BOXES)
def test_each_pixel_shows_its_own_position(box, size, variant):
    image = ramps(180, 240)
    crop = Crop(box, size, value=-1000, **variant)
    positions = crop.invert_points(grid(size))
    margin = 2 * crop.scale + 2
    inside = np.all((positions > margin) & (positions < np.array([239, 179]) - margin), axis=-1)
    assert inside.sum() > 100
    difference = crop.apply_image(image)[inside] - positions[inside]
    assert np.abs(difference).max() < max(1, crop.scale) / 32


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(("box", "size"), BOXES[1:])
def test_outside_the_image_is_the_value(box, size, variant):
    image = np.full((60, 50, 3), 200, np.uint8)
    crop = Crop(box, size, value=77, **variant)
    positions, cut = crop.invert_points(grid(size)), crop.apply_image(image)
    reach = 2 * crop.scale + 1
    outside = np.any((positions < -reach) | (positions > np.array([49, 59]) + reach), axis=-1)
    inside = np.all((positions >= reach) & (positions <= np.array([49, 59]) - reach), axis=-1)
    assert outside.any()
    assert (cut[outside] == 77).all()
    assert (cut[inside] == 200).all()


def test_an_unscaled_crop_copies_pixels():
    image = np.random.default_rng(2).integers(0, 256, (30, 40, 3), np.uint8)
    cut = image[5:15, 7:17]
    np.testing.assert_array_equal(Crop((7, 5, 10, 10), 10).apply_image(image), cut)
    mirrored = Crop((7, 5, 10, 10), 10, mirror=True).apply_image(image)
    np.testing.assert_array_equal(mirrored, cut[:, ::-1])


@given(st.integers(-8, 30), st.integers(-8, 30), st.integers(1, 40), st.booleans())
def test_copied_pixels_are_those_that_sampling_finds(x, y, side, mirror):
    image = np.random.default_rng(side).integers(0, 256, (31, 37, 3), np.uint8)
    crop = Crop((x, y, side, side), side, mirror=mirror, value=7)
    if x + side > 0 and y + side > 0:
        sampled = sample_image(image, *crop.axes, (side, side), value=7)
        np.testing.assert_array_equal(crop.apply_image(image), sampled)


@pytest.mark.parametrize("factor", [1.5, 2.0, 3.7, 12.4])
def test_antialias_is_close_to_the_mean_over_areas(factor):
    side, size = 24 * factor, 24
    image = np.random.default_rng(4).integers(0, 256, (340, 340), np.uint8)
    image = cv2.GaussianBlur(image, (0, 0), 1.0)
    fine = Crop((10.25, 11.75, side, side), size * 16).apply_image(image)
    expected = fine.reshape(size, 16, size, 16).mean(axis=(1, 3))
    errors = [
        np.abs(Crop((10.25, 11.75, side, side), size, antialias=on).apply_image(image) - expected)
        for on in (False, True)
    ]
    assert errors[1].mean() < errors[0].mean() / 3


def test_antialias_changes_nothing_where_the_crop_grows():
    image = np.random.default_rng(5).integers(0, 256, (30, 40, 3), np.uint8)
    crops = [Crop((5.5, 3.2, 20, 20), 40, antialias=on).apply_image(image) for on in (False, True)]
    np.testing.assert_array_equal(*crops)


def test_a_large_crop_is_shrunk_in_bounded_memory():
    image = np.zeros((3000, 4000, 3), np.uint8)
    tracemalloc.start()
    Crop((-100.5, -600.5, 4200, 4200), 160, antialias=True).apply_image(image)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.1 * image.nbytes


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("channels", [(), (1,), (2,), (3,), (4,)])
def test_type_and_channels_are_kept(dtype, channels):
    image = np.ones((20, 60, *channels), dtype)[:, ::2]
    image.flags.writeable = False
    for antialias in (False, True):
        cut = Crop((2, 2, 15, 15), 6, antialias=antialias).apply_image(image)
        assert cut.shape == (6, 6, *channels)
        assert cut.dtype == dtype
        assert (cut == 1).all()


def test_images_wider_than_opencv_warps_are_cropped():
    image = np.zeros((8, 70_000), np.uint8)
    image[:, 69_990:] = 9
    assert (Crop((69_992, 0, 8, 8), 8).apply_image(image) == 9).all()


@pytest.mark.parametrize("antialias", [False, True])
def test_one_pixel_images_are_cropped(antialias):
    cut = Crop((-1, -1, 3, 3), 3, antialias=antialias).apply_image(np.full((1, 1), 90, np.uint8))
    np.testing.assert_array_equal(cut, [[0, 0, 0], [0, 90, 0], [0, 0, 0]])


@pytest.mark.parametrize("corner", [(-10, 5), (40, 5), (5, -10), (5, 30), (1e7, 0), (-1e7, -1e7)])
def test_a_box_wholly_outside_the_image_is_refused(corner):
    with pytest.raises(ImageError, match="wholly outside the image, which is 40 wide and 30 high"):
        Crop((*corner, 10, 10), 10).apply_image(np.zeros((30, 40, 3), np.uint8))


@pytest.mark.parametrize("corner", [(-9.5, 5), (39.5, 5), (5, -9.5), (5, 29.5)])
def test_a_box_that_just_meets_the_image_is_taken(corner):
    cut = Crop((*corner, 10, 10), 10).apply_image(np.full((30, 40), 255, np.uint8))
    assert cut.max() > 100


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((10, 10, 5), np.uint8), "1 to 4 channels"),
        (np.zeros((2, 10, 10, 3), np.uint8), "1 to 4 channels"),
        (np.zeros((0, 10, 3), np.uint8), "not empty"),
        (np.zeros((10, 10), bool), "uint8, uint16 or floats, not bool"),
        (np.zeros((10, 10), np.int64), "not int64"),
        ([[1, 2], [3, 4]], "not list"),
    ],
)
def test_other_arrays_are_refused(image, message):
    with pytest.raises(ImageError, match=message):
        Crop((0, 0, 10, 10), 10).apply_image(image)


@pytest.mark.parametrize(
    ("box", "size", "message"),
    [
        ((0, 0, 10, 20), 10, "a crop needs a square box, not 10.0 x 20.0"),
        ((0, 0, np.nan, 10), 10, "a box is four finite numbers"),
        ((0, 0, 0, 0), 10, "a box is four finite numbers"),
        ((0, 0, 2e6, 2e6), 10, "at most 1000000 pixels"),
        ((0, 0, 10, 10), 0, "size must be a positive whole number"),
        ((0, 0, 10, 10), -3, "size must be a positive whole number"),
        ((0, 0, 10, 10), 10.5, "size must be a positive whole number"),
        ((0, 0, 10, 10), 10_000, "of at most 8191"),
    ],
)
def test_wrong_boxes_and_sizes_are_refused(box, size, message):
    with pytest.raises(ValueError, match=message):
        Crop(box, size)


@pytest.mark.parametrize("shape", [(32767, 2), (2, 32767)])
def test_a_region_too_long_for_opencv_is_refused(shape):
    image, box = np.full((*shape, 3), 7, np.uint8), (0.0, 0.0, 32767.0, 32767.0)
    with pytest.raises(ImageError, match=r"at most 32766 pixels; shrink the image"):
        Crop(box, 16).apply_image(image)
    assert Crop(box, 16, antialias=True).apply_image(image).shape == (16, 16, 3)


def test_the_longest_region_that_opencv_takes_is_sampled():
    image = np.full((32766, 2, 3), 7, np.uint8)
    assert Crop((0.0, 0.0, 32766.0, 32766.0), 16).apply_image(image).shape == (16, 16, 3)
