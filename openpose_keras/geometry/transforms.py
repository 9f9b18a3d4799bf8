"""Transforms of a whole image: resize, fit and pad, each with its inverse."""

from dataclasses import dataclass, field

import numpy as np

from openpose_keras.core._opencv import cv2
from openpose_keras.core.checks import check_whole
from openpose_keras.geometry.axis_aligned import (
    AxisAlignedTransform,
    Size,
    Window,
    check_image_array,
    check_size,
)
from openpose_keras.geometry.network_size import fit_factor
from openpose_keras.geometry.resampling import INTERPOLATIONS, Axis, sample_image


@dataclass(frozen=True)
class Resize(AxisAlignedTransform):
    """The whole image, resized; the two axes may have different factors.

    Args:
        input_size: (height, width) before.
        output_size: (height, width) after.
        interpolation: "linear", "cubic", "nearest" or "area", as OpenCV computes them. Only "area"
            averages if the image is downsampled.

    Raises:
        ValueError: A size is not two positive whole numbers, or the interpolation has another name.

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
        object.__setattr__(self, "input_size", check_size(self.input_size, "input_size"))
        object.__setattr__(self, "output_size", check_size(self.output_size, "output_size"))
        if self.interpolation not in INTERPOLATIONS:
            raise ValueError(
                f"interpolation is one of {', '.join(INTERPOLATIONS)}, not {self.interpolation!r}"
            )

    @classmethod
    def to_width(cls, input_size: Size, width: int, interpolation: str = "linear") -> "Resize":
        """Resize to a width and keep the aspect ratio; the height is rounded, and at least 1."""
        height, before = check_size(input_size, "input_size")
        width = check_whole(width, "width")
        return cls((height, before), (max(round(height * width / before), 1), width), interpolation)

    @property
    def axes(self) -> tuple[Axis, Axis]:
        """(step, start) along x and y: output pixel i shows input pixel `start + step * i`."""
        (height, width), (rows, columns) = self.input_size, self.output_size
        x_step, y_step = width / columns, height / rows
        return (x_step, (x_step - 1) / 2), (y_step, (y_step - 1) / 2)

    def apply_image(self, image: np.ndarray) -> np.ndarray:
        """Resample an image (H, W) or (H, W, C) to the output size, in its own type.

        Raises:
            ImageError: The array is not an image of the input size.
        """
        check_image_array(image, self.input_size)
        height, width = self.output_size
        method = INTERPOLATIONS[self.interpolation]
        resized = cv2.resize(image, (width, height), interpolation=method)
        return resized.reshape(height, width, *image.shape[2:])


@dataclass(frozen=True)
class Fit(AxisAlignedTransform):
    """The whole image, fitted into a frame from pixel 0 on, black at the right or the bottom.

    OpenPose fits images into the inputs of its body networks in this way: the first pixels
    coincide, downsampling does not average, and upsampling is cubic
    (src/openpose/utilities/openCvPrivate.cpp).

    Args:
        input_size: (height, width) of the image.
        output_size: (height, width) of the network's input.

    Raises:
        ValueError: A size is not two positive whole numbers.

    Example:
        >>> Fit((720, 1280), (368, 656)).invert_points([[0.0, 10.0]]).round(4)
        array([[ 0.    , 19.5913]])
    """

    input_size: Size
    output_size: Size

    def __post_init__(self) -> None:
        """Check the sizes."""
        object.__setattr__(self, "input_size", check_size(self.input_size, "input_size"))
        object.__setattr__(self, "output_size", check_size(self.output_size, "output_size"))

    @property
    def factor(self) -> float:
        """Output pixels per input pixel."""
        return fit_factor(self.input_size, self.output_size)

    @property
    def axes(self) -> tuple[Axis, Axis]:
        """(step, start) along x and y: output pixel i shows input pixel `step * i`."""
        return (1 / self.factor, 0.0), (1 / self.factor, 0.0)

    def apply_image(self, image: np.ndarray) -> np.ndarray:
        """Resample an image (H, W) or (H, W, C) of the input size, in its own type.

        Raises:
            ImageError: The array is not an image of the input size.
        """
        check_image_array(image, self.input_size)
        if self.input_size == self.output_size:
            return image.copy()
        height, width = self.output_size
        method = "cubic" if self.factor > 1 else "linear"
        sampled = sample_image(image, *self.axes, self.output_size, interpolation=method)
        return sampled.reshape(height, width, *image.shape[2:])


@dataclass(frozen=True)
class Pad(AxisAlignedTransform):
    """The image, padded at the right and the bottom until its sides are multiples of a stride.

    Points are unchanged.

    Args:
        input_size: (height, width) before.
        stride: The sides are padded to multiples of it.
        value: The value of the padding, in every channel; 128 becomes 0 in the network's input.

    Raises:
        ValueError: A size or the stride is not a positive whole number.

    Example:
        >>> Pad((100, 368), stride=8).output_size
        (104, 368)
    """

    input_size: Size
    stride: int = 8
    value: float = 128
    output_size: Size = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check the size and the stride."""
        object.__setattr__(self, "input_size", check_size(self.input_size, "input_size"))
        object.__setattr__(self, "stride", check_whole(self.stride, "stride"))
        padded = tuple(side + -side % self.stride for side in self.input_size)
        object.__setattr__(self, "output_size", padded)

    @property
    def axes(self) -> tuple[Axis, Axis]:
        """A step of 1 from 0 along x and along y."""
        return (1.0, 0.0), (1.0, 0.0)

    @property
    def window(self) -> Window:
        """(0, 0, width, height) of the input: the padding is cut off again."""
        return 0, 0, self.input_size[1], self.input_size[0]

    def apply_image(self, image: np.ndarray) -> np.ndarray:
        """Pad an image (H, W) or (H, W, C) of the input size; a new array of its type.

        Raises:
            ImageError: The array is not an image of the input size.
        """
        height, width = check_image_array(image, self.input_size).shape[:2]
        rows, columns = self.output_size
        padded = np.full((rows, columns, *image.shape[2:]), self.value, image.dtype)
        padded[:height, :width] = image
        return padded
