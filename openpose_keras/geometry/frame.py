"""The frame of an image or of heatmaps in another image."""

import math
from dataclasses import dataclass

from openpose_keras.core.boxes import Box
from openpose_keras.geometry.axis_aligned import AxisAlignedTransform, Size
from openpose_keras.geometry.resampling import Axis


@dataclass(frozen=True)
class Frame(AxisAlignedTransform):
    """The frame of an array in the image, defined by a step and a start along each axis.

    Position i of the frame lies at `start + step * i` of the image; a negative step mirrors. It has
    the methods of all transforms in `geometry`, to map points from the image and back, and heatmaps
    back.

    Args:
        output_size: (height, width) of the frame, in its own pixels or cells.
        x_axis: (step, start) in image pixels.
        y_axis: (step, start) in image pixels.

    Example:
        >>> frame = Frame((46, 46), (8.0, 3.5), (8.0, 3.5))
        >>> frame.invert_points([[1.0, 2.0]]).tolist()
        [[11.5, 19.5]]
        >>> frame.box
        (0.0, 0.0, 368.0, 368.0)
    """

    output_size: Size
    x_axis: Axis
    y_axis: Axis

    @property
    def axes(self) -> tuple[Axis, Axis]:
        """The axes along x and along y."""
        return self.x_axis, self.y_axis

    @property
    def box(self) -> Box:
        """The part of the image under the frame, (x, y, width, height)."""
        (left, width), (top, height) = (
            (min(start - step / 2, start + step * (count - 0.5)) + 0.5, abs(step) * count)
            for (step, start), count in zip(self.axes, self.output_size[::-1], strict=True)
        )
        return left, top, width, height

    @property
    def mirrored(self) -> bool:
        """Whether the frame shows the image mirrored."""
        return self.x_axis[0] < 0

    def flip(self) -> "Frame":
        """Return the frame of the same array flipped left-right."""
        step, start = self.x_axis
        width = self.output_size[1]
        return Frame(self.output_size, (-step, start + step * (width - 1)), self.y_axis)

    def cells(self, stride: int) -> "Frame":
        """Return the frame of the heatmaps that a network of this stride computes from this one."""
        height, width = (math.ceil(count / stride) for count in self.output_size)
        x_axis, y_axis = (
            (step * stride, start + step * (stride - 1) / 2) for step, start in self.axes
        )
        return Frame((height, width), x_axis, y_axis)
