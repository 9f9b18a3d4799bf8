"""From linear light to pixels, compiled with numba."""

import numpy as np
from numba import njit

from openpose_keras.training.color import to_srgb


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
