import numpy as np
import pytest

from openpose_keras.networks.preprocessing import normalise


def test_all_256_values_are_exact():
    image = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    expected = np.arange(256) / 256 - 0.5  # exact in float64, and no value needs more than 8 bits
    actual = normalise(image)
    assert actual.dtype == np.float32
    assert actual.shape == (1, 16, 16, 3)
    np.testing.assert_array_equal(actual[0, ..., 1].ravel().astype(np.float64), expected)


def test_bgr_is_the_channels_of_rgb_in_reverse():
    image = np.random.default_rng(0).integers(0, 256, (4, 5, 3), np.uint8)
    image.flags.writeable = False
    bgr = normalise(image, "bgr")
    np.testing.assert_array_equal(bgr, normalise(image)[..., ::-1])
    assert bgr.flags.c_contiguous


def test_an_unknown_channel_order_is_refused():
    with pytest.raises(ValueError, match="channel_order is 'rgb' or 'bgr', not 'RGB'"):
        normalise(np.zeros((4, 5, 3), np.uint8), "RGB")
