"""Many small images in one, with the hands in them."""

from collections.abc import Iterable, Sequence

import numpy as np

from openpose_keras.core.keypoints import Hand
from openpose_keras.viz.drawing import draw_hands


def contact_sheet(
    samples: Iterable[tuple[np.ndarray, Sequence[Hand]]], *, columns: int = 8, every: int = 1
) -> np.ndarray:
    """Lay images out in rows, with the skeletons of their hands.

    Args:
        samples: Images (h, w, 3) uint8 RGB of one size, each with its hands.
        columns: Number of images in a row; the last row is filled up with grey.
        every: Draw the skeletons on every n-th image, counted from the n-th on.

    Returns:
        (rows * h, columns * w, 3) uint8 RGB.

    Raises:
        ValueError: There is no image.

    Example:
        >>> contact_sheet([(np.zeros((9, 9, 3), np.uint8), [])] * 3, columns=2).shape
        (18, 18, 3)
    """
    tiles = [
        image if number % every else draw_hands(image, hands)
        for number, (image, hands) in enumerate(samples, start=1)
    ]
    if not tiles:
        raise ValueError("a contact sheet needs at least one image")
    tiles += [np.full_like(tiles[0], 128)] * (-len(tiles) % columns)
    rows = [np.hstack(tiles[start : start + columns]) for start in range(0, len(tiles), columns)]
    return np.vstack(rows)
