"""Common options of sub-commands, and the parsing of their values."""

import argparse
import math
import sys
from collections.abc import Collection
from dataclasses import asdict, is_dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from openpose_keras.core.checks import did_you_mean
from openpose_keras.core.errors import BackendError, OpenPoseKerasError
from openpose_keras.estimators.recipes import (
    BODY_RECIPES,
    RECIPES,
    AnyRecipe,
    BodyRecipe,
    read_recipe,
    recipe_by_part,
)
from openpose_keras.networks.presets import (
    DTYPES,
    ENGINES,
    LEAST_SMALLEST,
    PRESET_SETS,
    PRESETS,
    Part,
    check_dtype,
    check_parts,
    find_weights,
    get_presets,
)

if TYPE_CHECKING:
    from openpose_keras.estimators.hand import HandEstimator
    from openpose_keras.estimators.whole_body import WholeBodyEstimator


INTERRUPTED = 130  # the exit status
_DEFAULTS = "lite; hand_lite with --weights and with options that apply only to hands"


_PACKAGES = {"onnx": "onnxruntime", "openvino": "openvino", "litert": "ai-edge-litert"}
"""The package names of the engines for pip."""

FORMATS = ("json", "csv", "parquet", "coco")

OF_HANDS = {
    "--box": "boxes",
    "--side": "side",
    "--max-hands": "max_hands",
    "--smallest": "smallest",
    "--heatmaps": "heatmaps",
}
"""The options for hands alone, if a sub-command has them, by name."""


class UsageError(OpenPoseKerasError, ValueError):
    """An option has an invalid value that argparse cannot detect."""


def add_estimator_options(
    parser: argparse.ArgumentParser, *, preset: str | None = "hand_lite"
) -> None:
    """Add the options that select the network and the recipe to the parser of a sub-command.

    Args:
        parser: The parser.
        preset: The default of `--preset`; None if the sub-command selects it by other options.
    """
    presets = ", ".join(name for name, preset in PRESETS.items() if preset.finds)
    sets = ", ".join(f"{name} ({','.join(names)})" for name, names in PRESET_SETS.items())
    parser.add_argument(
        "--preset",
        default=preset,
        metavar="NAMES",
        type=parse_presets,
        help=f'networks, separated by commas, such as "body_25,hand_lite", among {presets}; or one '
        f"of these sets: {sets} (default: {preset or _DEFAULTS})",
    )
    parser.add_argument(
        "--recipe",
        metavar="NAME",
        type=parse_recipe,
        help="recipe for the steps from an image to keypoints: "
        f"{', '.join(BODY_RECIPES)} for bodies; {', '.join(RECIPES)} for hands and faces; or a "
        "JSON file of your own. A part that has no recipe of this name keeps its default (default: "
        "refined, but openpose for bodies of other networks than body_lite)",
    )
    _add_network_options(parser)
    parser.add_argument(
        "--smallest",
        type=parse_fraction,
        metavar="F",
        help="size of the smallest hands to search for, as a fraction of the photo's longer side; "
        "smaller values take longer (default: 1/12)",
    )
    parser.add_argument(
        "--min-presence",
        type=parse_probability,
        default=0.5,
        metavar="P",
        help="minimum presence, the probability of a hand, of a hand found by a search (default: "
        "%(default)s); OpenPose's network does not predict it",
    )


