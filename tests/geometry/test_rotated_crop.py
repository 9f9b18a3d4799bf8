import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from openpose_keras.core.errors import ImageError
from openpose_keras.geometry import Crop, RotatedCrop

ANGLES = [0.0, 0.3, np.pi / 2, -2.0, np.pi, 5.5]
BOXES = [
    pytest.param((40.3, 21.6, 60.0, 60.0), 100, id="grown"),
    pytest.param((10.3, 5.7, 150.5, 150.5), 100, id="shrunk a little"),
    pytest.param((-31.0, -17.5, 260.25, 260.25), 40, id="shrunk strongly"),
]


def dots(xy, height=180, width=200, sigma=7.0):
    rows, columns = np.mgrid[:height, :width]
    heat = [np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2)) for x, y in xy]
    return np.dstack(heat).astype(np.float32)


def centroids(maps):
    rows, columns = np.indices(maps.shape[:2])
    mass = maps.sum((0, 1))
    return np.stack([(maps * grid[..., None]).sum((0, 1)) / mass for grid in (columns, rows)], 1)


@given(
    st.tuples(st.floats(-5e3, 5e3), st.floats(-5e3, 5e3)),
    st.floats(1, 5000),
    st.integers(1, 800),
    st.floats(-10, 10),
)
def test_points_come_back(corner, side, size, angle):
    crop = RotatedCrop((*corner, side, side), size, angle)
    points = np.array([[0.0, 0.0], [size - 1.0, 3.5], [-7.25, size]])
    back = crop.apply_points(crop.invert_points(points))
    np.testing.assert_allclose(back, points, atol=1e-3)


@pytest.mark.parametrize("angle", ANGLES)
@pytest.mark.parametrize(("box", "size"), BOXES)
def test_image_and_points_agree(box, size, angle):
    xy = np.array([[70.0, 50.0], [76.0, 58.0]])
    crop = RotatedCrop(box, size, angle)
    found = centroids(crop.apply_image(dots(xy, sigma=4.0)))
    np.testing.assert_allclose(found, crop.apply_points(xy), atol=0.05 * max(1, 1 / crop.scale))


@pytest.mark.parametrize(("box", "size"), BOXES)
def test_without_an_angle_it_is_a_crop(box, size):
    rng = np.random.default_rng(0)
    image = ndimage.gaussian_filter(rng.uniform(0, 255, (180, 200, 3)), (6, 6, 0))
    image[:40], image[:, :40], image[-40:], image[:, -40:] = 0, 0, 0, 0
    image = ndimage.gaussian_filter(image, (4, 4, 0)).astype(np.float32)
    plain = Crop(box, size, antialias=True)
    rotated = RotatedCrop(box, size, 0.0)
    near = 1.5 if plain.scale < 4 else 3.0  # both average, over areas that begin elsewhere
    np.testing.assert_allclose(rotated.apply_image(image), plain.apply_image(image), atol=near)
    points = np.array([[3.0, 4.0], [150.0, 9.0]])
    np.testing.assert_allclose(rotated.apply_points(points), plain.apply_points(points))


def test_a_quarter_rotation_of_whole_pixels_is_exact():
    image = np.random.default_rng(1).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    rotated = RotatedCrop((0, 0, 40, 40), 40, np.pi / 2).apply_image(image)
    np.testing.assert_array_equal(rotated, np.rot90(image, -1))


def test_outside_the_image_is_black():
    image = np.full((50, 50, 3), 200, np.uint8)
    crop = RotatedCrop((-50, -50, 150, 150), 60, 0.7).apply_image(image)
    assert set(np.unique(crop[:8, :8])) == {0}
    assert (crop[27:33, 27:33] == 200).all()


def test_a_strongly_shrunk_checkerboard_is_grey():
    board = (np.indices((600, 600)).sum(0) % 2 * 255).astype(np.uint8)
    crop = RotatedCrop((100, 100, 400, 400), 40, 0.5).apply_image(board)
    assert np.abs(crop.astype(int) - 127).max() <= 8


@pytest.mark.parametrize("angle", ANGLES)
def test_heatmaps_come_back_to_where_they_were(angle):
    crop = RotatedCrop((30.0, 20.0, 120.0, 120.0), 80, angle)
    xy = np.array([[90.0, 80.0], [105.0, 66.0]])
    maps = dots(crop.apply_points(xy), 80, 80, sigma=4.0)
    for interpolation in ("linear", "cubic"):
        options = {"window": (10, 5, 170, 150), "interpolation": interpolation}
        back = crop.invert_heatmaps(maps, **options)
        assert back.shape == (150, 170, 2)
        assert back.dtype == np.float32
        np.testing.assert_allclose(centroids(back), xy - (10, 5), atol=0.1)


def test_default_window_is_the_box_before_its_rotation():
    crop, maps = RotatedCrop((30.4, 20.0, 60.0, 60.0), 80, 0.7), dots([(30, 40)], 40, 40)
    back = crop.invert_heatmaps(maps)
    np.testing.assert_array_equal(back, crop.invert_heatmaps(maps, window=(30, 20, 60, 60)))
    plain = RotatedCrop((30.4, 20.0, 60.0, 60.0), 80, 0.0).invert_heatmaps(maps)
    expected = Crop((30.4, 20.0, 60.0, 60.0), 80).invert_heatmaps(maps)
    np.testing.assert_allclose(plain, expected, atol=0.02)  # 1/32 of a cell


def test_heatmaps_are_zero_outside_the_rotated_box():
    crop = RotatedCrop((50, 50, 40, 40), 40, np.pi / 4)
    back = crop.invert_heatmaps(np.ones((10, 10, 1)), window=(0, 0, 140, 140))[..., 0]
    assert back[52, 52] == 0  # a corner of the straight box
    assert back[69, 69] == 1
    assert back.sum() == pytest.approx(1600, rel=0.05)


@pytest.mark.parametrize(
    ("box", "size", "angle"),
    [((0, 0, 10, 20), 40, 0.0), ((0, 0, 10, 10), 0, 0.0), ((0, 0, 10, 10), 40, np.nan)],
)
def test_wrong_values_are_refused(box, size, angle):
    with pytest.raises(ValueError, match=r"square|size|angle"):
        RotatedCrop(box, size, angle)


def test_a_box_outside_the_image_is_refused():
    with pytest.raises(ImageError, match="outside"):
        RotatedCrop((900, 900, 40, 40), 40, 0.2).apply_image(np.zeros((50, 50, 3), np.uint8))


@pytest.mark.parametrize("shape", [(1500, 2001), (900, 1203)])
def test_a_large_image_is_averaged_and_keeps_its_place(shape):
    # Dots of one pixel each would be lost where pixels are skipped.
    image = np.zeros((*shape, 3), np.float32)
    image[100::3, 100::3] = 90.0
    crop = RotatedCrop((100, 100, 700, 700), 60, 0.4)
    inner = crop.apply_image(image)[20:40, 20:40]
    np.testing.assert_allclose(inner.mean(), 10.0, rtol=0.02)
    assert inner.std() < 1.5
