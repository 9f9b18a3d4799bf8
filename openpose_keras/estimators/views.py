"""Views: the network inputs of a region of the image, each with its frame.

In an upright pass, the keypoints of an earlier pass give the position and rotation of a hand or a
face. The region is cropped from the image again, rotated, and used as an image of its own.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from openpose_keras.core.boxes import Box, box_centre, keypoint_extent, square_box
from openpose_keras.core.keypoints import Side
from openpose_keras.core.skeletons import HAND, Skeleton
from openpose_keras.engines.maps import Maps
from openpose_keras.estimators.recipes import ViewRecipe
from openpose_keras.geometry import Crop, Frame, RotatedCrop
from openpose_keras.networks.input_spec import InputSpec

_WRIST = [HAND.index("wrist")]
_KNUCKLES = [HAND.index(f"{finger}_mcp") for finger in ("index", "middle", "ring", "little")]
_TURN, _GROWTH, _AWAY = math.radians(20), 0.2, 0.15  # limits within which crops are nearly the same


@dataclass(frozen=True, eq=False)
class View:
    """One input of a network, and its frame.

    Args:
        image: (h, w, 3) uint8 RGB, padding included.
        frame: Frame of the input's pixels, without padding, in the image or in the region's rotated
            crop.
    """

    image: np.ndarray
    frame: Frame


@dataclass(frozen=True, eq=False)
class Region:
    """A part of the image that contains one hand, face or person.

    Args:
        box: (x, y, width, height) in pixels of the image.
        side: "left" or "right", or None where it is not known.
        peaks: (K, 3) x, y in pixels of the image and score, where an earlier pass found them.
        crop: The rotated crop of the region, if it is shown rotated.
        seen: The network's output for the views of an earlier pass, which need not be computed
            again.
    """

    box: Box
    side: Side | None = None
    peaks: np.ndarray | None = None
    crop: RotatedCrop | None = None
    seen: Mapping[View, Maps] = field(default_factory=dict)


def make_views(
    image: np.ndarray, box: Box, recipe: ViewRecipe, spec: InputSpec, *, mirrored: bool = False
) -> list[list[View]]:
    """Return all network inputs of one box.

    Args:
        image: (H, W, 3) uint8 RGB.
        box: (x, y, width, height) around the hand; the square about its centre is cropped.
        recipe: How the views are made.
        spec: The input that the network expects.
        mirrored: Whether to show the image flipped left-right.

    Returns:
        One list of views per scale of the recipe: one view, or two, the second one flipped, with
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
    """Return the maps of a mirrored view with left and right keypoints exchanged.

    Part affinity fields are exchanged as their limbs are, and the sign of their x component is
    changed. The cells are not mirrored.

    Args:
        maps: The maps of one view: `keypoints` (h, w, K + 1), `affinity` (h, w, 2 L) and `points`
            (K, 2 or 3), where there are any.
        skeleton: Defines the pairs. A hand has none, since a mirrored hand is the other hand.

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
    if "affinity" in maps:
        signs = np.tile(np.array([-1, 1], np.float32), len(skeleton.limbs))  # of a field's x and y
        exchanged["affinity"] = signs * maps["affinity"][..., list(skeleton.mirror_fields)]
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


def upright_angle(
    xy: np.ndarray, *, top: Sequence[int] = _KNUCKLES, base: Sequence[int] = _WRIST
) -> float:
    """Return the angle that rotates a hand so that its knuckles lie straight above its wrist.

    Args:
        xy: (K, 2) keypoints, y downwards; NaN where missing.
        top: Indices of the keypoints whose centre is to lie above; by default the knuckles.
        base: Indices of the keypoints whose centre is to lie below; by default the wrist.

    Returns:
        Radians in (-2 pi, pi]: a point (x, y) rotated by it is (x cos - y sin, x sin + y cos). 0
        where all of `top` or all of `base` are missing, or where their centres coincide.

    Example:
        >>> points = np.zeros((21, 2))
        >>> points[5:] = 30.0, 0.0  # it points to the right
        >>> round(np.rad2deg(upright_angle(points)))
        -90
    """
    found = [xy[list(part)] for part in (top, base)]
    known = [part[np.isfinite(part).all(axis=1)] for part in found]
    if not all(len(part) for part in known):
        return 0.0
    return direction_angle(*(known[0].mean(axis=0) - known[1].mean(axis=0)))


def direction_angle(x: float, y: float) -> float:
    """Return the angle that rotates a direction straight up, in the range of `upright_angle`.

    Example:
        >>> round(np.rad2deg(direction_angle(-2.0, 0.0)))
        -270
    """
    return -math.pi / 2 - math.atan2(y, x) if x or y else 0.0


def upright_box(xy: np.ndarray, angle: float, margin: float, shift: float) -> Box:
    """Return the box of an upright crop, drawn around the keypoints.

    Args:
        xy: (K, 2) keypoints, at least one of which is not missing.
        angle: Rotation in radians. The keypoints' extent is measured in the rotated frame.
        margin: Side of the box, relative to the longer side of the extent.
        shift: Distance of the box's centre above the extent's in the rotated frame, in heights of
            the extent.

    Returns:
        (x, y, width, height) before the rotation, square.

    Example:
        >>> upright_box(np.array([[0.0, 0.0], [0.0, -40.0]]), 0.0, 2.0, 0.1)
        (-39.5, -63.5, 80.0, 80.0)
    """
    sine, cosine = math.sin(angle), math.cos(angle)
    rotation = np.array([[cosine, -sine], [sine, cosine]])
    middle, size = keypoint_extent(xy @ rotation.T)
    side = margin * max(float(size.max()), 1.0)
    x, y = (middle - (0, shift * size[1])) @ rotation - (side - 1) / 2
    return float(x), float(y), side, side


def upright_crop(
    box: Box, xy: np.ndarray, angle: float, recipe: ViewRecipe, spec: InputSpec
) -> RotatedCrop:
    """Return the part of the image that the upright pass needs.

    Args:
        box: (x, y, width, height) in the image; it is redrawn if the spec has an
            `upright_margin`.
        xy: (K, 2) keypoints from an earlier pass.
        angle: Angle in radians that rotates them upright.
        recipe: Determines how far the scales reach beyond the box, and how fine they are.
        spec: Determines the size of the network's box, and how it is drawn.

    Returns:
        A crop with about as many pixels as the finest view.

    Example:
        >>> recipe, spec = ViewRecipe(scales=(0.5, 1.0, 2.0)), InputSpec(box_size=80)
        >>> upright_crop((0, 0, 50, 50), np.zeros((21, 2)), 0.0, recipe, spec).size
        320
    """
    margin = _margin(recipe)
    density = max(recipe.scales) if recipe.scaling == "input" else 1 / min(recipe.scales)
    size = round(spec.box_size * margin * density)
    if spec.upright_margin and np.isfinite(xy).all(axis=-1).any():
        box = upright_box(xy, angle, spec.upright_margin, spec.upright_shift)
    return RotatedCrop(square_box(box, margin), size, angle)


def nearly_same(crop: RotatedCrop, other: RotatedCrop) -> bool:
    """Return whether two crops of a hand are so similar that the network need not see both.

    They are if they differ by at most 20 degrees, a fifth of the size, and 0.15 of the side in
    position. This is less than the variation among crops that are drawn from estimated keypoints.

    Example:
        >>> crop = RotatedCrop((10.0, 10.0, 50.0, 50.0), 224, 0.0)
        >>> nearly_same(crop, RotatedCrop((12.0, 9.0, 50.0, 50.0), 224, 0.3))
        True
        >>> nearly_same(crop, RotatedCrop((10.0, 10.0, 50.0, 50.0), 224, 0.5))
        False
    """
    turn = math.remainder(crop.angle - other.angle, 2 * math.pi)
    growth = math.log(crop.box[2] / other.box[2])
    away = math.dist(box_centre(crop.box), box_centre(other.box)) / crop.box[2]
    return abs(turn) <= _TURN and abs(growth) <= _GROWTH and away <= _AWAY


def inner_box(size: int, recipe: ViewRecipe) -> Box:
    """Return the central box of an upright crop of a given size, without the margin."""
    return square_box((0.0, 0.0, float(size), float(size)), 1 / _margin(recipe))


def rotate_back(maps: np.ndarray, crop: RotatedCrop, target: Frame) -> np.ndarray:
    """Resample heatmaps of an upright crop to an axis-aligned frame of the image.

    Args:
        maps: (h, w, C) over the whole crop.
        crop: The crop that the maps cover.
        target: A frame in the image with one step along both axes.

    Returns:
        (H, W, C) float32 of the target's size; 0 outside the crop.
    """
    (step, left), (_, top) = target.axes
    x, y, side, _ = crop.box
    box = ((x - 0.5 - left) / step + 0.5, (y - 0.5 - top) / step + 0.5, side / step, side / step)
    height, width = target.output_size
    rotated = RotatedCrop(box, crop.size, crop.angle)
    return rotated.invert_heatmaps(maps, window=(0, 0, width, height))


def _margin(recipe: ViewRecipe) -> float:
    """Return the size of the largest view, as a multiple of the box."""
    return max(1.0, *recipe.scales) if recipe.scaling == "box" else 1.0
