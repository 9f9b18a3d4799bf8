import numpy as np

from openpose_keras.training.color import lab_to_linear, to_linear, to_srgb
from openpose_keras.training.synthesis.tone_mapping import develop


def test_srgb_and_linear_are_inverse():
    values = np.linspace(0, 1, 101)
    np.testing.assert_allclose(to_srgb(to_linear(values)), values, atol=1e-6)


def test_develop_undoes_coverage_and_encodes():
    colour = np.zeros((1, 3, 4), np.float32)
    colour[0, 1] = (0.5, 0.25, 0.1, 0.5)
    colour[0, 2] = (9, 0, 0, 1)
    pixels = develop(colour, 0.0)
    np.testing.assert_array_equal(pixels[0, 0], 0)
    expected = np.round(to_srgb(np.array([1.0, 0.5, 0.2])) * 255)
    assert np.abs(pixels[0, 1, :3] - expected).max() <= 1
    assert pixels[0, 1, 3] == 128
    np.testing.assert_array_equal(pixels[0, 2], (255, 0, 0, 255))


def test_lab_of_mid_grey_is_neutral():
    grey = lab_to_linear(53.585, 0.0, 0.0)
    np.testing.assert_allclose(grey, 0.2159, atol=2e-3)  # sRGB 128
