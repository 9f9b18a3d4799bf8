"""Recipes: how to get from an image to the keypoints of a hand, as data.

A `Recipe` says what happens to the image and to the heatmaps; an `InputSpec` says how a network
wants to be fed. Neither does anything: `estimator.HandEstimator` follows them. A recipe of your own
is a variation of one that has a name:

    >>> from dataclasses import replace
    >>> mine = replace(RECIPES["refined"], name="mine", scales=(0.8, 1.0, 1.25))

The four recipes by name, and whose way each is:

- `openpose`: CMU-Perceptual-Computing-Lab/openpose, src/openpose/hand/handExtractorCaffe.cpp and
  src/openpose/net/maximumBase.cpp.
- `pytorch_openpose`: Hzzone/pytorch-openpose, src/hand.py.
- `seed`: the notebook of mmittek/openpose-keras; of several maxima we take the strongest, where
  the notebook takes the first.
- `refined`: ours, and the default. The crop and the mirrored left hand are OpenPose's; the mean is
  taken over scales, as in pytorch-openpose (one unless you name more), and, where the network knows
  both sides, over the picture and its mirror image; where it pays, a second look shows the hand
  upright, as MediaPipe's hand tracker does; the peak is found to a fraction of a cell.
"""

import math
from dataclasses import dataclass, fields
from typing import Literal, get_args, get_origin

from openpose_keras.networks.input_spec import InputSpec

