"""How a network wants to be fed: the facts that a preset states, as data."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class InputSpec:
    """How a network wants its input, and how its output lies upon it.

    Args:
        box_size: Side in pixels that a crop is brought to; scale 1 of a whole image.
        stride: Input pixels per heatmap cell; cell g lies at input pixel
            stride * g + (stride - 1) / 2.
        multiple: Height and width of an input must be multiples of it; 1 if any size will do.
        channel_order: "rgb" or "bgr": what the weights were trained with, or converted to.
        sides: "right": the network knows right hands only, so a left hand is shown mirrored.
            "both": it knows left and right hands as they are.
        upright: Whether it is at its best where the knuckles lie above the wrist, so that a second
            look at a hand, turned that way, pays.

    Raises:
        ValueError: A value is not one of these.

    Example:
        >>> InputSpec(box_size=256, stride=4, multiple=32, sides="both").box_size
        256
    """

    box_size: int = 368
    stride: int = 8
    multiple: int = 1
    channel_order: Literal["rgb", "bgr"] = "rgb"
    sides: Literal["right", "both"] = "right"
    upright: bool = False

    def __post_init__(self) -> None:
        """Check the fields."""
        for name in ("box_size", "stride", "multiple"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} is a whole number of at least 1, got {value!r}")
        if self.channel_order not in ("rgb", "bgr"):
            raise ValueError(f"channel_order is 'rgb' or 'bgr', got {self.channel_order!r}")
        if self.sides not in ("right", "both"):
            raise ValueError(f"sides is 'right' or 'both', got {self.sides!r}")
        if not isinstance(self.upright, bool):
            raise ValueError(f"upright is True or False, got {self.upright!r}")
        if self.box_size % self.multiple or self.box_size % self.stride:
            raise ValueError(
                f"box_size must be a multiple of the stride {self.stride} and of the multiple "
                f"{self.multiple}, got {self.box_size}"
            )
