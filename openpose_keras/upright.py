"""The second look: a hand turned so that its knuckles lie above its wrist.

A first look says where wrist and knuckles are. The box is then cut out again, turned by what they
say, and this picture goes the whole way anew, as an image of its own.
"""

from dataclasses import replace

from openpose_keras.boxes import Box, square_box
from openpose_keras.geometry import TurnedCrop
from openpose_keras.keypoints import Hand, upright_angle
from openpose_keras.recipes import InputSpec, Recipe


def turned_crop(hand: Hand, recipe: Recipe, spec: InputSpec) -> TurnedCrop:
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
    return TurnedCrop(square_box(hand.box, margin), size, upright_angle(hand.xy))


def inner_box(picture_size: int, recipe: Recipe) -> Box:
    """Give the hand's box in the picture of a `turned_crop`: its middle, less the margin."""
    whole = 0.0, 0.0, float(picture_size), float(picture_size)
    return square_box(whole, 1 / _margin(recipe))


def turn_back(hand: Hand, crop: TurnedCrop, first: Hand) -> Hand:
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
