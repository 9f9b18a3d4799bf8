"""Maps of several views become one, and its peaks come to the image."""

import tracemalloc

import numpy as np
import pytest

from openpose_keras.estimators.decode import (
    decode_keypoints,
    decode_one_each,
    decode_points,
    join_points,
    mean_points,
    merge_views,
)
from openpose_keras.estimators.hand import HandEstimator
from openpose_keras.estimators.recipes import DecodeRecipe, Recipe
from openpose_keras.estimators.views import View
from openpose_keras.geometry import Frame


def make_view(box, cells=8, stride=4, mirrored=False):
    """A view of a square box, and where its cells' centres are."""
    x, y, side = box
    size = cells * stride
    step = side / size
    frame = Frame((size, size), (step, x - 0.5 + step / 2), (step, y - 0.5 + step / 2))
    frame = frame.flip() if mirrored else frame
    return View(np.zeros((size, size, 3), np.uint8), frame)


def bump(view, xy, stride=4, sigma=10.0, channels=2):
    """Gaussian maps of a point of the image, as a network would see it in a view."""
    frame = view.frame.cells(stride)
    height, width = frame.output_size
    (x_step, x_start), (y_step, y_start) = frame.axes
    x = np.exp(-((x_start + x_step * np.arange(width) - xy[0]) ** 2) / (2 * sigma**2))
    y = np.exp(-((y_start + y_step * np.arange(height) - xy[1]) ** 2) / (2 * sigma**2))
    return np.repeat(np.outer(y, x)[..., None], channels, axis=-1).astype(np.float32)


def test_one_view_is_its_own_merge():
    view = make_view((10, 20, 64))
    maps = bump(view, (40, 50))
    merged, frame = merge_views([view], [maps], 4)
    np.testing.assert_array_equal(merged, maps)
    assert frame == view.frame.cells(4)


@pytest.mark.parametrize("name", ["heatmap", "input"])
def test_views_of_several_sizes_and_flips_agree_where_they_lie(name):
    views = [make_view((10, 20, 64)), make_view((0, 10, 84), mirrored=True), make_view((5, 15, 74))]
    maps = [bump(view, (45.3, 49.1)) for view in views]
    merged, frame = merge_views(views, maps, 4, name)
    peaks = decode_one_each(merged, Recipe(sigma=0))
    np.testing.assert_allclose(frame.invert_points(peaks[:, :2]), [[45.3, 49.1]] * 2, atol=0.15)
    np.testing.assert_allclose(frame.box, (0, 10, 84, 84), atol=84 / 8)
    assert merged.max() <= 1.01


def test_constant_views_stay_constant_wherever_any_reaches():
    views = [make_view((10, 10, 32)), make_view((2, 2, 48))]
    merged, frame = merge_views(views, [np.ones((8, 8, 1), np.float32)] * 2, 4)
    np.testing.assert_allclose(merged, 1, atol=1e-5)
    assert frame.output_size == (12, 12)


def test_where_one_view_does_not_reach_only_the_others_count():
    views = [make_view((10, 10, 32)), make_view((2, 2, 48))]
    maps = [np.zeros((8, 8, 1), np.float32), np.ones((8, 8, 1), np.float32)]
    merged, frame = merge_views(views, maps, 4)
    x, y = frame.apply_points([[12, 12], [4, 4]]).round().astype(int).T
    np.testing.assert_allclose(merged[y, x, 0], [0.5, 1.0], atol=1e-5)


def test_the_best_scale_is_taken_whole():
    views = [make_view((10, 10, 32)), make_view((2, 2, 48))]
    maps = [0.5 * bump(views[0], (20, 21)), bump(views[1], (30, 31))]
    recipe = Recipe(merge="best", sigma=0)
    named = {view: {"keypoints": each} for view, each in zip(views, maps, strict=True)}
    peaks, chosen = decode_keypoints([[view] for view in views], named, recipe, 4)
    np.testing.assert_allclose(peaks[:, :2], [[30, 31]], atol=0.01)
    assert chosen == views[1:]


