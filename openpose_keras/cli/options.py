"""Options that sub-commands share, and the reading of their values."""

import argparse
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from openpose_keras.core.errors import OpenPoseKerasError
from openpose_keras.estimators.recipes import RECIPES
from openpose_keras.networks.presets import DTYPES, PRESETS

if TYPE_CHECKING:
    from openpose_keras.estimators.hand import HandEstimator


class UsageError(OpenPoseKerasError, ValueError):
    """An option's value makes no sense; argparse could not know."""


def add_estimator_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose network and recipe."""
    parser.add_argument(
        "--preset",
        choices=tuple(PRESETS),
        default="hand_lite",
        help="network (default: %(default)s)",
    )
    parser.add_argument(
        "--recipe",
        choices=tuple(RECIPES),
        default="refined",
        help="steps from image to keypoints (default: %(default)s)",
    )
    parser.add_argument(
        "--weights", type=Path, metavar="FILE", help="your own weights for this network"
    )
    parser.add_argument(
        "--dtype",
        choices=DTYPES,
        default=DTYPES[0],
        help="what the network calculates in (default: %(default)s)",
    )


def parse_box(text: str) -> tuple[float, float, float, float] | str:
    """Read "x,y,w" as the square box (x, y, w, w), or "whole" as itself.

    Args:
        text: The argument.

    Returns:
        The box in pixels, or "whole".

    Raises:
        ArgumentTypeError: It is neither.

    Example:
        >>> parse_box("10,20,300")
        (10.0, 20.0, 300.0, 300.0)
    """
    if text == "whole":
        return text
    try:
        x, y, side = (float(part) for part in text.split(","))
    except ValueError:
        x = y = side = math.nan
    if not (math.isfinite(x + y + side) and side > 0):
        raise argparse.ArgumentTypeError(
            f'expected "x,y,w", three numbers with w above 0, or "whole", not {text!r}'
        )
    return x, y, side, side


def parse_positive(text: str) -> float:
    """Read a finite number above 0."""
    value = float(text)
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"expected a number above 0, not {text}")
    return value


def parse_count(text: str) -> int:
    """Read a whole number above 0."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, not {text}")
    return value


def load_estimator(args: argparse.Namespace) -> "HandEstimator":
    """Return the estimator of `add_estimator_options`; this imports Keras and loads the weights."""
    from openpose_keras.estimators.hand import HandEstimator

    start_keras()
    return HandEstimator.from_preset(
        args.preset, recipe=args.recipe, weights=args.weights, dtype=args.dtype
    )


def start_keras() -> None:
    """Import Keras, without what its backend prints meanwhile.

    Raises:
        BackendError: The backend is not installed, or Keras knows no such backend.
    """
    from openpose_keras.networks._backend import import_keras

    with suppress_stderr():
        import_keras()


@contextmanager
def suppress_stderr() -> Iterator[None]:
    """Hide what TensorFlow's C++ part prints on stderr while it is imported.

    It prints lines about processors and missing graphics cards, and some heed no setting. Set
    TF_CPP_MIN_LOG_LEVEL to read them. A failed import raises an error in any case.
    """
    if "TF_CPP_MIN_LOG_LEVEL" in os.environ:
        yield
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    stderr = os.dup(2)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
