import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openpose_keras.core.errors import ImageError
from openpose_keras.geometry import Pad, Resize

TRANSFORMS = [
    Resize((90, 120), (368, 200)),
    Resize.to_width((90, 120), 368),
    Resize((90, 120), (45, 60), "cubic"),
    Pad((90, 121), stride=8),
]


def random_maps(*shape):
    return np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)


def random_image(*shape):
    return np.random.default_rng(1).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize("transform", TRANSFORMS, ids=str)
def test_points_come_back(transform):
    xy = np.random.default_rng(2).uniform(-50, 500, (3, 21, 2))
    xy[0, 0] = np.nan
    xy.flags.writeable = False
    back = transform.invert_points(transform.apply_points(xy))
    np.testing.assert_allclose(back, xy, atol=1e-9)
    assert back.dtype == np.float64 and back is not xy


@pytest.mark.parametrize("transform", TRANSFORMS, ids=str)
def test_points_of_a_wrong_shape_are_refused(transform):
    for call in (transform.apply_points, transform.invert_points):
        with pytest.raises(ValueError, match="points are"):
            call(np.zeros((21, 3)))


@pytest.mark.parametrize("transform", TRANSFORMS, ids=str)
def test_what_is_no_image_or_has_another_size_is_refused(transform):
    for image in (random_image(91, 119, 3), random_image(2, 90, 120, 3), [[1]], np.zeros((0, 120))):
        with pytest.raises(ImageError):
            transform.apply_image(image)


@pytest.mark.parametrize("transform", TRANSFORMS, ids=str)
def test_what_are_no_heatmaps_is_refused(transform):
    for maps in (np.ones((1, 4, 4, 22)), np.ones((4, 4)), np.ones((0, 4, 22))):
        with pytest.raises(ValueError, match="heatmaps are"):
            transform.invert_heatmaps(maps)


@pytest.mark.parametrize("output_size", [(368, 491), (30, 40), (90, 60), (7, 500)])
@pytest.mark.parametrize("interpolation", ["linear", "cubic"])
def test_each_resized_pixel_shows_the_place_that_its_point_comes_from(output_size, interpolation):
    ramps = np.dstack(np.meshgrid(np.arange(120), np.arange(90))).astype(np.float32)
    resize = Resize((90, 120), output_size, interpolation)
    places = resize.invert_points(np.moveaxis(np.indices(output_size)[::-1], 0, -1))
    inside = np.all((places > 2) & (places < (117, 87)), axis=-1)
    tolerance = {"linear": 1e-3, "cubic": 0.06}[interpolation]  # a = -0.75 bends straight lines
    difference = resize.apply_image(ramps)[inside] - places[inside]
    assert np.abs(difference).max() < tolerance


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 800))
def test_width_is_reached_exactly_and_height_to_half_a_pixel(height, width, side):
    resize = Resize.to_width((height, width), side)
    assert resize.output_size == (max(round(height * side / width), 1), side)


def test_resizing_keeps_channels_and_type():
    assert Resize((10, 20), (5, 5)).apply_image(random_image(10, 20)).shape == (5, 5)
    assert Resize((10, 20), (5, 5)).apply_image(random_image(10, 20, 1)).shape == (5, 5, 1)
    single = Resize((10, 20), (5, 5)).apply_image(np.ones((10, 20, 3), np.float32))
    assert single.dtype == np.float32 and (single == 1).all()