__all__ = ["RECIPES", "InputSpec", "Recipe", "get_recipe", "scale_range"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What happens on the way from an image to the keypoints of one hand. Pure data.

    Args:
        name: For people; nothing depends on it.
        region: "crop": a square box is brought to the network's `box_size`. "whole": the image, or
            the part of it in the box, is scaled as it is.
        scales: Factors, each gives one pass. See `scaling`.
        scaling: What the factors multiply. "box": the side of the box, about its centre; all
            inputs have the same size. "input": the size of the input, the region stays. A whole
            region is always scaled by "input".
        convention: Of a crop. "half_pixel": the box's edge is the edge of the input's first pixel.
            "openpose": the box's x and y are the centre of it, (s - 1) / 2 image pixels off the
            other at s image pixels per input pixel; of several scales each box has an even side.
        antialias: Whether a crop that shrinks averages the pixels that it covers.
        fit: Of a whole region: the side that becomes `box_size` times the scale.
        resize: Of a whole region: "linear" or "cubic", without a filter against aliasing.
        pad: Of a whole region: whether to pad right and below with grey to a multiple of the
            stride. Without it only the network's `multiple` counts.
        mirror: Whether a left hand is shown mirrored to a network that knows right hands only.
        average_views: Whether a network that knows both sides sees also the mirrored picture, and
            the two answers are averaged.
        look_again: Of a crop, and where the network's `InputSpec` says that it pays: whether the
            hand is looked at a second time, turned so that the knuckles that the first look found
            lie above the wrist. The keypoints are the second look's.
        channel_order: "trained": as the network's `InputSpec` says. "swapped": red and blue
            exchanged, as the toy's notebook had it.
        frame: Where peaks are looked for. "heatmap": on the network's own cells. "input": on maps
            enlarged to the input. "image": on maps enlarged to the region's pixels.
        upsampling: "cubic" or "linear", how maps are brought to the frame.
        merge: "mean" of the maps of all scales, or "best": the peaks of the scale with the highest
            mean score.
        peak: "argmax", "blob", "local_maxima" (the strongest of them) or "subpixel".
        sigma: Of the blur before peaks are looked for, in cells of the frame. "blob" and
            "local_maxima": a Gaussian; "subpixel": of 5x5 cells; "argmax": not used.
        threshold: A keypoint is missing unless its value is above this: "blob" and "local_maxima"
            compare the blurred map, the others the score. None: never missing.

    Raises:
        ValueError: A value is not one of these, or two of them don't go together.

    Example:
        >>> from dataclasses import replace
        >>> best = replace(RECIPES["openpose"], scales=scale_range(6, 0.4))
        >>> [round(scale, 2) for scale in best.scales]
        [0.8, 0.88, 0.96, 1.04, 1.12, 1.2]
    """

    name: str = "custom"
    region: Literal["crop", "whole"] = "crop"
    scales: tuple[float, ...] = (1.0,)
    scaling: Literal["box", "input"] = "box"
    convention: Literal["half_pixel", "openpose"] = "half_pixel"
    antialias: bool = True
    fit: Literal["height", "width"] = "height"
    resize: Literal["linear", "cubic"] = "linear"
    pad: bool = False
    mirror: bool = True
    average_views: bool = False
    look_again: bool = False
    channel_order: Literal["trained", "swapped"] = "trained"
    frame: Literal["heatmap", "input", "image"] = "heatmap"
    upsampling: Literal["cubic", "linear"] = "cubic"
    merge: Literal["mean", "best"] = "mean"
    peak: Literal["argmax", "blob", "local_maxima", "subpixel"] = "subpixel"
    sigma: float = 1.1
    threshold: float | None = 0.05

    def __post_init__(self) -> None:
        """Check each field and what goes together."""
        for name, choices in _CHOICES.items():
            _check_choice(self, name, choices)
        object.__setattr__(self, "scales", _check_scales(self.scales))
        for name in ("antialias", "pad", "mirror", "average_views", "look_again"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} is True or False, got {getattr(self, name)!r}")
        if not (_is_number(self.sigma) and self.sigma >= 0):
            raise ValueError(f"sigma is a number of at least 0, got {self.sigma!r}")
        if self.threshold is not None and not _is_number(self.threshold):
            raise ValueError(f"threshold is a number or None, got {self.threshold!r}")
        self._check_together()

    def _check_together(self) -> None:
        """Refuse fields that contradict each other."""
        if self.region == "whole" and self.scaling != "input":
            raise ValueError('a region "whole" has no box to scale: set scaling to "input"')
        if self.region == "crop" and self.frame == "image":
            raise ValueError('a crop has the frames "heatmap" and "input"; "image" is for "whole"')
        if self.region == "whole" and self.look_again:
            raise ValueError('only a crop can be turned to look again, not a region "whole"')
        if self.peak in ("blob", "local_maxima") and self.threshold is None:
            raise ValueError(f'the peak "{self.peak}" needs a threshold, got None')
        if self.peak == "blob" and not self.sigma:
            raise ValueError('the peak "blob" needs a sigma above 0, got 0')


_CHOICES = {
    field.name: get_args(field.type)
    for field in fields(Recipe)
    if get_origin(field.type) is Literal
}


def scale_range(number: int, width: float = 0.4) -> tuple[float, ...]:
    """Give the factors of OpenPose's flags hand_scale_number and hand_scale_range.

    Args:
        number: How many; 1 gives (1.0,).
        width: Greatest minus least factor; they lie evenly about 1.

    Returns:
        `number` factors, ascending.

    Raises:
        ValueError: The number is below 1, or the width is not between 0 and 2.

    Example:
        >>> scale_range(3)
        (0.8, 1.0, 1.2)
    """
    if number < 1 or not 0 <= width < 2:
        raise ValueError(f"expected a number of at least 1 and 0 <= width < 2: {number}, {width}")
    if number == 1:
        return (1.0,)
    return tuple(round(1 + width * (i / (number - 1) - 0.5), 9) for i in range(number))


def get_recipe(recipe: str | Recipe) -> Recipe:
    """Give a recipe by its name; a recipe itself comes back as it is.

    Args:
        recipe: A name of `RECIPES`, or a `Recipe`.

    Returns:
        The recipe.

    Raises:
        ValueError: No recipe has this name.
        TypeError: It is neither a name nor a recipe.

    Example:
        >>> get_recipe("openpose").peak
        'argmax'
    """
    if isinstance(recipe, Recipe):
        return recipe
    if not isinstance(recipe, str):
        raise TypeError(f"expected a recipe or its name, got {type(recipe).__name__}")
    if recipe not in RECIPES:
        raise ValueError(f"there is no recipe {recipe!r}: take one of {', '.join(RECIPES)}")
    return RECIPES[recipe]


def _is_number(value: object) -> bool:
    """Tell finite numbers from everything else."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value)


def _check_choice(owner: object, name: str, choices: tuple[str, ...]) -> None:
    """Refuse a field's value that is not among its choices."""
    value = getattr(owner, name)
    if value not in choices:
        raise ValueError(f"{name} is one of {choices}, got {value!r}")


def _check_scales(scales: tuple[float, ...]) -> tuple[float, ...]:
    """Give the factors as a tuple of floats, or refuse them."""
    try:
        factors = tuple(scales)
    except TypeError:
        factors = ()
    if not factors or not all(_is_number(scale) and scale > 0 for scale in factors):
        raise ValueError(f"scales are one or more factors above 0, got {scales!r}")
    return tuple(float(scale) for scale in factors)


_OPENPOSE = Recipe(
    name="openpose",
    convention="openpose",
    antialias=False,
    frame="input",
    merge="best",
    peak="argmax",
    threshold=None,
)
_PYTORCH_OPENPOSE = Recipe(
    name="pytorch_openpose",
    region="whole",
    scales=(0.5, 1.0, 1.5, 2.0),
    scaling="input",
    resize="cubic",
    pad=True,
    mirror=False,
    frame="image",
    peak="blob",
    sigma=3.0,
    threshold=0.05,
)
_SEED = Recipe(
    name="seed",
    region="whole",
    scaling="input",
    fit="width",
    mirror=False,
    channel_order="swapped",
    frame="image",
    upsampling="linear",
    peak="local_maxima",
    sigma=3.0,
    threshold=0.1,
)
# The mirror image bought hand_lite as much as any second scale did, and costs no more.
_REFINED = Recipe(name="refined", average_views=True, look_again=True)

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe for recipe in (_OPENPOSE, _PYTORCH_OPENPOSE, _SEED, _REFINED)
}
