"""The second look: a hand turned so that its knuckles lie above its wrist.

A first look says where wrist and knuckles are. The box is then cut out again, turned by what they
say, and this picture goes the whole way anew, as an image of its own.
"""

import math
from dataclasses import replace

import numpy as np

from openpose_keras.core.boxes import Box, square_box
from openpose_keras.core.keypoints import Hand
from openpose_keras.core.skeletons import HAND
from openpose_keras.estimators.recipes import InputSpec, Recipe
from openpose_keras.geometry import RotatedCrop

_KNUCKLES = [HAND.index(f"{finger}_mcp") for finger in ("index", "middle", "ring", "little")]


def turned_crop(hand: Hand, recipe: Recipe, spec: InputSpec) -> RotatedCrop:
    """Give the part of the image that a second look needs, upright.

    Args:
        hand: As the first look found it, with its box.
        recipe: Says how far beyond the box its scales reach, and how fine they are.
        spec: How large the network's box is.

    Returns:
        A crop with about as many pixels as the finest of the network's inputs has.

    Example:
        >>> import numpy as np
        >>> hand = Hand(np.zeros((21, 2)), np.ones(21), box=(0, 0, 50, 50))
        >>> turned_crop(hand, Recipe(scales=(0.5, 1.0, 2.0)), InputSpec(box_size=80)).size
        320
    """
    margin = _margin(recipe)
    density = max(recipe.scales) if recipe.scaling == "input" else 1 / min(recipe.scales)
    size = round(spec.box_size * margin * density)
    return RotatedCrop(square_box(hand.box, margin), size, upright_angle(hand.xy))


def inner_box(picture_size: int, recipe: Recipe) -> Box:
    """Give the hand's box in the picture of a `turned_crop`: its middle, less the margin."""
    whole = 0.0, 0.0, float(picture_size), float(picture_size)
    return square_box(whole, 1 / _margin(recipe))


def turn_back(hand: Hand, crop: RotatedCrop, first: Hand) -> Hand:
    """Bring what a second look found back to the image.

    Args:
        hand: In the frame of the crop's picture.
        crop: What the second look was shown.
        first: What the first look found: its box and its side stay.

    Returns:
        The hand in the frame of the image.
    """
    return replace(first, xy=crop.invert_points(hand.xy), scores=hand.scores)


def _margin(recipe: Recipe) -> float:
    """Give how many times the box the largest of the views is."""
    return max(1.0, *recipe.scales) if recipe.scaling == "box" else 1.0


def upright_angle(xy: np.ndarray) -> float:
    """Give the angle that turns a hand so that its knuckles lie straight above its wrist.

    Args:
        xy: (21, 2) keypoints, y downwards; NaN where missing.

    Returns:
        Radians in (-2 pi, pi]: a point (x, y) turned by it is (x cos - y sin, x sin + y cos). 0
        where the wrist or all of the four knuckles are missing, or where they coincide.

    Example:
        >>> points = np.zeros((21, 2))
        >>> points[5:] = 30.0, 0.0  # it points to the right
        >>> round(np.rad2deg(upright_angle(points)))
        -90
    """
    knuckles = xy[_KNUCKLES]
    known = knuckles[np.isfinite(knuckles).all(axis=1)]
    if not len(known) or not np.isfinite(xy[0]).all():
        return 0.0
    x, y = known.mean(axis=0) - xy[0]
    return -math.pi / 2 - math.atan2(y, x) if x or y else 0.0