def _add_network_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for the engine and the weights of the networks."""
    parser.add_argument(
        "--dtype",
        choices=DTYPES,
        default=DTYPES[0],
        help="data type of the computation; other types than %(default)s need Keras, or for "
        "mixed_bfloat16 OpenVINO (default: %(default)s)",
    )
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        default="auto",
        help="library that runs the network: ONNX Runtime, which starts quickly, OpenVINO, LiteRT "
        "or Keras (default: auto, which is onnx if possible)",
    )
    parser.add_argument(
        "--weights", type=Path, metavar="FILE", help="your own weights for this network"
    )


def parse_presets(text: str) -> str:
    """Check the name of a set of presets, or comma-separated names of presets."""
    try:
        get_presets(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error}; sets are {', '.join(PRESET_SETS)}") from error
    return text


def parse_recipe(text: str) -> "str | AnyRecipe | BodyRecipe":
    """Check the name of a recipe, or read the recipe of a JSON file."""
    names = {**RECIPES, **BODY_RECIPES}
    if text in names:
        return text
    try:
        if text.lower().endswith(".json"):
            return read_recipe(text)
        hint = did_you_mean(text, names) or "; a recipe of your own is a file that ends in .json"
        raise ValueError(f"there is no recipe {text!r}: take one of {', '.join(names)}{hint}")
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def parse_parts(text: str) -> tuple[Part, ...]:
    """Parse comma-separated parts of people."""
    try:
        return check_parts(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def parse_formats(text: str) -> tuple[str, ...]:
    """Parse comma-separated formats of results; "none" gives an empty result."""
    formats = tuple(dict.fromkeys(part.strip().lower() for part in text.split(",")))
    if formats == ("none",):
        return ()
    if not set(formats) <= set(FORMATS):
        raise argparse.ArgumentTypeError(
            f"expected some of {','.join(FORMATS)} with commas between, or none, not {text!r}"
        )
    return formats


def parse_box(text: str) -> tuple[float, float, float, float] | str:
    """Parse "x,y,w" as the square box (x, y, w, w), "x,y,w,h" as a box, or "whole" unchanged.

    Args:
        text: The argument.

    Returns:
        The box in pixels, or "whole".

    Raises:
        ArgumentTypeError: The argument has none of these forms.

    Example:
        >>> parse_box("10,20,300")
        (10.0, 20.0, 300.0, 300.0)
    """
    if text == "whole":
        return text
    numbers = [_parse_number(part) for part in text.split(",")]
    if len(numbers) == 3:
        numbers.append(numbers[-1])
    if len(numbers) != 4 or not (math.isfinite(sum(numbers)) and min(numbers[2:]) > 0):
        raise argparse.ArgumentTypeError(
            'expected "x,y,w" or "x,y,w,h", numbers with commas and no spaces between, w and h '
            f'above 0, or "whole", not {text!r}'
        )
    x, y, width, height = numbers
    return x, y, width, height


def _parse_number(text: str) -> float:
    """Parse a number; any other text gives NaN, which lies in no range."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def parse_positive(text: str) -> float:
    """Parse a finite number above 0."""
    value = _parse_number(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number above 0, not {text!r}")
    return value


def parse_strength(text: str) -> float:
    """Parse a finite number that is not below 0."""
    value = _parse_number(text)
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number of 0 or above, not {text!r}")
    return value


def parse_probability(text: str) -> float:
    """Parse a number from 0 to 1."""
    value = _parse_number(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to 1, not {text!r}")
    return value


def plain(value: object) -> object:
    """Convert the value of an option for JSON: a path to text, a recipe to its fields."""
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return str(value) if isinstance(value, Path) else value


def parse_fraction(text: str) -> float:
    """Parse a fraction of an image's side, also with a slash: "0.05" or "1/20"."""
    above, _, below = text.partition("/")
    value = _parse_number(above) / (_parse_number(below or "1") or math.nan)
    if not LEAST_SMALLEST <= value < 1:
        raise argparse.ArgumentTypeError(
            f'expected a number from {LEAST_SMALLEST} to 1, or "1/20", not {text!r}'
        )
    return value


def parse_count(text: str) -> int:
    """Parse a whole number above 0."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, not {text!r}")
    return int(text)


def parse_whole(text: str) -> int:
    """Parse a whole number that is not below 0."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a whole number of 0 or above, not {text!r}")
    return int(text)


def default_preset(args: argparse.Namespace) -> str:
    """Return the default preset, for people, or for hands if hand options are given, and say so."""
    given = hand_options(args) + ["--weights"] * bool(args.weights)
    if not given:
        return "lite"
    if not (args.parts or getattr(args, "quiet", False)):
        ask = "asks" if len(given) == 1 else "ask"
        print(f"hands alone are looked for, as {' and '.join(given)} {ask}", file=sys.stderr)
    return "hand_lite"


def hand_options(args: argparse.Namespace) -> list[str]:
    """Return the given options that are for hands alone."""
    return [option for option, name in OF_HANDS.items() if getattr(args, name, None)]


def chosen_parts(args: argparse.Namespace) -> tuple[Part, ...]:
    """Return the parts of people to find; empty for hands alone, which have separate options.

    Raises:
        UsageError: The presets lack a part, or an option is for hands alone.
    """
    presets = get_presets(args.preset)
    parts: tuple[Part, ...] = args.parts or tuple(presets)
    lacking = [part for part in parts if part not in presets]
    if lacking:
        raise UsageError(
            f"--parts: {args.preset} finds {', '.join(presets)}, not {', '.join(lacking)}: choose "
            "another --preset, such as lite"
        )
    if set(parts) == {"hand"}:
        return ()
    if "face" in parts and "body" not in parts:
        mend = "" if "body" in presets else "a --preset of bodies too, such as lite, and "
        raise UsageError(f'a face is found by its body: take {mend}--parts "body,face"')
    if given := hand_options(args):
        mend = "add --parts hands" if "hand" in presets else "take a --preset such as hand_lite"
        raise UsageError(f"{', '.join(given)}: only for hands alone; {mend}, or leave it out")
    return parts


def add_parts_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that selects the parts of people to find."""
    parser.add_argument(
        "--parts",
        type=parse_parts,
        metavar="PARTS",
        help='what to find, such as "body,face,hands" (default: all that the presets find)',
    )


def load_estimator(args: argparse.Namespace) -> "HandEstimator":
    """Load the estimator selected by `add_estimator_options`, with its weights."""
    from openpose_keras.estimators.hand import HandEstimator

    check_networks(args, ["hand"])
    return HandEstimator.from_preset(
        get_presets(args.preset)["hand"].name,
        recipe=args.recipe,
        weights=args.weights,
        dtype=args.dtype,
        engine=args.engine,
        smallest=args.smallest,
    )


def load_people_estimator(
    args: argparse.Namespace, parts: Collection[Part]
) -> "WholeBodyEstimator":
    """Load the estimator of parts of people, with its weights."""
    from openpose_keras.estimators.whole_body import WholeBodyEstimator

    if args.weights and set(parts) != {"body"}:
        raise UsageError(
            "--weights is of one network: choose its preset, such as --preset body_lite; in Python "
            'WholeBodyEstimator.from_preset("lite", weights={"hand": FILE}) takes them in a set'
        )
    check_networks(args, parts)
    return WholeBodyEstimator.from_preset(
        args.preset,
        parts=parts,
        weights={"body": args.weights} if args.weights else None,
        recipe=args.recipe,
        dtype=args.dtype,
        engine=args.engine,
    )


def check_networks(args: argparse.Namespace, parts: Collection[Part]) -> None:
    """Check the options before a network is loaded, which may take long.

    Raises:
        UsageError: The recipe or `--smallest` is not for these parts, or the engine does not
            support the dtype.
        WeightsError: The weights are missing.
        BackendError: The engine is not installed.
    """
    try:
        recipe_by_part(args.recipe, parts)
    except ValueError as error:
        raise UsageError(f"--recipe: {error}") from error
    presets = get_presets(args.preset)
    if args.smallest and not presets["hand"].detector:
        known = " or ".join(name for name, each in PRESETS.items() if each.detector)
        raise UsageError(
            f"--smallest is of a preset with a detector, which {presets['hand'].name} is not: "
            f"choose {known}"
        )
    _check_engine(args)
    for part in parts:
        find_weights(presets[part], args.weights)


def _check_engine(args: argparse.Namespace) -> None:
    """Check that the engine is installed and supports the dtype."""
    try:
        check_dtype(args.dtype, args.engine)
    except ValueError as error:
        raise UsageError(f"--dtype: {error}") from error
    package = _PACKAGES.get(args.engine)
    if package and find_spec(package.replace("-", "_")) is None:
        raise BackendError(f"--engine {args.engine}: it is not installed: pip install {package}")


def how_to_use(name: str, weights: Path | None = None) -> str:
    """Return how to use a preset: a command, or Python code if there is no command.

    Args:
        name: A key of `PRESETS`.
        weights: The weight file, if the preset does not find it itself.

    Example:
        >>> how_to_use("face")
        'openpose-keras detect PHOTO --preset body_25,face'
    """
    finds = PRESETS[name].finds
    if weights is not None and finds == "face":
        return f'FaceEstimator.from_preset("{name}", weights="{weights}")'
    option = "" if weights is None else f" --weights {weights}"
    presets = f"body_25,{name}" if finds == "face" else name
    return f"openpose-keras detect PHOTO --preset {presets}{option}"
