import time

import numpy as np
import pytest

from openpose_keras.heatmaps.candidates import (
    MOST_PEAKS,
    openpose_candidates,
    refined_candidates,
)
from openpose_keras.heatmaps.resize import upsample, upsample_stride
from tests.helpers.fakes import smooth_noise
from tests.helpers.people import peaks_by_loops

SHAPES = [(1, 1), (1, 9), (3, 3), (4, 5), (5, 5), (24, 32), (46, 61)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("levels", [6, 1000])
def test_peaks_are_those_of_openposes_rule_written_as_loops(shape, levels):
    """With few levels there are many ties and plateaus."""
    maps = (np.round(smooth_noise(shape) * levels) / levels).astype(np.float32)
    found = openpose_candidates(maps, threshold=0.05)
    assert len(found) == maps.shape[2]
    for peaks, plane in zip(found, np.moveaxis(maps, 2, 0), strict=True):
        expected = peaks_by_loops(plane, np.float32(0.05))
        assert peaks.shape == expected.shape
        np.testing.assert_allclose(peaks, expected, atol=1e-4)


def test_a_constant_map_has_peaks_on_its_ring_only():
    (peaks,) = openpose_candidates(np.ones((24, 32, 1), np.float32))
    assert len(peaks) == 108  # the second rows and columns from the border


def test_of_two_equal_neighbours_neither_is_a_peak():
    maps = np.zeros((9, 9, 2), np.float32)
    maps[4, 4:6, 0] = 0.5
    maps[4, 4:6, 1] = 0.5, 0.4
    assert [len(peaks) for peaks in openpose_candidates(maps)] == [0, 1]


def test_a_peak_must_be_above_the_threshold():
    maps = np.zeros((9, 9, 1), np.float32)
    maps[4, 4] = 0.5
    assert len(openpose_candidates(maps, threshold=0.5)[0]) == 0
    assert len(openpose_candidates(maps, threshold=0.49)[0]) == 1


def test_a_gaussian_is_found_between_the_pixels_and_moved_by_the_offset():
    y, x = np.mgrid[:40, :50]
    plane = np.exp(-((x - 20.3) ** 2 + (y - 15.8) ** 2) / (2 * 7**2)).astype(np.float32)
    (peaks,) = openpose_candidates(plane[..., None], offset=0.5)
    # The centroid of 7x7 pixels pulls towards the pixel: it is OpenPose's, not the best one.
    np.testing.assert_allclose(peaks[0, :2], (20.5, 16.5), atol=0.1)
    assert peaks[0, 2] == plane.max()


def test_the_first_peaks_are_kept_and_not_the_highest():
    plane = np.zeros((60, 60), np.float32)
    plane[3:57:3, 3:57:3] = np.linspace(0.1, 0.9, 18 * 18).reshape(18, 18)
    (peaks,) = openpose_candidates(plane[..., None])
    assert len(peaks) == MOST_PEAKS
    assert (np.diff(peaks[:, 2]) > 0).all()
    assert peaks[0, 2] == np.float32(0.1)


@pytest.mark.parametrize("order", ["C", "apart"])
def test_how_maps_lie_in_memory_changes_nothing(order):
    maps = smooth_noise((31, 40)).astype(np.float32)
    if order == "apart":
        maps = np.moveaxis(np.ascontiguousarray(np.moveaxis(maps, 2, 0)), 0, 2)
    before = maps.copy()
    found = openpose_candidates(maps)
    alone = [openpose_candidates(maps[..., k : k + 1])[0] for k in range(maps.shape[2])]
    for one, other in zip(found, alone, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(maps, before)


def gaussians(points, shape=(23, 31), *, stride=8, sigma=10.0):
    """Return one map (h, w, 1) of cells with a Gaussian at each point, in pixels of the input."""
    y, x = stride * np.mgrid[: shape[0], : shape[1]] + (stride - 1) / 2
    blobs = [np.exp(-((x - a) ** 2 + (y - b) ** 2) / (2 * sigma**2)) for a, b in points]
    return np.max([np.zeros(shape), *blobs], axis=0)[..., None].astype(np.float32)


@pytest.mark.parametrize("stride", [2, 4, 8, 16])
def test_refined_peaks_are_those_of_enlarged_maps(stride):
    rng = np.random.default_rng(stride)
    places = rng.uniform(1.2 * stride, 19 * stride, (40, 2))
    maps = np.dstack([gaussians([at], (23, 31), stride=stride, sigma=stride) for at in places])
    found = refined_candidates(maps, stride=stride, offset=0.5)
    expected = openpose_candidates(upsample_stride(maps, stride), offset=0.5)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.shape == (1, 3)
        np.testing.assert_allclose(ours, theirs, atol=1e-3)


@pytest.mark.parametrize("shape", [(17, 23), (23, 31), (10, 40)])
def test_refined_peaks_of_two_scales_are_those_of_the_mean_of_enlarged_maps(shape):
    rng = np.random.default_rng(0)
    places = rng.uniform(24, (220, 160), (40, 2))
    first = np.dstack([gaussians([at]) for at in places])
    moved = places + rng.uniform(-3, 3, places.shape)
    smaller = (moved + 0.5) * np.array(shape[::-1]) / (31, 23) - 0.5
    other = np.dstack([gaussians([at], shape) for at in smaller])
    mean = (first + upsample(other, (23, 31))) / 2
    found = refined_candidates(mean, stride=8, offset=0.5, scales=[first, other])
    both = [upsample(each, (184, 248)) for each in (first, other)]
    expected = openpose_candidates(sum(both) / 2, offset=0.5)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-3)


def test_scales_that_are_not_those_of_the_mean_are_refused():
    maps, other = np.zeros((20, 30, 2)), np.zeros((15, 22, 2))
    for scales in ([other, maps], [maps, other[..., :1]], [maps[..., 0]]):
        with pytest.raises(ValueError, match=r"expected (scales of 2|maps)"):
            refined_candidates(maps, stride=8, scales=scales)


def test_a_constant_map_has_no_refined_peak_and_takes_little_time():
    maps = np.full((46, 82, 25), 0.5, np.float32)
    start = time.process_time()
    assert not any(map(len, refined_candidates(maps, stride=8)))
    assert time.process_time() - start < 0.5  # 0.1 s; 1 s where each cell is enlarged
    maps[20:23, 30:33] = 0.6
    for ours, theirs in zip(
        refined_candidates(maps, stride=8, threshold=0.55),
        openpose_candidates(upsample_stride(maps, 8), threshold=0.55),
        strict=True,
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-3)


def test_refined_peaks_in_noise_are_nearly_those_of_enlarged_maps_in_the_same_order():
    maps = smooth_noise((46, 82)).astype(np.float32)
    found = refined_candidates(maps, stride=8)
    expected = openpose_candidates(upsample_stride(maps, 8))
    near = [
        np.abs(ours[:, None] - theirs).max(axis=2) < 0.5
        for ours, theirs in zip(found, expected, strict=True)
    ]
    assert sum(each.any(axis=0).sum() for each in near) > 0.97 * sum(map(len, expected))
    for each in near:
        assert (np.diff(each.argmax(axis=1)[each.any(axis=1)]) > 0).all()


@pytest.mark.parametrize("corner", [(1, 1), (246, 1), (1, 182), (246, 182), (0, 90), (120, 183)])
def test_a_refined_peak_at_the_border_lies_on_the_map(corner):
    for peaks in refined_candidates(gaussians([corner]), stride=8):
        assert len(peaks) <= 1
        assert (np.abs(peaks[:, :2] - corner) <= 3).all()


def test_two_refined_peaks_in_neighbouring_cells_are_told_apart():
    maps = gaussians([(100, 90), (122, 90)], sigma=7.0)
    (peaks,) = refined_candidates(maps, stride=8)
    np.testing.assert_allclose(peaks[:, 0], (100, 122), atol=2)


def test_of_two_equal_pixels_one_is_a_refined_peak():
    maps = gaussians([(99.5, 91.5)])  # half-way between two cells, and so between two pixels
    (peaks,) = refined_candidates(maps, stride=8)
    assert len(peaks) == 1
    np.testing.assert_allclose(peaks[0, :2], (99.5, 91.5), atol=0.6)


def test_a_refined_peak_must_be_above_the_threshold_between_the_cells():
    maps = 0.5 * gaussians([(99.5, 95.5)])  # the middle of four cells
    (top,) = upsample_stride(maps, 8).max(axis=(0, 1))
    assert maps.max() < 0.95 * top
    assert len(refined_candidates(maps, stride=8, threshold=0.99 * top)[0]) == 1
    assert len(refined_candidates(maps, stride=8, threshold=1.01 * top)[0]) == 0
    assert refined_candidates(maps, stride=8, threshold=2)[0].shape == (0, 3)


def test_as_many_refined_peaks_are_kept_and_the_maps_are_left_as_they_were():
    maps = np.zeros((60, 60, 2), np.float32)
    maps[3:57:3, 3:57:3, 1] = np.linspace(0.1, 0.9, 18 * 18).reshape(18, 18)
    before = maps.copy()
    none, peaks = refined_candidates(maps, stride=8)
    assert (len(none), len(peaks)) == (0, MOST_PEAKS)
    assert (np.diff(peaks[:, 2]) > 0).all()
    np.testing.assert_array_equal(maps, before)


@pytest.mark.parametrize("bad", [np.zeros((4, 4)), np.full((4, 4, 1), np.nan), np.zeros((0, 4, 1))])
def test_what_is_not_maps_is_refused(bad):
    with pytest.raises(ValueError, match="maps"):
        openpose_candidates(bad)
    with pytest.raises(ValueError, match="maps"):
        refined_candidates(bad, stride=8)
