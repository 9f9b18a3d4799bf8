"""`openpose-keras detect`: find people in photos; write annotated images, JSON and tables."""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from openpose_keras.cli import options
from openpose_keras.cli.paths import OUTPUT_SUFFIXES, left_out

if TYPE_CHECKING:
    from openpose_keras.cli.batch import Batch
    from openpose_keras.cli.finders import Job, Outcome

SUMMARY = "find people and hands in photos; write annotated images, JSON files and tables"
DESCRIPTION = (
    "Find people in photos: their bodies, faces and hands. For each photo it writes "
    "NAME_keypoints.png, the photo with the skeletons drawn, and NAME_keypoints.json, OpenPose's "
    "JSON 1.3. Photos that already have results are skipped, so the same command resumes a run "
    "that was stopped. A photo that fails is reported in one line and listed in bad_photos.csv; "
    "the next run tries it again. The exit status is 1 if any photo failed."
)
_MOST_SHOWN = 8  # images: each opens a window of its own


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the sub-command."""
    parser.add_argument(
        "photos", nargs="+", metavar="PHOTO", help="a photo, a folder of photos, or a pattern"
    )
    parser.add_argument(
        "--out", type=Path, default=Path(), metavar="DIR", help="folder of the results (default: .)"
    )
    parser.add_argument(
        "--recursive",
        action="store_true",
        help="include subfolders; their results go into subfolders of the same names",
    )
    options.add_estimator_options(parser, preset=None)
    options.add_parts_option(parser)
    _add_search_options(parser)
    _add_output_options(parser)
    _add_cluster_options(parser)


def _add_output_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for outputs and messages."""
    parser.add_argument(
        "--format",
        type=options.parse_formats,
        default=("json",),
        metavar="NAMES",
        help=f"formats, separated by commas, among {','.join(options.FORMATS)}; or none. json: "
        "one file per photo. csv, parquet: one table for all photos, keypoints.csv or "
        "keypoints.parquet, with one row per keypoint. coco: keypoints_coco.json, with "
        "COCO-WholeBody's labels and scores. The last three are made from keypoints.jsonl, which "
        "is kept (default: json)",
    )
    parser.add_argument(
        "--image",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="write the annotated image (default: yes)",
    )
    parser.add_argument(
        "--heatmaps",
        action="store_true",
        help="also write NAME_heatmaps.png, heatmaps over the photo",
    )
    parser.add_argument(
        "--threshold",
        type=options.parse_probability,
        metavar="SCORE",
        help="draw only keypoints above this score; the other results contain all (default: as in "
        "OpenPose, 0.2 for hands, 0.05 for bodies, 0.4 for faces)",
    )
    parser.add_argument(
        "--draw",
        choices=("boxes",),
        help="also draw the box of each body, face and hand, with its side and its presence or "
        "score",
    )
    parser.add_argument(
        "--show", action="store_true", help=f"open the annotated images, up to {_MOST_SHOWN}"
    )
    parser.add_argument(
        "--force", action="store_true", help="process photos again that already have results"
    )
    parser.add_argument("--quiet", action="store_true", help="print only errors")


def _add_cluster_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that distribute photos over processes."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--workers",
        type=options.parse_count,
        metavar="N",
        help="number of processes, with one thread each (needs the extra [cluster])",
    )
    group.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="run on the workers of a Dask scheduler, such as tcp://host:8786 (needs the extra "
        "[cluster])",
    )


