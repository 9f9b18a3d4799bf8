"""`openpose-keras detect`: photos in, annotated images and JSON files out."""

import argparse
import os
import sys
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from openpose_keras.cli.options import UsageError, add_estimator_options, load_estimator, parse_box
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


@dataclass(frozen=True)
class Job:
    """One photo and the files that are written for it, by kind: "image", "json", "heatmaps"."""

    photo: Path
    outputs: dict[str, Path]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the sub-command."""
    parser.add_argument(
        "photos", nargs="+", metavar="PHOTO", help="a photo, a folder of photos, or a pattern"
    )
    parser.add_argument(
        "--out", type=Path, default=Path(), metavar="DIR", help="folder of the results (default: .)"
    )
    add_estimator_options(parser)
    parser.add_argument(
        "--box",
        dest="boxes",
        type=parse_box,
        action="append",
        metavar="X,Y,W",
        help="where a hand is: left and top edge and side of a square in pixels; repeat for more "
        'hands; "whole" takes the photo as one hand (default: search). Write --box=-5,... if X '
        "is negative",
    )
    parser.add_argument(
        "--side",
        choices=("left", "right"),
        help="which hand all of them are (default: by the network; hand_lite does not know, and "
        "then the JSON file lists them as right hands)",
    )
    _add_output_options(parser)


def _add_output_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what is written."""
    yes_or_no = argparse.BooleanOptionalAction
    parser.add_argument(
        "--json", action=yes_or_no, default=True, help="write the JSON file (default: yes)"
    )
    parser.add_argument(
        "--image", action=yes_or_no, default=True, help="write the annotated image (default: yes)"
    )
    parser.add_argument(
        "--heatmaps",
        action="store_true",
        help="write NAME_heatmaps.png too: heatmaps over the photo",
    )
    parser.add_argument(
        "--threshold",
        type=float,
        metavar="SCORE",
        help="draw keypoints above this score; the JSON file has all (default: as OpenPose, 0.2)",
    )
    parser.add_argument("--force", action="store_true", help="overwrite results that exist")


def plan(photos: Sequence[Path], folder: Path, kinds: Sequence[str]) -> list[Job]:
    """Return a job for each photo, with its output files in the folder."""
    return [
        Job(photo, {kind: folder / f"{stem}{OUTPUT_SUFFIXES[kind]}" for kind in kinds})
        for photo, stem in zip(photos, output_stems(photos), strict=True)
    ]


def run(args: argparse.Namespace) -> int:
    """Work through all photos; one that fails is reported in a line, and the rest goes on.

    Args:
        args: The options of `add_arguments`.

    Returns:
        The exit status: 0, or 1 if anything failed.

    Raises:
        UsageError: The options contradict each other.
        InputError: The folder of the outputs can't be used.
    """
    from tqdm import tqdm

    kinds = [kind for kind in OUTPUT_SUFFIXES if getattr(args, kind)]
    _check_options(args, kinds)
    photos, failures = _collect(args.photos)
    if not photos:
        return 1
    _make_folder(args.out)
    estimator = load_estimator(args)
    jobs = plan(photos, args.out, kinds)
    sources = frozenset(photo.resolve() for photo in photos)
    for job in tqdm(jobs, unit="photo", disable=len(jobs) == 1):
        try:
            _check_outputs(job, sources, args.force)
            line = _work(job, estimator, args)
        except (OpenPoseKerasError, OSError, ValueError) as error:
            failures += 1
            _print_error(job.photo, error)
        except Exception as error:  # unforeseen, such as a backend's: the other photos still count
            failures += 1
            _print_error(job.photo, error, f"unexpected {type(error).__name__}: ")
        else:
            tqdm.write(line, file=sys.stdout)
    return 1 if failures else 0


def _check_options(args: argparse.Namespace, kinds: Sequence[str]) -> None:
    """Raise for options that argparse could not check."""
    if not kinds:
        raise UsageError("nothing to write: leave out --no-json or --no-image")
    if args.boxes and "whole" in args.boxes and len(args.boxes) > 1:
        raise UsageError("--box whole takes the photo as one hand: leave out the other --box")


def _collect(arguments: Sequence[str]) -> tuple[list[Path], int]:
    """Return the photos of all arguments, each once, and how many arguments named none."""
    photos: dict[Path, Path] = {}
    failures = 0
    for argument in arguments:
        try:
            for photo in expand(argument):
                photos.setdefault(photo.resolve(), photo)
        except (InputError, OSError) as error:
            failures += 1
            _print_error(argument, error)
    return list(photos.values()), failures


def _make_folder(folder: Path) -> None:
    """Make the folder of the outputs, and raise an error if it can't be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out {folder}: can't make this folder: {error.strerror}") from error
    if not os.access(folder, os.W_OK):
        raise InputError(f"--out {folder}: no permission to write there")


def _check_outputs(job: Job, sources: Set[Path], force: bool) -> None:
    """Raise rather than overwrite a photo, or without `force` any file."""
    for path in job.outputs.values():
        if path.resolve() in sources:
            raise InputError(f"{path} is one of the photos: choose another --out")
        if path.exists() and not force:
            raise InputError(f"{path} exists: choose another --out, or --force to overwrite it")


def _work(job: Job, estimator: "HandEstimator", args: argparse.Namespace) -> str:
    """Find the hands of one photo, write its outputs and return the line to print."""
    from openpose_keras.io.images import read_image, write_image
    from openpose_keras.io.openpose_json import write_openpose
    from openpose_keras.viz.drawing import THRESHOLD, draw_hands

    image = read_image(job.photo)
    boxes: Boxes = "whole" if args.boxes and "whole" in args.boxes else args.boxes
    estimates = estimator.estimate(image, boxes=boxes, sides=args.side)
    hands = [estimate.hand for estimate in estimates]
    if "image" in job.outputs:
        threshold = THRESHOLD if args.threshold is None else args.threshold
        write_image(job.outputs["image"], draw_hands(image, hands, threshold=threshold))
    if "json" in job.outputs:
        write_openpose(job.outputs["json"], hands, force=args.force)
    if "heatmaps" in job.outputs:
        write_image(job.outputs["heatmaps"], _overlay(image, estimates))
    found = ", ".join(f"{hand.side or ''} hand {hand.score:.2f}".strip() for hand in hands)
    return f"{job.photo}: {found or 'no hand found'} -> {_join(job.outputs.values())}"


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


def _print_error(what: Path | str, error: Exception, kind: str = "") -> None:
    """Print one line to stderr, above the progress bar; it names the photo once."""
    from tqdm import tqdm

    text = kind + (" ".join(str(error).split()) or "no message")
    tqdm.write(f"error: {text if str(what) in text else f'{what}: {text}'}", file=sys.stderr)


def _join(paths: Iterable[Path]) -> str:
    """Return paths in one line."""
    return ", ".join(str(path) for path in paths)
