"""Frames and the ways between them: crop, resize, pad, mirror, each with its inverse.

A transform takes an image and points from its input frame to its output frame, and points and heatmaps back:
`apply_image`, `apply_points`, `invert_points`, `invert_heatmaps`.

Convention: points are (x, y) in pixels, x right, y down, an integer being the centre of a pixel; between frames
`(x + 0.5) * s - 0.5`. A missing point is NaN and stays NaN. Heatmaps are (h, w, C), of any resolution: w cells
lie over a width W so that cell g has its centre at `(g + 0.5) * W / w - 0.5`.
"""

import math
import operator
from dataclasses import dataclass

import numpy as np

from openpose_keras._opencv import cv2
from openpose_keras._resampling import Axis, sample_maps, warp_axes
from openpose_keras.boxes import Box, BoxLike, box_from_points, box_iou, check_box, square_box
from openpose_keras.errors import ImageError

__all__ = [
    "Box",
    "BoxLike",
    "Crop",
    "Mirror",
    "Pad",
    "Resize",
    "box_from_points",
    "box_iou",
    "check_box",
    "square_box",
]

Window = tuple[int, int, int, int]
Size = tuple[int, int]
LARGEST_CROP = 16_383  # OpenCV warps onto sides below 32,768, and antialias doubles them
LARGEST_BOX = 1_000_000.0  # pixels; beyond, OpenCV's fixed-point coordinates overflow
INTERPOLATIONS = {
    "nearest": cv2.INTER_NEAREST,
    "linear": cv2.INTER_LINEAR,
    "cubic": cv2.INTER_CUBIC,
    "area": cv2.INTER_AREA,
}


