"""Resampling along the two axes of an image: the kernels behind `geometry`.

A map of coordinates along one axis is a pair (step, start): position i of the result lies at
`start + step * i` of the source. A negative step mirrors. An integer is the centre of a pixel.
"""

import math

import numpy as np

from openpose_keras.core._opencv import cv2
from openpose_keras.core.arrays import FloatArray
from openpose_keras.core.errors import ImageError

Axis = tuple[float, float]
CUBIC_A = -0.75  # OpenCV's constant, and so that of OpenPose on a CPU
SAMPLES = 4  # samples along each axis whose mean is a pixel, with antialias
LONGEST_SIDE = 32766  # pixels; OpenCV's warp counts in 16 bits
_ROUNDING = 1e-6  # of a cell: deviation from whole numbers due to rounding
INTERPOLATIONS = {
    "nearest": cv2.INTER_NEAREST,
    "linear": cv2.INTER_LINEAR,
    "cubic": cv2.INTER_CUBIC,
    "area": cv2.INTER_AREA,
}


def axis_weights(positions: FloatArray, size: int, interpolation: str) -> FloatArray:
    """Return the matrix that samples one axis; beyond the ends the outermost cell is repeated.

    Args:
        positions: (n,) positions in cells, an integer being the centre of a cell.
        size: Number of cells.
        interpolation: "linear" or "cubic" (Keys's kernel with OpenCV's a = -0.75).

    Returns:
        (n, size) float32; each row sums to 1.

    Raises:
        ValueError: The interpolation has another name.
    """
    first = np.floor(positions).astype(np.int64)
    t = positions - first
    if interpolation == "linear":
        taps = {0: 1 - t, 1: t}
    elif interpolation == "cubic":
        taps = {offset: _cubic(np.abs(t - offset)) for offset in (-1, 0, 1, 2)}
    else:
        raise ValueError(f"interpolation is 'linear' or 'cubic', not {interpolation!r}")
    weights = np.zeros((len(positions), size))
    rows = np.arange(len(positions))
    for offset, weight in taps.items():
        np.add.at(weights, (rows, np.clip(first + offset, 0, size - 1)), weight)
    return weights.astype(np.float32)


def _cubic(distance: FloatArray) -> FloatArray:
    """Return Keys's kernel at distances of 0 to 2 cells."""
    near = ((CUBIC_A + 2) * distance - (CUBIC_A + 3)) * distance**2 + 1
    far = ((CUBIC_A * distance - 5 * CUBIC_A) * distance + 8 * CUBIC_A) * distance - 4 * CUBIC_A
    return np.where(distance <= 1, near, far)


def halve(image: np.ndarray, least: tuple[int, int]) -> tuple[np.ndarray, int]:
    """Halve an image by averaging 2 x 2 pixels, as long as enough pixels are left.

    OpenCV halves an image ten times as fast as it reduces it by another factor.

    Args:
        image: (H, W) or (H, W, C), C up to 4; an odd last row or column is left out.
        least: Width and height in pixels; the result keeps at least twice as many.

    Returns:
        The image itself or a smaller one, and the factor by which its sides were divided.
    """
    factor = 1
    while min(np.array(image.shape[1::-1]) / least) >= 4:
        half = image.shape[1] // 2, image.shape[0] // 2
        even = image[: 2 * half[1], : 2 * half[0]]
        image, factor = cv2.resize(even, half, interpolation=cv2.INTER_AREA), 2 * factor
    return image, factor


def sample_maps(
    maps: FloatArray, rows: FloatArray, columns: FloatArray, interpolation: str
) -> FloatArray:
    """Sample maps at the intersections of rows and columns.

    The weights are exact, while `cv2.remap` and `cv2.warpAffine` round positions to 1/32 of a cell,
    which is a quarter of a pixel for maps of stride 8.

    Args:
        maps: (h, w, C) float32, finite.
        rows: (n,) positions along y in cells.
        columns: (m,) positions along x in cells.
        interpolation: "linear" or "cubic".

    Returns:
        (n, m, C) float32, a new array. Another n * w * C numbers are needed temporarily.
    """
    height, width, channels = maps.shape
    stretched = _sample_axis(maps.reshape(height, -1), rows, interpolation)
    return _sample_axis(stretched.reshape(-1, width, channels), columns, interpolation)


def _sample_axis(values: FloatArray, positions: FloatArray, interpolation: str) -> FloatArray:
    """Sample the second-to-last axis; at whole positions, as for a mirror image, copy values.

    A matrix product would cost more than its own time: the threads of NumPy's BLAS busy-wait for
    the next one, on the cores that the next network needs.
    """
    size, whole = values.shape[-2], np.round(positions)
    if np.allclose(positions, whole, rtol=0, atol=_ROUNDING):
        return values[..., np.clip(whole, 0, size - 1).astype(np.int64), :]
    return axis_weights(positions, size, interpolation) @ values


