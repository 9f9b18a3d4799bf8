"""`openpose-keras average`: average the weights of networks with the same initial weights."""

import argparse
from pathlib import Path

from openpose_keras.cli.options import UsageError, how_to_use, parse_positive
from openpose_keras.networks._backend import import_keras
from openpose_keras.networks.presets import PRESETS

SUMMARY = "average weights, such as those after a training and those before it"
DESCRIPTION = (
    "Average the weights of networks that were trained from the same initial weights, layer by "
    "layer. A fine-tuned network often performs better on new photos after it is averaged with its "
    "initial weights: it regains what it could do before, and keeps most of what it has learned. "
    "Measure with `evaluate`."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the sub-command."""
    parser.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="weight files of the network, and presets: hand_lite mediapipe_hand",
    )
    parser.add_argument(
        "--network",
        metavar="NAME",
        choices=tuple(PRESETS),
        default="hand_lite",
        help="network of the weights (default: %(default)s)",
    )
    parser.add_argument(
        "--shares",
        type=_parse_shares,
        metavar="A,B,...",
        help="weight of each source in the average, such as 3,1 (default: equal weights)",
    )
    parser.add_argument(
        "--to", type=Path, required=True, metavar="FILE.weights.h5", help="the new file"
    )
    parser.add_argument("--force", action="store_true", help="overwrite an existing file")


def _parse_shares(text: str) -> list[float]:
    """Parse the weights of the average, numbers above 0 separated by commas."""
    return [parse_positive(share) for share in text.split(",")]


def run(args: argparse.Namespace) -> int:
    """Average weights, and write the result.

    Args:
        args: The options of `add_arguments`.

    Returns:
        The exit status, 0.

    Raises:
        UsageError: The name is not that of a weight file, no source is of the network, or the
            number of positive shares differs from that of the sources.
        WeightsError: A file is missing, damaged, or for another network.
        OSError: The result can't be written to the requested path.
    """
    from openpose_keras.core.files import atomic_write, require_writable
    from openpose_keras.training.averaging import average_weights

    if not args.to.name.endswith(".weights.h5"):
        raise UsageError(f"--to: expected a name that ends with .weights.h5, got {args.to}")
    require_writable(args.to, force=args.force)
    import_keras()
    try:
        model = average_weights(args.network, args.sources, args.shares)
    except ValueError as error:
        raise UsageError(str(error)) from error
    with atomic_write(args.to, force=args.force) as temporary:
        model.save_weights(temporary)
    print(f"weights: {args.to}")
    if PRESETS[args.network].finds:
        print(f"use them: {how_to_use(args.network, args.to)}")
    return 0
