"""The rotated crop: a square box of the image, rotated about its centre."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from openpose_keras.core._opencv import cv2
from openpose_keras.core.arrays import FloatArray, check_maps, check_points
from openpose_keras.core.boxes import Box, box_centre, square_box
from openpose_keras.geometry.axis_aligned import Window, check_window
from openpose_keras.geometry.crop import Crop, check_overlap
from openpose_keras.geometry.resampling import INTERPOLATIONS, halve

_FINEST = 1.5  # pixels per crop pixel, along a side, to which the image is first reduced


@dataclass(frozen=True)
class RotatedCrop:
    """A square box of the image, rotated about its centre and resized to `size` x `size` pixels.

    If the crop downsamples the image, the image is first reduced by averaging over areas, and then
    rotated with linear interpolation.

    Args:
        box: (x, y, width, height) in image pixels, square, before the rotation; it may reach
            outside the image.
        size: Side of the crop in pixels.
        angle: Radians by which the content rotates, clockwise on the screen (y points down).

    Raises:
        ValueError: The box is not a finite square, the size is not a positive whole number, or the
            angle is not finite.

    Example:
        >>> crop = RotatedCrop((0, 0, 100, 100), size=100, angle=np.pi / 2)
        >>> crop.apply_points([[49.5, 9.5]]).round(6)  # what was above the middle is to its right
        array([[89.5, 49.5]])
    """

    box: Box
    size: int
    angle: float

    def __post_init__(self) -> None:
        """Check the angle, and box and size as for a crop."""
        if not math.isfinite(self.angle):
            raise ValueError(f"expected a finite angle in radians, got {self.angle}")
        crop = Crop(self.box, self.size)
        object.__setattr__(self, "box", crop.box)
        object.__setattr__(self, "size", crop.size)

    @property
    def scale(self) -> float:
        """Image pixels per crop pixel."""
        return self.box[2] / self.size

    @property
    def window(self) -> Window:
        """(x, y, width, height): the image pixels in the box before its rotation."""
        return Crop(self.box, self.size).window

    def apply_image(self, image: np.ndarray) -> np.ndarray:
        """Sample the rotated crop from an image; it is black outside the image.

        Args:
            image: (H, W, 3), or (H, W), or up to four channels; uint8, uint16, float32 or float64.

        Returns:
            (size, size, 3), or (size, size), of the image's type.

        Raises:
            ImageError: The array is not an image, or the box lies wholly outside it.
        """
        check_overlap(self.box, image)
        x, y, side, _ = square_box(self.box, math.sqrt(2))  # holds the box at any angle
        left, top = max(math.floor(x), 0), max(math.floor(y), 0)
        part = image[top : math.ceil(y + side) + 1, left : math.ceil(x + side) + 1]
        step = np.ones(2)  # pixels of the image for each of the part
        if self.scale > _FINEST:
            fewer = np.array(part.shape[1::-1]) * (_FINEST / self.scale)
            width, height = np.maximum(np.round(fewer), 1).astype(int).tolist()
            part, factor = halve(part, (width, height))
            step = factor * np.array(part.shape[1::-1]) / (width, height)
            part = cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA)
        start = np.array([left, top]) + (step - 1) / 2
        rotation = self._rotation / self.scale
        shift = rotation @ (start - self._middle) + (self.size - 1) / 2
        crop = cv2.warpAffine(
            part,
            np.column_stack([rotation * step, shift]),
            (self.size, self.size),
            flags=cv2.INTER_LINEAR,
        )
        return crop.reshape(self.size, self.size, *image.shape[2:])

    def apply_points(self, xy: ArrayLike) -> FloatArray:
        """Map points (..., 2) from the image to the crop; NaN stays NaN.

        Raises:
            ValueError: The shape is not (..., 2).
        """
        away = check_points(xy) - self._middle
        rotated: FloatArray = away @ self._rotation.T
        return rotated / self.scale + (self.size - 1) / 2

    def invert_points(self, xy: ArrayLike) -> FloatArray:
        """Map points (..., 2) from the crop back to the image; NaN stays NaN.

        Raises:
            ValueError: The shape is not (..., 2).
        """
        away = (check_points(xy).astype(np.float64) - (self.size - 1) / 2) * self.scale
        rotated: FloatArray = away @ self._rotation
        return rotated + self._middle

    def invert_heatmaps(
        self, maps: ArrayLike, *, window: Window | None = None, interpolation: str = "linear"
    ) -> FloatArray:
        """Resample heatmaps of the crop back to the image, sampled at its pixels.

        Positions are rounded to 1/32 of a cell, as in `cv2.remap`.

        Args:
            maps: (h, w, C) over the whole crop, of any resolution; finite.
            window: (x, y, width, height) of the requested image pixels; by default
                `self.window`, the pixels in the box before its rotation.
            interpolation: "linear" or "cubic".

        Returns:
            (height, width, C) float32, a new array. Outside the crop all maps are 0.

        Raises:
            ValueError: The maps are not (h, w, C), or the window or the interpolation is not valid.
        """
        if interpolation not in ("linear", "cubic"):
            raise ValueError(f"interpolation is 'linear' or 'cubic', not {interpolation!r}")
        values = check_maps(maps).astype(np.float32, copy=False)
        x, y, width, height = self.window if window is None else check_window(window)
        rows, columns = values.shape[:2]
        grid = np.meshgrid(np.arange(x, x + width), np.arange(y, y + height))
        positions = self.apply_points(np.stack(grid, axis=-1))
        inside = ((positions >= -0.5) & (positions <= self.size - 0.5)).all(axis=-1, keepdims=True)
        cells = (positions + 0.5) * (columns / self.size, rows / self.size) - 0.5
        cells_x, cells_y = np.moveaxis(cells.clip(0, (columns - 1, rows - 1)), -1, 0).astype(
            np.float32
        )
        sampled = [
            cv2.remap(np.ascontiguousarray(plane), cells_x, cells_y, INTERPOLATIONS[interpolation])
            for plane in np.moveaxis(values, -1, 0)
        ]
        return np.asarray(np.stack(sampled, axis=-1) * inside, np.float32)

    @property
    def _middle(self) -> FloatArray:
        """The box's centre (x, y) in the image."""
        return np.array(box_centre(self.box))

    @property
    def _rotation(self) -> FloatArray:
        """The (2, 2) matrix that rotates points about the centre."""
        sine, cosine = math.sin(self.angle), math.cos(self.angle)
        return np.array([[cosine, -sine], [sine, cosine]])