@pytest.mark.parametrize("peak", ["argmax", "subpixel"])
def test_scores_up_to_the_threshold_are_missing(peak):
    maps = np.zeros((9, 9, 3))
    maps[4, 4] = 0.2, 0.3, 0.4
    peaks = decode_one_each(maps, Recipe(peak=peak, sigma=0, threshold=0.3))
    np.testing.assert_array_equal(peaks, [[np.nan, np.nan, 0]] * 2 + [[4, 4, 0.4]])
    kept = decode_one_each(maps, Recipe(peak=peak, sigma=0, threshold=None))
    np.testing.assert_allclose(kept[:, 2], [0.2, 0.3, 0.4])


def test_of_local_maxima_the_strongest_is_the_peak():
    maps = np.zeros((40, 40, 2))
    maps[5:9, 5:9, 0], maps[25:29, 30:34, 0] = 1.0, 1.5
    peaks = decode_one_each(maps, DecodeRecipe(peak="local_maxima", sigma=1.0, threshold=0.1))
    assert peaks[0, 2] == 1.5
    assert np.isnan(peaks[1, 0])


# Points and maps

POINTS = np.array([[10.0, 10.0], [30.0, 22.0]])
SHARP = DecodeRecipe(peak="argmax", sigma=0, threshold=0.05)


def test_with_flat_maps_the_points_are_kept_and_score_nothing():
    found = join_points(np.zeros((32, 40, 2)), POINTS, SHARP)
    np.testing.assert_array_equal(found, np.column_stack([POINTS, [0, 0]]))
    outside = join_points(np.ones((32, 40, 2)), POINTS + 500, SHARP)
    np.testing.assert_allclose(outside[:, :2], POINTS + 500)
    assert outside[:, 2].max() < 1e-6


def test_a_peak_near_its_point_wins_over_a_higher_one_that_is_far():
    maps = np.zeros((32, 40, 2))
    maps[11, 11], maps[25, 10] = 0.6, 1.0
    [near, alone] = join_points(maps, POINTS, SHARP)
    np.testing.assert_array_equal(near[:2], [11, 11])
    assert 0.4 < near[2] < 0.6
    np.testing.assert_allclose(alone[:2], POINTS[1])  # no peak is near
    np.testing.assert_array_equal(decode_one_each(maps, SHARP)[:, :2], [[10, 25]] * 2)
    wide = join_points(maps, POINTS, SHARP, spread=10.0)
    np.testing.assert_array_equal(wide[:, :2], [[10, 25]] * 2)


@pytest.mark.parametrize("mirrored", [False, True])
def test_points_of_views_are_averaged_in_the_image_and_count_from_the_edge(mirrored):
    views = [make_view((10, 20, 64), mirrored=mirrored), make_view((0, 10, 84))]
    xy = np.array([[30.0, 40.0], [50.5, 60.25]])
    answers = {
        view: {
            "points": np.column_stack([view.frame.apply_points(xy + shift) + 0.5, [0, 0]]),
            "presence": np.float32(presence),
        }
        for view, shift, presence in zip(views, (-1, 1), (0.6, 1.0), strict=True)
    }
    np.testing.assert_allclose(mean_points(answers), xy, atol=1e-6)
    np.testing.assert_allclose(decode_points(answers)[:, 2], 0.8)


@pytest.mark.parametrize("recipe", ["pytorch_openpose", "mmittek"])
def test_a_large_photo_never_holds_all_maps(recipe):
    size = (1500, 2000)
    pixels = size[0] * size[1]

    def network(batch):
        rows, columns = (-(-side // 8) for side in batch.shape[1:3])
        maps = np.zeros((len(batch), rows, columns, 22), np.float32)
        maps[:, 5:9, 5:9] = 1
        return maps

    made = HandEstimator(network, recipe=recipe)
    image = np.zeros((*size, 3), np.uint8)
    tracemalloc.start()
    try:
        made(image, "whole")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 26 * pixels  # 22 maps would be 88 bytes a pixel