@dataclass(frozen=True)
class Crop:
    """A square box of the image, brought to `size` x `size` pixels.

    Args:
        box: (x, y, width, height) in image pixels, square; it may reach outside the image.
        size: Side of the crop in pixels.
        mirror: Flip left-right, as a left hand is shown to a network that knows right hands.
        value: What lies outside the image, in every channel.
        half_pixel: True keeps pixel areas in line: the box's edges are the crop's edges. False is OpenPose's
            own convention (`hand/handExtractorCaffe.cpp`): crop pixel x shows image pixel `box_x + s * x`,
            mirrored `box_x + width - s * x`, with s = width / size.
        antialias: Average over areas where the crop shrinks the image. OpenPose does not; without it, thin
            structures break up when a large box is shrunk strongly.

    Raises:
        ValueError: The box is not a finite square, or the size is no positive whole number.

    Example:
        >>> crop = Crop((10, 20, 200, 200), size=100)
        >>> crop.apply_points([[9.5, 19.5], [109.5, 119.5]])
        array([[-0.5, -0.5],
               [49.5, 49.5]])
        >>> crop.invert_points([[49.5, 49.5]])
        array([[109.5, 119.5]])
    """

    box: Box
    size: int
    mirror: bool = False
    value: float = 0
    half_pixel: bool = True
    antialias: bool = False

    def __post_init__(self) -> None:
        """Check the box and the size."""
        box = check_box(self.box)
        if not math.isclose(box[2], box[3], rel_tol=1e-6):
            raise ValueError(
                f"a crop needs a square box, not {box[2]} x {box[3]}: square_box(box) makes one"
            )
        if box[2] > LARGEST_BOX:
            raise ValueError(f"a box has at most {LARGEST_BOX:.0f} pixels a side, not {box[2]}")
        object.__setattr__(self, "box", box)
        object.__setattr__(self, "size", _whole(self.size, "size", LARGEST_CROP))

    @property
    def scale(self) -> float:
        """Image pixels per crop pixel."""
        return self.box[2] / self.size

    @property
    def window(self) -> Window:
        """The image pixels (x, y, width, height) whose centres lie under the crop; some may lie outside the image."""
        left, right = _covered(self._x_axis, self.size)
        top, bottom = _covered(self._y_axis, self.size)
        return left, top, right - left, bottom - top

    @property
    def _x_axis(self) -> Axis:
        """The step and the start, in image pixels, of the crop's columns."""
        x, _, width, _ = self.box
        if self.mirror:
            return -self.scale, x + width - (self.scale + 1) / 2 * self.half_pixel
        return self.scale, x + (self.scale - 1) / 2 * self.half_pixel

    @property
    def _y_axis(self) -> Axis:
        """The step and the start, in image pixels, of the crop's rows."""
        return self.scale, self.box[1] + (self.scale - 1) / 2 * self.half_pixel

    def apply_image(self, image: np.ndarray) -> np.ndarray:
        """Cut the crop out of an image.

        Args:
            image: (H, W, 3), or (H, W) or up to four channels; uint8, uint16, float32 or float64. Beside the
                result at most one copy of its part under the box is made, and only with `antialias`.

        Returns:
            (size, size, 3), or (size, size), of the image's type.

        Raises:
            ImageError: The array is no image, or the box lies wholly outside it.
        """
        height, width = _check_picture(image).shape[:2]
        x, y, side, _ = self.box
        if min(x + side, y + side) <= 0 or x >= width or y >= height:
            raise ImageError(
                f"the box {self.box} lies wholly outside the image, which is {width} pixels wide and "
                f"{height} high: give a box (x, y, width, height) in the pixels of this image"
            )
        crop = warp_axes(
            image,
            self._x_axis,
            self._y_axis,
            self.size,
            value=self.value,
            antialias=self.antialias,
        )
        return crop.reshape(self.size, self.size, *image.shape[2:])

    def apply_points(self, xy: np.ndarray) -> np.ndarray:
        """Bring points (..., 2) from the image to the crop, as float64."""
        (step_x, start_x), (step_y, start_y) = self._x_axis, self._y_axis
        return (_check_points(xy) - (start_x, start_y)) / (step_x, step_y)

    def invert_points(self, xy: np.ndarray) -> np.ndarray:
        """Bring points (..., 2) from the crop back to the image, as float64."""
        (step_x, start_x), (step_y, start_y) = self._x_axis, self._y_axis
        return _check_points(xy) * (step_x, step_y) + (start_x, start_y)

    def invert_heatmaps(
        self, maps: np.ndarray, *, window: Window | None = None, interpolation: str = "linear"
    ) -> np.ndarray:
        """Bring heatmaps of the crop back to the image; a mirrored crop's are mirrored back.

        Args:
            maps: (h, w, C) over the whole crop, of any resolution.
            window: (x, y, width, height) of the image pixels that are wanted, `(0, 0, W, H)` for the whole
                image; by default `self.window`, the pixels under the crop.
            interpolation: "linear" or "cubic".

        Returns:
            (height, width, C) float32; its first pixel is pixel (x, y) of the image. Outside the crop all
            maps are 0, the background too. It takes 4 * width * height * C bytes, and up to twice that in
            between when `window` is given: 22 maps of 12 megapixels are 1 GB, so ask for few maps or a small
            window.
        """
        maps = _check_maps(maps)
        (step_x, start_x), (step_y, start_y) = self._x_axis, self._y_axis
        cells = (
            (
                maps.shape[0] / self.size / step_y,
                (0.5 - start_y / step_y) * maps.shape[0] / self.size - 0.5,
            ),
            (
                maps.shape[1] / self.size / step_x,
                (0.5 - start_x / step_x) * maps.shape[1] / self.size - 0.5,
            ),
        )
        return _sample_window(maps, cells, self.window, window, interpolation)