def warp_axes(
    image: np.ndarray, x_axis: Axis, y_axis: Axis, size: int, *, value: float, antialias: bool
) -> np.ndarray:
    """Sample a square from an image linearly, by a step and a start along each axis.

    Only the part of the image under the result is read. If it is downsampled and `antialias` is
    set, each pixel is the mean of 4 x 4 samples in its own area. For these samples to cover every
    pixel of the image, the part is first reduced by whole factors, also by averaging, to 2 to 4
    pixels per pixel of the result.

    Args:
        image: (H, W) or (H, W, C), C up to 4.
        x_axis: (step, start) in image pixels.
        y_axis: (step, start) in image pixels.
        size: Side of the result.
        value: The value outside the image.
        antialias: Whether to average if the image is downsampled.

    Returns:
        (size, size) or (size, size, C), of the image's type.

    Raises:
        ImageError: The part to sample, or the result, has a side of more than 32,766 pixels.
    """
    columns, rows = _whole(x_axis, size, image.shape[1]), _whole(y_axis, size, image.shape[0])
    if columns and rows:
        return np.ascontiguousarray(image[rows, columns])
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


def _whole(axis: Axis, size: int, limit: int) -> slice | None:
    """Return the image pixels along an axis if the result copies them one by one, else None."""
    step, start = axis
    stop = start + step * size
    if abs(step) != 1 or start != int(start) or not (0 <= start < limit and -1 <= stop <= limit):
        return None
    return slice(int(start), None if stop < 0 else int(stop), int(step))


def _reach(axis: Axis, size: int, limit: int) -> tuple[int, int]:
    """Return the range of image pixels that a result of this size can need along an axis."""
    step, start = axis
    low, high = sorted((start - step / 2, start + step * (size - 0.5)))
    return max(math.floor(low) - 1, 0), min(math.ceil(high) + 2, limit)


def _whole_factor(axis: Axis, limit: int) -> int:
    """Return the factor by which an axis can be reduced before it is sampled."""
    return max(min(int(abs(axis[0]) / 2), limit), 1)


def _finer(axis: Axis, factor: int) -> Axis:
    """Return the axis of all samples in an image that was reduced by `factor`."""
    step, start = axis
    first = start - step * (SAMPLES - 1) / (2 * SAMPLES)
    return step / factor / SAMPLES, (first + 0.5) / factor - 0.5


def _reduce(region: np.ndarray, factor_x: int, factor_y: int, value: float) -> np.ndarray:
    """Average over areas of factor_x times factor_y pixels, after padding with `value`."""
    if factor_x == factor_y == 1:
        return region
    below, beside = -region.shape[0] % factor_y, -region.shape[1] % factor_x
    if below or beside:
        fill, border = (value,) * 4, cv2.BORDER_CONSTANT
        region = cv2.copyMakeBorder(region, 0, below, 0, beside, border, value=fill)
    size = region.shape[1] // factor_x, region.shape[0] // factor_y
    return cv2.resize(region, size, interpolation=cv2.INTER_AREA)


def _warp(region: np.ndarray, x_axis: Axis, y_axis: Axis, size: int, value: float) -> np.ndarray:
    """Sample a square from a region, linearly."""
    if max(*region.shape[:2], size) > LONGEST_SIDE:
        raise ImageError(
            f"cannot sample {region.shape[1]} x {region.shape[0]} pixels to {size} x {size}: "
            f"OpenCV takes sides of at most {LONGEST_SIDE} pixels; shrink the image before, pass a "
            "smaller box, or take a recipe with antialias"
        )
    return sample_image(region, x_axis, y_axis, (size, size), value=value)


def sample_image(
    image: np.ndarray,
    x_axis: Axis,
    y_axis: Axis,
    size: tuple[int, int],
    *,
    value: float = 0,
    interpolation: str = "linear",
) -> np.ndarray:
    """Sample an image in fixed point, as OpenPose's OpenCV 4 does in `cv2.warpAffine`.

    Positions are rounded to 1/1024 of a pixel (along x, the step and the start separately), and
    then to 1/32. OpenCV 5 computes `cv2.warpAffine` in float32, and therefore differs by some grey
    levels; `cv2.remap` with positions in fixed point is the same in both versions.

    Args:
        image: (H, W) or (H, W, C), C up to 4; at most 32,766 pixels along an axis.
        x_axis: (step, start) in image pixels.
        y_axis: (step, start) in image pixels.
        size: (height, width) of the result.
        value: The value outside the image.
        interpolation: "linear" or "cubic".

    Returns:
        (height, width) or (height, width, C), of the image's type.
    """
    (x_step, left), (y_step, top) = x_axis, y_axis
    columns = _fixed_point(np.rint(1024 * x_step * np.arange(size[1])) + np.rint(1024 * left))
    rows = _fixed_point(np.rint(1024 * (y_step * np.arange(size[0]) + top)))
    whole = np.empty((*size, 2), np.int16)
    whole[..., 0], whole[..., 1] = columns >> 5, (rows >> 5)[:, None]
    parts = ((rows & 31)[:, None] << 5 | columns & 31).astype(np.uint16)
    method, border = INTERPOLATIONS[interpolation], cv2.BORDER_CONSTANT
    return cv2.remap(image, whole, parts, method, borderMode=border, borderValue=(value,) * 4)


def _fixed_point(positions: FloatArray) -> np.ndarray:
    """Round positions in 1/1024 of a pixel to 1/32, within the 16 bits that OpenCV uses."""
    return (positions.astype(np.int64) + 16 >> 5).clip(-(2**20), 2**20 - 1)
