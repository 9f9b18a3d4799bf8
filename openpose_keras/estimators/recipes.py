"""Recipes: how to get from an image to keypoints, as data.

A recipe has two halves: how the views, a network's inputs, are made (`ViewRecipe`), and how the
maps that it returns become keypoints (`DecodeRecipe`). Both are plain data that the estimators
follow. A recipe of your own is a variation of a named one:

    >>> from dataclasses import replace
    >>> mine = replace(RECIPES["refined"], name="mine", scales=(0.8, 1.0, 1.25))

`read_recipe` reads one from a JSON file.

The recipes by name:

- `refined`: ours, and the default. The crop and the mirrored left hand are OpenPose's. The maps are
  averaged over scales (one by default) and, if the network knows both sides, over the image and its
  mirror image. Where it pays off, an upright pass shows the hand with its knuckles above its wrist,
  as MediaPipe's hand tracker does. The peak is found to a fraction of a cell, near the point of a
  network that also predicts points.
- `openpose`: CMU-Perceptual-Computing-Lab/openpose, src/openpose/hand/handExtractorCaffe.cpp and
  src/openpose/net/maximumBase.cpp.
- `pytorch_openpose` and `mmittek`: programs that treat the whole image as one hand, see
  `emulations`.
"""

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar, get_args, get_origin, get_type_hints

from openpose_keras.core.checks import Named, brief, check_whole, did_you_mean
from openpose_keras.core.files import read_json
from openpose_keras.networks.input_spec import InputSpec
from openpose_keras.networks.presets import Part

__all__ = [
    "BODY_RECIPES",
    "FACE_RECIPES",
    "RECIPES",
    "BodyRecipe",
    "DecodeRecipe",
    "InputSpec",
    "Recipe",
    "ViewRecipe",
    "WholeImageRecipe",
    "get_body_recipe",
    "get_face_recipe",
    "get_recipe",
    "read_recipe",
    "scale_range",
]

Peak = Literal["argmax", "blob", "local_maxima", "subpixel"]
Interpolation = Literal["linear", "cubic"]
_T = TypeVar("_T")


def _brief_repr(recipe: Any) -> str:  # noqa: ANN401 - any of the dataclasses below
    """Return a recipe in one line: its name, and the fields that differ from their defaults."""
    others = [field for field in fields(recipe) if field.name != "name"]
    values = [(field, getattr(recipe, field.name)) for field in others]
    shown = [f"{field.name}={value!r}" for field, value in values if value != field.default]
    return f"{type(recipe).__name__}({', '.join([f'name={recipe.name!r}', *shown])})"


@dataclass(frozen=True, kw_only=True)
class ViewRecipe:
    """How the views of a box are made.

    Args:
        scales: Factors; each gives one view, or two with `flip_average`.
        scaling: What the factors multiply. "box": the side of the box, about its centre; all views
            have the same size. "input": the size of the view; the box is unchanged.
        convention: "half_pixel": the edge of the box is the edge of the view's first pixel.
            "openpose": the box's x and y are the centre of that pixel, which is (s - 1) / 2 image
            pixels off at s image pixels per view pixel. With several scales, each box has an even
            side. In a hand's box of at most 10 pixels in area, all keypoints are missing.
        antialias: Whether a view that is smaller than its box averages the pixels that it covers.
        mirror: Whether left hands are mirrored for a network that knows right hands only.
        flip_average: Whether a network that knows both sides is also shown the mirror image, and
            the two outputs are averaged.

    Raises:
        ValueError: A value is not one of these.
    """

    scales: tuple[float, ...] = (1.0,)
    scaling: Literal["box", "input"] = "box"
    convention: Literal["half_pixel", "openpose"] = "half_pixel"
    antialias: bool = True
    mirror: bool = True
    flip_average: bool = False

    def __post_init__(self) -> None:
        """Check the fields."""
        _check_choices(self)
        object.__setattr__(self, "scales", _check_scales(self.scales))


