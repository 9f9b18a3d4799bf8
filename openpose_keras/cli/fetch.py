"""`openpose-keras fetch`: download, check and convert OpenPose's own weights."""

import argparse
import sys
from pathlib import Path

from openpose_keras.cli.options import UsageError, how_to_use
from openpose_keras.conversion.catalogue import OPENPOSE_LICENCE, SOURCES
from openpose_keras.core.checks import did_you_mean
from openpose_keras.core.errors import OpenPoseKerasError
from openpose_keras.networks._backend import import_keras
from openpose_keras.networks.presets import PRESETS

SUMMARY = "download OpenPose's own weights, check and convert them"
DESCRIPTION = (
    "Download the weights of one of OpenPose's networks from the first source that has them, check "
    "and convert them, and store the result where the presets find it. A network that was "
    "fetched before is not fetched again."
)
LICENCE_ADDRESS = "https://github.com/CMU-Perceptual-Computing-Lab/openpose/blob/master/LICENSE"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the sub-command."""
    parser.add_argument("name", type=parse_name, metavar="NAME", help=", ".join(SOURCES))
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
        help="accept the licence: academic or non-profit, non-commercial research only "
        "(default: show it and ask)",
    )


def parse_name(text: str) -> str:
    """Check the name of a network whose weights can be fetched."""
    if text in SOURCES:
        return text
    preset = PRESETS.get(text)
    mend = did_you_mean(text, SOURCES)
    if preset:
        mend = f"; for {text}: {preset.how_to_get or 'its weights ship'}"
    raise argparse.ArgumentTypeError(f"expected one of {', '.join(SOURCES)}, got {text!r}{mend}")


def run(args: argparse.Namespace) -> int:
    """Run `fetch`.

    Args:
        args: The options of `add_arguments`.

    Returns:
        The exit status: 0, or 1 if the file is not available from any source.

    Raises:
        UsageError: The licence must be accepted, but the user can't be asked.
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
    import_keras()  # for the conversion; what is missing for it shows before the download
    try:
        fetch(args.name, folder=args.to, accept_license=True, log=_log)
    except FetchError as error:  # the one message that needs several lines
        _log(f"error: {error}")
        return 1
    print(
        f"{target} is ready. Use it: {how_to_use(args.name, None if args.to is None else target)}"
    )
    return 0


def _log(line: str) -> None:
    """Print a line to stderr immediately."""
    print(line, file=sys.stderr, flush=True)


def _ask(name: str) -> None:
    """Show the licence and raise an error unless the user accepts it."""
    text = f"the weights of {name} are for {OPENPOSE_LICENCE}: {LICENCE_ADDRESS}"
    if not (sys.stdin and sys.stdin.isatty()):
        raise UsageError(f"say that you keep to the licence with --accept-license; {text}")
    print(f"{text[0].upper()}{text[1:]}")
    print("Do you keep to it? [y/N] ", end="", flush=True)
    answer = sys.stdin.readline()
    if answer.strip().lower() not in ("y", "yes"):
        raise OpenPoseKerasError(
            "the licence was not accepted, so nothing was downloaded; the weights of the preset "
            "'hand_lite' ship with the package and are free (Apache-2.0)"
        )
