import tracemalloc

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openpose_keras.core.errors import ImageError
from openpose_keras.geometry.crop import Crop

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


def dot(height, width, x, y, sigma):
    rows, columns = np.mgrid[:height, :width]
    heat = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2))
    return np.round(255 * heat).astype(np.uint8)


def centroid(image):
    weights = image.astype(np.float64)
    rows, columns = np.indices(image.shape)
    return np.array([(weights * columns).sum(), (weights * rows).sum()]) / weights.sum()


def grid(size):
    """The centres (x, y) of all pixels of a crop."""
    return np.moveaxis(np.indices((size, size))[::-1], 0, -1)


@given(
    st.tuples(st.floats(-5e3, 5e3), st.floats(-5e3, 5e3)),
    st.floats(1, 5000),
    st.integers(1, 800),
    st.booleans(),
    st.booleans(),
)
def test_points_come_back_from_any_crop(corner, side, size, mirror, half_pixel):
    crop = Crop((*corner, side, side), size, mirror=mirror, half_pixel=half_pixel)
    xy = np.random.default_rng(0).uniform(-6000, 6000, (21, 2))
    np.testing.assert_allclose(crop.invert_points(crop.apply_points(xy)), xy, atol=1e-6)


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


def test_missing_points_stay_missing_and_nothing_is_written_into():
    xy = np.array([[np.nan, np.nan], [3.0, 4.0]])
    xy.flags.writeable = False
    crop = Crop((0, 0, 10, 10), 20)
    for back in (crop.apply_points(xy), crop.invert_points(xy)):
        assert np.isnan(back[0]).all() and np.isfinite(back[1]).all()


@pytest.mark.parametrize("shape", [(0, 2), (2,), (3, 21, 2)])
def test_points_keep_their_shape(shape):
    assert Crop((0, 0, 10, 10), 20).apply_points(np.zeros(shape)).shape == shape


@pytest.mark.parametrize("xy", [np.zeros((2, 3)), 1.0])
def test_points_of_a_wrong_shape_are_refused(xy):
    with pytest.raises(ValueError, match="points are"):
        Crop((0, 0, 10, 10), 20).apply_points(xy)


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
    difference = cv2.absdiff(actual, expected)  # all 0 with OpenCV 4; OpenCV 5 counts in float32
    assert difference.max() <= 1 and (difference > 0).mean() < 1e-3


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(("box", "size"), BOXES)
def test_each_pixel_shows_the_place_that_its_point_comes_from(box, size, variant):
    image = ramps(180, 240)
    crop = Crop(box, size, value=-1000, **variant)
    places = crop.invert_points(grid(size))
    margin = 2 * crop.scale + 2
    inside = np.all((places > margin) & (places < np.array([239, 179]) - margin), axis=-1)
    assert inside.sum() > 100
    difference = crop.apply_image(image)[inside] - places[inside]
    assert np.abs(difference).max() < max(1, crop.scale) / 32


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(("box", "size"), BOXES)
def test_a_dot_lands_where_its_point_lands(box, size, variant):
    crop = Crop(box, size, **variant)
    xy = np.array([70.3, 60.8])
    image = dot(180, 240, *xy, sigma=max(2.0, 2 * crop.scale))
    assert np.abs(centroid(crop.apply_image(image)) - crop.apply_points(xy)).max() < 0.05


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(("box", "size"), BOXES[1:])
@pytest.mark.parametrize("value", [0, 77])
def test_outside_the_image_is_the_value(box, size, value, variant):
    image = np.full((60, 50, 3), 200, np.uint8)
    crop = Crop(box, size, value=value, **variant)
    places, cut = crop.invert_points(grid(size)), crop.apply_image(image)
    reach = 2 * crop.scale + 1
    outside = np.any((places < -reach) | (places > np.array([49, 59]) + reach), axis=-1)
    inside = np.all((places >= reach) & (places <= np.array([49, 59]) - reach), axis=-1)
    assert outside.any()
    assert (cut[outside] == value).all() and (cut[inside] == 200).all()


def test_an_unscaled_crop_copies_pixels():
    image = np.random.default_rng(2).integers(0, 256, (30, 40, 3), np.uint8)
    cut = image[5:15, 7:17]
    np.testing.assert_array_equal(Crop((7, 5, 10, 10), 10).apply_image(image), cut)
    mirrored = Crop((7, 5, 10, 10), 10, mirror=True).apply_image(image)
    np.testing.assert_array_equal(mirrored, cut[:, ::-1])


