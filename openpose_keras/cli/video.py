"""`openpose-keras video`: find people in a video, and write the video with them drawn."""

import argparse
import hashlib
import sys
import time
from collections.abc import Callable, Collection
from contextlib import ExitStack
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from openpose_keras.cli import options
from openpose_keras.cli.paths import InputError, make_folder
from openpose_keras.core.files import require_writable
from openpose_keras.networks.presets import Part

if TYPE_CHECKING:
    from fractions import Fraction

    from openpose_keras.core.keypoints import Person
    from openpose_keras.estimators.video import AnyEstimator
    from openpose_keras.io.video import VideoFrame, VideoReader

SUMMARY = "track people and hands through a video; write it with the skeletons drawn"
DESCRIPTION = (
    "Track people through a video: their bodies, faces and hands. It writes NAME_keypoints.mp4, "
    "the video with the skeletons drawn. Each person keeps an id. Ctrl-C stops it early and keeps "
    "what was written so far."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the sub-command."""
    parser.add_argument(
        "input",
        metavar="INPUT",
        help="a video, the address of a stream, the number of a webcam, or a folder of frames",
    )
    _add_output_options(parser)
    parser.add_argument(
        "--smooth",
        type=options.parse_strength,
        default=0.0,
        metavar="STRENGTH",
        help="strength of the smoothing of drawn keypoints, typically 1; JSON and table are not "
        "smoothed (default: no smoothing)",
    )
    parser.add_argument(
        "--search-every",
        type=options.parse_count,
        default=10,
        metavar="N",
        help="search the whole image for hands in every N-th frame, and track them in between "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--ids",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="draw the id of each person, as in JSON and table, above the highest keypoint "
        "(default: yes)",
    )
    options.add_estimator_options(parser, preset=None)
    options.add_parts_option(parser)
    parser.add_argument(
        "--show", action="store_true", help="show the drawn video in a window; Q or Escape stops it"
    )


def _add_output_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for the output files."""
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="the drawn video, .mp4 (default: NAME_keypoints.mp4 in this folder)",
    )
    parser.add_argument(
        "--json", type=Path, metavar="DIR", help="write OpenPose's JSON of each frame into a folder"
    )
    parser.add_argument(
        "--table",
        type=Path,
        metavar="FILE",
        help="write a table with one row per keypoint: CSV, or Parquet for a name in .parquet",
    )
    parser.add_argument("--force", action="store_true", help="overwrite existing results")


def run(args: argparse.Namespace) -> int:
    """Process the frames of the video.

    Args:
        args: The options of `add_arguments`.

    Returns:
        The exit status: 0, or 130 after Ctrl-C.

    Raises:
        UsageError: The options contradict each other.
        InputError: An output can't be written.
        VideoError: The input is not a video, or has no frames.
    """
    from openpose_keras.core.progress import show_progress
    from openpose_keras.estimators.video import process
    from openpose_keras.io.video import VideoReader

    args.preset = args.preset or options.default_preset(args)
    parts = options.chosen_parts(args)
    name = _name(args.input)
    args.out = args.out or Path(f"{name}_keypoints.mp4")
    args.force = args.force or _is_repeated(args)
    stale = _check_outputs(args, name)
    reader = VideoReader(_source(args.input))
    ids: set[int | None] = set()
    count, interrupted = 0, False
    with ExitStack() as stack:
        write = _open_outputs(args, stack, name, reader.rate, stale)
        results = process(
            reader,
            _load(args, parts),
            search_every=args.search_every,
            min_presence=args.min_presence,
        )
        start = time.monotonic()
        try:
            for frame, people in show_progress(results, total=reader.length, unit="frame"):
                goes_on = write(frame, people)
                ids |= {person.id for person in people}
                count += 1
                if not goes_on:
                    break
        except KeyboardInterrupt:
            if not count:
                raise
            interrupted = True
        seconds = time.monotonic() - start
    for path in stale:
        path.unlink()
    found = f"{_counted(count, 'frame')}, {_counted(len(ids), 'id')}"
    _report(args, reader, f"{found}, {count / seconds:.3g} frames/s")
    if interrupted:
        of = f" of {reader.length}" if reader.length else ""
        print(
            f"interrupted after {count}{of} frames; the same command begins again", file=sys.stderr
        )
    return options.INTERRUPTED if interrupted else 0