@dataclass(frozen=True)
class Resize:
    """The whole image, brought to another size; the two axes may have different factors.

    Args:
        input_size: (height, width) before.
        output_size: (height, width) after.
        interpolation: "linear", "cubic", "nearest" or "area"; as in OpenCV. Only "area" averages where it
            shrinks.

    Raises:
        ValueError: A size is not two positive whole numbers, or the interpolation has no such name.

    Example:
        >>> resize = Resize.to_width((480, 640), 320)
        >>> resize.output_size, resize.apply_points([[99.5, 99.5]])
        ((240, 320), array([[49.5, 49.5]]))
    """

    input_size: Size
    output_size: Size
    interpolation: str = "linear"

    def __post_init__(self) -> None:
        """Check the sizes and the name."""
        object.__setattr__(self, "input_size", _size(self.input_size, "input_size"))
        object.__setattr__(self, "output_size", _size(self.output_size, "output_size"))
        if self.interpolation not in INTERPOLATIONS:
            raise ValueError(
                f"interpolation is one of {', '.join(INTERPOLATIONS)}, not {self.interpolation!r}"
            )

    @classmethod
    def to_width(cls, input_size: Size, width: int, interpolation: str = "linear") -> "Resize":
        """Keep the aspect and bring the width to `width`; the height is rounded, and at least 1."""
        height, before = _size(input_size, "input_size")
        return cls(input_size, (max(round(height * width / before), 1), width), interpolation)

    @classmethod
    def to_height(cls, input_size: Size, height: int, interpolation: str = "linear") -> "Resize":
        """Keep the aspect and bring the height to `height`; the width is rounded, and at least 1."""
        before, width = _size(input_size, "input_size")
        return cls(input_size, (height, max(round(width * height / before), 1)), interpolation)

    @property
    def _factors(self) -> np.ndarray:
        """Output pixels per input pixel along x and y."""
        return np.array(self.output_size[::-1]) / np.array(self.input_size[::-1])

    def apply_image(self, image: np.ndarray) -> np.ndarray:
        """Bring an image (H, W) or (H, W, C) of the input size to the output size, in its own type.

        Raises:
            ImageError: The array is no image or has another size.
        """
        _check_picture(image, self.input_size)
        height, width = self.output_size
        resized = cv2.resize(
            image, (width, height), interpolation=INTERPOLATIONS[self.interpolation]
        )
        return resized.reshape(height, width, *image.shape[2:])

    def apply_points(self, xy: np.ndarray) -> np.ndarray:
        """Bring points (..., 2) from the input frame to the output frame, as float64."""
        return (_check_points(xy) + 0.5) * self._factors - 0.5

    def invert_points(self, xy: np.ndarray) -> np.ndarray:
        """Bring points (..., 2) from the output frame back to the input frame, as float64."""
        return (_check_points(xy) + 0.5) / self._factors - 0.5

    def invert_heatmaps(
        self, maps: np.ndarray, *, window: Window | None = None, interpolation: str = "linear"
    ) -> np.ndarray:
        """Bring heatmaps (h, w, C) of the output frame, of any resolution, back to the input frame.

        Args:
            maps: (h, w, C) over the whole output frame.
            window: (x, y, width, height) of the input pixels that are wanted; by default all.
            interpolation: "linear" or "cubic".

        Returns:
            (height, width, C) float32: 4 * height * width * C bytes, and up to twice that in between.
        """
        maps = _check_maps(maps)
        cells = tuple(
            _cells(count, side) for count, side in zip(maps.shape, self.input_size, strict=False)
        )
        area = (0, 0, *self.input_size[::-1])
        return _sample_window(maps, cells, area, window, interpolation)


