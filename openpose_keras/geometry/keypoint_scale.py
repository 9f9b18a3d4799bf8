"""The scales in which OpenPose writes keypoints: its flag keypoint_scale.

The rules are those of src/openpose/core/keypointScaler.cpp.
"""

import numpy as np
from numpy.typing import ArrayLike

from openpose_keras.core.arrays import FloatArray

KEYPOINT_SCALES = (
    "pixels of the image",
    "pixels of the network's input",
    "pixels of the output",
    "0 to 1 on each axis",
    "-1 to 1 on each axis",
    "0 to 1 along the longer side",
    "-1 to 1 along the longer side",
)
"""What the number of a scale stands for."""


def scale_keypoints(
    keypoints: ArrayLike,
    scale: int,
    image_size: tuple[int, int],
    *,
    image_to_output: float = 1.0,
    network_to_image: float = 1.0,
) -> FloatArray:
    """Map keypoints from pixels of the image to one of OpenPose's scales.

    Args:
        keypoints: (..., 3) x, y, score. OpenPose moves a missing keypoint too: one that is written
            as 0, 0, 0 becomes -1, -1, 0 in the scales 4 and 6.
        scale: 0 to 6, see `KEYPOINT_SCALES`.
        image_size: (height, width) of the image.
        image_to_output: Output pixels per image pixel, for scale 2.
        network_to_image: Image pixels per pixel of the network's input, for scale 1.

    Returns:
        (..., 3) float32, a new array; the scores are as they were.

    Raises:
        ValueError: There is no such scale.

    Example:
        >>> scale_keypoints([[0.0, 359.5, 0.9]], 4, (720, 1280)).tolist()
        [[-1.0, 0.0, 0.8999999761581421]]
    """
    if scale not in range(len(KEYPOINT_SCALES)):
        raise ValueError(
            f"expected a keypoint scale from 0 to {len(KEYPOINT_SCALES) - 1}, got {scale!r}"
        )
    scaled = np.array(keypoints, np.float32)
    if scale < 3:
        factors = (1.0, 1 / network_to_image, image_to_output)
        scaled[..., :2] *= np.float32(factors[scale])
        return scaled
    height, width = image_size
    last = np.array([width - 1, height - 1] if scale < 5 else [max(image_size) - 1] * 2)
    scaled[..., :2] /= last.astype(np.float32)
    if scale in (4, 6):
        scaled[..., :2] = 2 * scaled[..., :2] - 1
    return scaled
