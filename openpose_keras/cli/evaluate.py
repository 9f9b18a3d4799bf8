"""`openpose-keras evaluate`: measure networks on labelled hands, faces or people."""

import argparse
import functools
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from openpose_keras.cli import options
from openpose_keras.core.files import require_writable, write_json
from openpose_keras.networks.presets import PARTS, get_presets

if TYPE_CHECKING:
    import numpy as np

    from openpose_keras.core.keypoints import Hand
    from openpose_keras.evaluation import FaceReport, OksReport, Report, SearchReport

    AnyReport = Report | SearchReport | OksReport | FaceReport

SUMMARY = "measure networks on labelled hands, faces or people"
DESCRIPTION = (
    "Measure a network on labelled hands: PCK, AUC and end-point error of crops, or with --search "
    "precision and recall of the search. With a preset of bodies: COCO's average precision and "
    "recall on labelled people, or with --search precision and recall of their hands. With a "
    "preset of faces: errors in distances between the eyes."
)
_REPORTED = ("preset", "recipe", "dtype", "order", "boxes", "crop_factor", "use_sides", "limit")
_SEARCHED = ("smallest", "min_presence")
_OF_HANDS = {"--search": "search", "--use-sides": "use_sides", "--smallest": "smallest"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the sub-command."""
    parser.add_argument(
        "data", type=Path, metavar="DATA.json", help="COCO-style file of hands, faces or people"
    )
    parser.add_argument(
        "--images", type=Path, required=True, metavar="DIR", help="folder of the file's images"
    )
    options.add_estimator_options(parser)
    parser.add_argument(
        "--search",
        action="store_true",
        help="measure the search in whole images instead of crops; with presets of bodies and "
        "hands, the hands of the people found",
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
        help="boxes of hands: from the file, or the tightest around the keypoints (default: file)",
    )
    parser.add_argument(
        "--crop-factor",
        type=options.parse_positive,
        metavar="F",
        help="side of the crop relative to the box's longer side (default: 1.6, as in the search)",
    )
    parser.add_argument(
        "--use-sides", action="store_true", help="pass known sides of hands to the network"
    )
    parser.add_argument(
        "--limit", type=options.parse_count, metavar="N", help="use only the first N images"
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE.json", help="also write the figures as JSON"
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
        OSError: The results can't be written to the requested path.
    """
    if args.out:
        require_writable(args.out, force=args.force)
    parts = set(get_presets(args.preset))
    if parts == {"hand"}:
        args.recipe = args.recipe or "refined"
        report, options_given = _measure_hands(args)
    elif args.search and parts >= {"body", "hand"}:
        report, options_given = _measure_hands_of_people(args)
    elif parts == {"face"}:
        report, options_given = _measure_faces(args)
    else:
        report, options_given = _measure_people(args)
    print(report)
    if args.out:
        given = {**options_given, "data": str(args.data), "weights": args.weights}
        plain = {name: options.plain(value) for name, value in given.items()}
        write_json(args.out, {"options": plain, **report.to_dict()}, force=args.force)
    return 0


def _measure_hands(args: argparse.Namespace) -> tuple["AnyReport", dict[str, object]]:
    """Measure on labelled hands, and return the report and the options on which it depends."""
    from openpose_keras.core.boxes import BOX_MARGIN
    from openpose_keras.evaluation import evaluate, evaluate_search
    from openpose_keras.io.coco import read_labels

    args.crop_factor = args.crop_factor or BOX_MARGIN
    samples = read_labels(
        args.data, args.images, order=args.order, boxes=args.boxes, limit=args.limit
    )
    estimator = options.load_estimator(args)
    given = {name: getattr(args, name) for name in _REPORTED + _SEARCHED * args.search}
    if args.search:
        search = functools.partial(estimator, min_presence=args.min_presence)
        return evaluate_search(search, samples), given
    crops = evaluate(estimator, samples, crop_factor=args.crop_factor, use_sides=args.use_sides)
    return crops, given


def _measure_hands_of_people(args: argparse.Namespace) -> tuple["AnyReport", dict[str, object]]:
    """Measure the hands of whole people as a search, and return the report and its options."""
    from openpose_keras.evaluation import evaluate_search
    from openpose_keras.io.coco import read_labels

    _refuse_options_of_hands(args, allowed="search")
    samples = read_labels(args.data, args.images, order=args.order, limit=args.limit)
    estimator = options.load_people_estimator(args, ("body", "hand"))

    def hands(image: "np.ndarray") -> list["Hand"]:
        """Return all hands of an image's people."""
        people = estimator(image, min_presence=args.min_presence)
        return [hand for person in people for hand in person.hands]

    names = ("preset", "recipe", "dtype", "order", "limit", "min_presence")
    return evaluate_search(hands, samples), {name: getattr(args, name) for name in names}


def _measure_faces(args: argparse.Namespace) -> tuple["AnyReport", dict[str, object]]:
    """Measure on labelled faces, and return the report and the options on which it depends."""
    from openpose_keras.core.boxes import BOX_MARGIN
    from openpose_keras.core.skeletons import FACE
    from openpose_keras.estimators.face import FaceEstimator
    from openpose_keras.evaluation import evaluate_faces
    from openpose_keras.io.coco_people import read_people_labels

    _refuse_options_of_hands(args)
    args.crop_factor = args.crop_factor or BOX_MARGIN
    samples = read_people_labels(args.data, args.images, skeleton=FACE, limit=args.limit)
    estimator = FaceEstimator.from_preset(
        args.preset,
        recipe=args.recipe,
        weights=args.weights,
        dtype=args.dtype,
        engine=args.engine,
    )
    faces = functools.partial(estimator, min_presence=args.min_presence)
    names = ("preset", "recipe", "dtype", "crop_factor", "limit", "min_presence")
    report = evaluate_faces(faces, samples, crop_factor=args.crop_factor)
    return report, {name: getattr(args, name) for name in names}


def _measure_people(args: argparse.Namespace) -> tuple["AnyReport", dict[str, object]]:
    """Measure on labelled people, and return the report and the options on which it depends."""
    from openpose_keras.evaluation import evaluate_bodies
    from openpose_keras.io.coco_people import read_people_labels

    parts = tuple(get_presets(args.preset))
    if "body" not in parts:
        raise options.UsageError(f"--preset {args.preset} finds no bodies: add one such as body_25")
    _refuse_options_of_hands(args)
    if parts != ("body",):
        print(f"{args.preset}: only the bodies are measured", file=sys.stderr)
    samples = read_people_labels(args.data, args.images, limit=args.limit)
    estimator = options.load_people_estimator(args, PARTS[:1])
    names = ("preset", "recipe", "dtype", "limit")
    return evaluate_bodies(estimator, samples), {name: getattr(args, name) for name in names}


def _refuse_options_of_hands(args: argparse.Namespace, *, allowed: str | None = None) -> None:
    """Raise UsageError if an option for hands is given, except for the allowed one."""
    used = [option for option, name in _OF_HANDS.items() if getattr(args, name) and name != allowed]
    if used:
        raise options.UsageError(
            f"{', '.join(used)}: only for a preset of hands alone, such as hand_lite"
        )
