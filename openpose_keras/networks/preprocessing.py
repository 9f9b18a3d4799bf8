"""From an image to the input of a network."""

from typing import Literal

import numpy as np

from openpose_keras.io.images import check_image

ChannelOrder = Literal["rgb", "bgr"]


def normalise(image: np.ndarray, channel_order: ChannelOrder = "rgb") -> np.ndarray:
    """Give the network's input, x / 256 - 0.5, as OpenPose does (`utilities/openCv.cpp`).

    Args:
        image: (h, w, 3) uint8, RGB.
        channel_order: "rgb", or "bgr" for a network that was trained on BGR.

    Returns:
        (1, h, w, 3) float32 of -0.5 to 0.49609375, exact: 1 / 256 is a power of two.

    Raises:
        ImageError: The array is no image.
        ValueError: The channel order has no such name.

    Example:
        >>> normalise(np.full((1, 1, 3), (0, 128, 255), np.uint8))
        array([[[[-0.5       ,  0.        ,  0.49609375]]]], dtype=float32)
    """
    if channel_order not in ("rgb", "bgr"):
        raise ValueError(f"channel_order is 'rgb' or 'bgr', not {channel_order!r}")
    ordered = (
        check_image(image)[None] if channel_order == "rgb" else check_image(image)[None, ..., ::-1]
    )
    return np.multiply(ordered, np.float32(1 / 256), dtype=np.float32, order="C") - np.float32(0.5)
