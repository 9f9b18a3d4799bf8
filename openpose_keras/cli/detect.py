"""`openpose-keras detect`: photos in, annotated images and JSON files out."""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from openpose_keras.cli import options
from openpose_keras.cli.paths import OUTPUT_SUFFIXES, InputError, expand, output_stems
from openpose_keras.core.errors import OpenPoseKerasError
from openpose_keras.networks.presets import Part

if TYPE_CHECKING:
    import numpy as np

    from openpose_keras.estimators.base import Boxes
    from openpose_keras.estimators.hand import HandEstimate

Work = Callable[[Path, Mapping[str, Path]], str]
_PLURALS = {"body": "bodies", "face": "faces", "hand": "hands"}

SUMMARY = "find people and hands in photos; write annotated images and JSON files"
DESCRIPTION = (
    "Find people in photos: their bodies, faces and hands. Each photo gives NAME_keypoints.png, "
    "the photo with the skeletons drawn, and NAME_keypoints.json, OpenPose's JSON 1.3."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the sub-command."""
    parser.add_argument(
        "photos", nargs="+", metavar="PHOTO", help="a photo, a folder of photos, or a pattern"
    )
    parser.add_argument(
        "--out", type=Path, default=Path(), metavar="DIR", help="folder of the results (default: .)"
    )
    options.add_estimator_options(parser, preset=None)
    options.add_parts_option(parser)
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
        help="draw keypoints above this score; the JSON file has all (default: as OpenPose, 0.2 "
        "of hands, 0.05 of bodies, 0.4 of faces)",
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="overwrite results that exist (default: a photo that has all of them is left out, so "
        "that a run that was stopped goes on)",
    )


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

    if not any(getattr(args, kind) for kind in OUTPUT_SUFFIXES):
        raise options.UsageError("nothing to write: leave out --no-json or --no-image")
    if args.boxes and "whole" in args.boxes and len(args.boxes) > 1:
        raise options.UsageError(
            "--box whole takes the photo as one hand: leave out the other --box"
        )
    args.preset = args.preset or options.default_preset(args)
    parts = options.chosen_parts(args)
    jobs, failures = _collect(args)
    if not jobs:
        return 1 if failures else 0
    work = _work_people(args, parts) if parts else _work_hands(args)
    # None: a bar on a terminal only.
    for photo, outputs in tqdm(jobs.items(), unit="photo", disable=len(jobs) == 1 or None):
        try:
            line = work(photo, outputs)
        except Exception as error:  # also an unforeseen one: the other photos still count
            failures += 1
            _print_error(photo, error)
        else:
            tqdm.write(line, file=sys.stdout)
    return 1 if failures else 0


def _collect(args: argparse.Namespace) -> tuple[dict[Path, dict[str, Path]], int]:
    """Return the outputs of each photo by their kinds, and the number of errors on the way.

    A photo whose outputs must not be written is left out, and so is one that has all of them
    already. The folder of the outputs is made.
    """
    photos, failures = _photos(args.photos)
    if photos:
        try:
            args.out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = error.strerror
            raise InputError(f"--out {args.out}: can't make this folder: {reason}") from error
    jobs = {}
    for photo, stem in zip(photos.values(), output_stems(list(photos.values())), strict=True):
        outputs = {
            kind: args.out / f"{stem}{suffix}"
            for kind, suffix in OUTPUT_SUFFIXES.items()
            if getattr(args, kind)
        }
        if not args.force and all(path.exists() for path in outputs.values()):
            print(f"{_line(photo, 'has its results', outputs)}; --force finds them again")
            continue
        try:
            _check_outputs(outputs.values(), photos, args.force)
        except InputError as error:
            failures += 1
            _print_error(photo, error)
        else:
            jobs[photo] = outputs
    return jobs, failures


def _photos(arguments: Sequence[str]) -> tuple[dict[Path, Path], int]:
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


def _work_hands(args: argparse.Namespace) -> Work:
    """Return what finds the hands of a photo, writes its outputs and returns the line to print."""
    from openpose_keras.io.images import read_image, write_image
    from openpose_keras.io.openpose_json import write_openpose
    from openpose_keras.viz.drawing import THRESHOLD, draw_hands, finer_lines

    estimator = options.load_estimator(args)
    boxes: Boxes = "whole" if args.boxes == ["whole"] else args.boxes
    threshold = THRESHOLD if args.threshold is None else args.threshold

    def work(photo: Path, outputs: Mapping[str, Path]) -> str:
        """Find the hands of one photo."""
        image = read_image(photo)
        estimates = estimator.estimate(
            image,
            boxes=boxes,
            sides=args.side,
            min_presence=args.min_presence,
            max_hands=args.max_hands,
        )
        hands = [estimate.hand for estimate in estimates]
        if "image" in outputs:
            fine = finer_lines(image.shape)
            drawn = draw_hands(image, hands, threshold=threshold, supersample=fine)
            write_image(outputs["image"], drawn)
        if "json" in outputs:
            write_openpose(outputs["json"], hands, force=args.force)
        if "heatmaps" in outputs:
            write_image(outputs["heatmaps"], _overlay(image, estimates))
        found = ", ".join(f"{hand.side or ''} hand {hand.score:.2f}".strip() for hand in hands)
        return _line(photo, found or "no hand found", outputs)

    return work


def _work_people(args: argparse.Namespace, parts: Collection[Part]) -> Work:
    """Return what finds the people of a photo, writes its outputs and returns the line to print."""
    from openpose_keras.io.images import read_image, write_image
    from openpose_keras.io.openpose_json import write_people
    from openpose_keras.viz.drawing import draw, finer_lines

    estimator = options.load_people_estimator(args, parts)

    def work(photo: Path, outputs: Mapping[str, Path]) -> str:
        """Find the people of one photo."""
        image = read_image(photo)
        people = estimator(image, min_presence=args.min_presence)
        known = [keypoints for person in people for keypoints in person.parts.values()]
        if "image" in outputs:
            names = () if args.threshold is None else (each.skeleton.name for each in known)
            thresholds = dict.fromkeys(names, args.threshold)
            fine = finer_lines(image.shape)
            drawn = draw(image, people, thresholds=thresholds, supersample=fine)
            write_image(outputs["image"], drawn)
        if "json" in outputs:
            write_people(outputs["json"], people, force=args.force)
        counts = Counter(type(each).__name__.lower() for each in known)
        found = [f"{n} {word if n == 1 else _PLURALS[word]}" for word, n in counts.items()]
        return _line(photo, ", ".join(found) or "nobody found", outputs)

    return work


def _line(photo: Path, found: str, outputs: Mapping[str, Path]) -> str:
    """Return the line to print of one photo."""
    return f"{photo}: {found} -> {', '.join(map(str, outputs.values()))}"


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
