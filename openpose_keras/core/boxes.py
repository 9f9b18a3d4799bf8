"""Boxes: (x, y, width, height) in pixels, checked, squared and compared.

Convention: an integer is the centre of a pixel, and pixel i extends over [i - 0.5, i + 0.5]. The
box (x, y, w, h) thus contains the pixels x .. x + w - 1, and its centre is (x + (w - 1) / 2,
y + (h - 1) / 2). A box may reach outside the image.
"""

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from openpose_keras.core.arrays import FloatArray, check_points

Box = tuple[float, float, float, float]
BoxLike = Sequence[float] | np.ndarray

BOX_MARGIN = 1.6  # side of a hand's box, relative to the longer side of its keypoints' extent


def check_box(box: BoxLike) -> Box:
    """Return a box as four floats.

    Args:
        box: (x, y, width, height) in pixels.

    Raises:
        ValueError: The box is not four finite numbers of which width and height are positive.

    Example:
        >>> check_box([1, 2, 30, 40])
        (1.0, 2.0, 30.0, 40.0)
    """
    try:
        numbers = tuple(float(number) for number in box)
    except (TypeError, ValueError):
        numbers = ()
    if len(numbers) != 4 or not all(map(math.isfinite, numbers)) or min(numbers[2:]) <= 0:
        raise ValueError(
            "a box is four finite numbers (x, y, width, height) in pixels, width and height above "
            f"0, of two corners (x1, y1, x2 - x1, y2 - y1); not {box!r}"
        )
    return numbers


def check_boxes(boxes: Iterable[BoxLike]) -> list[Box]:
    """Return boxes as four floats each; the last of three numbers is both width and height.

    Args:
        boxes: (x, y, width, height) or (x, y, width) of each hand. Two corners, as many detectors
            return them, look the same: convert them to (x1, y1, x2 - x1, y2 - y1).

    Raises:
        ValueError: A box is not valid.

    Example:
        >>> check_boxes([(1, 2, 30)])
        [(1.0, 2.0, 30.0, 30.0)]
    """
    if isinstance(boxes, str):
        raise ValueError(f'boxes are numbers, "whole" or None, got {boxes!r}')
    boxes = list(boxes)
    if boxes and all(np.ndim(box) == 0 for box in boxes):
        raise ValueError(f"boxes are a list of boxes, got one: write [{tuple(boxes)}]")
    return [check_box([*box, box[2]] if np.size(box) == 3 else box) for box in boxes]


def boxes_of_corners(corners: Iterable[BoxLike]) -> list[Box]:
    """Convert boxes from two corners, as many detectors return them, to (x, y, width, height).

    Args:
        corners: (x1, y1, x2, y2) in pixels of each; a detector's array (n, 4) or tensor will do.

    Raises:
        ValueError: A box is not two corners, the upper left one first.

    Example:
        >>> boxes_of_corners([(10, 20, 40, 60)])
        [(10.0, 20.0, 30.0, 40.0)]
    """
    boxes = []
    for each in corners:
        numbers = [float(number) for number in each]
        if len(numbers) != 4 or numbers[2] <= numbers[0] or numbers[3] <= numbers[1]:
            raise ValueError(f"expected corners (x1, y1, x2, y2), x1 < x2 and y1 < y2, got {each}")
        x, y, right, low = numbers
        boxes.append(check_box((x, y, right - x, low - y)))
    return boxes


def whole_box(image: np.ndarray) -> Box:
    """Return the box of a whole image (H, W, 3).

    Example:
        >>> whole_box(np.zeros((20, 30, 3)))
        (0.0, 0.0, 30.0, 20.0)
    """
    return 0.0, 0.0, float(image.shape[1]), float(image.shape[0])


def box_centre(box: BoxLike) -> tuple[float, float]:
    """Return the centre (x, y) of a box, an integer being the centre of a pixel.

    Example:
        >>> box_centre((10, 20, 3, 5))
        (11.0, 22.0)
    """
    x, y, width, height = box
    return x + (width - 1) / 2, y + (height - 1) / 2


