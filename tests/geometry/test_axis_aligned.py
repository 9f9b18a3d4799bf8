"""Points and heatmaps of all axis-aligned transforms, against OpenCV and as round trips."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openpose_keras.core.errors import ImageError
from openpose_keras.geometry import Crop, Frame, Pad, Resize

TRANSFORMS = [
    Resize((90, 120), (368, 200)),
    Resize((90, 120), (45, 60), "cubic"),
    Pad((90, 121), stride=8),
    Crop((-31.0, -17.5, 260.25, 260.25), 40, half_pixel=False),
    Crop((10.3, 5.7, 50.5, 50.5), 100, mirror=True),
    Crop((4e3, -5e3, 1.5, 1.5), 800, mirror=True, half_pixel=False),
    Frame((46, 62), (-8.0, 300.5), (4.0, 1.5)),
]
with_transform = pytest.mark.parametrize("transform", TRANSFORMS, ids=str)


def random_maps(*shape):
    return np.random.default_rng(0).uniform(0.5, 1, shape).astype(np.float32)


@with_transform
@pytest.mark.parametrize("shape", [(0, 2), (2,), (3, 21, 2)])
def test_points_come_back_and_missing_ones_stay_missing(transform, shape):
    xy = np.random.default_rng(2).uniform(-50, 500, shape)
    xy[len(xy) // 2 + 1 :] = np.nan
    xy.flags.writeable = False
    back = transform.invert_points(transform.apply_points(xy))
    np.testing.assert_allclose(back, xy, atol=1e-9)
    assert back.dtype == np.float64
    assert not np.shares_memory(back, xy)


@with_transform
def test_arrays_of_a_wrong_shape_are_refused(transform):
    for call in (transform.apply_points, transform.invert_points):
        for xy in (np.zeros((21, 3)), 1.0):
            with pytest.raises(ValueError, match="expected points"):
                call(xy)
    for maps in (np.ones((1, 4, 4, 22)), np.ones((4, 4)), np.ones((0, 4, 22))):
        with pytest.raises(ValueError, match="expected maps"):
            transform.invert_heatmaps(maps)


@pytest.mark.parametrize("transform", TRANSFORMS[:3], ids=str)
def test_images_of_another_size_are_refused(transform):
    for shape in ((91, 119, 3), (2, 90, 120, 3), (0, 120)):
        with pytest.raises(ImageError):
            transform.apply_image(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("interpolation", ["linear", "cubic"])
@pytest.mark.parametrize("mirror", [False, True])
def test_heatmaps_come_back_as_opencv_resizes_them(interpolation, mirror):
    method = {"linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC}[interpolation]
    for transform, size in (
        (Crop((5, 6, 184, 184), 184, mirror=mirror), (184, 184)),
        (Resize((37, 53), (368, 480)), (37, 53)),
    ):
        maps = random_maps(12, 16, 4)
        expected = cv2.resize(maps, size[::-1], interpolation=method)
        back = transform.invert_heatmaps(maps, interpolation=interpolation)
        flipped = mirror and isinstance(transform, Crop)
        np.testing.assert_allclose(back, expected[:, ::-1] if flipped else expected, atol=2e-6)


@pytest.mark.parametrize("stride", [1, 8])
@pytest.mark.parametrize("half_pixel", [False, True])
@pytest.mark.parametrize("mirror", [False, True])
def test_a_peak_of_the_heatmaps_comes_back_to_its_point(stride, half_pixel, mirror):
    crop = Crop((-20.3, 15.6, 250, 250), 160, mirror=mirror, half_pixel=half_pixel)
    xy = np.array([90.4, 120.7])
    x, y = (crop.apply_points(xy) + 0.5) / stride - 0.5
    rows, columns = np.indices((160 // stride,) * 2)
    maps = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * (12 / stride) ** 2))[..., None]
    back = crop.invert_heatmaps(maps, window=(0, 0, 240, 260))[..., 0].astype(np.float64)
    rows, columns = np.indices((260, 240))
    found = np.average(columns, weights=back), np.average(rows, weights=back)
    np.testing.assert_allclose(found, xy, atol=0.01)


def test_heatmaps_of_full_size_come_back_as_they_are():
    maps = random_maps(96, 128, 2)
    np.testing.assert_array_equal(
        Crop((3, 4, 96, 96), 96).invert_heatmaps(maps[:, :96]), maps[:, :96]
    )
    padded = Pad((90, 121), 8).invert_heatmaps(maps)
    np.testing.assert_array_equal(padded, maps[:90, :121])
    assert not np.shares_memory(padded, maps)


def test_window_holds_the_pixels_under_the_box():
    assert Crop((3, 4, 16, 16), 100).window == (3, 4, 16, 16)
    assert Crop((3.6, -4.2, 16, 16), 100, mirror=True).window == (4, -4, 16, 16)
    assert Crop((3.6, 4, 0.2, 0.2), 100).window[2:] == (0, 0)


@given(st.tuples(*[st.integers(-60, 80)] * 2, *[st.integers(1, 90)] * 2), st.booleans())
@settings(max_examples=40)
def test_any_window_is_a_piece_of_the_whole_and_zero_outside(window, mirror):
    maps = random_maps(6, 6, 2)
    crop = Crop((-7.7, 4.3, 50.4, 50.4), 48, mirror=mirror)
    whole = crop.invert_heatmaps(maps, window=(-100, -100, 300, 300))
    x, y, width, height = window
    expected = whole[y + 100 : y + 100 + height, x + 100 : x + 100 + width]
    np.testing.assert_allclose(crop.invert_heatmaps(maps, window=window), expected, atol=1e-6)
    left, top, columns, rows = crop.window
    assert (whole != 0).any(axis=-1).sum() == columns * rows
    assert (whole[top + 100 : top + 100 + rows, left + 100 : left + 100 + columns] > 0).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": (0, 0, 0, 5)}, "a window is"),
        ({"window": (0, 0, 5.5, 5)}, "a window is"),
        ({"window": (100, 100)}, "a window is"),
        ({"interpolation": "area"}, "interpolation is 'linear' or 'cubic'"),
    ],
)
def test_wrong_windows_and_interpolations_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Crop((0, 0, 10.5, 10.5), 16).invert_heatmaps(np.ones((4, 4, 22)), **options)


def test_a_chain_of_resize_and_pad_comes_back_to_the_image():
    resize = Resize.to_width((300, 410), 137, "cubic")
    pad = Pad(resize.output_size, 8)
    image = np.zeros((300, 410, 3), np.uint8)
    assert pad.apply_image(resize.apply_image(image)).shape == (104, 144, 3)
    x, y = (pad.apply_points(resize.apply_points([210.5, 123.25])) + 0.5) / 8 - 0.5
    rows, columns = np.mgrid[:13, :18]
    maps = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 4)[..., None]
    whole = resize.invert_heatmaps(pad.invert_heatmaps(maps))[..., 0].astype(np.float64)
    rows, columns = np.mgrid[:300, :410]
    assert np.average(columns, weights=whole) == pytest.approx(210.5, abs=0.05)
    assert np.average(rows, weights=whole) == pytest.approx(123.25, abs=0.05)
