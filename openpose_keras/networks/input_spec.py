"""The input that a network expects, as data of a preset."""

from dataclasses import dataclass
from typing import Literal, get_args

from openpose_keras.core.checks import check_whole
from openpose_keras.io.weight_record import ChannelOrder

KnownSides = Literal["right", "both"]


@dataclass(frozen=True, kw_only=True)
class InputSpec:
    """The input that a network expects, and how its output is aligned with it.

    Args:
        box_size: Side in pixels that a crop is resized to; height of a whole image at scale 1.
        stride: Input pixels per heatmap cell; the centre of cell g is input pixel
            stride * g + (stride - 1) / 2.
        multiple: Height and width of an input must be multiples of it; 1 if any size is valid.
        channel_order: "rgb" or "bgr": what the weights were trained with, or converted to.
        sides: "right": the network knows right hands only, so that left hands are mirrored. "both":
            it knows left and right, and therefore also the mirror image, which a recipe may use.
            None: it is for bodies, or for faces that are not mirrored.
        upright: Whether the network is more accurate if the knuckles lie above the wrist, or the
            eyes above the mouth, so that a second pass, rotated upright, is worth its time.
        upright_margin: Side of the box of that pass, relative to the longer side of the keypoints'
            extent in the rotated frame; None: the box is unchanged.
        upright_shift: Distance of the centre of such a box above the extent's, in heights of the
            extent.

    Raises:
        ValueError: A value is not one of these.

    Example:
        >>> InputSpec(box_size=256, stride=4, multiple=32, sides="both").box_size
        256
    """

    box_size: int = 368
    stride: int = 8
    multiple: int = 1
    channel_order: ChannelOrder = "rgb"
    sides: KnownSides | None = "right"
    upright: bool = False
    upright_margin: float | None = None
    upright_shift: float = 0.0

    def __post_init__(self) -> None:
        """Check the fields."""
        for name in ("box_size", "stride", "multiple"):
            check_whole(getattr(self, name), name)
        choices = {"channel_order": get_args(ChannelOrder), "sides": (*get_args(KnownSides), None)}
        for name, known in {**choices, "upright": (True, False)}.items():
            if getattr(self, name) not in known:
                raise ValueError(f"expected {name} among {known}, got {getattr(self, name)!r}")
        if self.box_size % self.multiple or self.box_size % self.stride:
            raise ValueError(
                f"box_size must be a multiple of the stride {self.stride} and of the multiple "
                f"{self.multiple}, got {self.box_size}"
            )