@dataclass(frozen=True)
class Pad:
    """The image, filled up at the right and at the bottom until both sides are multiples of the stride.

    Args:
        input_size: (height, width) before.
        stride: The sides become multiples of it.
        value: What is filled in, in every channel; 128 becomes 0 in the network's input.

    Raises:
        ValueError: A size or the stride is not a positive whole number.

    Example:
        >>> Pad((100, 368), stride=8).output_size
        (104, 368)
    """

    input_size: Size
    stride: int = 8
    value: float = 128

    def __post_init__(self) -> None:
        """Check the size and the stride."""
        object.__setattr__(self, "input_size", _size(self.input_size, "input_size"))
        object.__setattr__(self, "stride", _whole(self.stride, "stride"))

    @property
    def output_size(self) -> Size:
        """(height, width) after padding."""
        height, width = self.input_size
        return height + -height % self.stride, width + -width % self.stride

    def apply_image(self, image: np.ndarray) -> np.ndarray:
        """Fill up an image (H, W) or (H, W, C) of the input size, in its own type.

        Raises:
            ImageError: The array is no image or has another size.
        """
        below, beside = np.subtract(
            self.output_size, _check_picture(image, self.input_size).shape[:2]
        )
        widths = ((0, below), (0, beside)) + ((0, 0),) * (image.ndim - 2)
        return np.pad(image, widths, constant_values=self.value)

    def apply_points(self, xy: np.ndarray) -> np.ndarray:
        """Bring points (..., 2) to the padded frame: they stay where they are. A float64 copy."""
        return _check_points(xy).copy()

    def invert_points(self, xy: np.ndarray) -> np.ndarray:
        """Bring points (..., 2) back from the padded frame: they stay where they are. A float64 copy."""
        return _check_points(xy).copy()

    def invert_heatmaps(self, maps: np.ndarray, *, interpolation: str = "linear") -> np.ndarray:
        """Bring heatmaps (h, w, C) of the padded frame back to the frame before padding.

        Args:
            maps: (h, w, C) over the whole padded frame. Maps of its full size are cut; smaller ones are
                sampled up to the input's pixels.
            interpolation: "linear" or "cubic"; used for smaller maps.

        Returns:
            (height, width, C) float32 of the input's size, a new array.
        """
        maps = _check_maps(maps)
        height, width = self.input_size
        if maps.shape[:2] == self.output_size:
            return maps[:height, :width].copy()
        cells = tuple(
            _cells(count, side) for count, side in zip(maps.shape, self.output_size, strict=False)
        )
        return _sample_window(maps, cells, (0, 0, width, height), None, interpolation)


@dataclass(frozen=True)
class Mirror:
    """The image, flipped left-right; the inverse is the same step.

    Args:
        width: Of the image, in pixels.

    Raises:
        ValueError: The width is not a positive whole number.

    Example:
        >>> Mirror(100).apply_points([[0, 5]])
        array([[99.,  5.]])
    """

    width: int

    def __post_init__(self) -> None:
        """Check the width."""
        object.__setattr__(self, "width", _whole(self.width, "width"))

    def apply_image(self, image: np.ndarray) -> np.ndarray:
        """Flip an image (H, W) or (H, W, C) of this width; a new array.

        Raises:
            ImageError: The array is no image or has another width.
        """
        _check_picture(image, (len(image), self.width))
        return np.ascontiguousarray(image[:, ::-1])

    def apply_points(self, xy: np.ndarray) -> np.ndarray:
        """Bring points (..., 2) to the mirrored frame, as float64."""
        return (self.width - 1, 0) + _check_points(xy) * (-1, 1)

    def invert_points(self, xy: np.ndarray) -> np.ndarray:
        """Bring points (..., 2) back from the mirrored frame, as float64."""
        return self.apply_points(xy)

    def invert_heatmaps(self, maps: np.ndarray) -> np.ndarray:
        """Flip heatmaps (h, w, C) of any resolution back; a new array, float32."""
        return np.ascontiguousarray(_check_maps(maps)[:, ::-1])


def _cells(count: int, side: int) -> Axis:
    """Give the step and the start, in cells, of the pixels of an axis on which `count` cells lie."""
    return count / side, 0.5 * count / side - 0.5


def _covered(axis: Axis, size: int) -> tuple[int, int]:
    """Give the range of pixels whose centres lie under `size` places of an axis."""
    step, start = axis
    low, high = sorted((start - step / 2, start + step * (size - 0.5)))
    return math.ceil(low - 1e-9), math.ceil(high - 1e-9)


