"""Resized maps against plain loops."""

import numpy as np
import pytest

from openpose_keras.heatmaps import foreground, resize_from_network, upsample, upsample_stride
from openpose_keras.heatmaps.resize import upsample_apart


def random_maps(*shape):
    return np.random.default_rng(0).random(shape, dtype=np.float32)


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
        for position in (np.arange(length) + 0.5) * len(values) / length - 0.5:
            taps = range(int(np.floor(position)) - 2, int(np.floor(position)) + 4)
            cells = [values[min(max(tap, 0), len(values) - 1)] for tap in taps]
            weights = [kernel(position - tap) for tap in taps]
            out.append(sum(w * cell for w, cell in zip(weights, cells, strict=True)))
        return np.array(out)

    return along(along(plane.astype(np.float64), size[0]).T, size[1]).T


@pytest.mark.parametrize(("name", "kernel"), [("cubic", keys_cubic), ("linear", triangle)])
@pytest.mark.parametrize("size", [(40, 56), (13, 9), (5, 7), (1, 1), (3, 50)])
def test_upsample_agrees_with_plain_loops(name, kernel, size):
    maps = random_maps(5, 7, 5)
    expected = np.stack([resize_by_loops(maps[..., k], size, kernel) for k in range(5)], axis=-1)
    np.testing.assert_allclose(upsample(maps, size, interpolation=name), expected, atol=2e-6)


def test_a_batch_is_its_maps_one_by_one():
    batch = random_maps(3, 6, 5, 22)
    enlarged = upsample_stride(batch, 8)
    assert enlarged.shape == (3, 48, 40, 22)
    np.testing.assert_array_equal(enlarged[1], upsample_stride(batch[1], 8))


@pytest.mark.parametrize("stride", [1, 4, 8])
def test_centre_of_a_cell_is_stride_times_cell_plus_half_a_stride(stride):
    maps = np.zeros((9, 9, 1))
    maps[4, 3] = 1
    enlarged = upsample_stride(maps, stride)[..., 0]
    y, x = np.mgrid[: 9 * stride, : 9 * stride]
    assert np.average(x, weights=enlarged) == pytest.approx(stride * 3 + (stride - 1) / 2)
    assert np.average(y, weights=enlarged) == pytest.approx(stride * 4 + (stride - 1) / 2)


def test_floats_keep_their_precision():
    assert upsample(np.zeros((2, 2, 1)), (4, 4)).dtype == np.float64
    assert upsample(np.zeros((2, 2, 1), np.float16), (4, 4)).dtype == np.float32


def test_padding_is_cut_off_before_the_maps_are_resized():
    maps = random_maps(5, 7, 2)
    resized = resize_from_network(maps, (300, 410), stride=8, valid_size=(37, 50))
    np.testing.assert_array_equal(resized, upsample(upsample_stride(maps, 8)[:37, :50], (300, 410)))
    unpadded = resize_from_network(maps, (33, 45), stride=8)
    np.testing.assert_array_equal(unpadded, upsample(maps, (33, 45)))


def test_foreground_is_a_view_without_the_last_map():
    maps = random_maps(4, 4, 22)
    assert np.shares_memory(foreground(maps), maps)
    np.testing.assert_array_equal(foreground(maps), maps[..., :21])


@pytest.mark.parametrize("shape", [(4,), (4, 4), (0, 4, 3), (1, 1, 4, 4, 3)])
def test_wrong_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="expected maps"):
        upsample(np.zeros(shape), (8, 8))


def test_wrong_options_are_refused():
    with pytest.raises(ValueError, match="'linear' or 'cubic', got 'lanczos'"):
        upsample(np.zeros((4, 4, 3)), (8, 8), interpolation="lanczos")
    with pytest.raises(ValueError, match="size"):
        upsample(np.zeros((4, 4, 3)), (0, 8))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_maps_enlarged_apart_are_those_enlarged_together(dtype):
    maps = np.random.default_rng(0).random((9, 13, 5)).astype(dtype)
    apart = upsample_apart(maps, (72, 104))
    np.testing.assert_allclose(apart, upsample(maps, (72, 104)), atol=1e-6)
    assert apart.dtype == dtype
    assert all(apart[..., k].flags.c_contiguous for k in range(5))
