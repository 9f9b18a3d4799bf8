"""The crop: a square box of the image, resized to the network's box size."""

import math
from dataclasses import dataclass, field

import numpy as np

from openpose_keras.core.boxes import Box, check_box
from openpose_keras.core.checks import check_whole
from openpose_keras.core.errors import ImageError
from openpose_keras.geometry.axis_aligned import AxisAlignedTransform, Size, check_image_array
from openpose_keras.geometry.resampling import SAMPLES, Axis, warp_axes

LARGEST_CROP = 32_767 // SAMPLES  # OpenCV warps onto sides below 32,768
LARGEST_BOX = 1_000_000  # beyond it OpenCV's fixed-point coordinates overflow


@dataclass(frozen=True)
class Crop(AxisAlignedTransform):
    """A square box of the image, resized to `size` x `size` pixels.

    Args:
        box: (x, y, width, height) in image pixels, square; it may reach outside the image.
        size: Side of the crop in pixels.
        mirror: Whether to flip left-right, as for a left hand and a network of right hands.
        value: The value outside the image, in every channel.
        half_pixel: True: the edges of the box are the edges of the crop. False is
            OpenPose's own convention (`hand/handExtractorCaffe.cpp`): crop pixel x shows image
            pixel `box_x + s * x`, mirrored `box_x + width - s * x`, with s = width / size.
        antialias: Whether to average over areas if the crop downsamples the image. OpenPose does
            not, so that thin structures break up or vanish if a large box is strongly downsampled.

    Raises:
        ValueError: The box is not a finite square, or the size is not a positive whole number.

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
    output_size: Size = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check the box and the size."""
        box = check_box(self.box)
        if not math.isclose(box[2], box[3], rel_tol=1e-6):
            raise ValueError(
                f"a crop needs a square box, not {box[2]} x {box[3]}: square_box(box) makes one"
            )
        if box[2] > LARGEST_BOX:
            raise ValueError(f"a box has at most {LARGEST_BOX} pixels a side, not {box[2]}")
        object.__setattr__(self, "box", box)
        object.__setattr__(self, "size", check_whole(self.size, "size", LARGEST_CROP))
        object.__setattr__(self, "output_size", (self.size, self.size))

    @property
    def scale(self) -> float:
        """Image pixels per crop pixel."""
        return self.box[2] / self.size

    @property
    def axes(self) -> tuple[Axis, Axis]:
        """(step, start) along x and y: crop pixel i shows image pixel `start + step * i`."""
        (x, y, width, _), scale = self.box, self.scale
        inset = (scale - 1) / 2 if self.half_pixel else 0.0
        if not self.mirror:
            return (scale, x + inset), (scale, y + inset)
        right = x + width - 1 - inset if self.half_pixel else x + width
        return (-scale, right), (scale, y + inset)

    def apply_image(self, image: np.ndarray) -> np.ndarray:
        """Sample the crop from an image with linear interpolation.

        Args:
            image: (H, W, 3), or (H, W), or up to four channels; uint8, uint16, float32 or float64.
                `antialias` needs memory for one copy of the part under the box.

        Returns:
            (size, size, 3), or (size, size), of the image's type.

        Raises:
            ImageError: The array is not an image, or the box lies wholly outside it.
        """
        check_overlap(self.box, image)
        x_axis, y_axis = self.axes
        crop = warp_axes(
            image, x_axis, y_axis, self.size, value=self.value, antialias=self.antialias
        )
        return crop.reshape(self.size, self.size, *image.shape[2:])


def check_overlap(box: Box, image: np.ndarray, told: Box | None = None) -> None:
    """Raise ImageError if an array is not an image, or a square box lies wholly outside it.

    Args:
        box: (x, y, side, side).
        image: (H, W) or (H, W, C).
        told: The original box, which the message names instead.
    """
    height, width = check_image_array(image).shape[:2]
    x, y, side, _ = box
    if min(x + side, y + side) <= 0 or x >= width or y >= height:
        numbers = ", ".join(f"{number:.10g}" for number in told or box)
        raise ImageError(
            f"the box ({numbers}) lies wholly outside the image, which is {width} wide and "
            f"{height} high: give a box (x, y, width, height) in pixels of this image"
        )
