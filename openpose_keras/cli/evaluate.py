"""`openpose-keras evaluate`: measure a network on labelled hands."""

import argparse
from pathlib import Path

from openpose_keras.cli.options import (
    UsageError,
    add_estimator_options,
    load_estimator,
    parse_count,
    parse_positive,
)

SUMMARY = "measure a network on labelled hands"
DESCRIPTION = (
    "Measure a network on labelled hands: PCK, AUC and end-point error for crops, or recall and "
    "false hands of the search."
)
REPORTED_OPTIONS = (
    "preset",
    "recipe",
    "dtype",
    "order",
    "boxes",
    "crop_factor",
    "use_sides",
    "limit",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the sub-command."""
    parser.add_argument(
        "data", type=Path, metavar="DATA.json", help="COCO-style file with 21 keypoints a hand"
    )
    parser.add_argument(
        "--images", type=Path, required=True, metavar="DIR", help="folder of the file's images"
    )
    add_estimator_options(parser)
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
        type=parse_positive,
        metavar="F",
        help="side of the crop over the box's longer side (default: as the search's boxes, 1.6)",
    )
    parser.add_argument(
        "--use-sides",
        action="store_true",
        help="pass known sides of hands to the network",
    )
    parser.add_argument("--limit", type=parse_count, metavar="N", help="the first N images only")
    parser.add_argument(
        "--out", type=Path, metavar="FILE.json", help="write the figures as JSON too"
    )
    parser.add_argument("--force", action="store_true", help="overwrite FILE.json if it exists")


def run(args: argparse.Namespace) -> int:
    """Run `evaluate`."""
    _check_out(args.out, args.force)
    from openpose_keras.core.boxes import BOX_MARGIN
    from openpose_keras.core.files import write_json
    from openpose_keras.evaluation import Report, SearchReport, evaluate, evaluate_search
    from openpose_keras.io.coco import read_labels

    args.crop_factor = args.crop_factor or BOX_MARGIN
    samples = read_labels(
        args.data, args.images, order=args.order, boxes=args.boxes, limit=args.limit
    )
    estimator = load_estimator(args)
    report: Report | SearchReport
    if args.search:
        report = evaluate_search(estimator, samples)
    else:
        report = evaluate(
            estimator, samples, crop_factor=args.crop_factor, use_sides=args.use_sides
        )
    print(report)
    if args.out:
        options = {name: getattr(args, name) for name in REPORTED_OPTIONS}
        options |= {"data": str(args.data), "weights": str(args.weights) if args.weights else None}
        write_json(args.out, {"options": options, **report.to_dict()}, force=args.force)
    return 0


def _check_out(path: Path | None, force: bool) -> None:
    """Raise, before the long run, when the figures can't be written where they are wanted."""
    if path and not path.parent.is_dir():
        raise UsageError(f"--out: there is no folder {path.parent}")
    if path and path.exists() and not force:
        raise UsageError(f"--out: {path} exists: choose another name, or --force")
