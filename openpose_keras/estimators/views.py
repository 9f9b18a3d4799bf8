"""Views: what a network is shown of a region of the image, each with its frame."""

import math
from dataclasses import dataclass

import numpy as np

from openpose_keras.core.boxes import Box, square_box
from openpose_keras.core.keypoints import Side
from openpose_keras.core.skeletons import Skeleton
from openpose_keras.engines.maps import Maps
from openpose_keras.estimators.recipes import ViewRecipe
from openpose_keras.geometry import Crop, Frame, RotatedCrop
from openpose_keras.networks.input_spec import InputSpec


@dataclass(frozen=True, eq=False)
class Region:
    """A part of the image that is taken for one hand, face or person.

    Args:
        box: (x, y, width, height) in pixels of the image.
        side: "left" or "right", or None where it is not known.
        peaks: (K, 3) x, y in pixels of the image and score, where an earlier pass found them.
        crop: Where the region is shown rotated: the crop that shows it.
    """

    box: Box
    side: Side | None = None
    peaks: np.ndarray | None = None
    crop: RotatedCrop | None = None


@dataclass(frozen=True, eq=False)
class View:
    """One input of a network, and where it lies.

    Args:
        image: (h, w, 3) uint8 RGB, padding included.
        frame: Of the input's pixels in the image, or in the region's rotated crop; padding not
            included.
    """

    image: np.ndarray
    frame: Frame


def make_views(
    image: np.ndarray, box: Box, recipe: ViewRecipe, spec: InputSpec, *, mirrored: bool = False
) -> list[list[View]]:
    """Return everything that a network is shown of one box.

    Args:
        image: (H, W, 3) uint8 RGB.
        box: (x, y, width, height) around the hand; the square about its centre is shown.
        recipe: How the views are made.
        spec: What the network wants.
        mirrored: Whether to show the image flipped left-right.

    Returns:
        One list of views per scale of the recipe: one view, or two (as it is and flipped) with
        `recipe.flip_average` and a network that knows both sides.

    Raises:
        ImageError: The box lies outside the image.

    Example:
        >>> image = np.zeros((100, 100, 3), np.uint8)
        >>> [[view]] = make_views(image, (10, 10, 50, 50), ViewRecipe(), InputSpec())
        >>> view.image.shape, view.frame.box
        ((368, 368, 3), (10.0, 10.0, 50.0, 50.0))
    """
    both = recipe.flip_average and spec.sides == "both"
    flips = (mirrored, not mirrored) if both else (mirrored,)
    return [
        [_view(image, square_box(box), scale, recipe, spec, flip) for flip in flips]
        for scale in recipe.scales
    ]


def exchange_sides(maps: Maps, skeleton: Skeleton) -> Maps:
    """Return the maps of a mirrored view with left and right keypoints in each other's place.

    Args:
        maps: Of one view: `keypoints` (h, w, K + 1) and `points` (K, 2 or 3), where there are any.
        skeleton: Tells the pairs. A hand has none, since a mirrored hand is the other hand.

    Example:
        >>> from openpose_keras.core.skeletons import FACE
        >>> eyes = [FACE.index("right_pupil"), FACE.index("left_pupil")]
        >>> maps = exchange_sides({"points": np.arange(140).reshape(70, 2)}, FACE)
        >>> eyes, maps["points"][eyes, 0].tolist()
        ([68, 69], [138, 136])
    """
    if not skeleton.mirror_pairs:
        return maps
    order = list(skeleton.mirror_indices)
    exchanged = dict(maps)
    if "keypoints" in maps:
        exchanged["keypoints"] = maps["keypoints"][..., [*order, len(order)]]
    if "points" in maps:
        exchanged["points"] = maps["points"][order]
    return exchanged


def _view(
    image: np.ndarray, box: Box, scale: float, recipe: ViewRecipe, spec: InputSpec, flip: bool
) -> View:
    """Crop a square box at one scale."""
    size = spec.box_size
    if recipe.scaling == "box":
        box = _scale_box(box, scale, recipe)
    else:
        unit = math.lcm(spec.stride, spec.multiple)
        size = max(round(size * scale / unit), 1) * unit
    half_pixel = recipe.convention == "half_pixel"
    crop = Crop(box, size, mirror=flip, half_pixel=half_pixel, antialias=recipe.antialias)
    return View(crop.apply_image(image), Frame(crop.output_size, *crop.axes))


def _scale_box(box: Box, scale: float, recipe: ViewRecipe) -> Box:
    """Scale a box about its centre; OpenPose rounds the side to an even number of pixels."""
    if recipe.convention == "half_pixel" or len(recipe.scales) == 1:
        return square_box(box, scale)
    side = max(math.floor(box[2] * scale + 0.5) // 2 * 2, 2)
    return square_box(box, side / box[2])
