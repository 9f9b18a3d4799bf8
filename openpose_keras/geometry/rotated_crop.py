"""The turned crop: a square box of the image, turned about its middle."""

import math
from dataclasses import dataclass

import numpy as np

from openpose_keras.core._opencv import cv2
from openpose_keras.core.boxes import Box, square_box
from openpose_keras.geometry.axis_aligned import check_maps, check_points
from openpose_keras.geometry.crop import Crop

_FINEST = 1.5  # pixels between that are averaged before the turn, per pixel after it


@dataclass(frozen=True)
class RotatedCrop:
    """A square box of the image, turned about its middle and brought to `size` x `size` pixels.

    The picture is shrunk with areas first, where it shrinks, and then turned linearly.

    Args:
        box: (x, y, width, height) in image pixels, square, before it is turned; it may reach
            outside the image.
        size: Side of the crop in pixels.
        angle: Radians by which what is seen turns, clockwise to the eye (y points down).
        value: What lies outside the image, in every channel.

    Raises:
        ValueError: The box is not a finite square, the size is no positive whole number, or the
            angle is not finite.

    Example:
        >>> crop = RotatedCrop((0, 0, 100, 100), size=100, angle=np.pi / 2)
        >>> crop.apply_points([[49.5, 9.5]]).round(6)  # what was above the middle is to its right
        array([[89.5, 49.5]])
    """

    box: Box
    size: int
    angle: float
    value: float = 0

    def __post_init__(self) -> None:
        """Check box and size as a crop does."""
        if not math.isfinite(self.angle):
            raise ValueError(f"expected a finite angle in radians, got {self.angle}")
        crop = Crop(self.box, self.size)
        object.__setattr__(self, "box", crop.box)
        object.__setattr__(self, "size", crop.size)

    @property
    def scale(self) -> float:
        """Image pixels per crop pixel."""
        return self.box[2] / self.size

    def apply_image(self, image: np.ndarray) -> np.ndarray:
        """Cut the turned crop out of an image.

        Args:
            image: (H, W, 3), or (H, W), or up to four channels; uint8, uint16, float32 or float64.

        Returns:
            (size, size, 3), or (size, size), of the image's type.

        Raises:
            ImageError: The array is no image, or the box lies wholly outside it.
        """
        straight = self._around()
        (step, left), (_, top) = straight.axes
        turn = self._turn * (step / self.scale)
        shift = self._turn @ (np.array([left, top]) - self._middle) / self.scale
        matrix = np.column_stack([turn, shift + (self.size - 1) / 2])
        crop = cv2.warpAffine(
            straight.apply_image(image),
            matrix,
            (self.size, self.size),
            flags=cv2.INTER_LINEAR,
            borderValue=[self.value] * 4,
        )
        return crop.reshape(self.size, self.size, *image.shape[2:])

    def apply_points(self, xy: np.ndarray) -> np.ndarray:
        """Bring points (..., 2) from the image to the crop; NaN stays NaN.

        Raises:
            ValueError: The shape is not (..., 2).
        """
        away = check_points(xy) - self._middle
        return away @ self._turn.T / self.scale + (self.size - 1) / 2

    def invert_points(self, xy: np.ndarray) -> np.ndarray:
        """Bring points (..., 2) from the crop back to the image; NaN stays NaN.

        Raises:
            ValueError: The shape is not (..., 2).
        """
        away = (check_points(xy) - (self.size - 1) / 2) * self.scale
        return away @ self._turn + self._middle

    def invert_heatmaps(self, maps: np.ndarray, *, window: tuple[int, int, int, int]) -> np.ndarray:
        """Bring heatmaps of the crop back to the image's pixels, linearly.

        Args:
            maps: (h, w, C) over the whole crop, of any resolution; finite.
            window: (x, y, width, height) of the image pixels that are wanted.

        Returns:
            (height, width, C) float32. Outside the crop all maps are 0.

        Raises:
            ValueError: The maps are not (h, w, C).
        """
        maps = check_maps(maps)
        x, y, width, height = window
        rows, columns = maps.shape[:2]
        across, down = np.meshgrid(np.arange(x, x + width), np.arange(y, y + height))
        places = self.apply_points(np.stack([across, down], axis=-1))
        inside = ((places >= -0.5) & (places <= self.size - 0.5)).all(axis=-1)
        cells = (places + 0.5) * (columns / self.size, rows / self.size) - 0.5
        cells = np.clip(cells, 0, (columns - 1, rows - 1)).astype(np.float32)
        looked_up = [
            cv2.remap(np.ascontiguousarray(plane), cells, None, cv2.INTER_LINEAR)
            for plane in np.moveaxis(maps, -1, 0)
        ]
        return np.stack(looked_up, axis=-1) * inside[..., None]

    def _around(self) -> Crop:
        """Give the straight crop to turn: of the image's own pixels, or shrunk with areas."""
        x, y, side, _ = square_box(self.box, math.sqrt(2))  # holds the box at any angle
        if self.scale <= _FINEST:
            whole = math.ceil(side) + 1
            return Crop((math.floor(x), math.floor(y), whole, whole), whole, value=self.value)
        fine = round(side / self.scale * _FINEST)
        return Crop((x, y, side, side), fine, value=self.value, antialias=True)

    @property
    def _middle(self) -> np.ndarray:
        """The box's middle (x, y) in the image."""
        x, y, side, _ = self.box
        return np.array([x, y]) + (side - 1) / 2

    @property
    def _turn(self) -> np.ndarray:
        """The (2, 2) matrix that turns points about the middle."""
        sine, cosine = math.sin(self.angle), math.cos(self.angle)
        return np.array([[cosine, -sine], [sine, cosine]])
