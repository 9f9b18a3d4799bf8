"""A prior for heatmaps: where a network that finds points too says that each peak lies."""

import numpy as np
from numpy.typing import ArrayLike

from openpose_keras.core.arrays import FloatArray
from openpose_keras.core.boxes import keypoint_extent


def gaussian_prior(xy: ArrayLike, shape: tuple[int, int], *, spread: float = 0.1) -> FloatArray:
    """Return a Gaussian about each point, whose greatest value is 1.

    Args:
        xy: (K, 2) points in cells of the maps.
        shape: Height and width of the maps.
        spread: Standard deviation, in longer sides of the points' extent.

    Returns:
        (h, w, K) float64, to multiply heatmaps by.

    Raises:
        ValueError: The spread is not above 0.

    Example:
        >>> prior = gaussian_prior([[0.0, 0.0], [4.0, 0.0]], (1, 5), spread=0.25)
        >>> prior[0, :, 0].round(3).tolist()
        [1.0, 0.607, 0.135, 0.011, 0.0]
    """
    if not spread > 0:
        raise ValueError(f"expected a spread above 0, got {spread}")
    points = np.asarray(xy, np.float64)
    sigma = spread * max(float(keypoint_extent(points)[1].max()), 1.0)
    across, down = (
        np.exp(-((np.arange(length)[:, None] - along) ** 2) / (2 * sigma**2))
        for length, along in zip(shape[::-1], points.T, strict=True)
    )
    product: FloatArray = down[:, None] * across
    return product