def test_antialias_keeps_the_mean_of_a_checkerboard():
    image = np.zeros((400, 400), np.uint8)
    image[::2, ::2] = image[1::2, 1::2] = 255
    coarse = Crop((0.3, 0.3, 399, 399), 21).apply_image(image)
    fine = Crop((0.3, 0.3, 399, 399), 21, antialias=True).apply_image(image)
    assert np.ptp(coarse) > 30
    assert np.abs(fine[1:-1, 1:-1].astype(int) - 127).max() <= 2


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
    image = np.ones((20, 30, *channels), dtype)
    for antialias in (False, True):
        cut = Crop((2, 2, 15, 15), 6, antialias=antialias).apply_image(image)
        assert cut.shape == (6, 6, *channels) and cut.dtype == dtype and (cut == 1).all()


def test_views_and_read_only_images_are_taken_and_left_alone():
    image = np.random.default_rng(6).integers(0, 256, (40, 40, 3), np.uint8)
    image.flags.writeable = False
    crop = Crop((3.5, 3.5, 30, 30), 12, antialias=True)
    expected = crop.apply_image(image[..., ::-1].copy())
    np.testing.assert_array_equal(crop.apply_image(image[..., ::-1]), expected)
    wide = np.repeat(image, 2, axis=1)
    np.testing.assert_array_equal(crop.apply_image(wide[:, ::2]), crop.apply_image(image))


def test_images_wider_than_opencv_warps_are_cropped():
    image = np.zeros((8, 70_000), np.uint8)
    image[:, 69_990:] = 9
    assert (Crop((69_992, 0, 8, 8), 8).apply_image(image) == 9).all()


def test_a_box_far_larger_than_the_image_leaves_a_speck():
    image = np.full((20, 30), 200, np.uint8)
    crop = Crop((-500_000 + 15, -500_000 + 10, 1e6, 1e6), 101, antialias=True)
    assert crop.apply_image(image).max() <= 200


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
def test_what_is_no_image_is_refused(image, message):
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
def test_what_makes_no_crop_is_refused(box, size, message):
    with pytest.raises(ValueError, match=message):
        Crop(box, size)


def test_crops_are_values():
    assert Crop([0, 0, 5, 5], np.int64(7)) == Crop((0.0, 0.0, 5.0, 5.0), 7)
    assert len({Crop((0, 0, 5, 5), 7), Crop((0, 0, 5, 5), 7)}) == 1


