"""Peaks against SciPy, scikit-image, enlarged maps and Gaussians of known centres."""

import numpy as np
import pytest
from scipy import ndimage
from skimage import measure, morphology

from openpose_keras.core._opencv import cv2
from openpose_keras.heatmaps import foreground
from openpose_keras.heatmaps.peaks import (
    argmax_peaks,
    blob_peaks,
    local_maxima,
    refine_peaks,
    subpixel_peaks,
    to_input_frame,
)
from tests.helpers.fakes import centres, gaussians, smooth_noise

ALL = [argmax_peaks, blob_peaks, subpixel_peaks]
SHAPES = [(1, 1), (1, 9), (9, 1), (7, 5), (46, 46), (61, 83)]


def blob_by_scikit_image(plane, sigma, threshold):
    """pytorch-openpose's rule, written from its description."""
    above = ndimage.gaussian_filter(plane.astype(np.float64), sigma) > threshold
    if not above.any():
        return [np.nan, np.nan, 0]
    blobs = measure.regionprops(measure.label(above, connectivity=2), intensity_image=plane)
    heaviest = max(blobs, key=lambda blob: plane[tuple(blob.coords.T)].astype(np.float64).sum())
    y, x = max(heaviest.coords.tolist(), key=lambda cell: plane[tuple(cell)])
    return [x, y, plane[y, x]]


@pytest.mark.parametrize("shape", SHAPES)
def test_argmax_agrees_with_numpy_and_takes_the_first_of_equal_maxima(shape):
    maps = np.round(smooth_noise(shape) * 5) / 5
    expected = []
    for plane in np.moveaxis(maps, -1, 0):
        y, x = np.unravel_index(plane.argmax(), shape)
        expected.append([x, y, plane[y, x]])
    np.testing.assert_array_equal(argmax_peaks(maps), np.array(expected, np.float64))


def test_argmax_takes_views_and_more_channels_than_opencv_can_split():
    maps = smooth_noise((12, 9), count=200)
    np.testing.assert_array_equal(argmax_peaks(maps)[:7], argmax_peaks(maps[..., :7]))
    flipped = argmax_peaks(maps[:, ::-1, :21])
    np.testing.assert_array_equal(8 - flipped[:, 0], argmax_peaks(maps[..., :21])[:, 0])


def test_scores_are_the_maps_values_whatever_their_range():
    maps = np.stack([np.full((3, 3), -2.0), np.full((3, 3), 1.7)], axis=-1)
    maps[1, 1] += 0.1
    np.testing.assert_allclose(argmax_peaks(maps)[:, 2], [-1.9, 1.8])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("sigma", "seed"), [(1.0, 0), (1.0, 1), (3.0, 2)])
def test_blobs_agree_with_scikit_image(shape, sigma, seed):
    maps = smooth_noise(shape, seed=seed)
    expected = [blob_by_scikit_image(maps[..., k], sigma, 0.05) for k in range(3)]
    np.testing.assert_array_equal(blob_peaks(maps, sigma=sigma), np.array(expected, np.float64))


def test_the_heaviest_blob_wins_over_the_highest():
    maps = np.zeros((64, 64, 1))
    maps[10, 10] = 5.0  # high and thin
    maps[40:52, 40:52] = 0.5
    maps[45, 46] = 0.6
    np.testing.assert_array_equal(blob_peaks(maps, sigma=1), [[46, 45, 0.6]])


def test_blobs_that_touch_at_a_corner_are_one():
    maps = np.zeros((80, 80, 1))
    maps[10:20, 10:20] = maps[20:30, 20:30] = 1.0
    maps[50:62, 50:62] = 1.0  # 144 against 100 and 200
    np.testing.assert_array_equal(blob_peaks(maps, sigma=0.1, threshold=0.5)[0, :2], [10, 10])


def test_of_equal_blobs_the_first_in_row_major_order_wins():
    # The right blob starts one row higher; OpenCV's default labels would put the left one first.
    maps = np.zeros((40, 40, 1))
    maps[7:10, 4:7] = maps[6:9, 30:33] = 1.0
    np.testing.assert_array_equal(blob_peaks(maps, sigma=0.1, threshold=0.5)[0, :2], [30, 6])


def test_map_below_the_threshold_has_no_blob_and_one_above_it_is_one_blob():
    missing = blob_peaks(np.full((9, 9, 2), 0.049))
    np.testing.assert_array_equal(missing, [[np.nan, np.nan, 0]] * 2)
    np.testing.assert_array_equal(blob_peaks(np.ones((9, 9, 1))), [[0, 0, 1]])


@pytest.mark.parametrize("shape", SHAPES[1:])
@pytest.mark.parametrize(("levels", "seed"), [(3, 0), (3, 1), (10, 2), (1000, 3)])
def test_local_maxima_agree_with_scikit_image_on_maps_full_of_plateaus(shape, levels, seed):
    plane = np.round(smooth_noise(shape, 1, seed=seed)[..., 0] * levels) / levels
    maxima = morphology.local_maxima(plane, connectivity=1) & (plane > 0.1)
    plateaus = measure.label(maxima, connectivity=1, background=0)
    expected = {
        divmod(int(np.flatnonzero(plateaus == n)[0]), shape[1])[::-1]
        for n in range(1, plateaus.max() + 1)
    }
    found = local_maxima(plane, sigma=0, threshold=0.1)
    assert {(int(x), int(y)) for x, y in found[:, :2]} == expected
    np.testing.assert_array_equal(found[:, 2], [plane[int(y), int(x)] for x, y in found[:, :2]])


