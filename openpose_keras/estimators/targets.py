"""Which hands are asked for: the boxes and sides that a call was given, checked."""

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np

from openpose_keras.core.boxes import Box, check_box
from openpose_keras.core.keypoints import SIDES, Side

Boxes = Literal["whole"] | Iterable[Sequence[float]] | None
Sides = Side | Sequence[Side | None] | None


def whole_box(image: np.ndarray) -> Box:
    """Give the box of a whole image (H, W, 3).

    Example:
        >>> whole_box(np.zeros((20, 30, 3)))
        (0.0, 0.0, 30.0, 20.0)
    """
    return 0.0, 0.0, float(image.shape[1]), float(image.shape[0])


def check_boxes(boxes: Iterable[Sequence[float]]) -> list[Box]:
    """Give boxes as four floats each; of three numbers the last is width and height.

    Args:
        boxes: (x, y, width, height) or (x, y, width) for each hand.

    Returns:
        A list of boxes.

    Raises:
        ValueError: A box is none.

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


def check_sides(sides: Sides, count: int) -> list[Side | None]:
    """Give one side, or None, per box.

    Args:
        sides: "left", "right" or None for all, or one of them for each.
        count: Number of boxes.

    Returns:
        As many sides.

    Raises:
        ValueError: A side is none of these, or their number is another one.

    Example:
        >>> check_sides("left", 2)
        ['left', 'left']
    """
    every = [sides] * count if sides is None or isinstance(sides, str) else list(sides)
    for side in every:
        if side is not None and side not in SIDES:
            raise ValueError(f"a side is 'left', 'right' or None, got {side!r}")
    if len(every) != count:
        raise ValueError(f"expected one side per box, got {len(every)} for {count} boxes")
    return every
