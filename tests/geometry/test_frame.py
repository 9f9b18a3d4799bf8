"""Frames: where the positions of an image or of heatmaps lie in another image."""

import numpy as np
import pytest

from openpose_keras.geometry import Frame

FRAMES = [
    Frame((46, 46), (8.0, 3.5), (8.0, 3.5)),
    Frame((30, 50), (-0.7, 90.25), (0.7, -12.5)),
    Frame((1, 1), (3.0, 5.0), (2.0, -5.0)),
]


@pytest.mark.parametrize("frame", FRAMES)
def test_the_box_is_what_the_outermost_edges_enclose(frame):
    height, width = frame.output_size
    edges = frame.invert_points([[-0.5, -0.5], [width - 0.5, height - 0.5]]) + 0.5
    x, y, w, h = frame.box
    np.testing.assert_allclose(edges.min(axis=0), (x, y))
    np.testing.assert_allclose(edges.max(axis=0), (x + w, y + h))


@pytest.mark.parametrize("frame", FRAMES)
def test_flipping_keeps_the_box_and_turns_the_columns(frame):
    flipped = frame.flip()
    assert flipped.mirrored != frame.mirrored
    np.testing.assert_allclose(flipped.box, frame.box)
    columns = np.arange(frame.output_size[1])
    there = frame.invert_points(np.stack([columns, 0 * columns], axis=1))
    back = flipped.invert_points(np.stack([columns[::-1], 0 * columns], axis=1))
    np.testing.assert_allclose(there, back)


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("stride", [1, 4, 8])
def test_a_cell_lies_in_the_middle_of_its_pixels(frame, stride):
    cells = frame.cells(stride)
    pixels = np.arange(stride) + 3 * stride
    middle = frame.invert_points(np.stack([pixels, pixels], axis=1)).mean(axis=0)
    np.testing.assert_allclose(cells.invert_points([[3, 3]])[0], middle)
    assert cells.output_size == tuple(-(-side // stride) for side in frame.output_size)
