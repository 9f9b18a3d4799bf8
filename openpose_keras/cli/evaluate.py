"""`openpose-keras evaluate`: measure a network on labelled hands."""

import argparse
import functools
from pathlib import Path

from openpose_keras.cli import options
from openpose_keras.core.files import require_writable, write_json

SUMMARY = "measure a network on labelled hands"
DESCRIPTION = (
    "Measure a network on labelled hands: PCK, AUC and end-point error for crops, or recall and "
    "false hands of the search."
)
_REPORTED = ("preset", "recipe", "dtype", "order", "boxes", "crop_factor", "use_sides", "limit")
_SEARCHED = ("smallest", "min_presence")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the sub-command."""
    parser.add_argument(
        "data", type=Path, metavar="DATA.json", help="COCO-style file with 21 keypoints a hand"
    )
    parser.add_argument(
        "--images", type=Path, required=True, metavar="DIR", help="folder of the file's images"
    )
    options.add_estimator_options(parser)
    parser.add_argument(
        "--search", action="store_true", help="measure the search in whole images instead of crops"
    )
    parser.add_argument(
        "--order",
        choices=("auto", "openpose", "rhd"),
        default="auto",
        help="order in a finger: base to tip (openpose) or tip to base (rhd) (default: auto)",
    )
    parser.add_argument(
        "--boxes",
        choices=("file", "keypoints"),
        default="file",
        help="boxes of the hands: the file's, or the smallest around the keypoints (default: file)",
    )
    parser.add_argument(
        "--crop-factor",
        type=options.parse_positive,
        metavar="F",
        help="side of the crop over the box's longer side (default: as the search's boxes, 1.6)",
    )
    parser.add_argument(
        "--use-sides", action="store_true", help="pass known sides of hands to the network"
    )
    parser.add_argument(
        "--limit", type=options.parse_count, metavar="N", help="the first N images only"
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE.json", help="write the figures as JSON too"
    )
    parser.add_argument("--force", action="store_true", help="overwrite FILE.json if it exists")


def run(args: argparse.Namespace) -> int:
    """Run `evaluate`.

    Args:
        args: The options of `add_arguments`.

    Returns:
        The exit status, 0.

    Raises:
        DataError: The label file can't be read.
        OSError: The figures can't be written where they are wanted.
    """
    from openpose_keras.core.boxes import BOX_MARGIN
    from openpose_keras.evaluation import Report, SearchReport, evaluate, evaluate_search
    from openpose_keras.io.coco import read_labels

    if args.out:
        require_writable(args.out, force=args.force)
    args.crop_factor = args.crop_factor or BOX_MARGIN
    samples = read_labels(
        args.data, args.images, order=args.order, boxes=args.boxes, limit=args.limit
    )
    estimator = options.load_estimator(args)
    report: Report | SearchReport
    if args.search:
        search = functools.partial(estimator, min_presence=args.min_presence)
        report = evaluate_search(search, samples)
    else:
        report = evaluate(
            estimator, samples, crop_factor=args.crop_factor, use_sides=args.use_sides
        )
    print(report)
    if args.out:
        given = {name: getattr(args, name) for name in _REPORTED + _SEARCHED * args.search}
        given |= {"data": str(args.data), "weights": str(args.weights) if args.weights else None}
        write_json(args.out, {"options": given, **report.to_dict()}, force=args.force)
    return 0
