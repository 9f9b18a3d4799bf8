"""Between linear light, sRGB pixels and CIE Lab."""

import numpy as np
from numba import njit


def develop(colour: np.ndarray, shoulder: float) -> np.ndarray:
    """Turn linear light into pixels.

    Args:
        colour: (h, w, 4) float32 linear RGB times coverage, and coverage in [0, 1].
        shoulder: 0 clips bright light, 1 rolls it off; between, a blend of both.

    Returns:
        (h, w, 4) uint8: sRGB, not multiplied by alpha, and alpha; zero where coverage is zero.
    """
    result = np.zeros(colour.shape, np.uint8)
    _develop(np.ascontiguousarray(colour, np.float32), np.float32(shoulder), _ENCODED, result)
    return result


def to_linear(colour: np.ndarray) -> np.ndarray:
    """Return linear RGB in [0, 1] of sRGB in [0, 1]."""
    colour = np.asarray(colour, float)
    return np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)


def to_srgb(colour: np.ndarray) -> np.ndarray:
    """Return sRGB in [0, 1] of linear RGB; values outside [0, 1] are clipped."""
    colour = np.clip(colour, 0, 1)
    return np.where(colour <= 0.0031308, colour * 12.92, 1.055 * colour ** (1 / 2.4) - 0.055)


def lab_to_linear(lightness: float, a: float, b: float) -> np.ndarray:
    """Return linear RGB (D65, clipped to [0, 1]) of CIE Lab.

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


_ENCODED = np.round(to_srgb((np.arange(8192) + 0.5) / 8192) * 255).astype(np.uint8)


@njit(cache=True, nogil=True)
def _develop(colour, shoulder, encoded, result):  # noqa: ANN001, ANN202
    """Divide by coverage, bend the response and encode each pixel."""
    for y in range(colour.shape[0]):
        for x in range(colour.shape[1]):
            alpha = colour[y, x, 3]
            if alpha <= 0.0:
                continue
            for k in range(3):
                light = colour[y, x, k] / alpha
                soft = np.float32(1.25) * light * (1 + light * np.float32(0.25)) / (1 + light)
                light += shoulder * (soft - light)
                result[y, x, k] = encoded[min(int(light * 8192), 8191)]
            result[y, x, 3] = int(alpha * 255 + 0.5)