def _source(text: str) -> str | int:
    """Parse a source; the number of a webcam becomes an integer."""
    return int(text) if text.isdecimal() and not Path(text).exists() else text


def _name(text: str) -> str:
    """Return the prefix of the names of the outputs."""
    if isinstance(_source(text), int):
        return f"webcam{text}"
    if "://" in text:
        address = urlsplit(text)
        return Path(address.path).stem or address.hostname or "stream"
    path = Path(text)
    return path.resolve().name if path.is_dir() else path.stem


def _comment(args: argparse.Namespace) -> str:
    """Return the comment to store in the drawn video: a hash of the command's input and outputs."""
    files = [Path(each).resolve() for each in (args.input, args.out, args.json, args.table) if each]
    return f"openpose-keras video {hashlib.sha256(repr(files).encode()).hexdigest()[:16]}"


def _is_repeated(args: argparse.Namespace) -> bool:
    """Return whether the drawn video was written earlier by this command with these files."""
    from openpose_keras.io.video import read_comment

    repeated = args.out.is_file() and read_comment(args.out) == _comment(args)
    if repeated:
        print(f"{args.out}: replacing what an earlier run of this command wrote", file=sys.stderr)
    return repeated


def _check_outputs(args: argparse.Namespace, name: str) -> set[Path]:
    """Raise an error before the input, or any file without `--force`, is replaced; make the folder.

    Returns:
        The JSON files of frames from an earlier run.
    """
    if args.out.suffix.lower() != ".mp4":
        raise InputError(f"--out {args.out}: expected a name that ends in .mp4")
    if args.table and args.table.suffix.lower() not in (".csv", ".parquet"):
        raise InputError(f"--table {args.table}: expected a name that ends in .csv or .parquet")
    for path in (args.out, args.table):
        if path is not None:
            if path.resolve() == Path(args.input).resolve():
                raise InputError(f"{path} is the input: choose another name")
            require_writable(path, force=args.force)
    if args.json is None:
        return set()
    make_folder("--json", args.json)
    old = set(args.json.glob(f"{escape(name)}_{'[0-9]' * 12}_keypoints.json"))
    if old and not args.force:
        raise InputError(f"{min(old)} exists: choose another --json, or --force to overwrite it")
    return old


def _open_outputs(
    args: argparse.Namespace, stack: ExitStack, name: str, rate: "Fraction", stale: set[Path]
) -> Callable[["VideoFrame", list["Person"]], bool]:
    """Open the outputs; return a function that writes a frame and returns whether to continue.

    The JSON files that it overwrites are removed from the stale ones.
    """
    from openpose_keras.estimators.smoothing import PeopleFilter
    from openpose_keras.io.keypoint_tables import write_table
    from openpose_keras.io.openpose_json import write_people
    from openpose_keras.io.video import show_video, write_video
    from openpose_keras.viz.drawing import draw

    show = stack.enter_context(show_video(name)) if args.show else None
    add_frame = stack.enter_context(
        write_video(args.out, rate=rate, comment=_comment(args), force=args.force)
    )
    add_people = None
    if args.table:
        add_people = stack.enter_context(write_table(args.table, force=args.force))
    smooth = PeopleFilter(args.smooth)

    def write(frame: "VideoFrame", people: list["Person"]) -> bool:
        """Write one frame."""
        drawn = draw(frame.image, smooth(people, frame.seconds), ids=args.ids)
        add_frame(drawn, frame.seconds)
        if add_people:
            add_people((frame.index, frame.seconds), people)
        if args.json:
            path = args.json / f"{name}_{frame.index:012d}_keypoints.json"
            write_people(path, people, force=args.force)
            stale.discard(path)
        return show is None or show(drawn)

    return write


def _load(args: argparse.Namespace, parts: Collection[Part]) -> "AnyEstimator":
    """Load the estimator with its weights."""
    return options.load_people_estimator(args, parts) if parts else options.load_estimator(args)


def _counted(number: int, noun: str) -> str:
    """Return a number with its noun, which takes an s in the plural."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _report(args: argparse.Namespace, reader: "VideoReader", found: str) -> None:
    """Print the results, the files written and the number of damaged frames."""
    outputs = [str(path) for path in (args.out, args.json, args.table) if path]
    print(f"{args.input}: {found} -> {', '.join(outputs)}")
    if reader.broken:
        print(f"{args.input}: {reader.broken} damaged frames were left out", file=sys.stderr)
