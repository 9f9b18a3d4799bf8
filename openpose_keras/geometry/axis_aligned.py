"""What all transforms of `geometry` share: they move and stretch the two axes, and never mix them.

An axis is a pair (step, start): place i of the output lies at `start + step * i` of the input. A
negative step mirrors. So points and heatmaps go back and forth by the same two pairs.
"""

import math
import operator

import numpy as np

from openpose_keras.core.errors import ImageError
from openpose_keras.geometry.resampling import Axis, sample_maps

Window = tuple[int, int, int, int]
Size = tuple[int, int]
IMAGE_TYPES = (np.uint8, np.uint16, np.float32, np.float64)


class AxisAlignedTransform:
    """Points and heatmaps of a transform that is a step and a start along each axis.

    A subclass has `output_size`, (height, width) of the output frame in pixels, and `axes`.
    """

    output_size: Size

    @property
    def axes(self) -> tuple[Axis, Axis]:
        """(step, start) along x and y: output place i lies at `start + step * i` of the input."""
        raise NotImplementedError

    @property
    def window(self) -> Window:
        """(x, y, width, height): the input pixels whose centres lie under the output.

        A crop's may lie outside the image. Width or height is 0 where a box is so small that no
        centre lies in it.
        """
        height, width = self.output_size
        (left, right), (top, bottom) = _covered(self.axes[0], width), _covered(self.axes[1], height)
        return left, top, right - left, bottom - top

    def apply_points(self, xy: np.ndarray) -> np.ndarray:
        """Bring points (..., 2) from the input frame to the output frame.

        Args:
            xy: (..., 2) pixels (x, y); NaN stays NaN.

        Returns:
            (..., 2) float64, a new array.

        Raises:
            ValueError: The shape is not (..., 2).
        """
        (step_x, start_x), (step_y, start_y) = self.axes
        return (check_points(xy) - (start_x, start_y)) / (step_x, step_y)

    def invert_points(self, xy: np.ndarray) -> np.ndarray:
        """Bring points (..., 2) from the output frame back to the input frame.

        Args:
            xy: (..., 2) pixels (x, y); NaN stays NaN.

        Returns:
            (..., 2) float64, a new array.

        Raises:
            ValueError: The shape is not (..., 2).
        """
        (step_x, start_x), (step_y, start_y) = self.axes
        return check_points(xy) * (step_x, step_y) + (start_x, start_y)

    def invert_heatmaps(
        self, maps: np.ndarray, *, window: Window | None = None, interpolation: str = "linear"
    ) -> np.ndarray:
        """Bring heatmaps of the output frame back to the input frame, exactly at its pixels.

        A mirrored crop's maps are mirrored back. Between the outermost cell's centre and the edge
        of the frame the outermost value goes on.

        Args:
            maps: (h, w, C) over the whole output frame, of any resolution; finite.
            window: (x, y, width, height) of the input pixels that are wanted, for example `(0, 0,
                W, H)` for a whole image; by default `self.window`, the pixels under the output.
            interpolation: "linear" or "cubic".

        Returns:
            (height, width, C) float32, a new array; its first pixel is pixel (x, y) of the input
            frame. Outside the output frame all maps are 0, the background too. The peak of memory
            is 4 * C * height * (width + w) bytes, and twice that when a window reaches beyond
            `self.window`. 22 maps of 12 megapixels are 1 GB: ask for few maps or for a small
            window.

        Raises:
            ValueError: The maps are not (h, w, C), or the window or the interpolation is none.
        """
        maps = check_maps(maps)
        area = self.window
        wanted = x, y, width, height = area if window is None else _check_window(window)
        left, right = max(x, area[0]), min(x + width, area[0] + area[2])
        top, bottom = max(y, area[1]), min(y + height, area[1] + area[3])
        x_axis, y_axis = self.axes
        columns = _cells(np.arange(left, right), x_axis, self.output_size[1], maps.shape[1])
        rows = _cells(np.arange(top, bottom), y_axis, self.output_size[0], maps.shape[0])
        values = sample_maps(maps, rows, columns, interpolation)
        if wanted == (left, top, right - left, bottom - top):
            return values
        placed = np.zeros((height, width, maps.shape[2]), np.float32)
        if values.size:
            placed[top - y : bottom - y, left - x : right - x] = values
        return placed


def _cells(pixels: np.ndarray, axis: Axis, side: int, count: int) -> np.ndarray:
    """Give the places, in cells, of input pixels along an axis whose output has `count` cells."""
    step, start = axis
    return ((pixels - start) / step + 0.5) * (count / side) - 0.5


def _covered(axis: Axis, size: int) -> tuple[int, int]:
    """Give the range of pixels whose centres lie under `size` places of an axis."""
    step, start = axis
    low, high = sorted((start - step / 2, start + step * (size - 0.5)))
    return math.ceil(low - 1e-9), math.ceil(high - 1e-9)


def _check_window(window: Window) -> Window:
    """Give a window as four whole numbers, or say what is wrong with it."""
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


def check_points(xy: np.ndarray) -> np.ndarray:
    """Give points as float64, or say what is wrong with their shape."""
    points = np.asarray(xy, dtype=np.float64)
    if points.ndim == 0 or points.shape[-1] != 2:
        raise ValueError(f"points are (..., 2) pixels (x, y), not an array of shape {points.shape}")
    return points


def check_maps(maps: np.ndarray) -> np.ndarray:
    """Give heatmaps as float32, or say what is wrong with their shape."""
    maps = np.asarray(maps)
    if maps.ndim != 3 or maps.size == 0:
        raise ValueError(
            f"heatmaps are (h, w, channels), none of them 0, not {maps.shape}; of a batch, give one"
        )
    return maps.astype(np.float32, copy=False)


def check_image_array(image: np.ndarray, size: Size | None = None) -> np.ndarray:
    """Give the image back if OpenCV can sample it and if it has the size that is asked for.

    Args:
        image: (H, W) or (H, W, C), C up to 4; uint8, uint16, float32 or float64.
        size: (height, width), or None for any.

    Raises:
        ImageError: The array is no such image.
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
    """Give (height, width) as two whole numbers; ValueError with the field's name if it is none."""
    try:
        height, width = size
    except (TypeError, ValueError):
        raise ValueError(f"{name} is (height, width), not {size!r}") from None
    return check_whole(height, name), check_whole(width, name)


def check_whole(number: int, name: str, largest: int | None = None) -> int:
    """Give a positive whole number; ValueError with the field's name if it is none."""
    try:
        whole = operator.index(number)
    except TypeError:
        whole = 0
    if whole <= 0 or (largest is not None and whole > largest):
        most = "" if largest is None else f" of at most {largest}"
        raise ValueError(f"{name} must be a positive whole number{most}, not {number!r}")
    return whole