def square_box(box: BoxLike, factor: float = 1.0) -> Box:
    """Return the square box about the same centre whose side is the longer side times a factor.

    Args:
        box: (x, y, width, height) in pixels.
        factor: Greater than 0; 1.6 leaves a margin of 30 % of the side all around.

    Raises:
        ValueError: The box or the factor is not finite and positive.

    Example:
        >>> square_box((10, 20, 30, 40), 1.5)
        (-5.0, 10.0, 60.0, 60.0)
    """
    x, y, width, height = check_box(box)
    side = max(width, height) * _check_factor(factor)
    return x + (width - side) / 2, y + (height - side) / 2, side, side


def keypoint_extent(xy: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return the centre and the size of the bounding box of keypoints.

    Args:
        xy: (..., 2) pixels (x, y); a keypoint is missing, and ignored, if one of the two is not
            finite.

    Returns:
        The centre (x, y) and the size (width, height), from the least to the greatest coordinate:
        two arrays of shape (2,), float32 if `xy` is float32, else float64. The size of a single
        keypoint is 0. Without any keypoint, the centre is NaN and the size 0.

    Raises:
        ValueError: The shape is not (..., 2).

    Example:
        >>> middle, size = keypoint_extent([[10, 20], [30, 25], [np.nan, np.nan]])
        >>> middle.tolist(), size.tolist()
        ([20.0, 22.5], [20.0, 5.0])
    """
    points = check_points(xy)
    points = points[np.isfinite(points).all(axis=-1)]
    if not len(points):
        return np.full(2, np.nan, points.dtype), np.zeros(2, points.dtype)
    low, high = points.min(axis=0), points.max(axis=0)
    return (low + high) / 2, high - low


def box_from_points(xy: ArrayLike, factor: float = BOX_MARGIN) -> Box:
    """Return the square box around the points that are not missing.

    Args:
        xy: (..., 2) pixels; NaN where missing.
        factor: The side, as a multiple of the longer side of the points' own extent, which is taken
            to be at least one pixel.

    Raises:
        ValueError: The shape is not (..., 2), no point is finite, or the factor is not positive.

    Example:
        >>> box_from_points([[10, 10], [30, 20]], factor=2)
        (0.5, -4.5, 40.0, 40.0)
    """
    middle, size = keypoint_extent(np.asarray(xy, dtype=np.float64))
    if np.isnan(middle).any():
        raise ValueError("a box around points needs at least one point that is not NaN")
    side = float(max(*size, 1.0)) * _check_factor(factor)
    x, y = middle - (side - 1) / 2
    return float(x), float(y), side, side


def box_iou(box: BoxLike, other: BoxLike) -> float:
    """Return the intersection over union of two boxes.

    Args:
        box: (x, y, width, height) in pixels.
        other: Another box.

    Returns:
        0 if they do not overlap, 1 if they are equal.

    Raises:
        ValueError: A box is not finite and positive.

    Example:
        >>> box_iou((0, 0, 10, 10), (5, 0, 10, 10))
        0.3333333333333333
    """
    shared, areas = _areas(box, other)
    return shared / (sum(areas) - shared)


def box_cover(box: BoxLike, other: BoxLike) -> float:
    """Return the intersection of two boxes divided by the area of the smaller one.

    Args:
        box: (x, y, width, height) in pixels.
        other: Another box.

    Returns:
        0 if they do not overlap, 1 if one lies inside the other.

    Raises:
        ValueError: A box is not finite and positive.

    Example:
        >>> box_cover((0, 0, 10, 10), (2, 2, 4, 4))
        1.0
    """
    shared, areas = _areas(box, other)
    return shared / min(areas)


def _areas(box: BoxLike, other: BoxLike) -> tuple[float, tuple[float, float]]:
    """Return the area that two boxes share, and the area of each."""
    x, y, width, height = check_box(box)
    other_x, other_y, other_width, other_height = check_box(other)
    shared_width = min(x + width, other_x + other_width) - max(x, other_x)
    shared_height = min(y + height, other_y + other_height) - max(y, other_y)
    shared = max(shared_width, 0.0) * max(shared_height, 0.0)
    return shared, (width * height, other_width * other_height)


def _check_factor(factor: float) -> float:
    """Return the factor, or raise ValueError if it is not finite and positive."""
    if not (math.isfinite(factor) and factor > 0):
        raise ValueError(f"a factor is a finite number greater than 0, not {factor!r}")
    return float(factor)
