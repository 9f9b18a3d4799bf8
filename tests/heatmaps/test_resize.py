"""Maps between frames, against plain loops and OpenCV, and what they take in memory."""

import tracemalloc
from functools import partial

import numpy as np
import pytest

from openpose_keras.heatmaps import (
    foreground,
    merge,
    merged_planes,
    pick_best,
    resize_from_network,
    upsample,
    upsample_stride,
)


def random_maps(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def keys_cubic(distance, a=-0.75):
    distance = abs(distance)
    if distance <= 1:
        return (a + 2) * distance**3 - (a + 3) * distance**2 + 1
    if distance < 2:
        return a * (distance**3 - 5 * distance**2 + 8 * distance - 4)
    return 0.0


def triangle(distance):
    return max(0.0, 1 - abs(distance))


def resize_by_loops(plane, size, kernel):
    """The half-pixel rule and a kernel of two cells' reach, with the edge repeated."""

    def along(values, length):
        out = []
        for place in (np.arange(length) + 0.5) * len(values) / length - 0.5:
            taps = range(int(np.floor(place)) - 2, int(np.floor(place)) + 4)
            cells = [values[min(max(tap, 0), len(values) - 1)] for tap in taps]
            out.append(
                sum(kernel(place - tap) * cell for tap, cell in zip(taps, cells, strict=True))
            )
        return np.array(out)

    return along(along(plane.astype(np.float64), size[0]).T, size[1]).T


@pytest.mark.parametrize(("name", "kernel"), [("cubic", keys_cubic), ("linear", triangle)])
@pytest.mark.parametrize("size", [(40, 56), (13, 9), (5, 7), (1, 1), (3, 50)])
def test_upsample_agrees_with_plain_loops(name, kernel, size):
    maps = random_maps(5, 7, 3)
    expected = np.stack([resize_by_loops(maps[..., k], size, kernel) for k in range(3)], axis=-1)
    np.testing.assert_allclose(upsample(maps, size, interpolation=name), expected, atol=2e-6)


@pytest.mark.parametrize("channels", [1, 3, 5, 22])
@pytest.mark.parametrize("name", ["cubic", "linear"])
def test_channels_do_not_mix(channels, name):
    maps = random_maps(6, 5, channels)
    together = upsample(maps, (17, 23), interpolation=name)
    for k in range(channels):
        alone = upsample(maps[..., k : k + 1], (17, 23), interpolation=name)
        np.testing.assert_allclose(together[..., k : k + 1], alone, atol=1e-6)


def test_a_batch_is_its_maps_one_by_one():
    batch = random_maps(3, 6, 5, 22)
    enlarged = upsample_stride(batch, 8)
    assert enlarged.shape == (3, 48, 40, 22)
    np.testing.assert_array_equal(enlarged[1], upsample_stride(batch[1], 8))


@pytest.mark.parametrize("stride", [1, 4, 8])
def test_a_cell_lies_at_stride_times_cell_plus_half_a_stride(stride):
    maps = np.zeros((9, 9, 1))
    maps[4, 3] = 1
    enlarged = upsample_stride(maps, stride)[..., 0]
    y, x = np.mgrid[: 9 * stride, : 9 * stride]
    assert (enlarged * x).sum() / enlarged.sum() == pytest.approx(stride * 3 + (stride - 1) / 2)
    assert (enlarged * y).sum() / enlarged.sum() == pytest.approx(stride * 4 + (stride - 1) / 2)


@pytest.mark.parametrize("name", ["cubic", "linear"])
def test_constant_maps_stay_constant(name):
    enlarged = upsample(np.full((3, 4, 2), 0.7), (31, 17), interpolation=name)
    np.testing.assert_allclose(enlarged, 0.7, atol=1e-6)


def test_floats_keep_their_precision():
    assert upsample(np.zeros((2, 2, 1)), (4, 4)).dtype == np.float64
    assert upsample(np.zeros((2, 2, 1), np.float16), (4, 4)).dtype == np.float32


def test_picture_without_padding_is_one_step():
    maps = random_maps(5, 7, 2)
    picture = resize_from_network(maps, (33, 45), stride=8, interpolation="linear")
    np.testing.assert_array_equal(picture, upsample(maps, (33, 45), interpolation="linear"))


def test_padding_is_cut_away_before_the_picture():
    maps = random_maps(5, 7, 2)
    expected = upsample(upsample_stride(maps, 8)[:37, :50], (300, 410))
    resized = resize_from_network(maps, (300, 410), stride=8, valid_size=(37, 50))
    np.testing.assert_array_equal(resized, expected)


def test_best_scale_is_the_one_of_the_highest_mean():
    assert pick_best([[0.1, 0.1], [0.9, 0.0], [0.5, 0.5]]) == 2


def test_of_equal_scales_the_first_wins():
    assert pick_best([[0.5, 0.5], [0.6, 0.4], [0.5, 0.5]]) == 0


def test_mean_agrees_with_numpy_and_writes_into_nothing():
    maps = [random_maps(4, 5, 22, seed=seed) for seed in range(3)]
    copies = [each.copy() for each in maps]
    np.testing.assert_allclose(merge(maps), np.mean(copies, axis=0), atol=1e-6)
    for each, copy in zip(maps, copies, strict=True):
        np.testing.assert_array_equal(each, copy)


@pytest.mark.parametrize("method", ["mean", "best"])
def test_one_scale_is_its_own_merge_but_a_new_array(method):
    maps = random_maps(4, 5, 22)
    merged = merge([maps], method)
    np.testing.assert_array_equal(merged, maps)
    assert not np.shares_memory(merged, maps)


def test_best_is_judged_without_the_background():
    low, high = np.zeros((4, 4, 3)), np.zeros((4, 4, 3))
    low[1, 1, :2], high[2, 2, 2] = 0.5, 9.0
    np.testing.assert_array_equal(merge([high, low], "best"), low)


def test_foreground_is_a_view_without_the_last_map():
    maps = random_maps(4, 4, 22)
    assert np.shares_memory(foreground(maps), maps)
    np.testing.assert_array_equal(foreground(maps), maps[..., :21])


def test_planes_are_the_merged_maps_one_by_one():
    maps = [random_maps(4, 5, 3, seed=1), random_maps(7, 9, 3, seed=2)]
    enlarge = [partial(upsample, size=(40, 50))] * 2
    planes = np.concatenate(list(merged_planes(maps, enlarge)), axis=-1)
    expected = merge([upsample(each, (40, 50)) for each in maps])
    np.testing.assert_allclose(planes, expected, atol=1e-6)


def test_planes_write_into_nothing_even_when_nothing_is_enlarged():
    maps = [random_maps(4, 5, 3, seed=seed) for seed in range(2)]
    copies = [each.copy() for each in maps]
    for plane in merged_planes(maps, [lambda plane: plane] * 2):
        plane.fill(-1)
    np.testing.assert_array_equal(maps, copies)


def test_memory_is_three_planes_however_many_maps_there_are():
    size = (1500, 2000)
    plane_bytes = size[0] * size[1] * 4
    maps = [random_maps(12, 16, 21, seed=seed) for seed in range(4)]
    tracemalloc.start()
    try:
        for plane in merged_planes(maps, [partial(upsample, size=size)] * 4):
            assert plane.shape == (*size, 1)
            del plane
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert plane_bytes < peak < 3.1 * plane_bytes


@pytest.mark.parametrize("shape", [(4,), (4, 4), (0, 4, 3), (1, 1, 4, 4, 3)])
def test_wrong_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="expected maps"):
        upsample(np.zeros(shape), (8, 8))


def test_wrong_options_are_refused():
    maps = np.zeros((4, 4, 3))
    with pytest.raises(ValueError, match="'linear' or 'cubic', got 'lanczos'"):
        upsample(maps, (8, 8), interpolation="lanczos")
    with pytest.raises(ValueError, match="size"):
        upsample(maps, (0, 8))
    with pytest.raises(ValueError, match="expected a method among"):
        merge([maps], "median")
    with pytest.raises(ValueError, match="one shape"):
        merge([maps, np.zeros((5, 4, 3))])
    with pytest.raises(ValueError, match="one shape"):
        merge([])
    with pytest.raises(ValueError, match="scores"):
        pick_best([])
    with pytest.raises(ValueError, match="one function per scale"):
        list(merged_planes([maps], []))
