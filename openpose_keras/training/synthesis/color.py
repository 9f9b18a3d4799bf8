"""Conversions between linear light, sRGB pixels and CIE Lab."""

import numpy as np


def to_linear(colour: np.ndarray) -> np.ndarray:
    """Convert sRGB in [0, 1] to linear RGB in [0, 1]."""
    colour = np.asarray(colour, float)
    return np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)


def to_srgb(colour: np.ndarray) -> np.ndarray:
    """Convert linear RGB to sRGB in [0, 1]; values outside [0, 1] are clipped."""
    colour = np.clip(colour, 0, 1)
    return np.where(colour <= 0.0031308, colour * 12.92, 1.055 * colour ** (1 / 2.4) - 0.055)


def lab_to_linear(lightness: float, a: float, b: float) -> np.ndarray:
    """Convert CIE Lab to linear RGB (D65, clipped to [0, 1]).

    Example:
        >>> lab_to_linear(100.0, 0.0, 0.0).round(3).tolist()
        [1.0, 1.0, 1.0]
    """
    y = (lightness + 16) / 116
    f = np.array([y + a / 500, y, y - b / 200])
    xyz = np.where(f > 6 / 29, f**3, (f - 4 / 29) * 3 * (6 / 29) ** 2) * (0.95047, 1.0, 1.08883)
    to_rgb = np.array(
        [[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.204, 1.057]]
    )
    return np.clip(to_rgb @ xyz, 0, 1)
