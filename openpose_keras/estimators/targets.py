"""Which hands are asked for: the boxes and sides that a call was given, checked."""

from collections.abc import Iterable, Sequence
from typing import Literal

from openpose_keras.core.keypoints import SIDES, Side

Boxes = Literal["whole"] | Iterable[Sequence[float]] | None
Sides = Side | Sequence[Side | None] | None


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
