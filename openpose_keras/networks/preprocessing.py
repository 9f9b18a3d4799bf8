"""From an image to the input of a network."""

from typing import get_args

import numpy as np

from openpose_keras.core.arrays import FloatArray
from openpose_keras.io.images import check_image
from openpose_keras.io.weight_record import ChannelOrder


def normalise(image: np.ndarray, channel_order: ChannelOrder = "rgb") -> FloatArray:
    """Return an image as the input of a network, x / 256 - 0.5.

    The rule is OpenPose's (`src/openpose/utilities/openCv.cpp`).

    Args:
        image: (h, w, 3) uint8 RGB.
        channel_order: "rgb", or "bgr" for a network that was trained on BGR.

    Returns:
        (1, h, w, 3) float32 from -0.5 to 0.49609375, exact: 1 / 256 is a power of two.

    Raises:
        ImageError: The array is not an image.
        ValueError: The channel order has no such name.

    Example:
        >>> normalise(np.full((1, 1, 3), (0, 128, 255), np.uint8))
        array([[[[-0.5       ,  0.        ,  0.49609375]]]], dtype=float32)
    """
    return normalise_batch(check_image(image)[None], channel_order)


def normalise_batch(images: np.ndarray, channel_order: ChannelOrder = "rgb") -> FloatArray:
    """Return checked images as the input of a network, see `normalise`.

    Args:
        images: (n, h, w, 3) uint8 RGB.
        channel_order: "rgb" or "bgr".

    Returns:
        (n, h, w, 3) float32 from -0.5 to 0.49609375.

    Raises:
        ValueError: The channel order has no such name.
    """
    if channel_order not in get_args(ChannelOrder):
        raise ValueError(f"channel_order is 'rgb' or 'bgr', not {channel_order!r}")
    ordered = images if channel_order == "rgb" else images[..., ::-1]
    scaled: FloatArray = np.multiply(ordered, np.float32(1 / 256), dtype=np.float32, order="C")
    return scaled - np.float32(0.5)