@dataclass(frozen=True, kw_only=True)
class DecodeRecipe:
    """How maps become keypoints.

    Args:
        frame: Where peaks are located. "heatmap": on the network's own cells. "input": on maps
            upsampled to the network's input.
        upsampling: "cubic" or "linear", how maps are resampled to that frame.
        merge: "mean" of the maps of all scales, or "best": the peaks of the scale with the highest
            mean score.
        peak: "argmax", "blob", "local_maxima" (the strongest of them) or "subpixel".
        sigma: Standard deviation of the blur before peaks are located, in cells of the frame.
            "blob" and "local_maxima": a Gaussian; "subpixel": of 5x5 cells; "argmax": not used.
        threshold: A keypoint is missing unless its value is above this. "blob" and "local_maxima"
            compare the blurred map, the others the score. None: no keypoint is ever missing.
        prior: For a network that also predicts points, the standard deviation of a Gaussian around
            each point, relative to the longer side of the hand. The map of the point is multiplied
            by it, and the point replaces a missing keypoint. None: points are not used.

    Raises:
        ValueError: A value is not one of these, or two of them do not go together.
    """

    frame: Literal["heatmap", "input"] = "heatmap"
    upsampling: Interpolation = "cubic"
    merge: Literal["mean", "best"] = "mean"
    peak: Peak = "subpixel"
    sigma: float = 1.1
    threshold: float | None = 0.05
    prior: float | None = None

    def __post_init__(self) -> None:
        """Check the fields and their combination."""
        _check_choices(self)
        _check_peak(self.peak, self.sigma, self.threshold)
        if self.prior is not None and not (_is_number(self.prior) and self.prior > 0):
            raise ValueError(f"prior is a number above 0 or None, got {self.prior!r}")


@dataclass(frozen=True, kw_only=True, repr=False)
class Recipe(ViewRecipe, DecodeRecipe):
    """How to get from an image to keypoints: a `ViewRecipe` and a `DecodeRecipe` in one.

    `ViewRecipe` explains scales, scaling, convention, antialias, mirror and flip_average,
    `DecodeRecipe` frame, upsampling, merge, peak, sigma, threshold and prior.

    Args:
        name: For display; nothing depends on it.
        upright_pass: Whether a hand goes through the network a second time, rotated so that the
            knuckles lie above the wrist, or a face with its eyes above its mouth. This happens only
            if the network's `InputSpec` says that it pays off. The keypoints are those of that
            pass.

    Raises:
        ValueError: As for the two halves.

    Example:
        >>> from dataclasses import replace
        >>> best = replace(RECIPES["openpose"], scales=scale_range(6, 0.4))
        >>> [round(scale, 2) for scale in best.scales]
        [0.8, 0.88, 0.96, 1.04, 1.12, 1.2]
    """

    channel_order: ClassVar[Literal["trained"]] = "trained"  # as the InputSpec says

    name: str = "custom"
    upright_pass: bool = False

    __repr__ = _brief_repr

    def __post_init__(self) -> None:
        """Check both halves."""
        ViewRecipe.__post_init__(self)
        DecodeRecipe.__post_init__(self)


@dataclass(frozen=True, kw_only=True, repr=False)
class WholeImageRecipe:
    """The steps of a program that treats the whole image, or the part in a box, as one hand.

    The maps of all scales are upsampled to the pixels of that region and averaged there. Left hands
    are not mirrored.

    Args:
        name: For display; nothing depends on it.
        scales: Factors of the network's box size; each gives one view.
        fit: The side of the region that becomes the box size times the scale.
        resize: "linear" or "cubic", without antialiasing.
        pad: Whether to pad right and below with grey to a multiple of the stride. Otherwise the
            input is padded only to the network's `multiple`.
        channel_order: "trained": as the network's `InputSpec` says. "swapped": red and blue
            exchanged.
        upsampling: "cubic" or "linear", how maps are upsampled.
        peak: As in a `DecodeRecipe`.
        sigma: Standard deviation of the blur before peaks are located, in pixels of the region.
        threshold: As in a `DecodeRecipe`.

    Raises:
        ValueError: A value is not one of these.
    """

    mirror: ClassVar[bool] = False
    upright_pass: ClassVar[bool] = False

    name: str = "custom"
    scales: tuple[float, ...] = (1.0,)
    fit: Literal["height", "width"] = "height"
    resize: Interpolation = "linear"
    pad: bool = False
    channel_order: Literal["trained", "swapped"] = "trained"
    upsampling: Interpolation = "cubic"
    peak: Peak = "blob"
    sigma: float = 3.0
    threshold: float | None = 0.05

    __repr__ = _brief_repr

    def __post_init__(self) -> None:
        """Check the fields."""
        _check_choices(self)
        object.__setattr__(self, "scales", _check_scales(self.scales))
        _check_peak(self.peak, self.sigma, self.threshold)


