"""Merged maps against NumPy's averages, and the memory that merging takes."""

import tracemalloc

import numpy as np
import pytest

from openpose_keras.heatmaps import merge, pick_best


def random_maps(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def test_mean_agrees_with_numpy_and_leaves_its_arguments():
    maps = [random_maps(4, 5, 22, seed=seed) for seed in range(3)]
    copies = [each.copy() for each in maps]
    np.testing.assert_allclose(merge(maps), np.mean(copies, axis=0), atol=1e-6)
    np.testing.assert_array_equal(maps, copies)


def test_weighted_mean_agrees_with_numpy():
    maps = [random_maps(4, 5, 3, seed=seed) for seed in range(3)]
    expected = np.average(maps, axis=0, weights=[0.5, 2, 1])
    np.testing.assert_allclose(merge(maps, weights=[0.5, 2, 1]), expected, atol=1e-6)


def test_only_the_views_that_reach_a_cell_count_there():
    maps = [random_maps(4, 5, 3, seed=seed) for seed in range(2)]
    reach = np.zeros((2, 4, 5), bool)
    reach[0, :, :3], reach[1, :, 2:4] = True, True
    merged = merge(maps, weights=reach)
    np.testing.assert_array_equal(merged[:, :2], maps[0][:, :2])
    np.testing.assert_array_equal(merged[:, 3], maps[1][:, 3])
    np.testing.assert_allclose(merged[:, 2], (maps[0] + maps[1])[:, 2] / 2)
    assert (merged[:, 4] == 0).all()


@pytest.mark.parametrize("method", ["mean", "best"])
def test_one_view_is_its_own_merge_but_a_new_array(method):
    maps = random_maps(4, 5, 22)
    merged = merge([maps], method)
    np.testing.assert_array_equal(merged, maps)
    assert not np.shares_memory(merged, maps)


def test_best_is_judged_without_the_background():
    low, high = np.zeros((4, 4, 3)), np.zeros((4, 4, 3))
    low[1, 1, :2], high[2, 2, 2] = 0.5, 9.0
    np.testing.assert_array_equal(merge([high, low], "best"), low)


def test_best_view_is_the_first_with_the_highest_mean():
    assert pick_best([[0.1, 0.1], [0.9, 0.0], [0.5, 0.5], [0.6, 0.4]]) == 2


def test_views_are_taken_one_at_a_time():
    shape = (500, 600, 1)
    tracemalloc.start()
    merge(np.full(shape, value, np.float32) for value in range(8))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3.2 * 4 * np.prod(shape)


@pytest.mark.parametrize(
    ("maps", "options", "message"),
    [
        ([np.zeros((4, 4, 3))], {"method": "median"}, "expected a method among"),
        ([np.zeros((4, 4, 3))], {"method": "best", "weights": [1]}, "weights with 'mean'"),
        ([np.zeros((4, 4, 3)), np.zeros((5, 4, 3))], {}, "one shape"),
        ([np.zeros((4, 4, 3))], {"weights": [1, 2]}, "longer"),
        ([], {}, "got none"),
        ([], {"method": "best"}, "scores"),
    ],
)
def test_what_cannot_be_merged_is_refused(maps, options, message):
    with pytest.raises(ValueError, match=message):
        merge(maps, **options)


def test_scores_of_no_view_are_refused():
    with pytest.raises(ValueError, match="scores"):
        pick_best([])
