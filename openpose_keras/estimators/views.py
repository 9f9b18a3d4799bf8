"""What a network is shown of an image, and where it lies: the way in, as a recipe has it.

A view is one input of the network: a picture and its frame. A hand needs one view per scale, or two
where the mirrored picture is shown as well. `readout` is the way back.
"""

import math
from dataclasses import dataclass

import numpy as np

from openpose_keras.core._opencv import cv2
from openpose_keras.core.boxes import Box, square_box
from openpose_keras.core.errors import ImageError
from openpose_keras.core.keypoints import Side
from openpose_keras.engines.keras import LARGEST_INPUT
from openpose_keras.estimators.recipes import InputSpec, Recipe
from openpose_keras.geometry import Crop, Frame, Pad
from openpose_keras.geometry.resampling import INTERPOLATIONS


@dataclass(frozen=True, eq=False)
class View:
    """One input of a network, and where it lies.

    Args:
        image: (h, w, 3) uint8 RGB, padding included.
        frame: Of the input's pixels, padding not included.
        region: Of the part of the image that was scaled, at the image's own resolution; None for a
            crop.
        padded: Whether maps go back in two steps, enlarge and cut, then scale (see
            `heatmaps.resize_from_network`).
    """

    image: np.ndarray
    frame: Frame
    region: Frame | None = None
    padded: bool = False


@dataclass(frozen=True, eq=False)
class Look:
    """One way to look at a hand: what the network is shown of it, taking it for a side.

    Args:
        box: (x, y, width, height), the part of the image that is looked at.
        side: "left" or "right" if it was given or is tried, else None.
        scales: One list of views per scale of the recipe.
    """

    box: Box
    side: Side | None
    scales: list[list[View]]

    @property
    def views(self) -> list[View]:
        """The views of all scales."""
        return [view for views in self.scales for view in views]


def make_views(
    image: np.ndarray, box: Box, recipe: Recipe, spec: InputSpec, *, mirrored: bool = False
) -> list[list[View]]:
    """Give everything that a network is shown of one hand.

    Args:
        image: (H, W, 3) uint8 RGB.
        box: (x, y, width, height) around the hand, from `region_box`.
        recipe: How.
        spec: What the network wants.
        mirrored: Whether to show the hand flipped left-right.

    Returns:
        One list of views per scale of the recipe: one view, or two (as it is and flipped) with
        `recipe.average_views` and a network that knows both sides.

    Raises:
        ImageError: The box lies outside the image, or the image is too narrow to be scaled.

    Example:
        >>> image = np.zeros((100, 100, 3), np.uint8)
        >>> [[view]] = make_views(image, (10, 10, 50, 50), Recipe(), InputSpec())
        >>> view.image.shape, view.frame.box
        ((368, 368, 3), (10.0, 10.0, 50.0, 50.0))
    """
    both = recipe.average_views and spec.sides == "both"
    flips = (mirrored, not mirrored) if both else (mirrored,)
    show = _crop_view if recipe.region == "crop" else _whole_view
    return [
        [show(image, box, scale, recipe, spec, flip) for flip in flips] for scale in recipe.scales
    ]


def region_box(image: np.ndarray, box: Box, recipe: Recipe) -> Box:
    """Give the box that a recipe really looks at.

    Args:
        image: (H, W, 3).
        box: (x, y, width, height) as asked for.
        recipe: Says "crop" or "whole".

    Returns:
        A crop: the square box about the same centre. Otherwise: the image's pixels in the box.

    Raises:
        ImageError: No pixel of the image lies in the box.

    Example:
        >>> region_box(np.zeros((100, 100, 3)), (80, 10, 40, 30), Recipe())
        (80.0, 5.0, 40.0, 40.0)
    """
    if recipe.region == "crop":
        return square_box(box)
    height, width = image.shape[:2]
    left, top = (max(math.floor(edge + 0.5), 0) for edge in box[:2])
    right = min(math.floor(box[0] + box[2] + 0.5), width)
    bottom = min(math.floor(box[1] + box[3] + 0.5), height)
    if right <= left or bottom <= top:
        raise ImageError(f"the box {box} holds no pixel of the image, {width} wide, {height} high")
    return float(left), float(top), float(right - left), float(bottom - top)


def _crop_view(
    image: np.ndarray, box: Box, scale: float, recipe: Recipe, spec: InputSpec, flip: bool
) -> View:
    """Show a square box."""
    size = spec.box_size
    if recipe.scaling == "box":
        box = _scale_box(box, scale, recipe)
    else:
        unit = math.lcm(spec.stride, spec.multiple)
        size = max(round(size * scale / unit), 1) * unit
    half_pixel = recipe.convention == "half_pixel"
    crop = Crop(box, size, mirror=flip, half_pixel=half_pixel, antialias=recipe.antialias)
    return View(crop.apply_image(image), Frame(crop.output_size, *crop.axes))


def _scale_box(box: Box, scale: float, recipe: Recipe) -> Box:
    """Let a box grow about its centre; OpenPose rounds the side to an even number of pixels."""
    if recipe.convention == "half_pixel" or len(recipe.scales) == 1:
        return square_box(box, scale)
    side = max(math.floor(box[2] * scale + 0.5) // 2 * 2, 2)
    return square_box(box, side / box[2])


def _whole_view(
    image: np.ndarray, box: Box, scale: float, recipe: Recipe, spec: InputSpec, flip: bool
) -> View:
    """Show the image, or the pixels in the box, scaled as they are and padded."""
    x, y, width, height = map(int, box)
    picture = image[y : y + height, x : x + width]
    x_axis = (1.0, float(x))
    if flip:
        picture, x_axis = np.ascontiguousarray(picture[:, ::-1]), (-1.0, float(x + width - 1))
    factor = scale * spec.box_size / (height if recipe.fit == "height" else width)
    size = round(width * factor), round(height * factor)
    if min(size) < 1 or size[0] * size[1] > LARGEST_INPUT:
        raise ImageError(
            f"{width} x {height} pixels are too narrow: scaled by {factor:.3g} they would be "
            f"{size[0]} x {size[1]}; give a box, or take a recipe of crops"
        )
    # The factor itself and not the rounded size is the scale, as in the systems that we follow.
    picture = cv2.resize(
        picture, None, fx=factor, fy=factor, interpolation=INTERPOLATIONS[recipe.resize]
    )
    used = picture.shape[:2]
    unit = math.lcm(spec.stride, spec.multiple) if recipe.pad else spec.multiple
    picture = Pad(used, unit).apply_image(picture)
    inset = (1 / factor - 1) / 2
    axes = ((step / factor, start + step * inset) for step, start in (x_axis, (1.0, float(y))))
    region = Frame((height, width), x_axis, (1.0, float(y)))
    padded = recipe.pad or picture.shape[:2] != used
    return View(picture, Frame(used, *axes), region, padded)