@dataclass(frozen=True, kw_only=True, repr=False)
class BodyRecipe:
    """How to get from an image to people, in terms of OpenPose's flags.

    Args:
        name: For display; nothing depends on it.
        resolution: (height, width) of the network's input, see `network_sizes`: net_resolution.
            None for the height in the network's `InputSpec`.
        widest: net_resolution_dynamic, see `network_sizes`.
        scales: scale_number: the number of inputs of different sizes.
        gap: scale_gap: how much smaller each input is than the previous one.
        connector: A key of `heatmaps.connectors.CONNECTORS`.
        maximize_positives: Whether to find more keypoints, and more false positives.
        ratio: upsampling_ratio: pixels of the upsampled maps per cell; 0 for the stride.
        refined: Whether the maps are upsampled only around peaks and limbs, see
            `heatmaps.people.find_people`.
        reach: How close two pieces of a person must be to be joined, see
            `heatmaps.people.join_pieces`; 0 joins none, as OpenPose does.
        weak: Fraction of the samples of a weak limb that must point along it, see
            `heatmaps.people.complete_people`; 0 completes nobody, as OpenPose does.
        keypoints: The minimum number of keypoints of a person, without feet; 0 for OpenPose's: 3,
            or 2 with `maximize_positives`.
        flip_average: Whether the network is also shown the mirror image of each input, which takes
            twice the time, and the two outputs are averaged.

    Raises:
        ValueError: There is no such connector, the scales are not a positive whole number, the
            ratio, the reach, the fraction or the keypoints are below 0, or the fraction is not
            below 1.
    """

    channel_order: ClassVar[Literal["trained"]] = "trained"  # as the InputSpec says

    name: str = "custom"
    resolution: tuple[int | None, int | None] | None = None
    widest: float = 1.0
    scales: int = 1
    gap: float = 0.25
    connector: Literal["openpose", "openpose_cpu"] = "openpose"
    maximize_positives: bool = False
    ratio: int = 0
    refined: bool = False
    reach: float = 0.0
    weak: float = 0.0
    keypoints: int = 0
    flip_average: bool = False

    __repr__ = _brief_repr

    def __post_init__(self) -> None:
        """Check the fields that no later step checks."""
        _check_choices(self)
        check_whole(self.scales, "scales")
        for name in ("ratio", "reach", "weak", "keypoints"):
            value = getattr(self, name)
            if not (_is_number(value) and value >= 0):
                raise ValueError(f"expected a {name} of at least 0, got {value!r}")
        if self.weak >= 1:
            raise ValueError(f"expected a weak below 1, a fraction of samples, got {self.weak!r}")


AnyRecipe = Recipe | WholeImageRecipe
_KINDS: tuple[Any, ...] = (Recipe, WholeImageRecipe, BodyRecipe)


