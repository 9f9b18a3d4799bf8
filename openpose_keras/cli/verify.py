"""`openpose-keras verify`: compare a converted weight file with OpenCV's importer, by layer."""

import argparse
from pathlib import Path

from openpose_keras.cli.options import UsageError, parse_positive
from openpose_keras.networks._backend import import_keras

SUMMARY = "compare a weight file layer by layer with OpenCV's importer"
DESCRIPTION = (
    "Convert a weight file in memory and run the network and OpenCV 4's importer of Caffe's files "
    "on the same input. Print the maximum difference of each layer, and the first layer that "
    "exceeds the tolerance. The exit status is 1 if there is one."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the sub-command."""
    parser.add_argument("file", type=Path, metavar="FILE", help="weights of any known kind")
    parser.add_argument(
        "--prototxt",
        type=Path,
        metavar="FILE",
        help="OpenPose's description of the network, pose_deploy.prototxt (default: our own, "
        "which proves the weights but not the wiring)",
    )
    parser.add_argument(
        "--golden",
        type=Path,
        metavar="FILE.npz",
        help="compare with stored outputs instead; OpenCV is not needed then",
    )
    parser.add_argument(
        "--size",
        type=parse_size,
        default=(368, 368),
        metavar="HxW",
        help="height and width of the input, which is noise (default: 368x368)",
    )
    parser.add_argument(
        "--tolerance",
        type=parse_positive,
        default=1e-4,
        metavar="T",
        help="allowed difference, relative to the maximum of a layer, or to 1 if that is greater "
        "(default: 1e-4)",
    )
    parser.add_argument("--chart", type=Path, metavar="FILE.png", help="also draw the differences")
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="write the figures as JSON")
    parser.add_argument("--force", action="store_true", help="overwrite existing files")


def parse_size(text: str) -> tuple[int, int]:
    """Parse "368x256" as height and width, or "368" as both.

    Args:
        text: The argument.

    Returns:
        Height and width in pixels.

    Raises:
        ArgumentTypeError: The argument has neither form, or a side is not from 1 to 4096.

    Example:
        >>> parse_size("256x328")
        (256, 328)
    """
    height, _, width = text.partition("x")
    size = tuple(int(side) if side.isdecimal() else 0 for side in (height, width or height))
    if not all(0 < side <= 4096 for side in size):
        raise argparse.ArgumentTypeError(f'expected HEIGHTxWIDTH in pixels, not "{text}"')
    return size[0], size[1]


def run(args: argparse.Namespace) -> int:
    """Run `verify`.

    Args:
        args: The options of `add_arguments`.

    Returns:
        The exit status: 0, or 1 if a layer exceeds the tolerance.

    Raises:
        UsageError: The options contradict each other.
        WeightsError: A file is damaged or does not fit, or OpenCV can't read Caffe's files.
        OSError: A result can't be written to the requested path.
    """
    from openpose_keras.core.files import require_writable, write_json

    if args.golden and args.prototxt:
        raise UsageError("--golden and --prototxt: compare with one or with the other")
    for path in filter(None, (args.chart, args.out)):
        require_writable(path, force=args.force)
    from openpose_keras.conversion.parity import require_caffe, verify_file
    from openpose_keras.conversion.readers import read_weights
    from openpose_keras.io.images import write_image
    from openpose_keras.viz.figures.charts import draw_parity

    weights = read_weights(args.file)
    if not args.golden:
        require_caffe(weights)
    import_keras()
    report = verify_file(
        weights,
        prototxt=args.prototxt,
        golden=args.golden,
        size=args.size,
        tolerance=args.tolerance,
    )
    print(report)
    if args.chart:
        write_image(args.chart, draw_parity(report))
    if args.out:
        write_json(args.out, {"file": str(args.file), **report.to_dict()}, force=args.force)
    return 1 if report.first_failing_layer else 0