def test_local_maxima_come_strongest_first_with_unblurred_scores():
    maps = gaussians([(8, 8), (30, 9), (20, 35)], sigma=2.5)
    plane = maps @ [0.5, 0.9, 0.7]
    found = local_maxima(plane, sigma=3)
    np.testing.assert_array_equal(found[:, :2], [(30, 9), (20, 35), (8, 8)])
    np.testing.assert_allclose(found[:, 2], [0.81, 0.63, 0.45], atol=1e-3)


@pytest.mark.parametrize("value", [0.0, 0.5])
def test_constant_map_has_no_peak(value):
    assert local_maxima(np.full((9, 9), value)).shape == (0, 3)
    assert local_maxima(np.full((1, 1), value), sigma=0).shape == (0, 3)


def test_blurred_refinement_stays_near_on_clean_gaussians():
    truth = centres(128, seed=5)  # OpenCV 5 blurs at most 128 channels
    error = subpixel_peaks(gaussians(truth))[:, :2] - truth
    assert np.abs(error).max() < 0.01


@pytest.mark.parametrize(("method", "limit"), [("argmax", 3.2), ("plain", 0.6), ("blurred", 0.25)])
def test_error_on_noisy_gaussians_is_what_the_docstring_says(method, limit):
    truth = centres(128, seed=6)
    noise = np.random.default_rng(7).normal(scale=0.02, size=(46, 46, 128))
    maps = gaussians(truth, height=1.0) + noise
    peaks = {
        "argmax": lambda: to_input_frame(argmax_peaks(maps), 8),
        "plain": lambda: to_input_frame(subpixel_peaks(maps, blur=0), 8),
        "blurred": lambda: to_input_frame(subpixel_peaks(maps), 8),
    }[method]()
    distance = np.linalg.norm(peaks[:, :2] - (truth * 8 + 3.5), axis=1)
    assert distance.mean() < limit


def test_subpixel_scores_are_unblurred_values():
    maps = gaussians([(20, 20)], sigma=1.0)
    assert subpixel_peaks(maps)[0, 2] == pytest.approx(0.9)


def test_missing_peaks_stay_missing():
    peaks = [[np.nan, np.nan, 0], [4, 5, 0.9]]
    refined = refine_peaks(gaussians([(9, 9), (4.25, 5)]), peaks)
    np.testing.assert_allclose(refined, [[np.nan, np.nan, 0], [4.25, 5, 0.9]])
    assert np.isnan(to_input_frame(peaks, 8)[0, 0])
    assert np.isnan(refine_peaks(np.ones((4, 4, 2)), [[np.nan, np.nan, 0]] * 2)[:, :2]).all()


@pytest.mark.parametrize("stride", [1, 4, 8])
def test_input_frame_has_the_half_pixel_rule(stride):
    ramp = np.arange(12.0)[:, None, None] * np.ones((12, 12, 1))
    enlarged = cv2.resize(ramp, None, fx=stride, fy=stride, interpolation=cv2.INTER_LINEAR)
    y = to_input_frame([[0, 5, 1]], stride)[0, 1]
    below, above = enlarged[int(np.floor(y)), 0], enlarged[int(np.ceil(y)), 0]
    assert (below + above) / 2 == pytest.approx(5)


@pytest.mark.parametrize("function", ALL)
def test_maps_are_not_written_to(function):
    maps = smooth_noise((20, 20))
    before = maps.copy()
    maps.flags.writeable = False
    function(maps)
    local_maxima(maps[..., 0])
    refine_peaks(maps, argmax_peaks(maps), method="cubic")
    np.testing.assert_array_equal(maps, before)


@pytest.mark.parametrize("function", ALL)
@pytest.mark.parametrize("bad", [np.nan, -np.inf])
def test_values_that_are_not_finite_are_refused(function, bad):
    maps = np.zeros((9, 9, 2))
    maps[3, 4, 1] = bad
    with pytest.raises(ValueError, match="NaN or infinity"):
        function(maps)
    with pytest.raises(ValueError, match="NaN or infinity"):
        local_maxima(maps[..., 1])


@pytest.mark.parametrize("function", ALL)
@pytest.mark.parametrize("shape", [(9, 9), (0, 9, 1), (9, 9, 0), (1, 9, 9, 1)])
def test_wrong_shapes_are_refused(function, shape):
    with pytest.raises(ValueError, match="expected maps"):
        function(np.zeros(shape))


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match=r"maps\[\.\.\., k\]"):
        local_maxima(np.zeros((9, 9, 1)))
    with pytest.raises(ValueError, match="sigma above 0"):
        blob_peaks(np.zeros((9, 9, 1)), sigma=0)


def test_integers_and_half_floats_are_taken():
    maps = gaussians([(4, 5)], shape=(9, 9)) * 100
    np.testing.assert_array_equal(argmax_peaks(maps.astype(np.uint8)), [[4, 5, 90]])
    assert argmax_peaks(foreground(np.zeros((9, 9, 22), np.float16))).shape == (21, 3)
