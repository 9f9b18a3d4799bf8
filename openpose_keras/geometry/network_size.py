"""The sizes of a body network's input for an image, and the scales of keypoints, as in OpenPose.

All sizes are (height, width) in pixels (src/openpose/core/scaleAndSizeExtractor.cpp). OpenPose's
flag keypoint_scale selects the scale in which keypoints are written
(src/openpose/core/keypointScaler.cpp).
"""

import numpy as np
from numpy.typing import ArrayLike

from openpose_keras.core.arrays import FloatArray
from openpose_keras.geometry.axis_aligned import Size

MULTIPLE = 16
"""The sides of the input are multiples of this."""

_WIDEST = 16 / 9  # of a free side to the other one, or its inverse


KEYPOINT_SCALES = (
    "pixels of the image",
    "pixels of the network's input",
    "pixels of the output",
    "0 to 1 on each axis",
    "-1 to 1 on each axis",
    "0 to 1 along the longer side",
    "-1 to 1 along the longer side",
)
"""The meaning of each scale, by its number."""


def network_sizes(
    image_size: Size,
    resolution: tuple[int | None, int | None] = (368, None),
    *,
    widest: float = 1.0,
    scales: int = 1,
    gap: float = 0.25,
) -> list[Size]:
    """Return the size of the network's input for each scale.

    Args:
        image_size: (height, width) of the image.
        resolution: (height, width) of the input; a side that is None is derived from the aspect
            ratio of the image. OpenPose writes (368, None) as -1x368.
        widest: A derived width is at most 16/9 of the height times this, a derived height at most
            9/16 of the width times this. For 0 and below there is no limit, as in OpenPose for
            videos.
        scales: Number of inputs.
        gap: How much smaller each input is than the previous one, as a fraction of the first.

    Returns:
        (height, width), the largest first.

    Raises:
        ValueError: Both sides are None, a side is not a multiple of 16, or a scale is not above 0.

    Example:
        >>> network_sizes((720, 1280), scales=2), network_sizes((600, 400))
        ([(368, 656), (272, 480)], [(368, 240)])
    """
    height, width = resolution
    rows, columns = image_size
    if height is not None and width is None:
        width = _free_side(height, columns, rows, _WIDEST * widest)
    elif width is not None and height is None:
        height = _free_side(width, rows, columns, widest / _WIDEST)
    if height is None or width is None:
        raise ValueError("expected a resolution with a height or a width, got neither")
    if min(height, width) < 1 or height % MULTIPLE or width % MULTIPLE:
        raise ValueError(f"expected a resolution in multiples of {MULTIPLE}, got {resolution}")
    factors = [1 - number * gap for number in range(scales)]
    if min(factors, default=0) <= 0:
        raise ValueError(
            f"expected scales that all are above 0, got {scales} with a gap of {gap}: have fewer"
        )
    smaller = [(_scaled(height, factor), _scaled(width, factor)) for factor in factors[1:]]
    return [(height, width), *smaller]


def _free_side(given: int, along: int, across: int, most: float) -> int:
    """Return the side that follows from the aspect ratio of an image of `along` by `across`.

    It is at most `most` times the other side. OpenPose's may be 0, for which a network has no maps;
    here it is at least 16.
    """
    wanted = np.float32(given) * (np.float32(along) / np.float32(across))
    if most > 0:
        wanted = np.minimum(wanted, np.float32(given * most))
    return MULTIPLE * max(int(np.float32(0.5) + wanted / np.float32(MULTIPLE)), 1)


def _scaled(side: int, factor: float) -> int:
    """Return a side of a smaller scale."""
    return min(max(int(side * factor + 0.5) // MULTIPLE * MULTIPLE, 1), side)


def fit_factor(size: Size, target: Size) -> float:
    """Return the greatest factor at which an image fits a target, from first to last pixel.

    Args:
        size: (height, width) of the image.
        target: (height, width) that it must fit into.

    Example:
        >>> round(fit_factor((720, 1280), (368, 656)), 8)
        0.51043115
    """
    return min((inner - 1) / max(outer - 1, 1) for outer, inner in zip(size, target, strict=True))


def factor_to_image(image_size: Size, network_size: Size) -> float:
    """Return the factor from the pixels of the network's input to those of the image.

    It is not the inverse of `fit_factor`, since OpenPose first rounds the size of the scaled image
    (src/openpose/pose/poseExtractorCaffe.cpp).

    Args:
        image_size: (height, width) of the image.
        network_size: (height, width) of the network's input at the first scale.

    Example:
        >>> round(factor_to_image((1080, 1920), (256, 448)), 6)
        4.298805
    """
    factor = fit_factor(image_size, network_size)
    height, width = (int(factor * side + 0.5) for side in image_size)
    return float(np.float32(fit_factor((height, width), image_size)))


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
        keypoints: (..., 3) x, y, score. As in OpenPose, a missing keypoint is mapped too: one that
            is written as 0, 0, 0 becomes -1, -1, 0 in the scales 4 and 6.
        scale: 0 to 6, see `KEYPOINT_SCALES`.
        image_size: (height, width) of the image.
        image_to_output: Output pixels per image pixel, for scale 2.
        network_to_image: Image pixels per pixel of the network's input, for scale 1.

    Returns:
        (..., 3) float32, a new array; the scores are unchanged.

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
