"""Resized and padded images; what all transforms share is in test_axis_aligned.py."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openpose_keras.geometry import Pad, Resize


@pytest.mark.parametrize("output_size", [(368, 491), (30, 40), (90, 60), (7, 500)])
@pytest.mark.parametrize(("interpolation", "tolerance"), [("linear", 1e-3), ("cubic", 0.06)])
def test_each_resized_pixel_shows_its_own_position(output_size, interpolation, tolerance):
    ramps = np.dstack(np.meshgrid(np.arange(120), np.arange(90))).astype(np.float32)
    resize = Resize((90, 120), output_size, interpolation)
    positions = resize.invert_points(np.moveaxis(np.indices(output_size)[::-1], 0, -1))
    inside = np.all((positions > 2) & (positions < (117, 87)), axis=-1)
    difference = resize.apply_image(ramps)[inside] - positions[inside]
    assert np.abs(difference).max() < tolerance  # cubic with a = -0.75 bends straight lines


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 800))
def test_width_is_reached_exactly_and_height_to_half_a_pixel(height, width, side):
    resize = Resize.to_width((height, width), side)
    assert resize.output_size == (max(round(height * side / width), 1), side)


@pytest.mark.parametrize("channels", [(), (1,), (3,)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_resizing_keeps_channels_and_type(channels, dtype):
    resized = Resize((10, 20), (5, 5)).apply_image(np.ones((10, 20, *channels), dtype))
    assert resized.shape == (5, 5, *channels)
    assert resized.dtype == dtype
    assert (resized == 1).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((90, 120), (0, 10)), "output_size must be a positive whole number, not 0"),
        (((90, 120), (10, 10.0)), "output_size must be a positive whole number"),
        (((90,), (10, 10)), r"input_size is \(height, width\)"),
        ((90, (10, 10)), r"input_size is \(height, width\)"),
        (((90, 120), (10, 10), "lanczos"), "interpolation is one of"),
    ],
)
def test_wrong_sizes_and_interpolations_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Resize(*arguments)


@pytest.mark.parametrize("number", [0, -5, 36.8, None])
def test_wrong_widths_and_strides_are_refused(number):
    with pytest.raises(ValueError, match="width must be a positive whole number"):
        Resize.to_width((90, 120), number)
    with pytest.raises(ValueError, match="stride must be a positive whole number"):
        Pad((90, 120), number)


@pytest.mark.parametrize("channels", [(), (3,)])
@pytest.mark.parametrize("size", [(1, 1), (7, 9), (8, 8), (15, 16)])
def test_padding_agrees_with_numpy(size, channels):
    image = np.random.default_rng(1).integers(0, 256, (*size, *channels), np.uint8)
    padded = Pad(size, 8).apply_image(image)
    widths = [(0, -size[0] % 8), (0, -size[1] % 8), (0, 0)][: image.ndim]
    np.testing.assert_array_equal(padded, np.pad(image, widths, constant_values=128))
    assert padded.shape[:2] == Pad(size, 8).output_size
    assert not np.shares_memory(padded, image)
