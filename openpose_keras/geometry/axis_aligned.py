"""The base of the axis-aligned transforms, which shift and scale each axis separately.

An axis is a pair (step, start): position i of the output lies at `start + step * i` of the input. A
negative step mirrors. The same two pairs map points and heatmaps in both directions.
"""

import math
import operator

import numpy as np
from numpy.typing import ArrayLike

from openpose_keras.core.arrays import FloatArray, IntArray, check_maps, check_points
from openpose_keras.core.checks import check_whole
from openpose_keras.core.errors import ImageError
from openpose_keras.geometry.resampling import Axis, sample_maps

Window = tuple[int, int, int, int]
Size = tuple[int, int]
IMAGE_TYPES = (np.uint8, np.uint16, np.float32, np.float64)


class AxisAlignedTransform:
    """A transform of points and heatmaps, defined by a step and a start along each axis.

    A subclass defines `output_size`, (height, width) of the output frame in pixels, and `axes`.
    """

    output_size: Size

    @property
    def axes(self) -> tuple[Axis, Axis]:
        """(step, start) along x and y: output position i is `start + step * i` of the input."""
        raise NotImplementedError

    @property
    def window(self) -> Window:
        """(x, y, width, height): the input pixels whose centres lie under the output.

        The window of a crop may lie outside the image. Its width or height is 0 if a box is so
        small that it contains no centre.
        """
        height, width = self.output_size
        (left, right), (top, bottom) = _covered(self.axes[0], width), _covered(self.axes[1], height)
        return left, top, right - left, bottom - top

    def apply_points(self, xy: ArrayLike) -> FloatArray:
        """Map points from the input frame to the output frame.

        Args:
            xy: (..., 2) pixels (x, y); NaN stays NaN.

        Returns:
            (..., 2) float64, a new array.

        Raises:
            ValueError: The shape is not (..., 2).
        """
        (step_x, start_x), (step_y, start_y) = self.axes
        points: FloatArray = (check_points(xy) - np.array([start_x, start_y])) / (step_x, step_y)
        return points

    def invert_points(self, xy: ArrayLike) -> FloatArray:
        """Map points from the output frame back to the input frame.

        Args:
            xy: (..., 2) pixels (x, y); NaN stays NaN.

        Returns:
            (..., 2) float64, a new array.

        Raises:
            ValueError: The shape is not (..., 2).
        """
        (step_x, start_x), (step_y, start_y) = self.axes
        points: FloatArray = check_points(xy) * np.array([step_x, step_y]) + (start_x, start_y)
        return points

    def invert_heatmaps(
        self, maps: ArrayLike, *, window: Window | None = None, interpolation: str = "linear"
    ) -> FloatArray:
        """Resample heatmaps of the output frame back to the input frame, sampled at its pixels.

        A mirrored crop's maps are mirrored back. Between the outermost cell's centre and the edge
        of the frame the outermost value is repeated.

        Args:
            maps: (h, w, C) over the whole output frame, of any resolution; finite.
            window: (x, y, width, height) of the requested input pixels, for example `(0, 0, W,
                H)` for a whole image; by default `self.window`, the pixels under the output.
            interpolation: "linear" or "cubic".

        Returns:
            (height, width, C) float32, a new array; its first pixel is pixel (x, y) of the input
            frame. Outside the output frame all maps are 0, including the background. The peak
            memory is 4 * C * height * (width + w) bytes, and twice that if a window reaches beyond
            `self.window`. 22 maps of 12 megapixels take 1 GB, so request few maps or a small
            window.

        Raises:
            ValueError: The maps are not (h, w, C), or the window or the interpolation is not valid.
        """
        values = check_maps(maps).astype(np.float32, copy=False)
        area = self.window
        wanted = x, y, width, height = area if window is None else check_window(window)
        left, right = max(x, area[0]), min(x + width, area[0] + area[2])
        top, bottom = max(y, area[1]), min(y + height, area[1] + area[3])
        x_axis, y_axis = self.axes
        columns = _cells(np.arange(left, right), x_axis, self.output_size[1], values.shape[1])
        rows = _cells(np.arange(top, bottom), y_axis, self.output_size[0], values.shape[0])
        values = sample_maps(values, rows, columns, interpolation)
        if wanted == (left, top, right - left, bottom - top):
            return values
        placed = np.zeros((height, width, values.shape[2]), np.float32)
        if values.size:
            placed[top - y : bottom - y, left - x : right - x] = values
        return placed


def _cells(pixels: IntArray, axis: Axis, side: int, count: int) -> FloatArray:
    """Return the positions, in cells, of input pixels along an axis with `count` output cells."""
    step, start = axis
    return ((pixels - start) / step + 0.5) * (count / side) - 0.5


def _covered(axis: Axis, size: int) -> tuple[int, int]:
    """Return the range of pixels whose centres lie under `size` positions of an axis."""
    step, start = axis
    low, high = sorted((start - step / 2, start + step * (size - 0.5)))
    return math.ceil(low - 1e-9), math.ceil(high - 1e-9)


def check_window(window: Window) -> Window:
    """Return a window as four whole numbers, the last two positive, or raise ValueError."""
    try:
        x, y, width, height = (operator.index(number) for number in window)
    except (TypeError, ValueError):
        x = y = width = height = 0
    if width <= 0 or height <= 0:
        raise ValueError(
            "a window is four whole numbers (x, y, width, height), the last two greater than 0, "
            f"not {window!r}"
        )
    return x, y, width, height


def check_image_array(image: np.ndarray, size: Size | None = None) -> np.ndarray:
    """Return the image if OpenCV can sample it and if it has the required size.

    Args:
        image: (H, W) or (H, W, C), C up to 4; uint8, uint16, float32 or float64.
        size: (height, width), or None for any.

    Raises:
        ImageError: The array is not such an image.
    """
    if not isinstance(image, np.ndarray) or image.dtype not in IMAGE_TYPES:
        kind = image.dtype if isinstance(image, np.ndarray) else type(image).__name__
        raise ImageError(f"an image is a NumPy array of uint8, uint16 or floats, not {kind}")
    if image.ndim not in (2, 3) or image.size == 0 or (image.ndim == 3 and image.shape[2] > 4):
        raise ImageError(
            f"an image is (H, W) or (H, W, 1 to 4 channels) and not empty; not {image.shape}"
        )
    if size is not None and image.shape[:2] != size:
        raise ImageError(
            f"this transform is for images {size[1]} wide and {size[0]} high, and this one is "
            f"{image.shape[1]} wide and {image.shape[0]} high: make a transform for its size"
        )
    return image


def check_size(size: Size, name: str) -> Size:
    """Return (height, width) as two whole numbers, or raise ValueError with the field's name."""
    try:
        height, width = size
    except (TypeError, ValueError):
        raise ValueError(f"{name} is (height, width), not {size!r}") from None
    return check_whole(height, name), check_whole(width, name)
