"""`openpose-keras inspect`: print the content of a weight file."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openpose_keras.conversion.readers import WeightFile

SUMMARY = "print the contents of a weight file"
DESCRIPTION = (
    "Print the kind of a weight file, which of OpenPose's own files it is, if any, its provenance "
    "and checksums, and the shape and range of each layer's weights."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the sub-command."""
    parser.add_argument("file", type=Path, metavar="FILE", help="the file, or a folder of .npy")


def run(args: argparse.Namespace) -> int:
    """Run `inspect`.

    Args:
        args: The options of `add_arguments`.

    Returns:
        The exit status, 0.

    Raises:
        WeightsError: The file is damaged, or of no known kind.
    """
    from openpose_keras.conversion.catalogue import identify
    from openpose_keras.conversion.readers import KINDS, read_weights
    from openpose_keras.io.weight_record import checksums

    weights = read_weights(args.file)
    sums = checksums(args.file)
    known = identify(sums.md5)
    print(f"{args.file}: {KINDS[weights.kind]}")
    print(f"MD5     {sums.md5}\nSHA-256 {sums.sha256}")
    if known:
        print(f"this is {known.path} ({known.network}); licence: {known.licence}")
    else:
        print("it is not one of OpenPose's own files: no checksum fits")
    for name, value in (weights.record or {}).items():
        print(f"record: {name}: {value}")
    print(f"a network with these weights takes {weights.channel_order.upper()}\n")
    _print_layers(weights)
    return 0


def _print_layers(weights: "WeightFile") -> None:
    """Print one line per array, in Keras's layout, and the totals."""
    arrays = [(name, array) for name, each in weights.layers.items() for array in each]
    width = max(map(len, weights.layers))
    print(f"{'layer':<{width}}  {'shape':<16}{'least':>11}{'greatest':>11}{'mean':>11}{'std':>11}")
    for name, array in arrays:
        values = (array.min(), array.max(), array.mean(dtype="f8"), array.std(dtype="f8"))
        figures = "".join(f"{value:>11.4g}" for value in values)
        print(f"{name:<{width}}  {'x'.join(map(str, array.shape)):<16}{figures}")
    count = sum(array.size for _, array in arrays)
    print(f"{len(weights.layers)} layers, {count:,} numbers")
