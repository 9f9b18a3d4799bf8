"""`openpose-keras detect`: photos in, annotated images and JSON files out."""

import argparse
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from openpose_keras.cli import options
from openpose_keras.cli.paths import OUTPUT_SUFFIXES, InputError, expand, output_stems
from openpose_keras.core.errors import OpenPoseKerasError

if TYPE_CHECKING:
    import numpy as np

    from openpose_keras.estimators.base import Boxes
    from openpose_keras.estimators.hand import HandEstimate, HandEstimator

SUMMARY = "find hands in photos; write annotated images and JSON files"
DESCRIPTION = (
    "Find hands in photos. Each photo gives NAME_keypoints.png, the photo with the skeletons "
    "drawn, and NAME_keypoints.json, OpenPose's JSON 1.3."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the sub-command."""
    parser.add_argument(
        "photos", nargs="+", metavar="PHOTO", help="a photo, a folder of photos, or a pattern"
    )
    parser.add_argument(
        "--out", type=Path, default=Path(), metavar="DIR", help="folder of the results (default: .)"
    )
    options.add_estimator_options(parser)
    _add_search_options(parser)
    for kind, name in (("json", "JSON file"), ("image", "annotated image")):
        action, text = argparse.BooleanOptionalAction, f"write the {name} (default: yes)"
        parser.add_argument(f"--{kind}", action=action, default=True, help=text)
    parser.add_argument(
        "--heatmaps", action="store_true", help="write NAME_heatmaps.png too: maps over the photo"
    )
    parser.add_argument(
        "--threshold",
        type=float,
        metavar="SCORE",
        help="draw keypoints above this score; the JSON file has all (default: as OpenPose, 0.2)",
    )
    parser.add_argument("--force", action="store_true", help="overwrite results that exist")


def _add_search_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where hands are, and which of them count."""
    parser.add_argument(
        "--box",
        dest="boxes",
        type=options.parse_box,
        action="append",
        metavar="X,Y,W",
        help="where a hand is: left and top edge and side of a square in pixels; repeat for more "
        'hands; "whole" takes the photo as one hand (default: search). Write --box=-5,... if X '
        "is negative",
    )
    parser.add_argument(
        "--side",
        choices=("left", "right"),
        help="which hand all of them are (default: as the network tells)",
    )
    parser.add_argument(
        "--max-hands",
        type=options.parse_count,
        metavar="N",
        help="report at most so many hands of a search, the best (default: all)",
    )


def run(args: argparse.Namespace) -> int:
    """Work through all photos; one that fails is reported in a line, and the rest goes on.

    Args:
        args: The options of `add_arguments`.

    Returns:
        The exit status: 0, or 1 if anything failed.

    Raises:
        UsageError: The options contradict each other.
        InputError: The folder of the outputs can't be made.
    """
    from tqdm import tqdm

    kinds = [kind for kind in OUTPUT_SUFFIXES if getattr(args, kind)]
    if not kinds:
        raise options.UsageError("nothing to write: leave out --no-json or --no-image")
    if args.boxes and "whole" in args.boxes and len(args.boxes) > 1:
        raise options.UsageError(
            "--box whole takes the photo as one hand: leave out the other --box"
        )
    photos, failures = _collect(args.photos)
    if not photos:
        return 1
    try:
        args.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out {args.out}: can't make this folder: {error.strerror}") from error
    estimator = options.load_estimator(args)
    stems = output_stems(list(photos.values()))
    jobs = zip(photos.values(), stems, strict=True)
    for photo, stem in tqdm(jobs, unit="photo", total=len(photos), disable=len(photos) == 1):
        outputs = {kind: args.out / f"{stem}{OUTPUT_SUFFIXES[kind]}" for kind in kinds}
        try:
            _check_outputs(outputs.values(), photos, args.force)
            line = _work(photo, outputs, estimator, args)
        except Exception as error:  # also an unforeseen one: the other photos still count
            failures += 1
            _print_error(photo, error)
        else:
            tqdm.write(line, file=sys.stdout)
    return 1 if failures else 0


def _collect(arguments: Sequence[str]) -> tuple[dict[Path, Path], int]:
    """Return the photos of all arguments by where they lie, and how many arguments named none."""
    photos: dict[Path, Path] = {}
    failures = 0
    for argument in arguments:
        try:
            for photo in expand(argument):
                photos.setdefault(photo.resolve(), photo)
        except (OSError, ValueError) as error:
            failures += 1
            _print_error(argument, error)
    return photos, failures


def _check_outputs(outputs: Collection[Path], photos: Collection[Path], force: bool) -> None:
    """Raise rather than overwrite a photo, or without `force` any file."""
    for path in outputs:
        if path.resolve() in photos:
            raise InputError(f"{path} is one of the photos: choose another --out")
        if path.exists() and not force:
            raise InputError(f"{path} exists: choose another --out, or --force to overwrite it")


def _work(
    photo: Path, outputs: Mapping[str, Path], estimator: "HandEstimator", args: argparse.Namespace
) -> str:
    """Find the hands of one photo, write its outputs and return the line to print."""
    from openpose_keras.io.images import read_image, write_image
    from openpose_keras.io.openpose_json import write_openpose
    from openpose_keras.viz.drawing import THRESHOLD, draw_hands

    image = read_image(photo)
    boxes: Boxes = "whole" if args.boxes == ["whole"] else args.boxes
    estimates = estimator.estimate(
        image,
        boxes=boxes,
        sides=args.side,
        min_presence=args.min_presence,
        max_hands=args.max_hands,
    )
    hands = [estimate.hand for estimate in estimates]
    if "image" in outputs:
        threshold = THRESHOLD if args.threshold is None else args.threshold
        write_image(outputs["image"], draw_hands(image, hands, threshold=threshold))
    if "json" in outputs:
        write_openpose(outputs["json"], hands, force=args.force)
    if "heatmaps" in outputs:
        write_image(outputs["heatmaps"], _overlay(image, estimates))
    found = ", ".join(f"{hand.side or ''} hand {hand.score:.2f}".strip() for hand in hands)
    return f"{photo}: {found or 'no hand found'} -> {', '.join(map(str, outputs.values()))}"


def _overlay(image: "np.ndarray", estimates: Sequence["HandEstimate"]) -> "np.ndarray":
    """Draw the heatmaps of all hands over the photo; where boxes overlap, the greatest value."""
    import numpy as np

    from openpose_keras.viz.drawing import draw_heatmaps, resample_to_image, select_map

    total = np.full(image.shape[:2], np.nan, np.float32)  # NaN: no box is here
    for estimate in estimates:
        maps, frame = estimate.heatmaps()
        heat, area = resample_to_image(select_map(maps), image.shape[:2], frame.box)
        total[area] = np.fmax(total[area], heat)
    return np.where(np.isnan(total)[..., None], image, draw_heatmaps(image, total))


def _print_error(what: Path | str, error: Exception) -> None:
    """Print one line to stderr, above the progress bar; it names the photo once."""
    from tqdm import tqdm

    text = " ".join(str(error).split()) or "no message"
    if not isinstance(error, OpenPoseKerasError | OSError | ValueError):
        text = f"unexpected {type(error).__name__}: {text}"
    tqdm.write(f"error: {text if str(what) in text else f'{what}: {text}'}", file=sys.stderr)