@pytest.mark.parametrize("interpolation", ["linear", "cubic"])
@pytest.mark.parametrize("size", [(90, 120), (37, 53)])
def test_heatmaps_come_back_as_opencv_resizes_them(size, interpolation):
    maps = random_maps(12, 16, 4)
    how = {"linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC}[interpolation]
    expected = cv2.resize(maps, size[::-1], interpolation=how)
    actual = Resize(size, (368, 480)).invert_heatmaps(maps, interpolation=interpolation)
    np.testing.assert_allclose(actual, expected, atol=2e-6)


def test_a_window_of_resized_heatmaps_is_a_piece_of_the_whole():
    resize, maps = Resize((90, 120), (368, 480)), random_maps(12, 16, 4)
    whole = resize.invert_heatmaps(maps)
    piece = resize.invert_heatmaps(maps, window=(100, 30, 40, 20))
    np.testing.assert_allclose(piece[:, :20], whole[30:50, 100:], atol=1e-6)
    assert (piece[:, 20:] == 0).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((90, 120), (0, 10)), "output_size must be a positive whole number, not 0"),
        (((90, 120), (10, 10.0)), "output_size must be a positive whole number"),
        (((90,), (10, 10)), r"input_size is \(height, width\)"),
        ((90, (10, 10)), r"input_size is \(height, width\)"),
        (((90, 120, 3), (10, 10)), r"input_size is \(height, width\)"),
        (((90, 120), (10, 10), "lanczos"), "interpolation is one of"),
    ],
)
def test_what_makes_no_resize_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Resize(*arguments)


@pytest.mark.parametrize("side", [0, -5, 36.8, None])
def test_a_side_that_is_no_whole_number_is_refused(side):
    with pytest.raises(ValueError, match="must be a positive whole number"):
        Resize.to_width((90, 120), side)


@pytest.mark.parametrize("channels", [(), (3,)])
@pytest.mark.parametrize("size", [(1, 1), (7, 9), (8, 8), (15, 16)])
def test_padding_fills_right_and_bottom_with_grey(size, channels):
    image = random_image(*size, *channels)
    padded = Pad(size, 8).apply_image(image)
    assert padded.shape[0] % 8 == padded.shape[1] % 8 == 0 and padded.dtype == np.uint8
    widths = [(0, -size[0] % 8), (0, -size[1] % 8), (0, 0)][: image.ndim]
    np.testing.assert_array_equal(padded, np.pad(image, widths, constant_values=128))


def test_padding_a_multiple_of_the_stride_is_a_copy():
    image = random_image(16, 24, 3)
    padded = Pad((16, 24), 8).apply_image(image)
    np.testing.assert_array_equal(padded, image)
    assert not np.shares_memory(padded, image)


def test_padding_is_cut_off_full_size_heatmaps():
    maps = random_maps(96, 128, 3)
    back = Pad((90, 121), 8).invert_heatmaps(maps)
    np.testing.assert_array_equal(back, maps[:90, :121])
    assert not np.shares_memory(back, maps)


@pytest.mark.parametrize("interpolation", ["linear", "cubic"])
def test_small_heatmaps_of_a_padded_image_are_sampled_up_and_cut(interpolation):
    maps = random_maps(12, 16, 3)
    how = {"linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC}[interpolation]
    expected = cv2.resize(maps, (128, 96), interpolation=how)[:90, :121]
    back = Pad((90, 121), 8).invert_heatmaps(maps, interpolation=interpolation)
    np.testing.assert_allclose(back, expected, atol=2e-6)


@pytest.mark.parametrize("stride", [0, -8, 8.0])
def test_a_stride_that_is_no_whole_number_is_refused(stride):
    with pytest.raises(ValueError, match="stride must be a positive whole number"):
        Pad((90, 120), stride)


def test_a_chain_of_resize_and_pad_comes_back_to_the_image():
    resize = Resize.to_width((300, 410), 137, "cubic")
    pad = Pad(resize.output_size, 8)
    image = random_image(300, 410, 3)
    assert pad.apply_image(resize.apply_image(image)).shape == (104, 144, 3)
    cells = (pad.apply_points(resize.apply_points([210.5, 123.25])) + 0.5) / 8 - 0.5
    rows, columns = np.mgrid[:13, :18]
    heat = np.exp(-((columns - cells[0]) ** 2 + (rows - cells[1]) ** 2) / 4)[..., None]
    whole = resize.invert_heatmaps(pad.invert_heatmaps(heat))[..., 0].astype(np.float64)
    assert whole.shape == (300, 410)
    y, x = np.mgrid[:300, :410]
    assert np.average(x, weights=whole) == pytest.approx(210.5, abs=0.05)
    assert np.average(y, weights=whole) == pytest.approx(123.25, abs=0.05)
