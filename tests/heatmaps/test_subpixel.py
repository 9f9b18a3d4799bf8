"""Blurs and refined peaks against SciPy, enlarged maps and Gaussians of known centres."""

import numpy as np
import pytest
from scipy import ndimage

from openpose_keras.heatmaps import upsample_stride
from openpose_keras.heatmaps.peaks import argmax_peaks, to_input_frame
from openpose_keras.heatmaps.subpixel import gaussian_blur, refine_peaks
from tests.helpers.fakes import centres, gaussians, smooth_noise

SHAPES = [(1, 1), (1, 9), (9, 1), (7, 5), (46, 46), (61, 83)]


@pytest.mark.parametrize("shape", [*SHAPES, (25, 26)])
@pytest.mark.parametrize("sigma", [0.5, 1.0, 3.0])
def test_blur_agrees_with_scipy(shape, sigma):
    plane = np.random.default_rng(1).random(shape, dtype=np.float32)
    expected = ndimage.gaussian_filter(plane.astype(np.float64), sigma)
    np.testing.assert_allclose(gaussian_blur(plane, sigma), expected, rtol=0, atol=1e-6)


def test_log_quadratic_is_exact_on_gaussians():
    truth = centres(60, 0)
    maps = gaussians(truth)
    refined = refine_peaks(maps, argmax_peaks(maps))
    np.testing.assert_allclose(refined[:, :2], truth, atol=1e-9)


def test_log_quadratic_is_exact_on_slanted_gaussians():
    y, x = np.mgrid[:46, :46]
    dx, dy = x - 20.3, y - 17.6
    maps = np.exp(-(dx**2 / 4 + dy**2 / 3 + dx * dy / 4))[..., None]
    np.testing.assert_allclose(refine_peaks(maps, argmax_peaks(maps))[0, :2], [20.3, 17.6])


def test_cubic_refinement_agrees_with_the_enlarged_map():
    truth = centres(60, 0, low=-0.4, high=45.4)
    maps = gaussians(truth)
    refined = refine_peaks(maps, argmax_peaks(maps), method="cubic")
    expected = argmax_peaks(upsample_stride(maps, 8))
    np.testing.assert_allclose(to_input_frame(refined, 8)[:, :2], expected[:, :2], atol=1e-9)
    np.testing.assert_allclose(refined[:, 2], expected[:, 2], atol=1e-6)


@pytest.mark.parametrize("method", ["log_quadratic", "cubic"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (6, 1), (2, 2), (3, 3)])
def test_refinement_stays_inside_tiny_maps(method, shape):
    maps = smooth_noise(shape, count=4, seed=3)
    refined = refine_peaks(maps, argmax_peaks(maps), method=method)
    assert np.isfinite(refined).all()
    assert (refined[:, :2] >= -0.5).all()
    assert (refined[:, :2] <= np.array(shape[::-1]) - 0.5).all()


@pytest.mark.parametrize("method", ["log_quadratic", "cubic"])
@pytest.mark.parametrize("value", [0.0, 1.0, -1.0])
def test_constant_map_moves_no_peak_by_more_than_a_cell(method, value):
    maps = np.full((9, 9, 1), value)
    refined = refine_peaks(maps, [[4, 4, value]], method=method)
    assert np.abs(refined[0, :2] - 4).max() <= 1
    if method == "log_quadratic":
        np.testing.assert_array_equal(refined, [[4, 4, value]])


def test_log_quadratic_keeps_the_coordinate_across_the_border():
    maps = gaussians([(0, 20.3), (20.3, 45)])
    refined = refine_peaks(maps, argmax_peaks(maps))
    np.testing.assert_allclose(refined[:, :2], [[0, 20.3], [20.3, 45]], atol=1e-9)


def test_a_ridge_moves_the_peak_by_at_most_one_cell():
    maps = np.tile(np.linspace(0.1, 1.0, 20), (20, 1))[..., None]
    refined = refine_peaks(maps, [[10, 10, maps[10, 10, 0]]])
    assert np.abs(refined[0, :2] - 10).max() <= 1


def test_refinement_refuses_what_it_cannot_refine():
    maps = np.zeros((9, 9, 2))
    with pytest.raises(ValueError, match=r"\(2, 3\), got shape \(1, 3\)"):
        refine_peaks(maps, [[1, 1, 1]])
    with pytest.raises(ValueError, match="outside its map of 9 x 9"):
        refine_peaks(maps, [[1, 1, 1], [9, 1, 1]])
    with pytest.raises(ValueError, match="method is one of"):
        refine_peaks(maps, [[1, 1, 1]] * 2, method="magic")