def scale_range(number: int, width: float = 0.4) -> tuple[float, ...]:
    """Return the factors of OpenPose's flags hand_scale_number and hand_scale_range.

    Args:
        number: Number of factors; 1 gives (1.0,).
        width: Largest minus smallest factor; the factors are evenly spaced around 1.

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


def get_recipe(recipe: str | AnyRecipe) -> AnyRecipe:
    """Return a recipe by its name; a recipe is returned unchanged.

    Args:
        recipe: A name of `RECIPES`, or a recipe.

    Returns:
        The recipe.

    Raises:
        ValueError: No recipe has this name.
        TypeError: It is neither a name nor a recipe.

    Example:
        >>> get_recipe("openpose").peak
        'argmax'
    """
    return _named(recipe, RECIPES, "RECIPES")


def get_face_recipe(recipe: str | AnyRecipe) -> AnyRecipe:
    """Return a recipe of faces by its name, see `get_recipe`."""
    return _named(recipe, FACE_RECIPES, "FACE_RECIPES")


def get_body_recipe(recipe: str | BodyRecipe) -> BodyRecipe:
    """Return a recipe of bodies by its name; a recipe is returned unchanged.

    Args:
        recipe: A name of `BODY_RECIPES`, or a recipe.

    Raises:
        ValueError: No recipe has this name.
        TypeError: It is neither a name nor a recipe of bodies.
    """
    return _named(recipe, BODY_RECIPES, "BODY_RECIPES")


def read_recipe(path: str | Path) -> AnyRecipe | BodyRecipe:
    """Read a recipe from a JSON file, as from `json.dumps(dataclasses.asdict(recipe))`.

    Args:
        path: The file, an object with the fields of a `Recipe`, a `BodyRecipe` or a
            `WholeImageRecipe`. Fields that are left out have their defaults.

    Raises:
        ValueError: The file cannot be read, is not such a recipe, or could be a recipe of hands or
            of bodies; the message says why.
    """
    try:
        data = read_json(path)
        if not isinstance(data, dict):
            raise ValueError("expected an object, the fields of a recipe by their names")
        values = {key: tuple(v) if isinstance(v, list) else v for key, v in data.items()}
        return _recipe_of(values)
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror or error}") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not a JSON file: {error}") from error
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: {error}") from error


def _recipe_of(values: Mapping[str, Any]) -> AnyRecipe | BodyRecipe:
    """Return a recipe of the kind that has these fields and accepts their values."""
    kinds = {kind: [each.name for each in fields(kind)] for kind in _KINDS}
    fitting = [kind for kind, known in kinds.items() if values.keys() <= set(known)]
    if not fitting:
        known = max(kinds.values(), key=lambda each: len(values.keys() & set(each)))
        wrong = next(name for name in values if name not in known)
        hint = did_you_mean(wrong, chain.from_iterable(kinds.values()))
        raise ValueError(f"there is no field {wrong!r}: take some of {', '.join(known)}{hint}")
    made: list[AnyRecipe | BodyRecipe] = []
    refused: list[Exception] = []
    for kind in fitting:
        try:
            made.append(kind(**values))
        except (ValueError, TypeError) as error:
            refused.append(error)
    if not made:
        raise refused[0]
    if isinstance(made[-1], BodyRecipe) != isinstance(made[0], BodyRecipe):
        raise ValueError(
            "a recipe of hands has these fields and one of bodies: add a field that only yours "
            "has, such as upright_pass of hands or refined of bodies"
        )
    return made[0]


def _named(recipe: str | _T, recipes: Mapping[str, _T], table: str) -> _T:
    """Return the recipe with a name in a table, or check that a recipe is of the table's kinds."""
    if isinstance(recipe, str):
        if recipe not in recipes:
            known = ", ".join(recipes)
            hint = did_you_mean(recipe, recipes)
            raise ValueError(f"there is no recipe {recipe!r}: take one of {known}{hint}")
        return recipes[recipe]
    if not isinstance(recipe, tuple(map(type, recipes.values()))):
        raise TypeError(f"expected a recipe of the kind in {table}, got {type(recipe).__name__}")
    return recipe


def recipe_by_part(
    name: str | AnyRecipe | BodyRecipe | None, parts: Collection[Part]
) -> dict[Part, Any]:
    """Return the recipe for each part of a person.

    Args:
        name: Name of a recipe, or a recipe of your own; None for each part's default.
        parts: The parts to estimate.

    Returns:
        The name or the recipe by part, or None, the default, if the part has no such recipe.

    Raises:
        ValueError: None of the parts has such a recipe.

    Example:
        >>> recipe_by_part("openpose_cpu", ("body", "hand"))
        {'body': 'openpose_cpu', 'hand': None}
    """
    tables: dict[Part, Mapping[str, object]] = {
        "body": BODY_RECIPES,
        "face": FACE_RECIPES,
        "hand": RECIPES,
    }
    if not isinstance(name, str | None):
        takers = {part: tuple(map(type, tables[part].values())) for part in parts}
        if not any(isinstance(name, kinds) for kinds in takers.values()):
            raise ValueError(f"expected a recipe of {' or '.join(parts)}, got {brief(name)}")
        return {part: name if isinstance(name, kinds) else None for part, kinds in takers.items()}
    known = {part: list(tables[part]) for part in parts}
    if name and not any(name in names for names in known.values()):
        names = ", ".join(dict.fromkeys(chain.from_iterable(known.values())))
        raise ValueError(f"expected a recipe of {' or '.join(parts)}, {names}, got {name!r}")
    return {part: name if name in names else None for part, names in known.items()}


