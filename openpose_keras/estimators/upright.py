"""The upright pass: a hand with its knuckles above its wrist, a face with its eyes above its mouth.

The keypoints of an earlier pass tell how the hand or the face is turned, and where it is. The box
is cut out of the image again, rotated, and goes through the network as an image of its own.
"""

import math
from collections.abc import Sequence

import numpy as np

from openpose_keras.core.boxes import Box, keypoint_extent, square_box
from openpose_keras.core.skeletons import HAND
from openpose_keras.estimators.recipes import ViewRecipe
from openpose_keras.geometry import Frame, RotatedCrop
from openpose_keras.networks.input_spec import InputSpec

_WRIST = [HAND.index("wrist")]
_KNUCKLES = [HAND.index(f"{finger}_mcp") for finger in ("index", "middle", "ring", "little")]


def upright_angle(
    xy: np.ndarray, *, top: Sequence[int] = _KNUCKLES, base: Sequence[int] = _WRIST
) -> float:
    """Return the angle that rotates a hand so that its knuckles lie straight above its wrist.

    Args:
        xy: (K, 2) keypoints, y downwards; NaN where missing.
        top: Other keypoints than the knuckles, whose middle shall lie on top.
        base: Other keypoints than the wrist, above whose middle it shall lie.

    Returns:
        Radians in (-2 pi, pi]: a point (x, y) rotated by it is (x cos - y sin, x sin + y cos). 0
        where all of `top` or all of `base` are missing, or where their middles coincide.

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
    """Return the angle that rotates a direction straight up, as `upright_angle` returns it.

    Example:
        >>> round(np.rad2deg(direction_angle(-2.0, 0.0)))
        -270
    """
    return -math.pi / 2 - math.atan2(y, x) if x or y else 0.0


def upright_box(xy: np.ndarray, angle: float, margin: float, shift: float) -> Box:
    """Return the box of an upright crop, drawn around the keypoints.

    Args:
        xy: (K, 2) keypoints, at least one of which is not missing.
        angle: Radians of the rotation; their extent is measured in the rotated frame.
        margin: Side of the box, in longer sides of the extent.
        shift: How far the box's middle lies above the extent's there, in heights of the extent.

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
        box: (x, y, width, height) in the image; it is drawn again where the spec has an
            `upright_margin`.
        xy: (K, 2) the keypoints, as an earlier pass found them.
        angle: Radians of the rotation that turns them upright.
        recipe: Says how far beyond the box its scales reach, and how fine they are.
        spec: How large the network's box is, and how it is drawn.

    Returns:
        A crop with about as many pixels as the finest of the views has.

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


def inner_box(size: int, recipe: ViewRecipe) -> Box:
    """Return the box in an upright crop of a size: its middle, without the margin."""
    return square_box((0.0, 0.0, float(size), float(size)), 1 / _margin(recipe))


def rotate_back(maps: np.ndarray, crop: RotatedCrop, target: Frame) -> np.ndarray:
    """Resample heatmaps of an upright crop to an axis-aligned frame of the image.

    Args:
        maps: (h, w, C) over the whole crop.
        crop: Where they lie.
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
    """Return how many times the box the largest of the views is."""
    return max(1.0, *recipe.scales) if recipe.scaling == "box" else 1.0
