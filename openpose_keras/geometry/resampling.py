"""Resampling along the two axes of a picture: the kernels under `geometry`.

A map of coordinates along one axis is a pair (step, start): place i of the result lies at
`start + step * i` of the source. A negative step mirrors. An integer is the centre of a pixel.
"""

import math

import numpy as np

from openpose_keras.core._opencv import cv2
from openpose_keras.core.errors import ImageError

Axis = tuple[float, float]
CUBIC_A = -0.75  # OpenCV's constant, and so that of OpenPose on a CPU
SAMPLES = 4  # samples along each axis whose mean is a pixel, with antialias

LONGEST_SIDE = 32766  # pixels; OpenCV's warp counts in 16 bits


def axis_weights(places: np.ndarray, size: int, interpolation: str) -> np.ndarray:
    """Give the matrix that samples one axis; beyond the ends the outermost cell goes on.

    Args:
        places: (n,) places in units of cells, an integer being the centre of a cell.
        size: Number of cells.
        interpolation: "linear" or "cubic" (Keys's kernel with OpenCV's a = -0.75).

    Returns:
        (n, size) float32; each row sums to 1.

    Raises:
        ValueError: No interpolation has this name.
    """
    first = np.floor(places).astype(np.int64)
    t = places - first
    if interpolation == "linear":
        taps = {0: 1 - t, 1: t}
    elif interpolation == "cubic":
        taps = {offset: _cubic(np.abs(t - offset)) for offset in (-1, 0, 1, 2)}
    else:
        raise ValueError(f"interpolation is 'linear' or 'cubic', not {interpolation!r}")
    weights = np.zeros((len(places), size))
    for offset, weight in taps.items():
        np.add.at(weights, (np.arange(len(places)), np.clip(first + offset, 0, size - 1)), weight)
    return weights.astype(np.float32)


def _cubic(distance: np.ndarray) -> np.ndarray:
    """Give Keys's kernel at distances of 0 to 2 cells."""
    near = ((CUBIC_A + 2) * distance - (CUBIC_A + 3)) * distance**2 + 1
    far = ((CUBIC_A * distance - 5 * CUBIC_A) * distance + 8 * CUBIC_A) * distance - 4 * CUBIC_A
    return np.where(distance <= 1, near, far)


def sample_maps(
    maps: np.ndarray, rows: np.ndarray, columns: np.ndarray, interpolation: str
) -> np.ndarray:
    """Sample maps at the crossings of rows and columns.

    The weights are exact, while `cv2.remap` and `cv2.warpAffine` round places to 1/32 of a cell,
    which is a quarter of a pixel for maps of stride 8.

    Args:
        maps: (h, w, C) float32, finite.
        rows: (n,) places along y in cells.
        columns: (m,) places along x in cells.
        interpolation: "linear" or "cubic".

    Returns:
        (n, m, C) float32, a new array. Beside it, n * w * C numbers are held for a moment.
    """
    height, width, channels = maps.shape
    stretched = _sample_axis(maps.reshape(height, -1), rows, interpolation)
    return _sample_axis(stretched.reshape(-1, width, channels), columns, interpolation)


def _sample_axis(values: np.ndarray, places: np.ndarray, interpolation: str) -> np.ndarray:
    """Sample the last axis but one; whole places, as in maps of full size, are only looked up."""
    size = values.shape[-2]
    if np.array_equal(places, np.round(places)):
        return values[..., np.clip(places, 0, size - 1).astype(np.int64), :]
    return axis_weights(places, size, interpolation) @ values


def warp_axes(
    image: np.ndarray, x_axis: Axis, y_axis: Axis, size: int, *, value: float, antialias: bool
) -> np.ndarray:
    """Sample a square picture from an image by a step and a start along each axis, linearly.

    Only the part of the image under the result is read. When it shrinks and `antialias` is set,
    each pixel is a mean over its own area: of 4 x 4 samples, and before that, so that the samples
    meet every pixel, the part is reduced by whole factors (means too) to 2 to 4 pixels for each one
    of the result.

    Args:
        image: (H, W) or (H, W, C), C up to 4.
        x_axis: (step, start) in image pixels.
        y_axis: (step, start) in image pixels.
        size: Side of the result.
        value: What lies outside the image.
        antialias: Whether to average where it shrinks.

    Returns:
        (size, size) or (size, size, C), of the image's type.

    Raises:
        ImageError: The part to sample, or the result, has a side of more than 32,766 pixels.
    """
    left, right = _reach(x_axis, size, image.shape[1])
    top, bottom = _reach(y_axis, size, image.shape[0])
    region = image[top:bottom, left:right]
    x_axis, y_axis = (x_axis[0], x_axis[1] - left), (y_axis[0], y_axis[1] - top)
    if not antialias or abs(x_axis[0]) <= 1:
        return _warp(region, x_axis, y_axis, size, value)
    factor_x = _whole_factor(x_axis, region.shape[1])
    factor_y = _whole_factor(y_axis, region.shape[0])
    reduced = _reduce(region, factor_x, factor_y, value)
    x_axis, y_axis = _finer(x_axis, factor_x), _finer(y_axis, factor_y)
    samples = _warp(reduced, x_axis, y_axis, SAMPLES * size, value)
    return cv2.resize(samples, (size, size), interpolation=cv2.INTER_AREA)


def _reach(axis: Axis, size: int, limit: int) -> tuple[int, int]:
    """Give the range of image pixels that a result of this size can touch along an axis."""
    step, start = axis
    low, high = sorted((start - step / 2, start + step * (size - 0.5)))
    return max(math.floor(low) - 1, 0), min(math.ceil(high) + 2, limit)


def _whole_factor(axis: Axis, limit: int) -> int:
    """Give the factor by which an axis can be reduced before it is sampled."""
    return max(min(int(abs(axis[0]) / 2), limit), 1)


def _finer(axis: Axis, factor: int) -> Axis:
    """Bring an axis to an image reduced by `factor` and to a result of all the samples."""
    step, start = axis
    first = start - step * (SAMPLES - 1) / (2 * SAMPLES)
    return step / factor / SAMPLES, (first + 0.5) / factor - 0.5


def _reduce(region: np.ndarray, factor_x: int, factor_y: int, value: float) -> np.ndarray:
    """Average over areas of factor_x times factor_y pixels; the last are filled with `value`."""
    if factor_x == factor_y == 1:
        return region
    below, beside = -region.shape[0] % factor_y, -region.shape[1] % factor_x
    if below or beside:
        fill, border = (value,) * 4, cv2.BORDER_CONSTANT
        region = cv2.copyMakeBorder(region, 0, below, 0, beside, border, value=fill)
    size = region.shape[1] // factor_x, region.shape[0] // factor_y
    return cv2.resize(region, size, interpolation=cv2.INTER_AREA)


def _warp(region: np.ndarray, x_axis: Axis, y_axis: Axis, size: int, value: float) -> np.ndarray:
    """Sample a region with OpenCV's affine warp."""
    if max(*region.shape[:2], size) > LONGEST_SIDE:
        raise ImageError(
            f"cannot sample {region.shape[1]} x {region.shape[0]} pixels to {size} x {size}: "
            f"OpenCV takes sides of at most {LONGEST_SIDE} pixels; shrink the image before, give a "
            "smaller box, or take a recipe with antialias"
        )
    to_region = np.array([[x_axis[0], 0, x_axis[1]], [0, y_axis[0], y_axis[1]]])
    return cv2.warpAffine(
        region,
        to_region,
        (size, size),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(value,) * 4,
    )
