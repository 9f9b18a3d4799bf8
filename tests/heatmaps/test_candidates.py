import numpy as np
import pytest

from openpose_keras.heatmaps.candidates import MOST_PEAKS, openpose_candidates
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


@pytest.mark.parametrize("bad", [np.zeros((4, 4)), np.full((4, 4, 1), np.nan), np.zeros((0, 4, 1))])
def test_what_is_not_maps_is_refused(bad):
    with pytest.raises(ValueError, match="maps"):
        openpose_candidates(bad)