def heat(size, x, y, sigma):
    rows, columns = np.mgrid[:size, :size]
    return np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2)).astype(np.float32)


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("half_pixel", [False, True])
@pytest.mark.parametrize("stride", [1, 4, 8])
def test_a_peak_of_the_heatmaps_comes_back_to_its_point(stride, half_pixel, mirror):
    crop = Crop((-20.3, 15.6, 250, 250), 160, mirror=mirror, half_pixel=half_pixel)
    xy = np.array([90.4, 120.7])
    cells = (crop.apply_points(xy) + 0.5) / stride - 0.5
    maps = np.dstack(
        [heat(160 // stride, *cells, sigma=12 / stride), np.zeros((160 // stride,) * 2)]
    )
    back = crop.invert_heatmaps(maps, window=(0, 0, 240, 260))
    assert back.shape == (260, 240, 2) and back.dtype == np.float32
    assert np.abs(centroid(back[..., 0]) - xy).max() < 0.01
    assert (back[..., 1] == 0).all()


@pytest.mark.parametrize("interpolation", ["linear", "cubic"])
def test_an_unscaled_crop_samples_up_as_opencv_does(interpolation):
    maps = np.random.default_rng(7).uniform(-1, 1, (23, 23, 3)).astype(np.float32)
    how = {"linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC}[interpolation]
    expected = cv2.resize(maps, (184, 184), interpolation=how)
    back = Crop((5, 6, 184, 184), 184).invert_heatmaps(maps, interpolation=interpolation)
    np.testing.assert_allclose(back, expected, atol=2e-6)
    mirrored = Crop((5, 6, 184, 184), 184, mirror=True)
    back = mirrored.invert_heatmaps(maps, interpolation=interpolation)
    np.testing.assert_allclose(back, expected[:, ::-1], atol=2e-6)


def test_maps_of_an_unscaled_crop_at_full_size_come_back_as_they_are():
    maps = np.random.default_rng(8).uniform(-1, 1, (16, 16, 2)).astype(np.float32)
    crop = Crop((3, 4, 16, 16), 16)
    np.testing.assert_array_equal(crop.invert_heatmaps(maps), maps)
    mirrored = Crop((3, 4, 16, 16), 16, mirror=True)
    np.testing.assert_array_equal(mirrored.invert_heatmaps(maps), maps[:, ::-1])


def test_the_window_holds_the_pixels_under_the_box():
    assert Crop((3, 4, 16, 16), 100).window == (3, 4, 16, 16)
    assert Crop((3.6, -4.2, 16, 16), 100, mirror=True).window == (4, -4, 16, 16)
    assert Crop((3.6, 4, 0.2, 0.2), 100).window[2:] == (0, 0)


@given(
    st.tuples(*[st.integers(-60, 80)] * 2, *[st.integers(1, 90)] * 2),
    st.booleans(),
)
@settings(max_examples=40)
def test_any_window_is_a_piece_of_the_whole_and_zero_outside(window, mirror):
    maps = np.random.default_rng(9).uniform(0.5, 1, (6, 6, 2)).astype(np.float32)
    crop = Crop((-7.7, 4.3, 50.4, 50.4), 48, mirror=mirror)
    whole = crop.invert_heatmaps(maps, window=(-100, -100, 300, 300))
    x, y, width, height = window
    piece = crop.invert_heatmaps(maps, window=window)
    assert piece.shape == (height, width, 2)
    expected = whole[y + 100 : y + 100 + height, x + 100 : x + 100 + width]
    np.testing.assert_allclose(piece, expected, atol=1e-6)
    left, top, columns, rows = crop.window
    assert (whole != 0).any(axis=-1).sum() == columns * rows
    assert (whole[top + 100 : top + 100 + rows, left + 100 : left + 100 + columns] > 0).all()


def test_a_window_bounds_the_memory_of_heatmaps():
    maps = np.ones((20, 20, 22), np.float32)
    tracemalloc.start()
    back = Crop((0, 0, 3000, 3000), 160).invert_heatmaps(maps, window=(1000, 1000, 64, 64))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * back.nbytes


def test_half_precision_maps_come_back_as_float32():
    back = Crop((0, 0, 8, 8), 16).invert_heatmaps(np.ones((2, 2, 1), np.float16))
    assert back.dtype == np.float32 and (back == 1).all()


@pytest.mark.parametrize(
    ("maps", "options", "message"),
    [
        (np.ones((1, 4, 4, 22)), {}, "heatmaps are"),
        (np.ones((4, 4)), {}, "heatmaps are"),
        (np.ones((4, 0, 22)), {}, "heatmaps are"),
        (np.ones((4, 4, 22)), {"window": (0, 0, 0, 5)}, "a window is"),
        (np.ones((4, 4, 22)), {"window": (0, 0, 5.5, 5)}, "a window is"),
        (np.ones((4, 4, 22)), {"window": (100, 100)}, "a window is"),
        (np.ones((4, 4, 22)), {"interpolation": "area"}, "interpolation is 'linear' or 'cubic'"),
    ],
)
def test_maps_and_windows_that_do_not_fit_are_refused(maps, options, message):
    with pytest.raises(ValueError, match=message):
        Crop((0, 0, 10.5, 10.5), 16).invert_heatmaps(maps, **options)


@pytest.mark.parametrize("shape", [(32767, 2), (2, 32767)])
def test_a_region_too_long_for_opencv_is_refused_with_a_way_out(shape):
    image, box = np.full((*shape, 3), 7, np.uint8), (0.0, 0.0, 32767.0, 32767.0)
    with pytest.raises(ImageError, match=r"at most 32766 pixels; shrink the image"):
        Crop(box, 16).apply_image(image)
    assert Crop(box, 16, antialias=True).apply_image(image).shape == (16, 16, 3)


def test_the_longest_region_that_opencv_takes_is_sampled():
    image = np.full((32766, 2, 3), 7, np.uint8)
    assert Crop((0.0, 0.0, 32766.0, 32766.0), 16).apply_image(image).shape == (16, 16, 3)
