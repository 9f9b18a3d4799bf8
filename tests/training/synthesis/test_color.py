import numpy as np

from openpose_keras.training.synthesis.color import lab_to_linear, to_linear, to_srgb


def test_srgb_and_linear_are_inverse():
    values = np.linspace(0, 1, 101)
    np.testing.assert_allclose(to_srgb(to_linear(values)), values, atol=1e-6)


def test_lab_of_mid_grey_is_neutral():
    grey = lab_to_linear(53.585, 0.0, 0.0)
    np.testing.assert_allclose(grey, 0.2159, atol=2e-3)  # sRGB 128