def _sample_window(
    maps: np.ndarray,
    cells: tuple[Axis, Axis],
    area: Window,
    window: Window | None,
    interpolation: str,
) -> np.ndarray:
    """Sample maps at the pixels of a window; outside the area they are 0. `cells` is of y, then x."""
    x, y, width, height = window = area if window is None else _check_window(window)
    left, right = max(x, area[0]), min(x + width, area[0] + area[2])
    top, bottom = max(y, area[1]), min(y + height, area[1] + area[3])
    (step_y, start_y), (step_x, start_x) = cells
    rows = start_y + step_y * np.arange(top, bottom)
    columns = start_x + step_x * np.arange(left, right)
    values = sample_maps(maps, rows, columns, interpolation)
    if window == area:
        return values
    placed = np.zeros((height, width, maps.shape[2]), np.float32)
    if values.size:
        placed[top - y : bottom - y, left - x : right - x] = values
    return placed


def _check_window(window: Window) -> Window:
    """Give a window as four whole numbers, or say what is wrong with it."""
    try:
        x, y, width, height = (operator.index(number) for number in window)
    except (TypeError, ValueError):
        width = height = 0
    if width <= 0 or height <= 0:
        raise ValueError(
            f"a window is four whole numbers (x, y, width, height) of image pixels, not {window!r}"
        )
    return x, y, width, height


def _check_picture(image: np.ndarray, size: Size | None = None) -> np.ndarray:
    """Give the image back if OpenCV can sample it and it has the size, if one is given."""
    kinds = (np.uint8, np.uint16, np.float32, np.float64)
    if not isinstance(image, np.ndarray) or image.dtype not in kinds:
        kind = image.dtype if isinstance(image, np.ndarray) else type(image).__name__
        raise ImageError(f"an image is a NumPy array of uint8, uint16 or floats, not {kind}")
    if image.ndim not in (2, 3) or image.size == 0 or (image.ndim == 3 and image.shape[2] > 4):
        raise ImageError(
            f"an image is (H, W) or (H, W, channels), up to 4 of them, none empty; not {image.shape}"
        )
    if size is not None and image.shape[:2] != size:
        raise ImageError(
            f"this transform is for images of {size[0]} x {size[1]} (height x width), not "
            f"{image.shape[0]} x {image.shape[1]}: make one for this size"
        )
    return image


def _check_points(xy: np.ndarray) -> np.ndarray:
    """Give points as float64, or say what is wrong with their shape."""
    points = np.asarray(xy, dtype=np.float64)
    if points.ndim == 0 or points.shape[-1] != 2:
        raise ValueError(f"points are (..., 2) pixels (x, y), not an array of shape {points.shape}")
    return points


def _check_maps(maps: np.ndarray) -> np.ndarray:
    """Give heatmaps as float32, or say what is wrong with their shape."""
    maps = np.asarray(maps)
    if maps.ndim != 3 or maps.size == 0:
        raise ValueError(
            f"heatmaps are (h, w, channels), none empty, not {maps.shape}: take one image out of a batch"
        )
    return maps.astype(np.float32, copy=False)


def _size(size: Size, name: str) -> Size:
    """Give (height, width) as two whole numbers, or say what is wrong with them."""
    if len(size) != 2:
        raise ValueError(f"{name} is (height, width), not {size!r}")
    return _whole(size[0], name), _whole(size[1], name)


def _whole(number: int, name: str, largest: int | None = None) -> int:
    """Give a positive whole number, or say what is wrong with it."""
    try:
        whole = operator.index(number)
    except TypeError:
        whole = 0
    if whole <= 0 or (largest is not None and whole > largest):
        upto = "" if largest is None else f" of at most {largest}"
        raise ValueError(f"{name} must be a positive whole number{upto}, not {number!r}")
    return whole
