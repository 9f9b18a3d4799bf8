"""`openpose-keras fetch`: OpenPose's own weights, downloaded, checked and converted."""

import argparse
import sys
from pathlib import Path

from openpose_keras.cli.options import UsageError, start_keras
from openpose_keras.conversion.catalogue import LICENCES, SOURCES
from openpose_keras.core.errors import OpenPoseKerasError
from openpose_keras.networks.presets import PRESETS

SUMMARY = "download OpenPose's own weights, check and convert them"
DESCRIPTION = (
    "Download the weights of one of OpenPose's networks from the first source that has them, check "
    "and convert them, and store the result where the presets find it. Only hand can be used so "
    "far; the files of face, body_coco, body_mpi and body_25 are stored as they are, for later "
    "versions. What was fetched once is not fetched again."
)
LICENCE_ADDRESS = "https://github.com/CMU-Perceptual-Computing-Lab/openpose/blob/master/LICENSE"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the sub-command."""
    parser.add_argument("name", choices=tuple(SOURCES), metavar="NAME", help=", ".join(SOURCES))
    parser.add_argument(
        "--to",
        type=Path,
        metavar="DIR",
        help="folder of the result (default: openpose_keras in Keras's home, ~/.keras)",
    )
    parser.add_argument(
        "--accept-license",
        "--accept-licence",
        action="store_true",
        help="you keep to the licence: academic or non-profit, non-commercial research only "
        "(default: show it and ask)",
    )


def run(args: argparse.Namespace) -> int:
    """Run `fetch`.

    Args:
        args: The options of `add_arguments`.

    Returns:
        The exit status: 0, or 1 when no source had the file.

    Raises:
        UsageError: There is nobody to ask about the licence.
        OpenPoseKerasError: The licence is refused.
    """
    from openpose_keras.conversion.fetch import fetch, target_path
    from openpose_keras.core.errors import FetchError

    target = target_path(args.name, args.to)
    if target.is_file():
        print(f"{target} is there already: nothing to do (to fetch it again, remove it first)")
        return 0
    if not args.accept_license:
        _ask(args.name)
    try:
        fetch(
            args.name,
            folder=args.to,
            accept_license=True,
            progress=sys.stderr.isatty(),
            log=lambda line: print(line, file=sys.stderr, flush=True),
            convert=_convert,
        )
    except FetchError as error:  # the one message that needs several lines
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{target} is ready. {_use(args.name, target, args.to)}")
    return 0


def _convert(source: Path, target: Path) -> None:
    """Convert a file, without TensorFlow's messages while it is imported."""
    start_keras()
    from openpose_keras.conversion.writers import convert_file

    convert_file(source, target)


def _ask(name: str) -> None:
    """Show the licence and raise an error unless the user accepts it."""
    text = f"the weights of {name} are for {LICENCES[name]}: {LICENCE_ADDRESS}"
    if not (sys.stdin and sys.stdin.isatty()):
        raise UsageError(f"say that you keep to the licence with --accept-license; {text}")
    print(f"{text[0].upper()}{text[1:]}")
    try:
        answer = input("Do you keep to it? [y/N] ")
    except EOFError:
        answer = ""
    if answer.strip().lower() not in ("y", "yes"):
        raise OpenPoseKerasError(
            "the licence was not accepted, so nothing was downloaded; the weights of the preset "
            "'hand_lite' ship with the package and are free (Apache-2.0)"
        )


def _use(name: str, path: Path, to: Path | None) -> str:
    """Return a sentence on how to use what was fetched."""
    if name not in PRESETS:
        return "This version of the package does not use it yet."
    option = "" if to is None else f" --weights {path}"
    return f"Use it: openpose-keras detect PHOTO --preset {name}{option}"