def _is_number(value: object) -> bool:
    """Return whether a value is a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value)


def _check_choices(recipe: ViewRecipe | DecodeRecipe | WholeImageRecipe | BodyRecipe) -> None:
    """Raise if a field has a value that its type does not allow."""
    for name, kind in get_type_hints(type(recipe)).items():
        if kind is not bool and get_origin(kind) is not Literal:
            continue
        choices, value = get_args(kind) or (True, False), getattr(recipe, name)
        if type(value) is not type(choices[0]) or value not in choices:
            raise ValueError(f"{name} is one of {choices}, got {value!r}")


def _check_scales(scales: tuple[float, ...]) -> tuple[float, ...]:
    """Return the factors as a tuple of floats; raise if they are not valid."""
    try:
        factors = tuple(scales)
    except TypeError:
        factors = ()
    if not factors or not all(_is_number(scale) and 0.01 <= scale <= 10 for scale in factors):
        raise ValueError(f"scales are one or more factors from 0.01 to 10, got {scales!r}")
    return tuple(float(scale) for scale in factors)


def _check_peak(peak: str, sigma: float, threshold: float | None) -> None:
    """Raise if the blur or the threshold does not fit the peak."""
    if not (_is_number(sigma) and sigma >= 0):
        raise ValueError(f"sigma is a number of at least 0, got {sigma!r}")
    if threshold is not None and not _is_number(threshold):
        raise ValueError(f"threshold is a number or None, got {threshold!r}")
    if peak in ("blob", "local_maxima") and threshold is None:
        raise ValueError(f'the peak "{peak}" needs a threshold, got None')
    if peak == "blob" and not sigma:
        raise ValueError('the peak "blob" needs a sigma above 0, got 0')


_RECIPES: tuple[AnyRecipe, ...] = (
    Recipe(
        name="openpose",
        convention="openpose",
        antialias=False,
        frame="input",
        merge="best",
        peak="argmax",
        threshold=None,
    ),
    WholeImageRecipe(
        name="pytorch_openpose", scales=(0.5, 1.0, 1.5, 2.0), resize="cubic", pad=True
    ),
    WholeImageRecipe(
        name="mmittek",
        fit="width",
        channel_order="swapped",
        upsampling="linear",
        peak="local_maxima",
        threshold=0.1,
    ),
    # For hand_lite the mirror image improves PCK as much as a second scale does, at equal cost.
    Recipe(name="refined", flip_average=True, upright_pass=True, prior=0.1),
    Recipe(name="fast", prior=0.1),
)
RECIPES = Named((recipe.name, recipe) for recipe in _RECIPES)

FACE_RECIPES = Named(
    RECIPES,
    refined=Recipe(name="refined", flip_average=True, upright_pass=True, prior=0.04),
    fast=Recipe(name="fast", prior=0.04),
)
"""Recipes of faces by name: those of hands, except for "refined" and "fast".

A face has more keypoints than a hand in less space, so its prior is narrower. The upright pass
draws a new box around the face, a part of which often lies outside the box derived from the body.
"""

_REFINED_BODY = BodyRecipe(name="refined", refined=True, reach=0.25, weak=0.5, keypoints=5)
BODY_RECIPES = Named(
    (recipe.name, recipe)
    for recipe in (
        BodyRecipe(name="openpose"),
        BodyRecipe(name="openpose_cpu", connector="openpose_cpu"),
        _REFINED_BODY,
        replace(_REFINED_BODY, name="fast", resolution=(256, None)),
    )
)
"""Recipes of bodies by name: the defaults of OpenPose's program for CUDA, and of that for CPUs.

"refined" finds nearly the candidates of "openpose" in a fraction of the time after the network. It
joins pieces of one person that OpenPose leaves separate, completes people by weak limbs, and drops
people with fewer than five keypoints. "fast" does the same with an input 256 pixels high.
"""