def _add_search_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for the position and the selection of hands."""
    parser.add_argument(
        "--box",
        dest="boxes",
        type=options.parse_box,
        action="append",
        metavar="X,Y,W",
        help="box of a hand in pixels: left edge, top edge and side of a square, or X,Y,W,H; "
        'repeat the option for more hands; "whole": the photo shows one hand (default: search)',
    )
    parser.add_argument(
        "--side",
        choices=("left", "right"),
        help="side of all hands (default: the side that the network predicts)",
    )
    parser.add_argument(
        "--max-hands",
        type=options.parse_count,
        metavar="N",
        help="maximum number of hands found by a search; the best are kept (default: all)",
    )


def run(args: argparse.Namespace) -> int:
    """Process all photos; a photo that fails is reported in one line, and the others continue.

    Args:
        args: The options of `add_arguments`.

    Returns:
        The exit status: 0, or 1 if anything failed.

    Raises:
        UsageError: The options contradict each other.
        InputError: The outputs can't be written.
        OpenPoseKerasError: The folder contains results of other options, or a package is missing.
    """
    args.kinds = [
        kind
        for kind in OUTPUT_SUFFIXES
        if ("json" in args.format if kind == "json" else getattr(args, kind))
    ]
    args.tables = [each for each in args.format if each != "json"]
    if not (args.kinds or args.tables):
        raise options.UsageError("nothing to write: leave out --no-image, or choose a --format")
    if "image" not in args.kinds and (args.show or args.draw):
        raise options.UsageError(
            "--show and --draw are of the annotated image: leave out --no-image"
        )
    if args.boxes and "whole" in args.boxes and len(args.boxes) > 1:
        raise options.UsageError(
            "--box whole takes the photo as one hand: leave out the other --box"
        )
    if args.boxes and (args.max_hands or args.smallest):
        wrong = "--max-hands" if args.max_hands else "--smallest"
        raise options.UsageError(f"{wrong} is of a search, and --box says where hands are")
    args.preset = args.preset or options.default_preset(args)
    args.parts = options.chosen_parts(args)
    options.check_networks(args, args.parts or ["hand"])
    return _run(args)


def _run(args: argparse.Namespace) -> int:
    """Process the photos after the options have been checked."""
    from openpose_keras.cli.batch import Batch, find_photos

    photos, errors = find_photos(args)
    for argument, text in errors:
        _print_error(argument, text)
    _print_left_out(args, [argument for argument, _ in errors])
    if not photos:
        return 1
    if args.show and len(photos) > _MOST_SHOWN:
        raise options.UsageError(
            f"--show opens at most {_MOST_SHOWN} images, got {len(photos)} photos: leave it out"
        )
    with Batch(args, photos) as batch:
        _print_done(args, batch)
        count = 0
        try:
            for outcome in _progress(args, batch):
                batch.add(outcome)
                count += 1
                if outcome.failed:
                    _print_error(outcome.job.photo, outcome.text)
                elif not args.quiet:
                    _print_line(args, outcome)
        except KeyboardInterrupt:
            many = f"{len(batch.done) + count} of {len(photos)} photos"
            print(f"interrupted after {many}; the same command goes on", file=sys.stderr)
            return options.INTERRUPTED
        batch.write_tables()
    if not args.quiet:
        for line in batch.summary():
            print(line)
    _show(args, photos.values() if args.show else ())
    return 1 if errors or batch.bad else 0


def _show(args: argparse.Namespace, jobs: Iterable["Job"]) -> None:
    """Open the annotated images of photos in the system's image viewer."""
    import PIL.Image

    from openpose_keras.cli.finders import output_paths

    screenless = sys.platform == "linux" and not {"DISPLAY", "WAYLAND_DISPLAY"} & set(os.environ)
    if args.show and screenless:
        print("--show: there is no display here; look at the files", file=sys.stderr)
        return
    for path in (output_paths(args, job)["image"] for job in jobs):
        if path.exists():
            with PIL.Image.open(path) as image:
                image.show()


def _progress(args: argparse.Namespace, batch: "Batch") -> Iterator["Outcome"]:
    """Yield the outcome of each photo, with a progress bar that also counts the people found."""
    from tqdm import tqdm

    from openpose_keras.cli.finders import count_words

    yield from batch.refused
    counts: Counter[str] = Counter()
    # None: a bar on a terminal only.
    off = args.quiet or len(batch.jobs) < 2 or None
    with tqdm(total=len(batch.jobs), unit="photo", disable=off) as bar:
        for outcome in _outcomes(args, batch):
            counts.update(outcome.counts or {})
            bar.set_postfix_str(count_words(counts), refresh=False)
            bar.update()
            yield outcome


def _outcomes(args: argparse.Namespace, batch: "Batch") -> Iterator["Outcome"]:
    """Process photos in this process or in others; no network is loaded if there are no photos."""
    from openpose_keras.cli.finders import load_finder, work

    if not batch.jobs:
        return iter(())
    if args.workers or args.scheduler:
        from openpose_keras.cli.cluster import spread

        return spread(args, batch.jobs)
    return work(args, load_finder(args), batch.jobs)


def _print_left_out(args: argparse.Namespace, told: Sequence[str]) -> None:
    """Print a line for each folder with unread photos, unless its error already named them."""
    untold = [each for each in dict.fromkeys(args.photos) if each not in told and not args.quiet]
    for folder in filter(Path.is_dir, map(Path, untold)):
        line = left_out(folder, recursive=args.recursive, out=args.out)
        if line:
            print(f"{folder}: {line}", file=sys.stderr)


def _print_done(args: argparse.Namespace, batch: "Batch") -> None:
    """Print the photos that are already done, or their number."""
    if batch.done and not args.quiet:
        many = len(batch.done) > 1
        what = f"{len(batch.done)} photos have their" if many else f"{batch.done[0].photo} has its"
        print(f"{what} results of an earlier run; --force finds them again, with these options")


def _print_line(args: argparse.Namespace, outcome: "Outcome") -> None:
    """Print the result of a photo above the progress bar."""
    from tqdm import tqdm

    from openpose_keras.cli.finders import output_paths

    outputs = ", ".join(map(str, output_paths(args, outcome.job).values()))
    arrow = f" -> {outputs}" if outputs else ""
    tqdm.write(f"{outcome.job.photo}: {outcome.text}{arrow}", file=sys.stdout)


def _print_error(what: str, text: str) -> None:
    """Print one line to stderr above the progress bar, which names the photo once."""
    from tqdm import tqdm

    tqdm.write(f"error: {text if what in text else f'{what}: {text}'}", file=sys.stderr)
